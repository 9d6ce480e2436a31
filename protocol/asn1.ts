/** ASN.1 as certificates, requests and messages of enrolment have it, written as DER (X.690). */
import { derTag, writeDer } from './der.ts';

export const asn1Tag = { utf8: 0x0c, printable: 0x13, utcTime: 0x17, generalTime: 0x18 } as const;

export const sequence = (...parts: readonly Uint8Array[]): Buffer => writeDer(derTag.sequence, ...parts);
/** SET OF in the order DER wants (X.690 §11.6). */
export const setOf = (...parts: readonly Uint8Array[]): Buffer =>
  writeDer(derTag.set, ...parts.toSorted((one, other) => Buffer.compare(one, other)));
export const octets = (value: Uint8Array): Buffer => writeDer(derTag.octetString, value);
export const bitString = (value: Uint8Array): Buffer => writeDer(derTag.bitString, Buffer.of(0), value);
export const utf8 = (text: string): Buffer => writeDer(asn1Tag.utf8, Buffer.from(text, 'utf8'));
export const printable = (text: string): Buffer => writeDer(asn1Tag.printable, Buffer.from(text, 'latin1'));
export const asn1Null: Uint8Array = Buffer.of(0x05, 0x00);
export const asn1True: Uint8Array = Buffer.of(0x01, 0x01, 0xff);

/** An unsigned number, most significant octet first. */
export function integer(value: Uint8Array): Buffer {
  const first = value.findIndex((octet) => octet !== 0);
  if (first < 0) return writeDer(derTag.integer, Buffer.of(0));
  const least = value.subarray(first);
  return (least[0] ?? 0) < 0x80 ? writeDer(derTag.integer, least) : writeDer(derTag.integer, Buffer.of(0), least);
}

/** Dotted form; parts below 2^28, as `oidOf` reads them. */
export function objectId(dotted: string): Buffer {
  const [root = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return writeDer(derTag.oid, Buffer.from([root * 40 + second, ...rest].flatMap(base128)));
}

/** AlgorithmIdentifier; `parameters` of RSA and of hashes are NULL, ECDSA has none. */
export const algorithm = (dotted: string, parameters: Uint8Array | null = null): Buffer =>
  sequence(objectId(dotted), parameters ?? Buffer.alloc(0));

/** UTCTime through 2049, GeneralizedTime after (RFC 5280 §4.1.2.5). */
export function time(unixMs: number): Buffer {
  const date = new Date(unixMs);
  const year = date.getUTCFullYear();
  const day = twoDigits(date.getUTCMonth() + 1) + twoDigits(date.getUTCDate());
  const clock = twoDigits(date.getUTCHours()) + twoDigits(date.getUTCMinutes()) + twoDigits(date.getUTCSeconds());
  return year < 2050
    ? writeDer(asn1Tag.utcTime, Buffer.from(`${twoDigits(year % 100)}${day}${clock}Z`))
    : writeDer(asn1Tag.generalTime, Buffer.from(`${year}${day}${clock}Z`));
}

const twoDigits = (part: number): string => (part < 10 ? `0${part}` : String(part));

function base128(part: number): number[] {
  const found = [part & 0x7f];
  for (let rest = part >>> 7; rest > 0; rest >>>= 7) found.unshift((rest & 0x7f) | 0x80);
  return found;
}
