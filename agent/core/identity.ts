/** What holds of the device's own certificate now: whether it has ended, and whether another one is wanted. */
import { type Certificate, fromBase64, parseCertificate } from '../../protocol/certificate.ts';
import { type Fault, type FaultCode, fault } from '../../protocol/fault.ts';
import type { Status } from '../../protocol/local.ts';
import { graceEnd, isRenewalDue, renewBeforeDays, windowStart } from '../../protocol/renewal.ts';
import { dayMs, instant, minuteMs } from '../../protocol/time.ts';
import type { Identity, NextIdentity, Registered } from './durable.ts';
import { nextKeyOf } from './generation.ts';
import type { Elsewhere } from './issuing.ts';
import type { Now } from './shape.ts';
import { clockOf, type State } from './state.ts';

/** In memory: what is durable of it is `next` of the registration. */
export type Renewal =
  | { readonly at: 'resting' }
  | { readonly at: 'waiting'; readonly untilMs: number; readonly attempt: number }
  /** With the key goes where its certificate will be asked for; null: at the server. */
  | { readonly at: 'making-key'; readonly attempt: number; readonly issuer: Elsewhere | null }
  | { readonly at: 'asking'; readonly attempt: number }
  /** A check-in with the identity that is to follow; the server signs the time over this nonce. */
  | { readonly at: 'proving'; readonly attempt: number; readonly nonce: string };

/** A policy may widen the window of a whole fleet at once. */
export const renewalSpreadMs = minuteMs;
const unreached: ReadonlySet<FaultCode | undefined> = new Set<FaultCode>([
  'server-unreachable',
  'server-refused',
  'tls-failed',
  'timed-out',
]);
const leaves = new WeakMap<Identity, Certificate | null>();

/** The certificate itself, parsed once: every decision asks for it, and an identity never changes in place. */
export function leafOf(identity: Identity): Certificate | null {
  let leaf = leaves.get(identity);
  if (leaf === undefined) {
    const parsed = parseCertificate(fromBase64(identity.chain[0] ?? ''));
    leaf = parsed.ok ? parsed.value : null;
    leaves.set(identity, leaf);
  }
  return leaf;
}

/** Null until the server knows that the device is registered. */
export const registeredOf = ({ durable: { registration } }: State): Registered | null =>
  registration.at === 'registered' && registration.confirmed ? registration : null;

/** With another identity that is to follow; the same state before there is a registration. */
export function withNext(durable: State['durable'], next: NextIdentity | null): State['durable'] {
  const { registration } = durable;
  return registration.at === 'registered' ? { ...durable, registration: { ...registration, next } } : durable;
}

/** The server is reached, by MQTT or check-in: what waited for nothing else waits no longer. */
export function nudged(state: State, now: Now): State {
  const { renewal } = state;
  if (renewal.at !== 'waiting' || !unreached.has(state.faults.identity?.code)) return state;
  const untilMs = Math.min(renewal.untilMs, now.uptimeMs + now.random * renewalSpreadMs);
  return { ...state, renewal: { ...renewal, untilMs } };
}

/** The server has called our identity expired: it knows the time better. */
export function callExpired(state: State): State {
  const own = registeredOf(state);
  return own ? { ...state, calledExpired: leafOf(own.identity)?.fingerprint ?? null } : state;
}

/** What is over once another identity is in use, durably. */
export function endRenewal(state: State, after: State['durable']): State {
  const [one, other] = [state.durable.registration, after.registration];
  const same = one.at === 'registered' && other.at === 'registered' && one.identity === other.identity;
  return same ? state : { ...state, renewal: { at: 'resting' }, calledExpired: null };
}

/** A commit of nothing but the way to the next identity. */
export function isIdentityStep(state: State, pending: NonNullable<State['pending']>): boolean {
  const { registration } = pending.durable;
  const own = registeredOf(state);
  return own !== null && pending.delivery === null && registration.at === 'registered' && registration !== own;
}

/**
 * A generation that the disk refuses for want of a key: that of the next identity may go, since nothing depends on it (F13).
 * The same state where there is none.
 */
