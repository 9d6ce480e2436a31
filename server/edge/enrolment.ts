/**
 * From invitation to device (RFC 7030 simple enrolment). The password is bound to the first key that came with it, and the
 * same key gets the same certificate until the device confirmed its bundle, so a power cut on either side strands nobody.
 */
import { createHash, randomBytes, randomUUID, scrypt, timingSafeEqual } from 'node:crypto';
import { fromBase64, toBase64 } from '../../protocol/certificate.ts';
import { deriveSecret, locatorOf } from '../../protocol/codes.ts';
import { bad, type Facts, good, type Result } from '../../protocol/fault.ts';
import type { RegistrationBundle } from '../../protocol/schema.ts';
import { hourMs, instant } from '../../protocol/time.ts';
import {
  checkKey,
  checkOpen,
  groupPassword,
  type Invitation,
  invitationEnd,
  invitationTries,
  normalizePassword,
  spell,
} from '../core/invitation.ts';
import { flatten, pathTo } from '../core/policy.ts';
import type { Enrolment } from '../core/ports.ts';
import { type Identity as DeviceIdentity, issueDevice } from './authority.ts';
import { type Actor, addressesOf, audit, readIdentity, type Server } from './context.ts';
import { transact } from './database.ts';
import { readGroups, signDevice } from './documents.ts';
import { findGroup } from './lookup.ts';
import { readPins, readServerCertificates } from './pins.ts';
import { readRequest } from './request.ts';
import type { Database, Tables } from './tables.ts';

export type Invited = {
  readonly address: string;
  readonly fingerprint: string;
  readonly invitation: string;
  readonly password: string;
  readonly expiresAt: number;
};

const identityDays = 365;
const refusedAction = 'enrolment-refused';
const refusalsOnRecord = 100;
const idLetters = 8;
const passwordLetters = 12;
const maxName = 120;

/** Faults: `not-found` for the group, `bad-argument` for a name that is too long. */
export async function invite(
  server: Server,
  actor: Actor,
  wanted: { readonly name?: string; readonly group?: string },
): Promise<Result<Invited>> {
  if (wanted.name !== undefined && (wanted.name.trim() === '' || wanted.name.length > maxName))
    return bad('bad-argument', { what: 'name' });
  const id = spell(randomBytes(idLetters));
  const password = spell(randomBytes(passwordLetters));
  const salt = randomBytes(16);
  const hash = await hashPassword(password, salt);
  return transact(server.db, async (trx) => {
    const identity = await readIdentity(trx);
    const group = await findGroup(trx, wanted.group ?? identity.unassigned);
    if (!group.ok) return group;
    const now = server.clock();
    const row: Tables['invitations'] = {
      id,
      name: wanted.name ?? null,
      group_id: group.value.id,
      salt: salt.toString('hex'),
      hash: hash.toString('hex'),
      tries_left: invitationTries,
      expires_at: invitationEnd(now),
      bound_to: null,
      device_id: null,
      used_at: null,
      created_at: now,
    };
    await trx.insertInto('invitations').values(row).execute();
    await audit(server, trx, { actor, action: 'invited', subject: id, facts: { group: group.value.name } });
    const main = (await readServerCertificates(trx)).find(({ role }) => role === 'main');
    return good({
      address: addressesOf(identity).https,
      fingerprint: main?.fingerprint ?? '',
      invitation: id,
      password: groupPassword(password),
      expiresAt: row.expires_at,
    });
  });
}

