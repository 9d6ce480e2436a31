/**
 * A TLS-inspecting front end: it ends the device's TLS, and passes the client certificate it saw on in the field `Client-Cert`
 * (RFC 9440). It is believed for one request at a time, and only where its own client certificate, whose possession the
 * handshake proved, is exactly one that the administrator named. A request with the field from anyone else is refused.
 */
import type { TLSSocket } from 'node:tls';
import type { FastifyRequest } from 'fastify';
import { type Engine, openEngine } from '../../native/engine.ts';
import { parseCertificate } from '../../protocol/certificate.ts';
import { bad, good, type Result } from '../../protocol/fault.ts';
import { type Instant, secondMs } from '../../protocol/time.ts';
import type { FrontEndView } from '../api/mutual.ts';
import { readClientCert } from '../core/client-cert.ts';
import type { ClientProof, Clock, ListenerTls, RenewalProof } from '../core/ports.ts';
import { type Actor, audit, type Server } from './context.ts';
import { transact } from './database.ts';
import { leadsTo } from './foreign-path.ts';
import { certificatesIn, datedProofOf, peerChainOf, proofOf, renewalProofOf } from './listener.ts';

/** Whether a fingerprint is of a front end. */
export type FrontEnds = { readonly isKnown: (fingerprint: string) => Promise<boolean> };
export type FrontDoor = {
  /** For every request. Fault: `front-end-unknown`. */
  readonly gate: (request: FastifyRequest) => Promise<Result<null>>;
  /** Of the connection, or of the field where the gate let one in. Faults: `identity-refused`, `expired`, `bad-shape`, `too-large`. */
  readonly proofOf: (request: FastifyRequest) => Result<ClientProof>;
  /** The same for renewal, where the dates are the fleet's to judge. Faults: as above but `expired`. */
  readonly renewalProofOf: (request: FastifyRequest) => Result<RenewalProof>;
  /** Other authorities of client certificates. */
  readonly setTls: (tls: ListenerTls) => void;
};

export const noFrontEnds: FrontEnds = { isKnown: async () => false };
const field = 'client-cert';
/** RFC 9440 §2.3. Our identities are issued without intermediates, so it is not read; but it too is a front end's to send. */
const chainField = 'client-cert-chain';
const maxName = 120;

export function makeFrontDoor(frontEnds: FrontEnds, tls: ListenerTls, clock: Clock): FrontDoor {
  const { verifyPath } = openEngine();
  let authorities = ownAuthorities(tls);
  // Of a connection of its own; a front end is believed about identities of ours alone.
  let foreign = foreignIn(tls);
  return {
    gate: async ({ headers, raw }) => {
      if (headers[field] === undefined && headers[chainField] === undefined) return good(null);
      const own = (raw.socket as TLSSocket).getPeerX509Certificate?.();
      const read = own ? parseCertificate(own.raw) : bad('front-end-unknown', { reason: 'no certificate' });
      if (!read.ok) return bad('front-end-unknown', { reason: String(read.fault.facts['reason'] ?? read.fault.code) });
      const { fingerprint, notBefore, notAfter } = read.value;
      if (!(await frontEnds.isKnown(fingerprint))) return bad('front-end-unknown', { fingerprint });
      const inDate = notBefore <= clock() && clock() < notAfter;
      return inDate ? good(null) : bad('front-end-unknown', { fingerprint, reason: 'not in date' });
    },
    proofOf: ({ headers, raw }) => {
      const given = headers[field];
      if (given === undefined) return proofOf(raw.socket as TLSSocket, clock());
      const leaf = readClientCert(String(given));
      if (!leaf.ok) return leaf;
      return judge(verifyPath, leaf.value, authorities, clock());
    },
    renewalProofOf: ({ headers, raw }) => {
      const given = headers[field];
      const chain = given === undefined ? peerChainOf(raw.socket as TLSSocket) : [];
      if (leadsTo(chain, foreign)) return datedProofOf(chain[0] ?? new Uint8Array());
      const leaf = given === undefined ? good(chain[0] ?? null) : readClientCert(String(given));
      return leaf.ok ? renewalProofOf(leaf.value, authorities, verifyPath) : leaf;
    },
    setTls: (next) => {
      authorities = ownAuthorities(next);
      foreign = foreignIn(next);
    },
  };
}

