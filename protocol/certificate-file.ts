/**
 * Certificates of a file as people have them: DER, PEM with any line ends, trailing blanks and text around the blocks (RFC 7468
 * §5.2, read tolerantly), or PKCS#7 (RFC 5652 §5.1, a SignedData that carries certificates), in either. What a file is, is
 * told by its content, never by its name. Signatures of a PKCS#7 prove nothing here and are not looked at.
 */
import { type Certificate, isWholeSequence, parseCertificate } from './certificate.ts';
import { certificatesIn, contentType, fieldsOf } from './content-info.ts';
import { bad, good, type Result } from './fault.ts';
import { maxCertificates } from './limits.ts';
import { pemBlocks } from './pem.ts';

const maxFileBytes = 8 * 1024 * 1024;

/**
 * Every certificate of a file, or the first that is wrong. PEM blocks of other kinds are passed over; OpenSSL's
 * `TRUSTED CERTIFICATE` is refused where its trust settings stand behind the certificate.
 * Faults: `too-large`, `too-many-certificates`, and those of `parseCertificate`, with the number of the block where there are blocks.
 */
export function readCertificateFile(bytes: Uint8Array): Result<readonly Certificate[]> {
  const read = readCertificateBlocks(bytes);
  if (!read.ok) return read;
  const found: Certificate[] = [];
  for (const { block, certificate } of read.value) {
    if (!certificate.ok)
      return block === 0 ? certificate : bad(certificate.fault.code, { ...certificate.fault.facts, block });
    found.push(certificate.value);
  }
  return good(found);
}

/** `block` counts from 1 in the order of the file; 0 where the file is nothing but one thing. */
export type Block = { readonly block: number; readonly certificate: Result<Certificate> };

/**
 * The same with an answer for each. Faults: `too-large`, and `too-many-certificates` where as many as are taken are good and
 * there are more.
 */
export function readCertificateBlocks(bytes: Uint8Array): Result<readonly Block[]> {
  if (bytes.length > maxFileBytes) return bad('too-large', { limit: maxFileBytes });
  const content = Buffer.from(bytes).toString('latin1');
  if (isWholeSequence(bytes) || !content.includes('-----BEGIN')) return numbered(readDerFile(bytes));
  const found: Result<Certificate>[] = [];
  for (const body of pemBlocks(content, 'CERTIFICATES')) {
    if (found.length > maxCertificates) break;
    if (body) found.push(...readDerFile(body));
    else found.push(bad('certificate-unreadable'));
  }
  return numbered(found, true);
}

function numbered(found: readonly Result<Certificate>[], blocks = found.length > 1): Result<readonly Block[]> {
  if (found.length > maxCertificates && found.every(({ ok }) => ok))
    return bad('too-many-certificates', { limit: maxCertificates });
  if (found.length === 0) return good([{ block: blocks ? 1 : 0, certificate: bad('certificate-unreadable') }]);
  return good(
    found.slice(0, maxCertificates).map((certificate, index) => ({ block: blocks ? index + 1 : 0, certificate })),
  );
}

const readDerFile = (bytes: Uint8Array): readonly Result<Certificate>[] =>
  readPkcs7(bytes)?.map(parseCertificate) ?? [parseCertificate(bytes)];

/** The certificates of a SignedData, one more than is taken at most; null where it is something else. */
function readPkcs7(bytes: Uint8Array): readonly Uint8Array[] | null {
  const signed = isWholeSequence(bytes) ? fieldsOf(bytes, contentType.signed) : null;
  return signed && certificatesIn(signed, maxCertificates + 1);
}
