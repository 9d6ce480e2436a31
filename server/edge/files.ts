/** Files that must not be half there. */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { bad, good, type Result } from '../../protocol/fault.ts';

/** Temporary file, fsync, rename, fsync of the directory: either the old content or the new one. */
export function writeDurable(path: string, content: string | Uint8Array, mode: number): void {
  const temporary = `${path}.tmp`;
  const file = openSync(temporary, 'w', mode);
  try {
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

/** Fault: `not-found`, for whatever cannot be read. */
export function readIfThere(path: string): Result<Buffer> {
  try {
    return good(readFileSync(path));
  } catch {
    return bad('not-found', { what: path.slice(-200) });
  }
}
