/**
 * Just enough DER (X.690) to look where `X509Certificate` does not tell the same on every supported runtime: definite, shortest
 * lengths below 16 MiB, one-byte tags. Reading works on views, copies nothing, never looks deeper than asked.
 */
export type Tlv = { readonly tag: number; readonly value: Uint8Array; readonly whole: Uint8Array };

export const derTag = {
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  sequence: 0x30,
  set: 0x31,
  first: 0xa0,
} as const;
/** Tag of a context-specific element [number], RFC 5280 and 5652 use both kinds. */
export const contextTag = (number: number, constructed = true): number => (constructed ? 0xa0 : 0x80) | number;

/** The element at the start of `bytes`; null where it is not DER or claims more than is there. */
export function readDer(bytes: Uint8Array): Tlv | null {
  const [tag, first] = bytes;
  if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f) return null;
  const octets = first < 0x80 ? 0 : first & 0x7f;
  if (first === 0x80 || octets > 3 || bytes.length < 2 + octets) return null;
  let length = octets === 0 ? first : 0;
  for (const octet of bytes.subarray(2, 2 + octets)) length = length * 256 + octet;
  if (octets > 0 && length < (octets === 1 ? 0x80 : 256 ** (octets - 1))) return null;
  const start = 2 + octets;
  if (bytes.length < start + length) return null;
  return { tag, value: bytes.subarray(start, start + length), whole: bytes.subarray(0, start + length) };
}

/** What a constructed value holds, the first `most` of it; empty where any of that is not DER. */
export function derChildren(value: Uint8Array, most = Number.POSITIVE_INFINITY): readonly Tlv[] {
  const found: Tlv[] = [];
  for (let rest = value; rest.length > 0 && found.length < most; ) {
    const next = readDer(rest);
    if (!next) return [];
    found.push(next);
    rest = rest.subarray(next.whole.length);
  }
  return found;
}

/** One element of these parts, its length in the shortest definite form (X.690 §8.1.3, §10.1). */
export function writeDer(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  let length = 0;
  for (const part of parts) length += part.length;
  const octets = length < 0x80 ? 0 : Math.ceil((32 - Math.clz32(length)) / 8);
  const element = Buffer.allocUnsafe(2 + octets + length);
  element[0] = tag;
  element[1] = octets === 0 ? length : 0x80 | octets;
  if (octets > 0) element.writeUIntBE(length, 2, octets);
  let at = 2 + octets;
  for (const part of parts) {
    element.set(part, at);
    at += part.length;
  }
  return element;
}

/** Dotted form of an object identifier (X.690 §8.19); null where it is none or has a part of more than 28 bits. */
export function oidOf(element: Tlv | undefined): string | null {
  if (element?.tag !== derTag.oid) return null;
  const parts: number[] = [];
  let part = 0;
  let octets = 0;
  for (const octet of element.value) {
    part = part * 128 + (octet & 0x7f);
    octets++;
    if (octets > 4) return null;
    if (octet >= 0x80) continue;
    parts.push(part);
    part = 0;
    octets = 0;
  }
  const [joined, ...others] = parts;
  if (joined === undefined || octets > 0) return null;
  const root = Math.min(Math.floor(joined / 40), 2);
  return [root, joined - root * 40, ...others].join('.');
}
