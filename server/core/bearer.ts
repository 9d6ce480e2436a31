/**
 * Tokens of agents without an identity (RFC 6750). A **device token** is the secret that a registration gave; only its hash
 * is kept. An **access token** lives for ten minutes and is not kept at all: it is bound by HMAC to the device and to what
 * it was given for, a device token or an identity, and ends with it.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { fromNumericDate, type Instant, minuteMs, toNumericDate } from '../../protocol/time.ts';

/** By a device token, or by a client certificate. */
export type Way = 'legacy' | 'mutual';
export type Token =
  | { readonly at: 'device'; readonly device: string; readonly secret: string }
  | {
      readonly at: 'access';
      readonly device: string;
      readonly way: Way;
      readonly expiresAt: Instant;
      readonly mac: string;
    };

export const accessTokenMs = 10 * minuteMs;
const maxHeader = 512;

const uuid = '[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}';
/** 32 bytes in base64url have two bits to spare in the last letter, which must be zero: one spelling for each token. */
const secret = '[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]';
const deviceToken = new RegExp(`^(${uuid})\\.(${secret})$`);
const accessToken = new RegExp(`^(${uuid})\\.(legacy|mutual)\\.([1-9][0-9]{0,11})\\.(${secret})$`);

/** RFC 6750 §2.1; null for any other scheme, and for what is no token of ours. */
export function bearerOf(header: string | undefined): Token | null {
  if (header === undefined || header.length > maxHeader) return null;
  return readToken(/^bearer +(\S+)$/i.exec(header)?.[1] ?? '');
}

export function readToken(text: string): Token | null {
  const [, device, own] = deviceToken.exec(text) ?? [];
  if (device && own) return { at: 'device', device, secret: own };
  const [, holder, way, expires, mac] = accessToken.exec(text) ?? [];
  if (!holder || !mac || (way !== 'legacy' && way !== 'mutual')) return null;
  return { at: 'access', device: holder, way, expiresAt: fromNumericDate(Number(expires)), mac };
}

export const writeToken = (token: Token): string =>
  token.at === 'device'
    ? `${token.device}.${token.secret}`
    : `${token.device}.${token.way}.${toNumericDate(token.expiresAt)}.${token.mac}`;

/** Hex SHA-256: the secret has 256 random bits, so that a slow hash would gain nothing. */
export const hashSecret = (text: string): string => createHash('sha256').update(text).digest('hex');

/** `kept`: what `hashSecret` gave. */
export const isSecret = (text: string, kept: string): boolean => sameText(hashSecret(text), kept);

/** `bound`: hash of the device token, or fingerprint of the certificate, that stands behind it. */
export function makeAccess(key: Uint8Array, device: string, way: Way, bound: string, now: Instant): string {
  const expiresAt = fromNumericDate(toNumericDate(now) + accessTokenMs / 1000);
  return writeToken({ at: 'access', device, way, expiresAt, mac: macOf(key, device, way, expiresAt, bound) });
}

/** In date, and made for one of `bounds`. */
export const isAccess = (
  key: Uint8Array,
  { device, way, expiresAt, mac }: Extract<Token, { at: 'access' }>,
  bounds: readonly string[],
  now: Instant,
): boolean => expiresAt > now && bounds.some((bound) => sameText(mac, macOf(key, device, way, expiresAt, bound)));

const macOf = (key: Uint8Array, device: string, way: Way, expiresAt: Instant, bound: string): string =>
  createHmac('sha256', key)
    .update(`thintrust-access-v1\0${device}\0${way}\0${toNumericDate(expiresAt)}\0${bound}`)
    .digest('base64url');

const sameText = (one: string, other: string): boolean =>
  one.length === other.length && timingSafeEqual(Buffer.from(one), Buffer.from(other));
