/**
 * A disk in memory that loses what was not synced. What a cut leaves is chosen by a seed, out of more than any one file
 * system would leave:
 *
 * - content of a file that was not fsynced: as it was at the last fsync, empty, any part of it from its beginning (what
 *   was synced and only appended to stays), that with zeros behind, or all of it;
 * - names of a directory that was not fsynced: any subset of what was done to them since, in order. A rename is one of
 *   them, and atomic. fsync of a file says nothing about its name;
 * - modes and owners come with the file, and the target of a link with its name.
 *
 * After `cutAfter(n)` nothing answers any more: the machine is off.
 */
import { createHash } from 'node:crypto';
import { basename, dirname } from 'node:path';
import type { FileFacts, Files, OpenFile } from '../../agent/edge/files.ts';
import { generator, pick } from './chance.ts';

export type FakeDisk = {
  readonly files: Files;
  /** What a program does that writes over a file in place: truncate, write, no fsync. No `Files` offers it. */
  readonly overwrite: (path: string, bytes: Uint8Array) => Promise<void>;
  /** Operations so far that change or sync something. */
  readonly operations: () => number;
  /** Lets n more operations happen; resolves when the next one is tried. */
  readonly cutAfter: (operations: number) => Promise<void>;
  /** Lets n more operations happen; the `times` after them fail. A failing write writes half. */
  readonly failAfter: (operations: number, errno: string, times?: number) => void;
  readonly failReads: (path: string, errno: string) => void;
  /** What is there after a cut at this moment, in another machine. */
  readonly crash: (seed: number) => FakeDisk;
  /** The same disk for the next process, after this one was killed: what is in the cache stays. */
  readonly kill: () => FakeDisk;
  /** Names, modes and contents as text, without what is synced of them. */
  readonly inventory: () => string;
  /** Whether a cut at this moment may leave exactly this below that name; null: nothing, not even the name. */
  readonly mayLeave: (path: string, content: Uint8Array | string | null) => boolean;
};

type FileNode = {
  readonly kind: 'file';
  readonly mode: number;
  data: Uint8Array;
  synced: Uint8Array;
  /** Only appended to since the last fsync. */
  appended: boolean;
};
type LinkNode = { readonly kind: 'link'; readonly target: string };
type FolderNode = {
  readonly kind: 'directory';
  readonly mode: number;
  readonly names: Map<string, Node>;
  readonly synced: Map<string, Node>;
  readonly pending: Change[];
};
type Node = FileNode | LinkNode | FolderNode;
/** One atomic change of names: what they stand for afterwards; null: nothing. */
type Change = ReadonlyMap<string, Node | null>;

const [uid, gid] = [process.geteuid?.() ?? 0, process.getegid?.() ?? 0];

export const fakeDisk = (): FakeDisk => machine(folder(0o755));

