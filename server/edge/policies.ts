/** What an administrator changes in the policy of a group. Every change signs the group and all below it, or nothing. */
import { groupAudience } from '../../protocol/audience.ts';
import { checkAcceptable, toBase64 } from '../../protocol/certificate.ts';
import { type Block as FileBlock, readCertificateBlocks } from '../../protocol/certificate-file.ts';
import { bad, type Fault, fault, good, type Result } from '../../protocol/fault.ts';
import type { ClientPurpose, Contacts, PolicySettings } from '../../protocol/schema.ts';
import type { PolicyView } from '../api/groups.ts';
import {
  type Block,
  emptySettings,
  familyOf,
  flatten,
  type IdentitySetting,
  lockedBy,
  pathTo,
  type ServerSetting,
  type Settings,
} from '../core/policy.ts';
import { type Actor, audit, readIdentity, type Server } from './context.ts';
import { transact } from './database.ts';
import { markDevicesOf, readDocument, readGroups, signFamily } from './documents.ts';
import { findGroup } from './lookup.ts';
import { listedFacts } from './policy-certificates.ts';
import type { Database, Tables } from './tables.ts';

export type Upload = { readonly purpose: ClientPurpose; readonly file: string; readonly content: Uint8Array };
/** Every certificate of a refused file that is wrong, one fault each; the first stands for all. */
export type UploadFault = { readonly ok: false; readonly fault: Fault; readonly faults: readonly Fault[] };

/** Values are locked where they are set. */
export type LockableBlock = Exclude<Block, ServerSetting>;

const maxFileName = 255;

/** Fault: `not-found`. */
export async function showPolicy({ db }: Server, wanted: string): Promise<Result<PolicyView>> {
  const found = await findGroup(db, wanted);
  if (!found.ok) return found;
  const { id, name } = found.value;
  const groups = await readGroups(db);
  const path = pathTo(groups, id).flatMap((group) => groups.get(group.id)?.settings ?? []);
  const own = groups.get(id)?.settings;
  const { serverId } = await readIdentity(db);
  const document = await readDocument(db, groupAudience(serverId, id));
  if (!own || !document) return bad('internal', { what: 'a group without a policy' });
  return good({ group: { id, name }, own, effective: flatten(path), rev: document.rev, signedAt: document.signed_at });
}

/**
 * Adds every certificate of a file, or none. Faults, one for each that is bad: those of `readCertificateBlocks` and `checkAcceptable`,
 * `certificate-twice` (in the file or in the group), `not-found`, `not-allowed` (locked above, or no group for policies),
 * and what `checkPolicy` says of the whole.
 */
export async function addCertificates(
  server: Server,
  actor: Actor,
  group: string,
  upload: Upload,
): Promise<{ readonly ok: true; readonly value: readonly string[] } | UploadFault> {
  const { purpose, content } = upload;
  const file = upload.file.slice(-maxFileName);
  const read = readCertificateBlocks(content);
  if (!read.ok) return refused([read.fault]);
  const faults = judgeUpload(read.value);
  if (faults.length > 0) return refused(faults);
  const certificates = read.value.flatMap(({ certificate }) => (certificate.ok ? [certificate.value] : []));
  const added = await editPolicy(server, group, 'certificates', async (trx, target) => {
    for (const certificate of certificates) {
      const { fingerprint, owner } = certificate;
      const encoded = { certificate: toBase64(certificate.der), ...listedFacts(certificate) };
      const row = { group_id: target.id, purpose, fingerprint, file, ...encoded };
      const { numInsertedOrUpdatedRows } = await trx
        .insertInto('policy_certificates')
        .values({ ...row, added_at: server.clock() })
        .onConflict((conflict) => conflict.columns(['group_id', 'purpose', 'fingerprint']).doNothing())
        .executeTakeFirstOrThrow();
      if (numInsertedOrUpdatedRows === 0n) return bad('certificate-twice', { owner: owner.slice(0, 200) });
      const facts = { group: target.name, purpose, file, owner: owner.slice(0, 200) };
      await audit(server, trx, { actor, action: 'certificate-added', subject: fingerprint, facts });
    }
    return good(certificates.map(({ fingerprint }) => fingerprint as string));
  });
  return added.ok ? added : refused([added.fault]);
}

