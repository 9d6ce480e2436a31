/**
 * Mail and VPN certificates on their way to devices: what a device asks for is issued for its own key, or given with the key that was
 * uploaded, under a key of this one request; what it reports is what it has.
 */
import {
  createCipheriv,
  createHash,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  randomBytes,
} from 'node:crypto';
import { fromBase64, toBase64 } from '../../protocol/certificate.ts';
import { deriveSecret } from '../../protocol/codes.ts';
import { deliveryKey, deliveryNonceBytes } from '../../protocol/delivery.ts';
import { bad, good, type Result } from '../../protocol/fault.ts';
import type { CorporateAnswer, CorporateRequest, Report } from '../../protocol/schema.ts';
import { dayMs, type Instant } from '../../protocol/time.ts';
import type { ClientType } from '../core/certificates.ts';
import { serviceName } from '../core/mosquitto.ts';
import { issueClient } from './authority.ts';
import { audit, type Server } from './context.ts';
import { readCorporateRules } from './corporate-rules.ts';
import { transact } from './database.ts';
import { signDevice } from './documents.ts';
import { recordGiven, recordRefusal } from './refusals.ts';
import { readRequest } from './request.ts';
import { open } from './seal.ts';
import type { Database, Tables } from './tables.ts';

type Held = Pick<
  Tables['certificates'],
  'type' | 'source' | 'status' | 'alias' | 'device_name' | 'user_id' | 'user_name'
> &
  Tables['corporate_certificates'];

/** As with identities, a device that forgets each of its keys is held to this many a day. */
const maxIssuedADay = 10;
const x25519Prefix = Buffer.from('302a300506032b656e032100', 'hex');
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * Faults: `not-found` for what is not wanted of this device; `csr-refused` and others of `readRequest`; `busy` after ten in a day;
 * `master-key-missing`. What is refused is on record.
 */
export async function giveCorporate(
  server: Server,
  device: string,
  request: CorporateRequest,
): Promise<Result<CorporateAnswer>> {
  const given = await give(server, device, request);
  if (!given.ok)
    await recordRefusal(server, { actor: device, action: 'message-refused', subject: 'certificate' }, given.fault);
  return given;
}

/** A report names what is on the device: the latest status follows. */
export async function settleCorporate(server: Server, trx: Database, device: string, report: Report): Promise<void> {
  const rows = await trx
    .selectFrom('corporate_certificates')
    .innerJoin('certificates', 'certificates.id', 'corporate_certificates.id')
    .select([
      'certificates.id',
      'status',
      'order_no',
      'given',
      'given_issued_at',
      'given_not_after',
      'certificates.thumbprint',
    ])
    .where('certificates.device_id', '=', device)
    .where('status', 'in', ['ordered', 'issued', 'renewal-asked', 'wiping'])
    .execute();
  if (rows.length === 0) return;
  const waiting = await trx
    .selectFrom('commands')
    .select('seq')
    .where('device_id', '=', device)
    .where('what', '=', 'wipe')
    .executeTakeFirst();
  const status_at = server.clock();
  for (const { id, status, order_no, given, given_issued_at, given_not_after } of rows) {
    if (status === 'wiping') {
      if (!waiting)
        await trx.updateTable('certificates').set({ status: 'wiped', status_at }).where('id', '=', id).execute();
      continue;
    }
    const held = report.corporate?.find((each) => each.id === id && each.order >= order_no);
    if (!held) continue;
    if (held.fingerprint !== given || held.order > order_no) {
      // From before a backup was restored: what was ordered since is beyond what the device has.
      await orderBeyond(server, trx, { device, id, order: held.order });
      continue;
    }
    const dates = { issued_at: given_issued_at, not_after: given_not_after, thumbprint: given };
    const now = { status: order_no > 1 ? ('renewed' as const) : ('valid' as const), status_at, ...dates };
    await trx.updateTable('certificates').set(now).where('id', '=', id).execute();
  }
}

async function orderBeyond(
  server: Server,
  trx: Database,
  { device, id, order }: { readonly device: string; readonly id: string; readonly order: number },
): Promise<void> {
  await trx
    .updateTable('corporate_certificates')
    .set({ order_no: order + 1 })
    .where('id', '=', id)
    .execute();
  await signDevice(server, trx, device);
}

/** Nothing of it is let in any more by who looks at our revocation lists. */
export async function revokeCorporate(trx: Database, id: string, now: Instant): Promise<void> {
  const row = await trx.selectFrom('corporate_certificates').select('serials').where('id', '=', id).executeTakeFirst();
  for (const serial of serialsOf(row?.serials)) await revokeSerial(trx, serial, now);
}

