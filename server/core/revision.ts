/** Revisions of signed documents: they only rise, one counter for each audience. */
import { dayMs, hourMs, type Instant, instant, secondMs, toNumericDate } from '../../protocol/time.ts';

export type Dates = { readonly iat: number; readonly refreshBefore: number };

/** Documents are signed again when they are this old, long before a device calls them stale. */
const resignAfterMs = 7 * dayMs;
const refreshAfterMs = 14 * dayMs;

/** The next revision: the time of signing in Unix milliseconds, or one more than the last where the clock fell back. */
export const nextRevision = (last: number, now: Instant): number => Math.max(last + 1, now);

/** The counter after somebody showed a document of ours with a higher revision than we know (a restored backup). */
export const raisedRevision = (last: number, shown: number): number => Math.max(last, shown);

/**
 * The age given to documents of a restored backup that are due or nearly so. For an hour they stay as they are, below what
 * devices hold: who is offered an older one shows what has been decided since.
 */
export const heldBack = (now: Instant): Instant => instant(now - resignAfterMs + hourMs);

/** NumericDates (RFC 7519) of a document signed now. */
export const datesAt = (now: Instant): Dates => ({
  iat: toNumericDate(now),
  refreshBefore: toNumericDate(now) + refreshAfterMs / secondMs,
});

/** A clock that fell back makes a document look signed in the future: it is due at once, so that its dates become true. */
export const isResignDue = (signedAt: Instant, now: Instant): boolean =>
  now - signedAt >= resignAfterMs || signedAt - now > dayMs;
