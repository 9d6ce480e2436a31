/**
 * X.509 certificates (RFC 5280) as plain data, and PEM/DER reading. Parsing is Node's own (OpenSSL); our DER reader answers
 * only what `X509Certificate` does not tell on every supported runtime. Nothing here judges trust.
 */
import { hash, X509Certificate } from 'node:crypto';
import { derChildren, derTag, oidOf, readDer, type Tlv } from './der.ts';
import { bad, good, type Result } from './fault.ts';
import { inFours } from './fours.ts';
import { maxCertificateBytes } from './limits.ts';
import type { CertificateView, PresentedView } from './local.ts';
import { type Instant, instant } from './time.ts';

declare const brand: unique symbol;
/** SHA-256 over the DER bytes, 64 lower-case hex digits. */
export type Fingerprint = string & { readonly [brand]: 'Fingerprint' };

export type Certificate = {
  readonly der: Uint8Array;
  readonly fingerprint: Fingerprint;
  /** For people: the common name of the subject, else its organization, else the whole subject. */
  readonly owner: string;
  /** RFC 2253 escapes, parts joined by commas. Names never hold a control or format character: U+FFFD stands for it. */
  readonly subject: string;
  readonly issuer: string;
  /** Hex, upper case, as OpenSSL prints it. */
  readonly serial: string;
  readonly notBefore: Instant;
  readonly notAfter: Instant;
  readonly isCa: boolean;
  /** For people: `EC P-256`, `RSA 2048`, `Ed25519`. */
  readonly key: string;
  /** DNS names and IP addresses of the subject alternative name; a name with odd characters stays quoted as in JSON. */
  readonly names: readonly string[];
};

const maxKeyBits = 8192;
const minRsaBits = 2048;
const curves: Readonly<Record<string, string>> = { prime256v1: 'P-256', secp384r1: 'P-384', secp521r1: 'P-521' };
/** RSA, ECDSA and EdDSA with SHA-2 or SHA-3 (RFC 8017, 5758, 8410, 8692); whatever is not here counts as weak. */
const strongSignatures: ReadonlySet<string> = new Set([
  ...[11, 12, 13, 14].map((last) => `1.2.840.113549.1.1.${last}`),
  ...[1, 2, 3, 4].map((last) => `1.2.840.10045.4.3.${last}`),
  ...[9, 10, 11, 12, 13, 14, 15, 16].map((last) => `2.16.840.1.101.3.4.3.${last}`),
  '1.3.101.112',
]);
const pssSignature = '1.2.840.113549.1.1.10';
/** SHA-2 and SHA-3. */
const strongHash = /^2\.16\.840\.1\.101\.3\.4\.2\.([1-9]|10)$/;

export const fingerprintOf = (der: Uint8Array): Fingerprint => hash('sha256', der) as Fingerprint;

export const fromBase64 = (text: string): Uint8Array => Buffer.from(text, 'base64');
export const toBase64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

/** Groups of four hex digits, as screens show a fingerprint. */
export const groupFingerprint = inFours;

/**
 * Reads exactly one DER certificate: nothing before it, nothing behind it, at most `maxCertificateBytes`.
 * Faults: `certificate-too-large`, `certificate-unreadable`.
 */
export function parseCertificate(der: Uint8Array): Result<Certificate> {
  if (der.length > maxCertificateBytes)
    return bad('certificate-too-large', { bytes: der.length, limit: maxCertificateBytes });
  if (!isWholeSequence(der)) return bad('certificate-unreadable');
  try {
    const parsed = new X509Certificate(der);
    if (!parsed.raw.equals(der)) return bad('certificate-unreadable');
    const notBefore = readTime(parsed.validFrom);
    const notAfter = readTime(parsed.validTo);
    if (notBefore === null || notAfter === null) return bad('certificate-unreadable');
    return good({
      der,
      fingerprint: fingerprintOf(der),
      owner: ownerOf(parsed.subject ?? ''),
      subject: oneLine(parsed.subject ?? ''),
      issuer: oneLine(parsed.issuer ?? ''),
      serial: parsed.serialNumber,
      notBefore: notBefore,
      notAfter: notAfter,
      isCa: parsed.ca,
      key: describeKey(parsed),
      names: namesOf(parsed.subjectAltName ?? ''),
    });
  } catch {
    return bad('certificate-unreadable');
  }
}

