/**
 * Audit events that wait for the server: `events.log` in the state directory, one line an event,
 *
 *     <sequence number> <first 16 hex digits of SHA-256 over number, blank and JSON> <JSON>
 *
 * appended and synced one by one. A line that a cut tore is left out at the next start, and so is a damaged one. Bounded:
 * the oldest give way first. Dropping acknowledged events is lazy, so a restart may show some of them again.
 */
import { join } from 'node:path';
import { bad, good, type Result } from '../../protocol/fault.ts';
import { maxEventBytes } from '../../protocol/limits.ts';
import type { AuditEvent } from '../../protocol/schema.ts';
import { read } from '../../protocol/validate.ts';
import { diskFault, errnoOf, type Files } from './files.ts';
import { digestOf } from './manifest.ts';
import { makeTurns } from './turns.ts';
import { fileMode, quietly, writeAnew } from './whole-file.ts';

export type Spool = {
  /**
   * The event is durable when it answers, except after `disk-full`, `disk-failed` or `too-large`. `events-dropped` says how
   * many others gave way to it, or were found damaged. One that is there already is not appended again.
   */
  readonly append: (event: AuditEvent) => Promise<Result<null>>;
  /** The oldest events above a sequence number, at most `maxRead`. */
  readonly read: (above: number) => Promise<readonly AuditEvent[]>;
  /** Those up to and including a sequence number are safe elsewhere. */
  readonly drop: (upTo: number) => Promise<Result<null>>;
  /** The highest sequence number that waits, 0 when none does. */
  readonly last: () => number;
  /** Lines that could not be read at the start, or 1 for a whole file put aside. */
  readonly damaged: number;
};

type Line = { readonly seq: number; readonly offset: number; readonly length: number };
type State = {
  readonly path: string;
  readonly folder: string;
  readonly files: Files;
  readonly limitBytes: number;
  /** What counts, oldest first. */
  lines: Line[];
  size: number;
  /** The end of the file is not what it should be. */
  torn: boolean;
  /** Dropped and not told yet. */
  dropped: number;
};

export const maxRead = 256;
const defaultLimitBytes = 2 * 1024 * 1024;
const newline = 0x0a;
const lineShape = /^([0-9]{1,16}) ([0-9a-f]{16}) (\{.*\})$/;

/** A spool that cannot be read is put aside as `events.damaged`: audit never keeps the agent from its work. */
export async function openSpool(folder: string, files: Files, limitBytes = defaultLimitBytes): Promise<Spool> {
  const state: State = {
    path: join(folder, 'events.log'),
    folder,
    files,
    limitBytes,
    lines: [],
    size: 0,
    torn: false,
    dropped: 0,
  };
  try {
    const bytes = await contentOf(state);
    if (bytes.length > 0) await settle(state);
    index(state, bytes);
  } catch (error) {
    if (errnoOf(error) === null) throw error;
    state.dropped = 1;
    await quietly(() => files.rename(state.path, join(folder, 'events.damaged')));
  }
  const inTurn = makeTurns();
  const writing = (run: () => Promise<Result<null>>): Promise<Result<null>> =>
    inTurn(async () => {
      try {
        return await run();
      } catch (error) {
        return { ok: false, fault: diskFault(error, 'events') };
      }
    });
  return {
    append: (event) => writing(() => append(state, event)),
    read: (above) => inTurn(() => readAbove(state, above)),
    drop: (upTo) => writing(() => drop(state, upTo)),
    last: () => state.lines.at(-1)?.seq ?? 0,
    damaged: state.dropped,
  };
}

/** What a killed process wrote is in the cache, and may not be on the disk. */
async function settle({ files, folder, path }: State): Promise<void> {
  await quietly(async () => {
    const file = await files.open(path, 'append', fileMode);
    try {
      await file.sync();
    } finally {
      await file.close();
    }
    await files.syncDirectory(folder);
  });
}

