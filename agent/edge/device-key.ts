/** A private key of this device, wherever it lies, and what is asked of it outside TLS. */
import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, type X509Certificate } from 'node:crypto';
import type { SecureContext } from 'node:tls';
import type { Fault, Result } from '../../protocol/fault.ts';

/** A key on P-256 that stays in a token. It never throws. */
export type TokenKey = {
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array;
  /** ECDSA, DER. Faults: `tpm-missing`, `tpm-foreign`, `tpm-failed`. */
  readonly sign: (digest: Uint8Array) => Result<Uint8Array>;
  /** The context that is made, with its certificates, signs by this key from now on; null where they do not belong together. */
  readonly useIn: (make: () => SecureContext) => SecureContext | null;
  /** Why it did not sign when it was last asked, within a handshake for instance; null where it did. */
  readonly refused: () => Fault | null;
};
/** PKCS#8 DER, or a key that cannot be read. */
export type DeviceKey = Uint8Array | TokenKey;

/** A token did not sign. Whoever begins a call with the network tells its fault. */
export class TokenError extends Error {
  readonly fault: Fault;
  constructor(fault: Fault) {
    super(fault.code);
    this.fault = fault;
  }
}

export const isInFile = (key: DeviceKey): key is Uint8Array => key instanceof Uint8Array;

export const readKey = (pkcs8: Uint8Array): KeyObject =>
  createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' });

/** SubjectPublicKeyInfo of the key's public half, DER. */
export const spkiOf = (key: DeviceKey): Uint8Array =>
  isInFile(key) ? createPublicKey(readKey(key)).export({ type: 'spki', format: 'der' }) : key.spki;

export const publicKeyOf = (key: DeviceKey): KeyObject =>
  isInFile(key)
    ? createPublicKey(readKey(key))
    : createPublicKey({ key: Buffer.from(key.spki), format: 'der', type: 'spki' });

/** Whether a certificate is of this key; false where its own cannot be read. */
export function isOfKey(certificate: X509Certificate, key: DeviceKey): boolean {
  if (isInFile(key)) return certificate.checkPrivateKey(readKey(key));
  try {
    return certificate.publicKey.export({ type: 'spki', format: 'der' }).equals(key.spki);
  } catch {
    return false;
  }
}

/** ECDSA as DER, RSA by PKCS #1 v1.5. Throws `TokenError`. */
export function signBy(key: DeviceKey, hash: 'sha256' | 'sha384', body: Uint8Array): Uint8Array {
  if (isInFile(key)) return sign(hash, body, readKey(key));
  const signed = key.sign(createHash(hash).update(body).digest());
  if (!signed.ok) throw new TokenError(signed.fault);
  return signed.value;
}
