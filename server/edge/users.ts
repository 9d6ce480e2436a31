/** Internal users of this server, by whose name and password devices may be registered (M3, M9). */
import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { bad, good, type Result } from '../../protocol/fault.ts';
import type { UserColumn, UserView } from '../api/devices.ts';
import type { ListQuery, Page } from '../api/list.ts';
import { readAddress } from '../core/mail-address.ts';
import { isMeant, judgePassword, readLogin, readUserName, spellUser } from '../core/user.ts';
import { type Actor, audit, type Server } from './context.ts';
import { transact } from './database.ts';
import { type ListSpec, mapPage, readPage } from './listing.ts';
import { findGroup } from './lookup.ts';
import type { Database, Tables } from './tables.ts';
import { generateUserPassword, hashUserPassword } from './user-passwords.ts';

/** `password` only where the server made it: it is told once. */
export type UserMade = { readonly name: string; readonly password: string | null };
export type NewUser = {
  readonly name: string;
  readonly fullName?: string;
  readonly email?: string;
  readonly group?: string;
  readonly maxDevices?: number;
  /** Left out: one is made. */
  readonly password?: string;
};

/** As `countDevices` says. */
const devicesColumn = `(select count(*) from devices
  where registered_by = users.id and removed_at is null and deactivated_at is null)`;
const userList: ListSpec<UserColumn> = {
  sort: {
    name: "users.name || '@' || users.domain",
    fullName: 'lower(full_name)',
    email: 'lower(email)',
    group: "lower(coalesce(groups.name, ''))",
    devices: devicesColumn,
    maxDevices: 'max_devices',
    createdAt: 'users.created_at',
  },
  key: 'users.id',
  search: ["users.name || '@' || users.domain", 'full_name', 'email', 'groups.name'],
  start: { by: 'name', order: 'asc' },
};
export const mostDevices = 10_000;
const defaultDevices = 1;
const maxText = 120;
const control = /\p{Cc}/u;

export async function pageUsers({ db }: Server, query: ListQuery<UserColumn>): Promise<Page<UserView>> {
  const rows = db
    .selectFrom('users')
    .leftJoin('groups', 'groups.id', 'users.group_id')
    .selectAll('users')
    .select(['groups.name as group', sql<number>`${sql.raw(devicesColumn)}`.as('devices')]);
  return mapPage(await readPage(rows, userList, query), (row) => ({
    id: row.id,
    name: spellUser(row),
    fullName: row.full_name,
    email: row.email,
    group: row.group,
    devices: Number(row.devices),
    maxDevices: row.max_devices,
    createdAt: row.created_at,
  }));
}

/** The first of them, by name. */
export const listUsers = async (server: Server): Promise<readonly UserView[]> => (await pageUsers(server, {})).rows;

/** Faults: `bad-argument`, `already-exists`, `not-found` for the group, `password-weak`. */
export async function addUser(server: Server, actor: Actor, wanted: NewUser): Promise<Result<UserMade>> {
  const { fullName = '', email = '', maxDevices = defaultDevices } = wanted;
  const name = readUserName(wanted.name);
  if (!name.ok) return name;
  if (fullName.length > maxText || control.test(fullName)) return bad('bad-argument', { what: 'full name' });
  const address = email === '' ? good('') : readAddress(email);
  if (!address.ok) return address;
  if (!Number.isInteger(maxDevices) || maxDevices < 1 || maxDevices > mostDevices)
    return bad('bad-argument', { what: `devices: 1 to ${mostDevices}` });
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
        full_name: fullName,
        email: address.value,
        password: chosen.value.hash,
        group_id: group?.value.id ?? null,
        max_devices: maxDevices,
        created_at: server.clock(),
      })
      .onConflict((conflict) => conflict.columns(['name', 'domain']).doNothing())
      .executeTakeFirstOrThrow();
    const spelled = spellUser(name.value);
    if (numInsertedOrUpdatedRows === 0n) return bad('already-exists', { what: spelled });
    const facts = { name: spelled, group: group?.value.name ?? '', devices: maxDevices };
    await audit(server, trx, { actor, action: 'user-added', subject: id, facts });
    return good({ name: spelled, password: chosen.value.made });
  });
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

/** The one user that is meant. Faults: `not-found`; `bad-argument` where several are. */
export async function findUser(trx: Database, wanted: string): Promise<Result<Tables['users']>> {
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

type Chosen = { readonly hash: string; readonly made: string | null };

async function choosePassword(given: string | undefined): Promise<Result<Chosen>> {
  const judged = given === undefined ? good(generateUserPassword()) : judgePassword(given);
  if (!judged.ok) return judged;
  return good({ hash: await hashUserPassword(judged.value), made: given === undefined ? judged.value : null });
}
