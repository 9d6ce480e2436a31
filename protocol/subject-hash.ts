/**
 * The name of a certificate in a directory of OpenSSL (`openssl rehash`, X509_NAME_hash_ex(3)): the first four bytes,
 * little-endian, of SHA-1 over the canonical form of its subject, as 8 hex digits. No matter of trust: whoever looks it up
 * compares the names again.
 *
 * Canonical (crypto/x509/x_name.c): texts as UTF-8 without blanks at their ends, runs of blanks as one, ASCII letters in
 * lower case; the sets of the name one after the other, without the sequence around them.
 */
import { createHash } from 'node:crypto';
import { derChildren, derTag, readDer, type Tlv, writeDer } from './der.ts';

const utf8String = 0x0c;
const printableString = 0x13;
const t61String = 0x14;
const ia5String = 0x16;
const universalString = 0x1c;
const bmpString = 0x1e;

/** Null where the certificate is not DER or its subject has a text nobody can read. */
export function subjectHash(certificate: Uint8Array): string | null {
  const subject = subjectOf(certificate);
  if (!subject) return null;
  const sets: Uint8Array[] = [];
  for (const set of derChildren(subject.value)) {
    const entries: Buffer[] = [];
    for (const entry of derChildren(set.value)) {
      const [type, value] = derChildren(entry.value, 2);
      const canonical = value && canonicalValue(value);
      if (!type || !canonical) return null;
      entries.push(writeDer(derTag.sequence, type.whole, canonical));
    }
    sets.push(writeDer(derTag.set, ...entries.sort(Buffer.compare)));
  }
  const digest = createHash('sha1').update(Buffer.concat(sets)).digest();
  return digest.readUInt32LE(0).toString(16).padStart(8, '0');
}

/** RFC 5280 §4.1: the subject follows serial, signature, issuer and validity, and a version where there is one. */
function subjectOf(certificate: Uint8Array): Tlv | null {
  const [toBeSigned] = derChildren(readDer(certificate)?.value ?? new Uint8Array(), 1);
  const parts = toBeSigned ? derChildren(toBeSigned.value, 6) : [];
  return parts[parts[0]?.tag === derTag.first ? 5 : 4] ?? null;
}

/** A text of any kind as UTF8String; what is no text stays as it is. */
function canonicalValue({ tag, value, whole }: Tlv): Uint8Array | null {
  const text = textOf(tag, Buffer.from(value.buffer, value.byteOffset, value.length));
  if (text === undefined) return whole;
  if (text === null) return null;
  const folded = text
    .replace(/[\t-\r ]+/g, ' ')
    .replace(/^ | $/g, '')
    .replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  return writeDer(utf8String, Buffer.from(folded, 'utf8'));
}

/** Undefined for what is no text, null for one that cannot be read. OpenSSL takes the one-byte kinds for Latin-1. */
export function textOf(tag: number, value: Buffer): string | null | undefined {
  switch (tag) {
    case printableString:
    case t61String:
    case ia5String:
      return value.toString('latin1');
    case utf8String:
      return decoded('utf-8', value);
    case bmpString:
      return decoded('utf-16be', value);
    case universalString:
      return fromUtf32(value);
    default:
      return undefined;
  }
}

function decoded(encoding: 'utf-8' | 'utf-16be', value: Buffer): string | null {
  try {
    return new TextDecoder(encoding, { fatal: true, ignoreBOM: true }).decode(value);
  } catch {
    return null;
  }
}

function fromUtf32(value: Buffer): string | null {
  if (value.length % 4 !== 0) return null;
  let text = '';
  for (let at = 0; at < value.length; at += 4) {
    const point = value.readUInt32BE(at);
    if (point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) return null;
    text += String.fromCodePoint(point);
  }
  return text;
}
