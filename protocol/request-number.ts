/** By which a person compares a request that waits for approval with the device that made it. */
import { createHash } from 'node:crypto';

/**
 * Twelve hexadecimal digits in groups of four: the first 48 bits of SHA-256 over the public key (DER SubjectPublicKeyInfo),
 * so that nobody makes a key of the same number while the request waits.
 */
export const requestNumber = (publicKeyDer: Uint8Array): string =>
  numberOfKey(createHash('sha256').update(publicKeyDer).digest('hex'));

/** Of the SHA-256 in hex. */
export const numberOfKey = (hash: string): string =>
  hash
    .slice(0, 12)
    .toUpperCase()
    .replace(/(....)(?=.)/g, '$1-');
