/**
 * New identities for devices that have one: renewal (RFC 7030 §4.2.2), also up to 30 days after the end, and the enrolment
 * of a retired device that an answered code lets in again. The old identity stays valid to its own end, since the device
 * proves the new one before it drops the old; the same key gets the same certificate until then.
 */
import { timingSafeEqual, X509Certificate } from 'node:crypto';
import { fingerprintOf, fromBase64, toBase64 } from '../../protocol/certificate.ts';
import { deriveSecret } from '../../protocol/codes.ts';
import { bad, type Facts, type Fault, good, type Result } from '../../protocol/fault.ts';
import { reenrolmentPassword } from '../../protocol/reenrolment.ts';
import { dayMs, type Instant } from '../../protocol/time.ts';
import { currentOf, isInGrace, judgeRenewal, type Renewal } from '../core/identity.ts';
import type { Enrolment, RenewalProof } from '../core/ports.ts';
import { windowStart } from '../core/slot.ts';
import { adopt } from './adoption.ts';
import { type Identity as DeviceIdentity, issueDevice } from './authority.ts';
import { audit, type Server } from './context.ts';
import { transact } from './database.ts';
import { readRenewBeforeDays, signDevice } from './documents.ts';
import { shutOut } from './identities.ts';
import { groupOf, type Kept, readLives, readStanding, standingOf } from './lives.ts';
import { recordRefusal } from './refusals.ts';
import { readRequest } from './request.ts';
import { readRules } from './rules.ts';
import type { Database, Tables } from './tables.ts';

type Chain = readonly Uint8Array[];
/** What a request comes to: a certificate there is already, or else a new one; with an action, it goes on record. */
type Answer =
  | { readonly again: Chain }
  | { readonly again: Chain | null; readonly action: string; readonly renews: string; readonly facts: Facts };
/** Null for what a foreign authority has issued. */
export type OwnIdentity = DeviceIdentity & { readonly authority: string | null };
type Judged = { readonly device: string; readonly verdict: Renewal };

/** A device that forgets each of its new keys is held to this many identities a day. */
export const maxIssuedADay = 10;
const deviceId = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** Whether a Basic user is a device that enrols again; invitations are spelled otherwise. */
export const isDeviceId = (user: string): boolean => deviceId.test(user);

/** Judges before a body is read, and retires the device whose time is over. Faults: `identity-refused`, `identity-retired`, `renewal-not-ordered`. */
export async function mayRenew(server: Server, proof: RenewalProof): Promise<Result<string>> {
  const judged = await transact(server.db, async (trx) => {
    const found = await judgeHolder(server, trx, proof);
    if (found.ok && found.value.verdict.at === 'retire') await retire(server, trx, found.value.device, proof);
    return found;
  });
  if (!judged.ok) return judged;
  const { device, verdict } = judged.value;
  if (verdict.at === 'renew') return good(device);
  if (verdict.at === 'not-ordered') return bad('renewal-not-ordered');
  if (verdict.at === 'refused') return bad(verdict.code, { reason: verdict.reason });
  await shutOut(server, device);
  return bad('identity-retired', { notAfter: proof.notAfter });
}

/**
 * By our own authority, also for a device whose identity is of another one. Faults: those of `mayRenew`; `csr-refused` (and others of `readRequest`) with the reason; `busy`
 * after ten in a day.
 */
export async function renew(server: Server, proof: RenewalProof, csrDer: Uint8Array): Promise<Result<Chain>> {
  const device = (await holderOf(server.db, proof)) ?? proof.commonName;
  const csr = readRequest(csrDer);
  const kept = csr.ok ? await giveIdentity(server, device, csr.value.publicKeyDer, decide) : csr;
  return kept.ok ? kept : refuse(server, device, kept.fault);

  async function decide(trx: Database): Promise<Result<Answer>> {
    const found = await judgeHolder(server, trx, proof);
    if (!found.ok) return found;
    const { verdict } = found.value;
    if (verdict.at !== 'renew') return bad('identity-refused', { reason: 'not any more' });
    if (!csr.ok || csr.value.subject !== device || found.value.device !== device)
      return bad('csr-refused', { reason: 'subject' });
    await noteContact(server, trx, device, proof.fingerprint);
    const lives = await readLives(trx, device);
    const now = server.clock();
    const known = withKey(lives, csr.value.publicKeyDer, now);
    if (known) return isUnused(known) ? good({ again: chainOf(known) }) : bad('csr-refused', { reason: 'key in use' });
    if (lives.filter(({ issuedAt }) => now - issuedAt < dayMs).length >= maxIssuedADay) return bad('busy');
    const own = lives.find(({ fingerprint }) => fingerprint === proof.fingerprint);
    const when = verdict.late ? 'after the end' : (await isEarly(server, trx, device, own)) ? 'early' : 'in the window';
    return good({ again: null, action: 'identity-issued', renews: proof.fingerprint, facts: { when } });
  }
}

