/**
 * Keeps the list of certificates true to what it shows. Identities change in many places, so triggers note whose are to be listed
 * anew, and reading the list does that first; what only time changes, the upkeep does.
 */
import { good } from '../../protocol/fault.ts';
import { type Instant, instant } from '../../protocol/time.ts';
import { mobileRows, searchText } from '../core/certificates.ts';
import { spellUser } from '../core/user.ts';
import type { Server } from './context.ts';
import { transact } from './database.ts';
import { type Kept, lifeOf } from './lives.ts';
import { readRules } from './rules.ts';
import type { Database, Tables } from './tables.ts';

type Row = Tables['certificates'];

/** Within what SQLite binds in one statement. */
const atOnce = 200;

/** Lists anew what has changed. Cheap where nothing has. */
export async function mirrorIdentities(server: Pick<Server, 'db' | 'clock'>): Promise<void> {
  for (;;) {
    const due = await server.db.selectFrom('certificates_due').select('device_id').limit(atOnce).execute();
    if (due.length === 0) return;
    const ids = due.map(({ device_id }) => device_id);
    await transact(server.db, async (trx) => {
      await mirror(trx, ids, server.clock());
      await trx.deleteFrom('certificates_due').where('device_id', 'in', ids).execute();
      return good(null);
    });
  }
}

/** What is over since the last look. What was followed and is over leaves the list. */
export async function expireCertificates({ db, clock }: Server): Promise<void> {
  const now = clock();
  const over = db
    .selectFrom('certificates')
    .select('device_id')
    .where('type', '=', 'mobile')
    .where('not_after', '<', now)
    .where('status', 'not in', ['expired', 'retired'])
    .where('device_id', 'is not', null);
  await db
    .insertInto('certificates_due')
    .columns(['device_id'])
    .expression(over.$castTo<{ device_id: string }>().distinct())
    .onConflict((conflict) => conflict.column('device_id').doNothing())
    .execute();
  await db
    .updateTable('certificates')
    .set(({ ref }) => ({ status: 'expired' as const, status_at: ref('not_after').$notNull() }))
    .where('type', '!=', 'mobile')
    .where('not_after', '<', now)
    .where('status', 'in', ['issued', 'valid', 'renewed', 'recorded'])
    .execute();
}

async function mirror(trx: Database, ids: readonly string[], now: Instant): Promise<void> {
  const devices = await trx
    .selectFrom('devices')
    .leftJoin('users', 'users.id', 'devices.registered_by')
    .select(['devices.id', 'devices.name', 'agent', 'retired_at', 'removed_at', 'deactivated_at'])
    .select(['users.id as user', 'users.name as user_name', 'users.domain'])
    .where('devices.id', 'in', ids)
    .execute();
  const identities = await trx
    .selectFrom('identities')
    .selectAll()
    .where('device_id', 'in', ids)
    .orderBy('issued_at')
    .execute();
  const lives = new Map<string, Kept[]>();
  for (const row of identities) {
    const own = lives.get(row.device_id) ?? [];
    own.push(lifeOf(row));
    lives.set(row.device_id, own);
  }
  const renewal_disabled = (await readRules(trx)).automaticRenewal ? 0 : 1;
  const rows = devices.flatMap((device): Row[] => {
    const { id: device_id, name: device_name, agent, retired_at, removed_at, deactivated_at } = device;
    if (removed_at !== null || deactivated_at !== null) return [];
    const user_name =
      device.user_name === null ? '' : spellUser({ name: device.user_name, domain: device.domain ?? '' });
    const standing = { agent, retiredAt: retired_at === null ? null : instant(retired_at) };
    return mobileRows(lives.get(device_id) ?? [], standing, now).map((row) => ({
      id: row.thumbprint,
      type: 'mobile',
      kind: 'thin-client',
      device_id,
      device_name,
      user_id: device.user,
      user_name,
      alias: '',
      status: row.status,
      status_at: row.since,
      protocol: row.protocol,
      source: row.source,
      issued_at: row.issuedAt,
      not_after: row.notAfter,
      thumbprint: row.thumbprint,
      renewal_disabled,
      search: searchText(device_name, user_name),
    }));
  });
  await trx.deleteFrom('certificates').where('type', '=', 'mobile').where('device_id', 'in', ids).execute();
  if (rows.length > 0) await trx.insertInto('certificates').values(rows).execute();
  await renameOthers(trx, devices);
}

/** Mail and VPN certificates bear the name of their device too. */
async function renameOthers(
  trx: Database,
  devices: readonly { readonly id: string; readonly name: string }[],
): Promise<void> {
  for (const { id, name } of devices) {
    const stale = await trx
      .selectFrom('certificates')
      .selectAll()
      .where('device_id', '=', id)
      .where('type', '!=', 'mobile')
      .where('device_name', '!=', name)
      .execute();
    for (const { id: certificate, user_name, alias } of stale)
      await trx
        .updateTable('certificates')
        .set({ device_name: name, search: searchText(name, user_name, alias) })
        .where('id', '=', certificate)
        .execute();
  }
}