/** Each of one purpose, or of all; all of them or none. Faults: `not-found` for group and certificate, `not-allowed`. */
export const removeCertificates = (
  server: Server,
  actor: Actor,
  group: string,
  wanted: readonly { readonly fingerprint: string; readonly purpose?: ClientPurpose }[],
): Promise<Result<null>> =>
  editPolicy(server, group, 'certificates', async (trx, target) => {
    for (const { fingerprint, purpose } of wanted) {
      const rows = trx
        .deleteFrom('policy_certificates')
        .where('group_id', '=', target.id)
        .where('fingerprint', '=', fingerprint);
      const { numDeletedRows } = await (purpose ? rows.where('purpose', '=', purpose) : rows).executeTakeFirstOrThrow();
      if (numDeletedRows === 0n) return bad('not-found', { what: fingerprint.slice(0, 64) });
      const facts = { group: target.name, purpose: purpose ?? 'all' };
      await audit(server, trx, { actor, action: 'certificate-removed', subject: fingerprint, facts });
    }
    return good(null);
  });

/** Null takes the group's own contacts away, so that its parent's count. Faults: `not-found`, `not-allowed`. */
export const setContacts = (
  server: Server,
  actor: Actor,
  group: string,
  contacts: Contacts | null,
): Promise<Result<null>> =>
  editPolicy(server, group, 'contacts', async (trx, target) => {
    const value = contacts === null ? null : JSON.stringify(contacts);
    await trx.updateTable('groups').set({ contacts: value }).where('id', '=', target.id).execute();
    await audit(server, trx, { actor, action: 'contacts-set', subject: target.id, facts: { group: target.name } });
    return good(null);
  });

/** A locked block cannot be changed by groups below, nor on the device. Faults: `not-found`, `not-allowed`. */
export const setLock = (
  server: Server,
  actor: Actor,
  group: string,
  { block, enforced }: { readonly block: LockableBlock; readonly enforced: boolean },
): Promise<Result<null>> =>
  editPolicy(server, group, block, async (trx, target) => {
    await trx
      .updateTable('groups')
      .set(lockOf(target, block, enforced))
      .where('id', '=', target.id)
      .execute();
    const facts = { group: target.name, block };
    await audit(server, trx, {
      actor,
      action: enforced ? 'block-locked' : 'block-unlocked',
      subject: target.id,
      facts,
    });
    return good(null);
  });

/**
 * A server that devices of the group use: locked, or where the person sets none. Null takes the group's own value away.
 * Faults: `bad-argument`, `not-found`, `not-allowed`.
 */
export const setSetting = (
  server: Server,
  actor: Actor,
  group: string,
  {
    name,
    value,
    enforced,
  }: { readonly name: ServerSetting; readonly value: string | null; readonly enforced: boolean },
): Promise<Result<null>> =>
  editPolicy(server, group, name, async (trx, target) => {
    if (value === null && enforced) return bad('bad-argument', { what: 'enforced' });
    const set = { [name]: { enforced, value: value === null ? null : value.trim() } };
    const settings = JSON.stringify({ ...deviceSettings(target), ...set });
    await trx.updateTable('groups').set({ settings }).where('id', '=', target.id).execute();
    const facts = { group: target.name, setting: name, value: value ?? '', enforced: enforced ? 'yes' : 'no' };
    await audit(server, trx, { actor, action: 'setting-set', subject: target.id, facts });
    return good(null);
  });

/**
 * When devices of the group renew their identities, in days before the end; null days are the longest window. Null takes
 * the group's own setting away. The slots of its devices follow with the upkeep. Faults: `not-found`, `not-allowed`.
 */
export const setIdentity = (
  server: Server,
  actor: Actor,
  group: string,
  setting: IdentitySetting | null,
): Promise<Result<null>> =>
  editPolicy(server, group, 'identity', async (trx, target) => {
    const identity = setting === null ? null : JSON.stringify(setting);
    await trx.updateTable('groups').set({ identity }).where('id', '=', target.id).execute();
    const days = setting === null ? 'default' : (setting.renewBeforeDays ?? 'blank');
    const facts = { group: target.name, renewBefore: days };
    await audit(server, trx, { actor, action: 'identity-set', subject: target.id, facts });
    return good(null);
  });

