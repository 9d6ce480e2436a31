/** Group tokens in the database, and what registers by them (B13). */
import { randomBytes } from 'node:crypto';
import { bad, good, type Result } from '../../protocol/fault.ts';
import { instant, instantOrNull } from '../../protocol/time.ts';
import type { GroupTokenView, Invited } from '../api/onboarding.ts';
import { groupPassword } from '../core/invitation.ts';
import { readSpelled, spell } from '../core/spelling.ts';
import { checkToken, defaultTokenDays, maxTokenDays, mostOfToken, tokenEnd } from '../core/token.ts';
import { askApproval } from './approvals.ts';
import { type Actor, addressesOf, audit, readIdentity, type Server } from './context.ts';
import { transact } from './database.ts';
import {
  beginInvitation,
  type HeldInvitation,
  idLetters,
  longPassword,
  opens,
  quickHash,
  readInvitation,
} from './invitations.ts';
import { findGroup } from './lookup.ts';
import { readServerCertificates } from './pins.ts';
import type { Database, Tables } from './tables.ts';

export type TokenRequest = {
  readonly password: string;
  /** SHA-256 of the public key, hex. */
  readonly key: string;
  readonly hardwareId: string;
  readonly from: string;
};

/** Nobody guesses it, so there are no tries to count, and nobody can use them up for others. */
/** Its password is told once. Faults: `not-found`, `not-allowed` for a group of the server's own, `bad-argument`. */
export async function addToken(
  server: Server,
  actor: Actor,
  wanted: { readonly group: string; readonly most: number; readonly days?: number; readonly approval?: boolean },
): Promise<Result<Invited>> {
  const { most, days = defaultTokenDays, approval = false } = wanted;
  if (most < 1 || most > mostOfToken) return bad('bad-argument', { what: `devices: 1 to ${mostOfToken}` });
  if (days < 1 || days > maxTokenDays) return bad('bad-argument', { what: `days: 1 to ${maxTokenDays}` });
  const id = spell(randomBytes(idLetters));
  const password = longPassword();
  const salt = randomBytes(16);
  return transact(server.db, async (trx) => {
    const identity = await readIdentity(trx);
    const group = await findGroup(trx, wanted.group);
    if (!group.ok) return group;
    if (group.value.kind === 'recovered') return bad('not-allowed', { what: group.value.name });
    const now = server.clock();
    const row: Tables['group_tokens'] = {
      id,
      group_id: group.value.id,
      salt: salt.toString('hex'),
      hash: quickHash(password, salt),
      most,
      approval: approval ? 1 : 0,
      expires_at: tokenEnd(now, days),
      ended_at: null,
      created_at: now,
    };
    await trx.insertInto('group_tokens').values(row).execute();
    const facts = { group: group.value.name, most, days, approval: approval ? 'yes' : 'no' };
    await audit(server, trx, { actor, action: 'token-added', subject: id, facts });
    const main = (await readServerCertificates(trx)).find(({ role }) => role === 'main');
    return good({
      address: addressesOf(identity).https,
      fingerprint: main?.fingerprint ?? '',
      invitation: id,
      ofUser: false,
      password: groupPassword(password),
      expiresAt: row.expires_at,
      mailedTo: [],
    });
  });
}

/** Newest first. */
export async function listTokens({ db, clock }: Server): Promise<GroupTokenView[]> {
  const rows = await db
    .selectFrom('group_tokens')
    .innerJoin('groups', 'groups.id', 'group_id')
    .selectAll('group_tokens')
    .select('groups.name as group')
    .orderBy('group_tokens.created_at', 'desc')
    .execute();
  const views: GroupTokenView[] = [];
  for (const row of rows)
    views.push({
      id: row.id,
      group: row.group,
      most: row.most,
      used: await countUsed(db, row.id, clock()),
      approval: row.approval === 1,
      expiresAt: row.expires_at,
      endedAt: row.ended_at,
      createdAt: row.created_at,
    });
  return views;
}

/** Who has begun goes on; nobody begins any more. Fault: `not-found`. */
export const endToken = (server: Server, actor: Actor, id: string): Promise<Result<null>> =>
  transact(server.db, async (trx) => {
    const { numUpdatedRows } = await trx
      .updateTable('group_tokens')
      .set({ ended_at: server.clock() })
      .where('id', '=', id.toUpperCase())
      .where('ended_at', 'is', null)
      .executeTakeFirstOrThrow();
    if (numUpdatedRows === 0n) return bad('not-found', { what: id.slice(0, 64) });
    await audit(server, trx, { actor, action: 'token-ended', subject: id.toUpperCase() });
    return good(null);
  });

export const readToken = async (trx: Database, id: string): Promise<Tables['group_tokens'] | null> =>
  (await trx.selectFrom('group_tokens').selectAll().where('id', '=', id).executeTakeFirst()) ?? null;

/**
 * An invitation for this key: the one it has begun with, or a new one. Faults: `invitation-refused` with a reason for the
 * audit only, `token-used-up`, `enrolment-pending` while an administrator has not decided.
 */
export const openByToken = (server: Server, id: string, request: TokenRequest): Promise<Result<HeldInvitation>> =>
  // What waits for a decision is kept, so its fault comes out of the transaction as a value.
  transact<Result<HeldInvitation>>(server.db, async (trx) => good(await open(server, trx, id, request))).then((done) =>
    done.ok ? done.value : done,
  );

async function open(
  server: Server,
  trx: Database,
  id: string,
  { password, key, hardwareId, from }: TokenRequest,
): Promise<Result<HeldInvitation>> {
  const token = await readToken(trx, id);
  if (!token) return bad('invitation-refused', { reason: 'unknown' });
  if (!(await opens(token, readSpelled(password.slice(0, 64)))))
    return bad('invitation-refused', { reason: 'wrong password' });
  const now = server.clock();
  const begun = await trx
    .selectFrom('invitations')
    .select('id')
    .where('token_id', '=', id)
    .where('bound_to', '=', key)
    .where('used_at', 'is', null)
    .executeTakeFirst();
  let name: string | null = null;
  if (!begun) {
    const state = {
      most: token.most,
      expiresAt: instant(token.expires_at),
      endedAt: instantOrNull(token.ended_at),
    };
    const free = checkToken(state, await countUsed(trx, id, now), now);
    if (!free.ok) return free;
    if (token.approval === 1) {
      const approved = await askApproval(server, trx, { token: id, key, hardwareId, from });
      if (!approved.ok) return approved;
      name = approved.value;
    }
  }
  const invitation = await beginInvitation(trx, now, {
    begun: begun?.id ?? null,
    key,
    name,
    group: token.group_id,
    token: id,
    user: null,
  });
  const held = await readInvitation(trx, invitation);
  return held ? good(held) : bad('invitation-refused');
}

/** Registrations that were begun and then given up make room again when their time is over. */
async function countUsed(trx: Database, token: string, now: number): Promise<number> {
  const { count } = await trx
    .selectFrom('invitations')
    .select(({ fn }) => fn.countAll<number>().as('count'))
    .where('token_id', '=', token)
    .where(({ or, eb }) => or([eb('used_at', 'is not', null), eb('expires_at', '>', now)]))
    .executeTakeFirstOrThrow();
  return count;
}
