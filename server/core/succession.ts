/**
 * The line of our own authorities of device identities: one issues; the `next` one is let in and issues nothing yet; the
 * `former` one is let in and issues nothing more; of `retired` ones only identities on record count, each as it is.
 */
import { bad, good, type Result } from '../../protocol/fault.ts';
import { dayMs, type Instant } from '../../protocol/time.ts';
import { currentOf, type Span } from './identity.ts';
import { namesOf } from './role.ts';

/** EC unless clients or a PKI around it can only take RSA. */
export const authorityKeys = ['ec-p256', 'rsa-3072', 'rsa-4096'] as const;
export type AuthorityKey = (typeof authorityKeys)[number];
export type AuthorityRole = 'issuing' | 'next' | 'former' | 'retired';
/** Fingerprints of their certificates. */
export type Line = {
  readonly issuing: string;
  readonly next: string | null;
  readonly former: string | null;
  readonly retired: readonly string[];
};
/** `distrust` is for a key that others may have: all that is left of the rollover, at once. */
export const steps = ['prepare', 'cancel', 'activate', 'retire', 'distrust'] as const;
export type Step = (typeof steps)[number];
export type Holder = {
  readonly name: string;
  /** `authority`: fingerprint of the one of ours that issued it; null for foreign ones. */
  readonly lives: readonly (Span & { readonly authority: string | null })[];
};
export type Around = {
  /** Fingerprint of a new authority; used by `prepare` and `distrust`. */
  readonly made: string;
  /** Names of `devicesBehind`. */
  readonly behind: readonly string[];
  /** Unknown devices are being taken in, so nobody knows who else holds an identity of the former authority. */
  readonly adopting: boolean;
  readonly override: boolean;
};
/** Renewals ahead of their time, begun at `since` and spread over `days`. */
export type Spread = { readonly since: Instant; readonly days: number };

export const defaultSpreadDays = 7;
export const maxSpreadDays = 90;
/** Sooner than this 100,000 devices would come faster than a second each. */
export const hurriedDays = 1;

/** Those whose identity in use is of another authority of ours than the issuing one. One that is issued and unused is not in use. */
export const devicesBehind = <H extends Holder>(devices: readonly H[], issuing: string): readonly H[] =>
  devices.filter(({ lives }) => {
    const authority = currentOf(lives)?.authority ?? null;
    return authority !== null && authority !== issuing;
  });

/**
 * Faults: `already-exists` (a next one is there, or a former one that is not retired yet), `not-found` (none that the step is
 * about); and unless overridden `not-allowed` while unknown devices are taken in, `identities-not-renewed` with count and names.
 */
export function advance(line: Line, step: Step, { made, behind, adopting, override }: Around): Result<Line> {
  const { issuing, next, former, retired } = line;
  switch (step) {
    case 'prepare':
      if (next !== null) return bad('already-exists', { what: next });
      return former === null ? good({ ...line, next: made }) : bad('already-exists', { what: former });
    case 'cancel':
      return next === null ? missing('next') : good({ ...line, next: null });
    case 'activate':
      return next === null ? missing('next') : good({ ...line, issuing: next, next: null, former: issuing });
    case 'retire':
      if (former === null) return missing('former');
      if (adopting && !override) return bad('not-allowed', { what: 'before “adopt off”' });
      if (behind.length > 0 && !override)
        return bad('identities-not-renewed', { count: behind.length, devices: namesOf(behind) });
      return good({ ...line, former: null, retired: [...retired, former] });
    case 'distrust':
      // A next one lay beside the key that is lost, so it does not count either.
      return former === null
        ? good({ issuing: made, next: null, former, retired: [...retired, issuing] })
        : good({ ...line, former: null, retired: [...retired, former] });
  }
}

/** In which role an authority of ours is, or null. */
export function roleOf({ issuing, next, former, retired }: Line, fingerprint: string): AuthorityRole | null {
  if (fingerprint === issuing) return 'issuing';
  if (fingerprint === next) return 'next';
  if (fingerprint === former) return 'former';
  return retired.includes(fingerprint) ? 'retired' : null;
}

/**
 * Devices with ids below this have their turn to renew ahead; null: all of them. Ids are UUIDs of random bits (RFC 9562 §5.4),
 * so at any moment an even share has it, and whoever looks at the database finds them by an index.
 */
export function turnsBefore({ since, days }: Spread, now: Instant): string | null {
  const share = Math.max(0, (now - since) / (days * dayMs));
  if (share >= 1) return null;
  return Math.floor(share * 2 ** 32)
    .toString(16)
    .padStart(8, '0');
}

const missing = (what: 'next' | 'former') => bad('not-found', { what: `${what} authority` });
