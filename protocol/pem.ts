/** PEM (RFC 7468), read as tolerantly as §5.2 allows: any line ends, trailing blanks, text around the blocks. */
import { bad, good, type Result } from './fault.ts';

export type PemLabel = 'CERTIFICATE' | 'X509 CRL';

const labels: Readonly<Record<PemLabel, RegExp>> = {
  CERTIFICATE: /-----BEGIN ((?:X509 |TRUSTED )?CERTIFICATE)-----/,
  'X509 CRL': /-----BEGIN (X509 CRL)-----/,
};

/**
 * The bytes of every block of a kind, in order; blocks of other kinds are passed over; whether they are DER is not looked at.
 * Fault: `certificate-unreadable` with the number of the first block that is not base64 or has no END of its own, 1 where
 * there is no block at all.
 */
export function readPem(text: string, label: PemLabel): Result<readonly Uint8Array[]> {
  // what stood before the first BEGIN, then by turns the label and all that follows it
  const parts = text.split(labels[label]).slice(1);
  const found: Uint8Array[] = [];
  for (let index = 0; index < parts.length; index += 2) {
    const read = readBody(parts[index] ?? '', parts[index + 1] ?? '');
    if (!read) return bad('certificate-unreadable', { block: index / 2 + 1 });
    found.push(read);
  }
  return found.length > 0 ? good(found) : bad('certificate-unreadable', { block: 1 });
}

function readBody(label: string, text: string): Uint8Array | null {
  const end = text.indexOf(`-----END ${label}-----`);
  const body = text.slice(0, Math.max(end, 0)).replace(/[\s\0]/g, '');
  return /^[A-Za-z0-9+/]+={0,2}$/.test(body) ? Buffer.from(body, 'base64') : null;
}
