/** One-time passwords by time (RFC 6238): six digits, SHA-1, steps of 30 seconds, as every authenticator takes them. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { type Instant, secondMs } from '../../protocol/time.ts';

export type TotpHash = 'sha1' | 'sha256' | 'sha512';

export const totpDigits = 6;
const stepMs = 30 * secondMs;
/** Clocks differ, and typing takes time. */
const drift = 1;
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

export const stepAt = (now: Instant): number => Math.floor(now / stepMs);

/** RFC 4226 §5.3, RFC 6238 §4.2. */
export function totp(secret: Uint8Array, step: number, digits = totpDigits, hash: TotpHash = 'sha1'): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const mac = createHmac(hash, secret).update(counter).digest();
  const offset = (mac.at(-1) ?? 0) & 15;
  const number = mac.readUInt32BE(offset) & 0x7fffffff;
  return String(number % 10 ** digits).padStart(digits, '0');
}

/**
 * The step whose code was typed, one before or after now at most; null for a wrong code, and for one of a step up to `last`:
 * no code counts twice (RFC 6238 §5.2).
 */
export function matchTotp(secret: Uint8Array, typed: string, last: number, now: Instant): number | null {
  if (!/^[0-9]{6}$/.test(typed)) return null;
  const current = stepAt(now);
  let found: number | null = null;
  for (let step = current - drift; step <= current + drift; step++) {
    const same = timingSafeEqual(Buffer.from(totp(secret, step)), Buffer.from(typed));
    if (same && step > last) found ??= step;
  }
  return found;
}

/** RFC 4648 §6, without padding: what people type into an authenticator. */
export function base32(bytes: Uint8Array): string {
  let text = '';
  let bits = 0;
  let value = 0;
  for (const byte of bytes) {
    value = ((value << 8) | byte) & 0xfff;
    for (bits += 8; bits >= 5; bits -= 5) text += alphabet[(value >> (bits - 5)) & 31];
  }
  return bits > 0 ? text + alphabet[(value << (5 - bits)) & 31] : text;
}

/** The key URI that authenticators read from a QR code. */
export function otpauthUri(issuer: string, account: string, secret: Uint8Array): string {
  const label = `${encodeURIComponent(issuer)}:${encodeURIComponent(account)}`;
  return `otpauth://totp/${label}?secret=${base32(secret)}&issuer=${encodeURIComponent(issuer)}&algorithm=SHA1&digits=${totpDigits}&period=30`;
}