/**
 * Of a retired device, or of one that would be by its next renewal, once for each answered code, within 24 hours of it. Fault: `invitation-refused` (why is in the audit
 * only), `csr-refused` and others of `readRequest`.
 */
export async function reenrol(server: Server, { invitation, password, csrDer }: Enrolment): Promise<Result<Chain>> {
  const device = invitation;
  const csr = readRequest(csrDer);
  const kept = csr.ok ? await giveIdentity(server, device, csr.value.publicKeyDer, decide) : csr;
  if (!kept.ok) {
    await recordRefusal(server, { actor: 'server', action: 'enrolment-refused', subject: device }, kept.fault);
    return csr.ok ? bad('invitation-refused') : csr;
  }
  await server.carriers.current?.refresh([{ id: device, group: await groupOf(server.db, device) }]);
  return kept;

  async function decide(trx: Database): Promise<Result<Answer>> {
    const refused = (reason: string) => bad('invitation-refused', { reason });
    const row = await trx.selectFrom('devices').selectAll().where('id', '=', device).executeTakeFirst();
    if (!row || !csr.ok) return refused('unknown');
    if (!isSecretOf(server, row, password, csrDer)) return refused('wrong password');
    const standing = standingOf(row);
    if (standing === 'removed' || standing === 'inactive') return refused(standing);
    const lives = await readLives(trx, device);
    const now = server.clock();
    const known = withKey(lives, csr.value.publicKeyDer, now);
    if (known && !isUnused(known)) return refused('key in use');
    const again = known ? chainOf(known) : null;
    if (standing === 'active' && again) return good({ again });
    if (standing === 'active' && !isOver(lives, now)) return refused('not retired');
    if (row.reenrol_until === null || row.reenrol_until <= now) return refused('no answered code');
    await trx.updateTable('devices').set({ retired_at: null, reenrol_until: null }).where('id', '=', device).execute();
    return good({ again, action: 'enrolled-again', renews: currentOf(lives)?.fingerprint ?? '', facts: {} });
  }
}

/**
 * The first authenticated contact of an identity: from now on it is the device's current one, and the slot follows it. Contact
 * of one that was used before changes nothing.
 */
export async function noteContact(server: Server, trx: Database, device: string, fingerprint: string): Promise<void> {
  const own = await trx
    .selectFrom('identities')
    .select('renews')
    .where('device_id', '=', device)
    .where('fingerprint', '=', fingerprint)
    .where('first_contact_at', 'is', null)
    .where('revoked_at', 'is', null)
    .executeTakeFirst();
  if (!own) return;
  await trx
    .updateTable('identities')
    .set({ first_contact_at: server.clock() })
    .where('device_id', '=', device)
    .where('fingerprint', '=', fingerprint)
    .execute();
  if (own.renews === null) return;
  const facts = { fingerprint, renews: own.renews };
  await audit(server, trx, { actor: device, action: 'identity-renewed', subject: device, facts });
  await signDevice(server, trx, device);
}

/**
 * Decides twice: before a certificate is made, so that strangers have none made, and again in the transaction that keeps it.
 */
async function giveIdentity(
  server: Server,
  device: string,
  publicKeyDer: Uint8Array,
  decide: (trx: Database) => Promise<Result<Answer>>,
): Promise<Result<Chain>> {
  const { db } = server;
  const first = await tryOut(db, decide);
  if (!first.ok) return first;
  const issued = first.value.again ? null : await issueTo(server, device, publicKeyDer);
  return transact(db, async (trx): Promise<Result<Chain>> => {
    const decided = await decide(trx);
    if (!decided.ok) return decided;
    const { again } = decided.value;
    const chain = again ?? issued?.chainDer;
    // What was there a moment ago was used meanwhile.
    if (!chain) return bad('busy');
    if (!('action' in decided.value)) return good(chain);
    const { action, renews, facts } = decided.value;
    if (!again && issued) await keepIdentity(server, trx, { device, issued, renews });
    if (action === 'enrolled-again') await signDevice(server, trx, device);
    const fingerprint = fingerprintOf(chain[0] ?? new Uint8Array());
    await audit(server, trx, { actor: device, action, subject: device, facts: { ...facts, fingerprint, renews } });
    return good(chain);
  });
}

/** Runs and undoes everything. */
async function tryOut<T>(db: Database, attempt: (trx: Database) => Promise<T>): Promise<T> {
  const trx = await db.startTransaction().execute();
  try {
    return await attempt(trx);
  } finally {
    await trx.rollback().execute();
  }
}

