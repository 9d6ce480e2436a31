/** The fields of the registration forms: fingerprints in groups over two lines, secrets as asterisks, hints beside or below. */
import { fill, type Words } from '../../words/say.ts';
import { labelColumn } from '../body.ts';
import { type Drawn, fieldWidth } from '../form.ts';
import { blank, column, type Line, type Place, span } from '../frame.ts';
import { field, grouped, groupedCursor, type Input, type InputRule, matching } from '../input.ts';

export type OrderRow = {
  readonly label: string;
  readonly input: Input;
  readonly focused: boolean;
  readonly kind?: 'fingerprint' | 'secret';
  readonly hint?: string;
};

/** Hex digits of SHA-256. */
export const fingerprintLength = 64;
/** Hex digits of the fingerprint on one line: eight groups of four. */
const perLine = 32;

export const addressRule: InputRule = { take: matching(/^[A-Za-z0-9._:[\]-]$/), limit: 261 };
export const fingerprintRule: InputRule = {
  take: (character) => matching(/^[0-9a-f]$/)(character.toLowerCase()),
  limit: fingerprintLength,
};
export const fingerprintHint = (words: Words, { text }: Input): string =>
  fill(words.screens.registration.fingerprintHint, { count: text.length });

/** Each with a blank line behind it; the cursor is where something is typed. */
export function orderRows(rows: readonly OrderRow[], width: number, reveal: boolean): Drawn {
  const labelWidth = labelColumn(rows) + 2;
  const lines: Line[] = [];
  let cursor: Place | null = null;
  for (const row of rows) {
    const { focused, hint = '', label } = row;
    const drawn = draw(row, reveal);
    if (focused) cursor = { x: labelWidth + drawn.cursor.x, y: lines.length + drawn.cursor.y };
    for (const [index, shown] of drawn.shown.entries()) {
      const named = `${focused && index === 0 ? '> ' : '  '}${index === 0 ? label : ''}`;
      const told = index === drawn.shown.length - 1 ? hint : '';
      const spans = [span(column(named, labelWidth), focused ? 'strong' : 'normal'), span(shown, 'field')];
      // A hint that has no room beside its field goes on the next line.
      const beside = labelWidth + shown.length + 2 + told.length <= width;
      lines.push(beside ? [...spans, span(`  ${told}`, 'hint')] : spans);
      if (!beside) lines.push([span(' '.repeat(labelWidth)), span(told, 'hint')]);
    }
    lines.push(blank);
  }
  return { lines, cursor };
}

function draw(
  { input: { text, cursor }, kind }: OrderRow,
  reveal: boolean,
): { readonly shown: readonly string[]; readonly cursor: Place } {
  if (kind === 'fingerprint') {
    const digits = text.toUpperCase().padEnd(2 * perLine, '_');
    const shown = [grouped(digits.slice(0, perLine)), grouped(digits.slice(perLine))];
    const second = cursor >= perLine;
    const within = second ? Math.min(cursor - perLine, perLine - 1) : cursor;
    const x = cursor === 2 * perLine ? (shown[1]?.length ?? 0) : groupedCursor(within);
    return { shown, cursor: { x, y: second ? 1 : 0 } };
  }
  const drawn = field(kind === 'secret' && !reveal ? '*'.repeat(text.length) : text, cursor, fieldWidth);
  return { shown: [drawn.shown], cursor: { x: drawn.x, y: 0 } };
}
