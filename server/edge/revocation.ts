/** The certificate revocation list of device identities (RFC 5280 §5): one counter for every list there is. */
import { fromBase64, toBase64 } from '../../protocol/certificate.ts';
import { good } from '../../protocol/fault.ts';
import { hourMs, instant } from '../../protocol/time.ts';
import { makeCrl } from './authority.ts';
import type { Server } from './context.ts';
import { transact } from './database.ts';
import { takeRevision } from './documents.ts';

type Published = { readonly der: string; readonly madeAt: number; readonly count: number; readonly last: number };

const setting = 'crl';
const counter = 'crl';
const publishedDays = 7;
const freshMs = hourMs;

/** DER, in force for `days`. */
export async function makeRevocationList(server: Server, days: number): Promise<Uint8Array> {
  const { db, keys, clock } = server;
  const rows = await db
    .selectFrom('identities')
    .select(['serial', 'revoked_at'])
    .where('revoked_at', 'is not', null)
    .orderBy('revoked_at')
    .execute();
  const now = clock();
  const revoked = rows.map(({ serial, revoked_at }) => ({ serial, at: instant(revoked_at ?? now) }));
  return makeCrl(keys.clientAuthority, { revoked, number: await nextNumber(server), now, days });
}

/** DER of the list that anybody may fetch: a new one after each revocation and each hour. */
export async function publishedRevocations(server: Server): Promise<Uint8Array> {
  const { db, clock } = server;
  const { count, last } = await db
    .selectFrom('identities')
    .select(({ fn }) => [fn.countAll<number>().as('count'), fn.max('revoked_at').as('last')])
    .where('revoked_at', 'is not', null)
    .executeTakeFirstOrThrow();
  const row = await db.selectFrom('settings').select('value').where('name', '=', setting).executeTakeFirst();
  const there = row ? (JSON.parse(row.value) as Published) : null;
  const age = clock() - (there?.madeAt ?? 0);
  if (there && there.count === count && there.last === (last ?? 0) && age >= 0 && age < freshMs)
    return fromBase64(there.der);
  const der = await makeRevocationList(server, publishedDays);
  const made: Published = { der: toBase64(der), madeAt: clock(), count, last: last ?? 0 };
  const value = JSON.stringify(made);
  await db
    .insertInto('settings')
    .values({ name: setting, value })
    .onConflict((conflict) => conflict.column('name').doUpdateSet({ value }))
    .execute();
  return der;
}

async function nextNumber(server: Server): Promise<number> {
  const next = await transact(server.db, async (trx) => good(await takeRevision(server, trx, counter)));
  if (!next.ok) throw new Error('a revocation list has no number');
  return next.value;
}
