/** The certificates list and the details of one certificate. Pure. */
import type { CertificateView } from '../protocol/local.ts';
import { fill, formatDateTime, formatInstant, formatZone, type Words } from '../words/say.ts';
import { type Body, type Fact, facts, paragraph, scrollBody } from './body.ts';
import { blank, column, type Line, line, span } from './frame.ts';
import { grouped } from './input.ts';
import { keepVisible, listRows } from './layout.ts';
import {
  agentNow,
  certificateKey,
  type DetailsScreen,
  type ListScreen,
  listed,
  type Model,
  type Size,
  selectedRow,
} from './model.ts';

const widths = { purpose: 21, validTo: 18, source: 13 };
const gap = 2;
const markWidth = 2;

export function listBody(model: Model, screen: ListScreen, words: Words, size: Size): Body {
  const { certificates: own, titles, keys } = words.screens;
  const all = listed(model.status?.value ?? null);
  const back = { key: 'Esc', label: keys.back };
  if (all.length === 0) {
    const lines = [blank, line(own.empty, 'strong'), blank, ...paragraph(own.emptyHint, size.width)];
    return { title: titles.certificates, lines, cursor: null, keys: [back] };
  }
  const rows = listRows(size);
  const selected = selectedRow(model, screen);
  const top = keepVisible(screen.top, selected, rows, all.length);
  const shown = all.slice(top, top + rows);
  const ownerWidth = size.width - markWidth - widths.purpose - widths.validTo - widths.source - 3 * gap;
  const row = (cellsOf: readonly [string, string, string, string]): string =>
    [
      column(cellsOf[0], widths.purpose),
      column(cellsOf[1], ownerWidth),
      column(cellsOf[2], widths.validTo),
      column(cellsOf[3], widths.source),
    ].join(' '.repeat(gap));
  const mark = (at: CertificateView): string => (isOutOfDate(model, at) ? '! ' : '  ');
  const entries = shown.map((at, index): Line => {
    const validTo = formatDateTime(words, at.notAfter, model.offsetMinutes);
    const text = row([purposeText(at, words), at.owner, validTo, words.sources[at.source]]);
    if (top + index === selected) return line(`${mark(at)}${text}`, 'selected');
    return line(`${mark(at)}${text}`, isOutOfDate(model, at) ? 'warning' : 'normal');
  });
  const summary = fill(own.summary, { count: all.length, zone: formatZone(model.offsetMinutes) });
  const position = fill(own.position, { first: top + 1, last: top + shown.length, count: all.length });
  const legend = all.some((at) => isOutOfDate(model, at)) ? own.outOfDate : '';
  return {
    title: titles.certificates,
    lines: [
      blank,
      line(summary),
      blank,
      line(`  ${row([own.purpose, own.owner, own.validTo, own.source])}`, 'strong'),
      ...entries,
      ...Array.from({ length: rows - entries.length }, () => blank),
      blank,
      [span(all.length > rows ? `${position}   ` : ''), span(legend, 'warning')],
    ],
    cursor: null,
    keys: [{ key: '↑↓ PgUp PgDn', label: keys.move }, { key: 'Enter', label: keys.open }, back],
  };
}

export const detailsBody = (model: Model, screen: DetailsScreen, words: Words, size: Size): Body =>
  scrollBody(words.screens.titles.details, detailLines(model, screen, words, size.width), screen.top, words, size);

/** All lines of the details, as many as they are. */
export function detailLines(model: Model, screen: DetailsScreen, words: Words, width: number): readonly Line[] {
  const own = words.screens.details;
  const found = listed(model.status?.value ?? null).find((each) => certificateKey(each) === screen.key);
  if (!found) return paragraph(own.gone, width, 'warning');
  const date = (at: number): string => formatInstant(words, at, model.offsetMinutes);
  const now = agentNow(model);
  const early = found.notBefore > now;
  const late = found.notAfter <= now;
  const when = (at: number, out: boolean, why: string): Pick<Fact, 'value' | 'style'> =>
    out ? { value: `${date(at)} ! ${why}`, style: 'warning' } : { value: date(at) };
  const optional = (label: string, value: string): readonly Fact[] => (value === '' ? [] : [{ label, value }]);
  return facts(
    [
      { label: own.owner, value: found.owner, style: 'strong' },
      { label: own.subject, value: found.subject },
      { label: own.issuer, value: found.issuer },
      ...optional(own.names, found.names.join(', ')),
      { label: own.validFrom, ...when(found.notBefore, early, own.notYet) },
      { label: own.validTo, ...when(found.notAfter, late, own.expired) },
      { label: own.purpose, value: words.purposes[found.purpose] },
      ...optional(own.slot, found.slot ? words.slots[found.slot] : ''),
      { label: own.kind, value: found.isCa ? own.authority : own.endEntity },
      { label: own.key, value: found.key },
      { label: own.serial, value: found.serial },
      { label: own.source, value: words.sources[found.source] },
      ...optional(own.file, found.file),
      { label: own.added, value: date(found.addedAt) },
      // Two lines of eight groups, so that both halves line up for comparing.
      { label: own.fingerprint, value: grouped(found.fingerprint.slice(0, 32)), style: 'strong' },
      { label: '', value: grouped(found.fingerprint.slice(32)), style: 'strong' },
    ],
    width,
  );
}

const purposeText = ({ purpose, slot }: CertificateView, words: Words): string =>
  slot ? words.slotNames[slot] : words.purposes[purpose];

const isOutOfDate = (model: Model, { notBefore, notAfter }: CertificateView): boolean => {
  const now = agentNow(model);
  return notBefore > now || notAfter <= now;
};
