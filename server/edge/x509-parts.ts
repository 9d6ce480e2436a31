/** Parts of X.509 certificates and revocation lists (RFC 5280), DER: names, extensions, serial numbers. */
import { hash, randomFillSync } from 'node:crypto';
import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import { asn1True, objectId, octets, sequence, setOf, utf8 } from '../../protocol/asn1.ts';
import { contextTag, derChildren, derTag, readDer, writeDer } from '../../protocol/der.ts';

const serialBytes = 16;
const keyIdBytes = 20;
/** Drawn together: a call for each takes as long as the layout of a certificate. */
const randomness = Buffer.alloc(256 * serialBytes);
let drawn = randomness.length;

export const oid = {
  commonName: objectId('2.5.4.3'),
  organization: objectId('2.5.4.10'),
  subjectKeyId: objectId('2.5.29.14'),
  keyUsage: objectId('2.5.29.15'),
  subjectAltName: objectId('2.5.29.17'),
  basicConstraints: objectId('2.5.29.19'),
  crlNumber: objectId('2.5.29.20'),
  authorityKeyId: objectId('2.5.29.35'),
  extendedKeyUsage: objectId('2.5.29.37'),
  serverAuth: objectId('1.3.6.1.5.5.7.3.1'),
  clientAuth: objectId('1.3.6.1.5.5.7.3.2'),
  emailProtection: objectId('1.3.6.1.5.5.7.3.4'),
} as const;

/** Bits of KeyUsage, RFC 5280 §4.2.1.3. */
export const usage = { digitalSignature: 0x80, keyCertSign: 0x04, crlSign: 0x02 } as const;

/** O, then CN, each a relative name of its own. */
export const nameOf = (commonName: string, organization: Uint8Array): Buffer =>
  sequence(organization, relativeName(oid.commonName, commonName));

export const organizationOf = (name: string): Buffer => relativeName(oid.organization, name);

const relativeName = (type: Uint8Array, value: string): Buffer => setOf(sequence(type, utf8(value)));

/** What is not critical does not say so (X.690 §11.5). */
export const extension = (id: Uint8Array, critical: boolean, value: Uint8Array): Buffer =>
  sequence(id, ...(critical ? [asn1True] : []), octets(value));

export const endEntity = (...purposes: readonly Uint8Array[]): Buffer[] => [
  extension(oid.basicConstraints, true, sequence()),
  keyUsage(usage.digitalSignature),
  extension(oid.extendedKeyUsage, false, sequence(...purposes)),
];

/** Zeros at the end are no part of it (X.690 §11.2.2). */
export const keyUsage = (bits: number): Buffer =>
  extension(oid.keyUsage, true, writeDer(derTag.bitString, Buffer.of(Math.log2(bits & -bits), bits)));

/** RFC 7093 §2 method 1: the leftmost 160 bits of the SHA-256 of the key bits. */
export function keyId(publicKeyDer: Uint8Array): Uint8Array {
  const [, bits] = derChildren(readDer(publicKeyDer)?.value ?? Buffer.alloc(0), 2);
  if (bits?.tag !== derTag.bitString) throw new RangeError('no SubjectPublicKeyInfo');
  return Buffer.from(hash('sha256', bits.value.subarray(1)).slice(0, 2 * keyIdBytes), 'hex');
}

/**
 * Version 3 extensions of a certificate (RFC 5280 §4.1) up to the `keyIdBytes` octets of its SubjectKeyIdentifier, which end them
 * and are all that differs among certificates of one kind.
 */
export function extensionsHead(others: readonly Uint8Array[]): Buffer {
  const own = extension(oid.subjectKeyId, false, octets(Buffer.alloc(keyIdBytes)));
  return writeDer(contextTag(3), sequence(...others, own)).subarray(0, -keyIdBytes);
}

export const authorityKeyId = (issuerKeyDer: Uint8Array): Buffer =>
  extension(oid.authorityKeyId, false, sequence(writeDer(contextTag(0, false), keyId(issuerKeyDer))));

/** RFC 5280 §4.2.1.6: 2 is dNSName (A-labels), 7 iPAddress (4 or 16 bytes). */
export function alternativeName(name: string): Buffer {
  const bytes = addressBytes(name);
  if (bytes) return writeDer(contextTag(7, false), bytes);
  const ascii = domainToASCII(name).toLowerCase();
  if (!/^(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(ascii))
    throw new RangeError(`"${name}" is no DNS name and no IP address`);
  return writeDer(contextTag(2, false), Buffer.from(ascii));
}

/** RFC 5280 §4.2.1.6: 1 is rfc822Name, an IA5String. */
export const emailName = (email: string): Buffer => writeDer(contextTag(1, false), Buffer.from(email));

/** Network order; WHATWG URL brings IPv6 into one spelling. A zone is no part of a certificate. */
function addressBytes(text: string): Uint8Array | null {
  if (isIP(text) === 4) return Uint8Array.from(text.split('.').map(Number));
  if (isIP(text) !== 6 || text.includes('%')) return null;
  const [head = '', tail] = new URL(`http://[${text}]`).hostname.slice(1, -1).split('::', 2);
  const left = head.split(':').filter(Boolean);
  const right = (tail ?? '').split(':').filter(Boolean);
  const zeros = Array<string>(8 - left.length - right.length).fill('0');
  const words = [...left, ...zeros, ...right].map((word) => Number.parseInt(word, 16));
  return Uint8Array.from(words.flatMap((word) => [word >> 8, word & 0xff]));
}

/** 128 random bits, never zero, without zero octets in front: as an INTEGER at most 17 octets (RFC 5280 §4.1.2.2 allows 20). */
export function randomSerial(): Buffer {
  if (drawn === randomness.length) {
    randomFillSync(randomness);
    drawn = 0;
  }
  const octets = Buffer.from(randomness.subarray(drawn, drawn + serialBytes));
  drawn += serialBytes;
  const first = octets.findIndex((each) => each !== 0);
  return first < 0 ? randomSerial() : octets.subarray(first);
}
