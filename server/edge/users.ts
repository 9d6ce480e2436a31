/** Internal users of this server, by whose name and password devices may be registered (M3, M9). */
import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { bad, good, type Result } from '../../protocol/fault.ts';
import type { ListQuery, Page } from '../api/list.ts';
import type { UserColumn, UserDetails, UserMade, UserView } from '../api/users.ts';
import { readAddress } from '../core/mail-address.ts';
import { isMeant, judgePassword, readLogin, readUserName, spellUser } from '../core/user.ts';
import { type Actor, audit, type Server } from './context.ts';
import { transact } from './database.ts';
import { type ListSpec, mapPage, readPage } from './listing.ts';
import { findGroup } from './lookup.ts';
import type { Database, Tables } from './tables.ts';
import { generateUserPassword, hashUserPassword } from './user-passwords.ts';

/** What is left out stays, or is empty for a new one. */
export type UserFields = {
  readonly fullName?: string;
  readonly description?: string;
  readonly email?: string;
  readonly phone?: string;
  readonly maxDevices?: number;
};
export type NewUser = UserFields & {
  readonly name: string;
  readonly group?: string;
  /** Left out: one is made. */
  readonly password?: string;
};
/** `group` null: that of unassigned devices. */
export type UserChange = UserFields & { readonly group?: string | null };

/** As `countDevices` says. */
const devicesColumn = `(select count(*) from devices
  where registered_by = users.id and removed_at is null and deactivated_at is null)`;
const userList: ListSpec<UserColumn> = {
  sort: {
    name: "users.name || '@' || users.domain",
    fullName: 'lower(full_name)',
    description: 'lower(description)',
    email: 'lower(email)',
    phone: 'phone',
    group: "lower(coalesce(groups.name, ''))",
    devices: devicesColumn,
    maxDevices: 'max_devices',
    createdAt: 'users.created_at',
  },
  key: 'users.id',
  search: ["users.name || '@' || users.domain", 'full_name', 'description', 'email', 'phone', 'groups.name'],
  start: { by: 'name', order: 'asc' },
};
export const mostDevices = 10_000;
const newFields = { full_name: '', description: '', email: '', phone: '', max_devices: 1 };
const maxText = 120;
const control = /\p{Cc}/u;

export const pageUsers = async ({ db }: Server, query: ListQuery<UserColumn>): Promise<Page<UserView>> =>
  mapPage(await readPage(rowsOf(db), userList, query), viewOf);

/** The first of them, by name. */
export const listUsers = async (server: Server): Promise<readonly UserView[]> => (await pageUsers(server, {})).rows;

/** With what a removal would end. Faults: `not-found`, `bad-argument`. */
export async function showUser({ db, clock }: Server, wanted: string): Promise<Result<UserDetails>> {
  const found = await findUser(db, wanted);
  if (!found.ok) return found;
  const { id } = found.value;
  const row = await rowsOf(db).where('users.id', '=', id).executeTakeFirstOrThrow();
  const [invitations] = await db
    .selectFrom('invitations')
    .select(({ fn }) => fn.countAll<number>().as('count'))
    .where('user_id', '=', id)
    .where('used_at', 'is', null)
    .where('tries_left', '>', 0)
    .where('expires_at', '>', clock())
    .execute();
  const [certificates] = await db
    .selectFrom('certificates')
    .select(({ fn }) => fn.countAll<number>().as('count'))
    .where('user_id', '=', id)
    .where('type', '!=', 'mobile')
    .execute();
  return good({
    ...viewOf(row),
    invitations: Number(invitations?.count ?? 0),
    certificates: Number(certificates?.count ?? 0),
  });
}

/** Faults: `bad-argument`, `already-exists`, `not-found` for the group, `password-weak`. */
export async function addUser(server: Server, actor: Actor, wanted: NewUser): Promise<Result<UserMade>> {
  const name = readUserName(wanted.name);
  if (!name.ok) return name;
  const fields = readFields(wanted);
  if (!fields.ok) return fields;
  const chosen = await choosePassword(wanted.password);
  if (!chosen.ok) return chosen;
  return transact(server.db, async (trx) => {
    const group = wanted.group === undefined ? null : await findGroup(trx, wanted.group);
    if (group && !group.ok) return group;
    const id = randomUUID();
    const { numInsertedOrUpdatedRows } = await trx
      .insertInto('users')
      .values({
        id,
        ...name.value,
        ...newFields,
        ...fields.value,
        password: chosen.value.hash,
        group_id: group?.value.id ?? null,
        created_at: server.clock(),
      })
      .onConflict((conflict) => conflict.columns(['name', 'domain']).doNothing())
      .executeTakeFirstOrThrow();
    const spelled = spellUser(name.value);
    if (numInsertedOrUpdatedRows === 0n) return bad('already-exists', { what: spelled });
    const facts = {
      name: spelled,
      group: group?.value.name ?? '',
      devices: fields.value.max_devices ?? newFields.max_devices,
    };
    await audit(server, trx, { actor, action: 'user-added', subject: id, facts });
    return good({ name: spelled, password: chosen.value.made });
  });
}

