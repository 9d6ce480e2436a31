/** Group tokens: one password by which many devices register into one group, at most so many and until a date (B13). */
import { bad, good, type Result } from '../../protocol/fault.ts';
import { dayMs, type Instant, instant } from '../../protocol/time.ts';

export type GroupToken = {
  /** How many devices it registers. */
  readonly most: number;
  readonly expiresAt: Instant;
  /** Set when an administrator ended it. */
  readonly endedAt: Instant | null;
};
export type Decision = 'approved' | 'refused';

export const mostOfToken = 10_000;
export const maxTokenDays = 365;
export const defaultTokenDays = 7;
/** What waits at once for an administrator, of one token: whoever has the password cannot fill the disk. */
export const mostWaiting = 1000;

export const tokenEnd = (now: Instant, days: number): Instant => instant(now + days * dayMs);

/**
 * For one device more, after the password was right. Faults: `invitation-refused` with a reason for the audit only;
 * `token-used-up`, which whoever holds the password may know.
 */
export function checkToken({ most, expiresAt, endedAt }: GroupToken, used: number, now: Instant): Result<null> {
  if (endedAt !== null) return bad('invitation-refused', { reason: 'ended' });
  if (expiresAt <= now) return bad('invitation-refused', { reason: 'expired' });
  return used < most ? good(null) : bad('token-used-up', { limit: most });
}
