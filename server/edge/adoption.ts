/**
 * What a server learns back from its own signatures after it was restored from a backup or rebuilt from the recovery kit.
 * Only documents our policy key verifies are believed; bare numbers never raise anything.
 *
 * - A higher revision raises our counter, and what we have is signed again above it; what it blocked stays blocked.
 * - An unknown device with a certificate of our authority is taken in (`adopt`) while adopting is on. It waits in the group
 *   of recovered devices and nothing that moves it is published. It is asked for its documents (`questionsFor`); once it
 *   shows them, its group is made again from them, under its own id, and the device is where it was.
 */
import { deviceAudience, groupAudience } from '../../protocol/audience.ts';
import { fingerprintOf, fromBase64, parseCertificate, toBase64 } from '../../protocol/certificate.ts';
import { openJws } from '../../protocol/jws.ts';
import { maxDocumentBytes } from '../../protocol/limits.ts';
import { judgeLists } from '../../protocol/policy.ts';
import type { DeviceDocument, Policy, PolicyRevocation, Report } from '../../protocol/schema.ts';
import { read } from '../../protocol/validate.ts';
import { composePolicy, emptySettings, type RevocationModes } from '../core/policy.ts';
import type { ClientProof } from '../core/ports.ts';
import { blockedSince } from '../core/restored.ts';
import { datesAt } from '../core/revision.ts';
import { authorityOf, isRetired } from './authorities.ts';
import { block } from './blocking.ts';
import { addressesOf, audit, readIdentity, type Server } from './context.ts';
import { raiseRevision, readBlocklist, readDocument, signDevice, signFamily, signGroup } from './documents.ts';
import { addWaiting } from './exact.ts';
import { readStanding } from './lives.ts';
import { readPins } from './pins.ts';
import { listedFacts } from './policy-certificates.ts';
import { isFlood } from './refusals.ts';
import { rowOf } from './revocation-lists.ts';
import { signDocument } from './sign.ts';
import type { Database } from './tables.ts';

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** Signed documents that a device holds and we did not offer. What does not verify is audited and ignored. */
export async function takeNewer(
  server: Server,
  trx: Database,
  device: string,
  newer: readonly string[],
): Promise<void> {
  const read = newer.map((token) => openOwn(server, token));
  // The policy first: the device document may name a group that only the policy can make again.
  for (const found of read) if (found?.type === 'policy') await takePolicy(server, trx, device, found.body);
  for (const found of read) if (found?.type === 'device') await takeDevice(server, trx, device, found.body);
  const unread = read.filter((found) => found === null).length;
  if (unread > 0 && !isFlood(server, `newer-refused ${device}`))
    await audit(server, trx, { actor: device, action: 'newer-refused', subject: device, facts: { count: unread } });
}

/** The device id when it may come in, else null. `proof` was verified by the handshake; only our own authority's word is enough. */
export async function adopt(server: Server, trx: Database, proof: ClientProof): Promise<string | null> {
  const device = proof.commonName;
  const identity = await readIdentity(trx);
  const authority = authorityOf(server.keys, proof.der);
  // Of a retired authority only what is on record counts: others may have its key.
  if (authority === null || isRetired(server.keys, authority)) return null;
  const certificate = parseCertificate(proof.der);
  if (!certificate.ok) return null;
  if (!identity.adopting || identity.recovered === null || !uuid.test(device)) return null;
  const now = server.clock();
  const known = await trx.selectFrom('devices').select('id').where('id', '=', device).executeTakeFirst();
  const standing = known ? await readStanding(trx, device) : 'active';
  // Whose identity an administrator has deleted, comes back by no other certificate either.
  if (standing === 'removed' || standing === 'inactive') return null;
  await addWaiting(trx, { device, group: identity.recovered, now, lastSeen: now });
  await trx
    .insertInto('identities')
    .values({
      issuer: proof.issuer,
      serial: proof.serial,
      fingerprint: proof.fingerprint,
      device_id: device,
      chain: JSON.stringify([toBase64(proof.der)]),
      not_after: certificate.value.notAfter,
      issued_at: now,
      revoked_at: null,
      authority,
    })
    .execute();
  await audit(server, trx, {
    actor: 'server',
    action: 'adopted',
    subject: device,
    facts: { fingerprint: proof.fingerprint },
  });
  return device;
}

