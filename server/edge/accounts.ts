/** Accounts of administrators: who there is, what each may do, and the link that makes the first one. */
import { randomBytes, randomUUID } from 'node:crypto';
import { bad, good, type Result } from '../../protocol/fault.ts';
import type { Language } from '../../words/say.ts';
import type { AccountColumn, AccountMade, AccountView, SetupLink } from '../api/account.ts';
import type { ListQuery, Page } from '../api/list.ts';
import { judgeAccountPassword, readAccountName, setupMs } from '../core/account.ts';
import { hashSecret, isSecret } from '../core/bearer.ts';
import { isRole, mayGive, type Rights, type Role } from '../core/permission.ts';
import { type Actor, audit, consoleUrl, readIdentity, type Server } from './context.ts';
import { transact } from './database.ts';
import { type ListSpec, mapPage, readPage } from './listing.ts';
import type { Database, Tables } from './tables.ts';
import { generateUserPassword, hashUserPassword } from './user-passwords.ts';

export type Account = Tables['accounts'];
/** Who changes an account, and what he may do himself. */
export type Giver = { readonly actor: Actor; readonly rights: Rights };
export type NewAccount = {
  readonly name: string;
  readonly fullName?: string;
  readonly email?: string;
  readonly roles: readonly Role[];
  readonly language?: Language;
  /** Left out: one is made. */
  readonly password?: string;
};
export type AccountChange = Partial<Pick<NewAccount, 'fullName' | 'email' | 'roles' | 'language'>> & {
  readonly disabled?: boolean;
};

const accountList: ListSpec<AccountColumn> = {
  sort: {
    name: 'name',
    fullName: 'lower(full_name)',
    email: 'lower(email)',
    roles: 'roles',
    disabled: 'disabled_at is not null',
    secondFactor: 'second_factor is not null',
    createdAt: 'created_at',
  },
  key: 'id',
  search: ['name', 'full_name', 'email', 'roles'],
  start: { by: 'name', order: 'asc' },
};
const setupSetting = 'setup';
const firstRoles: readonly Role[] = ['officer', 'administrator'];
const maxText = 120;
const control = /\p{Cc}/u;
const mail = /^[^\s@]+@[^\s@]+$/;

export const rolesOf = ({ roles }: Pick<Account, 'roles'>): readonly Role[] =>
  (JSON.parse(roles) as unknown[]).filter(isRole);

export const viewOf = (row: Account): AccountView => ({
  id: row.id,
  name: row.name,
  fullName: row.full_name,
  email: row.email,
  roles: [...rolesOf(row)],
  language: row.language,
  secondFactor: row.second_factor !== null,
  disabled: row.disabled_at !== null,
  createdAt: row.created_at,
});

export async function pageAccounts({ db }: Server, query: ListQuery<AccountColumn>): Promise<Page<AccountView>> {
  return mapPage(await readPage(db.selectFrom('accounts').selectAll(), accountList, query), viewOf);
}

export const hasAccounts = async ({ db }: Server): Promise<boolean> =>
  (await db.selectFrom('accounts').select('id').limit(1).executeTakeFirst()) !== undefined;

/** By name or id. Fault: `not-found`. */
export async function findAccount(trx: Database, wanted: string): Promise<Result<Account>> {
  const row = await trx
    .selectFrom('accounts')
    .selectAll()
    .where((where) => where.or([where('id', '=', wanted), where('name', '=', wanted.toLowerCase())]))
    .executeTakeFirst();
  return row ? good(row) : bad('not-found', { what: wanted.slice(0, 64) });
}

/** Faults: `bad-argument`, `account-password-weak`, `already-exists`; `not-allowed` for a role beyond the giver's own. */
export async function addAccount(server: Server, giver: Giver, wanted: NewAccount): Promise<Result<AccountMade>> {
  if (!mayGive(giver.rights, wanted.roles)) return bad('not-allowed', { what: wanted.roles.join(', ') });
  const row = await newRow(server, wanted);
  if (!row.ok) return row;
  return transact(server.db, async (trx) => {
    const added = await insert(server, trx, giver.actor, row.value.row);
    return added.ok ? good({ ...added.value, password: row.value.made }) : added;
  });
}

