/**
 * The two logs of the device: what happened (`event`, 150 MB), which a person may read, and the audit log (512 MB), which
 * leaves the device for the log server and is readable through nothing here but the forwarder.
 *
 * A log is a row of segments `<name>.<number of its first record>`, appended to and never rewritten; each begins with the
 * version of the product. When a log is full its oldest segment goes, and a record says how many went with it, from when
 * to when, and how many of them no log server has. What a cut tore is left where it is, and a new segment begun behind it.
 */
import { type Facts, type Fault, good, type Result } from '../../protocol/fault.ts';
import type { LogPage, Severity } from '../../protocol/local.ts';
import { type Instant, instant } from '../../protocol/time.ts';
import { diskFault, errnoOf, type Files, type OpenFile } from './files.ts';
import { readLine, severities, writeLine } from './log-line.ts';
import {
  type Bookmark,
  bitOf,
  linesOf,
  listSegments,
  partOf,
  pathOf,
  readForward,
  readPage,
  type Segment,
} from './log-segments.ts';
import { makeTurns } from './turns.ts';
import { fileMode, quietly } from './whole-file.ts';

/** What is to be recorded; the log numbers it. */
export type LogDraft = {
  readonly at: Instant;
  readonly severity: Severity;
  /** A short word: which part of the device speaks. */
  readonly component: string;
  readonly text: string;
  /** What the text is about: fault code and facts, or the facts of an audit event. */
  readonly facts: Facts;
};
export type StoredRecord = LogDraft & {
  /** From 1, without gaps but for what gave way. */
  readonly seq: number;
};

/** Newest first: of this severity and above, below a number (null: from the newest on). */
export type PageWish = { readonly severity: Severity; readonly before: number | null; readonly limit: number };

export type LogWriter = {
  /**
   * Written when it answers, and durable where the log syncs each, the severity is `warn` or above, or others gave way to it;
   * the rest is durable a second later. After a fault of the disk it is counted as given way, and the log tries again later.
   */
  readonly append: (draft: LogDraft) => Promise<Result<null>>;
};
export type LogReader = {
  readonly page: (wish: PageWish) => Promise<LogPage>;
};
/** The event log, as the control API and the journal see it. */
export type EventLog = LogWriter & LogReader;

/** All there is of a log. `unsent` and `dropped` know only what `sent` was told. */
export type Log = EventLog & {
  /** Durable records above a number, oldest first, of about as many bytes; all up to `reached` are told or damaged. */
  readonly read: (
    above: number,
    bytes: number,
  ) => Promise<{ readonly records: readonly StoredRecord[]; readonly reached: number }>;
  /** The log server has those up to this number, or, after an unclean end, only these. */
  readonly sent: (upTo: number) => void;
  readonly unsent: () => number;
  /** Records that gave way unsent since the start. */
  readonly dropped: () => number;
  /** Called when more is durable or gave way; one listener. */
  readonly listen: (heard: () => void) => void;
  /** Makes all of it durable. */
  readonly sync: () => Promise<Result<null>>;
  /** The oldest part goes, for the good of what matters more; gives the bytes it had. */
  readonly giveWay: () => Promise<number>;
};

export type LogOrder = {
  readonly folder: string;
  readonly name: string;
  readonly files: Files;
  readonly limitBytes: number;
  /** What goes at once when the log is full. */
  readonly segmentBytes: number;
  readonly syncEach: boolean;
  readonly version: string;
  readonly now: () => Instant;
  readonly uptimeMs: () => number;
  /** The log server has those up to this number. */
  readonly sent: number;
};

/** `from` is the earliest time and `to` the latest, whichever way the clock went between. */
type Lost = { readonly count: number; readonly unsent: number; readonly from: Instant; readonly to: Instant };
type Failure = { readonly ok: false; readonly fault: Fault };
type State = {
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

const groupMs = 1000;
/** After a fault of the disk the log is quiet for as long. */
const quietMs = 10_000;
/** What giving way frees at once, where there is so much. */
const wayBytes = 1024 * 1024;
const urgent = severities.indexOf('warn');

/** A log that cannot be read begins anew behind what is there: nothing keeps the agent from its work. */
export async function openLog(order: LogOrder): Promise<Log> {
  const { files } = order;
  const state: State = {
    order,
    segments: [],
    written: order.sent,
    sent: order.sent,
    file: null,
    lost: null,
    told: false,
    dropped: 0,
    quiet: null,
  };
  await quietly(() => restore(state));
  const inTurn = makeTurns();
  let heard = (): void => {};
  let syncing: Promise<Result<null>> | null = null;
  let timer: NodeJS.Timeout | undefined;
  let bookmark: (Bookmark & { readonly seq: number }) | null = null;

  /** One sync for all that was appended until it begins. */
  const syncSoon = (): Promise<Result<null>> => {
    syncing ??= inTurn(async () => {
      syncing = null;
      clearTimeout(timer);
      timer = undefined;
      const done = await sync(state);
      heard();
      return done;
    });
    return syncing;
  };
  return {
    append: async (draft) => {
      const done = await inTurn(() => append(state, draft));
      if (!done.ok) heard();
      if (!done.ok) return done;
      if (order.syncEach || state.told || severities.indexOf(draft.severity) >= urgent) return syncSoon();
      timer ??= setTimeout(() => void syncSoon(), groupMs).unref();
      return done;
    },
    page: (wish) => inTurn(() => readPage(files, state.segments, wish)),
    read: (above, bytes) =>
      inTurn(async () => {
        const known = bookmark?.seq === above ? bookmark : null;
        const stretch = await readForward(files, state.segments, above, bytes, known);
        bookmark = stretch.bookmark && { ...stretch.bookmark, seq: stretch.reached };
        return stretch;
      }),
    sent: (upTo) => {
      state.sent = upTo;
    },
    unsent: () => state.written - Math.max(state.sent, (state.segments[0]?.first ?? state.written + 1) - 1),
    dropped: () => state.dropped,
    listen: (hear) => {
      heard = hear;
    },
    sync: syncSoon,
    giveWay: () => inTurn(() => giveWay(state)),
  };
}

/** What a killed process wrote is in the cache, and may not be on the disk. */
async function restore(state: State): Promise<void> {
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
async function append(state: State, draft: LogDraft): Promise<Result<null>> {
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

async function write(state: State, draft: LogDraft): Promise<void> {
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
async function roll(state: State): Promise<void> {
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

async function put(state: State, draft: LogDraft): Promise<void> {
  const segment = state.segments.at(-1);
  if (!state.file || !segment) throw new Error('no segment is open');
  const line = writeLine(state.written + 1, draft);
  await state.file.write(line);
  state.written += 1;
  segment.size += line.length;
  if (segment.mask !== null) segment.mask |= bitOf(draft.severity);
}

async function sync(state: State): Promise<Result<null>> {
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
async function leave(state: State): Promise<void> {
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

async function dropOldest(state: State): Promise<number> {
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

async function quietlyDrop(state: State): Promise<number> {
  let freed = 0;
  await quietly(async () => {
    freed = await dropOldest(state);
  });
  return freed;
}

async function giveWay(state: State): Promise<number> {
  let freed = 0;
  while (freed < wayBytes && state.segments.length > 0) {
    const more = await quietlyDrop(state);
    if (more === 0) break;
    freed += more;
  }
  return freed;
}

function lose(state: State, also: Lost): void {
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

const ownRecord = (state: State, severity: Severity, text: string, facts: Facts): LogDraft => ({
  at: state.order.now(),
  severity,
  component: 'log',
  text,
  facts,
});
