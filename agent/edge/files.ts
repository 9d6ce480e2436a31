/**
 * The few file operations that storage is made of, so that a test can stand a disk behind them that loses what was not
 * synced. Paths are absolute. Everything rejects with Node's errors, whose `code` is the errno; `diskFault` names them.
 */
import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  renameSync,
  rmSync,
  type Stats,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { promisify } from 'node:util';
import { type Fault, fault } from '../../protocol/fault.ts';

export type FileFacts = {
  readonly kind: 'file' | 'directory' | 'link';
  readonly size: number;
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
};

export type OpenFile = {
  /** All of it, behind what was written before. */
  readonly write: (bytes: Uint8Array) => Promise<void>;
  /** fsync: content, size and existence of this file; its name is the directory's matter. */
  readonly sync: () => Promise<void>;
  readonly facts: () => Promise<FileFacts>;
  readonly close: () => Promise<void>;
};

export type Files = {
  /** Modes are exact, whatever the umask. `create` refuses (`EEXIST`) what is there already; `append` makes the file where it is missing. Links are not followed. */
  readonly open: (path: string, how: 'create' | 'append', mode: number) => Promise<OpenFile>;
  readonly read: (path: string) => Promise<Uint8Array>;
  /** At most `length` bytes from `offset` on; fewer at the end of the file. */
  readonly readPart: (path: string, offset: number, length: number) => Promise<Uint8Array>;
  /** Of the path itself, links not followed. */
  readonly stat: (path: string) => Promise<FileFacts>;
  readonly list: (directory: string) => Promise<readonly string[]>;
  readonly makeDirectory: (path: string, mode: number) => Promise<void>;
  readonly link: (target: string, path: string) => Promise<void>;
  readonly readLink: (path: string) => Promise<string>;
  /** Atomic: `to` is the old or the new one at every moment. */
  readonly rename: (from: string, to: string) => Promise<void>;
  /** Removes a file or a link. */
  readonly unlink: (path: string) => Promise<void>;
  /** Removes a directory with all that is in it. */
  readonly removeDirectory: (path: string) => Promise<void>;
  /** fsync of a directory: its names as they are now. */
  readonly syncDirectory: (path: string) => Promise<void>;
};

const sync = promisify(fsync);
const appendFlags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW;

/**
 * What ends in the page cache is done at once: a turn through the thread pool costs more than the call. Only syncing waits
 * for the disk, and so does not hold up the process.
 */
export const realFiles: Files = {
  open: async (path, how, mode) => {
    const descriptor = openSync(path, how === 'create' ? 'wx' : appendFlags, mode);
    if (how === 'create') fchmodSync(descriptor, mode);
    return openFile(descriptor);
  },
  read: async (path) => readFileSync(path),
  readPart: async (path, offset, length) => {
    const descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      const bytes = Buffer.allocUnsafe(length);
      return bytes.subarray(0, readSync(descriptor, bytes, 0, length, offset));
    } finally {
      closeSync(descriptor);
    }
  },
  stat: async (path) => factsOf(lstatSync(path)),
  list: async (directory) => readdirSync(directory),
  makeDirectory: async (path, mode) => {
    mkdirSync(path, { mode });
    chmodSync(path, mode);
  },
  link: async (target, path) => symlinkSync(target, path),
  readLink: async (path) => readlinkSync(path),
  rename: async (from, to) => renameSync(from, to),
  unlink: async (path) => unlinkSync(path),
  removeDirectory: async (path) => rmSync(path, { recursive: true, force: true }),
  syncDirectory: async (path) => {
    const descriptor = openSync(path, 'r');
    try {
      await sync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  },
};

/** The storage has no room: `disk-full`. Everything else is `disk-failed`. An error that is not the system's is thrown on. */
export function diskFault(error: unknown, what: string): Fault {
  const errno = errnoOf(error);
  if (errno === null) throw error;
  return fault(errno === 'ENOSPC' || errno === 'EDQUOT' ? 'disk-full' : 'disk-failed', { errno, what });
}

/** `ENOENT` and the like, or null for what did not come from a system call. */
export function errnoOf(error: unknown): string | null {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return null;
  return /^E[A-Z0-9]+$/.test(error.code) ? error.code : null;
}

const openFile = (descriptor: number): OpenFile => ({
  write: async (bytes) => writeFileSync(descriptor, bytes),
  sync: () => sync(descriptor),
  facts: async () => factsOf(fstatSync(descriptor)),
  close: async () => closeSync(descriptor),
});

const factsOf = (stats: Stats): FileFacts => ({
  kind: stats.isSymbolicLink() ? 'link' : stats.isDirectory() ? 'directory' : 'file',
  size: stats.size,
  mode: stats.mode & 0o7777,
  uid: stats.uid,
  gid: stats.gid,
});