export type Use = 'trust-anchor-or-server' | 'server' | 'trust-anchor';

/**
 * Whether a certificate may be kept for a use: key strong and of a kind we support, signature not broken, CA or
 * end-entity as wanted. A signature by the certificate's own key proves nothing and may be of any kind. Dates are never
 * judged here: time makes a certificate unusable, not unacceptable.
 * Faults: `certificate-weak-key`, `certificate-weak-signature`, `certificate-wrong-kind`.
 */
export function checkAcceptable(certificate: Certificate, use: Use): Result<Certificate> {
  const { key } = certificate;
  const rsa = /^RSA (\d+)$/.exec(key);
  const bits = Number(rsa?.[1] ?? 0);
  const strong = rsa ? bits >= minRsaBits && bits <= maxKeyBits : /^(EC P-(256|384|521)|Ed25519)$/.test(key);
  if (!strong) return bad('certificate-weak-key', { key, owner: certificate.owner });
  const algorithm = signatureAlgorithm(certificate.der);
  if (algorithm !== 'strong' && !selfSigned(certificate.der))
    return bad('certificate-weak-signature', { algorithm, owner: certificate.owner });
  if (use === 'server' && certificate.isCa) return bad('certificate-wrong-kind', { owner: certificate.owner });
  if (use === 'trust-anchor' && !certificate.isCa) return bad('certificate-wrong-kind', { owner: certificate.owner });
  return good(certificate);
}

/** PEM with 64-column lines, RFC 7468 §2. */
export const toPem = (der: Uint8Array, label = 'CERTIFICATE'): string =>
  `-----BEGIN ${label}-----\n${toBase64(der).replace(/(.{64})(?=.)/g, '$1\n')}\n-----END ${label}-----\n`;

/** `server` left out: it counts for any of its purpose. */
export type ViewFacts = Pick<CertificateView, 'purpose' | 'source' | 'file' | 'slot' | 'addedAt'> &
  Partial<Pick<CertificateView, 'server'>>;

export const viewCertificate = (certificate: Certificate, facts: ViewFacts): CertificateView => ({
  ...presentCertificate(certificate),
  server: null,
  ...facts,
});

/** What is shown of a certificate that is not, or not yet, in the store. */
export const presentCertificate = (certificate: Certificate): PresentedView => ({
  fingerprint: certificate.fingerprint,
  owner: certificate.owner.slice(0, 300),
  subject: certificate.subject.slice(0, 1000),
  issuer: certificate.issuer.slice(0, 1000),
  serial: certificate.serial.slice(0, 80),
  notBefore: certificate.notBefore,
  notAfter: certificate.notAfter,
  key: certificate.key,
  names: certificate.names.map((name) => name.slice(0, 300)),
  isCa: certificate.isCa,
});

/** One DER SEQUENCE and nothing else. */
export function isWholeSequence(bytes: Uint8Array): boolean {
  const outer = readDer(bytes);
  return outer?.tag === derTag.sequence && outer.whole.length === bytes.length;
}

/**
 * Dates as OpenSSL prints them: `Jan  1 00:00:00 2020 GMT`. `Date.parse` would take a year below 100 for one of ours; fractions
 * of a second and other time zones are not RFC 5280 (§4.1.2.5.2).
 */
function readTime(text: string): Instant | null {
  const parts = /^([A-Z][a-z]{2}) {1,2}(\d{1,2}) (\d\d:\d\d:\d\d) (\d{1,4}) GMT$/.exec(text);
  const month = 'JanFebMarAprMayJunJulAugSepOctNovDec'.indexOf(parts?.[1] ?? '-') / 3 + 1;
  if (!parts || !Number.isInteger(month) || month < 1) return null;
  const two = (part: number | string | undefined) => String(part).padStart(2, '0');
  const at = Date.parse(`${parts[4]?.padStart(4, '0')}-${two(month)}-${two(parts[2])}T${parts[3]}Z`);
  return Number.isNaN(at) ? null : instant(at);
}

