/**
 * Enrolment and renewal with a foreign authority by SCEP (RFC 8894), over plain HTTP: what is sent is sealed for the
 * authority whose fingerprint the device was told, and only what that authority signed is believed. RSA keys alone, since
 * answers are sealed for them.
 */
import { createHash, randomBytes, X509Certificate } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { asn1Tag, octets, printable, sequence } from '../../protocol/asn1.ts';
import { fromBase64, parseCertificate, toBase64 } from '../../protocol/certificate.ts';
import { derTag } from '../../protocol/der.ts';
import { bad, type Fault, fault, good, type Result } from '../../protocol/fault.ts';
import { numberOfKey } from '../../protocol/request-number.ts';
import {
  type Attribute,
  isSignedBy,
  namesOf,
  openEnvelope,
  readSigned,
  type SignerInfo,
  sealFor,
  signMessage,
} from './cms.ts';
import { makeRequest, makeSelfSigned, nameOf, type Subject } from './csr.ts';
import { readKey, spkiOf } from './device-key.ts';
import { chainOfKey } from './enrol.ts';
import { exchangePlainly } from './plain-http.ts';
import type { Judging } from './registration.ts';
import {
  type Capabilities,
  chooseMethods,
  descends,
  type Methods,
  readAuthority,
  readCapabilities,
  type ScepAuthority,
} from './scep-authority.ts';

export type ScepOrder = {
  /** `host:port`. */
  readonly address: string;
  /** `/scep`; without the question. */
  readonly path: string;
  /** SHA-256 of the authority's certificate, lower-case hex. */
  readonly fingerprint: string;
  /** Null where an identity renews itself. */
  readonly challenge: string | null;
};
/** The identity a renewal is signed with: key, and the leaf of its chain. */
export type OldIdentity = { readonly pkcs8: Uint8Array; readonly certificate: Uint8Array };
export type Polling = { readonly times: number; readonly everyMs: number };

/** One message of ours, and what its answer is held against. */
export type ScepMessage = {
  readonly der: Uint8Array;
  readonly transaction: string;
  readonly nonce: Uint8Array;
};
export type ScepAnswer =
  | { readonly at: 'issued'; readonly certificates: readonly Uint8Array[] }
  | { readonly at: 'pending' };
export type Asker = {
  readonly authority: ScepAuthority;
  readonly methods: Methods;
  /** Signs our messages, and opens the answers: its own certificate, or the old identity. */
  readonly signer: OldIdentity;
};

const messageType = { renewal: 17, request: 19, poll: 20, answer: 3 } as const;
const attribute = {
  messageType: '2.16.840.1.113733.1.9.2',
  status: '2.16.840.1.113733.1.9.3',
  failInfo: '2.16.840.1.113733.1.9.4',
  senderNonce: '2.16.840.1.113733.1.9.5',
  recipientNonce: '2.16.840.1.113733.1.9.6',
  transaction: '2.16.840.1.113733.1.9.7',
} as const;
/** RFC 8894 §3.2.1.4. */
const failures = ['badAlg', 'badMessageCheck', 'badRequest', 'badTime', 'badCertId'];
const maxAnswerBytes = 256 * 1024;
const callTimeoutMs = 30_000;
/** What a request in a URL may have: servers and proxies cut at some 8 KiB. */
const maxUrlBytes = 8 * 1024;
/** An approval takes hours: the agent comes again by backoff, with the same key and so the same transaction. */
const patience: Polling = { times: 2, everyMs: 5_000 };

/**
 * One enrolment, or with `old` one renewal (RFC 8894 §3.3.1.2): the chain of our key, leaf first. The same key is the same
 * transaction, so that it may be repeated. Faults: those of `exchangePlainly`, `chooseMethods`, `readAuthority`,
 * `readAnswer`; `capability-missing` for a key that is not RSA and for a server that renews nothing; `enrolment-pending`;
 * `key-mismatch`; `issuer-unknown` where the certificate is not from the authority that was told; `bad-argument`.
 */
