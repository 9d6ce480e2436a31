/** Accounts of the Web Console: what their names and passwords must be, and how long their sessions last. */
import { bad, good, type Result } from '../../protocol/fault.ts';
import { hourMs, type Instant, minuteMs } from '../../protocol/time.ts';

export const shortestPassword = 12;
export const longestPassword = 128;
export const idleMs = 30 * minuteMs;
export const longestSessionMs = 12 * hourMs;
export const setupMs = 72 * hourMs;

const accountName = /^[a-z0-9][a-z0-9._-]{0,39}$/;
/** They stand in the audit log for somebody else: the socket, the server, the setup link, whoever is unknown. */
const reserved: ReadonlySet<string> = new Set(['root', 'server', 'administrator', 'setup', 'stranger']);
/** As the id of a device is, which stands in the audit log too. */
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** In lower case. Fault: `bad-argument`. */
export function readAccountName(typed: string): Result<string> {
  const name = typed.trim().toLowerCase();
  return accountName.test(name) && !reserved.has(name) && !uuid.test(name)
    ? good(name)
    : bad('bad-argument', { what: 'account name' });
}

/**
 * 12 to 128 characters, since length is what counts (NIST SP 800-63B §5.1.1): of at least five different ones, without the
 * name. In one spelling (NFC, RFC 8265 §4.2), whatever keyboard it was typed on. Fault: `account-password-weak`.
 */
export function judgeAccountPassword(name: string, typed: string): Result<string> {
  const password = spellPassword(typed);
  const characters = [...password];
  const long = characters.length >= shortestPassword && characters.length <= longestPassword;
  const varied = new Set(characters).size >= 5 && !/\p{Cc}/u.test(password);
  return long && varied && !password.toLowerCase().includes(name)
    ? good(password)
    : bad('account-password-weak', { least: shortestPassword, most: longestPassword });
}

export const spellPassword = (typed: string): string => typed.normalize('NFC');

/** Whether a session that was made and last used then still stands. */
export const isLive = (madeAt: Instant, seenAt: Instant, now: Instant): boolean =>
  now - seenAt < idleMs && now - madeAt < longestSessionMs;
