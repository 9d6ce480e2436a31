/** Looking for secrets in what was written: any piece of one, in the spellings that bytes and texts have. */
import { type Dirent, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export type Secret = { readonly name: string; readonly bytes: Uint8Array };

const pieceBytes = 8;
const pieceCharacters = 12;

/** `<secret> as <spelling>` for each that is there, once. */
export function secretsIn(written: Uint8Array, secrets: readonly Secret[]): readonly string[] {
  const text = Buffer.from(written).toString('latin1');
  return secrets.flatMap(({ name, bytes }) =>
    spellings(Buffer.from(bytes))
      .filter(({ pieces }) => pieces.some((piece) => text.includes(piece)))
      .map(({ spelling }) => `${name} as ${spelling}`),
  );
}

/** Every file below a folder, whole. */
export function filesBelow(folder: string): readonly { readonly path: string; readonly bytes: Buffer }[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry: Dirent) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => ({ path: path.slice(folder.length + 1), bytes: readFileSync(path) }));
}

function spellings(bytes: Buffer): readonly { readonly spelling: string; readonly pieces: readonly string[] }[] {
  const hex = bytes.toString('hex');
  return [
    { spelling: 'bytes', pieces: piecesOf(bytes.toString('latin1'), pieceBytes) },
    { spelling: 'hex', pieces: piecesOf(hex, pieceCharacters) },
    { spelling: 'HEX', pieces: piecesOf(hex.toUpperCase(), pieceCharacters) },
    ...(['base64', 'base64url'] as const).map((spelling) => ({
      spelling,
      // Bytes before it move it within the groups of three; what they share a character with is left out.
      pieces: [0, 1, 2].flatMap((before) =>
        piecesOf(
          Buffer.concat([Buffer.alloc(before), bytes])
            .toString(spelling)
            .replace(/=+$/, '')
            .slice(2, -1),
          pieceCharacters,
        ),
      ),
    })),
  ];
}

const piecesOf = (text: string, length: number): readonly string[] =>
  Array.from({ length: Math.max(0, text.length - length + 1) }, (_, at) => text.slice(at, at + length));