export async function enrolByScep(
  order: ScepOrder,
  pkcs8: Uint8Array,
  subject: Subject,
  judging: Judging,
  old: OldIdentity | null = null,
  polling: Polling = patience,
): Promise<Result<readonly string[]>> {
  if (!/^\/[\x21-\x22\x24-\x3e\x40-\x7e]{0,200}$/.test(order.path)) return bad('bad-argument', { what: 'path' });
  if ([pkcs8, old?.pkcs8 ?? pkcs8].some((key) => readKey(key).asymmetricKeyType !== 'rsa'))
    return bad('capability-missing', { what: 'RSA' });
  const capabilities = await capabilitiesOf(order);
  if (!capabilities.ok) return capabilities;
  const methods = chooseMethods(capabilities.value);
  if (!methods.ok) return methods;
  if (old && !(capabilities.value.has('renewal') || capabilities.value.has('scepstandard')))
    return bad('capability-missing', { what: 'Renewal' });
  const served = await get(order, 'GetCACert');
  if (!served.ok) return served;
  const authority = readAuthority(served.value, order.fingerprint, order.address);
  if (!authority.ok) return authority;
  const signer = old ?? { pkcs8, certificate: makeSelfSigned(pkcs8, subject, judging.at()) };
  const asker: Asker = { authority: authority.value, methods: methods.value, signer };
  const request = makeRequest(pkcs8, subject, order.challenge);
  const transaction = createHash('sha256').update(spkiOf(pkcs8)).digest('hex');
  let answer = await send(order, asker, makeMessage(asker, transaction, old ? 'renewal' : 'request', request));
  const issuer = namesOf(authority.value.issuing).subject;
  for (let poll = 0; answer.ok && answer.value.at === 'pending' && poll < polling.times; poll++) {
    await delay(polling.everyMs);
    answer = await send(order, asker, makeMessage(asker, transaction, 'poll', sequence(issuer, nameOf(subject))));
  }
  if (!answer.ok) return answer;
  if (answer.value.at === 'pending') return bad('enrolment-pending', { request: numberOfKey(transaction) });
  return chainFrom(answer.value.certificates, authority.value, pkcs8);
}

/** A signed message around the sealed content (RFC 8894 §3.3); its nonce is new. */
export function makeMessage(
  { authority, methods, signer }: Asker,
  transaction: string,
  type: 'renewal' | 'request' | 'poll',
  content: Uint8Array,
): ScepMessage {
  const nonce = randomBytes(16);
  const attributes: readonly Attribute[] = [
    [attribute.messageType, printable(String(messageType[type]))],
    [attribute.transaction, printable(transaction)],
    [attribute.senderNonce, octets(nonce)],
  ];
  const sealed = sealFor(authority.recipient, content, methods.cipher);
  return { der: signMessage(sealed, attributes, { ...signer, hash: methods.hash }), transaction, nonce };
}

/**
 * What an answer says, once it is known to be the authority's, and to this message. Faults: `server-answer` for everything
 * that anyone could have sent; then the authority's word: `challenge-refused` (badRequest), `csr-refused` with `reason`, and
 * `answer-undecipherable`. Never throws.
 */
