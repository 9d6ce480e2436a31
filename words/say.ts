/** Puts facts into the sentences of `en.ts` and `ru.ts`. Pure. */
import type { Fault } from '../protocol/fault.ts';
import type { Status } from '../protocol/local.ts';
import { type CommonWords, en, type Words } from './en.ts';
import { ru } from './ru.ts';

export type { Words } from './en.ts';
export type Language = 'en' | 'ru';
type Dates = Pick<CommonWords, 'dates'>;
export type SentenceFacts = { readonly [name: string]: string | number };

export const wordsOf: Readonly<Record<Language, Words>> = { en, ru };

/** `LANG`-like text to a language; anything that is not Russian is English. */
export const languageOf = (locale: string | undefined): Language => (/^ru([-_.@]|$)/i.test(locale ?? '') ? 'ru' : 'en');

/**
 * `{name}` becomes the fact of that name; a part in `[…]` disappears when one of its facts is missing or empty; a missing
 * fact outside brackets becomes `…`. Facts may come from a hostile peer: control and direction characters become `?`, so
 * that a sentence cannot move a cursor.
 */
export function fill(sentence: string, facts: SentenceFacts = {}): string {
  const known = (name: string): string => plainText(String(Object.hasOwn(facts, name) ? facts[name] : ''));
  const put = (text: string): string => text.replace(/\{(\w+)\}/g, (_, name: string) => known(name) || '…');
  return sentence.replace(/\[([^\]]*)\]|[^[]+/g, (part, optional: string | undefined) => {
    if (optional === undefined) return put(part);
    const complete = [...optional.matchAll(/\{(\w+)\}/g)].every(([, name = '']) => known(name) !== '');
    return complete ? put(optional) : '';
  });
}

/** The sentence of a fault; a code this version has no sentence for (a newer peer) is shown as the code itself. */
export function sayFault(
  words: Pick<CommonWords, 'faults' | 'states'>,
  fault: Pick<Fault, 'facts'> & { readonly code: string },
): string {
  const faults: Readonly<Record<string, string>> = words.faults;
  const sentence = Object.hasOwn(faults, fault.code) ? faults[fault.code] : undefined;
  if (sentence === undefined) return plainText(fault.code);
  const states: Readonly<Record<string, string>> = words.states;
  const { state } = fault.facts;
  const known = typeof state === 'string' && Object.hasOwn(states, state) ? { state: states[state] ?? state } : {};
  return fill(sentence, { ...fault.facts, ...known });
}

/** A managed device learns what its group is called by its first policy. */
export function nameAndGroup(
  { screens: { main } }: Words,
  { name, group, managed }: { readonly name: string; readonly group: string; readonly managed: boolean },
): string {
  if (!managed) return `${name}, ${main.noGroup}`;
  return group === '' ? name : `${name}, ${fill(main.group, { name: group })}`;
}

/** What stands for the name of a device that has none. Where its state could not be read, nobody knows whether it has one. */
export const nameless = ({ screens: { main } }: Words, at: Status['at']): string =>
  at === 'broken' ? main.unknown : main.unregistered;

/** Control characters (C0, C1) and direction marks (Unicode Bidi_Control) become `?`. */
export const plainText = (text: string): string =>
  text.replace(/[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, '?');

/** `UTC`, `UTC+03:00`. */
export function formatZone(offsetMinutes: number): string {
  if (offsetMinutes === 0) return 'UTC';
  const minutes = Math.abs(offsetMinutes);
  return `UTC${offsetMinutes < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

/** Date and time of an instant (Unix ms) at an offset from UTC, without the zone: for a column whose heading names it. */
export const formatDateTime = (words: Dates, at: number, offsetMinutes: number): string =>
  fill(words.dates.dateTime, dateFacts(words, at, offsetMinutes));

/** Date, time and zone of an instant. */
export const formatInstant = (words: Dates, at: number, offsetMinutes = 0): string =>
  `${formatDateTime(words, at, offsetMinutes)} ${formatZone(offsetMinutes)}`;

/** A length of time in its one or two largest units, rounded down: `2 h 5 min`. */
export function formatDuration(words: Dates, ms: number): string {
  const { days, hours, minutes, seconds } = words.dates;
  const total = Math.max(0, Math.floor(ms / 1000));
  const part = (sentence: string, count: number): string => fill(sentence, { count });
  const both = (first: string, second: string): string => `${first} ${second}`;
  if (total < 60) return part(seconds, total);
  if (total < 600) return both(part(minutes, Math.floor(total / 60)), part(seconds, total % 60));
  if (total < 3600) return part(minutes, Math.floor(total / 60));
  if (total < 86400) return both(part(hours, Math.floor(total / 3600)), part(minutes, Math.floor((total % 3600) / 60)));
  return part(days, Math.floor(total / 86400));
}

const two = (value: number): string => String(value).padStart(2, '0');

function dateFacts(words: Dates, at: number, offsetMinutes: number): SentenceFacts {
  const moment = new Date(at + offsetMinutes * 60_000);
  if (Number.isNaN(moment.getTime())) return {};
  return {
    d: moment.getUTCDate(),
    dd: two(moment.getUTCDate()),
    mm: two(moment.getUTCMonth() + 1),
    month: words.dates.months[moment.getUTCMonth()] ?? '',
    yyyy: String(moment.getUTCFullYear()).padStart(4, '0'),
    hh: two(moment.getUTCHours()),
    mi: two(moment.getUTCMinutes()),
  };
}
