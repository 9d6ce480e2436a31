/**
 * Enrolment over secure transport (EST, RFC 7030 §4.2): `simpleenroll` with a one-time password, and the certs-only answer
 * (RFC 5652, RFC 7030 §4.2.3), proven against the key before anyone uses it.
 */
import { X509Certificate } from 'node:crypto';
import { fromBase64, parseCertificate, toBase64 } from '../../protocol/certificate.ts';
import { derChildren, derTag, oidOf, readDer } from '../../protocol/der.ts';
import { bad, type Fault, fault, good, type Result } from '../../protocol/fault.ts';
import type { Order } from '../core/durable.ts';
import { makeRequest, readKey } from './csr.ts';
import { exchange, faultOfAnswer, type HttpAnswer } from './https.ts';
import { basic, type Judging } from './registration.ts';

const signedData = '1.2.840.113549.1.7.2';
const maxAnswerBytes = 256 * 1024;
const maxServedCertificates = 10;
const callTimeoutMs = 30_000;

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

/** Another path than that of RFC 7030 §3.2.2 where a foreign server has one. */
export type EstOrder = Pick<Order, 'address' | 'fingerprint' | 'invitation' | 'password'> & { readonly path?: string };

/** One enrolment. Faults: those of `exchange`, `fingerprint-mismatch`, `invitation-refused`, `csr-refused`, and of the answer. */
export async function enrol(
  order: EstOrder,
  pkcs8: Uint8Array,
  subject: string,
  judging: Judging,
): Promise<Result<readonly string[]>> {
  const request = toBase64(makeRequest(pkcs8, subject));
  const outcome = await exchange({
    address: order.address,
    credentials: null,
    accept: [order.fingerprint],
    authority: judging.at(),
    method: 'POST',
    path: `${order.path ?? '/.well-known/est'}/simpleenroll`,
    headers: {
      Authorization: basic(order.invitation, order.password),
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
