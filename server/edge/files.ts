/** Files that must not be half there. */
import {
  closeSync,
  fchmodSync,
  fsyncSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { bad, good, type Result } from '../../protocol/fault.ts';

/** Temporary file, fsync, rename, fsync of the directory: either the old content or the new one. What a cut left goes. */
export function writeDurable(path: string, content: string | Uint8Array, mode: number): void {
  const temporary = `${path}.tmp`;
  rmSync(temporary, { force: true });
  const file = openSync(temporary, 'wx', mode);
  try {
    fchmodSync(file, mode);
    const bytes = Buffer.from(content);
    for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  moveDurable(temporary, path);
}

/** Within one directory. The content is synced already. */
export function moveDurable(from: string, to: string): void {
  renameSync(from, to);
  const directory = openSync(dirname(to), 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

/** An empty file that only its owner may open, where there is none: for those who would make it with the mode of the day. */
export const makePrivate = (path: string): void => closeSync(openSync(path, 'a', 0o600));

/** A file that a person named, which may be without end. Faults: `not-found`, `too-large`. */
export function readBounded(path: string, limit: number): Result<Buffer> {
  const parts: Buffer[] = [];
  let total = 0;
  try {
    const file = openSync(path, 'r');
    try {
      for (let read = 1; read > 0 && total <= limit; total += read) {
        const part = Buffer.allocUnsafe(Math.min(limit + 1 - total, maxPartBytes));
        read = readSync(file, part);
        parts.push(part.subarray(0, read));
      }
    } finally {
      closeSync(file);
    }
  } catch {
    return bad('not-found', { what: path.slice(-200) });
  }
  return total > limit ? bad('too-large', { limit }) : good(Buffer.concat(parts));
}

const maxPartBytes = 1024 * 1024;

/** Fault: `not-found`, for whatever cannot be read. */
export function readIfThere(path: string): Result<Buffer> {
  try {
    return good(readFileSync(path));
  } catch {
    return bad('not-found', { what: path.slice(-200) });
  }
}
