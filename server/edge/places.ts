/** Groups, and devices in them: what an administrator changes about who belongs where. */
import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { bad, good, type Result } from '../../protocol/fault.ts';
import type { DeviceColumn, DeviceDetails, DeviceRow } from '../api/devices.ts';
import type { GroupView } from '../api/groups.ts';
import type { ListQuery, Page } from '../api/list.ts';
import type { Migration } from '../core/mutual.ts';
import { familyOf, pathTo } from '../core/policy.ts';
import { blockAsEverywhere } from './blocking.ts';
import { type Actor, audit, type Server } from './context.ts';
import { endCorporate } from './corporate.ts';
import { transact } from './database.ts';
import { readGroups, signDevice, signFamily } from './documents.ts';
import { endIdentities, shutOut } from './identities.ts';
import { type ListSpec, mapPage, readPage } from './listing.ts';
import { standingOf, wrongState } from './lives.ts';
import { findDevice, findGroup, readTree } from './lookup.ts';
import { nameByRule } from './naming.ts';
import type { Database, Tables } from './tables.ts';

export type DeviceQuery = ListQuery<DeviceColumn> & {
  readonly presence?: 'online' | 'offline';
  readonly standing?: 'active' | 'retired' | 'inactive';
  /** `none`: with nothing to migrate, or not told to. */
  readonly migration?: Migration | 'none';
  /** By id or name. */
  readonly group?: string;
  /** Id of a group: its devices, and those of all groups below it. */
  readonly within?: string;
  readonly waiting?: boolean;
};

/** As `standingOf` says. */
const standingColumn =
  "case when deactivated_at is not null then 'inactive' when retired_at is not null then 'retired' else 'active' end";
const deviceList: ListSpec<DeviceColumn> = {
  sort: {
    name: 'lower(devices.name)',
    group: 'lower(groups.name)',
    presence: 'presence',
    lastSeen: 'last_seen',
    standing: standingColumn,
    migration: "coalesce(migration, 'none')",
  },
  key: 'devices.id',
  search: [
    'devices.name',
    'devices.id',
    'hardware_id',
    'groups.name',
    "coalesce(migration, 'none')",
    'agent',
    'users.name',
    'users.full_name',
  ],
  start: { by: 'name', order: 'asc' },
};
const maxName = 120;
/** Groups above one another. */
export const maxGroupDepth = 16;

export async function listGroups({ db }: Server): Promise<readonly GroupView[]> {
  const rows = await db.selectFrom('groups').select(['id', 'name', 'parent', 'kind', 'naming']).execute();
  const groups = new Map(rows.map((row) => [row.id, row]));
  const counted = await db
    .selectFrom('devices')
    .select(['group_id', (select) => select.fn.countAll<number>().as('count')])
    .where('removed_at', 'is', null)
    .groupBy('group_id')
    .execute();
  const counts = new Map(counted.map(({ group_id, count }) => [group_id, Number(count)]));
  return rows
    .map(({ naming, ...row }) => ({
      ...row,
      path: pathTo(groups, row.id)
        .map(({ name }) => name)
        .join(' / '),
      devices: counts.get(row.id) ?? 0,
      naming: naming === null ? null : (JSON.parse(naming) as string[]),
    }))
    .sort((one, other) => one.path.localeCompare(other.path));
}

/** The new group has a signed policy at once. Faults: `bad-argument`, `already-exists`, `not-found`, `not-allowed`. */
export const addGroup = (
  server: Server,
  actor: Actor,
  wanted: { readonly name: string; readonly parent?: string },
): Promise<Result<{ readonly id: string }>> =>
  transact(server.db, async (trx) => {
    const free = await readGroupName(trx, wanted.name);
    if (!free.ok) return free;
    const name = free.value;
    const parent = wanted.parent === undefined ? null : await findGroup(trx, wanted.parent);
    if (parent && !parent.ok) return parent;
    if (parent && parent.value.kind !== 'ordinary') return bad('not-allowed', { what: parent.value.name });
    if (parent && pathTo(await readGroups(trx), parent.value.id).length >= maxGroupDepth)
      return bad('bad-argument', { what: `parent: more than ${maxGroupDepth} levels` });
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
    if (!parent) await blockAsEverywhere(server, trx, id);
    const signed = await signFamily(server, trx, id);
    if (!signed.ok) return signed;
    const facts = { name, parent: parent?.value.name ?? '' };
    await audit(server, trx, { actor, action: 'group-added', subject: id, facts });
    return good({ id });
  });