export function withoutLostKey(state: State, why: Fault): State {
  const own = registeredOf(state);
  if (why.code !== 'identity-unreadable' || !own || nextKeyOf(own) === null) return state;
  return { ...state, durable: withNext(state.durable, null) };
}

export const inFlight = ({ renewal }: State): boolean => renewal.at !== 'resting' && renewal.at !== 'waiting';

/** Nothing but renewal, or enrolling again, is answered for this identity. A clock that is unknown says nothing of its end. */
export function hasEnded(state: State, now: Now): boolean {
  const own = registeredOf(state);
  if (!own) return false;
  return own.standing !== 'active' || isExpired(state, own, now);
}

/** Whether a new identity is wanted now. No key and no request by an unknown clock (F4); none for a retired one. */
export function isWanted(state: State, now: Now): boolean {
  const own = registeredOf(state);
  const clock = clockOf(state, now);
  if (!own || own.standing === 'retired' || clock.at === 'unknown') return false;
  if (enrolsAgain(own) || own.next !== null || isExpired(state, own, now)) return true;
  if (isByOrder(state)) return false;
  const leaf = leafOf(own.identity);
  const days = renewBeforeDays(state.held.policy?.policy.identity);
  return leaf !== null && isRenewalDue(leaf, days, state.held.device?.device.identity, clock.now);
}

export function identityView(state: State, now: Now): Status['identity'] {
  const { registration } = state.durable;
  const leaf = registration.at === 'registered' ? leafOf(registration.identity) : null;
  if (registration.at !== 'registered' || !leaf) return null;
  const { fingerprint, notAfter } = leaf;
  if (registration.standing === 'retired') return { fingerprint, notAfter, at: 'retired' };
  if (enrolsAgain(registration)) return { fingerprint, notAfter, at: 'renewing' };
  if (isExpired(state, registration, now)) return { fingerprint, notAfter, at: 'expired' };
  return { fingerprint, notAfter, at: registration.next !== null || inFlight(state) ? 'renewing' : 'valid' };
}

/**
 * What stands when the identity in use has ended, or is about to and nobody has ordered another one. Faults:
 * `identity-retired`, `identity-expired`, `identity-expiring`.
 */
export function identityFault(state: State, now: Now): Fault | null {
  const view = identityView(state, now);
  if (view?.at === 'retired') return fault('identity-retired');
  if (view?.at === 'valid' && isByOrder(state)) return expiringFault(state, now);
  if (view?.at !== 'expired') return null;
  const leftMs = graceEnd(instant(view.notAfter)) - clockOf(state, now).now;
  return fault('identity-expired', leftMs > 0 ? { daysLeft: Math.ceil(leftMs / dayMs) } : {});
}

/** Not renewed by itself: an administrator orders it. */
const isByOrder = ({ held }: State): boolean => held.policy?.policy.identity?.automatic === false;

function expiringFault(state: State, now: Now): Fault | null {
  const own = registeredOf(state);
  const leaf = own && leafOf(own.identity);
  const clock = clockOf(state, now);
  if (!leaf || clock.at === 'unknown') return null;
  const days = renewBeforeDays(state.held.policy?.policy.identity);
  if (clock.now < windowStart(leaf, days)) return null;
  return fault('identity-expiring', { daysLeft: Math.max(0, Math.ceil((leaf.notAfter - clock.now) / dayMs)) });
}

/** A code was right: not renewal is next, but enrolling again. */
export const enrolsAgain = ({ standing }: Registered): boolean => standing === 'readmitted' || standing === 'returning';

/** Retired by the server, or so late by a known clock that it will be. */
export function isPastGrace(state: State, own: Registered, now: Now): boolean {
  const clock = clockOf(state, now);
  const leaf = leafOf(own.identity);
  if (own.standing !== 'active') return own.standing === 'retired';
  return clock.at === 'known' && leaf !== null && clock.now > graceEnd(leaf.notAfter);
}

/** By our own clock, or by the server's word where that one is late. */
function isExpired(state: State, { identity }: Registered, now: Now): boolean {
  const clock = clockOf(state, now);
  const leaf = leafOf(identity);
  if (clock.at === 'unknown' || !leaf) return false;
  return clock.now > leaf.notAfter || state.calledExpired === leaf.fingerprint;
}
