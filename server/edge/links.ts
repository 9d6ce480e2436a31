/**
 * Rotation statements: every change of the main certificate is kept as a link, signed by the policy key. Devices that missed
 * changes ask for the links from the certificate they hold (`protocol/schema`, `rotationStatement`).
 */
import { serverAudience } from '../../protocol/audience.ts';
import { fingerprintOf, fromBase64 } from '../../protocol/certificate.ts';
import { bad, good, type Result } from '../../protocol/fault.ts';
import type { RotationStatement, Rotations } from '../../protocol/schema.ts';
import { dayMs, instant, secondMs } from '../../protocol/time.ts';
import type { LinkView } from '../api/server-certificates.ts';
import { chainFrom, isLinkDue, type Link, longestChain } from '../core/chain.ts';
import { datesAt } from '../core/revision.ts';
import { type Actor, audit, readIdentity, type Server } from './context.ts';
import { transact } from './database.ts';
import { takeRevision } from './documents.ts';
import { rewriteKit } from './kit.ts';
import { readPins } from './pins.ts';
import { signDocument } from './sign.ts';
import type { Database, Tables } from './tables.ts';

type Row = Tables['rotations'];
type Links = {
  readonly links: readonly (Link & { readonly row: Row })[];
  readonly main: string;
  readonly blocked: ReadonlySet<string>;
};

const holdsMs = 30 * dayMs;

/** The change of the main certificate, in its transaction. `certificate` is the new one, base64 DER. */
export async function addLink(server: Server, trx: Database, from: string, certificate: string): Promise<void> {
  const last = await trx
    .selectFrom('rotations')
    .select((select) => select.fn.max('seq').as('seq'))
    .executeTakeFirst();
  const row: Row = {
    seq: (last?.seq ?? 0) + 1,
    from_fingerprint: from,
    to_fingerprint: fingerprintOf(fromBase64(certificate)),
    certificate,
    jws: '',
    signed_at: 0,
    made_at: server.clock(),
    removed_at: null,
  };
  await trx.insertInto('rotations').values(row).execute();
  await signLink(server, trx, row);
}

/** All that is not signed yet, and the newest once a day while it leads to the main certificate. */
export async function resignLinks(server: Server): Promise<void> {
  const { links, main, blocked } = await readLinks(server.db);
  const newest = longestChain(links, main, blocked).at(-1);
  const due = links.filter(
    ({ removed, row }) =>
      !removed && (row.jws === '' || (row === newest?.row && isLinkDue(instant(row.signed_at), server.clock()))),
  );
  if (due.length === 0) return;
  await transact(server.db, async (trx) => {
    for (const { row } of due) await signLink(server, trx, row);
    const facts = { count: due.length };
    await audit(server, trx, { actor: 'server', action: 'rotation-renewed', subject: main, facts });
    return good(null);
  });
}

/** What a device that holds `from` is answered. Fault: `not-found` where nothing leads on from it. */
export async function statementsFrom({ db }: Server, from: string): Promise<Result<Rotations>> {
  const { links, main, blocked } = await readLinks(db);
  const chain = chainFrom(links, from, main, blocked);
  if (!chain || chain.some(({ row }) => row.jws === '')) return bad('not-found', { what: from });
  return good({ format: 1, statements: chain.map(({ row }) => row.jws) });
}

/** For a stick: from the oldest certificate that still leads on. Fault: `not-found` where there is no link. */
export async function allStatements({ db }: Server): Promise<Result<Rotations>> {
  const { links, main, blocked } = await readLinks(db);
  const chain = longestChain(links, main, blocked);
  if (chain.length === 0) return bad('not-found', { what: 'rotation' });
  return good({ format: 1, statements: chain.map(({ row }) => row.jws) });
}

export async function listLinks({ db }: Server): Promise<readonly LinkView[]> {
  const { links, main, blocked } = await readLinks(db);
  return links.map(({ seq, from, to, removed, row }) => ({
    seq,
    from,
    to,
    madeAt: row.made_at,
    signedAt: row.signed_at,
    counts: chainFrom(links, from, main, blocked)?.some((each) => each.row === row) ?? false,
    removed,
  }));
}

/**
 * No device follows this change any more: for a certificate whose key is lost to somebody. What was signed before holds for
 * 30 days at most. Fault: `not-found`.
 */
export async function removeLink(server: Server, actor: Actor, seq: number): Promise<Result<null>> {
  const done = await transact(server.db, async (trx) => {
    const { numUpdatedRows } = await trx
      .updateTable('rotations')
      .set({ removed_at: server.clock() })
      .where('seq', '=', seq)
      .where('removed_at', 'is', null)
      .executeTakeFirstOrThrow();
    if (numUpdatedRows === 0n) return bad('not-found', { what: `${seq}` });
    await audit(server, trx, { actor, action: 'rotation-link-removed', subject: `${seq}` });
    return good(null);
  });
  if (done.ok) await rewriteKit(server);
  return done;
}

async function signLink(server: Server, trx: Database, { seq, from_fingerprint, certificate }: Row): Promise<void> {
  const now = server.clock();
  const aud = serverAudience((await readIdentity(trx)).serverId);
  const { iat } = datesAt(now);
  const body: RotationStatement = {
    aud,
    rev: await takeRevision(server, trx, aud),
    iat,
    refreshBefore: iat + holdsMs / secondMs,
    format: 1,
    seq,
    from: from_fingerprint,
    to: certificate,
  };
  const { keyPkcs8, publicKey } = server.keys.policy;
  const jws = signDocument('rotation', keyPkcs8, publicKey, body);
  await trx.updateTable('rotations').set({ jws, signed_at: now }).where('seq', '=', seq).execute();
}

/** A certificate that any group has blocked leads nobody anywhere. */
async function readLinks(db: Database): Promise<Links> {
  const rows = await db.selectFrom('rotations').selectAll().orderBy('seq').execute();
  const blocked = await db.selectFrom('blocked_certificates').select('fingerprint').distinct().execute();
  return {
    links: rows.map((row) => ({
      seq: row.seq,
      from: row.from_fingerprint,
      to: row.to_fingerprint,
      removed: row.removed_at !== null,
      row,
    })),
    main: fingerprintOf(fromBase64((await readPins(db)).main)),
    blocked: new Set(blocked.map(({ fingerprint }) => fingerprint)),
  };
}
