/** The files a log is made of: what is there, its lines, and how it is read, forwards for the log server and backwards for a person. */
import { join } from 'node:path';
import type { LogPage, LogRecord, Severity } from '../../protocol/local.ts';
import { errnoOf, type Files } from './files.ts';
import { formatFields } from './journal.ts';
import type { PageWish, StoredRecord } from './log.ts';
import { readLine, severities, severityOf } from './log-line.ts';

export type Segment = {
  readonly first: number;
  readonly path: string;
  size: number;
  /** Of these bytes a power cut takes none. */
  durable: number;
  /** Bits of the severities in it; null: not known. */
  mask: number | null;
};
/** Up to where a reader has come. */
export type Bookmark = { readonly segment: Segment; readonly offset: number };
export type Stretch = {
  readonly records: readonly StoredRecord[];
  /** All up to this number are told, damaged or gone. */
  readonly reached: number;
  readonly bookmark: Bookmark | null;
};

const newline = 0x0a;
const chunkBytes = 64 * 1024;
const longestText = 2000;
const mostRecords = 1000;

export const pathOf = (folder: string, name: string, first: number): string =>
  join(folder, `${name}.${String(first).padStart(16, '0')}`);

/** Oldest first; empty files are none. */
export async function listSegments(files: Files, folder: string, name: string): Promise<Segment[]> {
  const found: Segment[] = [];
  for (const each of await files.list(folder)) {
    const digits = each.startsWith(`${name}.`) ? each.slice(name.length + 1) : '';
    if (!/^[0-9]{16}$/.test(digits)) continue;
    const path = join(folder, each);
    const { kind, size } = await files.stat(path);
    if (kind === 'file' && Number(digits) > 0)
      found.push({ first: Number(digits), path, size, durable: size, mask: null });
  }
  return found.sort((one, other) => one.first - other.first);
}

export const bitOf = (severity: Severity): number => 1 << severities.indexOf(severity);

/** Whole lines, without their ends. */
export function linesOf(bytes: Uint8Array): Buffer[] {
  const lines: Buffer[] = [];
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let from = 0;
  for (let end = all.indexOf(newline, from); end >= 0; end = all.indexOf(newline, from)) {
    lines.push(all.subarray(from, end));
    from = end + 1;
  }
  return lines;
}

/** Durable records above a number, oldest first, of about `bytes` of lines. */
export async function readForward(
  files: Files,
  segments: readonly Segment[],
  above: number,
  bytes: number,
  bookmark: Bookmark | null,
): Promise<Stretch> {
  const records: StoredRecord[] = [];
  let at = bookmark && segments.includes(bookmark.segment) ? bookmark : startFor(segments, above);
  let reached = above;
  let taken = 0;
  while (at && taken < bytes) {
    const { segment } = at;
    let { offset } = at;
    const chunk = await partOf(files, segment.path, offset, Math.min(chunkBytes, segment.durable - offset));
    for (const line of linesOf(chunk)) {
      if (taken >= bytes) break;
      offset += line.length + 1;
      const found = readLine(line);
      if (!found || found.seq <= reached) continue;
      records.push(found);
      reached = found.seq;
      taken += line.length + 1;
    }
    if (offset > at.offset) {
      at = { segment, offset };
      continue;
    }
    const next: Segment | undefined = segments[segments.indexOf(segment) + 1];
    if (!next) break;
    reached = Math.max(reached, next.first - 1);
    at = { segment: next, offset: 0 };
  }
  return { records, reached, bookmark: at };
}

/** Newest first. A segment without a record of the severity is read once. */
export async function readPage(files: Files, segments: readonly Segment[], wish: PageWish): Promise<LogPage> {
  const least = severities.indexOf(wish.severity);
  const wanted = ((1 << severities.length) - 1) & ~((1 << least) - 1);
  const limit = Math.min(Math.max(wish.limit, 0), mostRecords);
  const before = wish.before ?? Number.POSITIVE_INFINITY;
  const records: LogRecord[] = [];
  for (const segment of [...segments].reverse()) {
    if (segment.first >= before) continue;
    if (segment.mask !== null && (segment.mask & wanted) === 0) continue;
    const lines = linesOf(await partOf(files, segment.path, 0, segment.size));
    segment.mask ??= lines.reduce((mask, line) => mask | maskOf(line), 0);
    for (const line of lines.reverse()) {
      if ((maskOf(line) & wanted) === 0) continue;
      const found = readLine(line);
      if (!found || found.seq >= before) continue;
      if (records.length >= limit) return { records, more: true };
      records.push(shownOf(found));
    }
  }
  return { records, more: false };
}

/** Empty where there is nothing to read, or no file any more. */
export async function partOf(files: Files, path: string, offset: number, length: number): Promise<Uint8Array> {
  if (length <= 0) return new Uint8Array();
  try {
    return await files.readPart(path, offset, length);
  } catch (error) {
    if (errnoOf(error) === null) throw error;
    return new Uint8Array();
  }
}

function startFor(segments: readonly Segment[], above: number): Bookmark | null {
  const segment = segments.findLast(({ first }) => first <= above + 1) ?? segments[0];
  return segment ? { segment, offset: 0 } : null;
}

function maskOf(line: Buffer): number {
  const severity = severityOf(line);
  return severity === null ? 0 : bitOf(severity);
}

const shownOf = ({ at, component, facts, seq, severity, text }: StoredRecord): LogRecord => ({
  seq,
  at,
  severity,
  component,
  text: formatFields(text, facts).slice(0, longestText),
});