/** By the authority that issues now. */
export async function issueTo(server: Server, device: string, publicKeyDer: Uint8Array): Promise<OwnIdentity> {
  const { validityDays: days } = await readRules(server.db);
  const { clientAuthority, succession } = server.keys;
  const request = { publicKeyDer, deviceId: device, days, now: server.clock() };
  const [newWithOld] = succession.next ? [] : succession.crosses;
  const issued = await issueDevice(clientAuthority, request, newWithOld);
  return { ...issued, authority: fingerprintOf(clientAuthority.certificateDer) };
}

export async function keepIdentity(
  { clock }: Server,
  trx: Database,
  kept: { readonly device: string; readonly issued: OwnIdentity; readonly renews: string | null },
): Promise<void> {
  const { device, issued, renews } = kept;
  const { issuer, serial, fingerprint, notAfter, authority } = issued;
  const chain = JSON.stringify(issued.chainDer.map(toBase64));
  const row = {
    issuer,
    serial,
    fingerprint,
    device_id: device,
    chain,
    not_after: notAfter,
    issued_at: clock(),
    renews,
    authority,
  };
  await trx.insertInto('identities').values(row).execute();
}

/** Whose identity it is, and whether another one may follow it. Fault: `identity-refused` for one that nobody knows. */
export async function judgeHolder(server: Server, trx: Database, proof: RenewalProof): Promise<Result<Judged>> {
  const device = (await holderOf(trx, proof)) ?? (await adopt(server, trx, proof));
  if (device === null) return bad('identity-refused', { reason: 'unknown' });
  const { automaticRenewal: automatic } = await readRules(trx);
  const [standing, lives] = [await readStanding(trx, device), await readLives(trx, device)];
  const verdict = judgeRenewal(proof, { standing, lives, automatic }, server.clock());
  return good({ device, verdict });
}

/** The device an identity was issued for, or bound to; null for one that nobody knows. */
async function holderOf(trx: Database, { issuer, serial }: RenewalProof): Promise<string | null> {
  const row = await trx
    .selectFrom('identities')
    .select('device_id')
    .where('issuer', '=', issuer)
    .where('serial', '=', serial)
    .executeTakeFirst();
  return row?.device_id ?? null;
}

async function retire(server: Server, trx: Database, device: string, { fingerprint, notAfter }: RenewalProof) {
  const now = server.clock();
  await trx.updateTable('devices').set({ retired_at: now, presence: 'offline' }).where('id', '=', device).execute();
  await trx.deleteFrom('commands').where('device_id', '=', device).execute();
  const facts = { fingerprint, ended: new Date(notAfter).toISOString() };
  await audit(server, trx, { actor: 'server', action: 'device-retired', subject: device, facts });
}

async function refuse(server: Server, device: string, why: Fault): Promise<Result<never>> {
  await recordRefusal(server, { actor: device, action: 'message-refused', subject: 'renewal' }, why);
  return { ok: false, fault: why };
}

async function isEarly({ clock }: Server, trx: Database, device: string, own: Kept | undefined): Promise<boolean> {
  const { group_id } = await trx
    .selectFrom('devices')
    .select('group_id')
    .where('id', '=', device)
    .executeTakeFirstOrThrow();
  return own !== undefined && clock() < windowStart(own, await readRenewBeforeDays(trx, group_id));
}

/** The generation before still counts, since the device may not have confirmed the new one. */
function isSecretOf({ keys }: Server, row: Tables['devices'], password: string, csrDer: Uint8Array): boolean {
  const generations = [row.secret_generation, row.secret_generation - 1].filter((each) => each > 0);
  return generations.some((generation) => {
    const right = Buffer.from(reenrolmentPassword(deriveSecret(keys.codeMaster, row.id, generation), csrDer));
    const given = Buffer.from(password);
    return right.length === given.length && timingSafeEqual(right, given);
  });
}

const isUnused = ({ contactAt, revokedAt }: Kept): boolean => contactAt === null && revokedAt === null;

/** An identity over this key; one that ended without ever being used is as good as none. */
const withKey = (lives: readonly Kept[], publicKeyDer: Uint8Array, now: Instant): Kept | undefined =>
  lives
    .filter((life) => !isUnused(life) || life.notAfter > now)
    .find(({ chain: [leaf] }) => leaf !== undefined && keyOf(leaf).equals(publicKeyDer));

const keyOf = (leaf: string): Buffer =>
  new X509Certificate(fromBase64(leaf)).publicKey.export({ format: 'der', type: 'spki' });

const chainOf = ({ chain }: Kept): Chain => chain.map(fromBase64);

/** Beyond what renewal is answered for. */
function isOver(lives: readonly Kept[], now: Instant): boolean {
  const current = currentOf(lives);
  return current !== null && !isInGrace(current.notAfter, now);
}
