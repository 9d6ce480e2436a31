/**
 * ASN.1 as enrolment needs it: elements written as DER (X.690), and what peers send as BER (indefinite lengths, strings in
 * pieces) brought into the definite form that `protocol/der` reads.
 */
import { derTag, type Tlv, writeDer } from '../../protocol/der.ts';

export const asn1Tag = { octets: 0x04, utf8: 0x0c, printable: 0x13, utcTime: 0x17, generalTime: 0x18 } as const;
/** Tag of a context-specific element [number], RFC 5280 and 5652 use both kinds. */
export const contextTag = (number: number, constructed = true): number => (constructed ? 0xa0 : 0x80) | number;

export const sequence = (...parts: readonly Uint8Array[]): Buffer => writeDer(derTag.sequence, ...parts);
/** SET OF in the order DER wants (X.690 §11.6). */
export const setOf = (...parts: readonly Uint8Array[]): Buffer =>
  writeDer(derTag.set, ...parts.toSorted((one, other) => Buffer.compare(one, other)));
export const octets = (value: Uint8Array): Buffer => writeDer(asn1Tag.octets, value);
export const bitString = (value: Uint8Array): Buffer => writeDer(derTag.bitString, Buffer.of(0), value);
export const utf8 = (text: string): Buffer => writeDer(asn1Tag.utf8, Buffer.from(text, 'utf8'));
export const printable = (text: string): Buffer => writeDer(asn1Tag.printable, Buffer.from(text, 'latin1'));
export const asn1Null: Uint8Array = Buffer.of(0x05, 0x00);

/** An unsigned number, most significant octet first. */
export function integer(value: Uint8Array): Buffer {
  const first = value.findIndex((octet) => octet !== 0);
  const least = first < 0 ? Buffer.of(0) : Buffer.from(value.subarray(first));
  return writeDer(derTag.integer, (least[0] ?? 0) >= 0x80 ? Buffer.of(0) : Buffer.alloc(0), least);
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
  const digits = new Date(unixMs).toISOString().replace(/\.\d+|[-:T]/g, '');
  return digits < '2050'
    ? writeDer(asn1Tag.utcTime, Buffer.from(digits.slice(2)))
    : writeDer(asn1Tag.generalTime, Buffer.from(digits));
}

const maxDepth = 32;
const maxElements = 20_000;

/**
 * One BER element with definite lengths, and octet strings in one piece; DER comes out as it went in. Null where it is
 * neither, nests deeper than 32, or holds more than 20 000 elements. Bytes behind the element are left out, as some
 * servers pad.
 */
export function toDefinite(ber: Uint8Array): Uint8Array | null {
  const budget = { elements: maxElements };
  return unfold(ber, 0, budget)?.der ?? null;
}

/** Content of an octet string, also under an implicit tag and in pieces (RFC 5652 §5.1, §6.1); null where it is neither. */
export function joinOctets(element: Tlv, children: (value: Uint8Array) => readonly Tlv[]): Uint8Array | null {
  if ((element.tag & 0x20) === 0) return element.value;
  const parts = children(element.value);
  if (parts.some(({ tag }) => tag !== asn1Tag.octets) || (parts.length === 0 && element.value.length > 0)) return null;
  return Buffer.concat(parts.map(({ value }) => value));
}

type Unfolded = { readonly der: Buffer; readonly tag: number; readonly value: Buffer; readonly length: number };

function unfold(ber: Uint8Array, depth: number, budget: { elements: number }): Unfolded | null {
  const [tag, first] = ber;
  if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f || depth > maxDepth) return null;
  if (--budget.elements < 0) return null;
  const indefinite = first === 0x80;
  const constructed = (tag & 0x20) !== 0;
  if (indefinite && !constructed) return null;
  const many = first < 0x80 || indefinite ? 0 : first & 0x7f;
  if (many > 4 || ber.length < 2 + many) return null;
  const start = 2 + many;
  const claimed = many === 0 ? first : ber.subarray(2, start).reduce((sum, octet) => sum * 256 + octet, 0);
  const end = indefinite ? ber.length : start + claimed;
  if (end > ber.length) return null;
  if (!constructed) return finish(tag, Buffer.from(ber.subarray(start, end)), end);
  const parts: Unfolded[] = [];
  let at = start;
  for (;;) {
    if (indefinite && ber[at] === 0 && ber[at + 1] === 0) break;
    if (!indefinite && at === end) break;
    const part = unfold(ber.subarray(at, end), depth + 1, budget);
    if (!part) return null;
    parts.push(part);
    at += part.length;
  }
  const length = indefinite ? at + 2 : end;
  if (tag === (asn1Tag.octets | 0x20)) {
    if (parts.some((part) => part.tag !== asn1Tag.octets)) return null;
    return finish(asn1Tag.octets, Buffer.concat(parts.map(({ value }) => value)), length);
  }
  return finish(tag, Buffer.concat(parts.map(({ der }) => der)), length);
}

const finish = (tag: number, value: Buffer, length: number): Unfolded => ({
  der: writeDer(tag, value),
  tag,
  value,
  length,
});

function base128(part: number): number[] {
  const found = [part & 0x7f];
  for (let rest = part >>> 7; rest > 0; rest >>>= 7) found.unshift((rest & 0x7f) | 0x80);
  return found;
}