function machine(root: FolderNode): FakeDisk {
  let count = 0;
  let off = false;
  let cut = { at: Number.POSITIVE_INFINITY, tell: () => {} };
  let failure = { from: Number.POSITIVE_INFINITY, until: 0, errno: '' };
  const deadReads = new Map<string, string>();

  const change = async (run: () => void, half: () => void = () => {}): Promise<void> => {
    if (off || count >= cut.at) {
      off = true;
      cut.tell();
      await new Promise(() => {});
    }
    count += 1;
    if (count > failure.from && count <= failure.until) {
      half();
      throw errno(failure.errno);
    }
    run();
  };
  const look = async <T>(path: string, run: () => T): Promise<T> => {
    if (off) await new Promise(() => {});
    const dead = deadReads.get(path);
    if (dead !== undefined) throw errno(dead);
    return run();
  };
  const rename = (from: string, to: string) => {
    const parent = parentOf(root, from);
    if (parentOf(root, to) !== parent) throw errno('EXDEV');
    alter(parent, new Map([[basename(from), null] as const, [basename(to), find(root, from)] as const]));
  };

  const files: Files = {
    open: async (path, how, mode) => {
      const name = basename(path);
      await change(() => {
        const parent = parentOf(root, path);
        if (parent.names.has(name) && how === 'create') throw errno('EEXIST');
        if (!parent.names.has(name)) alter(parent, new Map([[name, file(mode)]]));
      });
      return openNode(fileAt(root, path), change, look);
    },
    read: (path) => look(path, () => fileAt(root, path).data.slice()),
    readPart: (path, offset, length) => look(path, () => fileAt(root, path).data.slice(offset, offset + length)),
    stat: (path) => look(path, () => factsOf(find(root, path))),
    list: (path) => look(path, () => [...folderAt(root, path).names.keys()]),
    makeDirectory: (path, mode) => change(() => add(root, path, folder(mode))),
    link: (target, path) => change(() => add(root, path, { kind: 'link', target })),
    readLink: (path) => look(path, () => targetOf(find(root, path))),
    rename: (from, to) => change(() => rename(from, to)),
    unlink: (path) =>
      change(() => {
        if (find(root, path).kind === 'directory') throw errno('EISDIR');
        alter(parentOf(root, path), new Map([[basename(path), null]]));
      }),
    removeDirectory: (path) =>
      change(() => {
        const parent = parentOf(root, path);
        if (parent.names.has(basename(path))) alter(parent, new Map([[basename(path), null]]));
      }),
    syncDirectory: (path) =>
      change(() => {
        const { names, synced, pending } = folderAt(root, path);
        synced.clear();
        for (const [name, node] of names) synced.set(name, node);
        pending.length = 0;
      }),
  };

  return {
    files,
    overwrite: async (path, bytes) => {
      const node = fileAt(root, path);
      await change(() => {
        node.data = new Uint8Array();
        node.appended = false;
      });
      await change(() => {
        node.data = bytes.slice();
      });
    },
    operations: () => count,
    cutAfter: (operations) =>
      new Promise((tell) => {
        cut = { at: count + operations, tell };
      }),
    failAfter: (operations, code, times = 1) => {
      failure = { from: count + operations, until: count + operations + times, errno: code };
    },
    failReads: (path, code) => {
      deadReads.set(path, code);
    },
    crash: (seed) => {
      const next = generator(seed);
      return machine(folderAfter(root, next, next() < 0.3 ? next() : null, new Map()));
    },
    kill: () => {
      off = true;
      return machine(root);
    },
    inventory: () => inventory(root).join('\n'),
    mayLeave: (path, content) => mayLeave(root, path.split('/').filter(Boolean), content),
  };
}

function openNode(
  node: FileNode,
  change: (run: () => void, half?: () => void) => Promise<void>,
  look: <T>(path: string, run: () => T) => Promise<T>,
): OpenFile {
  const append = (bytes: Uint8Array) => {
    node.data = Buffer.concat([node.data, bytes]);
  };
  return {
    write: (bytes) =>
      change(
        () => append(bytes),
        () => append(bytes.subarray(0, bytes.length >> 1)),
      ),
    sync: () =>
      change(() => {
        node.synced = node.data;
        node.appended = true;
      }),
    facts: () => look('', () => factsOf(node)),
    close: () => look('', () => {}),
  };
}

/** `all`: probability to keep a change, or null for one that is drawn per folder. */
function folderAfter(node: FolderNode, next: () => number, all: number | null, seen: Map<Node, Node>): FolderNode {
  const left = new Map(node.synced);
  const keep = all ?? pick([0, 0.5, 1], next);
  for (const one of node.pending) if (next() < keep) apply(left, one);
  const after = folder(node.mode);
  for (const [name, child] of left) {
    const made = seen.get(child) ?? nodeAfter(child, next, all, seen);
    seen.set(child, made);
    after.names.set(name, made);
    after.synced.set(name, made);
  }
  return after;
}

function nodeAfter(node: Node, next: () => number, all: number | null, seen: Map<Node, Node>): Node {
  if (node.kind === 'directory') return folderAfter(node, next, all, seen);
  if (node.kind === 'link') return node;
  const data = contentAfter(node, next);
  return { kind: 'file', mode: node.mode, data, synced: data, appended: true };
}