export function readAnswer(body: Uint8Array, message: ScepMessage, { authority, signer }: Asker): Result<ScepAnswer> {
  const signed = readSigned(body);
  if (!signed?.signer) return bad('server-answer', { status: 'CMS' });
  if (!authority.certificates.some((der) => isSignedBy(signed, der)))
    return bad('server-answer', { status: 'signature' });
  const word = (type: string): string | null => wordOf(signed.signer, type);
  const nonce = signed.signer.attributes.get(attribute.recipientNonce);
  const fits =
    word(attribute.messageType) === String(messageType.answer) &&
    word(attribute.transaction) === message.transaction &&
    nonce?.tag === derTag.octetString &&
    Buffer.from(message.nonce).equals(nonce.value);
  if (!fits) return bad('server-answer', { status: 'nonce' });
  const status = word(attribute.status);
  if (status === '3') return good({ at: 'pending' });
  if (status === '2') return { ok: false, fault: refusalOf(word(attribute.failInfo)) };
  if (status !== '0') return bad('server-answer', { status: 'pkiStatus' });
  const opened = openEnvelope(signed.content ?? new Uint8Array(), signer.certificate, signer.pkcs8);
  const certificates = opened && readSigned(opened)?.certificates;
  return certificates && certificates.length > 0 ? good({ at: 'issued', certificates }) : bad('answer-undecipherable');
}

function refusalOf(failInfo: string | null): Fault {
  const reason = failures[Number(failInfo ?? -1)] ?? 'failure';
  return reason === 'badRequest' ? fault('challenge-refused') : fault('csr-refused', { reason });
}

function wordOf(signer: SignerInfo | null, type: string): string | null {
  const value = signer?.attributes.get(type);
  const isText = value?.tag === asn1Tag.printable || value?.tag === asn1Tag.utf8;
  return value && isText && value.value.length <= 200 ? Buffer.from(value.value).toString('latin1') : null;
}

/** Ours, and from the authority: what it sent need not have been checked by anybody yet. */
function chainFrom(
  certificates: readonly Uint8Array[],
  authority: ScepAuthority,
  pkcs8: Uint8Array,
): Result<readonly string[]> {
  for (const der of certificates) {
    const parsed = parseCertificate(der);
    if (!parsed.ok) return parsed;
  }
  const pool = [...certificates, ...authority.certificates];
  const chain = chainOfKey(pool, pkcs8);
  if (!chain.ok) return chain;
  const leaf = new X509Certificate(fromBase64(chain.value[0] ?? ''));
  const all = pool.map((der) => new X509Certificate(der));
  return descends(leaf, all, authority.anchor) ? chain : bad('issuer-unknown');
}

/** A server that knows no capabilities answers with an error (RFC 8894 §3.5.2): it has none. */
async function capabilitiesOf(order: ScepOrder): Promise<Result<Capabilities>> {
  const answer = await ask(order, 'GET', `${order.path}?operation=GetCACaps`, null);
  if (!answer.ok) return answer;
  return good(answer.value.status === 200 ? readCapabilities(answer.value.body) : new Set());
}

async function get(order: ScepOrder, operation: string): Promise<Result<Uint8Array>> {
  return bodyOf(await ask(order, 'GET', `${order.path}?operation=${operation}`, null));
}

async function send(order: ScepOrder, asker: Asker, message: ScepMessage): Promise<Result<ScepAnswer>> {
  const path = `${order.path}?operation=PKIOperation`;
  const long = `${path}&message=${encodeURIComponent(toBase64(message.der))}`;
  if (!asker.methods.post && long.length > maxUrlBytes) return bad('capability-missing', { what: 'POSTPKIOperation' });
  const answer = bodyOf(
    asker.methods.post ? await ask(order, 'POST', path, message.der) : await ask(order, 'GET', long, null),
  );
  return answer.ok ? readAnswer(answer.value, message, asker) : answer;
}

function ask({ address }: ScepOrder, method: 'GET' | 'POST', path: string, body: Uint8Array | null) {
  return exchangePlainly({
    address,
    method,
    path,
    headers: body ? { 'Content-Type': 'application/x-pki-message' } : {},
    body,
    maxBytes: maxAnswerBytes,
    timeoutMs: callTimeoutMs,
  });
}

const bodyOf = (answer: Awaited<ReturnType<typeof ask>>): Result<Uint8Array> =>
  !answer.ok
    ? answer
    : answer.value.status === 200
      ? good(answer.value.body)
      : bad('server-answer', { status: answer.value.status });