function index(state: State, bytes: Buffer): void {
  const lines: Line[] = [];
  for (let offset = 0; offset < bytes.length; ) {
    const end = bytes.indexOf(newline, offset);
    const length = (end < 0 ? bytes.length : end + 1) - offset;
    const seq = end < 0 ? null : seqOf(bytes.subarray(offset, end));
    if (seq !== null && seq > (lines.at(-1)?.seq ?? -1)) lines.push({ seq, offset, length });
    else if (end < 0) state.torn = true;
    else state.dropped += 1;
    offset += length;
  }
  state.lines = lines;
  state.size = bytes.length;
}

async function append(state: State, event: AuditEvent): Promise<Result<null>> {
  const { files, folder, limitBytes, path } = state;
  if (event.seq <= (state.lines.at(-1)?.seq ?? -1)) return good(null);
  const json = JSON.stringify(event);
  if (Buffer.byteLength(json) > maxEventBytes) return bad('too-large', { limit: maxEventBytes });
  const line = Buffer.from(`${event.seq} ${checkOf(event.seq, json)} ${json}\n`, 'utf8');
  if (state.torn || state.size + line.length > limitBytes) await makeRoom(state, line.length);
  const isNew = state.size === 0;
  state.torn = true;
  const file = await files.open(path, 'append', fileMode);
  try {
    await file.write(line);
    await file.sync();
  } finally {
    await file.close();
  }
  if (isNew) await files.syncDirectory(folder);
  state.lines.push({ seq: event.seq, offset: state.size, length: line.length });
  state.size += line.length;
  state.torn = false;
  const { dropped } = state;
  state.dropped = 0;
  return dropped > 0 ? bad('events-dropped', { count: dropped }) : good(null);
}

async function readAbove(state: State, above: number): Promise<readonly AuditEvent[]> {
  const wanted = state.lines.filter(({ seq }) => seq > above).slice(0, maxRead);
  if (wanted.length === 0) return [];
  const bytes = await contentOf(state);
  return wanted.flatMap(({ offset, length }) => {
    const json = lineShape.exec(Buffer.from(bytes.subarray(offset, offset + length - 1)).toString('utf8'))?.[3];
    const event = json === undefined ? null : read('auditEvent', Buffer.from(json, 'utf8'), maxEventBytes);
    return event?.ok ? [event.value] : [];
  });
}

async function drop(state: State, upTo: number): Promise<Result<null>> {
  state.lines = state.lines.filter(({ seq }) => seq > upTo);
  const living = bytesOf(state.lines);
  if (state.size > 0 && (living === 0 || living < state.size / 2)) await rewrite(state);
  return good(null);
}

/** The oldest go until a quarter of the bound is free, so that not every event costs a rewrite. */
async function makeRoom(state: State, wanted: number): Promise<void> {
  let living = bytesOf(state.lines) + wanted;
  const goal = living > state.limitBytes ? state.limitBytes * 0.75 : state.limitBytes;
  let gone = 0;
  for (const { length } of state.lines) {
    if (living <= goal) break;
    living -= length;
    gone += 1;
  }
  await rewrite(state, state.lines.slice(gone));
  state.dropped += gone;
}

async function rewrite(state: State, lines = state.lines): Promise<void> {
  const { files, folder, path } = state;
  const before = await contentOf(state);
  const kept = lines.map(({ offset, length }) => before.subarray(offset, offset + length));
  const bytes = Buffer.concat(kept);
  await (await writeAnew(files, `${path}.new`, bytes)).finish();
  await files.rename(`${path}.new`, path);
  let offset = 0;
  state.lines = lines.map(({ seq, length }) => {
    offset += length;
    return { seq, offset: offset - length, length };
  });
  state.size = bytes.length;
  state.torn = false;
  await files.syncDirectory(folder);
}

async function contentOf({ files, path }: State): Promise<Buffer> {
  try {
    return Buffer.from(await files.read(path));
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
    return Buffer.alloc(0);
  }
}

function seqOf(line: Uint8Array): number | null {
  const [, seq, check, json] = lineShape.exec(Buffer.from(line).toString('utf8')) ?? [];
  return seq !== undefined && json !== undefined && check === checkOf(Number(seq), json) ? Number(seq) : null;
}

const checkOf = (seq: number, json: string): string => digestOf(`${seq} ${json}`).slice(0, 16);
const bytesOf = (lines: readonly Line[]): number => lines.reduce((total, { length }) => total + length, 0);