const foreignIn = ({ foreignAuthorities = '' }: ListenerTls): readonly Uint8Array[] =>
  foreignAuthorities === '' ? [] : certificatesIn(foreignAuthorities);

/** The fleet is asked whose a certificate is, so retired ones may vouch here. */
const ownAuthorities = ({ clientAuthorities, retiredAuthorities = '' }: ListenerTls): readonly Uint8Array[] =>
  certificatesIn(`${clientAuthorities}${retiredAuthorities}`);

/** As the handshake would have judged it. Faults: `identity-refused` with the reason, `expired`. */
function judge(
  verifyPath: Engine['verifyPath'],
  leaf: Uint8Array,
  anchors: readonly Uint8Array[],
  now: Instant,
): Result<ClientProof> {
  const read = parseCertificate(leaf);
  if (!read.ok) return bad('identity-refused', { reason: read.fault.code });
  const { issuer, serial, fingerprint, owner } = read.value;
  const judged = verifyPath({
    leaf,
    intermediates: [],
    anchors,
    crls: [],
    atSeconds: Math.floor(now / secondMs),
    purpose: 'client',
    host: null,
    ip: null,
    policy: null,
  });
  if (judged.trusted) return good({ issuer, serial, fingerprint, commonName: owner, der: leaf });
  const { code } = judged.fault;
  return code === 'expired'
    ? bad('expired', { notAfter: read.value.notAfter })
    : bad('identity-refused', { reason: code });
}

export const frontEndsOf = ({ db }: Server): FrontEnds => ({
  isKnown: async (fingerprint) =>
    (await db.selectFrom('front_ends').select('name').where('fingerprint', '=', fingerprint).executeTakeFirst()) !==
    undefined,
});

export const frontEndName = (fingerprint: string): string => `front end ${fingerprint.slice(0, 8)}`;

export async function listFrontEnds({ db }: Server): Promise<readonly FrontEndView[]> {
  const rows = await db.selectFrom('front_ends').selectAll().orderBy('added_at').execute();
  return rows.map(({ fingerprint, name, added_at }) => ({ fingerprint, name, addedAt: added_at }));
}

/** Faults: `already-exists`, `bad-argument`. */
export const addFrontEnd = (
  server: Server,
  actor: Actor,
  { fingerprint, name }: { readonly fingerprint: string; readonly name: string },
): Promise<Result<null>> =>
  transact(server.db, async (trx) => {
    if (name.trim() === '' || name.length > maxName || /\p{Cc}/u.test(name))
      return bad('bad-argument', { what: 'name' });
    const { numInsertedOrUpdatedRows } = await trx
      .insertInto('front_ends')
      .values({ fingerprint, name, added_at: server.clock() })
      .onConflict((conflict) => conflict.column('fingerprint').doNothing())
      .executeTakeFirstOrThrow();
    if (numInsertedOrUpdatedRows === 0n) return bad('already-exists', { what: fingerprint });
    await audit(server, trx, { actor, action: 'front-end-added', subject: fingerprint, facts: { name } });
    return good(null);
  });

/** Fault: `not-found`. */
export const removeFrontEnd = (server: Server, actor: Actor, fingerprint: string): Promise<Result<null>> =>
  transact(server.db, async (trx) => {
    const { numDeletedRows } = await trx
      .deleteFrom('front_ends')
      .where('fingerprint', '=', fingerprint)
      .executeTakeFirstOrThrow();
    if (numDeletedRows === 0n) return bad('not-found', { what: fingerprint.slice(0, 64) });
    await audit(server, trx, { actor, action: 'front-end-removed', subject: fingerprint });
    return good(null);
  });
