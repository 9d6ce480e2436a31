/**
 * Renewal with another authority: a device says by the identity in use which certificate follows it, and shows that it has
 * the key of that one. From then on the certificate is let in for this device, byte for byte; the one before stays valid to its
 * own end, as after every renewal.
 */
import { verify, X509Certificate } from 'node:crypto';
import { announcedText } from '../../protocol/announcement.ts';
import { checkAcceptable, fromBase64, parseCertificate } from '../../protocol/certificate.ts';
import { bad, good, type Result } from '../../protocol/fault.ts';
import type { Announcement } from '../../protocol/schema.ts';
import { dayMs } from '../../protocol/time.ts';
import type { RenewalProof } from '../core/ports.ts';
import { authorityOf } from './authorities.ts';
import { audit, type Server } from './context.ts';
import { transact } from './database.ts';
import { leadsTo } from './foreign-path.ts';
import { rewriteKit } from './kit.ts';
import { readLives } from './lives.ts';
import { judgeHolder, keepIdentity, maxIssuedADay } from './renewal.ts';
import type { Database } from './tables.ts';

/**
 * The device the certificate is for now. Announced again, nothing changes. Faults: `identity-refused` (the identity in use,
 * the signature, an authority nobody has let in, a certificate of ours or of another device; the reason goes with it), those
 * of `checkAcceptable`, `expired`, `renewal-not-ordered`, and `busy` after ten in a day. Retirement is decided before this.
 */
export async function follow(server: Server, proof: RenewalProof, announced: Announcement): Promise<Result<string>> {
  const chain = announced.chain.map(fromBase64);
  const leaf = parseCertificate(chain[0] ?? new Uint8Array());
  const fit = leaf.ok ? checkAcceptable(leaf.value, 'server') : leaf;
  if (!fit.ok) return fit;
  const { fingerprint, issuer, serial, notAfter, der } = fit.value;
  const refused = (reason: string): Result<never> => bad('identity-refused', { reason });
  if (authorityOf(server.keys, der) !== null) return refused('of our own authority');
  if (!isSignedFor(der, announcedText(proof.fingerprint, fingerprint), announced.signature))
    return refused('signature');
  const now = server.clock();
  if (notAfter < now) return bad('expired', { notAfter });
  const followed = await transact(server.db, async (trx): Promise<Result<Followed>> => {
    if (!(await isOfKnownAuthority(trx, chain))) return refused('authority unknown');
    const judged = await judgeHolder(server, trx, proof);
    if (!judged.ok) return judged;
    const { device, verdict } = judged.value;
    if (verdict.at === 'not-ordered') return bad('renewal-not-ordered');
    if (verdict.at !== 'renew') return refused('not any more');
    const held = await trx
      .selectFrom('identities')
      .select(['device_id', 'fingerprint', 'revoked_at'])
      .where('issuer', '=', issuer)
      .where('serial', '=', serial)
      .executeTakeFirst();
    const isKnown = held?.device_id === device && held.fingerprint === fingerprint && held.revoked_at === null;
    if (isKnown) return good({ device, isNew: false });
    if (held) return refused('certificate of another device');
    const lives = await readLives(trx, device);
    if (lives.filter(({ issuedAt }) => now - issuedAt < dayMs).length >= maxIssuedADay) return bad('busy');
    const issued = { chainDer: chain, issuer, serial, fingerprint, notAfter, authority: null };
    await keepIdentity(server, trx, { device, issued, renews: proof.fingerprint });
    const facts = { fingerprint, renews: proof.fingerprint, issuer: issuer.slice(0, 200) };
    await audit(server, trx, { actor: device, action: 'identity-announced', subject: device, facts });
    return good({ device, isNew: true });
  });
  if (!followed.ok) return followed;
  // No word of ours stands behind it, so a server rebuilt from the kit knows it by the kit alone.
  if (followed.value.isNew) await rewriteKit(server);
  return good(followed.value.device);
}

type Followed = { readonly device: string; readonly isNew: boolean };

/** RSA signs by PKCS #1 v1.5, as Node does where nothing else is said. */
function isSignedFor(leaf: Uint8Array, text: Uint8Array, signature: string): boolean {
  try {
    return verify('sha256', text, new X509Certificate(leaf).publicKey, Buffer.from(signature, 'base64'));
  } catch {
    return false;
  }
}

/** So nobody takes the issuer and number of a certificate that the authority has given to somebody else. */
async function isOfKnownAuthority(trx: Database, chain: readonly Uint8Array[]): Promise<boolean> {
  const rows = await trx.selectFrom('foreign_authorities').select('certificate').execute();
  return leadsTo(
    chain,
    rows.map(({ certificate }) => fromBase64(certificate)),
  );
}
