/**
 * Agents without an identity: their registration by a one-time password, their tokens and check-ins, and their way to an
 * identity (`docs/mutual-authentication.md`). The first check-in with a client certificate ends the token.
 */
import { createHash, hkdfSync, randomBytes, randomUUID } from 'node:crypto';
import { bad, good, type Result } from '../../protocol/fault.ts';
import type { CheckinAnswer, CheckinRequest, EnrolmentOrder, LegacyRegistration } from '../../protocol/schema.ts';
import { fillSubject, randomBytesFor } from '../../protocol/subject.ts';
import { instant } from '../../protocol/time.ts';
import { version } from '../../protocol/version.ts';
import { accessTokenMs, hashSecret, isAccess, isSecret, makeAccess, type Token, writeToken } from '../core/bearer.ts';
import { checkKey, checkOpen } from '../core/invitation.ts';
import { answering, channelOf, chosenSetting, isToMigrate, kindOf, settingState } from '../core/mutual.ts';
import type { ClientProof, Credentials } from '../core/ports.ts';
import { audit, readIdentity, type Server } from './context.ts';
import { transact } from './database.ts';
import { signDevice } from './documents.ts';
import { confirm, layDevice, refuse } from './enrolment.ts';
import { checkPassword, readInvitation } from './invitations.ts';
import { bindByToken, enrolByToken } from './legacy-enrolment.ts';
import { isActive } from './lives.ts';
import { migrateClient, mutualOf } from './mutual.ts';
import { checkin } from './reports.ts';
import type { Database, Tables } from './tables.ts';

export type LegacyRegistered = {
  readonly format: 1;
  readonly device: string;
  /** For the token endpoint; for enrolment alone where `enrolment` is there. */
  readonly token: string;
  /** Where and how this agent checks in. */
  readonly checkin: { readonly port: number | null; readonly mutual: boolean };
  readonly enrolment: EnrolmentOrder | null;
};
export type AccessToken = { readonly format: 1; readonly token: string; readonly expiresInSeconds: number };

/** What the listeners ask for agents without an identity. */
export type Legacy = {
  /** Faults: `invitation-refused`; why is in the audit only. */
  readonly register: (credentials: Credentials, wanted: LegacyRegistration) => Promise<Result<LegacyRegistered>>;
  /** The legacy endpoint. Faults: `endpoint-disabled`, `token-refused`, `mutual-required`. */
  readonly token: (token: Token | null) => Promise<Result<AccessToken>>;
  /** The new endpoint, for a device whose certificate was seen. Fault: `endpoint-disabled`. */
  readonly mutualToken: (device: string) => Promise<Result<AccessToken>>;
  /** Which device an access token is of. Faults: as for `token`. */
  readonly deviceOf: (token: Token | null) => Promise<Result<string>>;
  /** DER: leaf, then its chain. Faults: `token-refused`, `mutual-required`, `not-allowed`, those of `readRequest`. */
  readonly enrol: (token: Token | null, csrDer: Uint8Array) => Promise<Result<readonly Uint8Array[]>>;
  /** The device whose identity a certificate of another authority becomes by its token. Faults: `token-refused`, those of `bindByToken`. */
  readonly bind: (token: Token, proof: ClientProof) => Promise<Result<string>>;
  /** As the fleet's, and the order to migrate where it is due. */
  readonly checkin: (device: string, request: CheckinRequest) => Promise<Result<CheckinAnswer>>;
};

/** Of a token whose device is there. */
type Held = Tables['device_tokens'];

