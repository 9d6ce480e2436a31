/**
 * Registration by the name and password of a user (M3). What it comes to is an invitation for the key that came with them:
 * from there on it is as with a one-time password, and a power cut on either side strands nobody.
 */
import { bad, good, type Result } from '../../protocol/fault.ts';
import { readLogin, splitPassword } from '../core/user.ts';
import { readIdentity, type Server } from './context.ts';
import { transact } from './database.ts';
import { beginInvitation, type HeldInvitation, readInvitation, tryPassword } from './invitations.ts';
import { readRules } from './rules.ts';
import type { Database, Tables } from './tables.ts';
import type { PasswordDoor } from './user-passwords.ts';
import { countDevices, findUser } from './users.ts';

export type UserRequest = {
  readonly user: string;
  readonly password: string;
  /** SHA-256 of the public key. */
  readonly key: string;
  /** Network address of whoever asks. */
  readonly from: string;
};

/** Faults: `invitation-refused` with a reason for the audit only; `busy`; `too-many-devices` for a right password. */
export async function openByUser(
  server: Server,
  door: PasswordDoor,
  { user: typed, password, key, from }: UserRequest,
): Promise<Result<HeldInvitation>> {
  const { db } = server;
  const login = readLogin(typed);
  const any = await db.selectFrom('users').select('id').limit(1).executeTakeFirst();
  if (!login || !any) return bad('invitation-refused', { reason: 'unknown' });
  const { own, installation } = splitPassword(password);
  const found = await findUser(db, typed);
  const user = found.ok ? found.value : null;
  const asked = { name: login.name, address: from, hash: user?.password ?? null, password: own.slice(0, 64) };
  const checked = await door.check(asked);
  if (!checked.ok) return checked;
  if (!user || !checked.value) return bad('invitation-refused', { reason: user ? 'wrong password' : 'unknown' });
  const { promptPassword } = await readRules(db);
  if (installation === null && promptPassword)
    return bad('invitation-refused', { reason: 'no one-time password of the installation' });
  if (installation === null) return openFor(server, user, key);
  const opened = await openByInstallation(server, user, installation, key);
  if (!opened.ok) door.failed(login.name, from);
  return opened;
}

/** Fault: `too-many-devices`. */
export async function checkRoom(trx: Database, user: string): Promise<Result<null>> {
  const row = await trx.selectFrom('users').select('max_devices').where('id', '=', user).executeTakeFirst();
  const most = row?.max_devices ?? 0;
  return (await countDevices(trx, user)) < most ? good(null) : bad('too-many-devices', { limit: most });
}

/** The registration that was begun with this key, or a new one. */
const openFor = (server: Server, user: Tables['users'], key: string): Promise<Result<HeldInvitation>> =>
  transact(server.db, async (trx) => {
    const now = server.clock();
    const begun = await trx
      .selectFrom('invitations')
      .select('id')
      .where('user_id', '=', user.id)
      .where('bound_to', '=', key)
      .where('used_at', 'is', null)
      .executeTakeFirst();
    if (!begun) {
      const room = await checkRoom(trx, user.id);
      if (!room.ok) return room;
    }
    const group = user.group_id ?? (await readIdentity(trx)).unassigned;
    const of = { begun: begun?.id ?? null, key, name: null, group, user: user.id, token: null };
    const id = await beginInvitation(trx, now, of);
    const held = await readInvitation(trx, id);
    return held ? good(held) : bad('invitation-refused');
  });

/** The invitation that was made for this user's installation, by its one-time password. */
async function openByInstallation(
  server: Server,
  user: Tables['users'],
  password: string,
  key: string,
): Promise<Result<HeldInvitation>> {
  const rows = await server.db
    .selectFrom('invitations')
    .select('id')
    .where('user_id', '=', user.id)
    .where('hash', '!=', '')
    .where('used_at', 'is', null)
    .where((where) => where.or([where('bound_to', 'is', null), where('bound_to', '=', key)]))
    .execute();
  for (const { id } of rows) {
    const tried = await tryPassword(server, id, password);
    if (tried.ok) return tried;
  }
  return bad('invitation-refused', { reason: 'wrong one-time password of the installation' });
}
