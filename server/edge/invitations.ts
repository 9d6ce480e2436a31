/** One-time passwords by which devices enrol: made, and checked. Kept as hashes only. */
import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { bad, good, type Result } from '../../protocol/fault.ts';
import { instant } from '../../protocol/time.ts';
import { checkOpen, groupPassword, type Invitation, invitationEnd, invitationTries } from '../core/invitation.ts';
import type { Enrolment } from '../core/ports.ts';
import { readSpelled, spell } from '../core/spelling.ts';
import { type Actor, addressesOf, audit, readIdentity, type Server } from './context.ts';
import { transact } from './database.ts';
import { findGroup } from './lookup.ts';
import { readServerCertificates } from './pins.ts';
import { readRules } from './rules.ts';
import type { Database, Tables } from './tables.ts';

export type Invited = {
  readonly address: string;
  readonly fingerprint: string;
  readonly invitation: string;
  readonly password: string;
  readonly expiresAt: number;
};
export type HeldInvitation = Invitation &
  Pick<Tables['invitations'], 'id' | 'name' | 'salt' | 'hash'> & {
    readonly group: string;
    readonly deviceId: string | null;
  };

export const maxName = 120;
const idLetters = 8;

/**
 * For a name, earlier invitations that were not used die: a password that was lost on its way opens nothing once there is
 * another. Faults: `not-found` for the group, `bad-argument` for a name that is too long.
 */
export async function invite(
  server: Server,
  actor: Actor,
  wanted: { readonly name?: string; readonly group?: string },
): Promise<Result<Invited>> {
  if (wanted.name !== undefined && (wanted.name.trim() === '' || wanted.name.length > maxName))
    return bad('bad-argument', { what: 'name' });
  const id = spell(randomBytes(idLetters));
  const password = spell(randomBytes((await readRules(server.db)).passwordLength));
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
    const replaced = wanted.name === undefined ? 0n : await endEarlier(trx, wanted.name);
    await trx.insertInto('invitations').values(row).execute();
    const facts = { group: group.value.name, ...(replaced > 0n ? { replaced: Number(replaced) } : {}) };
    await audit(server, trx, { actor, action: 'invited', subject: id, facts });
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

/** For good, whatever the clock does and whoever tries at this moment. */
async function endEarlier(trx: Database, name: string): Promise<bigint> {
  const { numUpdatedRows } = await trx
    .updateTable('invitations')
    .set({ expires_at: 0, tries_left: 0 })
    .where('name', '=', name)
    .where('used_at', 'is', null)
    .where('expires_at', '>', 0)
    .executeTakeFirstOrThrow();
  return numUpdatedRows;
}

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
    triesLeft: row.tries_left,
    expiresAt: instant(row.expires_at),
    boundTo: row.bound_to,
    usedAt: row.used_at === null ? null : instant(row.used_at),
  };
}

/** A try is taken before the password is looked at and given back when it was right: guessing in parallel gains nothing. */
export async function checkPassword(
  { db, clock }: Server,
  { invitation: id, password }: Enrolment,
): Promise<Result<HeldInvitation>> {
  const taken = await transact(db, async (trx) => {
    const held = await readInvitation(trx, id);
    const open = checkOpen(held, clock());
    if (!open.ok || !held) return open.ok ? bad('invitation-refused') : open;
    await addTries(trx, id, -1);
    return good(held);
  });
  if (!taken.ok) return taken;
  const hash = await hashPassword(readSpelled(password.slice(0, 64)), Buffer.from(taken.value.salt, 'hex'));
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

/** RFC 7914 with N = 2^14: the password has 40 random bits or more and ten tries, a short wait is enough. */
function hashPassword(password: string, salt: Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password, salt, 32, (error, hash) => (error ? reject(error) : resolve(hash)));
  });
}