/** `strong`, or what to tell people. The algorithm stands twice and must be the same (RFC 5280 §4.1.1.2). */
function signatureAlgorithm(der: Uint8Array): string {
  const [body, outer] = derChildren(readDer(der)?.value ?? der);
  const inner = bodyOf(body)[1];
  if (!outer || !inner || !Buffer.from(outer.whole).equals(inner.whole)) return 'unreadable';
  const [name, parameters] = derChildren(outer.value);
  const oid = oidOf(name);
  if (oid === pssSignature) return strongPss(parameters) ? 'strong' : 'RSA-PSS, SHA-1';
  return oid === null ? 'unreadable' : strongSignatures.has(oid) ? 'strong' : oid;
}

/** Fields of the to-be-signed part from the serial number on: serial, signature, issuer, validity, subject, key, … */
function bodyOf(body: Tlv | undefined): readonly Tlv[] {
  const fields = derChildren(body?.value ?? new Uint8Array());
  return fields[0]?.tag === derTag.first ? fields.slice(1) : fields;
}

/** RFC 4055 §3.1: the hash is the first of the parameters, and SHA-1 where it is left out. */
function strongPss(parameters: Tlv | undefined): boolean {
  const [hash] = derChildren(parameters?.value ?? new Uint8Array());
  if (hash?.tag !== derTag.first) return false;
  return strongHash.test(oidOf(derChildren(readDer(hash.value)?.value ?? hash.value)[0]) ?? '');
}

function selfSigned(der: Uint8Array): boolean {
  try {
    const parsed = new X509Certificate(der);
    return parsed.verify(parsed.publicKey);
  } catch {
    return false;
  }
}

/** A key that OpenSSL cannot read makes a weak certificate, not an unreadable one. */
function describeKey(parsed: X509Certificate): string {
  try {
    const { asymmetricKeyType: type, asymmetricKeyDetails: details } = parsed.publicKey;
    if (type === 'ec') return `EC ${namedCurve(parsed.raw) ? curveName(details?.namedCurve) : 'explicit parameters'}`;
    if (type === 'ed25519') return 'Ed25519';
    if (type !== 'rsa' && type !== 'rsa-pss') return type ?? 'unknown';
    const exponent = details?.publicExponent ?? 0n;
    const odd = exponent >= 3n && exponent % 2n === 1n;
    return `RSA ${details?.modulusLength ?? 0}${odd ? '' : ', exponent unfit'}`;
  } catch {
    return 'unknown';
  }
}

const curveName = (name: string | undefined): string => curves[name ?? ''] ?? name ?? '?';

/** RFC 5480 §2.1.1: the curve is named. Node names a curve spelled out in parameters too, OpenSSL's strict check refuses it. */
function namedCurve(der: Uint8Array): boolean {
  const [body] = derChildren(readDer(der)?.value ?? der);
  const [algorithm] = derChildren(bodyOf(body)[5]?.value ?? new Uint8Array());
  return oidOf(derChildren(algorithm?.value ?? new Uint8Array())[1]) !== null;
}

/** Control characters would drive a terminal, and format characters (bidirectional ones above all) would forge a name. */
export const printable = (name: string): string => name.replace(/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu, '\ufffd');

const oneLine = (name: string): string => printable(name.split('\n').join(', '));

/** OpenSSL escapes line ends and `+` inside values, so bare ones stand between parts (RFC 2253 §2.4). */
function ownerOf(subject: string): string {
  const parts = subject.split(/\n| \+ /);
  const named = parts.find((part) => part.startsWith('CN=')) ?? parts.find((part) => part.startsWith('O='));
  if (!named) return oneLine(subject);
  return printable(named.slice(named.indexOf('=') + 1).replace(/\\([^0-9A-F])/g, '$1'));
}

/** Node writes names with odd characters as JSON strings, in which a comma is always escaped; all others hold none. */
function namesOf(alternative: string): string[] {
  return alternative
    .split(', ')
    .map((name) => /^(?:DNS|IP Address):(.+)$/.exec(name)?.[1] ?? '')
    .filter((name) => name !== '')
    .map((name) => printable(name.includes(':') && !name.startsWith('"') ? shortAddress(name) : name));
}

/** RFC 5952 form of an IPv6 address. */
function shortAddress(address: string): string {
  return URL.canParse(`http://[${address}]`) ? new URL(`http://[${address}]`).hostname.slice(1, -1) : address;
}
