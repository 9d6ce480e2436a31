/** The list of certificates: what the device trusts, for what, until when, and where it comes from. */
import type { CertificateView } from '../../protocol/local.ts';
import { fill, formatDateTime, formatZone, type Words } from '../../words/say.ts';
import type { Body, KeyHelp } from '../body.ts';
import { paragraph } from '../body.ts';
import { become, type Decision, note, pop, push, pushAsking, stay } from '../decision.ts';
import { blank, column, type Line, line, span } from '../frame.ts';
import { bodySize } from '../layout.ts';
import { agentNow, certificateKey, type Key, listed, type Model, type Size, statusIn } from '../model.ts';
import type { ImportScreen, ListScreen } from '../screen.ts';
import { keepVisible, scrolled } from '../scroll.ts';
import type { Window } from '../window.ts';

const widths = { purpose: 21, validTo: 18, source: 13 };
const gap = 2;
const markWidth = 2;

const importScreen: ImportScreen = {
  at: 'import',
  purpose: 'rdp',
  media: null,
  marked: [],
  row: 0,
  focus: 'purpose',
  pending: null,
  top: 0,
};

export const certificatesWindow = (model: Model, screen: ListScreen): Window => ({
  body: (words, size) => listBody(model, screen, words, size),
  key: (key) => listKey(model, screen, key),
});

/** Only what the person brought can be taken away by the person. */
export const removalOf = (model: Model, certificate: CertificateView): Decision =>
  certificate.source === 'manual'
    ? push(model, { at: 'removal', key: certificateKey(certificate), focus: 'cancel', pending: null })
    : stay(note(model, 'notRemovable'));

/** Out of date, blocked or revoked: it counts for nothing now. */
export const isUnusable = (model: Model, certificate: CertificateView): boolean =>
  isOutOfDate(model, certificate) || isBlocked(model, certificate) || isRevoked(model, certificate);

export const isBlocked = (model: Model, { fingerprint }: CertificateView): boolean =>
  statusIn(model)?.blocked.includes(fingerprint) ?? false;

export function isRevoked(model: Model, { purpose, fingerprint }: CertificateView): boolean {
  const revocation = statusIn(model)?.revocation;
  if (!revocation || purpose === 'ksc') return false;
  return revocation.modes[purpose] !== 'off' && revocation.revoked.includes(fingerprint);
}

function listKey(model: Model, screen: ListScreen, key: Key): Decision {
  if (key.name === 'escape') return pop(model);
  if (key.name === 'f4')
    return statusIn(model)?.mayAdd ? pushAsking(model, importScreen, { do: 'media' }) : stay(note(model, 'closed'));
  const certificates = listed(statusIn(model));
  const row = selectedRow(model, screen);
  const current = certificates[row];
  if (!current) return stay(model);
  if (key.name === 'enter') return push(model, { at: 'details', key: certificateKey(current), top: 0 });
  if (key.name === 'delete') return removalOf(model, current);
  const rows = listRows(bodySize(model));
  const wanted = scrolled(key, row, rows, certificates.length - 1);
  const target = certificates[wanted];
  if (!target || wanted === row) return stay(model);
  const top = keepVisible(screen.top, wanted, rows, certificates.length);
  return become(model, { ...screen, selected: certificateKey(target), top });
}

function listBody(model: Model, screen: ListScreen, words: Words, size: Size): Body {
  const { certificates: own, titles, keys } = words.screens;
  const all = listed(statusIn(model));
  const closed = !statusIn(model)?.mayAdd;
  const back = { key: 'Esc', label: keys.back };
  const fromStick: readonly KeyHelp[] = closed ? [] : [{ key: 'F4', label: keys.fromStick }];
  if (all.length === 0) {
    const hint = paragraph(closed ? own.emptyHint : own.emptyOpen, size.width);
    const lines = [blank, line(own.empty, 'strong'), blank, ...hint];
    return { title: titles.certificates, lines, cursor: null, keys: [...fromStick, back] };
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
  const entries = shown.map((at, index): Line => {
    const validTo = formatDateTime(words, at.notAfter, model.offsetMinutes);
    const unusable = isUnusable(model, at);
    const text = `${unusable ? '! ' : '  '}${row([purposeText(at, words), at.owner, validTo, words.sources[at.source]])}`;
    return line(text, top + index === selected ? 'selected' : unusable ? 'warning' : 'normal');
  });
  const summary = fill(own.summary, { count: all.length, zone: formatZone(model.offsetMinutes) });
  const position = fill(own.position, { first: top + 1, last: top + shown.length, count: all.length });
  const current = all[selected];
  return {
    title: titles.certificates,
    lines: [
      blank,
      line(summary),
      line(closed ? own.closed : '', 'hint'),
      line(`  ${row([own.purpose, own.owner, own.validTo, own.source])}`, 'strong'),
      ...entries,
      ...Array.from({ length: rows - entries.length }, () => blank),
      blank,
      [span(all.length > rows ? `${position}   ` : ''), span(legend(model, all, words), 'warning')],
    ],
    cursor: null,
    keys: [
      { key: closed ? '↑↓ PgUp PgDn' : '↑↓', label: keys.move },
      { key: 'Enter', label: keys.open },
      ...fromStick,
      ...(current?.source === 'manual' ? [{ key: 'Del', label: keys.remove }] : []),
      back,
    ],
  };
}

function legend(model: Model, all: readonly CertificateView[], words: Words): string {
  const own = words.screens.certificates;
  if (all.some((at) => isBlocked(model, at) || isRevoked(model, at))) return own.unusable;
  return all.some((at) => isOutOfDate(model, at)) ? own.outOfDate : '';
}

/** Rows of the list: the body without its summary, headings and position. */
const listRows = (body: Size): number => body.height - 6;

/** Row of the selected certificate; the first one when it is gone; -1 in an empty list. */
function selectedRow(model: Model, screen: ListScreen): number {
  const certificates = listed(statusIn(model));
  const found = certificates.findIndex((certificate) => certificateKey(certificate) === screen.selected);
  return certificates.length === 0 ? -1 : Math.max(0, found);
}

const purposeText = ({ purpose, slot }: CertificateView, words: Words): string =>
  slot ? words.slotNames[slot] : words.purposes[purpose];

function isOutOfDate(model: Model, { notBefore, notAfter }: CertificateView): boolean {
  const now = agentNow(model);
  return notBefore > now || notAfter <= now;
}
