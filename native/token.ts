/**
 * Keys that sign elsewhere, for TLS of Node. A context is given the public half and a number; where it needs a signature it asks
 * for one by that number, in the middle of the handshake, and waits. Nothing of the process's OpenSSL is changed.
 */
import type { SecureContext } from 'node:tls';
import { load } from './engine.ts';

/** Digest in, ECDSA signature (DER) out; null where there is none. */
export type Signer = (digest: Uint8Array) => Uint8Array | null;
export type TokenAddon = {
  readonly onSign: (ask: (number: number, digest: Uint8Array) => Uint8Array | null) => void;
  readonly useKey: (make: () => SecureContext, spki: Uint8Array, number: number) => SecureContext | null;
  readonly openToken: (path: string) => number;
  readonly askToken: (descriptor: number, command: Uint8Array, timeoutMs: number) => Uint8Array | number;
};
export type Tokens = {
  /** A number for this key in this process; `forget` when it signs no more. */
  readonly number: (sign: Signer) => number;
  readonly forget: (number: number) => void;
  /**
   * The context that `make` makes, with its certificates and no key, signs by that key from now on. Null where key and certificate
   * do not belong together, and where it is not exactly one that was made. What `make` throws is thrown.
   */
  readonly useKey: (make: () => SecureContext, spki: Uint8Array, number: number) => SecureContext | null;
  /** A character device or a Unix socket; a descriptor, or -errno. */
  readonly open: (path: string) => number;
  /** One command of a TPM 2.0 and its answer, both at most 4096 octets; else the errno, ETIMEDOUT after that time. */
  readonly ask: (descriptor: number, command: Uint8Array, timeoutMs: number) => Uint8Array | number;
};

/** As the addon has one function that is asked, the process has one list of keys. */
const signers = new Map<number, Signer>();
let last = 0;

/** Throws where the addon is missing. */
export function openTokens(): Tokens {
  const addon = load();
  addon.onSign((number, digest) => signers.get(number)?.(digest) ?? null);
  return {
    number: (sign) => {
      last += 1;
      signers.set(last, sign);
      return last;
    },
    forget: (number) => void signers.delete(number),
    useKey: addon.useKey,
    open: addon.openToken,
    ask: addon.askToken,
  };
}
