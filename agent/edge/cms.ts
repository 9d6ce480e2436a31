/**
 * Cryptographic Message Syntax (RFC 5652) as SCEP uses it (RFC 8894 §3): one signer with signed attributes, one RSA
 * recipient. Ours is DER; what comes in may be BER. Reading never throws and says no more than that a message does not fit.
 * Not done: several signers' judgement, key agreement, AEAD, RSA-PSS and OAEP.
 */
import {
  constants,
  createCipheriv,
  createDecipheriv,
  createHash,
  privateDecrypt,
  publicEncrypt,
  randomBytes,
  sign,
  verify,
  X509Certificate,
} from 'node:crypto';
import { algorithm, asn1Null, integer, objectId, octets, sequence, setOf } from '../../protocol/asn1.ts';
import { joinOctets, unfoldBer } from '../../protocol/ber.ts';
import { certificatesIn, contentType, fieldsOf } from '../../protocol/content-info.ts';
import { contextTag, derChildren, derTag, oidOf, readDer, type Tlv, writeDer } from '../../protocol/der.ts';
import { readKey } from './device-key.ts';

export type HashName = 'sha1' | 'sha256' | 'sha384' | 'sha512';
export type CipherName = 'aes-128-cbc' | 'aes-256-cbc' | 'des-ede3-cbc';
/** Type, and its one value as DER. */
export type Attribute = readonly [oid: string, value: Uint8Array];
export type Signer = { readonly pkcs8: Uint8Array; readonly certificate: Uint8Array; readonly hash: HashName };

/** A SignedData with one signer, read and not yet believed. */
export type SignedMessage = {
  /** Null where the message carries only certificates. */
  readonly content: Uint8Array | null;
  readonly certificates: readonly Uint8Array[];
  readonly signer: SignerInfo | null;
};
export type SignerInfo = {
  /** DER of the issuer's name and of the serial number. */
  readonly issuer: Uint8Array;
  readonly serial: Uint8Array;
  readonly hash: HashName;
  readonly signature: Uint8Array;
  /** As they are signed, RFC 5652 §5.4: tagged SET OF. */
  readonly signedAttributes: Uint8Array;
  /** The first value of each. */
  readonly attributes: ReadonlyMap<string, Tlv>;
};

const maxServedCertificates = 10;
const attributeType = { content: '1.2.840.113549.1.9.3', digest: '1.2.840.113549.1.9.4' } as const;
const rsaEncryption = '1.2.840.113549.1.1.1';
const hashes: Readonly<Record<HashName, string>> = {
  sha1: '1.3.14.3.2.26',
  sha256: '2.16.840.1.101.3.4.2.1',
  sha384: '2.16.840.1.101.3.4.2.2',
  sha512: '2.16.840.1.101.3.4.2.3',
};
const ciphers: Readonly<
  Record<CipherName, { readonly oid: string; readonly keyBytes: number; readonly blockBytes: number }>
> = {
  'aes-128-cbc': { oid: '2.16.840.1.101.3.4.1.2', keyBytes: 16, blockBytes: 16 },
  'aes-256-cbc': { oid: '2.16.840.1.101.3.4.1.42', keyBytes: 32, blockBytes: 16 },
  'des-ede3-cbc': { oid: '1.2.840.113549.3.7', keyBytes: 24, blockBytes: 8 },
};
const aes192 = '2.16.840.1.101.3.4.1.22';
const singleDes = '1.3.14.3.2.7';

/** ContentInfo of SignedData over `content`, with content type and digest added to `attributes`. Digest of RSA PKCS #1 v1.5. */
export function signMessage(content: Uint8Array, attributes: readonly Attribute[], signer: Signer): Uint8Array {
  const { certificate, hash } = signer;
  const digest = createHash(hash).update(content).digest();
  const all: readonly Attribute[] = [
    [attributeType.content, objectId(contentType.data)],
    [attributeType.digest, octets(digest)],
    ...attributes,
  ];
  const attributeSet = setOf(...all.map(([type, value]) => sequence(objectId(type), setOf(value))));
  const { issuer, serial } = namesOf(certificate);
  const hashAlgorithm = algorithm(hashes[hash], asn1Null);
  const info = sequence(
    integer(Buffer.of(1)),
    sequence(issuer, serial),
    hashAlgorithm,
    writeDer(contextTag(0), readDer(attributeSet)?.value ?? Buffer.alloc(0)),
    algorithm(rsaEncryption, asn1Null),
    octets(sign(hash, attributeSet, readKey(signer.pkcs8))),
  );
  const signedData = sequence(
    integer(Buffer.of(1)),
    setOf(hashAlgorithm),
    sequence(objectId(contentType.data), writeDer(contextTag(0), octets(content))),
    writeDer(contextTag(0), certificate),
    setOf(info),
  );
  return contentInfo(contentType.signed, signedData);
}

