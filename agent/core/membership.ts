/** Where the device belongs, and where its server is. */
import { repairAudience } from '../../protocol/audience.ts';
import type { Addresses } from '../../protocol/schema.ts';
import type { Held } from './documents.ts';
import type { Durable } from './durable.ts';

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
