/**
 * Identities that others have issued (A5): the authorities whose client certificates are let in, and the binding of such a
 * certificate to a device, by an invitation. A foreign certificate means nothing by its names: it counts for the device it
 * was bound to, byte for byte.
 */
import { randomUUID, X509Certificate } from 'node:crypto';
import {
  type Certificate,
  checkAcceptable,
  fingerprintOf,
  fromBase64,
  parseCertificate,
  toBase64,
} from '../../protocol/certificate.ts';
import { readCertificateFile } from '../../protocol/certificate-file.ts';
import { bad, good, type Result } from '../../protocol/fault.ts';
import type { ForeignAuthority } from '../api/mutual.ts';
import { checkKey, checkOpen } from '../core/invitation.ts';
import type { ClientProof, Credentials } from '../core/ports.ts';
import { authorityOf } from './authorities.ts';
import { type Actor, audit, type Server } from './context.ts';
import { transact } from './database.ts';
import { addDevice, refuse } from './enrolment.ts';
import { checkPassword, readInvitation } from './invitations.ts';
import { rewriteKit } from './kit.ts';
import { readListenerTls } from './pins.ts';
import type { Database } from './tables.ts';

const mostAuthorities = 20;

/**
 * One CA certificate, PEM or DER. Faults: those of `readCertificateFile` and `checkAcceptable`, `bad-argument` (several in
 * the file, or named like our own authority: issuers are told apart by name), `already-exists`, `too-many-certificates`.
 */
export async function addForeignAuthority(
  server: Server,
  actor: Actor,
  file: Uint8Array,
): Promise<Result<ForeignAuthority>> {
  const read = readCertificateFile(file);
  if (!read.ok) return read;
  const [certificate, second] = read.value;
  if (!certificate || second) return bad('bad-argument', { what: 'one certificate' });
  const checked = checkAcceptable(certificate, 'trust-anchor');
  if (!checked.ok) return checked;
  const own = parseCertificate(server.keys.clientAuthority.certificateDer);
  if (own.ok && own.value.subject === certificate.subject) return bad('bad-argument', { what: 'subject' });
  const added = await transact(server.db, async (trx) => {
    const held = await listForeignAuthorities(trx);
    if (held.some(({ fingerprint }) => fingerprint === certificate.fingerprint))
      return bad('already-exists', { what: certificate.owner });
    if (held.length >= mostAuthorities) return bad('too-many-certificates', { limit: mostAuthorities });
    const row = {
      fingerprint: certificate.fingerprint,
      certificate: toBase64(certificate.der),
      added_at: server.clock(),
    };
    await trx.insertInto('foreign_authorities').values(row).execute();
    await note(server, trx, actor, 'authority-added', certificate);
    return good(viewOf(certificate, row.added_at));
  });
  if (added.ok) await serveAgain(server);
  return added;
}

/** Its devices are let in no more; nothing else of them changes. Fault: `not-found`. */
export async function removeForeignAuthority(server: Server, actor: Actor, fingerprint: string): Promise<Result<null>> {
  const removed = await transact(server.db, async (trx) => {
    const row = await trx
      .selectFrom('foreign_authorities')
      .selectAll()
      .where('fingerprint', '=', fingerprint)
      .executeTakeFirst();
    const certificate = row && parseCertificate(fromBase64(row.certificate));
    if (!certificate?.ok) return bad('not-found', { what: fingerprint });
    await trx.deleteFrom('foreign_authorities').where('fingerprint', '=', fingerprint).execute();
    await note(server, trx, actor, 'authority-removed', certificate.value);
    const held = await trx
      .selectFrom('identities')
      .select('device_id')
      .where('issuer', '=', certificate.value.subject)
      .where('revoked_at', 'is', null)
      .execute();
    return good(held.map(({ device_id }) => device_id));
  });
  if (!removed.ok) return removed;
  await serveAgain(server);
  // A connection that stands was let in by the authority as it was.
  for (const device of removed.value) await server.carriers.current?.disconnect(device);
  return good(null);
}

/** In the order in which they were added. */
export async function listForeignAuthorities(trx: Database): Promise<readonly ForeignAuthority[]> {
  const rows = await trx.selectFrom('foreign_authorities').selectAll().orderBy('added_at').execute();
  return rows.flatMap((row) => {
    const certificate = parseCertificate(fromBase64(row.certificate));
    return certificate.ok ? [viewOf(certificate.value, row.added_at)] : [];
  });
}

