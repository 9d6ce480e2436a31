/**
 * Every state a disk can be in after the power went, from a log of its writes (QEMU's `blklogwrites`, the format of the
 * kernel's dm-log-writes), and what the agent would find on it. Nothing is mounted, and no machine runs.
 */
import { execFile } from 'node:child_process';
import { closeSync, copyFileSync, mkdirSync, openSync, readFileSync, readSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { restore } from '../../agent/core/generation.ts';
import { openDisk } from '../../agent/edge/disk.ts';
import { realFiles } from '../../agent/edge/files.ts';
import { instant } from '../../protocol/time.ts';
import { findProgram } from '../programs.ts';
import { tool } from './image.ts';

/** One request as the disk was given it: `flush` says that all before it are durable; `bytes` lie in the log at `at`. */
export type Entry = {
  readonly sector: number;
  readonly bytes: number;
  readonly at: number;
  readonly flush: boolean;
  /** Durable by itself. */
  readonly forced: boolean;
  readonly discard: boolean;
};
export type Found = {
  /** Of the group's policy; null where there is none. */
  readonly revision: number | null;
  /** Wrong codes that were counted. */
  readonly tries: number;
  /** What is wrong with what is there: nothing, in a state that is whole. */
  readonly wrong: readonly string[];
  /** Where the file system was laid out. */
  readonly folder: string;
};

const magic = 0x6a736677736872n;
const sectorBytes = 512;
/** Of the only partition of a data disk. */
export const partitionBytes = 1024 * 1024;
const flags = { flush: 1n, forced: 2n, discard: 4n };
/** What of the state directory is looked at. */
const kept = ['objects', 'keys', 'generations', 'current', 'counters.json', 'canary'];
const execute = promisify(execFile);

/** How many requests the log has by now. */
export function countEntries(log: string): number {
  const head = readFileSync(log).subarray(0, 32);
  if (head.readBigUInt64LE(0) !== magic) throw new Error('no log of writes');
  return Number(head.readBigUInt64LE(16));
}

export function readEntries(log: string): readonly Entry[] {
  const file = readFileSync(log);
  const count = countEntries(log);
  const unit = file.readUInt32LE(24);
  const entries: Entry[] = [];
  for (let at = unit; entries.length < count; ) {
    const sector = Number(file.readBigUInt64LE(at));
    const bytes = Number(file.readBigUInt64LE(at + 8)) * unit;
    const marks = file.readBigUInt64LE(at + 16);
    const discard = (marks & flags.discard) !== 0n;
    at += unit;
    entries.push({
      sector: (sector * unit) / sectorBytes,
      bytes,
      at,
      flush: (marks & flags.flush) !== 0n,
      forced: (marks & flags.forced) !== 0n,
      discard,
    });
    if (!discard) at += bytes;
  }
  return entries;
}

/** The requests that reached the disk when the power went after `count`: all, or all that had to and of the rest a part. */
export function survivors(entries: readonly Entry[], count: number, keep: (() => boolean) | null): readonly Entry[] {
  const before = entries.slice(0, count);
  if (keep === null) return before;
  const flushed = before.findLastIndex(({ flush }) => flush);
  return before.filter(({ forced }, index) => index <= flushed || forced || keep());
}

/** A partition as the requests leave it, from what it was. */
export function rebuild(base: string, log: string, entries: readonly Entry[], path: string): void {
  copyFileSync(base, path);
  const [from, to] = [openSync(log, 'r'), openSync(path, 'r+')];
  try {
    for (const { sector, bytes, at, discard } of entries) {
      const place = sector * sectorBytes - partitionBytes;
      if (bytes === 0 || discard || place < 0) continue;
      const content = Buffer.alloc(bytes);
      readSync(from, content, 0, bytes, at);
      writeSync(to, content, 0, bytes, place);
    }
  } finally {
    closeSync(from);
    closeSync(to);
  }
}

/** The partition of a data disk of a machine that is off, as a file. */
export async function takePartition(disk: string, path: string): Promise<void> {
  const whole = `${path}.disk`;
  await tool('qemu-img', 'convert', '-O', 'raw', disk, whole);
  await execute('dd', [`if=${whole}`, `of=${path}`, 'bs=1M', 'skip=1', 'conv=sparse', 'status=none']);
  rmSync(whole);
}

/** What the agent would find: the file system is repaired as at boot, and read by the agent's own code. */
export async function inspect(partition: string, folder: string): Promise<Found> {
  const wrong: string[] = [];
  const checked = await execute(findProgram('e2fsck') ?? 'e2fsck', ['-p', partition]).catch((error) => error);
  if (Number(checked.code ?? 0) >= 4) wrong.push(`e2fsck: ${checked.stdout}`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const dump = `rdump ${kept.map((name) => `/${name}`).join(' ')} ${folder}`;
  await tool('debugfs', '-R', dump, partition);
  const disk = await openDisk(folder, realFiles);
  const read = await disk.read();
  for (const { number, content } of read.generations)
    if (!content.ok) wrong.push(`generation ${number}: ${JSON.stringify(content.fault)}`);
  const restored = restore(read, instant(0));
  if (!restored.ok) return { revision: null, tries: 0, wrong: [...wrong, JSON.stringify(restored.fault)], folder };
  const { durable, counters, faults } = restored.value;
  return {
    revision: revisionIn(durable.policy),
    tries: counters.tries,
    wrong: [...wrong, ...faults.map(({ code }) => code)],
    folder,
  };
}

/** In the payload of a signed document (RFC 7515, compact). */
function revisionIn(policy: string | null): number | null {
  if (policy === null) return null;
  const [, payload = ''] = policy.split('.');
  return (JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as { rev: number }).rev;
}

/** The file that a careless writer left, or null. */
export function canaryIn({ folder }: Found): string | null {
  try {
    return readFileSync(join(folder, 'canary'), 'utf8').trim();
  } catch {
    return null;
  }
}
