/** An authority as it signs: its key, and what of its certificate goes into those it issues. */
import { createPrivateKey, type KeyObject, sign } from 'node:crypto';
import { promisify } from 'node:util';
import { algorithm, asn1Null, bitString, sequence } from '../../protocol/asn1.ts';
import { type Certificate, parseCertificate } from '../../protocol/certificate.ts';
import { derChildren, readDer } from '../../protocol/der.ts';
import type { Authority } from './authority.ts';
import { authorityKeyId, endEntity, extensionsHead, oid } from './x509-parts.ts';

/** Who signs, read once. */
export type Signer = {
  readonly key: KeyObject;
  /** AlgorithmIdentifier of its signatures. */
  readonly algorithm: Uint8Array;
};
export type Issuer = Signer & {
  readonly certificate: Certificate;
  /** Name, SubjectPublicKeyInfo and AuthorityKeyIdentifier, DER. */
  readonly subject: Uint8Array;
  readonly publicKeyDer: Uint8Array;
  readonly keyId: Uint8Array;
  /** `extensionsHead` of the identities of devices. */
  readonly deviceExtensions: Uint8Array;
};

const issuers = new WeakMap<Authority, Issuer>();

/** Read once for each authority: most of the time of an issue would go there. */
export function issuerOf(authority: Authority): Issuer {
  const known = issuers.get(authority);
  if (known) return known;
  const read = parseCertificate(authority.certificateDer);
  const [body] = derChildren(readDer(authority.certificateDer)?.value ?? Buffer.alloc(0), 1);
  // Version, serial number, algorithm, issuer, validity, subject, key.
  const [, , , , , subject, publicKey] = derChildren(body?.value ?? Buffer.alloc(0), 7);
  if (!read.ok || !subject || !publicKey) throw new Error('our own authority cannot be read');
  const keyId = authorityKeyId(publicKey.whole);
  const issuer = {
    ...signerOf(authority.keyPkcs8),
    certificate: read.value,
    subject: subject.whole,
    publicKeyDer: publicKey.whole,
    keyId,
    deviceExtensions: extensionsHead([...endEntity(oid.clientAuth), keyId]),
  };
  issuers.set(authority, issuer);
  return issuer;
}

/** What the key is says its algorithm: ECDSA, or RSA PKCS #1 v1.5, which whoever needs RSA can verify; with SHA-256 (RFC 5758, 8017). */
export function signerOf(pkcs8: Uint8Array): Signer {
  const key = createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' });
  const rsa = key.asymmetricKeyType === 'rsa';
  return { key, algorithm: rsa ? algorithm('1.2.840.113549.1.1.11', asn1Null) : algorithm('1.2.840.10045.4.3.2') };
}

/** SIGNED (X.509 §7.2, RFC 5280 §4.1.1): what is signed, how, and the signature. */
export const signed = (signer: Signer, body: Uint8Array): Uint8Array =>
  joined(signer, body, sign('sha256', body, signer.key));

/** The same on another thread: this one goes on with the next, and an RSA signature of milliseconds holds up nobody. */
export const signedAside = async (signer: Signer, body: Uint8Array): Promise<Uint8Array> =>
  joined(signer, body, await signAside('sha256', body, signer.key));

const signAside = promisify(sign);

const joined = ({ algorithm }: Signer, body: Uint8Array, signature: Uint8Array): Uint8Array =>
  sequence(body, algorithm, bitString(signature));
