/**
 * Files on the sticks the system has mounted below `<runtime>/media/<stick>/`, for a person who imports certificates or
 * brings a repair file. A stick is a stranger's: only plain files that really lie there are looked at, in its root and one folder below, and never
 * more than the bounds say.
 */
import { constants, type Dir, type Dirent } from 'node:fs';
import { type FileHandle, open, opendir, readlink, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { bad, good, type Result } from '../../protocol/fault.ts';
import { maxImportCharacters, maxMediaFiles, maxRepairBytes, maxRepairFiles } from '../../protocol/limits.ts';
import type { MediaList } from '../../protocol/local.ts';

export type Media = {
  /** Sorted by name. What cannot be read is not listed. */
  readonly list: () => Promise<MediaList>;
  /** Base64 of a file as `list` names it. Faults: `not-found`, `too-large`. */
  readonly read: (name: string) => Promise<Result<string>>;
};
type Listed = { readonly name: string; readonly bytes: number };
type Opened = { readonly handle: FileHandle; readonly bytes: number };

/** A folder that has no end is not read to it. */
const maxEntries = 5000;
/** Names are facts and columns; a longer one cannot be asked for. */
const longestName = 255;
const largestFile = (maxImportCharacters / 4) * 3;
const startBytes = 4096;
const repairExtension = /\.thintrust$/i;
const extension = /\.(pem|crt|cer|cert|der|p7b|p7c|spc|ca-bundle)$/i;

export function openMedia(runtime: string): Media {
  const root = join(runtime, 'media');
  return {
    list: async () => {
      const found: Listed[] = [];
      const repairs: Listed[] = [];
      let entries = 0;
      for await (const name of namesBelow(root)) {
        if (++entries > maxEntries) break;
        if (name === null) continue;
        const list = repairExtension.test(name) ? repairs : found;
        // A stick full of certificates does not hide the file that repairs.
        if (list.length > (list === repairs ? maxRepairFiles - 1 : maxMediaFiles)) continue;
        const bytes = list === repairs ? await repairBytes(root, name) : await importableBytes(root, name);
        if (bytes > 0) list.push({ name, bytes });
      }
      const files = byName(found.slice(0, maxMediaFiles));
      return { files, repairs: byName(repairs), more: found.length > maxMediaFiles || entries > maxEntries };
    },
    read: async (name) => {
      const opened = isName(name) ? await openFile(root, name) : null;
      if (!opened) return bad('not-found', { what: name });
      const { handle, bytes } = opened;
      try {
        if (bytes > largestFile) return bad('too-large', { bytes, limit: largestFile });
        return good((await readStart(handle, bytes)).toString('base64'));
      } catch {
        return bad('not-found', { what: name });
      } finally {
        await handle.close();
      }
    },
  };
}

/** Names of files, and null for every entry that is none. */
async function* namesBelow(root: string): AsyncGenerator<string | null> {
  const folders = [''];
  for (let folder = folders.shift(); folder !== undefined; folder = folders.shift()) {
    const depth = folder === '' ? 0 : folder.split('/').length;
    for await (const entry of entriesOf(join(root, folder))) {
      const name = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory() && depth < 2) folders.push(name);
      yield entry.isFile() && isName(name) ? name : null;
    }
  }
}

async function* entriesOf(folder: string): AsyncGenerator<Dirent> {
  let opened: Dir;
  try {
    opened = await opendir(folder);
  } catch {
    return;
  }
  try {
    yield* opened;
  } catch {
    // A stick that is pulled out while it is read has no more entries.
  }
}

/** What a repair file says: editors and tools add line ends, a signature has none. */
export const repairText = (base64: string): string => Buffer.from(base64, 'base64').toString('latin1').trim();

const byName = (files: readonly Listed[]): Listed[] => [...files].sort((a, b) => (a.name < b.name ? -1 : 1));

/** Size of a file that calls itself a repair file and may be one; 0 for any other. */
async function repairBytes(root: string, name: string): Promise<number> {
  const opened = await openFile(root, name);
  await opened?.handle.close();
  return opened && opened.bytes <= maxRepairBytes ? opened.bytes : 0;
}

/** Size of a file that may hold certificates, whatever it is called; 0 for any other. */
async function importableBytes(root: string, name: string): Promise<number> {
  const opened = await openFile(root, name);
  if (!opened) return 0;
  const { handle, bytes } = opened;
  try {
    if (bytes > largestFile) return 0;
    return extension.test(name) || looksImportable(await readStart(handle, startBytes)) ? bytes : 0;
  } catch {
    return 0;
  } finally {
    await handle.close();
  }
}

/** A PEM block, or DER of a certificate or a PKCS#7 bag: a SEQUENCE whose length takes two or three bytes. */
const looksImportable = (start: Buffer): boolean =>
  start.includes('-----BEGIN ') || (start[0] === 0x30 && (start[1] === 0x82 || start[1] === 0x83));

/** Null for anything but a plain file at exactly this place: no link on the way leads elsewhere. */
async function openFile(root: string, name: string): Promise<Opened | null> {
  const path = join(root, name);
  let handle: FileHandle | null = null;
  try {
    const expected = join(await realpath(root), name);
    handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const { size } = await handle.stat();
    const isThere = (await readlink(`/proc/self/fd/${handle.fd}`)) === expected;
    if (isThere && (await handle.stat()).isFile()) return { handle, bytes: size };
  } catch {
    // Gone, not ours to read, or a link: not there for us.
  }
  await handle?.close();
  return null;
}

async function readStart(handle: FileHandle, bytes: number): Promise<Buffer> {
  const start = Buffer.alloc(bytes);
  let filled = 0;
  while (filled < bytes) {
    const { bytesRead } = await handle.read(start, filled, bytes - filled, filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return start.subarray(0, filled);
}

const isName = (name: string): boolean => {
  const parts = name.split('/');
  const isDeep = parts.length === 2 || parts.length === 3;
  return isDeep && name.length <= longestName && parts.every((part) => /^(?!\.{1,2}$)[^\0\ufffd]+$/.test(part));
};
