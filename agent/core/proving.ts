/** What a completed handshake with an accepted certificate changes. */
import { fingerprintOf, fromBase64 } from '../../protocol/certificate.ts';
import type { Addresses } from '../../protocol/schema.ts';
import type { ClockView } from './clock.ts';
import { type Held, signedAt } from './documents.ts';
import type { Durable, PinSlots } from './durable.ts';
import { addressesOf } from './membership.ts';
import { afterHandshake, afterPolicy } from './pin.ts';
import type { AuditDraft, State } from './state.ts';

/**
 * The same object when nothing changes: slots may move, a request for a replacement code is not needed any more, and neither is
 * where the server was before, once it is reached where it is now.
 */
export function proved(
  { durable, held }: Pick<State, 'durable' | 'held'>,
  fingerprint: string,
  clock: ClockView,
  /** Of the carrier it was proved by. */
  at: Partial<Addresses>,
): { readonly durable: Durable; readonly audit: readonly AuditDraft[] } {
  const { pins } = durable;
  if (!pins) return { durable, audit: [] };
  const main = held.policy?.policy.server.main ?? null;
  const slots = refill(pins, afterHandshake(pins, fingerprint, clock, main), held);
  const requests = durable.requests.filter((each) => each.action !== 1);
  const addresses = addressesOf(durable, held);
  const former = isNewPlace(at, durable.former, addresses) ? null : durable.former;
  if (slots === pins && requests.length === durable.requests.length && former === durable.former)
    return { durable, audit: [] };
  const moved = slots.current.der !== pins.current.der;
  return {
    durable: { ...durable, pins: slots, requests, former },
    audit: [
      ...(moved
        ? [
            {
              event: 'server-certificate-switched',
              facts: { fingerprint: fingerprintOf(fromBase64(slots.current.der)) },
            },
          ]
        : []),
      ...(former === durable.former ? [] : [{ event: 'server-address-followed', facts: { ...addresses } }]),
    ],
  };
}

/** Reached where the server says it is, and was not before. */
const isNewPlace = (at: Partial<Addresses>, former: Addresses | null, told: Addresses | null): boolean =>
  (['https', 'mqtt'] as const).some(
    (carrier) => at[carrier] !== undefined && at[carrier] === told?.[carrier] && at[carrier] !== former?.[carrier],
  );

/** A move frees the reserve slot for the one that the policy in force already names. */
function refill(before: PinSlots, after: PinSlots, held: Held): PinSlots {
  const policy = held.policy?.policy;
  if (after === before || policy?.server.main !== after.current.der) return after;
  return afterPolicy(after, policy.server, signedAt(policy));
}
