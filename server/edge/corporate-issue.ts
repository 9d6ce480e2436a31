/** Issuing certificates to devices and users (M3): by invitation, by an order that devices fetch, or as a record. */
import { createPrivateKey, createPublicKey, randomUUID, sign, verify } from 'node:crypto';
import { type Certificate, parseCertificate, toBase64, toPem } from '../../protocol/certificate.ts';
import { bad, good, type Result } from '../../protocol/fault.ts';
import { maxCorporate } from '../../protocol/limits.ts';
import type { Issued } from '../api/issue.ts';
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
import { mailEntrance } from './invitation-mail.ts';
import { type InvitationMail, invite, readEntrance } from './invitations.ts';
import { standingOf, wrongState } from './lives.ts';
import { findDevice } from './lookup.ts';
import { readRules } from './rules.ts';
import { seal } from './seal.ts';
import type { Database, Tables } from './tables.ts';
import { findUser } from './users.ts';

export type Upload = { readonly certificates: readonly Certificate[]; readonly key: Uint8Array };
type Recipient = { readonly device: Tables['devices'] | null; readonly user: Tables['users'] | null };

const maxChain = 10;

/** What came of one of those that an order names. */
export type IssuedTo = Pick<Issued, 'results' | 'refused' | 'legacy'>;
export type Named = { readonly user: string } | { readonly device: string };

/**
 * Does what it can for each that is named, and says of the rest why not. Faults of all of it: those of `judgeOrder` and `importIdentity`,
 * `key-foreign`, `expired`, `certificate-wrong-kind` (an authority).
 */
export async function issueCertificates(
  server: Server,
  actor: Actor,
  order: IssueOrder,
  file: IdentityFile | null,
): Promise<Result<Issued>> {
  const begun = await beginIssue(server, actor, order, file);
  if (!begun.ok) return begun;
  const tried: IssuedTo[] = [];
  for (const device of new Set(order.devices)) tried.push(await saidOf(device, begun.value({ device })));
  for (const user of new Set(order.users)) tried.push(await saidOf(user, begun.value({ user })));
  return good(await sumUp(server, tried));
}

const saidOf = async (name: string, issuing: Promise<Result<IssuedTo>>): Promise<IssuedTo> => {
  const issued = await issuing;
  return issued.ok ? issued.value : { results: [], refused: [{ name, fault: issued.fault }], legacy: [] };
};

/** Of all that are named. */
export const sumUp = async ({ db }: Server, tried: readonly IssuedTo[]): Promise<Issued> => ({
  server: await readEntrance(db),
  results: tried.flatMap(({ results }) => results),
  refused: tried.flatMap(({ refused }) => refused),
  legacy: tried.find(({ legacy }) => legacy.length > 0)?.legacy ?? [],
});

/**
 * What all have in common is judged and read; what is returned issues to one user or device. Its faults, where nothing was done: those
 * of `invite`, `not-found`, `bad-argument`; `wrong-state` for a device that is not active; `already-exists` (the alias), `too-many-certificates`.
 */
export async function beginIssue(
  server: Server,
  actor: Actor,
  order: IssueOrder,
  file: IdentityFile | null,
): Promise<Result<(to: Named) => Promise<Result<IssuedTo>>>> {
  const judged = judgeOrder(order);
  if (!judged.ok) return judged;
  const { type, kind } = order;
  if (type === 'mobile')
    return good((to) => ('user' in to ? inviteOne(server, actor, order, to.user) : noDevice(to.device)));
  const alias = readAlias(order.alias ?? '');
  if (!alias.ok) return alias;
  const read = order.source === 'uploaded' ? await readUpload(server, file) : good(null);
  if (!read.ok) return read;
  const wish = { type, kind, alias: alias.value, upload: read.value };
  return good((to) => issueTo(server, actor, to, wish));
}

const noDevice = async (name: string): Promise<Result<IssuedTo>> => bad('step-not-offered', { what: name });

