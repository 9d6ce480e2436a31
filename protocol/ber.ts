/**
 * BER (X.690 §8) brought into DER, since peers and files have indefinite lengths and octet strings in pieces. What is inside
 * an octet string stays as it is: a MAC or a signature is over those very bytes.
 */
import { derChildren, derTag, readDer, type Tlv, writeDer } from './der.ts';

const constructed = 0x20;
const octetStringInPieces = derTag.octetString | constructed;
const maxDepth = 32;
const maxElements = 20_000;

export type Unfolded = { readonly der: Uint8Array; readonly rest: Uint8Array };
type Head = { readonly tag: number; readonly length: number | null; readonly rest: Uint8Array };

/**
 * The first element of `bytes` in definite, shortest lengths, octet strings of one piece, and what stands behind it; null
 * where there is none, or one of more than 32 levels or 20,000 elements. Tags of several bytes are not read.
 */
export const unfoldBer = (bytes: Uint8Array): Unfolded | null => element(bytes, 0, { left: maxElements });

/** The same for bytes that are one element and nothing else. */
export function toDer(bytes: Uint8Array): Uint8Array | null {
  const read = unfoldBer(bytes);
  return read?.rest.length === 0 ? read.der : null;
}

/** Content of an octet string, also under an implicit tag and in pieces (RFC 5652 §5.1, §6.1); null where it is neither. */
export function joinOctets({ tag, value }: Tlv): Uint8Array | null {
  if ((tag & constructed) === 0) return value;
  const parts = derChildren(value);
  if (parts.some((part) => part.tag !== derTag.octetString) || (parts.length === 0 && value.length > 0)) return null;
  return Buffer.concat(parts.map((part) => part.value));
}

function element(bytes: Uint8Array, depth: number, budget: { left: number }): Unfolded | null {
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
  return pieces.every((piece) => piece !== null)
    ? { der: writeDer(derTag.octetString, ...pieces), rest: behind }
    : null;
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
  const piece = readDer(der);
  return piece?.tag === derTag.octetString ? piece.value : null;
}
