/** How the device is: its name, its server, its policy, its time, and whom to call. */
import type { Status } from '../../protocol/local.ts';
import { fill, formatDuration, formatInstant, nameAndGroup, nameless, sayFault, type Words } from '../../words/say.ts';
import { contactParts, type Fact, facts } from '../body.ts';
import { clip, type Line, span, wrap } from '../frame.ts';
import { agentNow, type Model, type Size, sinceStatusMs } from '../model.ts';
import { mainLabelWidth, sessionFacts, sessionFaultLines } from './connect.ts';

const maxContactLines = 2;
/** From this height on there is room for what is only nice to know. */
const roomyHeight = 28;

/** At most `most` lines. What is wrong is said whole, and whom to call: policy and time stand back for it. */
export function statusLines(
  model: Model,
  status: Status,
  words: Words,
  { width, height }: Size,
  most: number,
): readonly Line[] {
  const { main } = words.screens;
  const session = sessionFacts(model, status, words);
  const rows: Fact[] = [
    { label: main.device, value: deviceText(status, words), style: 'strong' },
    ...(status.server ? [{ label: main.server, value: status.server.https }] : []),
    linkFact(model, status, words),
  ];
  const certificates = { label: main.certificates, value: String(status.certificates.length) };
  const rest: Fact[] = [
    ...(status.device ? [{ label: main.policy, value: policyText(model, status, words) }] : []),
    ...(height >= roomyHeight ? [certificates] : []),
    timeFact(model, status, words),
  ];
  const labelWidth = mainLabelWidth(words);
  const valueWidth = width - labelWidth;
  const errors = (texts: readonly string[]): readonly Line[] =>
    texts.map((text) => [span(' '.repeat(labelWidth)), span(text, 'error')]);
  const known = wrap(contactParts(status.contacts, words).join(', '), valueWidth);
  const contacts = (status.contacts ? clip(known, maxContactLines, valueWidth) : []).flatMap((value, index) =>
    facts([{ label: index === 0 ? main.administrator : '', value }], width, labelWidth),
  );
  const above = [
    ...facts(session, width, labelWidth),
    ...errors(sessionFaultLines(status, words, valueWidth)),
    ...facts(rows, width, labelWidth),
    ...errors(linkFaultLines(status, words, valueWidth)),
  ];
  const room = Math.max(0, most - above.length - contacts.length);
  return [...above, ...facts(rest, width, labelWidth).slice(0, room), ...contacts].slice(0, most);
}

function deviceText({ at, device }: Status, words: Words): string {
  if (!device) return at === 'registering' ? words.screens.registration.registering : nameless(words, at);
  return nameAndGroup(words, device);
}

function linkFact(model: Model, { link }: Status, words: Words): Fact {
  const { screens } = words;
  const label = screens.main.connection;
  if (link.at === 'connected') {
    const ms = agentNow(model) - link.since;
    const value =
      ms < 1000 ? screens.link.connectedNow : fill(screens.link.connected, { age: formatDuration(words, ms) });
    return { label, value, style: 'good' };
  }
  if (link.at !== 'waiting') return { label, value: screens.link[link.at] };
  const leftMs = (link.retryInMs ?? 0) - sinceStatusMs(model);
  const value =
    leftMs < 1000 ? screens.link.waitingSoon : fill(screens.link.waiting, { time: formatDuration(words, leftMs) });
  return { label, value, style: 'warning' };
}

const linkFaultLines = (status: Status, words: Words, width: number): readonly string[] => {
  const text = linkFaultText(status, words);
  return text === null ? [] : wrap(text, width);
};

/** Why there is no connection; null while there is one, or no reason is known. */
export const linkFaultText = ({ link }: Status, words: Words): string | null =>
  link.fault && link.at !== 'connected' ? sayFault(words, link.fault) : null;

function policyText(model: Model, { policy }: Status, words: Words): string {
  const { main } = words.screens;
  if (!policy) return main.noPolicy;
  const ageMs = agentNow(model) - policy.iat;
  if (ageMs < 1000) return fill(main.policyNow, { rev: policy.rev });
  return fill(main.policyOf, { rev: policy.rev, age: formatDuration(words, ageMs) });
}

function timeFact(model: Model, { clock }: Status, words: Words): Fact {
  const { main } = words.screens;
  if (clock.at === 'unknown') return { label: main.time, value: main.unknown, style: 'warning' };
  return { label: main.time, value: formatInstant(words, agentNow(model), model.offsetMinutes) };
}
