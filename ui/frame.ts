/**
 * A frame: one picture of the screen as plain data, exactly `width` × `height` cells, and the few operations views
 * build it with. Every character in a frame is one cell wide, so that lengths of strings are lengths on the screen.
 */
export type Style =
  | 'normal'
  | 'title'
  | 'key'
  | 'strong'
  | 'selected'
  | 'field'
  | 'hint'
  | 'good'
  | 'warning'
  | 'error'
  | 'qr';
export type Span = { readonly text: string; readonly style: Style };
export type Line = readonly Span[];
export type Place = { readonly x: number; readonly y: number };
export type Frame = {
  readonly width: number;
  readonly height: number;
  readonly lines: readonly Line[];
  /** Where the terminal's own cursor stands; null hides it. */
  readonly cursor: Place | null;
};

export const span = (text: string, style: Style = 'normal'): Span => ({ text, style });
export const line = (text: string, style: Style = 'normal'): Line => [span(text, style)];
export const blank: Line = [];
export const textOf = (of: Line): string => of.map(({ text }) => text).join('');

/**
 * Text as one-cell characters: composed (NFC) letters of the alphabets a Linux console has, and `?` for every control,
 * combining, direction, wide or unknown character. Names in certificates come from strangers.
 */
export const cells = (text: string): string =>
  text
    .normalize('NFC')
    .replace(
      /[^\x20-\x7e\u00a0-\u00ac\u00ae-\u02ff\u0370-\u0482\u048a-\u052f\u2010-\u2027\u2030-\u205e\u20a0-\u20bf\u2116\u2190-\u21ff\u2500-\u259f]|[\p{C}\p{M}]/gu,
      '?',
    );

/** At most `width` cells; what is cut off leaves an ellipsis. */
export function shorten(text: string, width: number): string {
  const shown = cells(text);
  if (shown.length <= width) return shown;
  return width < 1 ? '' : `${shown.slice(0, width - 1).trimEnd()}…`;
}

/** Exactly `width` cells, filled with blanks. */
export const column = (text: string, width: number): string => shorten(text, width).padEnd(width);

/** Lines of at most `width` cells, broken at blanks; a longer word is broken where the line ends. */
export function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let current = '';
  for (const word of cells(text).split(' ')) {
    const joined = current === '' ? word : `${current} ${word}`;
    if (joined.length <= width) {
      current = joined;
      continue;
    }
    if (current !== '') lines.push(current);
    current = word;
    while (current.length > width) {
      lines.push(current.slice(0, width));
      current = current.slice(width);
    }
  }
  if (current !== '' || lines.length === 0) lines.push(current);
  return lines;
}

/** The first `limit` lines; when more follow, the last one shown ends in an ellipsis. */
export function clip(lines: readonly string[], limit: number, width: number): readonly string[] {
  if (lines.length <= limit) return lines;
  if (limit < 1) return [];
  const last = lines[limit - 1] ?? '';
  return [...lines.slice(0, limit - 1), last.length < width ? `${last}…` : `${last.slice(0, width - 1)}…`];
}

/** The line cut or filled to exactly `width` cells; filling takes the style `fill`. */
export function fit(of: Line, width: number, fill: Style = 'normal'): Line {
  const spans: Span[] = [];
  let left = width;
  for (const { text, style } of of) {
    if (left === 0) break;
    const shown = text.length > left ? shorten(text, left).padEnd(left) : cells(text);
    if (shown !== '') spans.push({ text: shown, style });
    left -= shown.length;
  }
  if (left > 0) spans.push({ text: ' '.repeat(left), style: fill });
  return spans;
}

/** Two blocks of lines beside each other; the left one takes `leftWidth` cells and `gap` blanks follow it. */
export function beside(left: readonly Line[], leftWidth: number, gap: number, right: readonly Line[]): readonly Line[] {
  return Array.from({ length: Math.max(left.length, right.length) }, (_, index) => [
    ...fit([...(left[index] ?? blank), span(' '.repeat(gap))], leftWidth + gap),
    ...(right[index] ?? blank),
  ]);
}

/** Exactly `height` lines of exactly `width` cells. */
export const fitBlock = (lines: readonly Line[], width: number, height: number): readonly Line[] =>
  Array.from({ length: Math.max(0, height) }, (_, index) => fit(lines[index] ?? blank, width));