function contentAfter({ data, synced, appended }: FileNode, next: () => number): Uint8Array {
  if (data === synced) return synced;
  const least = appended ? synced.length : 0;
  const some = data.slice(0, least + Math.floor(next() * (data.length - least + 1)));
  const zeros = Buffer.concat([some, new Uint8Array(data.length - some.length)]);
  return pick([synced, data.slice(0, least), some, zeros, data], next);
}

function inventory(node: Node): string[] {
  if (node.kind === 'link') return [node.target];
  if (node.kind === 'file') return [`${node.mode} ${createHash('sha256').update(node.data).digest('hex')}`];
  const names = [...node.names].sort(([a], [b]) => (a < b ? -1 : 1));
  return [`${node.mode}`, ...names.flatMap(([name, child]) => inventory(child).map((line) => `${name}/${line}`))];
}

function mayHold({ data, synced, appended }: FileNode, bytes: Uint8Array): boolean {
  if (Buffer.from(synced).equals(bytes)) return true;
  if (data === synced || bytes.length > data.length || (appended && bytes.length < synced.length)) return false;
  const same = bytes.findIndex((byte, index) => byte !== data[index]);
  if (same < 0) return true;
  return (
    bytes.length === data.length && (!appended || same >= synced.length) && bytes.subarray(same).every((b) => b === 0)
  );
}

function mayLeave(node: Node, [name, ...rest]: readonly string[], content: Uint8Array | string | null): boolean {
  if (name === undefined) {
    if (content === null) return false;
    return node.kind === 'file' ? content instanceof Uint8Array && mayHold(node, content) : isLinkTo(node, content);
  }
  if (node.kind !== 'directory') return content === null;
  const fates: (Node | null)[] = [node.synced.get(name) ?? null];
  for (const one of node.pending) if (one.has(name)) fates.push(one.get(name) ?? null);
  return fates.some((fate) => (fate === null ? content === null : mayLeave(fate, rest, content)));
}

const isLinkTo = (node: Node, target: Uint8Array | string): boolean => node.kind === 'link' && node.target === target;

const file = (mode: number): FileNode => {
  const nothing = new Uint8Array();
  return { kind: 'file', mode, data: nothing, synced: nothing, appended: true };
};
const folder = (mode: number): FolderNode => ({
  kind: 'directory',
  mode,
  names: new Map(),
  synced: new Map(),
  pending: [],
});

function alter(parent: FolderNode, change: Change): void {
  apply(parent.names, change);
  parent.pending.push(change);
}

function apply(names: Map<string, Node>, change: Change): void {
  for (const [name, node] of change)
    if (node === null) names.delete(name);
    else names.set(name, node);
}

function add(root: FolderNode, path: string, node: Node): void {
  const parent = parentOf(root, path);
  if (parent.names.has(basename(path))) throw errno('EEXIST');
  alter(parent, new Map([[basename(path), node]]));
}

function find(root: FolderNode, path: string): Node {
  let node: Node = root;
  for (const name of path.split('/')) {
    if (name === '') continue;
    if (node.kind !== 'directory') throw errno('ENOTDIR');
    const child: Node | undefined = node.names.get(name);
    if (!child) throw errno('ENOENT');
    node = child;
  }
  return node;
}

function folderAt(root: FolderNode, path: string): FolderNode {
  const node = find(root, path);
  if (node.kind !== 'directory') throw errno('ENOTDIR');
  return node;
}

function fileAt(root: FolderNode, path: string): FileNode {
  const node = find(root, path);
  if (node.kind !== 'file') throw errno(node.kind === 'link' ? 'ELOOP' : 'EISDIR');
  return node;
}

const parentOf = (root: FolderNode, path: string): FolderNode => folderAt(root, dirname(path));

function targetOf(node: Node): string {
  if (node.kind !== 'link') throw errno('EINVAL');
  return node.target;
}

const factsOf = (node: Node): FileFacts => ({
  kind: node.kind,
  size: node.kind === 'file' ? node.data.length : 0,
  mode: node.kind === 'link' ? 0o777 : node.mode,
  uid,
  gid,
});

/** Without a stack: writing it down would be a fifth of what the fake disk costs. */
function errno(code: string): Error {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  const error = Object.assign(new Error(code), { code });
  Error.stackTraceLimit = stackTraceLimit;
  return error;
}
