/** Devices that ask to be let in, and wait for an administrator (B13). */
import { bad, good, type Result } from '../../protocol/fault.ts';
import { numberOfKey } from '../../protocol/request-number.ts';
import type { RequestView } from '../api/onboarding.ts';
import { type Decision, mostWaiting } from '../core/token.ts';
import { type Actor, audit, type Server } from './context.ts';
import { transact } from './database.ts';
import { maxName } from './invitations.ts';
import type { Database } from './tables.ts';

type Asked = { readonly token: string; readonly key: string; readonly hardwareId: string; readonly from: string };

/** A device that stopped asking is not waited for. */
const forgottenAfterMs = 7 * 24 * 3_600_000;

/**
 * The name an administrator gave with the approval, or null for none. Faults: `enrolment-pending`, `invitation-refused` once it
 * was refused; `busy` where too many wait.
 */
export async function askApproval(server: Server, trx: Database, asked: Asked): Promise<Result<string | null>> {
  const now = server.clock();
  const known = await trx
    .selectFrom('enrolment_requests')
    .selectAll()
    .where('token_id', '=', asked.token)
    .where('key', '=', asked.key)
    .executeTakeFirst();
  if (known?.decision === 'approved') return good(known.name);
  if (known?.decision === 'refused') return bad('invitation-refused', { reason: 'refused by an administrator' });
  const number = numberOfKey(asked.key);
  if (known) {
    await trx.updateTable('enrolment_requests').set({ last_asked_at: now }).where('key', '=', asked.key).execute();
    return bad('enrolment-pending', { request: number });
  }
  await trx
    .deleteFrom('enrolment_requests')
    .where('decision', 'is', null)
    .where('last_asked_at', '<', now - forgottenAfterMs)
    .execute();
  const { count } = await trx
    .selectFrom('enrolment_requests')
    .select(({ fn }) => fn.countAll<number>().as('count'))
    .where('token_id', '=', asked.token)
    .where('decision', 'is', null)
    .executeTakeFirstOrThrow();
  if (count >= mostWaiting) return bad('busy', { reason: 'too many wait for approval' });
  const row = {
    token_id: asked.token,
    key: asked.key,
    hardware_id: asked.hardwareId.slice(0, 300),
    address: asked.from,
  };
  await trx
    .insertInto('enrolment_requests')
    .values({ ...row, asked_at: now, last_asked_at: now, decision: null, decided_at: null, name: null })
    .execute();
  const facts = { token: asked.token, hardware: row.hardware_id.slice(0, 120), address: asked.from };
  await audit(server, trx, { actor: 'server', action: 'approval-asked', subject: number, facts });
  return bad('enrolment-pending', { request: number });
}

/** Those that are not decided, the one that has waited longest first. */
export async function listRequests({ db }: Server): Promise<RequestView[]> {
  const rows = await db
    .selectFrom('enrolment_requests')
    .innerJoin('group_tokens', 'group_tokens.id', 'token_id')
    .innerJoin('groups', 'groups.id', 'group_tokens.group_id')
    .selectAll('enrolment_requests')
    .select('groups.name as group')
    .where('decision', 'is', null)
    .orderBy('asked_at')
    .execute();
  return rows.map((row) => ({
    number: numberOfKey(row.key),
    group: row.group,
    hardwareId: row.hardware_id,
    address: row.address,
    askedAt: row.asked_at,
    lastAskedAt: row.last_asked_at,
  }));
}

/** Faults: `not-found` for a number nobody waits with, `bad-argument` for a name. */
export const decideRequest = (
  server: Server,
  actor: Actor,
  { number, decision, name }: { readonly number: string; readonly decision: Decision; readonly name?: string },
): Promise<Result<null>> =>
  transact(server.db, async (trx) => {
    if (name !== undefined && (name.trim() === '' || name.length > maxName || /\p{Cc}/u.test(name)))
      return bad('bad-argument', { what: 'name' });
    const wanted = number.toLowerCase().replace(/[\s-]/g, '');
    if (!/^[0-9a-f]{12}$/.test(wanted)) return bad('not-found', { what: number.slice(0, 64) });
    const rows = await trx
      .selectFrom('enrolment_requests')
      .select(['key', 'token_id', 'hardware_id'])
      .where('key', 'like', `${wanted}%`)
      .where('decision', 'is', null)
      .execute();
    const [row] = rows;
    if (!row || rows.length > 1) return bad('not-found', { what: number.slice(0, 64) });
    await trx
      .updateTable('enrolment_requests')
      .set({ decision, decided_at: server.clock(), name: name?.trim() ?? null })
      .where('key', '=', row.key)
      .where('token_id', '=', row.token_id)
      .execute();
    const facts = { hardware: row.hardware_id.slice(0, 120), ...(name === undefined ? {} : { name }) };
    const action = decision === 'approved' ? 'approval-given' : 'approval-refused';
    await audit(server, trx, { actor, action, subject: numberOfKey(row.key), facts });
    return good(null);
  });
