/**
 * How long a device is usually away, and whether it will be back before a switch of the server's certificate (B10). A device
 * that holds the reserve already cannot miss the switch; one that is connected gets the reserve in the minutes it is
 * published; of any other its longest absence so far says when to expect it.
 */
import { hourMs, type Instant, instant } from '../../protocol/time.ts';

export type Absence = {
  /** Since when it has not been heard of; null while it is connected, and before it ever was. */
  readonly since: Instant | null;
  /** Lengths of earlier absences in ms, oldest first. */
  readonly lengths: readonly number[];
};
export const verdicts = ['holds', 'connected', 'expected', 'late', 'overdue', 'unknown'] as const;
/** `late`: usually back only after the switch. `overdue`: away longer than ever. `unknown`: away, and never was before. */
export type Verdict = (typeof verdicts)[number];
export type Outlook = {
  readonly verdict: Verdict;
  /** Its longest absence in ms; null where it never was away. */
  readonly longestMs: number | null;
  /** When it would be back if it is away as long as it ever was. */
  readonly backBy: Instant | null;
};

/** What is shorter is a restart or a cable, and tells nothing of habits. */
export const shortestMs = hourMs;
/** A month of nights, weekends and a holiday or two. */
const kept = 40;

export const neverAway: Absence = { since: null, lengths: [] };

/** It was heard of at `now`, and is connected from then on or not (by check-in it comes and goes). */
export function heardOf({ since, lengths }: Absence, now: Instant, connected: boolean): Absence {
  const length = since === null ? 0 : now - since;
  const all = length >= shortestMs ? [...lengths, length].slice(-kept) : lengths;
  return { since: connected ? null : now, lengths: all };
}

export function outlookOf({ since, lengths }: Absence, holds: boolean, now: Instant, switchAt: Instant): Outlook {
  const longestMs = lengths.length === 0 ? null : Math.max(...lengths);
  const backBy = since === null || longestMs === null ? null : instant(since + longestMs);
  return { verdict: verdictOf(since, backBy, holds, now, switchAt), longestMs, backBy };
}

function verdictOf(
  since: Instant | null,
  backBy: Instant | null,
  holds: boolean,
  now: Instant,
  switchAt: Instant,
): Verdict {
  if (holds) return 'holds';
  if (since === null) return 'connected';
  // By check-in it comes and goes within the hour, which is no absence.
  if (now - since < shortestMs) return 'connected';
  if (backBy === null) return 'unknown';
  if (backBy <= now) return 'overdue';
  return backBy < switchAt ? 'expected' : 'late';
}

/** Those that would miss the switch unless something is done. */
export const isAtRisk = (verdict: Verdict): boolean =>
  verdict === 'late' || verdict === 'overdue' || verdict === 'unknown';
