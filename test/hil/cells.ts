/** The text that a picture of a console shows: each cell is compared with the glyphs of the font it was drawn with. */
import type { Font } from './font.ts';

/** Three bytes a pixel, row by row. */
export type Picture = { readonly width: number; readonly height: number; readonly rgb: Buffer };

/** Stands where no glyph of the font was found. */
export const unknownCell = '\ufffd';
const cursorRows = 3;

/** A portable pixmap (ppm(5), binary, 8 bits), as QEMU writes it. */
export function readPixmap(file: Buffer): Picture {
  const head = /^P6\s(\d+)\s(\d+)\s255\s/.exec(file.subarray(0, 40).toString('latin1'));
  if (!head) throw new Error('no pixmap');
  const [all, width, height] = head;
  return { width: Number(width), height: Number(height), rgb: file.subarray(all.length) };
}

/** Cells are nine pixels wide in a VGA text mode (720 pixels), eight in a framebuffer. */
export const cellWidth = ({ width }: Picture): number => (width % 9 === 0 ? 9 : 8);

/**
 * Lines without the spaces at their ends. Characters that are drawn alike (Latin and Cyrillic) are told apart by their
 * word; a cell of one colour is a space, whatever the colour.
 */
export function readCells(picture: Picture, font: Font): readonly string[] {
  const wide = cellWidth(picture);
  const columns = Math.floor(picture.width / wide);
  const lines = Math.floor(picture.height / font.height);
  const tops = topsOf(font);
  return Array.from({ length: lines }, (_, y) => {
    const cells = Array.from({ length: columns }, (_, x) => readCell(picture, font, tops, x * wide, y * font.height));
    return spell(cells);
  });
}

/** As `readCells` would spell it, were nothing known of words: for comparing. */
export const plain = (text: string, { alike }: Font): string =>
  [...text].map((each) => alike.get(each) ?? each).join('');

const isCyrillic = (character: string): boolean => /[\u0400-\u04ff]/.test(character);
const isLetter = (character: string): boolean => /\p{L}/u.test(character);

function spell(cells: readonly (readonly string[])[]): string {
  let line = '';
  for (let at = 0; at < cells.length; ) {
    let end = at;
    while (end < cells.length && (cells[end] ?? []).some(isLetter)) end++;
    const word = cells.slice(at, end);
    const russian = word.some((some) => some.every(isCyrillic));
    for (const some of word) line += some.find((each) => isCyrillic(each) === russian) ?? some[0] ?? unknownCell;
    if (end < cells.length) line += cells[end]?.[0] ?? unknownCell;
    at = end + 1;
  }
  return line.trimEnd();
}

function readCell(
  picture: Picture,
  { height, drawn }: Font,
  tops: ReadonlyMap<string, readonly string[]>,
  left: number,
  top: number,
): readonly string[] {
  const at = (x: number, y: number): number => picture.rgb.readUIntBE(((top + y) * picture.width + left + x) * 3, 3);
  const ground = at(0, 0);
  const rows: number[] = [];
  for (let y = 0; y < height; y++) {
    let row = 0;
    for (let x = 0; x < 8; x++) row = (row << 1) | (at(x, y) === ground ? 0 : 1);
    rows.push(row);
  }
  if (rows.every((row) => row === 0)) return [' '];
  const text = (bits: readonly number[]): string => String.fromCharCode(...bits);
  const inverse = rows.map((row) => row ^ 0xff);
  const whole = drawn.get(text(rows)) ?? drawn.get(text(inverse));
  if (whole) return whole.includes(unknownCell) ? [unknownCell] : whole;
  // A cursor stands on the lowest rows.
  const cut = (bits: readonly number[]): string => text(bits.slice(0, height - cursorRows));
  return tops.get(cut(rows)) ?? tops.get(cut(inverse)) ?? [unknownCell];
}

/** Upper parts that only one glyph has; a blank one is a space. */
function topsOf({ height, drawn }: Font): ReadonlyMap<string, readonly string[]> {
  const tops = new Map<string, readonly string[]>();
  const several = new Set<string>();
  for (const [rows, characters] of drawn) {
    const top = rows.slice(0, height - cursorRows);
    if (tops.has(top)) several.add(top);
    tops.set(top, characters);
  }
  for (const top of several) tops.delete(top);
  tops.set('\0'.repeat(height - cursorRows), [' ']);
  return tops;
}