/** Leaf and chain. Faults: `invitation-refused` (why is in the audit only), `csr-refused` and others of `readRequest`. */
export async function enrol(server: Server, typed: Enrolment): Promise<Result<readonly Uint8Array[]>> {
  const request = { ...typed, invitation: typed.invitation.trim().toUpperCase() };
  const csr = readRequest(request.csrDer);
  if (!csr.ok) return refuse(server, request.invitation, csr.fault.code, csr);
  const proven = await checkPassword(server, request);
  if (!proven.ok) return refuse(server, request.invitation, 'invitation-refused', proven);
  const key = createHash('sha256').update(csr.value.publicKeyDer).digest('hex');
  const bound = checkKey(proven.value, key);
  if (!bound.ok) return refuse(server, request.invitation, 'invitation-refused', bound);
  const deviceId = proven.value.deviceId ?? randomUUID();
  const { publicKeyDer } = csr.value;
  const now = server.clock();
  const issued = await issueDevice(server.keys.clientAuthority, { publicKeyDer, deviceId, days: identityDays, now });
  const kept = await transact(server.db, async (trx) => {
    const invitation = await readInvitation(trx, request.invitation);
    const open = checkOpen(invitation, now);
    if (!open.ok || !invitation) return bad('invitation-refused', { reason: 'closed meanwhile' });
    const free = checkKey(invitation, key);
    if (!free.ok) return free;
    const known = await chainOf(trx, invitation.deviceId);
    if (known) return good(known);
    return addDevice(server, trx, { invitation, key, deviceId, hardwareId: csr.value.subject, issued });
  });
  if (!kept.ok) return refuse(server, request.invitation, 'invitation-refused', kept);
  const group = await server.db.selectFrom('devices').select('group_id').where('id', '=', deviceId).executeTakeFirst();
  if (group) await server.carriers.current?.refresh([{ id: deviceId, group: group.group_id }]);
  return kept;
}

/** Fault: `identity-refused` for devices that are gone. */
export async function bundle(server: Server, device: string): Promise<Result<RegistrationBundle>> {
  const { db, keys } = server;
  const row = await db
    .selectFrom('devices')
    .innerJoin('groups', 'groups.id', 'devices.group_id')
    .select(['devices.name', 'group_id', 'secret_generation', 'kind'])
    .where('devices.id', '=', device)
    .where('removed_at', 'is', null)
    .executeTakeFirst();
  if (!row) return bad('identity-refused');
  const identity = await readIdentity(db);
  const groups = await readGroups(db);
  const path = pathTo(groups, row.group_id).flatMap(({ id }) => groups.get(id)?.settings ?? []);
  return good({
    format: 1,
    serverId: identity.serverId,
    deviceId: device,
    deviceName: row.name,
    secret: Buffer.from(deriveSecret(keys.codeMaster, device, row.secret_generation)).toString('hex'),
    secretGeneration: row.secret_generation,
    policyKeys: [keys.policy.publicKey],
    recoveryKey: keys.recovery,
    group: row.group_id,
    managed: row.kind === 'ordinary',
    pins: await readPins(db),
    addresses: addressesOf(identity),
    contacts: flatten(path).contacts.value,
  });
}

/** The device has its bundle on disk: the invitation is dead. Confirming again changes nothing. */
export const confirm = (server: Server, device: string): Promise<Result<null>> =>
  transact(server.db, async (trx) => {
    const now = server.clock();
    const { numUpdatedRows } = await trx
      .updateTable('devices')
      .set({ confirmed_at: now })
      .where('id', '=', device)
      .where('confirmed_at', 'is', null)
      .executeTakeFirstOrThrow();
    await trx
      .updateTable('invitations')
      .set({ used_at: now, tries_left: 0 })
      .where('device_id', '=', device)
      .where('used_at', 'is', null)
      .execute();
    if (numUpdatedRows > 0n) await audit(server, trx, { actor: device, action: 'registered', subject: device });
    return good(null);
  });

type Held = Invitation &
  Pick<Tables['invitations'], 'id' | 'name' | 'salt' | 'hash'> & {
    readonly group: string;
    readonly deviceId: string | null;
  };
type Arrival = {
  readonly invitation: Held;
  readonly key: string;
  readonly deviceId: string;
  readonly hardwareId: string;
  readonly issued: DeviceIdentity;
};

async function readInvitation(trx: Database, id: string): Promise<Held | null> {
  const row = await trx.selectFrom('invitations').selectAll().where('id', '=', id).executeTakeFirst();
  if (!row) return null;
  return {
    id: row.id,
    name: row.name,
    salt: row.salt,
    hash: row.hash,
    group: row.group_id,
    deviceId: row.device_id,
    triesLeft: row.tries_left,
    expiresAt: instant(row.expires_at),
    boundTo: row.bound_to,
    usedAt: row.used_at === null ? null : instant(row.used_at),
  };
}

