/** Sends what waits: one connection at a time, mails one after the other; nobody else waits for it. */
import { bad, good, type Result } from '../../protocol/fault.ts';
import { type Instant, instant, secondMs } from '../../protocol/time.ts';
import { isDue, pauseMs } from '../core/mail.ts';
import { readAddress } from '../core/mail-address.ts';
import { readIdentity, type Server } from './context.ts';
import { forget } from './database.ts';
import { dueMails, holdMails, recordTry, sweepMails } from './mail-outbox.ts';
import { openSession, type Session } from './mail-session.ts';
import { type MailAccess, readMailAccess, readMailSetting } from './mail-setting.ts';
import { makeText } from './mail-texts.ts';

export type Mailer = {
  /** Looks for what is due, soon. */
  readonly kick: () => void;
  /** Resolves when nothing of it runs any more. */
  readonly close: () => Promise<void>;
};

const lookMs = 5 * secondMs;
const closeMs = 5 * secondMs;
const atOnce = 100;

export function makeMailer(server: Server): Mailer {
  let running: Promise<void> = Promise.resolve();
  let queued = false;
  let ending = false;
  let session: Session | null = null;
  const away: Away = { failures: 0, until: instant(0), setting: '' };
  const kick = (): void => {
    if (queued || ending) return;
    queued = true;
    running = running
      .then(() => {
        queued = false;
        return sendDue(server, away, {
          opened: (next) => {
            session = next;
          },
          goesOn: () => !ending,
        });
      })
      .catch((error: unknown) => {
        server.log('error', 'sending mail failed, will try again', { reason: String(error).slice(0, 300) });
      });
  };
  const timer = setInterval(kick, lookMs);
  kick();
  return {
    kick,
    close: async () => {
      ending = true;
      clearInterval(timer);
      const late = setTimeout(() => session?.close(), closeMs);
      await running;
      clearTimeout(late);
    },
  };
}

/** How the SMTP server has been doing; the pause is for all mails, and ends when the setting changes. */
export type Away = { failures: number; until: Instant; setting: string };
type Watch = { readonly opened: (session: Session | null) => void; readonly goesOn: () => boolean };

/** One round: what is over is wiped, what is due is sent. */
export async function sendDue(
  server: Server,
  away: Away,
  watch: Watch = { opened: () => {}, goesOn: () => true },
): Promise<void> {
  const swept = await sweepMails(server);
  const sent = await sendAll(server, away, watch);
  if (swept || sent) await forget(server.db);
}

async function sendAll(server: Server, away: Away, { opened, goesOn }: Watch): Promise<boolean> {
  if (!(await readMailSetting(server.db))) return false;
  const letters = await dueMails(server, atOnce);
  if (letters.length === 0) return false;
  const access = await readMailAccess(server);
  if (!access.ok) return false;
  const setting = JSON.stringify(access.value);
  if (setting === away.setting && !isDue(away.until, server.clock())) return false;
  const session = await openAs(server, access.value);
  if (!session.ok) {
    away.failures = setting === away.setting ? away.failures + 1 : 1;
    away.setting = setting;
    away.until = instant(server.clock() + pauseMs(away.failures - 1));
    const { code, facts } = session.fault;
    server.log('warn', 'the mail server does not take mail', { code, ...facts });
    await holdMails(server, away.until, `${code}: ${facts['reason'] ?? ''}`);
    return false;
  }
  Object.assign(away, { failures: 0, until: 0, setting });
  opened(session.value);
  try {
    for (const letter of letters) {
      if (!goesOn() || !session.value.isOpen()) break;
      await recordTry(server, letter, await session.value.send(letter));
    }
  } finally {
    opened(null);
    session.value.close();
  }
  return true;
}

/** One mail, now, not by the outbox. Faults: those of the setting and the session, `mail-refused`, `bad-argument`. */
export async function sendTest(server: Server, typed: string): Promise<Result<{ readonly address: string }>> {
  const address = readAddress(typed);
  if (!address.ok) return address;
  const access = await readMailAccess(server);
  if (!access.ok) return access;
  const content = await makeText(server.db, 'test', {});
  const session = await openAs(server, access.value);
  if (!session.ok) return session;
  const now = server.clock();
  const id = `test-${now}`;
  const tried = await session.value.send({ id, kind: 'test', address: address.value, made_at: now, ...content });
  session.value.close();
  if (tried.at === 'sent') return good({ address: address.value });
  const { host, port } = access.value.setting;
  return bad('mail-refused', { address: `${host}:${port}`, reason: tried.reason });
}

const openAs = async (server: Server, access: MailAccess): Promise<Result<Session>> =>
  openSession(access, (await readIdentity(server.db)).name);
