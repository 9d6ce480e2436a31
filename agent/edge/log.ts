/**
 * The two logs of the device: what happened (`event`, 150 MB), which a person may read, and the audit log (512 MB), which
 * leaves the device for the log server and is readable through nothing here but the forwarder.
 *
 * A log is a row of segments `<name>.<number of its first record>`, appended to and never rewritten; each begins with the
 * version of the product. When a log is full its oldest segment goes, and a record says how many went with it, from when
 * to when, and how many of them no log server has. What a cut tore is left where it is, and a new segment begun behind it.
 */
import type { Facts, Result } from '../../protocol/fault.ts';
import type { LogPage, Severity } from '../../protocol/local.ts';
import type { Instant } from '../../protocol/time.ts';
import type { Files } from './files.ts';
import { severities } from './log-line.ts';
import { type Bookmark, readForward, readPage } from './log-segments.ts';
import { append, giveWay, restore, sync, type Writing } from './log-writing.ts';
import { makeTurns } from './turns.ts';
import { quietly } from './whole-file.ts';

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

const groupMs = 1000;
const urgent = severities.indexOf('warn');

/** A log that cannot be read begins anew behind what is there: nothing keeps the agent from its work. */
export async function openLog(order: LogOrder): Promise<Log> {
  const { files } = order;
  const state: Writing = {
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
