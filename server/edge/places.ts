/** Groups, and devices in them: what an administrator changes about who belongs where. */
import { randomUUID } from 'node:crypto';
import { bad, good, type Result } from '../../protocol/fault.ts';
import type { Standing } from '../core/identity.ts';
import type { AgentKind, Migration } from '../core/mutual.ts';
import { pathTo } from '../core/policy.ts';
import { type Actor, audit, type Server } from './context.ts';
import { transact } from './database.ts';
import { readGroups, signDevice, signFamily } from './documents.ts';
import { endIdentities, shutOut } from './identities.ts';
import { standingOf } from './lives.ts';
import { findDevice, findGroup } from './lookup.ts';
import { nameByRule } from './naming.ts';
import type { GroupKind } from './tables.ts';

export type GroupView = {
  readonly id: string;
  readonly name: string;
  readonly parent: string | null;
  readonly kind: GroupKind;
  /** From the root of the tree. */
  readonly path: string;
  readonly devices: number;
  /** Fields of the names of its devices, where it has a rule of its own. */
  readonly naming: readonly string[] | null;
};
export type DeviceRow = {
  readonly id: string;
  readonly name: string;
  readonly group: string;
  readonly groupId: string;
  readonly presence: 'online' | 'offline';
  readonly lastSeen: number | null;
  readonly confirmed: boolean;
  readonly waiting: boolean;
  /** `inactive`: its identity was deleted. */
  readonly standing: Standing;
  /** Of an agent that registered without an identity; null for all others. */
  readonly agent: AgentKind | null;
  readonly migration: Migration | null;
};
export type DeviceDetails = DeviceRow & {
  readonly hardwareId: string;
  readonly identities: readonly { readonly serial: string; readonly fingerprint: string; readonly notAfter: number }[];
  /** The last report, without the documents it carried. */
  readonly report: unknown;
  readonly reportedAt: number | null;
};

const maxName = 120;
const maxDepth = 16;

export async function listGroups({ db }: Server): Promise<readonly GroupView[]> {
  const groups = await readGroups(db);
  const rows = await db.selectFrom('groups').select(['id', 'kind']).execute();
  const counts = await db
    .selectFrom('devices')
    .select(['group_id', (select) => select.fn.countAll<number>().as('count')])
    .where('removed_at', 'is', null)
    .groupBy('group_id')
    .execute();
  return rows
    .map(({ id, kind }) => {
      const path = pathTo(groups, id);
      const devices = counts.find((row) => row.group_id === id)?.count ?? 0;
      const own = groups.get(id);
      const names = path.map(({ name }) => name).join(' / ');
      return {
        id,
        name: own?.name ?? id,
        parent: own?.parent ?? null,
        kind,
        path: names,
        devices,
        naming: own?.naming ?? null,
      };
    })
    .sort((one, other) => one.path.localeCompare(other.path));
}

/** The new group has a signed policy at once. Faults: `bad-argument`, `already-exists`, `not-found`, `not-allowed`. */
export const addGroup = (
  server: Server,
  actor: Actor,
  wanted: { readonly name: string; readonly parent?: string },
): Promise<Result<{ readonly id: string }>> =>
  transact(server.db, async (trx) => {
    const name = wanted.name.trim();
    if (name === '' || name.length > maxName || hasControl(name)) return bad('bad-argument', { what: 'name' });
    const same = await findGroup(trx, name);
    if (same.ok) return bad('already-exists', { what: name });
    const parent = wanted.parent === undefined ? null : await findGroup(trx, wanted.parent);
    if (parent && !parent.ok) return parent;
    if (parent && parent.value.kind !== 'ordinary') return bad('not-allowed', { what: parent.value.name });
    if (parent && pathTo(await readGroups(trx), parent.value.id).length >= maxDepth)
      return bad('bad-argument', { what: `parent: more than ${maxDepth} levels` });
    const id = randomUUID();
    await trx
      .insertInto('groups')
      .values({
        id,
        name,
        parent: parent?.value.id ?? null,
        kind: 'ordinary',
        certificates_enforced: 0,
        contacts_enforced: 0,
        contacts: null,
        created_at: server.clock(),
      })
      .execute();
    const signed = await signFamily(server, trx, id);
    if (!signed.ok) return signed;
    const facts = { name, parent: parent?.value.name ?? '' };
    await audit(server, trx, { actor, action: 'group-added', subject: id, facts });
    return good({ id });
  });

