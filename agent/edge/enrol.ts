/**
 * Enrolment over secure transport (EST, RFC 7030 §4.2): `simpleenroll` with a one-time password, `simplereenroll` by the
 * certificate in use, and the certs-only answer (RFC 5652, RFC 7030 §4.2.3), proven against the key before anyone uses it.
 */
import { X509Certificate } from 'node:crypto';
import { toDer } from '../../protocol/ber.ts';
import { fromBase64, parseCertificate, toBase64 } from '../../protocol/certificate.ts';
import { bad, type Fault, fault, good, type Result } from '../../protocol/fault.ts';
import { reenrolmentPassword } from '../../protocol/reenrolment.ts';
import { requestNumber } from '../../protocol/request-number.ts';
import type { Order } from '../core/durable.ts';
import { servedCertificates } from './cms.ts';
import { makeRequest, type Subject } from './csr.ts';
import { type DeviceKey, isOfKey, spkiOf } from './device-key.ts';
import { exchange, faultOfAnswer, type HttpAnswer, type HttpOrder, type HttpOutcome } from './https.ts';
import { basic, type Judging } from './registration.ts';
import type { Credentials } from './tls.ts';

const maxAnswerBytes = 256 * 1024;
const callTimeoutMs = 30_000;

/**
 * Certificates of a degenerate PKCS#7 message: DER or BER, or base64 on one line or wrapped in any way, at most ten.
 * Faults: `server-answer`, `certificate-too-large`, `certificate-unreadable`. Never throws.
 */