/** `publish` is called when a request may have queued documents. */
export function makeLegacy(server: Server, publish: () => Promise<void>): Legacy {
  const key = new Uint8Array(hkdfSync('sha256', server.keys.master, '', 'thintrust-access-token', 32));
  const andPublish = async <T>(result: Promise<T>): Promise<T> => {
    const value = await result;
    await publish();
    return value;
  };
  const access = (device: string, way: 'legacy' | 'mutual', bound: string): Result<AccessToken> =>
    good({
      format: 1,
      token: makeAccess(key, device, way, bound, server.clock()),
      expiresInSeconds: accessTokenMs / 1000,
    });
  return {
    register: (credentials, wanted) => andPublish(register(server, credentials, wanted)),
    token: async (token) => {
      if (!answering(await mutualOf(server.db)).legacy) return bad('endpoint-disabled');
      const held = await heldBy(server, token);
      if (!held.ok) return held;
      if (held.value.enrol_only === 1) return bad('mutual-required');
      const confirmed = await confirm(server, held.value.device_id);
      return confirmed.ok ? access(held.value.device_id, 'legacy', held.value.hash) : confirmed;
    },
    mutualToken: async (device) => {
      if (!answering(await mutualOf(server.db)).new) return bad('endpoint-disabled');
      const [newest] = await liveIdentities(server.db, device);
      return newest === undefined ? bad('token-refused') : access(device, 'mutual', newest);
    },
    deviceOf: async (token) => {
      if (token?.at !== 'access') return bad('token-refused');
      const { device, way } = token;
      if (!answering(await mutualOf(server.db))[way === 'mutual' ? 'new' : 'legacy']) return bad('endpoint-disabled');
      const held = way === 'legacy' ? await readHeld(server.db, device) : null;
      const bounds = held ? [held.hash] : way === 'mutual' ? await liveIdentities(server.db, device) : [];
      if (!isAccess(key, token, bounds, server.clock())) return bad('token-refused');
      return held && held.ended_at !== null ? bad('mutual-required') : good(device);
    },
    enrol: async (token, csrDer) => {
      const held = await heldBy(server, token);
      return held.ok ? andPublish(enrolByToken(server, held.value, csrDer)) : held;
    },
    bind: async (token, proof) => {
      const held = await heldBy(server, token);
      return held.ok ? andPublish(bindByToken(server, held.value, proof)) : held;
    },
    checkin: (device, request) => andPublish(checkinWithout(server, device, request)),
  };
}

/** A check-in by client certificate: the token of the device, if it had one, has done its work. */
export async function checkinMutually(
  server: Server,
  device: string,
  request: CheckinRequest,
): Promise<Result<CheckinAnswer>> {
  const answered = await checkin(server, device, request);
  if (!answered.ok) return answered;
  const proven = await transact(server.db, async (trx) => {
    const { numUpdatedRows } = await trx
      .updateTable('device_tokens')
      .set({ ended_at: server.clock() })
      .where('device_id', '=', device)
      .where('ended_at', 'is', null)
      .executeTakeFirstOrThrow();
    if (numUpdatedRows === 0n) return good(false);
    await trx
      .updateTable('devices')
      .set({ migration: 'success' })
      .where('id', '=', device)
      .where('migration', '=', 'pending')
      .execute();
    await audit(server, trx, { actor: device, action: 'mutual-proven', subject: device });
    return good(true);
  });
  const confirmed = proven.ok && proven.value ? await confirm(server, device) : proven;
  return confirmed.ok ? answered : confirmed;
}

/** Where an agent gets its identity, by the enrolment setting. */
export async function enrolmentOrder({ db, clock }: Server): Promise<EnrolmentOrder> {
  const setting = chosenSetting(await mutualOf(db));
  const path = '/.well-known/est/simpleenroll';
  if (!setting) return { at: 'est', path };
  const { protocol, url, fingerprint, subject: template, id: configUuid } = setting;
  const random = randomBytes(randomBytesFor(template));
  const there = { url, fingerprint, subject: fillSubject(template, { random, configUuid, now: clock() }) };
  return protocol === 'est' ? { at: 'est', path, ...there } : { at: 'scep', ...there };
}