/** ContentInfo of EnvelopedData that only the key of this RSA certificate opens. */
export function sealFor(certificate: Uint8Array, content: Uint8Array, cipher: CipherName): Uint8Array {
  const { oid, keyBytes, blockBytes } = ciphers[cipher];
  const key = randomBytes(keyBytes);
  const iv = randomBytes(blockBytes);
  const encipher = createCipheriv(cipher, key, iv);
  const sealed = Buffer.concat([encipher.update(content), encipher.final()]);
  const recipient = new X509Certificate(certificate).publicKey;
  const { issuer, serial } = namesOf(certificate);
  const info = sequence(
    integer(Buffer.of(0)),
    sequence(issuer, serial),
    algorithm(rsaEncryption, asn1Null),
    octets(publicEncrypt({ key: recipient, padding: constants.RSA_PKCS1_PADDING }, key)),
  );
  const encrypted = sequence(
    objectId(contentType.data),
    algorithm(oid, octets(iv)),
    writeDer(contextTag(0, false), sealed),
  );
  return contentInfo(contentType.enveloped, sequence(integer(Buffer.of(0)), setOf(info), encrypted));
}

/** Null for what is no SignedData, or has more than one signer or ten certificates. */
export function readSigned(ber: Uint8Array): SignedMessage | null {
  const body = bodyOf(ber, contentType.signed);
  const [, , encapsulated, ...rest] = body ?? [];
  if (encapsulated?.tag !== derTag.sequence) return null;
  const [type, explicit] = derChildren(encapsulated.value);
  const inner = explicit && readDer(explicit.value);
  if (oidOf(type) === null || (explicit && (explicit.tag !== contextTag(0) || !inner))) return null;
  const certificates = servedIn(rest);
  const infos = derChildren(rest.find(({ tag }) => tag === derTag.set)?.value ?? new Uint8Array(), 2);
  if (!certificates || infos.length > 1) return null;
  const signer = infos[0] ? signerOf(infos[0]) : null;
  if (infos[0] && !signer) return null;
  return {
    content: inner ? joinOctets(inner) : null,
    certificates,
    signer,
  };
}

/** Certificates a SignedData carries, whoever signed it, if anybody; null for what is none, or has more than ten. */
export function servedCertificates(ber: Uint8Array): readonly Uint8Array[] | null {
  const body = bodyOf(ber, contentType.signed);
  return body && servedIn(body);
}

function servedIn(body: readonly Tlv[]): readonly Uint8Array[] | null {
  const found = certificatesIn(body, maxServedCertificates + 1);
  return found.length > maxServedCertificates ? null : found;
}

/**
 * Whether this certificate's key signed the message as it is (RFC 5652 §5.4, §5.6). RSA PKCS #1 v1.5 and ECDSA; SHA-1 too,
 * since old servers know no better and only a collision made by the signer would need it to be strong. MD5 never.
 */
export function isSignedBy({ content, signer }: SignedMessage, certificate: Uint8Array): boolean {
  if (!signer) return false;
  const { attributes, hash, issuer, serial, signature, signedAttributes } = signer;
  const digest = attributes.get(attributeType.digest);
  if (digest?.tag !== derTag.octetString || oidOf(attributes.get(attributeType.content)) !== contentType.data)
    return false;
  const own = createHash(hash)
    .update(content ?? Buffer.alloc(0))
    .digest();
  if (!own.equals(digest.value)) return false;
  try {
    const names = namesOf(certificate);
    if (!names.issuer.equals(issuer) || !names.serial.equals(serial)) return false;
    const { publicKey } = new X509Certificate(certificate);
    return /^(rsa|ec)$/.test(publicKey.asymmetricKeyType ?? '') && verify(hash, signedAttributes, publicKey, signature);
  } catch {
    return false;
  }
}

/**
 * What an EnvelopedData for our key holds; null where it is none, is for another key, or is damaged: these cannot be told
 * apart. AES, triple and single DES.
 */
export function openEnvelope(ber: Uint8Array, certificate: Uint8Array, pkcs8: Uint8Array): Uint8Array | null {
  const body = bodyOf(ber, contentType.enveloped);
  const recipients = body?.find(({ tag }) => tag === derTag.set);
  const encrypted = body?.find(({ tag }) => tag === derTag.sequence);
  if (!recipients || !encrypted) return null;
  const [type, method, sealed] = derChildren(encrypted.value);
  const content = sealed && (sealed.tag & ~0x20) === contextTag(0, false) ? joinOctets(sealed) : null;
  const [name, vector] = derChildren(method?.value ?? new Uint8Array());
  if (oidOf(type) !== contentType.data || !content || vector?.tag !== derTag.octetString) return null;
  try {
    const key = keyFor(derChildren(recipients.value, 20), certificate, pkcs8);
    return key && decipher(oidOf(name) ?? '', key, vector.value, content);
  } catch {
    return null;
  }
}

