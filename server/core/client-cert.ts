/**
 * The header field `Client-Cert` (RFC 9440 §2.2): one certificate, DER, as a byte sequence of a structured field
 * (RFC 8941 §3.3.5). Who may send it is decided elsewhere.
 */
import { bad, good, type Result } from '../../protocol/fault.ts';

const maxFieldLength = 8 * 1024;
const clientCert = /^:([A-Za-z0-9+/]+={0,2}):$/;

/**
 * No parameters, as the RFC says of this field; padding may be left out and bits to spare may be set, as RFC 8941 §4.2.7
 * recommends. Faults: `too-large`; `bad-shape` for anything but one byte sequence. Whether the bytes are a certificate is
 * not looked at.
 */
export function readClientCert(field: string): Result<Uint8Array> {
  if (field.length > maxFieldLength) return bad('too-large', { bytes: field.length, limit: maxFieldLength });
  const base64 = clientCert.exec(field.replace(/^ +| +$/g, ''))?.[1];
  const bare = base64?.replace(/=+$/, '') ?? '';
  if (bare === '' || bare.length % 4 === 1) return bad('bad-shape', { what: 'Client-Cert' });
  const padded = bare.padEnd(Math.ceil(bare.length / 4) * 4, '=');
  if (base64 !== bare && base64 !== padded) return bad('bad-shape', { what: 'Client-Cert' });
  return good(Buffer.from(padded, 'base64'));
}

export const writeClientCert = (der: Uint8Array): string => `:${Buffer.from(der).toString('base64')}:`;
