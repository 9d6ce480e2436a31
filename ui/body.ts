/** What one window gives to the view, and the pieces windows are made of. Pure. */
import type { Contacts } from '../protocol/schema.ts';
import { fill, type Words } from '../words/say.ts';
import { clip, column, type Line, line, type Place, type Span, type Style, span, textOf, wrap } from './frame.ts';

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

export type Button<Name extends string> = { readonly name: Name; readonly label: string };

/** Buttons beside each other, in as many lines as they need. */
export function buttonRows<Name extends string>(
  buttons: readonly Button<Name>[],
  focus: string,
  width: number,
): readonly Line[] {
  const rows: Span[][] = [[]];
  let used = 0;
  for (const { name, label } of buttons) {
    const drawn = button(label, name === focus);
    const taken = textOf(drawn).length + buttonGap;
    if (used > 0 && used + taken - buttonGap > width) {
      rows.push([]);
      used = 0;
    }
    rows.at(-1)?.push(...(used > 0 ? [span(' '.repeat(buttonGap))] : []), ...drawn);
    used += taken;
  }
  return rows;
}

const buttonGap = 1;

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
