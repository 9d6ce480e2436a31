/** Where the device belongs, and where its server is. */
import { repairAudience } from '../../protocol/audience.ts';
import type { Addresses } from '../../protocol/schema.ts';
import type { Held } from './documents.ts';
import type { Durable } from './durable.ts';
import { isTurnOfFormer } from './link.ts';

export const isManaged = (durable: Durable, held: Held): boolean =>
  held.device?.device.managed ?? (durable.registration.at === 'registered' && durable.registration.bundle.managed);

/** What the server itself says, by a repair file until it speaks again; null until the device is registered. */
export function toldAddresses({ registration, repaired }: Durable, held: Held): Addresses | null {
  if (registration.at !== 'registered') return null;
  const ours = repaired?.aud === repairAudience(registration.bundle.serverId) ? repaired.addresses : null;
  return ours ?? held.policy?.policy.addresses ?? registration.bundle.addresses;
}

/** Where the server is asked: what the person typed goes before what the server says. */
export const addressesOf = (durable: Durable, held: Held): Addresses | null => {
  const told = toldAddresses(durable, held);
  return told && (durable.connection ?? told);
};

/**
 * For a try of this number. A server that says where it will be may be wrong, or early: where it was last reached has its turns
 * too, until it was reached at the new place.
 */
export const addressesFor = (durable: Durable, held: Held, attempt: number): Addresses | null =>
  durable.former && durable.connection === null && isTurnOfFormer(attempt)
    ? durable.former
    : addressesOf(durable, held);

/** It was asked somewhere before, and is asked elsewhere after. */
export function isMoved(before: Durable, heldBefore: Held, after: Durable, heldAfter: Held): boolean {
  const [was, is] = [addressesOf(before, heldBefore), addressesOf(after, heldAfter)];
  return was !== null && is !== null && !isSame(was, is);
}

/** Where the server was last reached, when `after` takes the place of `before`; null where that is the same place. */
export function formerOf(before: Durable, heldBefore: Held, after: Durable, heldAfter: Held): Addresses | null {
  if (!isMoved(before, heldBefore, after, heldAfter)) return before.former;
  const reached = before.connection ?? before.former ?? addressesOf(before, heldBefore);
  return reached && isSame(reached, addressesOf(after, heldAfter)) ? null : reached;
}

export const isSame = (one: Addresses, other: Addresses | null): boolean =>
  one.https === other?.https && one.mqtt === other.mqtt;