/** A try is taken before the password is looked at and given back when it was right: guessing in parallel gains nothing. */
async function checkPassword({ db, clock }: Server, { invitation: id, password }: Enrolment): Promise<Result<Held>> {
  const taken = await transact(db, async (trx) => {
    const held = await readInvitation(trx, id);
    const open = checkOpen(held, clock());
    if (!open.ok || !held) return open.ok ? bad('invitation-refused') : open;
    await addTries(trx, id, -1);
    return good(held);
  });
  if (!taken.ok) return taken;
  const hash = await hashPassword(normalizePassword(password.slice(0, 64)), Buffer.from(taken.value.salt, 'hex'));
  if (!timingSafeEqual(hash, Buffer.from(taken.value.hash, 'hex')))
    return bad('invitation-refused', { reason: 'wrong password' });
  await addTries(db, id, 1);
  return taken;
}

const addTries = (trx: Database, id: string, count: number) =>
  trx
    .updateTable('invitations')
    .set((row) => ({ tries_left: row('tries_left', '+', count) }))
    .where('id', '=', id)
    .execute();

/** What the device may know is that it was refused; why goes to the audit. */
async function refuse(
  server: Server,
  invitation: string,
  code: string,
  { fault }: { readonly fault: { readonly code: string; readonly facts: Facts } },
): Promise<Result<never>> {
  const subject = invitation.slice(0, 64);
  const facts = { ...fault.facts, code };
  if (await isFlood(server)) server.log('warn', 'enrolment refused', { ...facts, invitation: subject });
  else await audit(server, server.db, { actor: 'server', action: refusedAction, subject, facts });
  return code === 'invitation-refused' ? bad('invitation-refused') : bad('csr-refused', fault.facts);
}

/** Strangers may ask: more than this many refusals in a row within an hour are in the journal only. */
async function isFlood({ db, clock }: Server): Promise<boolean> {
  const last = await db
    .selectFrom('audit')
    .select(['action', 'at'])
    .orderBy('id', 'desc')
    .limit(refusalsOnRecord)
    .execute();
  const since = clock() - hourMs;
  return last.length === refusalsOnRecord && last.every(({ action, at }) => action === refusedAction && at > since);
}

async function chainOf(trx: Database, device: string | null): Promise<readonly Uint8Array[] | null> {
  if (device === null) return null;
  const row = await trx
    .selectFrom('identities')
    .select('chain')
    .where('device_id', '=', device)
    .where('revoked_at', 'is', null)
    .executeTakeFirst();
  return row ? (JSON.parse(row.chain) as string[]).map(fromBase64) : null;
}

async function addDevice(server: Server, trx: Database, arrival: Arrival): Promise<Result<readonly Uint8Array[]>> {
  const { invitation, key, deviceId, hardwareId, issued } = arrival;
  const now = server.clock();
  const name = invitation.name ?? (hardwareId.slice(0, maxName) || `device ${deviceId.slice(0, 8)}`);
  await trx
    .insertInto('devices')
    .values({
      id: deviceId,
      name,
      hardware_id: hardwareId.slice(0, 300),
      group_id: invitation.group,
      secret_generation: 1,
      locator: locatorOf(deviceId),
      presence: 'offline',
      last_seen: null,
      confirmed_at: null,
      adopted_at: null,
      created_at: now,
      removed_at: null,
    })
    .execute();
  await trx
    .insertInto('identities')
    .values({
      issuer: issued.issuer,
      serial: issued.serial,
      fingerprint: issued.fingerprint,
      device_id: deviceId,
      chain: JSON.stringify(issued.chainDer.map(toBase64)),
      not_after: issued.notAfter,
      issued_at: now,
      revoked_at: null,
    })
    .execute();
  await trx
    .updateTable('invitations')
    .set({ bound_to: key, device_id: deviceId })
    .where('id', '=', invitation.id)
    .execute();
  await signDevice(server, trx, deviceId);
  const facts = { name, invitation: invitation.id, fingerprint: issued.fingerprint };
  await audit(server, trx, { actor: 'server', action: 'enrolled', subject: deviceId, facts });
  return good(issued.chainDer);
}

/** RFC 7914 with N = 2^14: the password has 60 random bits, a short wait is enough. */
function hashPassword(password: string, salt: Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password, salt, 32, (error, hash) => (error ? reject(error) : resolve(hash)));
  });
}
