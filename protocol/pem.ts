/** PEM (RFC 7468), read as tolerantly as §5.2 allows: any line ends, trailing blanks, text around the blocks. */
import { bad, good, type Result } from './fault.ts';

export type PemLabel = 'CERTIFICATE' | 'X509 CRL';

const labels: Readonly<Record<PemLabel, RegExp>> = {
  CERTIFICATE: /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----([^-]*)-----END/g,
  'X509 CRL': /-----BEGIN X509 CRL-----([^-]*)-----END/g,
};

/**
 * The bytes of every block of a kind, in order; whether they are DER is not looked at. Fault: `certificate-unreadable`
 * with the number of the first block that is not base64, 1 where there is no block at all.
 */
export function readPem(text: string, label: PemLabel): Result<readonly Uint8Array[]> {
  const found: Uint8Array[] = [];
  for (const [index, match] of [...text.matchAll(labels[label])].entries()) {
    const body = (match[1] ?? '').replace(/[\s\0]/g, '');
    if (!/^[A-Za-z0-9+/]+={0,2}$/.test(body)) return bad('certificate-unreadable', { block: index + 1 });
    found.push(Buffer.from(body, 'base64'));
  }
  return found.length > 0 ? good(found) : bad('certificate-unreadable', { block: 1 });
}
