/**
 * A certificate of the administrator's own, with its key: read in a child, judged whole, kept sealed like those the server
 * makes. It becomes the reserve and goes the way of every reserve; only a server that no device knows takes it as main.
 */
import { createPrivateKey, createPublicKey, sign, verify, X509Certificate } from 'node:crypto';
import { createSecureContext, getCACertificates } from 'node:tls';
import { openEngine } from '../../native/engine.ts';
import { type Certificate, parseCertificate, toBase64, toPem } from '../../protocol/certificate.ts';
import { bad, type Fault, fault, good, type Result } from '../../protocol/fault.ts';
import { dayMs, type Instant, instant, secondMs } from '../../protocol/time.ts';
import type { ServerCertificateView } from '../api/server-certificates.ts';
import { judgeOwn, type OwnFaults } from '../core/own-certificate.ts';
import { type Actor, audit, readIdentity, type Server } from './context.ts';
import { transact } from './database.ts';
import { signAllPolicies } from './documents.ts';
import type { IdentityFile, ReadIdentity } from './identity-file.ts';
import { importIdentity } from './import-identity.ts';
import { rewriteKit } from './kit.ts';
import { addLink } from './links.ts';
import { contextOptions } from './listener.ts';
import { certificateRow } from './material.ts';
import { leafOf, readServerCertificates } from './pins.ts';
import { listServerCertificates, serveMain, setRole } from './rotation.ts';
import type { Database, Tables } from './tables.ts';

export type Wish = {
  readonly role: 'main' | 'reserve';
  /** Of a reserve; seven days from now where it is left out. */
  readonly activateAt?: Instant;
};
export type CertificateUpload = IdentityFile & Wish;
export type UploadedCertificate = {
  readonly certificate: ServerCertificateView;
  /** Outdated encryption of the file: it should be made again before it is kept. */
  readonly legacy: readonly string[];
};

const activateAfterMs = 7 * dayMs;

/** Faults: those of `importIdentity` and `keepCertificate`. */
export async function uploadCertificate(
  server: Server,
  actor: Actor,
  upload: CertificateUpload,
): Promise<Result<UploadedCertificate> | OwnFaults> {
  const read = await importIdentity(upload);
  return read.ok ? keepCertificate(server, actor, read.value, upload) : read;
}

/**
 * Judges and keeps what was read. Faults: those of `judgeOwn`; `chain-incomplete` where the chain ends neither in a root of its own
 * nor in one that this machine knows; those of the path engine; `certificate-twice`, `reserve-there`, `devices-pinned` (as main, where
 * devices or open invitations know the one in use), `bad-argument` (an activation outside the certificate's life), `would-strand`.
 */
export async function keepCertificate(
  server: Server,
  actor: Actor,
  read: ReadIdentity,
  wish: Wish,
): Promise<Result<UploadedCertificate> | OwnFaults> {
  const { db, clock, keys } = server;
  const { name } = await readIdentity(db);
  const chain = judgeUpload(read, name, clock());
  if (!chain.ok) return chain;
  const [leaf] = chain.value;
  const activateAt = wish.role === 'main' ? null : (wish.activateAt ?? instant(clock() + activateAfterMs));
  if (activateAt !== null && (activateAt < clock() - dayMs || activateAt >= leaf.notAfter))
    return bad('bad-argument', { what: 'activation date, within the life of the certificate' });
  const row = certificateRow(keys.master, {
    role: wish.role,
    chain: chain.value.map(({ der }) => toBase64(der)),
    key: toBase64(read.key),
    activateAt,
    madeAt: clock(),
    source: 'uploaded',
  });
  const kept = await transact(db, async (trx) => {
    const placed = await place(server, trx, row);
    if (!placed.ok) return placed;
    const facts = { role: row.role, owner: leaf.owner.slice(0, 200), outdated: read.legacy.join(', ') };
    await audit(server, trx, { actor, action: 'certificate-uploaded', subject: row.fingerprint, facts });
    return signAllPolicies(server, trx);
  });
  if (!kept.ok) return kept;
  await rewriteKit(server);
  if (row.role === 'main') await serveMain(server, row.fingerprint);
  const view = (await listServerCertificates(server)).find(({ fingerprint }) => fingerprint === row.fingerprint);
  return view ? good({ certificate: view, legacy: read.legacy }) : bad('internal', { what: 'the certificate is gone' });
}

