/** One-time passwords by which devices enrol: made, and checked. Kept as hashes only. */
import { createHash, randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { bad, good, type Result } from '../../protocol/fault.ts';
import { type Instant, instant } from '../../protocol/time.ts';
import type { Invited } from '../api/onboarding.ts';
import { checkOpen, groupPassword, type Invitation, invitationEnd, invitationTries } from '../core/invitation.ts';
import type { Credentials } from '../core/ports.ts';
import { readSpelled, spell } from '../core/spelling.ts';
import { spellUser } from '../core/user.ts';
import { type Actor, addressesOf, audit, readIdentity, type Server } from './context.ts';
import { transact } from './database.ts';
import { mailInvitation } from './invitation-mail.ts';
import { findGroup } from './lookup.ts';
import { readServerCertificates } from './pins.ts';
import { readRules } from './rules.ts';
import type { Database, Tables } from './tables.ts';
import { findUser } from './users.ts';

/** To the address of the user, and a copy to another one; `show`: the answer has the password all the same. */
export type InvitationMail = { readonly copy?: string; readonly show?: boolean };
/** `replaces`: id of the device whose place the new one takes. */
export type Wanted = {
  readonly name?: string;
  readonly group?: string;
  readonly user?: string;
  readonly replaces?: string;
  readonly mail?: InvitationMail;
};
export type HeldInvitation = Invitation &
  Pick<Tables['invitations'], 'id' | 'name' | 'salt' | 'hash'> & {
    readonly group: string;
    readonly deviceId: string | null;
    /** Whose password is asked for too. */
    readonly userId: string | null;
    readonly tokenId: string | null;
    /** The device whose place it takes. */
    readonly replaces: string | null;
  };

export const maxName = 120;
export const idLetters = 8;

/**
 * For a name, earlier invitations that were not used die: a password that was lost on its way opens nothing once there is
 * another. For a user it is the one-time password of an installation, which its own password does not replace; earlier
 * ones that no device has used die too. With `mail` it is queued with it, all or nothing. Faults: `not-found` for group and
 * user, `bad-argument` for a name that is too long or no address, `mail-off`, `mail-no-address`.
 */
export async function invite(server: Server, actor: Actor, wanted: Wanted): Promise<Result<Invited>> {
  if (wanted.name !== undefined && (wanted.name.trim() === '' || wanted.name.length > maxName))
    return bad('bad-argument', { what: 'name' });
  const id = spell(randomBytes(idLetters));
  const password = spell(randomBytes((await readRules(server.db)).passwordLength));
  const salt = randomBytes(16);
  const hash = await hashPassword(password, salt);
  return transact(server.db, async (trx) => {
    const user = wanted.user === undefined ? null : await findUser(trx, wanted.user);
    if (user && !user.ok) return user;
    const group = await findGroup(trx, wanted.group ?? user?.value.group_id ?? (await readIdentity(trx)).unassigned);
    if (!group.ok) return group;
    if (user) await endUnbound(trx, user.value.id);
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
      user_id: user?.value.id ?? null,
      token_id: null,
      replaces: wanted.replaces ?? null,
      created_at: now,
    };
    const replaced = wanted.name === undefined ? 0n : await endEarlier(trx, wanted.name);
    await trx.insertInto('invitations').values(row).execute();
    const made = {
      ...(await readEntrance(trx)),
      invitation: user ? spellUser(user.value) : id,
      ofUser: user !== null,
      password: groupPassword(password),
      expiresAt: row.expires_at,
    };
    const mailed = wanted.mail
      ? await mailInvitation(server, trx, { id, made, name: row.name, user: user?.value ?? null, mail: wanted.mail })
      : good([]);
    if (!mailed.ok) return mailed;
    const facts = {
      group: group.value.name,
      ...(replaced > 0n ? { replaced: Number(replaced) } : {}),
      ...(mailed.value.length > 0 ? { mailed: mailed.value.join(', ') } : {}),
    };
    await audit(server, trx, { actor, action: 'invited', subject: id, facts });
    const shown = !wanted.mail || wanted.mail.show === true;
    return good({ ...made, password: shown ? made.password : '', mailedTo: [...mailed.value] });
  });
}

/** Where devices register, and which certificate they find there. */
export async function readEntrance(trx: Database): Promise<Pick<Invited, 'address' | 'fingerprint'>> {
  const main = (await readServerCertificates(trx)).find(({ role }) => role === 'main');
  return { address: addressesOf(await readIdentity(trx)).https, fingerprint: main?.fingerprint ?? '' };
}

