/** PEM (RFC 7468), read as tolerantly as §5.2 allows: any line ends, trailing blanks, text around the blocks. */
import { bad, good, type Result } from './fault.ts';

/** `CERTIFICATES`: alone, or in PKCS#7 (RFC 7468 §8, §9). */
export type PemLabel = 'CERTIFICATE' | 'CERTIFICATES' | 'X509 CRL';

const labels: Readonly<Record<PemLabel, RegExp>> = {
  CERTIFICATE: /-----BEGIN ((?:X509 |TRUSTED )?CERTIFICATE)-----/,
  CERTIFICATES: /-----BEGIN ((?:X509 |TRUSTED )?CERTIFICATE|CERTIFICATE CHAIN|PKCS7|PKCS #7 SIGNED DATA|CMS)-----/,
  'X509 CRL': /-----BEGIN (X509 CRL)-----/,
};

/**
 * The bytes of every block of a kind, in order; blocks of other kinds are passed over; whether they are DER is not looked at.
 * Fault: `certificate-unreadable` with the number of the first block that is not base64 or has no END of its own, 1 where
 * there is no block at all.
 */
export function readPem(text: string, label: PemLabel): Result<readonly Uint8Array[]> {
  const found: Uint8Array[] = [];
  for (const body of pemBlocks(text, label)) {
    if (!body) return bad('certificate-unreadable', { block: found.length + 1 });
    found.push(body);
  }
  return found.length > 0 ? good(found) : bad('certificate-unreadable', { block: 1 });
}

/** The same one by one, null for each that cannot be read. */
export function* pemBlocks(text: string, label: PemLabel): Generator<Uint8Array | null> {
  // what stood before the first BEGIN, then by turns the label and all that follows it
  const parts = text.split(labels[label]).slice(1);
  for (let index = 0; index < parts.length; index += 2) yield readBody(parts[index] ?? '', parts[index + 1] ?? '');
}

function readBody(label: string, text: string): Uint8Array | null {
  const end = text.indexOf(`-----END ${label}-----`);
  const body = text.slice(0, Math.max(end, 0)).replace(/[\s\0]/g, '');
  return /^[A-Za-z0-9+/]+={0,2}$/.test(body) ? Buffer.from(body, 'base64') : null;
}
