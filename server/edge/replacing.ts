/** A new device in the place of a broken one: it has its name, number and group, and the old one is shut out (B13). */
import type { Result } from '../../protocol/fault.ts';
import type { Invited } from '../api/onboarding.ts';
import { type Actor, audit, type Server } from './context.ts';
import { endCorporate } from './corporate.ts';
import { signDevice } from './documents.ts';
import { endIdentities } from './identities.ts';
import { invite } from './invitations.ts';
import { wrongState } from './lives.ts';
import { findDevice } from './lookup.ts';
import type { Database } from './tables.ts';

/**
 * An invitation; the old device goes on until the new one has registered with it. Faults: `not-found`, `bad-argument`, and
 * `wrong-state` for one that nobody has put in its place after a recovery.
 */
export async function replaceDevice(server: Server, actor: Actor, device: string): Promise<Result<Invited>> {
  const found = await findDevice(server.db, device);
  if (!found.ok) return found;
  const { id, name, group_id: group, adopted_at: adopted } = found.value;
  if (adopted !== null) return wrongState(name, 'waiting');
  return invite(server, actor, { name, group, replaces: id });
}

/** Once a device has its bundle: the one it replaces, if any, is removed, and is the caller's to shut out. Its id, or null. */
export async function takePlace(server: Server, trx: Database, device: string): Promise<string | null> {
  const before = await trx
    .selectFrom('invitations')
    .innerJoin('devices', 'devices.id', 'replaces')
    .select(['devices.id', 'devices.name', 'devices.number', 'devices.registered_by'])
    .where('device_id', '=', device)
    .where('devices.removed_at', 'is', null)
    .executeTakeFirst();
  if (!before) return null;
  const { id, name, number, registered_by } = before;
  const now = server.clock();
  await trx.updateTable('devices').set({ removed_at: now, number: null }).where('id', '=', id).execute();
  await endIdentities(server, trx, id);
  await endCorporate(server, trx, id);
  await trx.updateTable('devices').set({ name, number, registered_by }).where('id', '=', device).execute();
  await signDevice(server, trx, device);
  await audit(server, trx, { actor: 'server', action: 'device-replaced', subject: id, facts: { name, by: device } });
  return id;
}
