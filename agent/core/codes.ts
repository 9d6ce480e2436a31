/**
 * Requests for an administrator's code, and the lock-out against guessing. At most three requests pend, one per
 * certificate or action, each for 24 hours of powered-on time, the same code however often reopened. Count and lock are one for all
 * actions, saved before the answer is shown, and only a right code resets them (F38).
 */
import { fromBase64 } from '../../protocol/certificate.ts';
import {
  counterSpan,
  formatCode,
  makeConfirmation,
  parseReplacement,
  replacementMatches,
} from '../../protocol/codes.ts';
import { bad, good, type Result } from '../../protocol/fault.ts';
import { dayMs, hourMs, minuteMs } from '../../protocol/time.ts';
import type { CodeRequest, Counters } from './durable.ts';

export type Secret = { readonly deviceId: string; readonly secretHex: string };
/** What a code is asked for. A certificate belongs to action 1 alone. */
export type Wanted = Pick<CodeRequest, 'action' | 'certificate'>;

const maxRequests = 3;
const requestLifetimeMs = dayMs;
const freeTries = 5;
const firstLockMs = 15 * minuteMs;
const longestLockMs = 24 * hourMs;

/** What was asked after now, was asked before the powered-on time was lost: how long ago cannot be told. */
export const live = (requests: readonly CodeRequest[], poweredMs: number): readonly CodeRequest[] =>
  requests.filter(({ askedAtMs }) => askedAtMs <= poweredMs && poweredMs - askedAtMs < requestLifetimeMs);

/** The pending request for the same, or a new one; the oldest gives way to a fourth. */
export function requestCode(
  requests: readonly CodeRequest[],
  counters: Counters,
  wanted: Wanted,
  poweredMs: number,
  random: number,
): {
  readonly requests: readonly CodeRequest[];
  readonly counters: Counters;
  readonly request: CodeRequest;
  readonly isNew: boolean;
} {
  const pending = live(requests, poweredMs);
  const known = pending.find((each) => each.action === wanted.action && each.certificate === wanted.certificate);
  if (known) return { requests: pending, counters, request: known, isNew: false };
  const counter =
    counters.codeCounter === null ? Math.floor(random * counterSpan) : (counters.codeCounter + 1) % counterSpan;
  const request: CodeRequest = { ...wanted, counter, askedAtMs: poweredMs };
  return {
    requests: [...pending, request].slice(-maxRequests),
    counters: { ...counters, codeCounter: counter },
    request,
    isNew: true,
  };
}

/** What the person reads out, grouped by four. */
export const confirmationOf = (pending: CodeRequest, secret: Secret): string =>
  formatCode(
    makeConfirmation({
      ...subject(pending, secret),
      action: pending.action,
      counter: pending.counter,
    }),
  );

/**
 * Tries a typed code against all pending requests and counts once.
 * Faults: `code-not-asked`, `code-typo` (costs nothing), `code-locked`, `code-wrong`.
 */
export function tryCode(
  typed: string,
  requests: readonly CodeRequest[],
  counters: Counters,
  secret: Secret,
  poweredMs: number,
): { readonly result: Result<CodeRequest>; readonly counters: Counters } {
  const pending = live(requests, poweredMs);
  if (pending.length === 0) return { result: bad('code-not-asked'), counters };
  const locked = lockedForMs(counters, poweredMs);
  if (locked > 0) return { result: bad('code-locked', { lockedForMs: locked }), counters };
  const code = parseReplacement(typed);
  if (!code.ok) return { result: code, counters };
  const match = pending.find((each) =>
    replacementMatches(code.value, { ...subject(each, secret), question: questionOf(each, secret) }),
  );
  if (match) return { result: good(match), counters: { ...counters, tries: 0, lockedUntilMs: 0 } };
  const tries = counters.tries + 1;
  const lockMs = tries < freeTries ? 0 : Math.min(firstLockMs * 2 ** Math.min(tries - freeTries, 20), longestLockMs);
  const counted = { ...counters, tries, lockedUntilMs: lockMs > 0 ? poweredMs + lockMs : counters.lockedUntilMs };
  const result =
    lockMs > 0 ? bad('code-locked', { lockedForMs: lockMs }) : bad('code-wrong', { triesLeft: freeTries - tries });
  return { result, counters: counted };
}

/** As after the first five wrong codes, at the beginning of powered-on time. */
export const startLocked = (counters: Counters): Counters => ({
  ...counters,
  tries: freeTries,
  lockedUntilMs: firstLockMs,
});

export const lockedForMs = (counters: Pick<Counters, 'lockedUntilMs'>, poweredMs: number): number =>
  Math.max(0, counters.lockedUntilMs - poweredMs);

/** Wrong codes that may still be typed before the next lock. */
export const triesLeft = (counters: Pick<Counters, 'tries'>): number => Math.max(1, freeTries - counters.tries);

const questionOf = (pending: CodeRequest, secret: Secret): string =>
  confirmationOf(pending, secret).replaceAll(' ', '').slice(0, 14);

const subject = (pending: CodeRequest, secret: Secret) => ({
  secret: Buffer.from(secret.secretHex, 'hex'),
  deviceId: secret.deviceId,
  certificateDer: pending.certificate === null ? null : fromBase64(pending.certificate),
});
