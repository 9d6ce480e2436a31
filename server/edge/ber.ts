/**
 * BER (X.690 §8) brought into DER, since PKCS#12 files of NSS, Java and old Windows have indefinite lengths and octet
 * strings in pieces. What is inside an octet string stays as it is: a MAC is over those very bytes.
 */
import { derTag, writeDer } from '../../protocol/der.ts';

export const octetString = 0x04;
const octetStringInPieces = 0x24;
const constructed = 0x20;
const maxDepth = 24;
const maxElements = 20_000;

type Read = { readonly der: Uint8Array; readonly rest: Uint8Array };
type Head = { readonly tag: number; readonly length: number | null; readonly rest: Uint8Array };

/**
 * The one element that `bytes` are, in definite, shortest lengths, octet strings of one piece; null where it is none, or one
 * of more than 24 levels or 20,000 elements. Tags of several bytes are not read.
 */
export function toDer(bytes: Uint8Array): Uint8Array | null {
  const read = element(bytes, 0, { left: maxElements });
  return read && read.rest.length === 0 ? read.der : null;
}

function element(bytes: Uint8Array, depth: number, budget: { left: number }): Read | null {
  const head = headOf(bytes);
  budget.left--;
  if (!head || depth > maxDepth || budget.left < 0) return null;
  const { tag, length, rest } = head;
  if ((tag & constructed) === 0)
    return length === null ? null : { der: writeDer(tag, rest.subarray(0, length)), rest: rest.subarray(length) };
  const parts: Uint8Array[] = [];
  let left = length === null ? rest : rest.subarray(0, length);
  while (left.length > 0 && !(length === null && isEnd(left))) {
    const next = element(left, depth + 1, budget);
    if (!next) return null;
    parts.push(next.der);
    left = next.rest;
  }
  if (length === null && !isEnd(left)) return null;
  const behind = length === null ? left.subarray(2) : rest.subarray(length);
  if (tag !== octetStringInPieces) return { der: writeDer(tag, ...parts), rest: behind };
  const pieces = parts.map(pieceOf);
  return pieces.every((piece) => piece !== null) ? { der: writeDer(octetString, ...pieces), rest: behind } : null;
}

/** Null length: up to the end-of-contents octets (§8.1.3.6). */
function headOf(bytes: Uint8Array): Head | null {
  const [tag, first] = bytes;
  if (tag === undefined || first === undefined || tag === 0 || (tag & 0x1f) === 0x1f) return null;
  if (first === 0x80) return (tag & constructed) === 0 ? null : { tag, length: null, rest: bytes.subarray(2) };
  const octets = first < 0x80 ? 0 : first & 0x7f;
  if (octets > 4 || bytes.length < 2 + octets) return null;
  let length = octets === 0 ? first : 0;
  for (const octet of bytes.subarray(2, 2 + octets)) length = length * 256 + octet;
  const rest = bytes.subarray(2 + octets);
  return length <= rest.length ? { tag, length, rest } : null;
}

const isEnd = (bytes: Uint8Array): boolean => bytes[0] === 0 && bytes[1] === 0;

/** Content of an octet string that was just written, null for anything else. */
function pieceOf(der: Uint8Array): Uint8Array | null {
  if (der[0] !== octetString) return null;
  const first = der[1] ?? 0;
  return der.subarray(first < 0x80 ? 2 : 2 + (first & 0x7f));
}

/** Context tags of RFC 5652 and 7292. */
export const contextTag = { zero: derTag.first, zeroPrimitive: 0x80 } as const;
