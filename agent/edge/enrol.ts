/**
 * Enrolment over secure transport (EST, RFC 7030 §4.2): key, PKCS#10 request (RFC 2986), `simpleenroll` with a one-time
 * password, and the certs-only answer (RFC 5652, RFC 7030 §4.2.3), proven against the key before anyone uses it.
 */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  X509Certificate,
} from 'node:crypto';
import { fromBase64, parseCertificate, toBase64 } from '../../protocol/certificate.ts';
import { derChildren, derTag, oidOf, readDer } from '../../protocol/der.ts';
import { bad, type Fault, fault, good, type Result } from '../../protocol/fault.ts';
import type { Order } from '../core/durable.ts';
import { exchange, faultOfAnswer, type HttpAnswer } from './https.ts';
import type { Judging } from './registration.ts';

/** Object identifiers as DER: 2.5.4.3 (common name) and 1.2.840.10045.4.3.2 (ECDSA with SHA-256). */
const commonName = Buffer.from('0603550403', 'hex');
const ecdsaWithSha256 = Buffer.from('06082a8648ce3d040302', 'hex');
const version1 = Buffer.from('020100', 'hex');
const tag = { bitString: 0x03, utf8: 0x0c, set: 0x31, sequence: derTag.sequence, attributes: derTag.first } as const;
const signedData = '1.2.840.113549.1.7.2';
const longestCommonName = 64;
const maxAnswerBytes = 256 * 1024;
const maxServedCertificates = 10;
const callTimeoutMs = 30_000;

/** EC P-256, PKCS#8 DER. */
export const makeKey = (): Uint8Array =>
  generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'der' });

/** PKCS#10 request, DER: one common name, no attributes, ECDSA with SHA-256. The subject is cut at 64 characters (ub-common-name). */
export function makeRequest(pkcs8: Uint8Array, subject: string): Uint8Array {
  const key = readKey(pkcs8);
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' });
  const name = [...subject].slice(0, longestCommonName).join('') || 'thin client';
  const attribute = der(tag.sequence, commonName, der(tag.utf8, Buffer.from(name, 'utf8')));
  const subjectName = der(tag.sequence, der(tag.set, attribute));
  const info = der(tag.sequence, version1, subjectName, spki, der(tag.attributes));
  const signature = sign('sha256', info, key);
  return der(tag.sequence, info, der(tag.sequence, ecdsaWithSha256), der(tag.bitString, Buffer.alloc(1), signature));
}

/**
 * Certificates of a degenerate PKCS#7 message: DER, or base64 on one line or wrapped in any way, at most ten.
 * Faults: `server-answer`, `certificate-too-large`, `certificate-unreadable`. Never throws.
 */
export function readCertsOnly(body: Uint8Array): Result<readonly Uint8Array[]> {
  const found = certificatesOf(body) ?? certificatesOf(unwrap(body));
  if (!found || found.length === 0 || found.length > maxServedCertificates)
    return bad('server-answer', { status: 'pkcs7' });
  for (const certificate of found) {
    const parsed = parseCertificate(certificate);
    if (!parsed.ok) return parsed;
  }
  return good(found);
}

/**
 * The chain of our key, leaf first, then issuers as far as they are there (a SET has no order). Certificates that are no
 * part of it are left out. Fault: `key-mismatch` when none belongs to the key.
 */
export function chainOfKey(certificates: readonly Uint8Array[], pkcs8: Uint8Array): Result<readonly string[]> {
  const key = readKey(pkcs8);
  const parsed = certificates.map((der) => new X509Certificate(der));
  let link = parsed.find((candidate) => candidate.checkPrivateKey(key));
  if (!link) return bad('key-mismatch');
  const chain: X509Certificate[] = [];
  while (link && !chain.includes(link)) {
    chain.push(link);
    const subject: X509Certificate = link;
    link = parsed.find((candidate) => subject !== candidate && subject.checkIssued(candidate));
  }
  return good(chain.map((certificate) => toBase64(certificate.raw)));
}

/** One enrolment. Faults: those of `exchange`, `fingerprint-mismatch`, `invitation-refused`, `csr-refused`, and of the answer. */
export async function enrol(
  order: Order,
  pkcs8: Uint8Array,
  subject: string,
  judging: Judging,
): Promise<Result<readonly string[]>> {
  const request = toBase64(makeRequest(pkcs8, subject));
  const basic = toBase64(Buffer.from(`${order.invitation}:${order.password}`, 'utf8'));
  const outcome = await exchange({
    address: order.address,
    credentials: null,
    accept: [order.fingerprint],
    authority: judging.at(),
    method: 'POST',
    path: '/.well-known/est/simpleenroll',
    headers: {
      Authorization: `Basic ${basic}`,
      'Content-Type': 'application/pkcs10',
      'Content-Transfer-Encoding': 'base64',
    },
    body: `${request.replace(/(.{64})(?=.)/g, '$1\r\n')}\r\n`,
    maxBytes: maxAnswerBytes,
    timeoutMs: callTimeoutMs,
  });
  if (outcome.at === 'presented') return bad('fingerprint-mismatch', { address: order.address });
  if (outcome.at === 'failed')
    return outcome.fault.code === 'identity-refused' ? bad('tls-failed') : { ok: false, fault: outcome.fault };
  if (outcome.answer.status !== 200) return { ok: false, fault: refusalOf(outcome.answer) };
  const certificates = readCertsOnly(outcome.answer.body);
  return certificates.ok ? chainOfKey(certificates.value, pkcs8) : certificates;
}

function refusalOf(answer: HttpAnswer): Fault {
  const named = faultOfAnswer(answer);
  if (named.code !== 'server-answer') return named;
  if (answer.status === 401 || answer.status === 403) return fault('invitation-refused');
  if (answer.status === 400) return fault('csr-refused');
  return named;
}

const readKey = (pkcs8: Uint8Array): KeyObject =>
  createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' });

/** One DER element (X.690 §8.1) of less than 64 KiB. */
function der(tagByte: number, ...parts: readonly Uint8Array[]): Buffer {
  const value = Buffer.concat(parts);
  const { length } = value;
  const octets = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tagByte, ...octets]), value]);
}

/** Base64 without what people and servers put around it; empty when it is none. */
function unwrap(body: Uint8Array): Uint8Array {
  const text = Buffer.from(body)
    .toString('latin1')
    .replace(/-----(BEGIN|END) [A-Z0-9 ]{1,20}-----/g, '')
    .replace(/[\s\0]/g, '');
  return /^[A-Za-z0-9+/]+={0,2}$/.test(text) ? fromBase64(text) : new Uint8Array();
}

/** ContentInfo → SignedData → certificates [0], each as it came; null where it is something else. */
function certificatesOf(der: Uint8Array): readonly Uint8Array[] | null {
  const outer = readDer(der);
  if (outer?.tag !== derTag.sequence || outer.whole.length !== der.length) return null;
  const [type, content] = derChildren(outer.value);
  if (oidOf(type) !== signedData || content?.tag !== derTag.first) return null;
  const [signed] = derChildren(content.value);
  if (signed?.tag !== derTag.sequence) return null;
  const set = derChildren(signed.value).find((part) => part.tag === derTag.first);
  return set ? derChildren(set.value).map((part) => part.whole) : null;
}
