/** The list of device identities, and what an administrator does with one: renew it, delete it. */
import { good, type Result } from '../../protocol/fault.ts';
import { instant } from '../../protocol/time.ts';
import { deviceLeafTopic } from '../../protocol/topics.ts';
import type { IdentityRow } from '../api/devices.ts';
import { currentOf, statusOf } from '../core/identity.ts';
import { sendCommand } from './commands.ts';
import { type Actor, audit, type Server } from './context.ts';
import { transact } from './database.ts';
import { queue, withdraw } from './documents.ts';
import { rewriteKit } from './kit.ts';
import { type Kept, lifeOf, readLives, standingOf, wrongState } from './lives.ts';
import { findDevice } from './lookup.ts';
import { readRules } from './rules.ts';
import type { Database } from './tables.ts';

/** By device, oldest first. Revoked ones are not listed, nor those that were followed and are over. */
export async function listIdentities({ db, clock }: Server): Promise<IdentityRow[]> {
  const devices = await db
    .selectFrom('devices')
    .select(['id', 'name', 'retired_at'])
    .where('removed_at', 'is', null)
    .where('deactivated_at', 'is', null)
    .orderBy('name')
    .orderBy('id')
    .execute();
  const lives = new Map<string, Kept[]>();
  for (const row of await db.selectFrom('identities').selectAll().orderBy('issued_at').execute())
    lives.set(row.device_id, [...(lives.get(row.device_id) ?? []), lifeOf(row)]);
  const now = clock();
  const automaticRenewalDisabled = !(await readRules(db)).automaticRenewal;
  return devices.flatMap(({ id, name, retired_at }) => {
    const own = lives.get(id) ?? [];
    const retiredAt = retired_at === null ? null : instant(retired_at);
    return own.flatMap((life) => {
      const found = statusOf(life, own, { retiredAt, now });
      if (!found) return [];
      const { serial, fingerprint: thumbprint, issuedAt, notAfter } = life;
      return [
        {
          device: name,
          deviceId: id,
          serial,
          thumbprint,
          issuedAt,
          notAfter,
          ...found,
          automaticRenewalDisabled,
        },
      ];
    });
  });
}

/**
 * Has the device renew now, whatever its window. Asked again, it is asked once. Faults: `not-found`, `bad-argument`;
 * `wrong-state` for a device that is retired, inactive or waits for adoption.
 */
export const renewIdentity = (server: Server, actor: Actor, device: string): Promise<Result<{ readonly id: string }>> =>
  transact(server.db, async (trx) => {
    const found = await findDevice(trx, device);
    if (!found.ok) return found;
    const { id, name, adopted_at } = found.value;
    const standing = standingOf(found.value);
    const current = currentOf(await readLives(trx, id));
    if (standing !== 'active' || adopted_at !== null || !current)
      return wrongState(name, standing === 'active' ? 'waiting' : standing);
    await askToRenew(server, trx, id, current.fingerprint);
    const facts = { name, fingerprint: current.fingerprint };
    await audit(server, trx, { actor, action: 'renewal-asked', subject: id, facts });
    return good({ id });
  });

/** The identity in use goes on until the one that follows has made a contact. */
export async function askToRenew(server: Server, trx: Database, device: string, fingerprint: string): Promise<void> {
  await trx
    .updateTable('identities')
    .set({ renew_asked_at: server.clock() })
    .where('device_id', '=', device)
    .where('fingerprint', '=', fingerprint)
    .execute();
  await sendCommand(server, trx, device, 'renew');
}

/**
 * The identities of a device leave the list and are revoked; the device stays in the list of devices, cannot synchronize
 * and has to register anew. Faults: `not-found`, `bad-argument`; `wrong-state` where it is deleted already.
 */
export async function deleteIdentity(
  server: Server,
  actor: Actor,
  device: string,
): Promise<Result<{ readonly id: string }>> {
  const deleted = await transact(server.db, async (trx) => {
    const found = await findDevice(trx, device);
    if (!found.ok) return found;
    const { id, name } = found.value;
    if (standingOf(found.value) === 'inactive') return wrongState(name, 'inactive');
    await trx.updateTable('devices').set({ deactivated_at: server.clock() }).where('id', '=', id).execute();
    await endIdentities(server, trx, id);
    await audit(server, trx, { actor, action: 'identity-deleted', subject: id, facts: { name } });
    return good({ id });
  });
  if (deleted.ok) await shutOut(server, deleted.value.id);
  return deleted;
}

/** Revoked, with all that was on its way to the device or bound to it. */
export async function endIdentities(server: Server, trx: Database, device: string): Promise<void> {
  const now = server.clock();
  await trx.updateTable('devices').set({ presence: 'offline' }).where('id', '=', device).execute();
  await trx
    .updateTable('identities')
    .set({ revoked_at: now })
    .where('device_id', '=', device)
    .where('revoked_at', 'is', null)
    .execute();
  await trx
    .updateTable('invitations')
    .set({ used_at: now })
    .where('device_id', '=', device)
    .where('used_at', 'is', null)
    .execute();
  await trx.deleteFrom('reports').where('device_id', '=', device).execute();
  await trx.deleteFrom('commands').where('device_id', '=', device).execute();
  await trx.deleteFrom('outbox').where('topic', '=', deviceLeafTopic(device, 'command')).execute();
  await withdraw(server, trx, deviceLeafTopic(device, 'device'));
  for (const leaf of ['report', 'presence'] as const) await queue(server, trx, deviceLeafTopic(device, leaf), null);
}

/** The broker ends its connection, and the kit names what was revoked: a server rebuilt from it takes nothing of it in again. */
export async function shutOut(server: Server, device: string): Promise<void> {
  await server.carriers.current?.refresh([{ id: device, group: null }]);
  await server.carriers.current?.disconnect(device);
  await rewriteKit(server);
}