/** Faults: `not-found`, `bad-argument`; `not-allowed` for what lies beyond the giver, and for his own roles. */
export const changeAccount = (
  server: Server,
  giver: Giver,
  wanted: string,
  change: AccountChange,
): Promise<Result<null>> =>
  transact(server.db, async (trx) => {
    const found = await findLower(trx, giver, wanted);
    if (!found.ok) return found;
    const { id, name } = found.value;
    const { fullName, email, roles, language, disabled } = change;
    const own = name === giver.actor && (roles !== undefined || disabled !== undefined);
    if (own || (roles && !mayGive(giver.rights, roles))) return bad('not-allowed', { what: name });
    const text = judgeTexts(fullName, email);
    if (!text.ok) return text;
    const set = {
      ...(fullName === undefined ? {} : { full_name: fullName }),
      ...(email === undefined ? {} : { email }),
      ...(roles === undefined ? {} : { roles: JSON.stringify(roles) }),
      ...(language === undefined ? {} : { language }),
      ...(disabled === undefined ? {} : { disabled_at: disabled ? server.clock() : null }),
    };
    if (Object.keys(set).length === 0) return good(null);
    await trx.updateTable('accounts').set(set).where('id', '=', id).execute();
    const facts = {
      name,
      ...(roles === undefined ? {} : { roles: roles.join(' ') }),
      ...(disabled === undefined ? {} : { disabled: disabled ? 'yes' : 'no' }),
    };
    await audit(server, trx, { actor: giver.actor, action: 'account-changed', subject: id, facts });
    return good(null);
  });

/**
 * Its sessions end with the password. Faults: `not-found`, `account-password-weak`; `not-allowed`, also for the giver's own, which
 * changes by the present one: a session that somebody else got hold of would give him the account.
 */
export async function resetPassword(
  server: Server,
  giver: Giver,
  wanted: string,
  password: string | undefined,
): Promise<Result<AccountMade>> {
  const found = await findLower(server.db, giver, wanted);
  if (!found.ok) return found;
  const { id, name } = found.value;
  if (name === giver.actor) return bad('not-allowed', { what: name });
  const chosen = await choosePassword(name, password);
  if (!chosen.ok) return chosen;
  return transact(server.db, async (trx) => {
    const still = await findLower(trx, giver, id);
    if (!still.ok) return still;
    await trx.updateTable('accounts').set({ password: chosen.value.hash }).where('id', '=', id).execute();
    await audit(server, trx, { actor: giver.actor, action: 'account-password-set', subject: id, facts: { name } });
    return good({ id, name, password: chosen.value.made });
  });
}

/** For who has lost the authenticator and the recovery codes. Faults: `not-found`, `not-allowed`. */
export const resetSecondFactor = (server: Server, giver: Giver, wanted: string): Promise<Result<null>> =>
  transact(server.db, async (trx) => {
    const found = await findLower(trx, giver, wanted);
    if (!found.ok) return found;
    const { id, name } = found.value;
    if (name === giver.actor) return bad('not-allowed', { what: name });
    await trx.updateTable('accounts').set({ second_factor: null }).where('id', '=', id).execute();
    await audit(server, trx, { actor: giver.actor, action: 'second-factor-reset', subject: id, facts: { name } });
    return good(null);
  });

/** Its tokens go with it. Faults: `not-found`; `not-allowed`, also for the giver himself, so that one always stays. */
export const removeAccount = (server: Server, giver: Giver, wanted: string): Promise<Result<null>> =>
  transact(server.db, async (trx) => {
    const found = await findLower(trx, giver, wanted);
    if (!found.ok) return found;
    const { id, name } = found.value;
    if (name === giver.actor) return bad('not-allowed', { what: name });
    await trx.deleteFrom('tokens').where('account_id', '=', id).execute();
    await trx.deleteFrom('accounts').where('id', '=', id).execute();
    await audit(server, trx, { actor: giver.actor, action: 'account-removed', subject: id, facts: { name } });
    return good(null);
  });

/** The one of before counts no more. */
export const makeSetupLink = (server: Server, actor: Actor): Promise<Result<SetupLink>> =>
  transact(server.db, async (trx) => {
    const identity = await readIdentity(trx);
    const token = randomBytes(24).toString('base64url');
    const expiresAt = server.clock() + setupMs;
    const value = JSON.stringify({ hash: hashSecret(token), expiresAt });
    await trx
      .insertInto('settings')
      .values({ name: setupSetting, value })
      .onConflict((conflict) => conflict.column('name').doUpdateSet({ value }))
      .execute();
    await audit(server, trx, { actor, action: 'setup-link-made', subject: identity.serverId });
    return good({ url: `${consoleUrl(identity)}/setup#${token}`, expiresAt });
  });