/**
 * Whether devices of the group may follow changes of the server's certificate that they missed by signed statements, without a
 * code. Null takes the group's own word away. Faults: `not-found`, `not-allowed`.
 */
export const setRotation = (
  server: Server,
  actor: Actor,
  group: string,
  allowed: boolean | null,
): Promise<Result<null>> =>
  editPolicy(server, group, 'rotation', async (trx, target) => {
    const rotation = JSON.stringify({ ...rotationOf(target), allowed });
    await trx.updateTable('groups').set({ rotation }).where('id', '=', target.id).execute();
    const facts = { group: target.name, allowed: allowed === null ? '' : allowed ? 'yes' : 'no' };
    await audit(server, trx, { actor, action: 'rotation-set', subject: target.id, facts });
    return good(null);
  });

function lockOf(target: Tables['groups'], block: LockableBlock, enforced: boolean): Partial<Tables['groups']> {
  const flag = enforced ? 1 : 0;
  if (block === 'certificates') return { certificates_enforced: flag };
  if (block === 'contacts') return { contacts_enforced: flag };
  if (block === 'identity') return { identity_enforced: flag };
  if (block === 'rotation') return { rotation: JSON.stringify({ ...rotationOf(target), enforced }) };
  return { settings: JSON.stringify({ ...deviceSettings(target), [block]: { enforced } }) };
}

const deviceSettings = ({ settings }: Tables['groups']): PolicySettings =>
  settings === null ? emptySettings.device : JSON.parse(settings);

const rotationOf = ({ rotation }: Tables['groups']): Settings['rotation'] =>
  rotation === null ? emptySettings.rotation : JSON.parse(rotation);

/**
 * One change of one block, judged and signed in its transaction. Faults: `not-found`, `not-allowed`, those of `checkPolicy`. Groups of the server itself take contacts and blocked
 * certificates only: their devices are not managed.
 */
export function editPolicy<T>(
  server: Server,
  group: string,
  block: Block | null,
  change: (trx: Database, target: Tables['groups']) => Promise<Result<T>>,
): Promise<Result<T>> {
  return transact(server.db, async (trx) => {
    const target = await findGroup(trx, group);
    if (!target.ok) return target;
    const { id, name, kind } = target.value;
    if (block !== null && block !== 'contacts' && kind !== 'ordinary') return bad('not-allowed', { what: name });
    const groups = await readGroups(trx);
    const path = pathTo(groups, id).flatMap((each) => groups.get(each.id) ?? []);
    const lock = block === null ? null : lockedBy(path, block);
    if (lock) return bad('not-allowed', { what: `${block}: ${lock.name}` });
    const changed = await change(trx, target.value);
    if (!changed.ok) return changed;
    const signed = await signFamily(server, trx, id);
    if (!signed.ok) return signed;
    if (block === 'identity') await markDevicesOf(trx, familyOf(groups, id));
    return changed;
  });
}

/** One fault for each certificate of a file that may not be kept. */
function judgeUpload(blocks: readonly FileBlock[]): readonly Fault[] {
  const seen = new Set<string>();
  return blocks.flatMap(({ block, certificate: read }, index) => {
    if (!read.ok) return [block === 0 ? read.fault : fault(read.fault.code, { ...read.fault.facts, block })];
    const certificate = read.value;
    const judged = checkAcceptable(certificate, 'trust-anchor-or-server');
    const twice = seen.has(certificate.fingerprint);
    seen.add(certificate.fingerprint);
    if (!judged.ok) return [fault(judged.fault.code, { ...judged.fault.facts, block: index + 1 })];
    return twice ? [fault('certificate-twice', { owner: certificate.owner.slice(0, 200), block: index + 1 })] : [];
  });
}

function refused(faults: readonly Fault[]): UploadFault {
  const [first] = faults;
  return { ok: false, fault: first ?? fault('internal', { what: 'a refusal without a fault' }), faults };
}
