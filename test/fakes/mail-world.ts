/** A server of ours and an SMTP server beside it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { instant } from '../../protocol/time.ts';
import type { MailSetting } from '../../server/core/mail.ts';
import { setMail } from '../../server/edge/mail-setting.ts';
import { type Away, sendDue } from '../../server/edge/mailer.ts';
import { databaseFile } from '../../server/edge/state.ts';
import { addUser } from '../../server/edge/users.ts';
import { type FleetServer, value, withFleet } from './fleet-server.ts';
import { type SmtpServer, startSmtp, type Wanted } from './smtp-server.ts';

const admin = 'administrator';
export const anna = 'anna@corp.example';

export type World = FleetServer & { readonly smtp: SmtpServer; readonly send: () => Promise<void> };

export const set = ({ server }: Pick<FleetServer, 'server'>, change: Partial<MailSetting> & { password?: string }) =>
  setMail(server, admin, { host: '127.0.0.1', security: 'none', from: 'thintrust@corp.example', ...change });

let plain: Promise<SmtpServer> | null = null;

/** Those in the clear share one server, each finding it empty. */
export async function withSmtp(wanted: Wanted | null, run: (world: World) => Promise<void>): Promise<void> {
  if (!wanted) plain ??= startSmtp({});
  const smtp = wanted ? await startSmtp(wanted) : ((await plain) ?? (await startSmtp({})));
  await smtp.start();
  smtp.empty();
  try {
    await withFleet(async (fleet) => {
      const away: Away = { failures: 0, until: instant(0), setting: '' };
      value(await addUser(fleet.server, admin, { name: anna, fullName: 'Анна Каренина', email: 'anna@почта.example' }));
      await run({ ...fleet, smtp, send: () => sendDue(fleet.server, away) });
    });
  } finally {
    if (wanted) await smtp.remove();
  }
}

/** Database and write-ahead log. */
export const readAll = (directory: string): Buffer =>
  Buffer.concat(['', '-wal'].map((end) => readFileSync(join(directory, `${databaseFile}${end}`))));
