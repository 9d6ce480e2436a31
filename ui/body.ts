/** What one window gives to the view, and the pieces windows are made of. Pure. */
import type { Contacts } from '../protocol/schema.ts';
import { fill, type Words } from '../words/say.ts';
import { blank, clip, column, type Line, line, type Place, type Style, span, wrap } from './frame.ts';
import { scrollRows } from './layout.ts';
import type { Size } from './model.ts';

export type KeyHelp = { readonly key: string; readonly label: string };
export type Body = {
  readonly title: string;
  readonly lines: readonly Line[];
  /** Relative to the body. */
  readonly cursor: Place | null;
  readonly keys: readonly KeyHelp[];
};
export type Fact = { readonly label: string; readonly value: string; readonly style?: Style };

/** Labels in a column of their own, values wrapped beside them. */
export function facts(rows: readonly Fact[], width: number, labelWidth = labelColumn(rows)): readonly Line[] {
  return rows.flatMap(({ label, value, style = 'normal' }) =>
    wrap(value, width - labelWidth).map((part, index) => [
      span(column(index === 0 ? label : '', labelWidth)),
      span(part, style),
    ]),
  );
}

export const labelColumn = (rows: readonly Pick<Fact, 'label'>[]): number =>
  Math.max(...rows.map(({ label }) => label.length)) + 2;

export const paragraph = (text: string, width: number, style: Style = 'normal'): readonly Line[] =>
  wrap(text, width).map((part) => line(part, style));

/** `[ Next ]`; the focused one is marked by more than its colour. */
export const button = (label: string, focused: boolean): Line =>
  focused ? [span(`> [ ${label} ]`, 'selected')] : [span(`  [ ${label} ]`)];

/** Contacts of the administrator from a policy, wrapped; at most `limit` lines of `width` cells. */
export function contactLines(contacts: Contacts | null, words: Words, width: number, limit: number): readonly string[] {
  const parts = contactParts(contacts, words);
  return clip(
    (parts.length > 0 ? parts : [words.screens.replacement.noContacts]).flatMap((text) => wrap(text, width)),
    limit,
    width,
  );
}

/** Name, telephone, e-mail and note, as far as they are known. */
export function contactParts(contacts: Contacts | null, words: Words): readonly string[] {
  if (!contacts) return [];
  const { name, phone, email, note } = contacts;
  const own = words.screens.contacts;
  const parts = [name, phone && fill(own.phone, { value: phone }), email && fill(own.email, { value: email }), note];
  return parts.filter((text) => text !== '');
}

/** A window of text that scrolls when it is longer than the body: from row `top`, its position below. */
export function scrollBody(title: string, all: readonly Line[], top: number, words: Words, size: Size): Body {
  const { certificates, keys } = words.screens;
  const rows = scrollRows(size);
  const from = Math.max(0, Math.min(top, all.length - rows));
  const shown = all.slice(from, from + rows);
  const back = { key: 'Esc', label: keys.back };
  if (all.length <= rows) return { title, lines: [blank, ...shown], cursor: null, keys: [back] };
  const position = fill(certificates.position, { first: from + 1, last: from + shown.length, count: all.length });
  return {
    title,
    lines: [blank, ...shown, line(position, 'hint')],
    cursor: null,
    keys: [{ key: '↑↓ PgUp PgDn', label: keys.scroll }, back],
  };
}
