/** Compromised certificates: blocked for one group and those below it, or everywhere. */
import { sql } from 'kysely';
import { bad, good, type Result } from '../../protocol/fault.ts';
import type { BlockReach } from '../api/groups.ts';
import { familyOf } from '../core/policy.ts';
import { type Actor, audit, type Server } from './context.ts';
import { transact } from './database.ts';
import { signAllPolicies } from './documents.ts';
import { rewriteKit } from './kit.ts';
import { isActive } from './lives.ts';
import { editPolicy } from './policies.ts';
import type { Database } from './tables.ts';

type Blocking = { readonly fingerprint: string; readonly blocked: boolean };

/** A certificate that no device of the group trusts any more. Faults: `not-found`, `would-strand`. */
export async function setBlocked(
  server: Server,
  actor: Actor,
  group: string,
  { fingerprint, blocked }: Blocking,
): Promise<Result<null>> {
  const done = await editPolicy(server, group, null, async (trx, target) => {
    if (blocked) await block(server, trx, [target.id], [fingerprint]);
    else if (!(await unblock(trx, fingerprint, target.id))) return bad('not-found', { what: fingerprint });
    const action = blocked ? 'certificate-blocked' : 'certificate-unblocked';
    await audit(server, trx, { actor, action, subject: fingerprint, facts: { group: target.name } });
    return good(null);
  });
  // A server rebuilt from it must not lead devices to a blocked certificate.
  if (done.ok) await rewriteKit(server);
  return done;
}

/**
 * On the blocklists of all groups that have none above them, also of those made later, until it is taken off everywhere, which
 * takes it off the blocklists of all groups. Faults: `not-found`, `would-strand`.
 */
export async function setBlockedEverywhere(
  server: Server,
  actor: Actor,
  { fingerprint, blocked }: Blocking,
): Promise<Result<BlockReach>> {
  const done = await transact(server.db, async (trx) => {
    if (blocked) await blockEverywhere(server, trx, actor, fingerprint);
    else if (await unblock(trx, fingerprint, null)) {
      await audit(server, trx, { actor, action: 'certificate-unblocked-everywhere', subject: fingerprint, facts: {} });
    } else return bad('not-found', { what: fingerprint });
    const signed = await signAllPolicies(server, trx);
    return signed.ok ? good(await readReach(trx, fingerprint)) : signed;
  });
  if (done.ok) await rewriteKit(server);
  return done;
}

/** On the blocklist of every group that has none above it; whoever asks signs the policies. */
export async function blockEverywhere(server: Server, trx: Database, actor: Actor, fingerprint: string): Promise<void> {
  await block(server, trx, await tops(trx), [fingerprint]);
  await audit(server, trx, { actor, action: 'certificate-blocked-everywhere', subject: fingerprint, facts: {} });
}

/** What blocking a certificate everywhere means now. */
export async function readReach(db: Database, fingerprint: string): Promise<BlockReach> {
  const groups = await db.selectFrom('groups').select(['id', 'name', 'parent']).execute();
  const policies = await db
    .selectFrom('policy_certificates')
    .innerJoin('groups', 'groups.id', 'group_id')
    .select(['groups.id', 'groups.name'])
    .distinct()
    .where('fingerprint', '=', fingerprint)
    .orderBy('groups.name')
    .execute();
  const tree = new Map(groups.map((group) => [group.id, group]));
  const trusting = new Set(policies.flatMap(({ id }) => familyOf(tree, id)));
  return {
    devices: await countIn(db, null),
    groups: groups.length,
    policies,
    trusting: trusting.size === 0 ? 0 : await countIn(db, [...trusting]),
    everywhere: (await blockedEverywhere(db, await tops(db))).includes(fingerprint),
  };
}

/** A group that has none above it begins with what is blocked everywhere else. */
export async function blockAsEverywhere(server: Server, trx: Database, group: string): Promise<void> {
  const others = (await tops(trx)).filter((id) => id !== group);
  await block(server, trx, [group], await blockedEverywhere(trx, others));
}

export async function block(
  { clock }: Server,
  trx: Database,
  groups: readonly string[],
  fingerprints: readonly string[],
): Promise<void> {
  for (const group_id of groups)
    for (const fingerprint of fingerprints)
      await trx
        .insertInto('blocked_certificates')
        .values({ group_id, fingerprint, added_at: clock() })
        .onConflict((conflict) => conflict.columns(['group_id', 'fingerprint']).doNothing())
        .execute();
}

/** Null: of all groups. False where it was not blocked. */
async function unblock(trx: Database, fingerprint: string, group: string | null): Promise<boolean> {
  const rows = trx.deleteFrom('blocked_certificates').where('fingerprint', '=', fingerprint);
  const { numDeletedRows } = await (group === null
    ? rows
    : rows.where('group_id', '=', group)
  ).executeTakeFirstOrThrow();
  return numDeletedRows > 0n;
}

const tops = async (trx: Database): Promise<readonly string[]> =>
  (await trx.selectFrom('groups').select('id').where('parent', 'is', null).execute()).map(({ id }) => id);

async function blockedEverywhere(trx: Database, groups: readonly string[]): Promise<readonly string[]> {
  if (groups.length === 0) return [];
  const rows = await trx
    .selectFrom('blocked_certificates')
    .select('fingerprint')
    .where('group_id', 'in', groups)
    .groupBy('fingerprint')
    .having(sql<number>`count(*)`, '=', groups.length)
    .execute();
  return rows.map(({ fingerprint }) => fingerprint);
}

async function countIn(db: Database, groups: readonly string[] | null): Promise<number> {
  const active = db
    .selectFrom('devices')
    .select((select) => select.fn.countAll<number>().as('count'))
    .where(isActive)
    .where('adopted_at', 'is', null);
  const { count } = await (groups === null ? active : active.where('group_id', 'in', groups)).executeTakeFirstOrThrow();
  return Number(count);
}