async function place(server: Server, trx: Database, row: Tables['server_certificates']): Promise<Result<null>> {
  const there = await readServerCertificates(trx);
  const same = there.find(({ fingerprint }) => fingerprint === row.fingerprint);
  if (same && same.role !== 'retired') return bad('certificate-twice');
  if (row.role === 'reserve' && there.some(({ role }) => role === 'reserve')) return bad('reserve-there');
  if (row.role === 'main') {
    const count = await countWhoKnow(trx, server.clock());
    if (count > 0) return bad('devices-pinned', { count });
    for (const { fingerprint, role } of there)
      if (role === 'main') {
        await setRole(trx, fingerprint, 'retired');
        await addLink(server, trx, fingerprint, leafOf(row));
      }
  }
  if (same) await trx.deleteFrom('server_certificates').where('fingerprint', '=', row.fingerprint).execute();
  await trx.insertInto('server_certificates').values(row).execute();
  return good(null);
}

/** Devices, registered or on the way, and people who were told a fingerprint to type. */
async function countWhoKnow(trx: Database, now: Instant): Promise<number> {
  const devices = await trx.selectFrom('devices').select('id').where('removed_at', 'is', null).execute();
  const invitations = await trx
    .selectFrom('invitations')
    .select('id')
    .where('used_at', 'is', null)
    .where('expires_at', '>', now)
    .where('tries_left', '>', 0)
    .execute();
  return devices.length + invitations.length;
}

/** Faults: those of `judgeOwn`; `chain-incomplete`; those of the path engine; `key-foreign`, `path-invalid` where it cannot be used. */
export function judgeUpload(
  { certificates, publicKey, key }: ReadIdentity,
  name: string,
  now: Instant,
): { readonly ok: true; readonly value: readonly [Certificate, ...Certificate[]] } | OwnFaults {
  const parsed = certificates.flatMap((der) => {
    const one = parseCertificate(der);
    return one.ok ? [one.value] : [];
  });
  const judged = judgeOwn({ certificates: parsed, publicKey, name, now });
  if (!judged.ok) return judged;
  const { chain, rooted } = judged.value;
  const last = chain[chain.length - 1] ?? chain[0];
  const root = rooted ? last.der : knownRoot(last.der);
  if (!root) return refused(fault('chain-incomplete', { owner: last.owner, issuer: last.issuer }));
  const wrong = (chain.length === 1 && rooted ? null : pathFault(chain, root, now)) ?? useFault(chain, key);
  return wrong ? refused(wrong) : { ok: true, value: chain };
}

/** A root the chain leaves out, as most public ones do: of Node's own list, or of this machine's. */
function knownRoot(der: Uint8Array): Uint8Array | null {
  const last = new X509Certificate(der);
  for (const pem of new Set([...getCACertificates('bundled'), ...getCACertificates('system')])) {
    const root = new X509Certificate(pem);
    if (last.checkIssued(root) && last.verify(root.publicKey)) return root.raw;
  }
  return null;
}

function pathFault(chain: readonly Certificate[], root: Uint8Array, now: Instant): Fault | null {
  const [leaf, ...others] = chain.map(({ der }) => der);
  const answer = openEngine().verifyPath({
    leaf: leaf ?? new Uint8Array(),
    intermediates: others,
    anchors: [root],
    crls: [],
    atSeconds: Math.floor(now / secondMs),
    purpose: 'server',
    host: null,
    ip: null,
    policy: null,
  });
  return answer.trusted ? null : answer.fault;
}

/** The key is proven against its certificate (F10, F14), and TLS takes both, before anything is kept. */
function useFault(chain: readonly Certificate[], keyPkcs8: Uint8Array): Fault | null {
  const key = createPrivateKey({ key: Buffer.from(keyPkcs8), format: 'der', type: 'pkcs8' });
  const pem = chain.map(({ der }) => toPem(der)).join('');
  const proof = Buffer.from('thintrust');
  try {
    if (!verify('sha256', proof, createPublicKey(pem), sign('sha256', proof, key))) return fault('key-foreign');
    createSecureContext(
      contextOptions({
        key: toPem(keyPkcs8, 'PRIVATE KEY'),
        chain: pem,
        clientAuthorities: toPem(chain[0]?.der ?? Buffer.of()),
      }),
    );
    return null;
  } catch (error) {
    return fault('path-invalid', { reason: String(error).slice(0, 200) });
  }
}

const refused = (found: Fault): OwnFaults => ({ ...bad(found.code, found.facts), faults: [found] });