/** Once: where there is neither an account nor a link that was ever made. */
export async function firstSetupLink(server: Server): Promise<SetupLink | null> {
  const { db } = server;
  const made = await db.selectFrom('settings').select('name').where('name', '=', setupSetting).executeTakeFirst();
  if (made || (await hasAccounts(server))) return null;
  const link = await makeSetupLink(server, 'server');
  return link.ok ? link.value : null;
}

/** What the link is for: an account that may do everything, once. Faults: `setup-refused`, those of `addAccount`. */
export async function setUp(
  server: Server,
  token: string,
  wanted: Omit<NewAccount, 'roles'>,
): Promise<Result<Account>> {
  const known = await isSetupToken(server, server.db, token);
  if (!known) return bad('setup-refused');
  const row = await newRow(server, { ...wanted, roles: firstRoles });
  if (!row.ok) return row;
  return transact(server.db, async (trx) => {
    if (!(await isSetupToken(server, trx, token))) return bad('setup-refused');
    // What stays says that there was one: none is made by itself again.
    await trx.updateTable('settings').set({ value: 'null' }).where('name', '=', setupSetting).execute();
    const added = await insert(server, trx, 'setup', row.value.row);
    return added.ok ? good(row.value.row) : added;
  });
}

async function isSetupToken({ clock }: Server, trx: Database, token: string): Promise<boolean> {
  const row = await trx.selectFrom('settings').select('value').where('name', '=', setupSetting).executeTakeFirst();
  const kept = JSON.parse(row?.value ?? 'null') as { readonly hash: string; readonly expiresAt: number } | null;
  return kept !== null && clock() < kept.expiresAt && isSecret(token, kept.hash);
}

/** Nobody touches who may do what he may not. */
async function findLower(trx: Database, { rights }: Giver, wanted: string): Promise<Result<Account>> {
  const found = await findAccount(trx, wanted);
  if (!found.ok) return found;
  return mayGive(rights, rolesOf(found.value)) ? found : bad('not-allowed', { what: found.value.name });
}

async function newRow(
  { clock }: Server,
  wanted: NewAccount,
): Promise<Result<{ readonly row: Account; readonly made: string | null }>> {
  const { fullName = '', email = '', language = 'en', roles } = wanted;
  const name = readAccountName(wanted.name);
  if (!name.ok) return name;
  const text = judgeTexts(fullName, email);
  if (!text.ok) return text;
  const chosen = await choosePassword(name.value, wanted.password);
  if (!chosen.ok) return chosen;
  const row: Account = {
    id: randomUUID(),
    name: name.value,
    full_name: fullName,
    email,
    password: chosen.value.hash,
    roles: JSON.stringify(roles),
    language,
    second_factor: null,
    created_at: clock(),
    disabled_at: null,
  };
  return good({ row, made: chosen.value.made });
}

async function insert(
  server: Server,
  trx: Database,
  actor: Actor,
  row: Account,
): Promise<Result<{ readonly id: string; readonly name: string }>> {
  const { id, name } = row;
  const { numInsertedOrUpdatedRows } = await trx
    .insertInto('accounts')
    .values(row)
    .onConflict((conflict) => conflict.column('name').doNothing())
    .executeTakeFirstOrThrow();
  if (numInsertedOrUpdatedRows === 0n) return bad('already-exists', { what: name });
  const facts = { name, roles: rolesOf(row).join(' ') };
  await audit(server, trx, { actor, action: 'account-added', subject: id, facts });
  return good({ id, name });
}

function judgeTexts(fullName = '', email = ''): Result<null> {
  if (fullName.length > maxText || control.test(fullName)) return bad('bad-argument', { what: 'full name' });
  const right = email === '' || (email.length <= maxText && !control.test(email) && mail.test(email));
  return right ? good(null) : bad('bad-argument', { what: 'e-mail' });
}

type Chosen = { readonly hash: string; readonly made: string | null };

async function choosePassword(name: string, given: string | undefined): Promise<Result<Chosen>> {
  const judged = given === undefined ? good(generateUserPassword()) : judgeAccountPassword(name, given);
  if (!judged.ok) return judged;
  return good({ hash: await hashUserPassword(judged.value), made: given === undefined ? judged.value : null });
}