/** All, or those that are so far with their migration; `none` are those with nothing to migrate or not told to. */
export async function listDevices({ db }: Server, migration?: Migration | 'none'): Promise<readonly DeviceRow[]> {
  const all = db
    .selectFrom('devices')
    .innerJoin('groups', 'groups.id', 'devices.group_id')
    .selectAll('devices')
    .select('groups.name as group')
    .where('removed_at', 'is', null)
    .orderBy('devices.name');
  const some = migration === 'none' ? all.where('migration', 'is', null) : all;
  const rows = await (migration === 'pending' || migration === 'success'
    ? all.where('migration', '=', migration)
    : some
  ).execute();
  return rows.map((row) => ({
    id: row.id,
    name: row.name,
    group: row.group,
    groupId: row.group_id,
    presence: row.presence,
    lastSeen: row.last_seen,
    confirmed: row.confirmed_at !== null,
    waiting: row.adopted_at !== null,
    standing: standingOf(row),
    agent: row.agent,
    migration: row.migration,
  }));
}

/** Faults: `not-found`, `bad-argument`. */
export async function showDevice(server: Server, wanted: string): Promise<Result<DeviceDetails>> {
  const { db } = server;
  const found = await findDevice(db, wanted);
  if (!found.ok) return found;
  const { id, hardware_id } = found.value;
  const row = (await listDevices(server)).find((each) => each.id === id);
  if (!row) return bad('not-found', { what: wanted });
  const report = await db.selectFrom('reports').selectAll().where('device_id', '=', id).executeTakeFirst();
  const identities = await db
    .selectFrom('identities')
    .select(['serial', 'fingerprint', 'not_after as notAfter'])
    .where('device_id', '=', id)
    .where('revoked_at', 'is', null)
    .execute();
  return good({
    ...row,
    hardwareId: hardware_id,
    identities,
    report: report ? JSON.parse(report.body) : null,
    reportedAt: report?.received_at ?? null,
  });
}

/**
 * The device document names the new group and the least revision of its policy, so both apply in one generation. A device
 * that waited for adoption is decided by this. Faults: `not-found`, `not-allowed`.
 */
export async function moveDevice(
  server: Server,
  actor: Actor,
  { device, group }: { readonly device: string; readonly group: string },
): Promise<Result<{ readonly id: string }>> {
  const moved = await transact(server.db, async (trx) => {
    const found = await findDevice(trx, device);
    if (!found.ok) return found;
    if (standingOf(found.value) === 'inactive') return bad('not-allowed', { what: `${found.value.name}: inactive` });
    const target = await findGroup(trx, group);
    if (!target.ok) return target;
    if (target.value.kind === 'recovered') return bad('not-allowed', { what: target.value.name });
    const { id, name } = found.value;
    await trx
      .updateTable('devices')
      .set({ group_id: target.value.id, adopted_at: null })
      .where('id', '=', id)
      .execute();
    await nameByRule(server, trx, actor, id);
    await signDevice(server, trx, id);
    await audit(server, trx, { actor, action: 'device-moved', subject: id, facts: { name, group: target.value.name } });
    return good({ id, group: target.value.id, standing: standingOf(found.value) });
  });
  if (!moved.ok) return moved;
  const { standing, ...place } = moved.value;
  if (standing === 'active') await server.carriers.current?.refresh([place]);
  return good({ id: place.id });
}

/** Its identities are revoked, its topics cleared, its connection ended. Faults: `not-found`, `bad-argument`. */
export async function removeDevice(
  server: Server,
  actor: Actor,
  device: string,
): Promise<Result<{ readonly id: string }>> {
  const removed = await transact(server.db, async (trx) => {
    const found = await findDevice(trx, device);
    if (!found.ok) return found;
    const { id, name } = found.value;
    await trx.updateTable('devices').set({ removed_at: server.clock() }).where('id', '=', id).execute();
    await endIdentities(server, trx, id);
    await audit(server, trx, { actor, action: 'device-removed', subject: id, facts: { name } });
    return good({ id });
  });
  if (removed.ok) await shutOut(server, removed.value.id);
  return removed;
}

/** Control characters would break tables and logs. */
const hasControl = (name: string): boolean => /\p{Cc}/u.test(name);