/** The oldest revision there is: a device that holds any other ignores it and shows what it has instead. */
const questionRevision = 1;

/**
 * Documents for a device that waits, which it must take for replays of what it holds. A device that holds nothing is asked
 * nothing: it would believe them.
 */
export async function questionsFor(server: Server, trx: Database, device: string, report: Report): Promise<Questions> {
  const none = { policy: null, device: null };
  const row = await trx.selectFrom('devices').select('adopted_at').where('id', '=', device).executeTakeFirst();
  if (!row || row.adopted_at === null) return none;
  const identity = await readIdentity(trx);
  const { group, policy, device: place } = report.applied;
  const signed = { rev: questionRevision, ...datesAt(server.clock()) };
  const { keyPkcs8, publicKey } = server.keys.policy;
  const known = group === null ? undefined : await readDocument(trx, groupAudience(identity.serverId, group));
  const askPolicy = group !== null && policy > questionRevision && !known;
  const content = { settings: emptySettings, server: await readPins(trx), addresses: addressesOf(identity) };
  const question = askPolicy && {
    aud: groupAudience(identity.serverId, group),
    ...signed,
    ...composePolicy({ group: { id: group, name: group }, ...content }),
  };
  const where = { name: device, group: group ?? identity.unassigned, managed: false, groupRev: 0, secretGeneration: 1 };
  const aud = deviceAudience(identity.serverId, device);
  return {
    policy: question ? signDocument('policy', keyPkcs8, publicKey, question) : (known?.jws ?? null),
    device:
      place > questionRevision
        ? signDocument('device', keyPkcs8, publicKey, { aud, ...signed, format: 1, ...where })
        : null,
  };
}

type Questions = { readonly policy: string | null; readonly device: string | null };
type Own =
  | { readonly type: 'policy'; readonly body: Policy }
  | { readonly type: 'device'; readonly body: DeviceDocument };

function openOwn({ keys }: Server, token: string): Own | null {
  const ours = [keys.policy.publicKey, ...keys.former];
  const policy = openJws(token, 'policy', ours);
  if (policy.ok) {
    const body = read('policy', policy.value.payload, maxDocumentBytes);
    return body.ok ? { type: 'policy', body: body.value } : null;
  }
  const device = openJws(token, 'device', ours);
  if (!device.ok) return null;
  const body = read('deviceDocument', device.value.payload, maxDocumentBytes);
  return body.ok ? { type: 'device', body: body.value } : null;
}

async function takePolicy(server: Server, trx: Database, device: string, policy: Policy): Promise<void> {
  const { serverId, adopting } = await readIdentity(trx);
  if (policy.aud !== groupAudience(serverId, policy.group.id)) return;
  const known = await trx.selectFrom('groups').select('id').where('id', '=', policy.group.id).executeTakeFirst();
  const raised = await raiseRevision(trx, policy.aud, policy.rev);
  if (known) {
    if (!raised) return;
    await noteRaised(server, trx, device, policy);
    await keepBlocked(server, trx, device, policy);
    // Not of the groups below it: devices there have more to show first.
    await signGroup(server, trx, policy.group.id);
    return;
  }
  const waits = await trx.selectFrom('devices').select('adopted_at').where('id', '=', device).executeTakeFirst();
  if (!adopting || !waits || waits.adopted_at === null) return;
  await makeGroupAgain(server, trx, policy);
  const facts = { name: policy.group.name, rev: policy.rev, certificates: policy.certificates.entries.length };
  await audit(server, trx, { actor: device, action: 'group-recovered', subject: policy.group.id, facts });
}

