/** Issuing certificates to devices and users (M3): by invitation, by an order that devices fetch, or as a record. */
import { createPrivateKey, createPublicKey, randomUUID, sign, verify } from 'node:crypto';
import { type Certificate, parseCertificate, toBase64, toPem } from '../../protocol/certificate.ts';
import { bad, good, type Result } from '../../protocol/fault.ts';
import { maxCorporate } from '../../protocol/limits.ts';
import { type CertificateSource, type ClientType, type DeviceKind, searchText } from '../core/certificates.ts';
import { type IssueOrder, judgeOrder } from '../core/issue-order.ts';
import { spellUser } from '../core/user.ts';
import { checkAlias, readAlias } from './certificate-list.ts';
import { type Actor, audit, type Server } from './context.ts';
import { readCorporateRules } from './corporate-rules.ts';
import { transact } from './database.ts';
import { signDevice } from './documents.ts';
import type { IdentityFile, ReadIdentity } from './identity-file.ts';
import { importIdentity } from './import-identity.ts';
import { type InvitationMail, type Invited, invite } from './invitations.ts';
import { standingOf } from './lives.ts';
import { findDevice } from './lookup.ts';
import { seal } from './seal.ts';
import type { Database, Tables } from './tables.ts';
import { findUser } from './users.ts';

export type Upload = { readonly certificates: readonly Certificate[]; readonly key: Uint8Array };
export type Issued = {
  /** Certificates that were ordered or recorded. */
  readonly certificates: readonly string[];
  /** One for each user that is to register a device with a one-time password. */
  readonly invitations: readonly Invited[];
  /** Outdated encryption of the uploaded file. */
  readonly legacy: readonly string[];
};
type Recipients = Pick<IssueOrder, 'users' | 'devices'>;
type Recipient = { readonly device: Tables['devices'] | null; readonly user: Tables['users'] | null };

const maxChain = 10;

/**
 * All or nothing, but for invitations, which are made one after the other. Faults: those of `judgeOrder`, `importIdentity`, `invite`;
 * `not-found` and `bad-argument` for users and devices; `wrong-state` for a device that is not active; `key-foreign`, `expired`,
 * `certificate-wrong-kind` (an authority), `already-exists` (the alias), `too-many-certificates`.
 */
export async function issueCertificates(
  server: Server,
  actor: Actor,
  order: IssueOrder,
  file: IdentityFile | null,
): Promise<Result<Issued>> {
  const issue = await beginIssue(server, actor, order, file);
  return issue.ok ? issue.value(order) : issue;
}

/** What all recipients have in common is judged and read; what is returned issues to some of them, all or nothing. */
export async function beginIssue(
  server: Server,
  actor: Actor,
  order: IssueOrder,
  file: IdentityFile | null,
): Promise<Result<(to: Recipients) => Promise<Result<Issued>>>> {
  const judged = judgeOrder(order);
  if (!judged.ok) return judged;
  if (judged.value === 'invite') return good((to) => inviteAll(server, actor, { ...order, ...to }));
  const { type, kind } = order;
  const alias = readAlias(order.alias ?? '');
  if (!alias.ok) return alias;
  if (type === 'mobile') return bad('internal', { what: 'order' });
  const read = order.source === 'uploaded' ? await readUpload(server, file) : good(null);
  if (!read.ok) return read;
  const upload = read.value;
  const wish = { type, kind, alias: alias.value, upload };
  return good((to) => issueTo(server, actor, { ...order, ...to }, wish));
}

const issueTo = (server: Server, actor: Actor, order: IssueOrder, wish: Wish): Promise<Result<Issued>> =>
  transact(server.db, async (trx) => {
    const recipients = await recipientsOf(trx, order);
    if (!recipients.ok) return recipients;
    const certificates: string[] = [];
    for (const recipient of recipients.value) {
      const added = await add(server, trx, actor, recipient, wish);
      if (!added.ok) return added;
      certificates.push(added.value);
    }
    for (const { device } of recipients.value) if (device) await signDevice(server, trx, device.id);
    return good({ certificates, invitations: [], legacy: wish.upload?.legacy ?? [] });
  });

async function inviteAll(
  server: Server,
  actor: Actor,
  { users = [], authentication, mail }: IssueOrder,
): Promise<Result<Issued>> {
  for (const user of users) {
    const found = await findUser(server.db, user);
    if (!found.ok) return found;
  }
  // By its own name and password a user registers without anything being made.
  if (authentication === 'credentials') return good({ certificates: [], invitations: [], legacy: [] });
  const invitations: Invited[] = [];
  for (const user of users) {
    const invited = await invite(server, actor, { user, ...(mail && { mail: lettersOf(mail) }) });
    if (!invited.ok) return invited;
    invitations.push(invited.value);
  }
  return good({ certificates: [], invitations, legacy: [] });
}

const lettersOf = ({ copy, show }: NonNullable<IssueOrder['mail']>): InvitationMail => ({
  ...(copy !== undefined && { copy }),
  ...(show !== undefined && { show }),
});

async function readUpload(
  server: Server,
  file: IdentityFile | null,
): Promise<Result<Upload & { readonly legacy: readonly string[] }>> {
  if (!file) return bad('bad-argument', { what: 'file' });
  const read = await importIdentity(file);
  if (!read.ok) return read;
  const parsed = read.value.certificates.flatMap((der) => {
    const one = parseCertificate(der);
    return one.ok ? [one.value] : [];
  });
  const leaf = parsed.find((each) => belongs(each, read.value));
  if (!leaf) return bad('key-foreign');
  if (leaf.isCa) return bad('certificate-wrong-kind', { owner: leaf.owner });
  if (leaf.notAfter <= server.clock()) return bad('expired', { owner: leaf.owner });
  const certificates = [leaf, ...parsed.filter((each) => each !== leaf)].slice(0, maxChain);
  return good({ certificates, key: read.value.key, legacy: read.value.legacy });
}

