/** The setting of e-mail as it lies in the database; the password of the SMTP server is sealed by the master key. */
import { bad, good, type Result } from '../../protocol/fault.ts';
import type { MailView } from '../api/mail.ts';
import { defaultPorts, judgeSetting, type MailSetting } from '../core/mail.ts';
import { type Actor, audit, type Server } from './context.ts';
import { forget, transact } from './database.ts';
import { open, seal } from './seal.ts';
import type { Database } from './tables.ts';

export type MailAccess = { readonly setting: MailSetting; readonly password: string };
/** What is left out stays as it is; with another host, port, security or user the password is needed anew. */
export type SettingChange = Partial<MailSetting> & { readonly password?: string };

const name = 'mail';
const maxPassword = 200;
type Kept = { readonly setting: MailSetting; readonly sealed: string };

const empty: MailSetting = {
  host: '',
  port: 0,
  security: 'starttls',
  user: '',
  from: '',
  replyTo: '',
  helo: '',
  authorities: '',
  administrators: [],
  console: '',
  language: 'en',
};

/** Null: mail is off. */
export async function readMailSetting(db: Database): Promise<MailSetting | null> {
  return (await readKept(db))?.setting ?? null;
}

export async function viewMailSetting(db: Database): Promise<MailView | null> {
  const kept = await readKept(db);
  return kept && viewOf(kept);
}

/** Faults: `mail-off`, `master-key-missing`. */
export async function readMailAccess({ db, keys }: Server): Promise<Result<MailAccess>> {
  const kept = await readKept(db);
  if (!kept) return bad('mail-off');
  if (kept.sealed === '') return good({ setting: kept.setting, password: '' });
  const opened = open(keys.master, kept.sealed);
  return opened.ok ? good({ setting: kept.setting, password: Buffer.from(opened.value).toString('utf8') }) : opened;
}

/** Everything that waits is tried at once. Faults: those of `judgeSetting`, `bad-argument`. */
export const setMail = (server: Server, actor: Actor, change: SettingChange): Promise<Result<MailView>> =>
  changing(server, async (trx) => {
    const kept = await readKept(trx);
    const before = kept?.setting ?? empty;
    const { password, ...changes } = change;
    const wanted = { ...before, ...changes };
    // Somewhere else, or in another way, the port of before means nothing.
    const moved = wanted.host !== before.host || wanted.security !== before.security;
    const port = changes.port ?? (moved ? defaultPorts[wanted.security] : before.port);
    const judged = judgeSetting({ ...wanted, port });
    if (!judged.ok) return judged;
    const setting = judged.value;
    if (password !== undefined && (password.length > maxPassword || /\p{Cc}/u.test(password)))
      return bad('bad-argument', { what: 'password' });
    if (password !== undefined && password !== '' && setting.user === '')
      return bad('bad-argument', { what: 'password: without a user name' });
    // Another server is told the password of this one only by whoever knows it.
    const same = !moved && port === before.port && setting.user === before.user;
    const sealed =
      password === undefined
        ? same
          ? (kept?.sealed ?? '')
          : ''
        : password && seal(server.keys.master, Buffer.from(password));
    if (setting.user !== '' && sealed === '') return bad('bad-argument', { what: 'password: of the mail user' });
    const value = JSON.stringify({ setting, sealed } satisfies Kept);
    await trx
      .insertInto('settings')
      .values({ name, value })
      .onConflict((conflict) => conflict.column('name').doUpdateSet({ value }))
      .execute();
    await trx.updateTable('mails').set({ next_at: server.clock() }).where('state', '=', 'waiting').execute();
    const { host, security, user, from } = setting;
    const facts = { host, port, security, user, from, administrators: setting.administrators.join(', ') };
    await audit(server, trx, { actor, action: 'mail-set', subject: 'mail', facts });
    return good(viewOf({ setting, sealed }));
  });

/** What waits goes on waiting, to its end. Fault: `mail-off`. */
export const unsetMail = (server: Server, actor: Actor): Promise<Result<null>> =>
  changing(server, async (trx) => {
    const { numDeletedRows } = await trx.deleteFrom('settings').where('name', '=', name).executeTakeFirstOrThrow();
    if (numDeletedRows === 0n) return bad('mail-off');
    await audit(server, trx, { actor, action: 'mail-unset', subject: 'mail' });
    return good(null);
  });

/** The password of before is gone from the disk. */
async function changing<T>({ db }: Server, run: (trx: Database) => Promise<Result<T>>): Promise<Result<T>> {
  const changed = await transact(db, run);
  if (changed.ok) await forget(db);
  return changed;
}

const viewOf = ({ setting, sealed }: Kept): MailView => ({
  ...setting,
  administrators: [...setting.administrators],
  password: sealed !== '',
});

async function readKept(db: Database): Promise<Kept | null> {
  const row = await db.selectFrom('settings').select('value').where('name', '=', name).executeTakeFirst();
  if (!row) return null;
  const { setting, sealed } = JSON.parse(row.value) as Kept;
  // A release that knew fewer of them wrote fewer.
  return { setting: { ...empty, ...setting }, sealed };
}
