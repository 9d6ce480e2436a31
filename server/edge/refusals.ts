/**
 * What was refused is on record: a hundred times an hour of one kind from one actor, all strangers being one; beyond that
 * it is in the journal only. So nobody who sends garbage fills the audit log, or keeps the refusals of others out of it. What a device is given as
 * often as it asks is on record as often.
 */
import type { Facts, Fault } from '../../protocol/fault.ts';
import { hourMs, type Instant } from '../../protocol/time.ts';
import { type Actor, audit, type Server } from './context.ts';
import type { Database } from './tables.ts';

export type Refused = 'code-refused' | 'enrolment-refused' | 'message-refused' | 'request-refused';

const onRecordAnHour = 100;
/** Of actors and addresses; beyond it the oldest is forgotten. */
const maxKinds = 10_000;

/** What stands beside a refusal that is answered: it never fails. */
export async function recordRefusal(
  server: Server,
  { actor, action, subject }: { readonly actor: Actor; readonly action: Refused; readonly subject: string },
  why: Fault,
): Promise<void> {
  const facts = { ...why.facts, code: why.code };
  if (!isFlood(server, `${action} ${actor}`)) {
    try {
      return await audit(server, server.db, { actor, action, subject, facts });
    } catch (error) {
      server.log('error', 'a refusal is not on record', { reason: String(error).slice(0, 300) });
    }
  }
  server.log('warn', action, { ...facts, actor, subject });
}

/** What a device is given, whenever it asks. Written in the transaction of the caller. */
export async function recordGiven(
  server: Server,
  trx: Database,
  row: {
    readonly actor: string;
    readonly action: 'corporate-certificate-delivered' | 'enrolment-secret-given';
    readonly subject: string;
    readonly facts?: Facts;
  },
): Promise<void> {
  const { actor, action, subject, facts } = row;
  if (isFlood(server, `${action} ${actor}`)) server.log('warn', action, { ...facts, actor, subject });
  else await audit(server, trx, row);
}

/** A user, or an account of the Web Console, who is told to wait after wrong passwords or codes. It never fails. */
export async function recordLock(
  server: Server,
  action: 'user-locked' | 'account-locked',
  { name, address, until }: { readonly name: string; readonly address: string; readonly until: Instant },
): Promise<void> {
  const facts = { from: address, until: new Date(until).toISOString() };
  const row = { actor: 'server', action, subject: name, facts };
  try {
    if (!isFlood(server, row.action)) return await audit(server, server.db, row);
  } catch (error) {
    server.log('error', 'a lock is not on record', { reason: String(error).slice(0, 300) });
  }
  server.log('warn', row.action, { ...facts, user: name });
}

/** Counts one more of a kind. */
export function isFlood({ refusals, clock }: Server, kind: string): boolean {
  const now = clock();
  const hour = refusals.get(kind);
  const { since, count } = hour && now - hour.since < hourMs ? hour : { since: now, count: 0 };
  refusals.delete(kind);
  refusals.set(kind, { since, count: count + 1 });
  const [oldest] = refusals.keys();
  if (refusals.size > maxKinds && oldest !== undefined) refusals.delete(oldest);
  return count >= onRecordAnHour;
}
