/** The identity of a device that registered without one: issued for its token (RFC 7030 simple enrolment), or bound by it. */
import { createHash, X509Certificate } from 'node:crypto';
import { checkAcceptable, fingerprintOf, parseCertificate } from '../../protocol/certificate.ts';
import { bad, good, type Result } from '../../protocol/fault.ts';
import type { ClientProof } from '../core/ports.ts';
import { authorityOf } from './authorities.ts';
import { audit, type Server } from './context.ts';
import { transact } from './database.ts';
import { signDevice } from './documents.ts';
import { isHeld } from './foreign.ts';
import { rewriteKit } from './kit.ts';
import { isActive, newestChain } from './lives.ts';
import { mutualOf } from './mutual.ts';
import { issueTo, keepIdentity, noteContact, type OwnIdentity } from './renewal.ts';
import { readRequest } from './request.ts';
import type { Database, Tables } from './tables.ts';

/**
 * Leaf and chain. The same key gets the same certificate again; another key gets a new one, and the one that was never used
 * is revoked: a device that lost its key to a power cut is not stranded, and the token proves it. Faults: `token-refused`
 * for a device that was not told to; `mutual-required` once an identity was used; `not-allowed` where identities come from
 * elsewhere; those of `readRequest`.
 */
export async function enrolByToken(
  server: Server,
  token: Tables['device_tokens'],
  csrDer: Uint8Array,
): Promise<Result<readonly Uint8Array[]>> {
  const { device_id: deviceId } = token;
  const csr = readRequest(csrDer);
  if (!csr.ok) return csr;
  const { publicKeyDer } = csr.value;
  const key = createHash('sha256').update(publicKeyDer).digest('hex');
  const issued = await issueTo(server, deviceId, publicKeyDer);
  const kept = await transact(server.db, async (trx) => {
    const { enrolment } = await mutualOf(trx);
    if (enrolment.at !== 'local') return bad('not-allowed', { what: `enrolment: ${enrolment.name}` });
    const place = await openPlace(trx, token);
    if (!place.ok) return place;
    const known = place.value.bound_to === key ? await newestChain(trx, deviceId) : null;
    if (known) return good({ chain: known, group: place.value.group_id, ended: 0n });
    const laid = await layIdentity(server, trx, { deviceId, key, issued });
    return laid.ok ? good({ chain: issued.chainDer, group: place.value.group_id, ended: laid.value }) : laid;
  });
  if (!kept.ok) return kept;
  await placeAnew(server, { id: deviceId, ...kept.value });
  return good(kept.value.chain);
}

/**
 * The device of a token, which comes with a certificate of another authority that the enrolment setting has sent it to: from now
 * on the certificate is its identity, byte for byte. `proof` was verified by the handshake. Faults: as above, but
 * `identity-refused` where identities are ours to issue, for one of ours, and for one of another device; and those of
 * `checkAcceptable`.
 */
export async function bindByToken(
  server: Server,
  token: Tables['device_tokens'],
  proof: ClientProof,
): Promise<Result<string>> {
  const { device_id: deviceId } = token;
  const refused = (reason: string): Result<never> => bad('identity-refused', { reason });
  const leaf = parseCertificate(proof.der);
  const fit = leaf.ok ? checkAcceptable(leaf.value, 'server') : leaf;
  if (!fit.ok) return fit;
  if (authorityOf(server.keys, proof.der) !== null) return refused('of our own authority');
  const { issuer, serial, fingerprint, notAfter } = fit.value;
  const key = fingerprintOf(
    new X509Certificate(Buffer.from(proof.der)).publicKey.export({ type: 'spki', format: 'der' }),
  );
  const issued = { chainDer: [proof.der], issuer, serial, fingerprint, notAfter, authority: null };
  const bound = await transact(server.db, async (trx) => {
    if ((await mutualOf(trx)).enrolment.at === 'local') return refused('enrolment: local');
    const place = await openPlace(trx, token);
    if (!place.ok) return place;
    if (await isHeld(trx, proof)) return refused('certificate of another device');
    const laid = await layIdentity(server, trx, { deviceId, key, issued });
    if (!laid.ok) return laid;
    await noteContact(server, trx, deviceId, fingerprint);
    return good({ group: place.value.group_id, ended: laid.value });
  });
  if (!bound.ok) return bound;
  await rewriteKit(server);
  await placeAnew(server, { id: deviceId, ...bound.value });
  return good(deviceId);
}

/** What was revoked has the same name, which is all that an outside broker tells devices apart by: so it is out first. */
async function placeAnew(
  { carriers: { current } }: Server,
  { id, group, ended }: { readonly id: string; readonly group: string; readonly ended: bigint },
): Promise<void> {
  if (ended > 0n) await current?.refresh([{ id, group: null }]);
  await current?.refresh([{ id, group }]);
}

/** The identity of a device that has used none so far; what it never used is revoked: how many. Fault: `mutual-required`. */
async function layIdentity(
  server: Server,
  trx: Database,
  { deviceId, key, issued }: { readonly deviceId: string; readonly key: string; readonly issued: OwnIdentity },
): Promise<Result<bigint>> {
  if (await hasUsedIdentity(trx, deviceId)) return bad('mutual-required');
  const { numUpdatedRows: ended } = await trx
    .updateTable('identities')
    .set({ revoked_at: server.clock() })
    .where('device_id', '=', deviceId)
    .where('revoked_at', 'is', null)
    .executeTakeFirstOrThrow();
  await keepIdentity(server, trx, { device: deviceId, issued, renews: null });
  // Its slot follows from the identity.
  await signDevice(server, trx, deviceId);
  await trx.updateTable('device_tokens').set({ bound_to: key }).where('device_id', '=', deviceId).execute();
  const facts = { fingerprint: issued.fingerprint };
  await audit(server, trx, { actor: 'server', action: 'enrolled-by-token', subject: deviceId, facts });
  return good(ended);
}

type Place = Pick<Tables['device_tokens'], 'bound_to'> & Pick<Tables['devices'], 'group_id'>;

async function openPlace(trx: Database, { device_id, hash }: Tables['device_tokens']): Promise<Result<Place>> {
  const row = await trx
    .selectFrom('device_tokens')
    .innerJoin('devices', 'devices.id', 'device_tokens.device_id')
    .select(['bound_to', 'enrol_only', 'ended_at', 'migration', 'group_id'])
    .where('device_id', '=', device_id)
    .where('hash', '=', hash)
    .where(isActive)
    .executeTakeFirst();
  if (!row) return bad('token-refused');
  if (row.ended_at !== null) return bad('mutual-required');
  const told = row.enrol_only === 1 || row.migration === 'pending';
  return told ? good(row) : bad('token-refused', { reason: 'not told to migrate' });
}

async function hasUsedIdentity(trx: Database, device: string): Promise<boolean> {
  const row = await trx
    .selectFrom('identities')
    .select('serial')
    .where('device_id', '=', device)
    .where('revoked_at', 'is', null)
    .where('first_contact_at', 'is not', null)
    .executeTakeFirst();
  return row !== undefined;
}
