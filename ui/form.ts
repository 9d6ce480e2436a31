/** Fields above, buttons below: where the focus goes and what typing does. Pure. */
import type { Line, Place } from './frame.ts';
import { column, span } from './frame.ts';
import { edit, field, type Input, type InputRule } from './input.ts';
import type { Key } from './model.ts';

/** What the focus can stand on, in the order it goes round; `rules` say which of them are fields. */
export type Form<Part extends string> = {
  readonly parts: readonly Part[];
  readonly rules: Readonly<Partial<Record<Part, InputRule>>>;
};
export type FormEvent<Part extends string> =
  | { readonly at: 'same' }
  | { readonly at: 'moved'; readonly focus: Part }
  | { readonly at: 'typed'; readonly input: Input }
  | { readonly at: 'pressed'; readonly button: Part };

/**
 * Down and Tab go on, Up and Shift-Tab go back. Enter in a field goes on too, and from the last field presses the button
 * behind it. Left and Right move the cursor in a field, and the focus among buttons.
 */
export function formKey<Part extends string>(
  { parts, rules }: Form<Part>,
  focus: Part,
  input: Input | null,
  key: Key,
): FormEvent<Part> {
  const rule = rules[focus];
  const index = Math.max(0, parts.indexOf(focus));
  const next = parts[(index + 1) % parts.length] ?? focus;
  const step = stepOf(key) || (rule ? 0 : sideStepOf(key));
  if (step !== 0) {
    const target = parts[(index + step + parts.length) % parts.length] ?? focus;
    return target === focus ? { at: 'same' } : { at: 'moved', focus: target };
  }
  if (key.name === 'enter') {
    if (!rule) return { at: 'pressed', button: focus };
    return rules[next] ? { at: 'moved', focus: next } : { at: 'pressed', button: next };
  }
  if (!rule || !input || !isEdit(key)) return { at: 'same' };
  const edited = edit(input, key, rule);
  return edited === input ? { at: 'same' } : { at: 'typed', input: edited };
}

export const stepOf = (key: Key): number =>
  key.name === 'down' || key.name === 'tab' ? 1 : key.name === 'up' || key.name === 'back-tab' ? -1 : 0;

export const sideStepOf = (key: Key): number => (key.name === 'right' ? 1 : key.name === 'left' ? -1 : 0);

type EditKey = Parameters<typeof edit>[1];
const editNames: ReadonlySet<string> = new Set(['character', 'left', 'right', 'home', 'end', 'backspace', 'delete']);
export const isEdit = (key: Key): key is EditKey => editNames.has(key.name);

export type Row = {
  readonly label: string;
  readonly input: Input;
  readonly focused: boolean;
  /** Shown as asterisks. */
  readonly secret?: boolean;
  readonly hint?: string;
  readonly width?: number;
  /** Nothing can be typed: the text stands without a field. */
  readonly locked?: boolean;
};
/** Lines, and where the cursor stands among them. */
export type Drawn = { readonly lines: readonly Line[]; readonly cursor: Place | null };

export const fieldWidth = 40;
const mark = 2;

/** Fields under each other, their labels in a column; hints beside them where there is room, else below. */
export function fieldRows(
  rows: readonly Row[],
  width: number,
  labelWidth = Math.max(...rows.map(({ label }) => label.length)) + 2 + mark,
): Drawn {
  const lines: Line[] = [];
  let cursor: Place | null = null;
  for (const row of rows) {
    const focused = row.focused && !row.locked;
    const text = row.secret ? { ...row.input, text: '*'.repeat(row.input.text.length) } : row.input;
    const shown = row.locked ? { shown: row.input.text, x: 0 } : field(text.text, text.cursor, row.width ?? fieldWidth);
    if (focused) cursor = { x: labelWidth + shown.x, y: lines.length };
    const hint = row.hint ?? '';
    const label = span(column(`${focused ? '> ' : '  '}${row.label}`, labelWidth), focused ? 'strong' : 'normal');
    const value = span(shown.shown, row.locked ? 'strong' : 'field');
    const beside = labelWidth + shown.shown.length + 2 + hint.length <= width;
    lines.push(hint !== '' && beside ? [label, value, span(`  ${hint}`, 'hint')] : [label, value]);
    if (hint !== '' && !beside) lines.push([span(' '.repeat(labelWidth)), span(hint, 'hint')]);
  }
  return { lines, cursor };
}
