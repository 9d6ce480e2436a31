/** One-time passwords by which devices enrol: when they still hold, and for whom. */
import { bad, good, type Result } from '../../protocol/fault.ts';
import { hourMs, type Instant, instant } from '../../protocol/time.ts';

export type Invitation = {
  readonly triesLeft: number;
  readonly expiresAt: Instant;
  /** SHA-256 of the public key (SPKI) the first right password came with, or null. */
  readonly boundTo: string | null;
  /** Set when the device confirmed its bundle: the invitation is dead. */
  readonly usedAt: Instant | null;
};

export const invitationTries = 10;
const lifetimeMs = 72 * hourMs;

export const invitationEnd = (now: Instant): Instant => instant(now + lifetimeMs);

/** Groups of four, as it is shown. */
export const groupPassword = (password: string): string => password.replace(/(....)(?=.)/g, '$1-');

/** Before the password is tried. Fault: `invitation-refused`, with a reason for the audit only. */
export function checkOpen(invitation: Invitation | null, now: Instant): Result<Invitation> {
  if (!invitation) return bad('invitation-refused', { reason: 'unknown' });
  if (invitation.usedAt !== null) return bad('invitation-refused', { reason: 'used' });
  if (invitation.expiresAt <= now) return bad('invitation-refused', { reason: 'expired' });
  if (invitation.triesLeft <= 0) return bad('invitation-refused', { reason: 'no tries left' });
  return good(invitation);
}

/** After the password was right. Fault: `invitation-refused` for a second key. */
export const checkKey = (invitation: Invitation, key: string): Result<Invitation> =>
  invitation.boundTo === null || invitation.boundTo === key
    ? good(invitation)
    : bad('invitation-refused', { reason: 'bound to another key' });
