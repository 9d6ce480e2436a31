/** Tokens of programs that use the API: the secret is told once, its hash is kept, and each has an end. */
import { randomBytes, randomUUID } from 'node:crypto';
import { bad, good, type Result } from '../../protocol/fault.ts';
import { dayMs } from '../../protocol/time.ts';
import type { TokenColumn, TokenMade, TokenView } from '../api/account.ts';
import type { ListQuery, Page } from '../api/list.ts';
import { hashSecret } from '../core/bearer.ts';
import { type Action, isRole, mayGive, type Rights, type Role, rightsOf } from '../core/permission.ts';
import { findAccount, type Giver, rolesOf } from './accounts.ts';
import { audit, type Server } from './context.ts';
import { transact } from './database.ts';
import { type ListSpec, mapPage, readPage } from './listing.ts';

export type NewToken = { readonly name: string; readonly roles: readonly Role[]; readonly days: number };

const form = /^tt_[A-Za-z0-9_-]{43}$/;
const tokenName = /^[a-z0-9][a-z0-9._-]{0,39}$/;
/** A token makes no accounts and no tokens: it would outlive itself. */
const beyond: ReadonlySet<Action> = new Set<Action>(['edit-accounts', 'recover-accounts']);

const tokenList: ListSpec<TokenColumn> = {
  sort: {
    name: 'tokens.name',
    roles: 'tokens.roles',
    madeBy: 'accounts.name',
    madeAt: 'made_at',
    expiresAt: 'expires_at',
  },
  key: 'tokens.id',
  search: ['tokens.name', 'tokens.roles', 'accounts.name'],
  start: { by: 'name', order: 'asc' },
};

/** `madeBy`: name of an account. */
export async function listTokens(
  { db }: Server,
  query: ListQuery<TokenColumn> & { readonly madeBy?: string },
): Promise<Page<TokenView>> {
  let rows = db
    .selectFrom('tokens')
    .leftJoin('accounts', 'accounts.id', 'tokens.account_id')
    .selectAll('tokens')
    .select('accounts.name as madeBy');
  if (query.madeBy !== undefined) rows = rows.where('accounts.name', '=', query.madeBy);
  return mapPage(await readPage(rows, tokenList, query), ({ id, name, roles, madeBy, made_at, expires_at }) => ({
    id,
    name,
    roles: [...rolesOf({ roles })],
    madeBy,
    madeAt: made_at,
    expiresAt: expires_at,
  }));
}

/** Faults: `bad-argument`, `already-exists`; `not-allowed` for a role beyond the giver's own. */
export const addToken = (server: Server, { actor, rights }: Giver, wanted: NewToken): Promise<Result<TokenMade>> =>
  transact(server.db, async (trx) => {
    const { name, roles, days } = wanted;
    if (!mayGive(rights, roles)) return bad('not-allowed', { what: roles.join(', ') });
    if (!tokenName.test(name)) return bad('bad-argument', { what: 'token name' });
    const same = await trx.selectFrom('tokens').select('id').where('name', '=', name).executeTakeFirst();
    if (same) return bad('already-exists', { what: name });
    const maker = await findAccount(trx, actor);
    const now = server.clock();
    const id = randomUUID();
    const token = `tt_${randomBytes(32).toString('base64url')}`;
    await trx
      .insertInto('tokens')
      .values({
        id,
        name,
        hash: hashSecret(token),
        roles: JSON.stringify(roles),
        account_id: maker.ok ? maker.value.id : null,
        made_at: now,
        expires_at: now + days * dayMs,
      })
      .execute();
    await audit(server, trx, { actor, action: 'token-added', subject: id, facts: { name, roles: roles.join(' ') } });
    return good({ id, name, token });
  });

/** By name or id. Faults: `not-found`; `not-allowed` for one that may do what the giver may not. */
export const removeToken = (server: Server, { actor, rights }: Giver, wanted: string): Promise<Result<null>> =>
  transact(server.db, async (trx) => {
    const row = await trx
      .selectFrom('tokens')
      .selectAll()
      .where((where) => where.or([where('id', '=', wanted), where('name', '=', wanted)]))
      .executeTakeFirst();
    if (!row) return bad('not-found', { what: wanted.slice(0, 64) });
    const { id, name } = row;
    if (!mayGive(rights, rolesOf(row))) return bad('not-allowed', { what: name });
    await trx.deleteFrom('tokens').where('id', '=', id).execute();
    await audit(server, trx, { actor, action: 'token-removed', subject: id, facts: { name } });
    return good(null);
  });

/** Who a bearer (RFC 6750 §2.1) acts as; never more than the account that made the token may do now. Fault: `api-token-refused`. */
export async function bearerRights({ db, clock }: Server, header: string): Promise<Result<Giver>> {
  const token = /^bearer +(\S+)$/i.exec(header)?.[1] ?? '';
  if (!form.test(token)) return bad('api-token-refused');
  const row = await db
    .selectFrom('tokens')
    .leftJoin('accounts', 'accounts.id', 'tokens.account_id')
    .select(['tokens.name', 'tokens.roles', 'account_id', 'expires_at', 'disabled_at', 'accounts.roles as makerRoles'])
    .where('hash', '=', hashSecret(token))
    .executeTakeFirst();
  if (!row || clock() >= row.expires_at || row.disabled_at !== null) return bad('api-token-refused');
  if (row.account_id !== null && row.makerRoles === null) return bad('api-token-refused');
  const own = rightsOf((JSON.parse(row.roles) as unknown[]).filter(isRole));
  const maker = row.makerRoles === null ? own : rightsOf(rolesOf({ roles: row.makerRoles }));
  const rights: Rights = new Set([...own].filter((action) => maker.has(action) && !beyond.has(action)));
  return good({ actor: `token:${row.name}`, rights });
}
