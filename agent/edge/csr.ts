/**
 * Keys of devices and what they sign of themselves before anybody vouches for them: PKCS#10 requests (RFC 2986), and the
 * certificate a SCEP client names itself by (RFC 8894 §2.3).
 */
import { generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import {
  algorithm,
  asn1Null,
  bitString,
  integer,
  objectId,
  printable,
  sequence,
  setOf,
  time,
  utf8,
} from '../../protocol/asn1.ts';
import { contextTag, writeDer } from '../../protocol/der.ts';
import { dayMs, type Instant } from '../../protocol/time.ts';
import type { KeyKind } from '../core/durable.ts';
import { type DeviceKey, publicKeyOf, signBy, spkiOf } from './device-key.ts';

/** Attribute types of a distinguished name (RFC 4519), as people write them. */
const attributeTypes = {
  CN: '2.5.4.3',
  OU: '2.5.4.11',
  O: '2.5.4.10',
  L: '2.5.4.7',
  ST: '2.5.4.8',
  C: '2.5.4.6',
} as const;
const isDistinguished = /^(?:CN|OU|O|L|ST|C)=/;
const challengePassword = '1.2.840.113549.1.9.7';
const longestValue = 64;
/** A clock that is a little ahead of the server's makes no certificate from the future. */
const backdateMs = dayMs;
const selfSignedLifeMs = 7 * dayMs;
const signatures = {
  'P-256': { oid: '1.2.840.10045.4.3.2', hash: 'sha256', parameters: null },
  'P-384': { oid: '1.2.840.10045.4.3.3', hash: 'sha384', parameters: null },
  RSA: { oid: '1.2.840.113549.1.1.11', hash: 'sha256', parameters: asn1Null },
} as const;

/** A new key, PKCS#8 DER. RSA takes some tenths of a second of this thread, once in a registration. */
export function makeKey(kind: KeyKind = 'P-256'): Uint8Array {
  const { privateKey } =
    kind === 'P-256' || kind === 'P-384'
      ? generateKeyPairSync('ec', { namedCurve: kind })
      : generateKeyPairSync('rsa', { modulusLength: kind === 'RSA-2048' ? 2048 : 3072 });
  return privateKey.export({ type: 'pkcs8', format: 'der' });
}

/** A common name, a distinguished name (`CN=…,OU=…`), or a whole Name (DER) that is asked for again as it is (RFC 7030 §4.2.2). */
export type Subject = string | Uint8Array;

/**
 * PKCS#10 request, DER: one common name, or the Name given, and as its only attribute the challenge password (RFC 2985 §5.4.1) where there is
 * one. ECDSA P-256 with SHA-256, P-384 with SHA-384, RSA with SHA-256. The subject is cut at 64 characters
 * (ub-common-name). Throws `TokenError`.
 */
export function makeRequest(key: DeviceKey, subject: Subject, challenge: string | null = null): Uint8Array {
  const attributes = challenge === null ? [] : [sequence(objectId(challengePassword), setOf(directoryText(challenge)))];
  const info = sequence(integer(Buffer.of(0)), nameOf(subject), spkiOf(key), writeDer(contextTag(0), ...attributes));
  return signed(info, key);
}

/** Subject and issuer as in the request of the same name; a week of life, which ends with the enrolment. */
export function makeSelfSigned(key: DeviceKey, subject: Subject, at: Instant): Uint8Array {
  const name = nameOf(subject);
  const body = sequence(
    writeDer(contextTag(0), integer(Buffer.of(2))),
    integer(randomBytes(16)),
    algorithmOf(key),
    name,
    sequence(time(at - backdateMs), time(at + selfSignedLifeMs)),
    name,
    spkiOf(key),
  );
  return signed(body, key);
}

/** The Name of request and certificate, DER. No comma is escaped: one ends a part only before another type. */
export function nameOf(subject: Subject): Buffer {
  if (typeof subject !== 'string') return Buffer.from(subject);
  const parts = isDistinguished.test(subject) ? subject.split(/ *, *(?=(?:CN|OU|O|L|ST|C)=)/) : [`CN=${subject}`];
  return sequence(...parts.map(relativeName));
}

function relativeName(part: string): Buffer {
  const at = part.indexOf('=');
  const type = part.slice(0, at) as keyof typeof attributeTypes;
  const value = [...part.slice(at + 1)].slice(0, longestValue).join('') || 'thin client';
  // RFC 5280 appendix A: the country is a PrintableString of two letters.
  return setOf(
    sequence(
      objectId(attributeTypes[type]),
      type === 'C' && /^[A-Za-z]{2}$/.test(value) ? printable(value) : utf8(value),
    ),
  );
}

/** RFC 2985 wants a DirectoryString; PrintableString where it can be, since old servers read nothing else. */
const directoryText = (text: string): Buffer =>
  /^[A-Za-z0-9 '()+,./:=?-]*$/.test(text) ? printable(text) : utf8(text);

function signed(body: Uint8Array, key: DeviceKey): Uint8Array {
  const { hash } = signatureOf(publicKeyOf(key));
  return sequence(body, algorithmOf(key), bitString(signBy(key, hash, body)));
}

function algorithmOf(key: DeviceKey): Buffer {
  const { oid, parameters } = signatureOf(publicKeyOf(key));
  return algorithm(oid, parameters);
}

function signatureOf({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject) {
  if (type === 'rsa') return signatures.RSA;
  return details?.namedCurve === 'secp384r1' ? signatures['P-384'] : signatures['P-256'];
}
