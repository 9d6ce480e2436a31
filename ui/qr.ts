/** Pictures in half blocks: QR codes (ISO/IEC 18004) and large digits. Two dots lie in each cell, one above the other. */
import { encode } from 'uqr';

/** Modules of light around a QR code, ISO/IEC 18004 §9.1: readers need four. */
const quietZone = 4;

/** The QR code of decimal digits as dots, quiet zone included; true is dark. */
export const qrDots = (digits: string): readonly (readonly boolean[])[] =>
  encode(digits, { ecc: 'M', border: quietZone }).data;

/** Dots to text lines; ink is dark, so it is drawn in black on white. An odd last row has light below it. */
export function halfBlocks(dots: readonly (readonly boolean[])[]): readonly string[] {
  const lines: string[] = [];
  for (let row = 0; row < dots.length; row += 2) {
    const upper = dots[row] ?? [];
    const lower = dots[row + 1] ?? [];
    lines.push(upper.map((dark, x) => block(dark, lower[x] ?? false)).join(''));
  }
  return lines;
}

const font: Readonly<Record<string, readonly string[]>> = {
  '0': ['###', '#.#', '#.#', '#.#', '###'],
  '1': ['.#.', '##.', '.#.', '.#.', '###'],
  '2': ['###', '..#', '###', '#..', '###'],
  '3': ['###', '..#', '.##', '..#', '###'],
  '4': ['#.#', '#.#', '###', '..#', '..#'],
  '5': ['###', '#..', '###', '..#', '###'],
  '6': ['###', '#..', '###', '#.#', '###'],
  '7': ['###', '..#', '..#', '.#.', '.#.'],
  '8': ['###', '#.#', '###', '#.#', '###'],
  '9': ['###', '#.#', '###', '..#', '###'],
  ' ': ['.', '.', '.', '.', '.'],
};

/** Digits and blanks three lines high. */
export function largeDigits(text: string): readonly string[] {
  const rows = Array.from({ length: 5 }, (_, row) =>
    [...text].map((character) => font[character]?.[row] ?? '...').join('.'),
  );
  return halfBlocks(rows.map((row) => [...row].map((dot) => dot === '#')));
}

const block = (upper: boolean, lower: boolean): string => (upper ? (lower ? '█' : '▀') : lower ? '▄' : ' ');
