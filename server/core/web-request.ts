/** Whether a request of a browser comes from a page of ours, and what it carries. */
import { timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

export const cookieName = '__Host-thintrust';
export const csrfHeader = 'x-csrf-token';
/** A page that only looks whether something has changed keeps no session alive. */
export const pollHeader = 'x-thintrust-poll';

const cookieForm = /^[A-Za-z0-9_-]{43}$/;

/** RFC 6265 §5.4; null for none, for two, and for what no cookie of ours looks like. */
export function sessionCookie(header: string | undefined): string | null {
  const own = (header ?? '').split(';').flatMap((pair) => {
    const [name = '', value = ''] = pair.trim().split('=', 2);
    return name === cookieName ? [value] : [];
  });
  const [value = ''] = own;
  return own.length === 1 && cookieForm.test(value) ? value : null;
}

/** RFC 6265bis §4.1.3.2. An empty value takes it away. */
export const writeCookie = (value: string): string =>
  `${cookieName}=${value}; Path=/; Secure; HttpOnly; SameSite=Strict${value === '' ? '; Max-Age=0' : ''}`;

/**
 * What changes something must say that it comes from this origin, by `Sec-Fetch-Site` or `Origin`, and nothing may say the
 * contrary. Browsers set both, and pages cannot.
 */
export function isOurs(method: string, headers: IncomingHttpHeaders): boolean {
  const site = headers['sec-fetch-site'];
  const { origin, host } = headers;
  const same = origin !== undefined && host !== undefined && origin.toLowerCase() === `https://${host.toLowerCase()}`;
  if (site !== undefined && site !== 'same-origin' && !(site === 'none' && isReading(method))) return false;
  if (origin !== undefined && !same) return false;
  return isReading(method) || same || site === 'same-origin';
}

export const isReading = (method: string): boolean => method === 'GET' || method === 'HEAD';

export function sameText(one: unknown, other: string): boolean {
  if (typeof one !== 'string') return false;
  const [given, wanted] = [Buffer.from(one), Buffer.from(other)];
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}