const serialsOf = (text = '[]'): readonly string[] => JSON.parse(text) as string[];

const revokeSerial = (trx: Database, serial: string, revoked_at: Instant) =>
  trx
    .insertInto('corporate_revocations')
    .values({ serial, revoked_at })
    .onConflict((conflict) => conflict.column('serial').doNothing())
    .execute();

/** It is listed no more, and given to nobody. */
export async function removeCorporate(trx: Database, id: string): Promise<void> {
  await trx.deleteFrom('corporate_certificates').where('id', '=', id).execute();
  await trx.deleteFrom('certificates').where('id', '=', id).execute();
}

/** Of a device that is removed: nothing of it is listed or let in any more. */
export async function endCorporate(server: Pick<Server, 'clock'>, trx: Database, device: string): Promise<void> {
  const rows = await trx
    .selectFrom('certificates')
    .select('id')
    .where('device_id', '=', device)
    .where('type', '!=', 'mobile')
    .execute();
  for (const { id } of rows) {
    await revokeCorporate(trx, id, server.clock());
    await removeCorporate(trx, id);
  }
}

async function give(server: Server, device: string, request: CorporateRequest): Promise<Result<CorporateAnswer>> {
  const found = await readHeld(server.db, device, request);
  if (!found.ok) return found;
  if (found.value.source === 'uploaded') return deliver(server, device, found.value, request);
  if (request.csr === undefined) return bad('csr-refused', { reason: 'missing' });
  const csr = readRequest(fromBase64(request.csr));
  if (!csr.ok) return csr;
  const { publicKeyDer } = csr.value;
  const key = createHash('sha256').update(publicKeyDer).digest('hex');
  const again = againOf(found.value, request.order, key);
  if (again) return good(again);
  const mayHave = room(found.value, server.clock());
  if (!mayHave.ok) return mayHave;
  const issued = await issue(server, found.value, publicKeyDer);
  return transact(server.db, async (trx) => {
    const row = await readHeld(trx, device, request);
    if (!row.ok) return row;
    const meanwhile = againOf(row.value, request.order, key);
    if (meanwhile) return good(meanwhile);
    const free = room(row.value, server.clock());
    if (!free.ok) return free;
    const { id, alias, type } = row.value;
    // One that was given for this order and never reported is another key's: nobody has it.
    const serials = serialsOf(row.value.serials);
    const last = serials[serials.length - 1];
    if (row.value.given_order === request.order && last) await revokeSerial(trx, last, server.clock());
    const chain = issued.chainDer.map(toBase64);
    await trx
      .updateTable('corporate_certificates')
      .set({
        chain: JSON.stringify(chain),
        key_hash: key,
        serials: JSON.stringify([...serials, issued.serial]),
        given: issued.fingerprint,
        given_order: request.order,
        given_issued_at: server.clock(),
        given_not_after: issued.notAfter,
        issues: free.value.issues + 1,
        issues_since: free.value.since,
      })
      .where('id', '=', id)
      .execute();
    await noteGiven(server, trx, id, { fingerprint: issued.fingerprint, notAfter: issued.notAfter });
    const facts = { type, alias, fingerprint: issued.fingerprint };
    await audit(server, trx, { actor: device, action: 'corporate-certificate-issued', subject: id, facts });
    return good({ format: 1, chain, sealed: null });
  });
}

/** Found, wanted, and in this order. */
async function readHeld(
  trx: Database,
  device: string,
  { id, order }: Pick<CorporateRequest, 'id' | 'order'>,
): Promise<Result<Held>> {
  const row = await trx
    .selectFrom('corporate_certificates')
    .innerJoin('certificates', 'certificates.id', 'corporate_certificates.id')
    .selectAll('corporate_certificates')
    .select(['type', 'source', 'status', 'alias', 'device_name', 'user_id', 'user_name'])
    .where('certificates.id', '=', id)
    .where('certificates.device_id', '=', device)
    .where('order_no', '=', order)
    .where('status', 'not in', ['wiping', 'wiped'])
    .executeTakeFirst();
  return row ? good(row) : bad('not-found', { what: 'certificate' });
}

/** The same key gets the same certificate: an answer may be lost on its way. */
const againOf = ({ chain, given_order, key_hash }: Held, order: number, key: string): CorporateAnswer | null =>
  chain !== null && given_order === order && key_hash === key
    ? { format: 1, chain: JSON.parse(chain) as string[], sealed: null }
    : null;

