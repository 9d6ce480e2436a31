/**
 * When a device renews its own certificate (its identity): inside a window before the end, at the moment the server has set
 * for it. A function of the time now, asked again and again and never slept towards, so that a clock which jumps or a device
 * which was off skips nothing.
 */
import type { DeviceDocument, Policy } from './schema.ts';
import { dayMs, hourMs, type Instant, instant } from './time.ts';

/** A certificate's own dates, and its SHA-256, from which the jitter is taken. */
export type Lifetime = { readonly fingerprint: string; readonly notBefore: Instant; readonly notAfter: Instant };

export const longestWindowDays = 60;
/** Where no policy says anything. */
export const defaultWindowDays = 30;
const graceMs = 30 * dayMs;
const spreadMs = hourMs;

/** Days before the end. Left out of the policy: 30; present and blank: the longest. */
export function renewBeforeDays(identity: Policy['identity']): number {
  if (!identity) return defaultWindowDays;
  return identity.renewBeforeDays ?? longestWindowDays;
}

/** A certificate that is shorter than its window is renewed in the second half of its life, not without end. */
export function windowStart({ notBefore, notAfter }: Omit<Lifetime, 'fingerprint'>, days: number): Instant {
  return instant(Math.max(notAfter - days * dayMs, notBefore + Math.floor((notAfter - notBefore) / 2)));
}

/**
 * The moment to renew at: the server's slot where it lies inside the window, else the start and up to an hour of jitter,
 * the same for this certificate however often it is asked. A slot of the certificate before is outside of this one's window.
 */
export function renewAt(lifetime: Lifetime, days: number, slot: SlotOf): Instant {
  const start = windowStart(lifetime, days);
  const given = slot?.renewAt ?? null;
  if (given !== null && given >= start && given < lifetime.notAfter) return instant(given);
  return instant(Math.min(start + Math.floor(jitterOf(lifetime) * spreadMs), lifetime.notAfter));
}

/** True from the moment on, after the end too: then only renewal is answered. */
export const isRenewalDue = (lifetime: Lifetime, days: number, slot: SlotOf, now: Instant): boolean =>
  now >= renewAt(lifetime, days, slot);

/** Up to and including this moment an expired identity is renewed. It is the server that judges by it. */
export const graceEnd = (notAfter: Instant): Instant => instant(notAfter + graceMs);

/** What the device document says of the identity. */
type SlotOf = DeviceDocument['identity'];

/** Uniform in [0, 1) over certificates. */
const jitterOf = ({ fingerprint }: Lifetime): number => Number.parseInt(fingerprint.slice(0, 8), 16) / 2 ** 32;
