/**
 * Loader of the native addon and the meaning of its answers. There is no weaker engine to fall back to: without the
 * addon, `openEngine` throws.
 */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Fault, type FaultCode, fault } from '../protocol/fault.ts';
import type { PathAnswer, PathQuestion } from '../protocol/path.ts';
import type { TokenAddon } from './token.ts';

export type Engine = {
  /**
   * Judges one certification path. X509_STRICT, auth level 2 (RSA and DSA from 2048 bits, EC from 224, no SHA-1), at
   * most 10 intermediates, anchors are CAs and in date; a name is matched against the SAN only (RFC 9525 §6).
   * An instant equal to `notAfter` counts as expired, as OpenSSL has it. Facts of every fault: `openssl` (its error
   * number, or below zero our own), `depth` (0 is the leaf; for unreadable input its index) and `reason`.
   * Throws only where a type is wrong. OpenSSL does not go back to try another issuer of the same name and key id.
   */
  readonly verifyPath: (question: PathQuestion) => PathAnswer;
  /**
   * Sends one sd_notify(3) datagram; a path that begins with `@` is abstract. Never blocks. Returns 0 or the errno,
   * EINVAL for a path that cannot be and EMSGSIZE above 4096 bytes of text.
   */
  readonly notify: (socketPath: string, text: string) => number;
};

type RawAnswer = {
  readonly trusted: boolean;
  readonly code: number;
  readonly depth: number;
  readonly reason: string;
  readonly anchor: number;
  readonly chainLength: number;
};
type Addon = TokenAddon & {
  readonly guard: () => number;
  readonly verifyPath: (question: PathQuestion) => RawAnswer;
  readonly notify: (socketPath: string, text: string) => number;
};

/** X509_V_ERR_… of openssl/x509_vfy.h, and our own numbers below zero (native/path.cc). What is not here is `path-invalid`. */
const faultCodes: ReadonlyMap<number, FaultCode> = new Map(
  Object.entries({
    'certificate-unreadable': [-1],
    'too-many-certificates': [-2],
    'bad-argument': [-3],
    internal: [-4, 17, 69, 70],
    'not-yet-valid': [9],
    expired: [10],
    'issuer-unknown': [2, 18, 19, 20, 21, 27],
    'path-too-long': [22, 25],
    revoked: [23],
    'wrong-purpose': [26],
    'crl-unavailable': [-5, 3, 5, 8, 11, 12, 15, 16, 33, 35, 36, 44, 54],
    'policy-constraint': [42, 43],
    'name-constraint': [47, 48, 49, 51, 52, 53],
    'name-mismatch': [62, 64],
    'certificate-weak-key': [66, 67],
    'certificate-weak-signature': [68],
  } satisfies Partial<Record<FaultCode, number[]>>).flatMap(([code, numbers]) =>
    numbers.map((number): [number, FaultCode] => [number, code as FaultCode]),
  ),
);

/** Loads the addon from beside the bundle, or from `build/native` of the source tree; from nowhere else. */
export function openEngine(): Engine {
  const addon = load();
  return {
    verifyPath: (question) => toAnswer(addon.verifyPath(question)),
    notify: addon.notify,
  };
}

/**
 * From now on no core of this process is written, and nobody but root attaches to it or reads its memory. Programs it
 * starts have no cores either; whether they may be attached to is their own. Null when it is so, else why not.
 */
export function guardMemory(): string | null {
  try {
    const errno = load().guard();
    return errno === 0 ? null : `errno ${errno}`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function toAnswer(raw: RawAnswer): PathAnswer {
  return raw.trusted
    ? { trusted: true, anchor: raw.anchor, chainLength: raw.chainLength }
    : { trusted: false, fault: toFault(raw) };
}

const toFault = ({ code, depth, reason }: RawAnswer): Fault =>
  fault(faultCodes.get(code) ?? 'path-invalid', { openssl: code, depth, reason });

/** Throws where it is neither beside the bundle nor in the source tree, or is of another machine. */
export function load(): Addon {
  const here = dirname(fileURLToPath(import.meta.url));
  const places = [join(here, 'thintrust.node'), join(here, '..', 'build', 'native', 'thintrust.node')];
  const file = places.find((place) => existsSync(place));
  if (!file) throw new Error(`the certificate path engine is missing: none of ${places.join(', ')}`);
  const module: { exports: unknown } = { exports: {} };
  process.dlopen(module, file);
  return module.exports as Addon;
}