async function takeDevice(server: Server, trx: Database, device: string, body: DeviceDocument): Promise<void> {
  const { serverId } = await readIdentity(trx);
  if (body.aud !== deviceAudience(serverId, device)) return;
  const raised = await raiseRevision(trx, body.aud, body.rev);
  const row = await trx.selectFrom('devices').select('adopted_at').where('id', '=', device).executeTakeFirstOrThrow();
  if (row.adopted_at === null) {
    if (!raised) return;
    await noteRaised(server, trx, device, body);
    await signDevice(server, trx, device);
    return;
  }
  const group = await readDocument(trx, groupAudience(serverId, body.group));
  if (!group) return;
  await trx
    .updateTable('devices')
    .set({ name: body.name, group_id: body.group, secret_generation: body.secretGeneration, adopted_at: null })
    .where('id', '=', device)
    .execute();
  await signDevice(server, trx, device);
  await audit(server, trx, { actor: device, action: 'device-recovered', subject: device, facts: { name: body.name } });
}

/** What has been blocked after the backup we were restored from. */
async function keepBlocked(server: Server, trx: Database, device: string, { blocklist, group }: Policy): Promise<void> {
  const { main, reserve, frontEnds = [] } = await readPins(trx);
  const shown = [main, ...(reserve ? [reserve.certificate] : []), ...frontEnds];
  const ofServer = shown.map((certificate) => fingerprintOf(fromBase64(certificate)));
  const { blocked, left } = blockedSince(blocklist, await readBlocklist(trx, group.id), ofServer);
  const known = { group: group.name };
  await block(server, trx, [group.id], blocked);
  for (const fingerprint of blocked)
    await audit(server, trx, {
      actor: device,
      action: 'certificate-blocked-again',
      subject: fingerprint,
      facts: known,
    });
  for (const fingerprint of left)
    await audit(server, trx, {
      actor: device,
      action: 'certificate-not-blocked-again',
      subject: fingerprint,
      facts: known,
    });
}

/** The flat policy becomes the group's own settings: what parents gave can no longer be told apart. */
async function makeGroupAgain(server: Server, trx: Database, policy: Policy): Promise<void> {
  const now = server.clock();
  const { id, name } = policy.group;
  const taken = await trx.selectFrom('groups').select('id').where('name', '=', name).executeTakeFirst();
  await trx
    .insertInto('groups')
    .values({
      id,
      name: taken ? `${name.slice(0, 100)} (${id.slice(0, 8)})` : name,
      parent: null,
      kind: 'ordinary',
      certificates_enforced: policy.certificates.enforced ? 1 : 0,
      contacts_enforced: policy.contacts.enforced ? 1 : 0,
      identity: policy.identity ? JSON.stringify({ renewBeforeDays: policy.identity.renewBeforeDays }) : null,
      settings: policy.settings ? JSON.stringify(policy.settings) : null,
      rotation: policy.rotation?.allowed === true ? JSON.stringify({ enforced: false, allowed: true }) : null,
      revocation: policy.revocation ? JSON.stringify(modesOf(policy.revocation)) : null,
      contacts: policy.contacts.value ? JSON.stringify(policy.contacts.value) : null,
      created_at: now,
    })
    .execute();
  for (const { purpose, file, certificate } of policy.certificates.entries) {
    const read = parseCertificate(fromBase64(certificate));
    if (!read.ok) continue;
    const { fingerprint } = read.value;
    await trx
      .insertInto('policy_certificates')
      .values({ group_id: id, purpose, fingerprint, file, certificate, ...listedFacts(read.value), added_at: now })
      .execute();
  }
  for (const list of judgeLists(policy.revocation).lists)
    await trx
      .insertInto('policy_revocation_lists')
      .values({ group_id: id, ...rowOf(list, ''), added_at: now })
      .execute();
  for (const fingerprint of policy.blocklist)
    await trx.insertInto('blocked_certificates').values({ group_id: id, fingerprint, added_at: now }).execute();
  await signFamily(server, trx, id);
}

const modesOf = ({ rdp, broker, log }: PolicyRevocation): RevocationModes => ({ rdp, broker, log });

const noteRaised = (server: Server, trx: Database, device: string, { aud, rev }: { aud: string; rev: number }) =>
  audit(server, trx, { actor: device, action: 'revision-raised', subject: aud, facts: { rev } });
