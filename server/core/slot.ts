/**
 * When each device renews its identity. The moments of a fleet lie evenly over the renewal window, whatever made their
 * identities end together: a registration day, a recovery, a change of the window.
 */
import { createHash } from 'node:crypto';
import { windowStart as startOf } from '../../protocol/renewal.ts';
import { dayMs, type Instant, instant } from '../../protocol/time.ts';

export type Span = { readonly issuedAt: Instant; readonly notAfter: Instant };

/** What is left of the window is for tries that failed. */
const usedShare = 3 / 4;
/** Slots that were over before they were given are made up for within this time. */
const makeUpMs = dayMs;

/**
 * The slot of one device, the same for the same device and identity. `days` before the end the window opens, but never in
 * the first half of a life. A slot that is over already is spread over the day from `now`, or half of what is left. Null
 * where there is no end in the future.
 */
export function slotOf(device: string, { issuedAt, notAfter }: Span, days: number, now: Instant): Instant | null {
  if (notAfter <= now) return null;
  const share = shareOf(`${device} ${notAfter}`);
  const opens = windowStart({ issuedAt, notAfter }, days);
  const slot = opens + share * usedShare * (notAfter - opens);
  return instant(Math.floor(slot > now ? slot : now + share * Math.min(makeUpMs, (notAfter - now) / 2)));
}

/** When the renewal window of an identity opens. */
export const windowStart = ({ issuedAt, notAfter }: Span, days: number): Instant =>
  startOf({ notBefore: issuedAt, notAfter }, days);

/** Evenly in [0, 1): 48 bits of a SHA-256. */
const shareOf = (name: string): number => createHash('sha256').update(name).digest().readUIntBE(0, 6) / 2 ** 48;
