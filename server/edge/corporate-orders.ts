/** What administrators do with the certificates of devices: renew and delete them, and wipe corporate data; and what falls due by itself. */
import { setImmediate } from 'node:timers/promises';
import { bad, type Fault, good, type Result } from '../../protocol/fault.ts';
import { dayMs } from '../../protocol/time.ts';
import type { Tried } from './admin-route.ts';
import { sendCommand } from './commands.ts';
import { type Actor, audit, readIdentity, type Server } from './context.ts';
import { removeCorporate, revokeCorporate } from './corporate.ts';
import { readCorporateRules } from './corporate-rules.ts';
import { transact } from './database.ts';
import { signDevice } from './documents.ts';
import { deleteIdentity, renewIdentity } from './identities.ts';
import { standingOf, wrongState } from './lives.ts';
import { findDevice } from './lookup.ts';
import { moveDevice } from './places.ts';
import type { Database, Tables } from './tables.ts';

/** What could not be done, each with why; the others are done. */
export type Outcome = {
  readonly done: readonly string[];
  readonly refused: readonly { readonly id: string; readonly fault: Fault }[];
};

const renewedAtOnce = 200;

/** By its order a device renews now (M4). Uploaded ones, and those that are not in use, are refused each. */
export const renewCertificates = (server: Server, actor: Actor, ids: readonly string[]): Promise<Outcome> =>
  each(ids, (id) => renewCertificate(server, actor, id));

export async function renewCertificate(server: Server, actor: Actor, id: string): Promise<Result<null>> {
  const row = await readCertificate(server, id);
  if (!row.ok) return row;
  const { type, status, device_id } = row.value;
  if (type !== 'mobile') return renewCorporate(server, actor, id);
  if (status === 'superseded') return wrongState(row.value.device_name, 'superseded');
  const renewed = await renewIdentity(server, actor, device_id ?? '');
  return renewed.ok ? good(null) : renewed;
}

/** They leave the list, are renewed no more, and stay on the device (M5); `revoke`: our revocation lists name them as well. */
export const deleteCertificates = (
  server: Server,
  actor: Actor,
  { ids, revoke }: { readonly ids: readonly string[]; readonly revoke: boolean },
): Promise<Outcome> => each(ids, (id) => deleteCertificate(server, actor, id, revoke));

export async function deleteCertificate(
  server: Server,
  actor: Actor,
  id: string,
  revoke: boolean,
): Promise<Result<null>> {
  const row = await readCertificate(server, id);
  if (!row.ok) return row;
  if (row.value.type !== 'mobile') return deleteCorporate(server, actor, row.value, revoke);
  // The device goes on by the one that followed: it is not what was meant to end.
  if (row.value.status === 'superseded') return bad('wrong-state', { what: 'superseded' });
  const deleted = await deleteIdentity(server, actor, row.value.device_id ?? '');
  return deleted.ok ? good(null) : deleted;
}

/**
 * The device is told to remove its mail and VPN certificates with their keys, and leaves its group, whose policy gave it what else is
 * corporate; the connection to the server stays. Faults: `not-found`, `bad-argument`; `wrong-state` for a device that is not active.
 */
export async function wipeDevice(
  server: Server,
  actor: Actor,
  device: string,
): Promise<Result<{ readonly id: string; readonly certificates: number }>> {
  const wiped = await transact(server.db, async (trx) => {
    const found = await findDevice(trx, device);
    if (!found.ok) return found;
    const { id, name, adopted_at } = found.value;
    const standing = standingOf(found.value);
    if (standing !== 'active' || adopted_at !== null)
      return wrongState(name, standing === 'active' ? 'waiting' : standing);
    const rows = await trx
      .selectFrom('certificates')
      .select('id')
      .where('device_id', '=', id)
      .where('type', '!=', 'mobile')
      .where('status', '!=', 'wiped')
      .execute();
    for (const row of rows) await revokeCorporate(trx, row.id, server.clock());
    await trx
      .updateTable('certificates')
      .set({ status: 'wiping', status_at: server.clock() })
      .where('device_id', '=', id)
      .where('type', '!=', 'mobile')
      .where('status', '!=', 'wiped')
      .execute();
    await forgetKeys(
      trx,
      rows.map((row) => row.id),
    );
    await sendCommand(server, trx, id, 'wipe');
    await signDevice(server, trx, id);
    const facts = { name, certificates: rows.length };
    await audit(server, trx, { actor, action: 'corporate-data-wipe-ordered', subject: id, facts });
    return good({ id, certificates: rows.length });
  });
  if (!wiped.ok) return wiped;
  const { unassigned } = await readIdentity(server.db);
  const moved = await moveDevice(server, actor, { device: wiped.value.id, group: unassigned });
  return moved.ok ? wiped : moved;
}

