/** Plain text for a terminal: aligned columns, labelled lines, dates that carry their zone. */
import { plainText } from '../../words/say.ts';
import { serverWords as words } from '../../words/server.ts';

/** Columns as wide as their widest cell, two blanks between them. */
export function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return `${words.none}\n`;
  const cells = [heads, ...rows].map((row) => row.map(plainText));
  const widths = heads.map((_, column) => Math.max(...cells.map((row) => [...(row[column] ?? '')].length)));
  return cells
    .map(
      (row) =>
        `${row
          .map((cell, column) => pad(cell, widths[column] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}

/** `Label    value`, one a line. */
export function lines(pairs: readonly (readonly [label: string, value: string])[]): string {
  const widest = Math.max(...pairs.map(([label]) => [...label].length));
  return pairs.map(([label, value]) => `${`${pad(label, widest)}  ${plainText(value)}`.trimEnd()}\n`).join('');
}

/** RFC 3339 in UTC, to the second. */
export const date = (at: number | null): string =>
  at === null ? words.values.never : `${new Date(at).toISOString().slice(0, 19)}Z`;

const pad = (text: string, width: number): string => text + ' '.repeat(Math.max(0, width - [...text].length));