/** Fault: `busy`. */
function room(
  { issues, issues_since }: Held,
  now: Instant,
): Result<{ readonly issues: number; readonly since: number }> {
  const fresh = now - issues_since >= dayMs;
  if (!fresh && issues >= maxIssuedADay) return bad('busy');
  return good(fresh ? { issues: 0, since: now } : { issues, since: issues_since });
}

/**
 * By the common name alone an outside broker, which trusts the same authority, tells who speaks: a device by its id, this server by
 * its own name. A device chooses what it is called, so neither is given away.
 */
const isOfBroker = (name: string): boolean => uuid.test(name) || name.toLowerCase() === serviceName;

async function issue(server: Server, { type, user_id, user_name, device_name }: Held, publicKeyDer: Uint8Array) {
  const kind: ClientType = type === 'mail' ? 'mail' : 'vpn';
  const { validityDays: days } = (await readCorporateRules(server.db))[kind];
  const user =
    user_id === null
      ? undefined
      : await server.db.selectFrom('users').select('email').where('id', '=', user_id).executeTakeFirst();
  const name = user_name || device_name;
  const [newWithOld] = server.keys.succession.next ? [] : server.keys.succession.crosses;
  return issueClient(
    server.keys.clientAuthority,
    {
      publicKeyDer,
      commonName: isOfBroker(name) ? `${kind} ${name}` : name,
      email: user?.email || null,
      type: kind,
      days,
      now: server.clock(),
    },
    newWithOld,
  );
}

/** The first shows in the list at once; one that follows when the device reports it, since the other is in use till then. */
async function noteGiven(
  server: Server,
  trx: Database,
  id: string,
  { fingerprint: thumbprint, notAfter }: { readonly fingerprint: string; readonly notAfter: number },
): Promise<void> {
  const now = server.clock();
  await trx
    .updateTable('certificates')
    .set({ status: 'issued', status_at: now, thumbprint, issued_at: now, not_after: notAfter })
    .where('id', '=', id)
    .where('status', '=', 'ordered')
    .execute();
}

async function deliver(
  server: Server,
  device: string,
  row: Held,
  { key }: CorporateRequest,
): Promise<Result<CorporateAnswer>> {
  if (key === undefined) return bad('csr-refused', { reason: 'missing' });
  if (row.chain === null || row.sealed_key === null) return bad('not-found', { what: 'certificate' });
  const pkcs8 = open(server.keys.master, row.sealed_key);
  if (!pkcs8.ok) return pkcs8;
  const { secret_generation } = await server.db
    .selectFrom('devices')
    .select('secret_generation')
    .where('id', '=', device)
    .executeTakeFirstOrThrow();
  const devicePublic = fromBase64(key);
  const pair = generateKeyPairSync('x25519');
  const serverPublic = pair.publicKey.export({ format: 'der', type: 'spki' }).subarray(-32);
  let shared: Buffer;
  try {
    const publicKey = createPublicKey({
      key: Buffer.concat([x25519Prefix, devicePublic]),
      format: 'der',
      type: 'spki',
    });
    shared = diffieHellman({ privateKey: pair.privateKey, publicKey });
  } catch {
    return bad('csr-refused', { reason: 'key' });
  }
  const secret = deriveSecret(server.keys.codeMaster, device, secret_generation);
  const agreed = deliveryKey({ shared, secret, device, certificate: row.id, devicePublic, serverPublic });
  const nonce = randomBytes(deliveryNonceBytes);
  const cipher = createCipheriv('aes-256-gcm', agreed, nonce);
  const data = Buffer.concat([nonce, cipher.update(pkcs8.value), cipher.final(), cipher.getAuthTag()]);
  const given = await transact(server.db, async (trx) => {
    await trx
      .updateTable('certificates')
      .set({ status: 'issued', status_at: server.clock() })
      .where('id', '=', row.id)
      .where('status', '=', 'ordered')
      .execute();
    const facts = { type: row.type, alias: row.alias, fingerprint: row.given ?? '' };
    const action = 'corporate-certificate-delivered';
    await recordGiven(server, trx, { actor: device, action, subject: row.id, facts });
    return good(null);
  });
  if (!given.ok) return given;
  const sealed = { key: toBase64(serverPublic), data: toBase64(data) };
  return good({ format: 1, chain: JSON.parse(row.chain) as string[], sealed });
}
