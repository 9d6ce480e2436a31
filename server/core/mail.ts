/** E-mail by SMTP: what its setting must be, when a mail is tried again, and when it is given up. Pure. */
import { readCertificateFile } from '../../protocol/certificate-file.ts';
import { bad, good, type Result } from '../../protocol/fault.ts';
import { parseTarget } from '../../protocol/target.ts';
import { dayMs, type Instant, instant, minuteMs } from '../../protocol/time.ts';
import type { Language } from '../../words/say.ts';
import { readAddress } from './mail-address.ts';

export const securities = ['none', 'starttls', 'tls'] as const;
export type Security = (typeof securities)[number];
/** Empty texts are left out things. */
export type MailSetting = {
  /** Of the SMTP server: A-label name or IP literal. */
  readonly host: string;
  readonly port: number;
  /** `starttls` demands it (RFC 3207), it is never optional; `tls` is TLS from the first byte (RFC 8314). */
  readonly security: Security;
  readonly user: string;
  readonly from: string;
  readonly replyTo: string;
  /** What the server calls itself in EHLO (RFC 5321 §4.1.1.1). */
  readonly helo: string;
  /** PEM: certificates of authorities, or that of the SMTP server itself, which alone are trusted. Empty: those of the system. */
  readonly authorities: string;
  /** Who is told of what happens. */
  readonly administrators: readonly string[];
  /** Where people find the console; a text for them. */
  readonly console: string;
  readonly language: Language;
};

export const defaultPorts: Readonly<Record<Security, number>> = { none: 25, starttls: 587, tls: 465 };
export const mostAdministrators = 20;
const maxText = 200;
/** Printable, and nothing that ends a line or a command. */
const plain = /^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]*$/u;

/** The setting as it is kept. Faults: `bad-argument` with what is wrong, those of `readCertificateFile`. */
export function judgeSetting(wanted: MailSetting): Result<MailSetting> {
  const host = parseTarget(wanted.host.trim());
  if (!host.ok) return bad('bad-argument', { what: `host ${wanted.host.slice(0, 80)}` });
  if (!Number.isInteger(wanted.port) || wanted.port < 1 || wanted.port > 65535)
    return bad('bad-argument', { what: 'port: 1 to 65535' });
  const { user, security } = wanted;
  if (user.length > maxText || !plain.test(user)) return bad('bad-argument', { what: 'user' });
  if (user !== '' && security === 'none')
    return bad('bad-argument', { what: 'user: a password is sent over TLS only' });
  const from = readAddress(wanted.from);
  if (!from.ok) return from;
  const replyTo = wanted.replyTo === '' ? good('') : readAddress(wanted.replyTo);
  if (!replyTo.ok) return replyTo;
  const helo = wanted.helo === '' ? good('') : readHelo(wanted.helo);
  if (!helo.ok) return helo;
  if (wanted.administrators.length > mostAdministrators)
    return bad('bad-argument', { what: `administrators: at most ${mostAdministrators}` });
  const administrators: string[] = [];
  for (const each of wanted.administrators) {
    const address = readAddress(each);
    if (!address.ok) return address;
    if (!administrators.includes(address.value)) administrators.push(address.value);
  }
  if (wanted.console !== '' && !isBase(wanted.console)) return bad('bad-argument', { what: 'console: https://…' });
  const authorities = wanted.authorities === '' ? good([]) : readCertificateFile(Buffer.from(wanted.authorities));
  if (!authorities.ok) return authorities;
  return good({
    ...wanted,
    host: host.value.host ?? host.value.ip ?? '',
    from: from.value,
    replyTo: replyTo.value,
    helo: helo.value,
    administrators,
  });
}

/** A name, or an address literal (RFC 5321 §4.1.3). */
function readHelo(typed: string): Result<string> {
  const target = parseTarget(typed.trim().replace(/^\[(?:IPv6:)?(.*)\]$/i, '$1'));
  if (!target.ok) return bad('bad-argument', { what: 'HELO name' });
  return good(heloOf(target.value.host ?? target.value.ip ?? ''));
}

/** What a host is called in EHLO. */
export function heloOf(host: string): string {
  if (host.includes(':')) return `[IPv6:${host}]`;
  return /^[0-9.]+$/.test(host) ? `[${host}]` : host;
}

const isBase = (text: string): boolean =>
  text.length <= maxText && /^https?:\/\/\S+$/.test(text) && plain.test(text) && URL.canParse(text);

/** Of a mail that waits. */
export type Waiting = { readonly tries: number; readonly endsAt: Instant };
/** What came of a try: taken, refused for good (5yz), or not now (4yz, or the connection broke). */
export type Tried =
  | { readonly at: 'sent' }
  | { readonly at: 'refused'; readonly reason: string }
  | { readonly at: 'later'; readonly reason: string };
export type Decided =
  | { readonly at: 'sent' }
  | { readonly at: 'undeliverable'; readonly reason: string }
  | { readonly at: 'waiting'; readonly tries: number; readonly nextAt: Instant; readonly reason: string };

/** How long notices are tried; what has an end of its own is tried until then. */
export const lifetimeMs = 3 * dayMs;
/** Minutes; RFC 5321 §4.5.4.1 asks for half an hour in the long run, greylisting is over in five minutes. */
const pauses = [1, 2, 5, 10, 20, 30];

export const longestPauseMs = 30 * minuteMs;
export const pauseMs = (tries: number): number => (pauses[tries] ?? 30) * minuteMs;

/** A time farther off than any pause was set by a clock that has been put back since. */
export const isDue = (nextAt: number, now: Instant): boolean => nextAt <= now || nextAt > now + longestPauseMs;

/** After a try at `now`. */
export function afterTry({ tries, endsAt }: Waiting, tried: Tried, now: Instant): Decided {
  if (tried.at === 'sent') return tried;
  const { reason } = tried;
  const nextAt = instant(now + pauseMs(tries));
  if (tried.at === 'refused' || nextAt >= endsAt) return { at: 'undeliverable', reason };
  return { at: 'waiting', tries: tries + 1, nextAt, reason };
}

/** A reply of SMTP (RFC 5321 §4.2.1) to one mail. Without a code the connection broke. */
export function readReply(code: number | undefined, text: string): Exclude<Tried, { at: 'sent' }> {
  const reason = text.replace(/[\s\p{Cc}]+/gu, ' ').slice(0, 200);
  // 421: the server goes away (§3.8), whatever it was asked.
  return code !== undefined && code >= 500 && code < 600 ? { at: 'refused', reason } : { at: 'later', reason };
}