/** Devices that are registered stay in their group. Faults: `not-found`, also for the group; `bad-argument`. */
export async function changeUser(
  server: Server,
  actor: Actor,
  wanted: string,
  change: UserChange,
): Promise<Result<UserDetails>> {
  const fields = readFields(change);
  if (!fields.ok) return fields;
  const changed = await transact(server.db, async (trx) => {
    const found = await findUser(trx, wanted);
    if (!found.ok) return found;
    const group = change.group === undefined || change.group === null ? null : await findGroup(trx, change.group);
    if (group && !group.ok) return group;
    const { id } = found.value;
    const next: Partial<Tables['users']> = {
      ...fields.value,
      ...(change.group === undefined ? {} : { group_id: group?.value.id ?? null }),
    };
    const names = columns.filter((column) => next[column] !== undefined && next[column] !== found.value[column]);
    if (names.length === 0) return good(id);
    await trx.updateTable('users').set(next).where('id', '=', id).execute();
    const facts = { name: spellUser(found.value), changed: names.join(', ') };
    await audit(server, trx, { actor, action: 'user-changed', subject: id, facts });
    return good(id);
  });
  return changed.ok ? showUser(server, wanted) : changed;
}

/** Its devices stay; registrations that were not finished end. Faults: `not-found`, `bad-argument`. */
export const removeUser = (server: Server, actor: Actor, wanted: string): Promise<Result<null>> =>
  transact(server.db, async (trx) => {
    const found = await findUser(trx, wanted);
    if (!found.ok) return found;
    const { id } = found.value;
    await trx
      .updateTable('invitations')
      .set({ tries_left: 0, expires_at: 0 })
      .where('user_id', '=', id)
      .where('used_at', 'is', null)
      .execute();
    await trx.deleteFrom('users').where('id', '=', id).execute();
    const facts = { name: spellUser(found.value) };
    await audit(server, trx, { actor, action: 'user-removed', subject: id, facts });
    return good(null);
  });

/** Faults: `not-found`, `bad-argument`, `password-weak`. */
export async function setUserPassword(
  server: Server,
  actor: Actor,
  wanted: string,
  password: string | undefined,
): Promise<Result<UserMade>> {
  const chosen = await choosePassword(password);
  if (!chosen.ok) return chosen;
  return transact(server.db, async (trx) => {
    const found = await findUser(trx, wanted);
    if (!found.ok) return found;
    const { id } = found.value;
    await trx.updateTable('users').set({ password: chosen.value.hash }).where('id', '=', id).execute();
    const name = spellUser(found.value);
    await audit(server, trx, { actor, action: 'user-password-set', subject: id, facts: { name } });
    return good({ name, password: chosen.value.made });
  });
}

/** The one user that is meant, by its id or its name. Faults: `not-found`; `bad-argument` where several are. */
export async function findUser(trx: Database, wanted: string): Promise<Result<Tables['users']>> {
  const known = await trx.selectFrom('users').selectAll().where('id', '=', wanted).executeTakeFirst();
  if (known) return good(known);
  const login = readLogin(wanted);
  const named = login ? await trx.selectFrom('users').selectAll().where('name', '=', login.name).execute() : [];
  const [user, ...more] = named.filter((row) => login !== null && isMeant(login, row));
  if (!user) return bad('not-found', { what: wanted.slice(0, 64) });
  return more.length === 0 ? good(user) : bad('bad-argument', { what: `${wanted.slice(0, 64)}: in several domains` });
}

/** Of a user; those that were removed or deleted count no more. */
export async function countDevices(trx: Database, user: string): Promise<number> {
  const { count } = await trx
    .selectFrom('devices')
    .select((select) => select.fn.countAll<number>().as('count'))
    .where('registered_by', '=', user)
    .where('removed_at', 'is', null)
    .where('deactivated_at', 'is', null)
    .executeTakeFirstOrThrow();
  return Number(count);
}

const rowsOf = (db: Database) =>
  db
    .selectFrom('users')
    .leftJoin('groups', 'groups.id', 'users.group_id')
    .selectAll('users')
    .select(['groups.name as group', sql<number>`${sql.raw(devicesColumn)}`.as('devices')]);

const viewOf = (row: Tables['users'] & { readonly group: string | null; readonly devices: number }): UserView => ({
  id: row.id,
  name: spellUser(row),
  fullName: row.full_name,
  description: row.description,
  email: row.email,
  phone: row.phone,
  group: row.group,
  devices: Number(row.devices),
  maxDevices: row.max_devices,
  createdAt: row.created_at,
});

type Fields = Pick<Tables['users'], (typeof fieldColumns)[number]>;
const fieldColumns = ['full_name', 'description', 'email', 'phone', 'max_devices'] as const;
const columns = [...fieldColumns, 'group_id'] as const;

/** Those that are given. Fault: `bad-argument`. */
function readFields({ fullName, description, email, phone, maxDevices }: UserFields): Result<Partial<Fields>> {
  const texts = { 'full name': fullName, description, phone };
  for (const [what, text = ''] of Object.entries(texts))
    if (text.length > maxText || control.test(text)) return bad('bad-argument', { what });
  const address = email === undefined || email === '' ? good(email) : readAddress(email);
  if (!address.ok) return address;
  if (maxDevices !== undefined && (!Number.isInteger(maxDevices) || maxDevices < 1 || maxDevices > mostDevices))
    return bad('bad-argument', { what: `devices: 1 to ${mostDevices}` });
  return good({
    ...(fullName !== undefined && { full_name: fullName }),
    ...(description !== undefined && { description }),
    ...(address.value !== undefined && { email: address.value }),
    ...(phone !== undefined && { phone }),
    ...(maxDevices !== undefined && { max_devices: maxDevices }),
  });
}

type Chosen = { readonly hash: string; readonly made: string | null };

async function choosePassword(given: string | undefined): Promise<Result<Chosen>> {
  const judged = given === undefined ? good(generateUserPassword()) : judgePassword(given);
  if (!judged.ok) return judged;
  return good({ hash: await hashUserPassword(judged.value), made: given === undefined ? judged.value : null });
}