/** What ends soon, by the rules, some at a time: an order that a device which is away finds when it comes back. */
export async function renewDueCorporate(server: Server): Promise<void> {
  const rules = await readCorporateRules(server.db);
  const now = server.clock();
  for (const type of ['mail', 'vpn'] as const) {
    if (!rules[type].automaticRenewal) continue;
    const due = await server.db
      .selectFrom('certificates')
      .select(['id', 'issued_at', 'not_after'])
      .where('type', '=', type)
      .where('source', '=', 'server')
      .where('status', 'in', ['valid', 'renewed', 'expired'])
      .where('not_after', '<', now + rules[type].renewBeforeDays * dayMs)
      .limit(renewedAtOnce)
      .execute();
    for (const { id, issued_at, not_after } of due) {
      // Never in the first half of its life, however wide the window is.
      const half = ((issued_at ?? 0) + (not_after ?? 0)) / 2;
      if (now >= half) await renewCorporate(server, 'server', id);
    }
  }
}

const renewCorporate = (server: Server, actor: Actor, id: string): Promise<Result<null>> =>
  transact(server.db, async (trx) => {
    const row = await trx.selectFrom('certificates').selectAll().where('id', '=', id).executeTakeFirst();
    if (!row) return bad('not-found', { what: id.slice(0, 64) });
    if (row.source !== 'server') return bad('not-renewable', { what: row.alias });
    // Nothing was given yet, or what was is on its way: it will be of now.
    if (row.status === 'ordered' || row.status === 'issued' || row.status === 'renewal-asked') return good(null);
    if (row.status === 'wiping' || row.status === 'wiped') return wrongState(row.alias, row.status);
    await trx
      .updateTable('corporate_certificates')
      .set(({ eb }) => ({ order_no: eb('order_no', '+', 1) }))
      .where('id', '=', id)
      .execute();
    await trx
      .updateTable('certificates')
      .set({ status: 'renewal-asked', status_at: server.clock() })
      .where('id', '=', id)
      .execute();
    if (row.device_id !== null) await signDevice(server, trx, row.device_id);
    const facts = { type: row.type, alias: row.alias, device: row.device_name, deviceId: row.device_id ?? '' };
    await audit(server, trx, { actor, action: 'corporate-renewal-asked', subject: id, facts });
    return good(null);
  });

const deleteCorporate = (
  server: Server,
  actor: Actor,
  { id, type, alias, device_id, device_name }: Tables['certificates'],
  revoke: boolean,
): Promise<Result<null>> =>
  transact(server.db, async (trx) => {
    if (revoke) await revokeCorporate(trx, id, server.clock());
    await removeCorporate(trx, id);
    if (device_id !== null) await signDevice(server, trx, device_id);
    const revoked = revoke ? 'yes' : 'no';
    const facts = { type, alias, device: device_name, deviceId: device_id ?? '', revoked };
    await audit(server, trx, { actor, action: 'corporate-certificate-deleted', subject: id, facts });
    return good(null);
  });

async function forgetKeys(trx: Database, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  await trx.updateTable('corporate_certificates').set({ sealed_key: null }).where('id', 'in', ids).execute();
}

async function readCertificate({ db }: Server, id: string): Promise<Result<Tables['certificates']>> {
  const row = await db.selectFrom('certificates').selectAll().where('id', '=', id).executeTakeFirst();
  return row ? good(row) : bad('not-found', { what: id.slice(0, 64) });
}

async function each(ids: readonly string[], act: (id: string) => Promise<Result<null>>): Promise<Outcome> {
  const tried: Tried[] = [];
  for (const item of new Set(ids)) {
    tried.push({ item, result: await act(item) });
    // Whoever else asks something comes in between.
    await setImmediate();
  }
  return outcomeOf(tried);
}

export const outcomeOf = (tried: readonly Tried[]): Outcome => ({
  done: tried.flatMap(({ item, result }) => (result.ok ? [item] : [])),
  refused: tried.flatMap(({ item, result }) => (result.ok ? [] : [{ id: item, fault: result.fault }])),
});
