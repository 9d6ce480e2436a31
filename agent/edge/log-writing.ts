/**
 * What one log (`log.ts`) does to its segments: found again at start, appended to, begun, made durable, dropped. One call at a
 * time; `openLog` takes turns.
 */
import { type Facts, type Fault, good, type Result } from '../../protocol/fault.ts';
import type { Severity } from '../../protocol/local.ts';
import { type Instant, instant } from '../../protocol/time.ts';
import { diskFault, errnoOf, type OpenFile } from './files.ts';
import type { LogDraft, LogOrder } from './log.ts';
import { readLine, writeLine } from './log-line.ts';
import { bitOf, linesOf, listSegments, partOf, pathOf, type Segment } from './log-segments.ts';
import { fileMode, quietly } from './whole-file.ts';

/** `from` is the earliest time and `to` the latest, whichever way the clock went between. */
type Lost = { readonly count: number; readonly unsent: number; readonly from: Instant; readonly to: Instant };
type Failure = { readonly ok: false; readonly fault: Fault };
export type Writing = {
  readonly order: LogOrder;
  readonly segments: Segment[];
  /** Number of the last record written. */
  written: number;
  sent: number;
  /** The last segment, where it may be appended to. */
  file: OpenFile | null;
  /** Gave way, and the log does not say so yet. */
  lost: Lost | null;
  /** The log says so, and that is not durable yet. */
  told: boolean;
  dropped: number;
  quiet: { readonly untilMs: number; readonly why: Failure } | null;
};

/** After a fault of the disk the log is quiet for as long. */
const quietMs = 10_000;
/** What giving way frees at once, where there is so much. */
const wayBytes = 1024 * 1024;

/** What a killed process wrote is in the cache, and may not be on the disk. */
export async function restore(state: Writing): Promise<void> {
  const { files, folder, name } = state.order;
  state.segments.push(...(await listSegments(files, folder, name)));
  const last = state.segments.at(-1);
  if (!last) return;
  const file = await files.open(last.path, 'append', fileMode);
  await file.sync();
  await files.syncDirectory(folder);
  const bytes = await partOf(files, last.path, 0, last.size);
  const lines = linesOf(bytes);
  const records = lines.map(readLine);
  const highest = records.reduce((seq, found) => Math.max(seq, found?.seq ?? 0), last.first - 1);
  state.written = Math.max(state.written, highest);
  const whole = lines.reduce((size, line) => size + line.length + 1, 0) === last.size;
  if (whole && records.at(-1)?.seq === state.written) state.file = file;
  else await file.close();
}

/** Room is made once out of what the log has itself; without it the log is quiet for a while. */
export async function append(state: Writing, draft: LogDraft): Promise<Result<null>> {
  const one = { count: 1, unsent: 1, from: draft.at, to: draft.at };
  if (state.quiet && state.order.uptimeMs() < state.quiet.untilMs) {
    lose(state, one);
    return state.quiet.why;
  }
  for (let tries = 1; ; tries++) {
    try {
      await write(state, draft);
      state.quiet = null;
      return good(null);
    } catch (error) {
      const why = diskFault(error, `log ${state.order.name}`);
      await leave(state);
      if (tries === 1 && why.code === 'disk-full' && (await quietlyDrop(state)) > 0) continue;
      state.quiet = { untilMs: state.order.uptimeMs() + quietMs, why: { ok: false, fault: why } };
      lose(state, one);
      return state.quiet.why;
    }
  }
}

async function write(state: Writing, draft: LogDraft): Promise<void> {
  const { segmentBytes } = state.order;
  const size = state.segments.at(-1)?.size ?? 0;
  if (!state.file || size + writeLine(state.written + 1, draft).length > segmentBytes) await roll(state);
  if (state.lost) {
    const { count, from, to, unsent } = state.lost;
    const times = { from: new Date(from).toISOString(), to: new Date(to).toISOString() };
    await put(state, ownRecord(state, unsent > 0 ? 'warn' : 'info', 'records gave way', { count, unsent, ...times }));
    state.lost = null;
    state.told = true;
  }
  await put(state, draft);
}

