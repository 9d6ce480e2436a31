/** The life of device identities: who may renew, which identity is the current one, and what the list says of each. */
import { renewBeforeDays as daysOf, graceEnd } from '../../protocol/renewal.ts';
import { type Instant, instant } from '../../protocol/time.ts';

export type Span = {
  readonly fingerprint: string;
  readonly issuedAt: Instant;
  readonly notAfter: Instant;
  /** First authenticated contact. */
  readonly contactAt: Instant | null;
  readonly revokedAt: Instant | null;
};
export type Life = Span & {
  readonly renewAskedAt: Instant | null;
  /** Fingerprint of the identity it follows. */
  readonly renews: string | null;
};
export type Standing = 'active' | 'retired' | 'inactive' | 'removed';
/** What the handshake proved and the certificate says of itself; nothing but its dates is left to judge. */
export type Presented = { readonly fingerprint: string; readonly notBefore: Instant; readonly notAfter: Instant };
export type Renewal =
  | { readonly at: 'renew'; readonly late: boolean }
  /** Too late for good: the device is retired by this. */
  | { readonly at: 'retire' }
  /** Renewal is by order, and nobody has given one. */
  | { readonly at: 'not-ordered' }
  | { readonly at: 'refused'; readonly code: 'identity-refused' | 'identity-retired'; readonly reason: string };
export const identityStatuses = [
  'issued',
  'valid',
  'renewal-asked',
  'renewed',
  'superseded',
  'expired',
  'retired',
] as const;
export type IdentityStatus = (typeof identityStatuses)[number];

/** A7: a policy without the setting has that of the server (M1), one that leaves it blank, one with a number. */
export const renewBeforeDays = (setting: { readonly renewBeforeDays: number | null } | null, rule: number): number =>
  daysOf(setting ?? { renewBeforeDays: rule });

/**
 * Whether the holder of an identity gets a new one. Each check stands alone: an end that is over for up to 30 days is let
 * pass here, and excuses nothing else (F30). Beyond that the device is retired, unless a newer identity of it, which was
 * used, still can be renewed: then this one is a copy from long ago, and the device itself goes on. Where renewal is not
 * `automatic`, only what an administrator has ordered is renewed; the order may come within these 30 days too.
 */
export function judgeRenewal(
  shown: Presented,
  {
    standing,
    lives,
    automatic,
  }: { readonly standing: Standing; readonly lives: readonly Life[]; readonly automatic: boolean },
  now: Instant,
): Renewal {
  const own = lives.find(({ fingerprint }) => fingerprint === shown.fingerprint);
  if (standing === 'removed') return refused('removed');
  if (standing === 'inactive') return refused('deleted');
  if (!own) return refused('unknown');
  if (own.revokedAt !== null) return refused('revoked');
  if (shown.notBefore > now) return refused('not yet valid');
  if (standing === 'retired') return { at: 'refused', code: 'identity-retired', reason: 'retired' };
  if (isInGrace(shown.notAfter, now))
    return automatic || own.renewAskedAt !== null ? { at: 'renew', late: shown.notAfter < now } : { at: 'not-ordered' };
  const others = lives.filter((life) => life !== own && life.revokedAt === null && life.contactAt !== null);
  return others.some(({ notAfter }) => isInGrace(notAfter, now)) ? refused('superseded') : { at: 'retire' };
}

/** The one the device uses: of those it has used the newest, else the newest there is. Revoked ones do not count. */
export function currentOf<L extends Span>(lives: readonly L[]): L | null {
  const live = lives.filter(({ revokedAt }) => revokedAt === null);
  const used = live.filter(({ contactAt }) => contactAt !== null);
  const [first, ...more] = used.length > 0 ? used : live;
  return first ? more.reduce((newest, each) => (each.issuedAt >= newest.issuedAt ? each : newest), first) : null;
}

/** What the list says of an identity, and since when; null for what is not listed: revoked, or followed and over. */
export function statusOf(
  life: Life,
  lives: readonly Life[],
  { retiredAt, now }: { readonly retiredAt: Instant | null; readonly now: Instant },
): { readonly status: IdentityStatus; readonly since: Instant } | null {
  if (life.revokedAt !== null) return null;
  const current = currentOf(lives);
  const over = life.notAfter < now;
  if (current !== null && current !== life && life.contactAt !== null)
    return over ? null : { status: 'superseded', since: instant(current.contactAt ?? current.issuedAt) };
  if (over && retiredAt !== null) return { status: 'retired', since: retiredAt };
  if (over) return { status: 'expired', since: life.notAfter };
  if (life.contactAt === null) return { status: 'issued', since: life.issuedAt };
  if (life.renewAskedAt !== null) return { status: 'renewal-asked', since: life.renewAskedAt };
  return { status: life.renews === null ? 'valid' : 'renewed', since: life.contactAt };
}

export const isInGrace = (notAfter: Instant, now: Instant): boolean => now <= graceEnd(notAfter);

const refused = (reason: string): Renewal => ({ at: 'refused', code: 'identity-refused', reason });
