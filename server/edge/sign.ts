/** Signing of documents: ES256 (RFC 7518 §3.4) over the layout of `protocol/jws.ts`, keys held as PKCS#8. */
import { createPrivateKey, generateKeyPairSync, sign } from 'node:crypto';
import { type DocumentType, joinSignature, signingInput } from '../../protocol/jws.ts';
import type { PublicKey } from '../../protocol/schema.ts';

export type SigningKey = { readonly publicKey: PublicKey; readonly keyPkcs8: Uint8Array };

/** A new P-256 key pair. */
export function makeSigningKey(): SigningKey {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const keyPkcs8 = privateKey.export({ format: 'der', type: 'pkcs8' });
  return { publicKey: publicKeyOf(keyPkcs8), keyPkcs8 };
}

/** The public half as the JWK that devices hold. Throws for anything but a P-256 key. */
export function publicKeyOf(keyPkcs8: Uint8Array): PublicKey {
  const { kty, crv, x, y } = privateKeyOf(keyPkcs8).export({ format: 'jwk' });
  if (kty !== 'EC' || crv !== 'P-256' || !x || !y) throw new Error('not a P-256 key');
  return { kty, crv, x, y };
}

/** Compact JWS of `payload` as JSON. `publicKey` only names the key; that both belong together is the caller's word. */
export function signDocument(type: DocumentType, keyPkcs8: Uint8Array, publicKey: PublicKey, payload: object): string {
  const input = signingInput(type, publicKey, JSON.stringify(payload));
  const key = { key: privateKeyOf(keyPkcs8), dsaEncoding: 'ieee-p1363' } as const;
  return joinSignature(input, sign('sha256', Buffer.from(input), key));
}

const privateKeyOf = (pkcs8: Uint8Array) => createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' });
