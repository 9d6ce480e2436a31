/**
 * From invitation to device (RFC 7030 simple enrolment). The password is bound to the first key that came with it, and the
 * same key gets the same certificate until the device confirmed its bundle, so a power cut on either side strands nobody.
 */
import { createHash, randomUUID } from 'node:crypto';
import { deriveSecret, locatorOf } from '../../protocol/codes.ts';
import { bad, type Fault, good, type Result } from '../../protocol/fault.ts';
import type { RegistrationBundle } from '../../protocol/schema.ts';
import { checkKey, checkOpen } from '../core/invitation.ts';
import type { AgentKind } from '../core/mutual.ts';
import { flatten, pathTo } from '../core/policy.ts';
import type { Enrolment } from '../core/ports.ts';
import { addressesOf, audit, readIdentity, type Server } from './context.ts';
import { transact } from './database.ts';
import { readGroups, signDevice } from './documents.ts';
import { openByToken, readToken } from './group-tokens.ts';
import { shutOut } from './identities.ts';
import { checkPassword, type HeldInvitation, maxName, readInvitation } from './invitations.ts';
import { newestChain } from './lives.ts';
import { nameByRule } from './naming.ts';
import { readPins } from './pins.ts';
import { recordRefusal } from './refusals.ts';
import { issueTo, keepIdentity, type OwnIdentity } from './renewal.ts';
import { takePlace } from './replacing.ts';
import { readRequest } from './request.ts';
import type { Database } from './tables.ts';
import { checkRoom, openByUser } from './user-enrolment.ts';
import type { PasswordDoor } from './user-passwords.ts';

/**
 * Leaf and chain, by a one-time password or by the name and password of a user. Faults: `invitation-refused` (why is in the
 * audit only), `too-many-devices`, `token-used-up`, `enrolment-pending`, `busy`, `csr-refused` and others of `readRequest`.
 */
export async function enrol(
  server: Server,
  door: PasswordDoor,
  request: Enrolment,
): Promise<Result<readonly Uint8Array[]>> {
  const typed = request.invitation.trim();
  const csr = readRequest(request.csrDer);
  if (!csr.ok) return refuse(server, typed, csr.fault, 'csr-refused');
  const key = createHash('sha256').update(csr.value.publicKeyDer).digest('hex');
  const proven = await open(server, door, request, { typed, key, hardwareId: csr.value.subject });
  if (!proven.ok) return refuse(server, typed, proven.fault, toldOf(proven.fault));
  const bound = checkKey(proven.value, key);
  if (!bound.ok) return refuse(server, typed, bound.fault);
  const { id } = proven.value;
  const deviceId = proven.value.deviceId ?? randomUUID();
  const { publicKeyDer } = csr.value;
  const now = server.clock();
  const issued = await issueTo(server, deviceId, publicKeyDer);
  const kept = await transact(server.db, async (trx) => {
    const invitation = await readInvitation(trx, id);
    const open = checkOpen(invitation, now);
    if (!open.ok || !invitation) return bad('invitation-refused', { reason: 'closed meanwhile' });
    const free = checkKey(invitation, key);
    if (!free.ok) return free;
    const known = await newestChain(trx, invitation.deviceId);
    if (known) return good(known);
    const room = invitation.userId === null ? good(null) : await checkRoom(trx, invitation.userId);
    if (!room.ok) return room;
    return addDevice(server, trx, { invitation, key, deviceId, hardwareId: csr.value.subject, issued });
  });
  if (!kept.ok) return refuse(server, typed, kept.fault, toldOf(kept.fault));
  const group = await server.db.selectFrom('devices').select('group_id').where('id', '=', deviceId).executeTakeFirst();
  if (group) await server.carriers.current?.refresh([{ id: deviceId, group: group.group_id }]);
  return kept;
}

