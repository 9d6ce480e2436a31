/** Where the device belongs, and where its server is. */
import type { Addresses } from '../../protocol/schema.ts';
import type { Held } from './documents.ts';
import type { Durable } from './durable.ts';

export const isManaged = (durable: Durable, held: Held): boolean =>
  held.device?.device.managed ?? (durable.registration.at === 'registered' && durable.registration.bundle.managed);

/** What the server itself says; null until the device is registered. */
export const toldAddresses = ({ registration }: Durable, held: Held): Addresses | null =>
  registration.at === 'registered' ? (held.policy?.policy.addresses ?? registration.bundle.addresses) : null;

/** Where the server is asked: what the person typed goes before what the server says. */
export const addressesOf = (durable: Durable, held: Held): Addresses | null => {
  const told = toldAddresses(durable, held);
  return told && (durable.connection ?? told);
};
