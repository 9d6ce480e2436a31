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
/** Crockford's: no I, L, O, U, so that it can be read aloud. 12 characters are 60 bits. */
const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

export const invitationEnd = (now: Instant): Instant => instant(now + lifetimeMs);

/** Each byte gives five bits. */
export const spell = (random: Uint8Array): string => [...random].map((byte) => alphabet[byte % 32]).join('');

/** Groups of four, as it is shown. */
export const groupPassword = (password: string): string => password.replace(/(....)(?=.)/g, '$1-');

/** As it was typed: any case, with or without hyphens and blanks, O for zero, I and L for one. */
export const normalizePassword = (typed: string): string =>
  typed.toUpperCase().replace(/[\s-]/g, '').replaceAll('O', '0').replace(/[IL]/g, '1');

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
