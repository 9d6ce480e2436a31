/** What a completed handshake with an accepted certificate changes. */
import type { ClockView } from './clock.ts';
import { type Held, signedAt } from './documents.ts';
import type { Durable, PinSlots } from './durable.ts';
import { afterHandshake, afterPolicy } from './pin.ts';
import type { AuditDraft } from './state.ts';

/** The same object when nothing changes: slots may move, and a request for a replacement code is not needed any more. */
export function proved(
  durable: Durable,
  held: Held,
  fingerprint: string,
  clock: ClockView,
): { readonly durable: Durable; readonly audit: readonly AuditDraft[] } {
  const { pins } = durable;
  if (!pins) return { durable, audit: [] };
  const slots = refill(pins, afterHandshake(pins, fingerprint, clock), held);
  const requests = durable.requests.filter((each) => each.action !== 1);
  if (slots === pins && requests.length === durable.requests.length) return { durable, audit: [] };
  const moved = slots.current.der !== pins.current.der;
  return {
    durable: { ...durable, pins: slots, requests },
    audit: moved ? [{ event: 'server-certificate-switched', facts: { fingerprint } }] : [],
  };
}

/** A move frees the reserve slot for the one that the policy in force already names. */
function refill(before: PinSlots, after: PinSlots, held: Held): PinSlots {
  const policy = held.policy?.policy;
  if (after === before || policy?.server.main !== after.current.der) return after;
  return afterPolicy(after, policy.server, signedAt(policy));
}