/** A name that no group has, as it was typed. Faults: `bad-argument`, `already-exists`. */
export async function readGroupName(trx: Database, typed: string): Promise<Result<string>> {
  const name = typed.trim();
  if (name === '' || name.length > maxName || hasControl(name)) return bad('bad-argument', { what: 'name' });
  return (await findGroup(trx, name)).ok ? bad('already-exists', { what: name }) : good(name);
}

/** Those that were not removed. */
export async function pageDevices({ db }: Server, query: DeviceQuery): Promise<Page<DeviceRow>> {
  const { presence, standing, migration, group, within, waiting } = query;
  let rows = deviceRows(db);
  if (presence !== undefined) rows = rows.where('presence', '=', presence);
  if (standing !== undefined) rows = rows.where(sql<boolean>`${sql.raw(standingColumn)} = ${standing}`);
  if (migration === 'none') rows = rows.where('migration', 'is', null);
  else if (migration !== undefined) rows = rows.where('migration', '=', migration);
  if (group !== undefined)
    rows = rows.where((where) => where.or([where('groups.id', '=', group), where('groups.name', '=', group)]));
  if (within !== undefined) rows = rows.where('devices.group_id', 'in', familyOf(await readTree(db), within));
  if (waiting !== undefined) rows = rows.where('adopted_at', waiting ? 'is not' : 'is', null);
  return mapPage(await readPage(rows, deviceList, query), deviceView);
}

/** All of them, by name. */
export const listDevices = async ({ db }: Server): Promise<readonly DeviceRow[]> =>
  (await deviceRows(db).orderBy('devices.name').execute()).map(deviceView);

/** Faults: `not-found`, `bad-argument`. */
export async function showDevice(server: Server, wanted: string): Promise<Result<DeviceDetails>> {
  const { db } = server;
  const found = await findDevice(db, wanted);
  if (!found.ok) return found;
  const { id, hardware_id } = found.value;
  const row = await deviceRows(db).where('devices.id', '=', id).executeTakeFirst();
  if (!row) return bad('not-found', { what: wanted.slice(0, 120) });
  const report = await db.selectFrom('reports').selectAll().where('device_id', '=', id).executeTakeFirst();
  const identities = await db
    .selectFrom('identities')
    .select(['serial', 'fingerprint', 'not_after as notAfter'])
    .where('device_id', '=', id)
    .where('revoked_at', 'is', null)
    .execute();
  return good({
    ...deviceView(row),
    hardwareId: hardware_id,
    identities,
    report: report ? JSON.parse(report.body) : null,
    reportedAt: report?.received_at ?? null,
  });
}

/**
 * The device document names the new group and the least revision of its policy, so both apply in one generation. A device
 * that waited for adoption is decided by this. Faults: `not-found`; `wrong-state` for an inactive one; `not-allowed`.
 */
export async function moveDevice(
  server: Server,
  actor: Actor,
  { device, group }: { readonly device: string; readonly group: string },
): Promise<Result<{ readonly id: string }>> {
  const moved = await transact(server.db, async (trx) => {
    const found = await findDevice(trx, device);
    if (!found.ok) return found;
    if (standingOf(found.value) === 'inactive') return wrongState(found.value.name, 'inactive');
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
    await endCorporate(server, trx, id);
    await audit(server, trx, { actor, action: 'device-removed', subject: id, facts: { name } });
    return good({ id });
  });
  if (removed.ok) await shutOut(server, removed.value.id);
  return removed;
}

const deviceRows = (db: Database) =>
  db
    .selectFrom('devices')
    .innerJoin('groups', 'groups.id', 'devices.group_id')
    .leftJoin('users', 'users.id', 'devices.registered_by')
    .selectAll('devices')
    .select('groups.name as group')
    .where('removed_at', 'is', null);

const deviceView = (row: Tables['devices'] & { readonly group: string }): DeviceRow => ({
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
});

/** Control characters would break tables and logs. */
const hasControl = (name: string): boolean => /\p{Cc}/u.test(name);