/** What a registration by something else than a one-time password comes to: only the key it is bound to opens it. */
export type Begun = {
  /** Begun before with this key. */
  readonly begun: string | null;
  readonly key: string;
  readonly name: string | null;
  readonly group: string;
  readonly user: string | null;
  readonly token: string | null;
};

/** Its id. */
export async function beginInvitation(trx: Database, now: Instant, begin: Begun): Promise<string> {
  const open = { expires_at: invitationEnd(now), tries_left: invitationTries };
  if (begin.begun !== null) {
    await trx.updateTable('invitations').set(open).where('id', '=', begin.begun).execute();
    return begin.begun;
  }
  const { key, name, group, user, token } = begin;
  const id = spell(randomBytes(idLetters));
  await trx
    .insertInto('invitations')
    .values({
      ...open,
      id,
      name,
      group_id: group,
      salt: '',
      hash: '',
      bound_to: key,
      device_id: null,
      used_at: null,
      user_id: user,
      token_id: token,
      replaces: null,
      created_at: now,
    })
    .execute();
  return id;
}

/** For good, whatever the clock does and whoever tries at this moment. */
export async function endEarlier(trx: Database, name: string): Promise<bigint> {
  const { numUpdatedRows } = await trx
    .updateTable('invitations')
    .set({ expires_at: 0, tries_left: 0 })
    .where('name', '=', name)
    .where('used_at', 'is', null)
    .where('expires_at', '>', 0)
    .executeTakeFirstOrThrow();
  return numUpdatedRows;
}

/** Of a user: the one that was made before for another installation. */
const endUnbound = (trx: Database, user: string) =>
  trx
    .updateTable('invitations')
    .set({ expires_at: 0, tries_left: 0 })
    .where('user_id', '=', user)
    .where('bound_to', 'is', null)
    .execute();

export async function readInvitation(trx: Database, id: string): Promise<HeldInvitation | null> {
  const row = await trx.selectFrom('invitations').selectAll().where('id', '=', id).executeTakeFirst();
  if (!row) return null;
  return {
    id: row.id,
    name: row.name,
    salt: row.salt,
    hash: row.hash,
    group: row.group_id,
    deviceId: row.device_id,
    userId: row.user_id,
    tokenId: row.token_id,
    replaces: row.replaces,
    triesLeft: row.tries_left,
    expiresAt: instant(row.expires_at),
    boundTo: row.bound_to,
    usedAt: row.used_at === null ? null : instant(row.used_at),
  };
}

/** Of an invitation that its one-time password alone opens. */
export async function checkPassword(
  server: Server,
  { invitation: id, password }: Credentials,
): Promise<Result<HeldInvitation>> {
  const held = await readInvitation(server.db, id);
  // Begun by something else, it has no password of its own.
  return held?.hash === '' || held?.userId
    ? bad('invitation-refused', { reason: 'of a user or a token' })
    : tryPassword(server, id, password);
}

/** A try is taken before the password is looked at and given back when it was right: guessing in parallel gains nothing. */
export async function tryPassword(
  { db, clock }: Server,
  id: string,
  password: string,
): Promise<Result<HeldInvitation>> {
  const taken = await transact(db, async (trx) => {
    const held = await readInvitation(trx, id);
    const open = checkOpen(held, clock());
    if (!open.ok || !held) return open.ok ? bad('invitation-refused') : open;
    await addTries(trx, id, -1);
    return good(held);
  });
  if (!taken.ok) return taken;
  if (!(await opens(taken.value, readSpelled(password.slice(0, 64)))))
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

/** A password of the longest kind needs no slow hash: it has eighty bits of its own. */
const quick = 'sha256:';
export const longPassword = (): string => spell(randomBytes(16));
export const quickHash = (password: string, salt: Uint8Array): string =>
  quick + createHash('sha256').update(salt).update(password).digest('hex');

export async function opens({ hash, salt: spelled }: Pick<HeldInvitation, 'hash' | 'salt'>, password: string) {
  const salt = Buffer.from(spelled, 'hex');
  if (hash.startsWith(quick)) return timingSafeEqual(Buffer.from(quickHash(password, salt)), Buffer.from(hash));
  return timingSafeEqual(await hashPassword(password, salt), Buffer.from(hash, 'hex'));
}

/** RFC 7914 with N = 2^14: the password has 40 random bits or more and ten tries, a short wait is enough. */
function hashPassword(password: string, salt: Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password, salt, 32, (error, hash) => (error ? reject(error) : resolve(hash)));
  });
}
