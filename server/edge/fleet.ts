/** The fleet as the carriers see it. */
import { fromBase64 } from '../../protocol/certificate.ts';
import { bad, good, type Result } from '../../protocol/fault.ts';
import type { ClientProof, Fleet } from '../core/ports.ts';
import { adopt } from './adoption.ts';
import { isOfUnknown, trustedAuthorities } from './authorities.ts';
import type { Server } from './context.ts';
import { giveCorporate } from './corporate.ts';
import { transact } from './database.ts';
import { bundle, confirm, enrol } from './enrolment.ts';
import { follow } from './following.ts';
import { bindForeign } from './foreign.ts';
import { checkinMutually } from './legacy.ts';
import { statementsFrom } from './links.ts';
import { groupOf, isActive, readStanding, standingOf } from './lives.ts';
import { enrolmentSecret } from './mutual.ts';
import { readServerCertificates } from './pins.ts';
import { recordLock } from './refusals.ts';
import { isDeviceId, mayRenew, noteContact, reenrol, renew } from './renewal.ts';
import { noteRefused, receive } from './reports.ts';
import { publishedRevocations } from './revocation.ts';
import { makePasswordDoor } from './user-passwords.ts';

/** Such a certificate passes the handshake where NewWithOld came with it. */
const laterAuthority = 'of a later authority of this server: what it was rebuilt from is older than that';

/** `publish` is called when a request may have queued documents. */
export function makeFleet(server: Server, publish: () => Promise<void>): Fleet {
  const andPublish = async <T>(result: Promise<T>): Promise<T> => {
    const value = await result;
    await publish();
    return value;
  };
  const door = makePasswordDoor(server.clock, (locked) => void recordLock(server, 'user-locked', locked));
  return {
    authorities: async () => authorities(server),
    enrol: (request) =>
      andPublish(isDeviceId(request.invitation) ? reenrol(server, request) : enrol(server, door, request)),
    deviceOf: (proof) => deviceOf(server, proof),
    mayRenew: (proof) => mayRenew(server, proof),
    renew: (proof, csrDer) => andPublish(renew(server, proof, csrDer)),
    follow: (proof, announced) => andPublish(follow(server, proof, announced)),
    enrolmentSecret: (device) => enrolmentSecret(server, device),
    revocations: () => publishedRevocations(server),
    bind: (proof, typed) => andPublish(bindForeign(server, proof, typed)),
    bundle: (device) => bundle(server, device),
    confirm: (device) => confirm(server, device),
    certificate: (device, request) => giveCorporate(server, device, request),
    rotations: (from) => statementsFrom(server, from),
    checkin: (device, request) => andPublish(checkinMutually(server, device, request)),
    receive: (device, leaf, payload) => andPublish(receive(server, device, leaf, payload)),
    refused: (device, what, why) => noteRefused(server, device, what, why),
    groupOf: (device) => groupOf(server.db, device),
  };
}

/** Those that issue identities, the keys of two certified by each other (RFC 7030 §4.1.3), and those in the chain that the listeners serve. */
async function authorities({ db, keys }: Server): Promise<readonly Uint8Array[]> {
  const main = (await readServerCertificates(db)).find(({ role }) => role === 'main');
  const served = main ? (JSON.parse(main.chain) as string[]).slice(1).map(fromBase64) : [];
  const own = trustedAuthorities(keys).map(({ certificateDer }) => certificateDer);
  return [...own, ...(own.length > 1 ? keys.succession.crosses : []), ...served];
}

async function deviceOf(server: Server, proof: ClientProof): Promise<Result<string>> {
  const { db } = server;
  const row = await db
    .selectFrom('identities')
    .innerJoin('devices', 'devices.id', 'identities.device_id')
    .select([
      'device_id',
      'revoked_at',
      'removed_at',
      'retired_at',
      'deactivated_at',
      'first_contact_at',
      'fingerprint',
    ])
    .where('issuer', '=', proof.issuer)
    .where('serial', '=', proof.serial)
    .executeTakeFirst();
  // Two authorities may give the same name and number: what was bound is this one certificate.
  if (row && row.fingerprint !== proof.fingerprint) return bad('identity-refused', { reason: 'another certificate' });
  if (row && (row.revoked_at !== null || standingOf(row) !== 'active')) return bad('identity-refused');
  if (row && row.first_contact_at !== null) return good(row.device_id);
  return transact(db, async (trx) => {
    const device = row ? row.device_id : await adopt(server, trx, proof);
    if (device === null && isOfUnknown(server.keys, proof)) return bad('identity-refused', { reason: laterAuthority });
    if (device === null || (await readStanding(trx, device)) !== 'active') return bad('identity-refused');
    await noteContact(server, trx, device, proof.fingerprint);
    return good(device);
  });
}

/** Those that have a place on the broker. */
export const allDevices = async ({ db }: Server): Promise<readonly { readonly id: string; readonly group: string }[]> =>
  db.selectFrom('devices').select(['id', 'group_id as group']).where(isActive).execute();
