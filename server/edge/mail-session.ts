/** One connection to the SMTP server (RFC 5321), judged before anything is sent over it; mails go over it one by one. */
import { connect, isIP, type Socket } from 'node:net';
import { checkServerIdentity, getCACertificates } from 'node:tls';
import MailComposer from 'nodemailer/lib/mail-composer';
import SMTPConnection from 'nodemailer/lib/smtp-connection';
import { bad, type FaultCode, good, type Result } from '../../protocol/fault.ts';
import { minuteMs, secondMs } from '../../protocol/time.ts';
import { heloOf, type MailSetting, readReply, type Tried } from '../core/mail.ts';
import type { Letter } from './mail-outbox.ts';
import type { MailAccess } from './mail-setting.ts';

export type Session = {
  readonly send: (letter: Letter) => Promise<Tried>;
  /** Whether it can take another mail. */
  readonly isOpen: () => boolean;
  readonly close: () => void;
};
type SmtpError = Error & {
  readonly code?: string;
  /** Of the system or of OpenSSL, where there was one. */
  readonly originalCode?: string;
  readonly responseCode?: number;
  readonly response?: string;
};

const connectMs = 20 * secondMs;
/** Of silence. RFC 5321 §4.5.3.2.6 gives the last answer ten minutes; here two of them are a try again later. */
const answerMs = 2 * minuteMs;
/** For one step and all its answers, however they trickle. */
const stepMs = 5 * minuteMs;

/**
 * Connects, demands TLS where the setting does, signs in. Faults: `mail-unreachable`, `mail-insecure`, `mail-sign-in`,
 * `mail-refused`; none of them is about a single mail.
 */
export async function openSession({ setting, password }: MailAccess, serverName: string): Promise<Result<Session>> {
  const address = `${setting.host}:${setting.port}`;
  const refuse = (code: FaultCode, error: SmtpError) => bad(code, { address, reason: reasonOf(error) });
  const socket = await dial(setting);
  if (socket instanceof Error) return refuse('mail-unreachable', socket);
  const connection = new SMTPConnection({
    host: setting.host,
    port: setting.port,
    connection: socket,
    secure: setting.security === 'tls',
    requireTLS: setting.security === 'starttls',
    ignoreTLS: setting.security === 'none',
    name: setting.helo || heloOf(serverName),
    connectionTimeout: connectMs,
    greetingTimeout: connectMs,
    socketTimeout: answerMs,
    tls: {
      minVersion: 'TLSv1.2',
      rejectUnauthorized: true,
      // A certificate that is given by itself needs no path to a root.
      ...(setting.authorities === ''
        ? { ca: [...new Set([...getCACertificates('bundled'), ...getCACertificates('system')])] }
        : { ca: setting.authorities, allowPartialTrustChain: true }),
      ...(isIP(setting.host) === 0 ? { servername: setting.host } : {}),
      checkServerIdentity: (_host, certificate) => checkServerIdentity(setting.host, certificate),
    },
  });
  let ended = false;
  let told: ((error: SmtpError | null) => void) | null = null;
  // What breaks the connection comes as an event, and not always to the callback of what was under way.
  const end = (error?: Error): void => {
    ended = true;
    told?.(error ?? new Error('the connection was closed'));
  };
  connection.on('error', end);
  connection.on('end', () => end());
  const settled = (run: (done: (error?: Error | null) => void) => void): Promise<SmtpError | null> =>
    new Promise((resolve) => {
      const late = setTimeout(() => {
        end(new Error('timed out'));
        connection.close();
      }, stepMs);
      const finish = (error: SmtpError | null): void => {
        clearTimeout(late);
        resolve(error);
      };
      told = finish;
      run((error) => finish(error ?? null));
    });
  const opened = await settled((done) => connection.connect(done));
  if (opened) {
    connection.close();
    socket.destroy();
    if (isInsecure(opened)) return refuse('mail-insecure', opened);
    return opened.responseCode ? refuse('mail-refused', opened) : refuse('mail-unreachable', opened);
  }
  if (setting.user !== '') {
    const signedIn = await settled((done) =>
      connection.login({ credentials: { user: setting.user, pass: password } }, done),
    );
    if (signedIn) {
      connection.close();
      socket.destroy();
      return signedIn.code === 'EAUTH' ? refuse('mail-sign-in', signedIn) : refuse('mail-unreachable', signedIn);
    }
  }
  return good({
    send: async (letter) => {
      const message = await compose(letter, setting);
      const failed = await settled((done) =>
        connection.send({ from: setting.from, to: [letter.address] }, message, done),
      );
      if (!failed) return { at: 'sent' };
      if (failed.responseCode && !ended) await settled((done) => connection.reset(done));
      return readReply(failed.responseCode, reasonOf(failed));
    },
    isOpen: () => !ended && !connection.destroyed,
    close: () => {
      if (ended) connection.close();
      else connection.quit();
    },
  });
}

/** The name is looked up as everything else on this machine looks names up. */
function dial({ host, port }: MailSetting): Promise<Socket | Error> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const timer = setTimeout(() => socket.destroy(new Error('timed out')), connectMs);
    socket.once('error', (error) => {
      clearTimeout(timer);
      resolve(error);
    });
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.removeAllListeners('error');
      resolve(socket);
    });
  });
}

/** Message-ID and date are those of the row: whoever gets a mail twice can tell. */
function compose({ id, address, subject, text, made_at }: Letter, { from, replyTo }: MailSetting): Promise<Buffer> {
  const mail = new MailComposer({
    from,
    to: address,
    ...(replyTo === '' ? {} : { replyTo }),
    subject,
    text,
    messageId: `<${id}@${from.slice(from.lastIndexOf('@') + 1)}>`,
    date: new Date(made_at),
    // RFC 3834: no automatic answers.
    headers: { 'Auto-Submitted': 'auto-generated' },
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return mail.compile().build();
}

/** Of what broke before the first mail: not the network, and no reply to a command of ours but to STARTTLS. */
function isInsecure({ code, originalCode = '', message }: SmtpError): boolean {
  const network = /^(E(CONN|PIPE|HOST|NET|TIMEDOUT|ADDR)|$)/.test(originalCode);
  return code === 'ETLS' || !network || /STARTTLS|altnames/i.test(message);
}

const reasonOf = ({ response, message }: SmtpError): string => response ?? message;