/** The segment before is whole and durable when the next one begins. */
async function roll(state: Writing): Promise<void> {
  const { files, folder, limitBytes, name, segmentBytes, version } = state.order;
  const before = state.segments.at(-1);
  if (state.file && before) {
    await state.file.sync();
    before.durable = before.size;
    await leave(state);
  }
  while (state.segments.length > 0 && sizeOf(state.segments) + segmentBytes > limitBytes) await dropOldest(state);
  const first = state.written + 1;
  const path = pathOf(folder, name, first);
  // There is one of this name where nothing of it could be read.
  if (state.segments.at(-1)?.path === path) state.segments.pop();
  try {
    await files.unlink(path);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
  state.file = await files.open(path, 'create', fileMode);
  state.segments.push({ first, path, size: 0, durable: 0, mask: 0 });
  await files.syncDirectory(folder);
  await put(state, ownRecord(state, 'info', 'log begins', { version }));
}

async function put(state: Writing, draft: LogDraft): Promise<void> {
  const segment = state.segments.at(-1);
  if (!state.file || !segment) throw new Error('no segment is open');
  const line = writeLine(state.written + 1, draft);
  await state.file.write(line);
  state.written += 1;
  segment.size += line.length;
  if (segment.mask !== null) segment.mask |= bitOf(draft.severity);
}

export async function sync(state: Writing): Promise<Result<null>> {
  const segment = state.segments.at(-1);
  if (!state.file || !segment || segment.durable === segment.size) return good(null);
  try {
    await state.file.sync();
    segment.durable = segment.size;
    state.told = false;
    return good(null);
  } catch (error) {
    await leave(state);
    return { ok: false, fault: diskFault(error, `log ${state.order.name}`) };
  }
}

/** After a fault nobody knows how much of a line is there: what follows belongs into another segment. */
async function leave(state: Writing): Promise<void> {
  const { file } = state;
  const segment = state.segments.at(-1);
  state.file = null;
  if (!file || !segment) return;
  await quietly(async () => {
    if (segment.durable < segment.size) await file.sync();
    segment.durable = segment.size;
  });
  await quietly(() => file.close());
}

async function dropOldest(state: Writing): Promise<number> {
  const { files } = state.order;
  const [oldest] = state.segments;
  if (!oldest) return 0;
  if (state.segments.length === 1) await leave(state);
  const records = linesOf(await partOf(files, oldest.path, 0, oldest.size)).flatMap((line) => readLine(line) ?? []);
  await files.unlink(oldest.path);
  state.segments.shift();
  for (const { at, seq } of records) lose(state, { count: 1, unsent: seq > state.sent ? 1 : 0, from: at, to: at });
  return oldest.size;
}

async function quietlyDrop(state: Writing): Promise<number> {
  let freed = 0;
  await quietly(async () => {
    freed = await dropOldest(state);
  });
  return freed;
}

export async function giveWay(state: Writing): Promise<number> {
  let freed = 0;
  while (freed < wayBytes && state.segments.length > 0) {
    const more = await quietlyDrop(state);
    if (more === 0) break;
    freed += more;
  }
  return freed;
}

function lose(state: Writing, also: Lost): void {
  state.dropped += also.unsent;
  const { lost } = state;
  state.lost = lost
    ? {
        count: lost.count + also.count,
        unsent: lost.unsent + also.unsent,
        from: instant(Math.min(lost.from, also.from)),
        to: instant(Math.max(lost.to, also.to)),
      }
    : also;
}

const sizeOf = (segments: readonly Segment[]): number => segments.reduce((sum, { size }) => sum + size, 0);

const ownRecord = (state: Writing, severity: Severity, text: string, facts: Facts): LogDraft => ({
  at: state.order.now(),
  severity,
  component: 'log',
  text,
  facts,
});