/**
 * The device that a foreign certificate is for from now on: new with this invitation, or the same again while its bundle is
 * not confirmed and the key is the same. `proof` was verified by the handshake against a foreign authority. Faults:
 * `invitation-refused` (why is in the audit only), `identity-refused` (a certificate of ours, or one that is held already),
 * and those of `checkAcceptable`.
 */
export async function bindForeign(server: Server, proof: ClientProof, typed: Credentials): Promise<Result<string>> {
  const id = typed.invitation.trim().toUpperCase();
  const leaf = parseCertificate(proof.der);
  const fit = leaf.ok ? checkAcceptable(leaf.value, 'server') : leaf;
  if (!fit.ok) return refuse(server, id, fit.fault);
  if (authorityOf(server.keys, proof.der) !== null) return bad('identity-refused', { reason: 'of our own authority' });
  const proven = await checkPassword(server, { invitation: id, password: typed.password });
  if (!proven.ok) return refuse(server, id, proven.fault);
  const key = keyOf(proof.der);
  const deviceId = proven.value.deviceId ?? randomUUID();
  const now = server.clock();
  const { fingerprint, issuer, serial } = proof;
  const issued = { chainDer: [proof.der], issuer, serial, fingerprint, notAfter: fit.value.notAfter, authority: null };
  const bound = await transact(server.db, async (trx) => {
    const invitation = await readInvitation(trx, id);
    const open = checkOpen(invitation, now);
    if (!open.ok || !invitation) return bad('invitation-refused', { reason: 'closed meanwhile' });
    const free = checkKey(invitation, key);
    if (!free.ok) return free;
    if (await isHeld(trx, proof)) return bad('invitation-refused', { reason: 'certificate of another device' });
    if (invitation.deviceId === null) {
      const added = await addDevice(server, trx, { invitation, key, deviceId, hardwareId: '', issued });
      return added.ok ? good(deviceId) : added;
    }
    const row = { issuer, serial, fingerprint, chain: JSON.stringify([toBase64(proof.der)]), issued_at: now };
    await trx
      .updateTable('identities')
      .set({ ...row, not_after: fit.value.notAfter })
      .where('device_id', '=', invitation.deviceId)
      .where('revoked_at', 'is', null)
      .execute();
    const facts = { invitation: id, fingerprint };
    await audit(server, trx, { actor: 'server', action: 'enrolled', subject: invitation.deviceId, facts });
    return good(invitation.deviceId);
  });
  if (!bound.ok) return refuse(server, id, bound.fault);
  // No word of ours stands behind it, so a server rebuilt from the kit knows it by the kit alone.
  await rewriteKit(server);
  const place = await server.db
    .selectFrom('devices')
    .select('group_id')
    .where('id', '=', bound.value)
    .executeTakeFirst();
  if (place) await server.carriers.current?.refresh([{ id: bound.value, group: place.group_id }]);
  return bound;
}

/** Whether it is of some device, by issuer and number. */
export const isHeld = async (trx: Database, { issuer, serial }: ClientProof): Promise<boolean> =>
  (await trx
    .selectFrom('identities')
    .select('device_id')
    .where('issuer', '=', issuer)
    .where('serial', '=', serial)
    .executeTakeFirst()) !== undefined;

/** As enrolment names a key: SHA-256 of the SubjectPublicKeyInfo. */
const keyOf = (der: Uint8Array): string =>
  fingerprintOf(new X509Certificate(Buffer.from(der)).publicKey.export({ type: 'spki', format: 'der' }));

/** The kit knows it too. */
async function serveAgain(server: Server): Promise<void> {
  await rewriteKit(server);
  const tls = await readListenerTls(server);
  if (tls.ok) await server.carriers.current?.setTls(tls.value);
}

const note = (server: Server, trx: Database, actor: Actor, action: string, { fingerprint, owner }: Certificate) =>
  audit(server, trx, { actor, action, subject: fingerprint, facts: { owner } });

const viewOf = ({ fingerprint, notAfter, owner }: Certificate, addedAt: number): ForeignAuthority => ({
  fingerprint,
  owner,
  notAfter,
  addedAt,
});