async function inviteOne(
  server: Server,
  actor: Actor,
  { authentication, mail }: IssueOrder,
  wanted: string,
): Promise<Result<IssuedTo>> {
  const found = await findUser(server.db, wanted);
  if (!found.ok) return found;
  const { id } = found.value;
  const one = { id, device: null, user: spellUser(found.value) };
  // By its own name and password a user registers without anything being made, where the rules ask for no more.
  if (authentication === 'credentials' && !(await readRules(server.db)).promptPassword) {
    const mailedTo = mail ? await tellEntrance(server, actor, found.value, mail) : good([]);
    if (!mailedTo.ok) return mailedTo;
    const none = { password: '', expiresAt: null, mailedTo: [...mailedTo.value] };
    return good({ results: [{ ...one, ...none, as: 'credentials' }], refused: [], legacy: [] });
  }
  const invited = await invite(server, actor, { user: id, ...(mail && { mail: lettersOf(mail) }) });
  if (!invited.ok) return invited;
  const { password, expiresAt, mailedTo } = invited.value;
  const made = { ...one, as: 'invitation' as const, password, expiresAt, mailedTo: [...mailedTo] };
  return good({ results: [made], refused: [], legacy: [] });
}

const tellEntrance = (
  server: Server,
  actor: Actor,
  user: Tables['users'],
  mail: NonNullable<IssueOrder['mail']>,
): Promise<Result<readonly string[]>> =>
  transact(server.db, async (trx) => {
    const made = await readEntrance(trx);
    const told = await mailEntrance(server, trx, { user, made, mail: lettersOf(mail) });
    if (!told.ok) return told;
    const facts = { user: spellUser(user), mailed: told.value.join(', ') };
    await audit(server, trx, { actor, action: 'entrance-mailed', subject: user.id, facts });
    return told;
  });

async function issueTo(server: Server, actor: Actor, to: Named, wish: Wish): Promise<Result<IssuedTo>> {
  const found = await recipientsOf(server.db, wish, to);
  if (!found.ok) return found;
  const outcome: IssuedTo = { results: [], refused: [], legacy: [...(wish.upload?.legacy ?? [])] };
  for (const { device, user } of found.value) {
    const names = { device: device?.name ?? null, user: user && spellUser(user) };
    const added = await transact(server.db, async (trx) => {
      const one = await add(server, trx, actor, { device, user }, wish);
      if (one.ok && device) await signDevice(server, trx, device.id);
      return one;
    });
    if (!added.ok && found.value.length === 1) return added;
    if (added.ok) {
      const as = device ? 'ordered' : 'recorded';
      outcome.results.push({ ...names, id: added.value, as, password: '', expiresAt: null, mailedTo: [] });
    } else outcome.refused.push({ name: names.device ?? names.user ?? '', fault: added.fault });
  }
  return good(outcome);
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

/** A device as it is named, or those that a user registered; of record-only kinds the user alone. */
async function recipientsOf(
  trx: Database,
  { kind }: Pick<Wish, 'kind'>,
  to: Named,
): Promise<Result<readonly Recipient[]>> {
  if ('device' in to) {
    const found = await findDevice(trx, to.device);
    if (!found.ok) return found;
    const by = found.value.registered_by;
    const user =
      by === null ? undefined : await trx.selectFrom('users').selectAll().where('id', '=', by).executeTakeFirst();
    return good([{ device: found.value, user: user ?? null }]);
  }
  const found = await findUser(trx, to.user);
  if (!found.ok) return found;
  const user = found.value;
  if (kind !== 'thin-client') return good([{ device: null, user }]);
  const own = await trx
    .selectFrom('devices')
    .selectAll()
    .where('registered_by', '=', user.id)
    .where('removed_at', 'is', null)
    .where('deactivated_at', 'is', null)
    .execute();
  if (own.length === 0) return bad('not-found', { what: `${spellUser(user)}: device` });
  return good(own.map((device) => ({ device, user })));
}

type Wish = {
  readonly type: ClientType;
  readonly kind: DeviceKind;
  readonly alias: string;
  readonly upload: (Upload & Pick<ReadIdentity, 'legacy'>) | null;
};

async function add(
  server: Server,
  trx: Database,
  actor: Actor,
  { device, user }: Recipient,
  { type, kind, alias, upload }: Wish,
): Promise<Result<string>> {
  const standing = device && standingOf(device);
  if (device && (standing !== 'active' || device.adopted_at !== null))
    return wrongState(device.name, standing === 'active' || standing === null ? 'waiting' : standing);
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