async function register(
  server: Server,
  typed: Credentials,
  wanted: LegacyRegistration,
): Promise<Result<LegacyRegistered>> {
  const invitation = typed.invitation.trim().toUpperCase();
  const proven = await checkPassword(server, { invitation, password: typed.password });
  if (!proven.ok) return refuse(server, invitation, proven.fault);
  const key = createHash('sha256').update(`legacy ${wanted.nonce}`).digest('hex');
  const secret = randomBytes(32).toString('base64url');
  const made = await transact(server.db, async (trx) => {
    const held = await readInvitation(trx, invitation);
    const open = checkOpen(held, server.clock());
    if (!open.ok || !held) return bad('invitation-refused', { reason: 'closed meanwhile' });
    const free = checkKey(held, key);
    if (!free.ok) return free;
    const device = held.deviceId ?? randomUUID();
    const identity = await readIdentity(trx);
    const kind = kindOf(wanted.accepts);
    const channel = channelOf(kind, settingState(await mutualOf(trx), version), false);
    if (held.deviceId === null) {
      await layDevice(server, trx, {
        invitation: held,
        key,
        deviceId: device,
        hardwareId: wanted.hardwareId,
        agent: kind,
      });
      await signDevice(server, trx, device);
      const facts = { invitation, agent: kind, mutual: channel.mutual ? 'yes' : 'no' };
      await audit(server, trx, { actor: 'server', action: 'registered-without-identity', subject: device, facts });
    }
    const token = { hash: hashSecret(secret), enrol_only: channel.mutual ? 1 : 0, made_at: server.clock() };
    await trx
      .insertInto('device_tokens')
      .values({ device_id: device, ...token, bound_to: null, ended_at: null })
      .onConflict((conflict) => conflict.column('device_id').doUpdateSet(token))
      .execute();
    const port = channel.mutual ? identity.httpsPort : (identity.legacyPort ?? null);
    return good({ device, checkin: { port, mutual: channel.mutual } });
  });
  if (!made.ok) return refuse(server, invitation, made.fault);
  const { device, checkin: place } = made.value;
  const token = writeToken({ at: 'device', device, secret });
  return good({ format: 1, ...made.value, token, enrolment: place.mutual ? await enrolmentOrder(server) : null });
}

async function checkinWithout(server: Server, device: string, request: CheckinRequest): Promise<Result<CheckinAnswer>> {
  const answered = await checkin(server, device, request);
  if (!answered.ok) return answered;
  const { accepts } = request.report;
  const migrates = await transact(server.db, async (trx) => {
    const row = await trx.selectFrom('devices').selectAll().where('id', '=', device).executeTakeFirstOrThrow();
    const held = await readHeld(trx, device);
    // One with an identity, that came by a token of the new endpoint.
    if (!held || held.ended_at !== null) return good(false);
    const kind = kindOf(accepts);
    const registeredAt = instant(row.created_at);
    const view = { kind, registeredAt, migrateClient: await migrateClient(trx, row.group_id) };
    const due = isToMigrate(await mutualOf(trx), version, view);
    const migration = due ? 'pending' : row.migration;
    if (kind === row.agent && migration === row.migration) return good(due);
    await trx.updateTable('devices').set({ agent: kind, migration }).where('id', '=', device).execute();
    if (migration !== row.migration)
      await audit(server, trx, {
        actor: 'server',
        action: 'migration-pending',
        subject: device,
        facts: { agent: kind },
      });
    return good(due);
  });
  if (!migrates.ok || !migrates.value) return answered;
  const { httpsPort } = await readIdentity(server.db);
  return good({ ...answered.value, migrate: { port: httpsPort, enrolment: await enrolmentOrder(server) } });
}

/** The live token of a device that is there. Faults: `token-refused`; `mutual-required` where it has an identity now. */
async function heldBy({ db }: Server, token: Token | null): Promise<Result<Held>> {
  if (token?.at !== 'device') return bad('token-refused');
  const held = await readHeld(db, token.device);
  if (!held || !isSecret(token.secret, held.hash)) return bad('token-refused');
  return held.ended_at === null ? good(held) : bad('mutual-required');
}

async function readHeld(trx: Database, device: string): Promise<Held | null> {
  const row = await trx
    .selectFrom('device_tokens')
    .innerJoin('devices', 'devices.id', 'device_tokens.device_id')
    .selectAll('device_tokens')
    .where('device_id', '=', device)
    .where(isActive)
    .executeTakeFirst();
  return row ?? null;
}

/** Fingerprints, newest first. */
async function liveIdentities(trx: Database, device: string): Promise<readonly string[]> {
  const rows = await trx
    .selectFrom('identities')
    .innerJoin('devices', 'devices.id', 'identities.device_id')
    .select('fingerprint')
    .where('device_id', '=', device)
    .where('revoked_at', 'is', null)
    .where(isActive)
    .orderBy('issued_at', 'desc')
    .execute();
  return rows.map(({ fingerprint }) => fingerprint);
}
