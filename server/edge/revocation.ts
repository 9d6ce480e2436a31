/**
 * The certificate revocation lists of device identities (RFC 5280 §5): one counter for every list there is. Our authorities are
 * one by name and differ in their keys, so each list names all that was revoked, whichever key had issued it.
 */
import { fingerprintOf, fromBase64, parseCertificate, toBase64 } from '../../protocol/certificate.ts';
import { good } from '../../protocol/fault.ts';
import { hourMs, instant } from '../../protocol/time.ts';
import type { RevocationList } from '../core/ports.ts';
import { trustedAuthorities } from './authorities.ts';
import { makeCrl } from './authority.ts';
import type { Server } from './context.ts';
import { transact } from './database.ts';
import { takeRevision } from './documents.ts';
import type { Database } from './tables.ts';

type Published = {
  readonly lists?: readonly { readonly authority: string; readonly der: string }[];
  readonly madeAt: number;
  readonly count: number;
  readonly last: number;
};

const setting = 'crl';
const counter = 'crl';
const publishedDays = 7;
const freshMs = hourMs;

/** One for each authority that is let in, the issuing one first; in force for `days`. */
export async function makeRevocationLists(server: Server, days: number): Promise<readonly RevocationList[]> {
  const { keys, clock } = server;
  const identities = await ofOurs(server, server.db).select(['serial', 'revoked_at']).orderBy('revoked_at').execute();
  const corporate = await server.db.selectFrom('corporate_revocations').selectAll().orderBy('revoked_at').execute();
  const rows = [...identities, ...corporate];
  const now = clock();
  const revoked = rows.map(({ serial, revoked_at }) => ({ serial, at: instant(revoked_at ?? now) }));
  const lists: RevocationList[] = [];
  for (const authority of trustedAuthorities(keys)) {
    const number = await nextNumber(server);
    const der = makeCrl(authority, { revoked, number, now, days });
    lists.push({ authority: fingerprintOf(authority.certificateDer), der });
  }
  return lists;
}

/** What anybody may fetch: new after each revocation, each change of the authorities and each hour. */
export async function publishedRevocations(server: Server): Promise<readonly RevocationList[]> {
  const { db, clock, keys } = server;
  const identities = await ofOurs(server, db)
    .select(({ fn }) => [fn.countAll<number>().as('count'), fn.max('revoked_at').as('last')])
    .executeTakeFirstOrThrow();
  const others = await db
    .selectFrom('corporate_revocations')
    .select(({ fn }) => [fn.countAll<number>().as('count'), fn.max('revoked_at').as('last')])
    .executeTakeFirstOrThrow();
  const count = identities.count + others.count;
  const last = Math.max(identities.last ?? 0, others.last ?? 0);
  const row = await db.selectFrom('settings').select('value').where('name', '=', setting).executeTakeFirst();
  const there = row ? (JSON.parse(row.value) as Published) : null;
  const age = clock() - (there?.madeAt ?? 0);
  const wanted = trustedAuthorities(keys).map(({ certificateDer }) => fingerprintOf(certificateDer));
  const held = there?.lists ?? [];
  const same = held.map(({ authority }) => authority).join() === wanted.join();
  if (there && same && there.count === count && there.last === last && age >= 0 && age < freshMs)
    return held.map(({ authority, der }) => ({ authority, der: fromBase64(der) }));
  const lists = await makeRevocationLists(server, publishedDays);
  const made: Published = {
    lists: lists.map(({ authority, der }) => ({ authority, der: toBase64(der) })),
    madeAt: clock(),
    count,
    last,
  };
  const value = JSON.stringify(made);
  await db
    .insertInto('settings')
    .values({ name: setting, value })
    .onConflict((conflict) => conflict.column('name').doUpdateSet({ value }))
    .execute();
  return lists;
}

/** Revoked identities that bear our name. */
function ofOurs({ keys }: Server, trx: Database) {
  const own = parseCertificate(keys.clientAuthority.certificateDer);
  const name = own.ok ? own.value.subject : '';
  return trx.selectFrom('identities').where('revoked_at', 'is not', null).where('issuer', '=', name);
}

async function nextNumber(server: Server): Promise<number> {
  const next = await transact(server.db, async (trx) => good(await takeRevision(server, trx, counter)));
  if (!next.ok) throw new Error('a revocation list has no number');
  return next.value;
}
