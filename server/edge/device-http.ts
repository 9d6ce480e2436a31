/**
 * JSON Web Signature, compact serialization (RFC 7515), ES256 only (RFC 7518 §3.4), keys named by their RFC 7638
 * thumbprint. Verifies and lays out; signing needs a private key and is an edge.
 */
import { createHash, createPublicKey, verify } from 'node:crypto';
import { bad, good, type Result } from './fault.ts';
import { maxDocumentBytes } from './limits.ts';
import type { PublicKey } from './schema.ts';

export type DocumentType = 'policy' | 'device' | 'command' | 'rotation' | 'key' | 'time' | 'repair';
export type Opened = { readonly kid: string; readonly payload: Uint8Array };

const base64url = /^[A-Za-z0-9_-]+$/;
/** 32 bytes. */
const coordinate = /^[A-Za-z0-9_-]{43}$/;
const longestHeader = 512;
const signatureLength = 86;
const longestBody = Math.ceil((maxDocumentBytes * 4) / 3);
const longestToken = longestHeader + 1 + longestBody + 1 + signatureLength;

/** RFC 7638: the members in lexicographic order, no white space, SHA-256, base64url. */
export const thumbprint = (key: PublicKey): string =>
  createHash('sha256')
    .update(`{"crv":"${key.crv}","kty":"${key.kty}","x":"${key.x}","y":"${key.y}"}`)
    .digest('base64url');

/** The bytes to sign: the signature is `ECDSA P-256, SHA-256, ieee-p1363` over their ASCII. */
export function signingInput(type: DocumentType, key: PublicKey, payload: string): string {
  const header = JSON.stringify({ alg: 'ES256', kid: thumbprint(key), typ: `thintrust-${type}+jws` });
  return `${Buffer.from(header).toString('base64url')}.${Buffer.from(payload).toString('base64url')}`;
}

export const joinSignature = (input: string, signature: Uint8Array): string =>
  `${input}.${Buffer.from(signature).toString('base64url')}`;

/**
 * Opens a document of the wanted type with one of `keys`. Size is judged before anything is decoded; the payload comes
 * back unread. An ECDSA signature has a twin that holds as well, so a token's bytes or hash never name a document.
 * Faults: `too-large`, `bad-shape`, `wrong-type`, `unknown-critical` (RFC 7515 §4.1.11), `unknown-key`, `bad-signature`.
 */
export function openJws(token: string, type: DocumentType, keys: readonly PublicKey[]): Result<Opened> {
  if (token.length > longestToken) return bad('too-large', { limit: maxDocumentBytes });
  const parts = token.split('.', 4);
  const [head, body, tail] = parts;
  if (parts.length !== 3 || !head || !body || !tail) return bad('bad-shape', { what: 'jws' });
  if (body.length > longestBody) return bad('too-large', { limit: maxDocumentBytes });
  if (head.length > longestHeader || !canonical(head) || !canonical(body) || !canonical(tail))
    return bad('bad-shape', { what: 'jws' });
  const header = readHeader(head);
  if (!header) return bad('bad-shape', { what: 'jws header' });
  if (header['alg'] !== 'ES256') return bad('bad-shape', { what: 'jws algorithm' });
  if ('crit' in header) return bad('unknown-critical', { what: 'jws header' });
  if (header['typ'] !== `thintrust-${type}+jws`) return bad('wrong-type', { wanted: type });
  const key = keys.find((candidate) => thumbprint(candidate) === header['kid']);
  if (!key) return bad('unknown-key');
  const signature = Buffer.from(tail, 'base64url');
  if (signature.length !== 64 || !signatureHolds(key, `${head}.${body}`, signature)) return bad('bad-signature');
  return good({ kid: String(header['kid']), payload: Buffer.from(body, 'base64url') });
}

/** One spelling for every value: no padding, no stray bits, nothing outside the alphabet. */
function canonical(part: string): boolean {
  return base64url.test(part) && Buffer.from(part, 'base64url').toString('base64url') === part;
}

function readHeader(part: string): Record<string, unknown> | null {
  try {
    const header: unknown = JSON.parse(
      new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(part, 'base64url')),
    );
    return header !== null && typeof header === 'object' && !Array.isArray(header)
      ? (header as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}

/** Node reads coordinates of any spelling; one key must not go by two thumbprints. A point off the curve is refused. */
function signatureHolds(key: PublicKey, input: string, signature: Uint8Array): boolean {
  if (![key.x, key.y].every((part) => coordinate.test(part) && canonical(part))) return false;
  try {
    const publicKey = createPublicKey({ key: { ...key }, format: 'jwk' });
    return verify('sha256', Buffer.from(input), { key: publicKey, dsaEncoding: 'ieee-p1363' }, signature);
  } catch {
    return false;
  }
}