/** The key signs what the certificate verifies (F14). */
function belongs({ der }: Certificate, { key }: ReadIdentity): boolean {
  const proof = Buffer.from('thintrust');
  try {
    const pkcs8 = createPrivateKey({ key: Buffer.from(key), format: 'der', type: 'pkcs8' });
    const digest = pkcs8.asymmetricKeyType === 'ed25519' || pkcs8.asymmetricKeyType === 'ed448' ? null : 'sha256';
    return verify(digest, proof, createPublicKey(toPem(der)), sign(digest, proof, pkcs8));
  } catch {
    return false;
  }
}

/** Devices as they are named, and those that the users registered; of record-only kinds the users alone. */
async function recipientsOf(
  trx: Database,
  { kind, users = [], devices = [] }: IssueOrder,
): Promise<Result<readonly Recipient[]>> {
  const found = new Map<string, Recipient>();
  for (const name of devices) {
    const device = await findDevice(trx, name);
    if (!device.ok) return device;
    const { id, registered_by } = device.value;
    const user = registered_by === null ? null : await readUser(trx, registered_by);
    found.set(id, { device: device.value, user });
  }
  for (const name of users) {
    const user = await findUser(trx, name);
    if (!user.ok) return user;
    if (kind !== 'thin-client') {
      found.set(user.value.id, { device: null, user: user.value });
      continue;
    }
    const own = await trx
      .selectFrom('devices')
      .selectAll()
      .where('registered_by', '=', user.value.id)
      .where('removed_at', 'is', null)
      .where('deactivated_at', 'is', null)
      .execute();
    if (own.length === 0) return bad('not-found', { what: `${spellUser(user.value)}: device` });
    for (const device of own) found.set(device.id, { device, user: user.value });
  }
  return good([...found.values()]);
}

const readUser = async (trx: Database, id: string): Promise<Tables['users'] | null> =>
  (await trx.selectFrom('users').selectAll().where('id', '=', id).executeTakeFirst()) ?? null;

type Wish = {
  readonly type: ClientType;
  readonly kind: DeviceKind;
  readonly alias: string;
  readonly upload: (Upload & { readonly legacy: readonly string[] }) | null;
};

async function add(
  server: Server,
  trx: Database,
  actor: Actor,
  { device, user }: Recipient,
  { type, kind, alias, upload }: Wish,
): Promise<Result<string>> {
  if (device && (standingOf(device) !== 'active' || device.adopted_at !== null))
    return bad('wrong-state', {
      what: `${device.name}: ${device.adopted_at === null ? standingOf(device) : 'waiting'}`,
    });
  const id = randomUUID();
  const device_id = device?.id ?? null;
  const free = await checkAlias(trx, { id, type, device_id }, alias);
  if (!free.ok) return free;
  if (device && (await countOf(trx, device.id)) >= maxCorporate)
    return bad('too-many-certificates', { limit: maxCorporate });
  const now = server.clock();
  const leaf = upload?.certificates[0] ?? null;
  const source: CertificateSource = upload ? 'uploaded' : 'server';
  const [device_name, user_name] = [device?.name ?? '', user ? spellUser(user) : ''];
  const automatic = (await readCorporateRules(trx))[type].automaticRenewal;
  await trx
    .insertInto('certificates')
    .values({
      id,
      type,
      kind,
      device_id,
      device_name,
      user_id: user?.id ?? null,
      user_name,
      alias,
      status: device ? 'ordered' : 'recorded',
      status_at: now,
      protocol: device ? 'agent' : 'none',
      source,
      issued_at: leaf?.notBefore ?? null,
      not_after: leaf?.notAfter ?? null,
      thumbprint: leaf?.fingerprint ?? null,
      renewal_disabled: upload || !automatic ? 1 : 0,
      search: searchText(device_name, user_name, alias),
    })
    .execute();
  await trx
    .insertInto('corporate_certificates')
    .values({
      id,
      order_no: 1,
      made_at: now,
      chain: upload ? JSON.stringify(upload.certificates.map(({ der }) => toBase64(der))) : null,
      // What nobody fetches is not kept.
      sealed_key: upload && device ? seal(server.keys.master, upload.key) : null,
      key_hash: null,
      serials: '[]',
      given: leaf?.fingerprint ?? null,
      given_order: leaf ? 1 : null,
      given_issued_at: leaf?.notBefore ?? null,
      given_not_after: leaf?.notAfter ?? null,
      issues: 0,
      issues_since: 0,
    })
    .execute();
  const facts = { type, alias, kind, source, device: device_name, deviceId: device_id ?? '', user: user_name };
  await audit(server, trx, { actor, action: 'corporate-certificate-ordered', subject: id, facts });
  return good(id);
}

const countOf = async (trx: Database, device: string): Promise<number> => {
  const { count } = await trx
    .selectFrom('certificates')
    .select(({ fn }) => fn.countAll<number>().as('count'))
    .where('device_id', '=', device)
    .where('type', '!=', 'mobile')
    .where('status', 'not in', ['wiping', 'wiped'])
    .executeTakeFirstOrThrow();
  return Number(count);
};
