/** Everything that needs a person's attention, as sentences, most urgent first. Pure. */
import type { Fault } from '../protocol/fault.ts';
import { fill, formatInstant, sayFault, wordsOf } from '../words/say.ts';
import type { Line } from './frame.ts';
import { span, wrap } from './frame.ts';
import type { Model } from './model.ts';

export function noticesOf(model: Model): readonly string[] {
  const status = model.status?.value;
  if (!status) return [];
  const words = wordsOf[model.language];
  const own = words.screens.notices;
  const floor = formatInstant(words, status.clock.floor, model.offsetMinutes);
  const shown = [
    ...(status.replacement ? [own.replacement] : []),
    ...(status.at === 'broken' ? [own.broken] : []),
    ...(status.clock.at === 'unknown' ? [fill(own.clock, { date: floor })] : []),
    ...(status.policy?.stale ? [own.stale] : []),
  ];
  // The agent's own faults of the same matter would only repeat these.
  const told = ['clock-unknown', ...(status.policy?.stale ? ['policy-stale'] : [])];
  const others = status.faults.filter(({ code }) => !told.includes(code)).map((of) => sayFault(words, of as Fault));
  return [...new Set([...shown, ...others])];
}

/** One notice in `width` cells, marked by more than its colour. */
export const noticeLines = (text: string, width: number): readonly Line[] =>
  wrap(text, width - 2).map((part, index) => [span(index === 0 ? '! ' : '  ', 'warning'), span(part, 'warning')]);