export type Names = { readonly issuer: Buffer; readonly serial: Buffer; readonly subject: Buffer };

/** DER of what a certificate, that has been parsed before, is called by. */
export function namesOf(certificate: Uint8Array): Names {
  const [body] = derChildren(readDer(certificate)?.value ?? certificate);
  const all = derChildren(body?.value ?? new Uint8Array());
  const [serial, , issuer, , subject] = all[0]?.tag === contextTag(0) ? all.slice(1) : all;
  const bytes = (part: Tlv | undefined): Buffer => Buffer.from(part?.whole ?? []);
  return { issuer: bytes(issuer), serial: bytes(serial), subject: bytes(subject) };
}

const contentInfo = (type: string, content: Uint8Array): Uint8Array =>
  sequence(objectId(type), writeDer(contextTag(0), content));

/** What stands in the content of a ContentInfo of this type; what a server pads it with is left out. Null for anything else. */
const bodyOf = (ber: Uint8Array, type: string): readonly Tlv[] | null =>
  fieldsOf(unfoldBer(ber)?.der ?? new Uint8Array(), type);

function signerOf(info: Tlv): SignerInfo | null {
  const [, name, digest, signedAttributes, method, signature] = derChildren(info.value);
  const [issuer, serial] = derChildren(name?.value ?? new Uint8Array());
  const digestOid = oidOf(derChildren(digest?.value ?? new Uint8Array())[0]);
  const hash = Object.entries(hashes).find(([, oid]) => oid === digestOid)?.[0] as HashName | undefined;
  if (name?.tag !== derTag.sequence || !issuer || !serial || !hash || !method) return null;
  if (signedAttributes?.tag !== contextTag(0) || signature?.tag !== derTag.octetString) return null;
  const attributes = new Map<string, Tlv>();
  for (const attribute of derChildren(signedAttributes.value, 50)) {
    const [type, values] = derChildren(attribute.value);
    const oid = oidOf(type);
    const value = values?.tag === derTag.set ? readDer(values.value) : null;
    // Twice the same: RFC 5652 §5.3 forbids it, and readers would differ about which counts.
    if (oid === null || attributes.has(oid)) return null;
    if (value) attributes.set(oid, value);
  }
  return {
    issuer: issuer.whole,
    serial: serial.whole,
    hash,
    signature: signature.value,
    signedAttributes: writeDer(derTag.set, signedAttributes.value),
    attributes,
  };
}

/** The content key, out of the recipient that names our certificate. */
function keyFor(recipients: readonly Tlv[], certificate: Uint8Array, pkcs8: Uint8Array): Buffer | null {
  const own = namesOf(certificate);
  for (const recipient of recipients) {
    const [, name, method, sealed] = derChildren(recipient.value);
    const [issuer, serial] = derChildren(name?.value ?? new Uint8Array());
    if (!issuer || !serial || !own.issuer.equals(issuer.whole) || !own.serial.equals(serial.whole)) continue;
    const [algorithmName] = derChildren(method?.value ?? new Uint8Array());
    if (oidOf(algorithmName) !== rsaEncryption || sealed?.tag !== derTag.octetString) continue;
    return unpad(privateDecrypt({ key: readKey(pkcs8), padding: constants.RSA_NO_PADDING }, sealed.value));
  }
  return null;
}

/**
 * PKCS #1 v1.5 block type 2 (RFC 8017 §7.2.2). Node 20 does not do this itself any more for fear of an oracle: here the
 * signature has been verified before, so whoever could ask is the authority itself.
 */
function unpad(block: Buffer): Buffer | null {
  const end = block.indexOf(0, 2);
  return block[0] === 0 && block[1] === 2 && end >= 10 ? block.subarray(end + 1) : null;
}

function decipher(oid: string, key: Buffer, iv: Uint8Array, sealed: Uint8Array): Uint8Array | null {
  const known = Object.entries(ciphers).find(([, cipher]) => cipher.oid === oid);
  // OpenSSL keeps single DES in a provider Node does not load; triple DES with the same key three times is single DES.
  const [name, bytes, own] =
    oid === singleDes
      ? ['des-ede3-cbc', 8, Buffer.concat([key, key, key])]
      : oid === aes192
        ? ['aes-192-cbc', 24, key]
        : [known?.[0] ?? '', known?.[1].keyBytes ?? -1, key];
  if (name === '' || key.length !== bytes) return null;
  const open = createDecipheriv(name, own, iv);
  return Buffer.concat([open.update(sealed), open.final()]);
}