export function readCertsOnly(body: Uint8Array): Result<readonly Uint8Array[]> {
  const message = toDer(body) ?? toDer(unwrap(body));
  const found = message && servedCertificates(message);
  if (!found || found.length === 0) return bad('server-answer', { status: 'pkcs7' });
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
export function chainOfKey(certificates: readonly Uint8Array[], key: DeviceKey): Result<readonly string[]> {
  const parsed = certificates.map((der) => new X509Certificate(der));
  let link = parsed.find((candidate) => isOfKey(candidate, key));
  if (!link) return bad('key-mismatch');
  const chain: X509Certificate[] = [];
  while (link && !chain.includes(link)) {
    chain.push(link);
    const subject: X509Certificate = link;
    link = parsed.find((candidate) => subject !== candidate && subject.checkIssued(candidate));
  }
  return good(chain.map((certificate) => toBase64(certificate.raw)));
}

/** Where certificates are asked for by a registered device: only the leaf certificates in `accept` are talked to. */
type Own = { readonly address: string; readonly accept: readonly string[]; readonly device: string };
export type RenewOrder = Own & { readonly credentials: Credentials };
/** `secret` is the device secret, hex. */
export type AgainOrder = Own & { readonly secret: string };
/** The chain of the key, or what the server showed instead of a certificate in `accept`; nothing was sent to it. */
export type Issued =
  | { readonly at: 'issued'; readonly chain: readonly string[] }
  | { readonly at: 'presented'; readonly der: string }
  | { readonly at: 'failed'; readonly fault: Fault };

/** Another path than that of RFC 7030 §3.2.2 where a foreign server has one. */
export type EstOrder = Pick<Order, 'address' | 'fingerprint' | 'invitation' | 'password'> & {
  readonly path?: string | undefined;
};

/** One enrolment. Faults: those of `exchange`, `fingerprint-mismatch`, `invitation-refused`, `csr-refused`, and of the answer. */
export async function enrol(
  order: EstOrder,
  key: DeviceKey,
  subject: string,
  judging: Judging,
): Promise<Result<readonly string[]>> {
  const { address, fingerprint, invitation, password } = order;
  const where = { address, accept: [fingerprint], authority: judging.at(), credentials: null, path: order.path };
  // A foreign server may need nothing to be told.
  const authorization = invitation === '' && password === '' ? null : basic(invitation, password);
  const asked = await ask('simpleenroll', where, makeRequest(key, subject), authorization);
  if (asked.at === 'presented') return bad('fingerprint-mismatch', { address });
  const issued = asked.at === 'answered' ? issuedFrom(asked.answer, key, fault('invitation-refused')) : asked;
  return issued.at === 'issued' ? good(issued.chain) : { ok: false, fault: withoutOurs(issued.fault) };
}

/**
 * RFC 7030 §4.2.2: another certificate for the same device and a new key, by the certificate in use. Faults: those of
 * `exchange`, `identity-refused`, `identity-retired`, `csr-refused`, and of the answer.
 */
export async function renew(order: RenewOrder, key: DeviceKey): Promise<Issued> {
  const { accept, address, credentials, device } = order;
  const asked = await ask(
    'simplereenroll',
    { address, accept, authority: null, credentials },
    makeRequest(key, device),
    null,
  );
  return asked.at === 'answered' ? issuedFrom(asked.answer, key, fault('identity-refused')) : asked;
}

/**
 * The same at a foreign server, for the Name that the identity in use has. Faults: as for `renew`, and `authority-mismatch` for
 * a server without the certificate of the fingerprint, which was told nothing.
 */
export async function renewAt(
  { address, fingerprint, path }: Pick<EstOrder, 'address' | 'fingerprint' | 'path'>,
  credentials: Credentials,
  key: DeviceKey,
  subject: Subject,
  judging: Judging,
  authorization: string | null,
): Promise<Result<readonly string[]>> {
  const where = { address, accept: [fingerprint], authority: judging.at(), credentials, path };
  const asked = await ask('simplereenroll', where, makeRequest(key, subject), authorization);
  if (asked.at === 'presented') return bad('authority-mismatch', { address });
  const issued = asked.at === 'answered' ? issuedFrom(asked.answer, key, fault('identity-refused')) : asked;
  return issued.at === 'issued' ? good(issued.chain) : { ok: false, fault: issued.fault };
}

/**
 * A retired device whose administrator has answered a code: it proves itself by its secret, over this very request
 * (`protocol/reenrolment`). Faults: as for `enrol`.
 */
export async function enrolAgain(order: AgainOrder, key: DeviceKey): Promise<Issued> {
  const { accept, address, device, secret } = order;
  const csr = makeRequest(key, device);
  const password = reenrolmentPassword(Buffer.from(secret, 'hex'), csr);
  const where = { address, accept, authority: null, credentials: null };
  const asked = await ask('simpleenroll', where, csr, basic(device, password));
  if (asked.at === 'answered') return issuedFrom(asked.answer, key, fault('invitation-refused'));
  return asked.at === 'failed' ? { at: 'failed', fault: withoutOurs(asked.fault) } : asked;
}

function ask(
  operation: 'simpleenroll' | 'simplereenroll',
  where: Pick<HttpOrder, 'address' | 'accept' | 'authority' | 'credentials'> & Pick<EstOrder, 'path'>,
  csr: Uint8Array,
  authorization: string | null,
): Promise<HttpOutcome> {
  return exchange({
    ...where,
    method: 'POST',
    path: `${where.path ?? '/.well-known/est'}/${operation}`,
    headers: {
      ...(authorization === null ? {} : { Authorization: authorization }),
      'Content-Type': 'application/pkcs10',
      'Content-Transfer-Encoding': 'base64',
    },
    body: `${toBase64(csr).replace(/(.{64})(?=.)/g, '$1\r\n')}\r\n`,
    maxBytes: maxAnswerBytes,
    timeoutMs: callTimeoutMs,
  });
}

function issuedFrom(answer: HttpAnswer, key: DeviceKey, denied: Fault): Exclude<Issued, { at: 'presented' }> {
  // RFC 7030 §4.2.3: somebody has to approve it first.
  if (answer.status === 202)
    return { at: 'failed', fault: fault('enrolment-pending', { request: requestNumber(spkiOf(key)) }) };
  if (answer.status !== 200) return { at: 'failed', fault: refusalOf(answer, denied) };
  const certificates = readCertsOnly(answer.body);
  const chain = certificates.ok ? chainOfKey(certificates.value, key) : certificates;
  return chain.ok ? { at: 'issued', chain: chain.value } : { at: 'failed', fault: chain.fault };
}

/** `denied` where the server names nothing itself. */
function refusalOf(answer: HttpAnswer, denied: Fault): Fault {
  const named = faultOfAnswer(answer);
  if (named.code !== 'server-answer') return named;
  if (answer.status === 401 || answer.status === 403) return denied;
  if (answer.status === 400) return fault('csr-refused');
  return named;
}

/** Who shows no certificate is not told that it is refused. */
const withoutOurs = (why: Fault): Fault => (why.code === 'identity-refused' ? fault('tls-failed') : why);

/** Base64 without what people and servers put around it; empty when it is none. */
function unwrap(body: Uint8Array): Uint8Array {
  const text = Buffer.from(body)
    .toString('latin1')
    .replace(/-----(BEGIN|END) [A-Z0-9 ]{1,20}-----/g, '')
    .replace(/[\s\0]/g, '');
  return /^[A-Za-z0-9+/]+={0,2}$/.test(text) ? fromBase64(text) : new Uint8Array();
}
