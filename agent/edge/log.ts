/**
 * The two logs of the device: what happened (`event`, 150 MB), which a person may read, and the audit log (512 MB), which
 * leaves the device for the log server and is readable through nothing here but the forwarder.
 */
import type { Facts, Result } from '../../protocol/fault.ts';
import type { LogPage, Severity } from '../../protocol/local.ts';
import type { Instant } from '../../protocol/time.ts';

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
  /** Numbered at once; durable when it answers, except after a fault of the disk. */
  readonly append: (draft: LogDraft) => Promise<Result<null>>;
};
export type LogReader = {
  readonly page: (wish: PageWish) => Promise<LogPage>;
};
/** The event log, as the control API and the journal see it. */
export type EventLog = LogWriter & LogReader;
