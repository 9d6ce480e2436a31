/** The second factor of an account: an authenticator (RFC 6238), and codes on paper for who has lost it. */
import { randomBytes } from 'node:crypto';
import { toBase64 } from '../../protocol/certificate.ts';
import { good, type Result } from '../../protocol/fault.ts';
import type { Instant } from '../../protocol/time.ts';
import { hashSecret } from '../core/bearer.ts';
import { readSpelled, spell } from '../core/spelling.ts';
import { matchTotp } from '../core/totp.ts';
import { open, seal } from './seal.ts';

export type SecondFactor = {
  /** Base64. */
  readonly secret: string;
  /** The step of the last code that was taken. */
  readonly last: number;
  /** SHA-256 of the recovery codes that are left. */
  readonly recovery: readonly string[];
};

const secretBytes = 20;
const recoveryCount = 10;
const recoveryLetters = 16;

/** As long as the hash, RFC 4226 §4 R6. */
export const makeSecret = (): Uint8Array => randomBytes(secretBytes);

/** 80 bits each, in groups of four. */
export const makeRecoveryCodes = (): readonly string[] =>
  Array.from({ length: recoveryCount }, () => spell(randomBytes(recoveryLetters)).replace(/(.{4})(?=.)/g, '$1-'));

export const newFactor = (secret: Uint8Array, last: number, codes: readonly string[]): SecondFactor => ({
  secret: toBase64(secret),
  last,
  recovery: codes.map((code) => hashSecret(readSpelled(code))),
});

export const sealFactor = (master: Uint8Array, factor: SecondFactor): string =>
  seal(master, Buffer.from(JSON.stringify(factor)));

/** Fault: `master-key-missing`. */
export function openFactor(master: Uint8Array, sealed: string): Result<SecondFactor> {
  const opened = open(master, sealed);
  return opened.ok ? good(JSON.parse(Buffer.from(opened.value).toString()) as SecondFactor) : opened;
}

/** What is left of the factor once the code that was typed is spent; null for a wrong one. */
export function spend(factor: SecondFactor, typed: string, now: Instant): SecondFactor | null {
  const code = typed.replace(/\s/g, '');
  const step = matchTotp(Buffer.from(factor.secret, 'base64'), code, factor.last, now);
  if (step !== null) return { ...factor, last: step };
  const spelled = readSpelled(code);
  if (spelled.length !== recoveryLetters) return null;
  const hash = hashSecret(spelled);
  return factor.recovery.includes(hash)
    ? { ...factor, recovery: factor.recovery.filter((each) => each !== hash) }
    : null;
}