/** By whatever was typed: an invitation, a group token, or a user. */
async function open(
  server: Server,
  door: PasswordDoor,
  { password, from = '' }: Enrolment,
  { typed, key, hardwareId }: { readonly typed: string; readonly key: string; readonly hardwareId: string },
): Promise<Result<HeldInvitation>> {
  const id = typed.toUpperCase();
  if (await readInvitation(server.db, id)) return checkPassword(server, { invitation: id, password });
  if (await readToken(server.db, id)) return openByToken(server, id, { password, key, hardwareId, from });
  return openByUser(server, door, { user: typed, password, key, from });
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
    policyKeys: keys.next ? [keys.policy.publicKey, keys.next.publicKey] : [keys.policy.publicKey],
    recoveryKey: keys.recovery,
    group: row.group_id,
    managed: row.kind === 'ordinary',
    pins: await readPins(db),
    addresses: addressesOf(identity),
    contacts: flatten(path).contacts.value,
  });
}

/** The device has its bundle on disk: the invitation is dead. Confirming again changes nothing. */
export async function confirm(server: Server, device: string): Promise<Result<null>> {
  const confirmed = await transact(server.db, async (trx) => {
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
    if (numUpdatedRows === 0n) return good({ replaced: null });
    await audit(server, trx, { actor: device, action: 'registered', subject: device });
    return good({ replaced: await takePlace(server, trx, device) });
  });
  if (!confirmed.ok) return confirmed;
  if (confirmed.value.replaced !== null) await shutOut(server, confirmed.value.replaced);
  return good(null);
}

type Arrival = {
  readonly invitation: HeldInvitation;
  readonly key: string;
  readonly deviceId: string;
  readonly hardwareId: string;
  readonly issued: OwnIdentity;
};

/** What the device may know is that it was refused; why goes to the audit. */
export async function refuse(
  server: Server,
  invitation: string,
  why: Fault,
  told: Told = 'invitation-refused',
): Promise<Result<never>> {
  const row = { actor: 'server', action: 'enrolment-refused', subject: invitation.slice(0, 64) } as const;
  // It asks every few minutes; that it waits is on record since it asked first.
  if (why.code !== 'enrolment-pending') await recordRefusal(server, row, why);
  if (told === 'invitation-refused' || told === 'busy') return bad(told);
  return bad(told, why.facts);
}

type Told = 'invitation-refused' | 'csr-refused' | (typeof tellable)[number];

/** Whoever was refused by these has shown a right password, or shows nothing by asking. */
const tellable = ['too-many-devices', 'token-used-up', 'enrolment-pending', 'busy'] as const;

const toldOf = ({ code }: Fault): Told => tellable.find((each) => each === code) ?? 'invitation-refused';

/** With its identity and its first documents; the invitation is bound to its key. */
export async function addDevice(
  server: Server,
  trx: Database,
  arrival: Arrival,
): Promise<Result<readonly Uint8Array[]>> {
  const { invitation, deviceId, issued } = arrival;
  const name = await layDevice(server, trx, { ...arrival, agent: null });
  await keepIdentity(server, trx, { device: deviceId, issued, renews: null });
  // Its slot follows from the identity.
  await signDevice(server, trx, deviceId);
  const facts = { name, invitation: invitation.id, fingerprint: issued.fingerprint };
  await audit(server, trx, { actor: 'server', action: 'enrolled', subject: deviceId, facts });
  return good(issued.chainDer);
}

/** A new device in the group of its invitation, which is bound to it; and named; its document is the caller's to sign. Returns its name. */
export async function layDevice(
  server: Server,
  trx: Database,
  { invitation, key, deviceId, hardwareId, agent }: Omit<Arrival, 'issued'> & { readonly agent: AgentKind | null },
): Promise<string> {
  const replaced = invitation.replaces;
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
      absent_since: server.clock(),
      confirmed_at: null,
      adopted_at: null,
      agent,
      registered_by: invitation.userId,
      created_at: server.clock(),
      removed_at: null,
    })
    .execute();
  await trx
    .updateTable('invitations')
    .set({ bound_to: key, device_id: deviceId })
    .where('id', '=', invitation.id)
    .execute();
  // What takes the place of another has its name already.
  if (replaced === null) await nameByRule(server, trx, 'server', deviceId);
  return name;
}
