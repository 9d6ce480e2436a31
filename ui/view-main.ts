/** The main window, and what stands in its place while the device service is away. Pure. */
import type { Status } from '../protocol/local.ts';
import { fill, formatDuration, formatInstant, sayFault, type Words } from '../words/say.ts';
import { type Body, contactParts, type Fact, facts, labelColumn, paragraph, scrollBody } from './body.ts';
import { blank, clip, type Line, line, span, wrap } from './frame.ts';
import { agentNow, type Model, menuOf, type NoticesScreen, type Size, selectedEntry, sinceStatusMs } from './model.ts';
import { noticeLines, noticesOf } from './notices.ts';

const maxContactLines = 3;
const maxFaultLines = 2;

export function mainBody(model: Model, words: Words, size: Size): Body {
  const { screens } = words;
  const status = model.status?.value ?? null;
  const menu = menuLines(model, words);
  const above = status ? statusLines(model, status, words, size.width) : [];
  const room = size.height - above.length - menu.length - 3;
  const lines = [blank, ...above, blank, ...noticeBlock(model, words, size.width, room)];
  const filler = Math.max(0, size.height - lines.length - menu.length);
  return {
    title: screens.titles.main,
    lines: [...lines, ...Array.from({ length: filler }, () => blank), ...menu],
    cursor: null,
    keys: [
      { key: '↑↓', label: screens.keys.move },
      { key: 'Enter', label: screens.keys.open },
    ],
  };
}

/** All notices, for those the main window has no room for. */
export const noticesBody = (model: Model, screen: NoticesScreen, words: Words, size: Size): Body =>
  scrollBody(words.screens.menu.notices, noticeRows(model, size.width), screen.top, words, size);

/** All rows of the notices window, as many as they are. */
export const noticeRows = (model: Model, width: number): readonly Line[] =>
  noticesOf(model).flatMap((text) => [...noticeLines(text, width), blank]);

export function awayBody(model: Model, words: Words): Body {
  const { away, titles } = words.screens;
  const width = model.size.width - 2;
  return {
    title: titles.away,
    lines: [
      blank,
      ...(model.status ? paragraph(away.lead, width, 'warning') : paragraph(away.first, width, 'strong')),
      blank,
      ...paragraph(away.wait, width),
      blank,
      ...paragraph(away.help, width),
    ],
    cursor: null,
    keys: [],
  };
}

function statusLines(model: Model, status: Status, words: Words, width: number): readonly Line[] {
  const { main } = words.screens;
  const rows: Fact[] = [
    { label: main.device, value: deviceText(status, words), style: 'strong' },
    ...(status.server ? [{ label: main.server, value: status.server.https }] : []),
    linkFact(model, status, words),
  ];
  const policy = { label: main.policy, value: policyText(model, status, words) };
  const rest: Fact[] = [
    ...(status.device ? [policy] : []),
    { label: main.certificates, value: String(status.certificates.length) },
    timeFact(model, status, words),
  ];
  const labelWidth = labelColumn([...rows, ...rest, { label: main.administrator }]);
  const indent = span(' '.repeat(labelWidth));
  const faultLines = linkFaultLines(status, words, width - labelWidth).map((text) => [indent, span(text, 'error')]);
  const known = wrap(contactParts(status.contacts, words).join(', '), width - labelWidth);
  const contacts = status.contacts ? clip(known, maxContactLines, width - labelWidth) : [];
  return [
    ...facts(rows, width, labelWidth),
    ...faultLines,
    ...facts(rest, width, labelWidth),
    ...contacts.flatMap((value, index) =>
      facts([{ label: index === 0 ? main.administrator : '', value }], width, labelWidth),
    ),
  ];
}

function deviceText({ at, device }: Status, words: Words): string {
  const { main, registration } = words.screens;
  if (!device) return at === 'registering' ? registration.registering : main.unregistered;
  return `${device.name}, ${device.managed ? fill(main.group, { name: device.group }) : main.noGroup}`;
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

const linkFaultLines = ({ link }: Status, words: Words, width: number): readonly string[] =>
  link.fault && link.at !== 'connected' ? clip(wrap(sayFault(words, link.fault), width), maxFaultLines, width) : [];

function policyText(model: Model, { policy }: Status, words: Words): string {
  const { main } = words.screens;
  if (!policy) return main.noPolicy;
  const ageMs = agentNow(model) - policy.iat;
  if (ageMs < 1000) return fill(main.policyNow, { rev: policy.rev });
  return fill(main.policyOf, { rev: policy.rev, age: formatDuration(words, ageMs) });
}

function timeFact(model: Model, { clock }: Status, words: Words): Fact {
  const { main } = words.screens;
  if (clock.at === 'unknown') return { label: main.time, value: main.timeUnknown, style: 'warning' };
  return { label: main.time, value: formatInstant(words, agentNow(model), model.offsetMinutes) };
}

/** Whole notices as far as there is room; the last line counts those that found none. */
function noticeBlock(model: Model, words: Words, width: number, room: number): readonly Line[] {
  const { main } = words.screens;
  const status = model.status?.value;
  const all = noticesOf(model);
  if (all.length === 0)
    return [line(status?.at === 'registered' && status.link.at === 'connected' ? main.nothing : '', 'good')];
  const blocks = all.map((text) => noticeLines(text, width));
  const lines: Line[] = [];
  let shown = 0;
  for (const block of blocks) {
    const reserve = shown + 1 < blocks.length ? 1 : 0;
    if (lines.length + block.length + 1 + reserve > room) break;
    lines.push(...block);
    shown += 1;
  }
  const hidden = blocks.length - shown;
  const more = hidden > 0 ? [line(`  ${fill(main.more, { count: hidden })}`, 'warning')] : [];
  return [line(main.notices, 'strong'), ...lines, ...more];
}

function menuLines(model: Model, words: Words): readonly Line[] {
  const selected = selectedEntry(model);
  const entries = menuOf(model.status?.value ?? null);
  const width = Math.max(...entries.map((entry) => words.screens.menu[entry].length));
  return entries.map((entry) => {
    const label = words.screens.menu[entry].padEnd(width);
    return entry === selected ? [span(`> ${label} `, 'selected')] : [span(`  ${label} `)];
  });
}
