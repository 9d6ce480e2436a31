/** Console fonts (PSF 1 and 2, as setfont(8) reads them), packed or not: which character a drawn cell is. */
import { gunzipSync } from 'node:zlib';

export type Font = {
  readonly height: number;
  /** Characters by how they are drawn: one byte for each of the `height` rows, as Latin-1. Some are drawn alike. */
  readonly drawn: ReadonlyMap<string, readonly string[]>;
  /** One character for all that are drawn alike. */
  readonly alike: ReadonlyMap<string, string>;
};

const gzip = 0x1f8b;
const psf1 = 0x3604;
const psf2 = 0x72b54a86;

/** Fonts eight pixels wide alone. Throws where it is no such font. */
export function readFont(file: Uint8Array): Font {
  const bytes = Buffer.from(file);
  if (bytes.readUInt16BE(0) === gzip) return readFont(gunzipSync(bytes));
  if (bytes.readUInt16BE(0) === psf1) return readPsf1(bytes);
  if (bytes.readUInt32BE(0) === psf2) return readPsf2(bytes);
  throw new Error('no PSF font');
}

function readPsf1(bytes: Buffer): Font {
  const height = bytes.readUInt8(3);
  const count = bytes.readUInt8(2) & 1 ? 512 : 256;
  const table = bytes.subarray(4 + count * height);
  const characters: string[][] = [];
  for (let at = 0, glyph: string[] = [], sequence = false; at + 1 < table.length; at += 2) {
    const code = table.readUInt16LE(at);
    if (code === 0xffff) {
      characters.push(glyph);
      glyph = [];
      sequence = false;
    } else if (code === 0xfffe) sequence = true;
    else if (!sequence) glyph.push(String.fromCharCode(code));
  }
  return collect(bytes.subarray(4), height, characters);
}

function readPsf2(bytes: Buffer): Font {
  const [start, , count, size, height, width] = [8, 12, 16, 20, 24, 28].map((at) => bytes.readUInt32LE(at));
  if (!start || !count || !size || !height || width !== 8) throw new Error('no font of eight pixels');
  const table = bytes.subarray(start + count * size);
  const characters: string[][] = [];
  for (let at = 0; characters.length < count; ) {
    const end = table.indexOf(0xff, at);
    if (end < 0) break;
    const [single = ''] = table.subarray(at, end).toString('latin1').split('\u00fe');
    characters.push([...Buffer.from(single, 'latin1').toString('utf8')]);
    at = end + 1;
  }
  return collect(bytes.subarray(start), height, characters);
}

function collect(glyphs: Buffer, height: number, characters: readonly (readonly string[])[]): Font {
  const drawn = new Map<string, string[]>();
  for (const [index, some] of characters.entries()) {
    const rows = glyphs.subarray(index * height, (index + 1) * height).toString('latin1');
    drawn.set(rows, [...(drawn.get(rows) ?? []), ...some]);
  }
  const alike = new Map([...drawn.values()].flatMap((some) => some.map((each) => [each, some[0] ?? each] as const)));
  return { height, drawn, alike };
}
