/**
 * X.509 certificates (RFC 5280) as plain data, and PEM/DER reading. Parsing is Node's own (OpenSSL); node-forge's DER
 * reader answers only what `X509Certificate` does not tell on every supported runtime. Nothing here judges trust.
 */
import { createHash, X509Certificate } from 'node:crypto';
import forge, { type Asn1 } from 'node-forge/lib/asn1.js';
import { bad, good, type Result } from './fault.ts';
import { maxCertificateBytes } from './limits.ts';
import { readPem } from './pem.ts';
import type { CertificateView } from './schema.ts';
import { type Instant, instant } from './time.ts';

declare const brand: unique symbol;
/** SHA-256 over the DER bytes, 64 lower-case hex digits. */
export type Fingerprint = string & { readonly [brand]: 'Fingerprint' };

export type Certificate = {
  readonly der: Uint8Array;
  readonly fingerprint: Fingerprint;
  /** Common name of the subject, else its organization, else the whole subject. */
  readonly owner: string;
  readonly subject: string;
  readonly issuer: string;
  /** Hex, upper case, as OpenSSL prints it. */
  readonly serial: string;
  readonly notBefore: Instant;
  readonly notAfter: Instant;
  readonly isCa: boolean;
  /** For people: `EC P-256`, `RSA 2048`, `Ed25519`. */
  readonly key: string;
  /** DNS names and IP addresses of the subject alternative name. */
  readonly names: readonly string[];
};

const maxPemBytes = 8 * 1024 * 1024;
const maxKeyBits = 8192;
const minRsaBits = 2048;
const curves: Readonly<Record<string, string>> = { prime256v1: 'P-256', secp384r1: 'P-384', secp521r1: 'P-521' };
/** md2, md4, md5 and SHA-1 with RSA; SHA-1 with ECDSA and DSA. */
const weakSignatures: ReadonlySet<string> = new Set([
  '1.2.840.113549.1.1.2',
  '1.2.840.113549.1.1.3',
  '1.2.840.113549.1.1.4',
  '1.2.840.113549.1.1.5',
  '1.2.840.10045.4.1',
  '1.2.840.10040.4.3',
  '1.3.14.3.2.29',
]);

export const fingerprintOf = (der: Uint8Array): Fingerprint =>
  createHash('sha256').update(der).digest('hex') as Fingerprint;

export const fromBase64 = (text: string): Uint8Array => Buffer.from(text, 'base64');
export const toBase64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

/** Groups of four hex digits, as screens show a fingerprint. */
export const groupFingerprint = (fingerprint: string): string => fingerprint.replace(/(....)(?=.)/g, '$1 ');

/**
 * Reads exactly one DER certificate: nothing before it, nothing behind it, at most `maxCertificateBytes`.
 * Faults: `certificate-too-large`, `certificate-unreadable`.
 */
export function parseCertificate(der: Uint8Array): Result<Certificate> {
  if (der.length > maxCertificateBytes)
    return bad('certificate-too-large', { bytes: der.length, limit: maxCertificateBytes });
  if (derLength(der) !== der.length) return bad('certificate-unreadable');
  try {
    const parsed = new X509Certificate(der);
    if (!parsed.raw.equals(der)) return bad('certificate-unreadable');
    const notBefore = Date.parse(parsed.validFrom);
    const notAfter = Date.parse(parsed.validTo);
    if (Number.isNaN(notBefore) || Number.isNaN(notAfter)) return bad('certificate-unreadable');
    return good({
      der,
      fingerprint: fingerprintOf(der),
      owner: ownerOf(parsed.subject ?? ''),
      subject: oneLine(parsed.subject ?? ''),
      issuer: oneLine(parsed.issuer ?? ''),
      serial: parsed.serialNumber,
      notBefore: instant(notBefore),
      notAfter: instant(notAfter),
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
 * end-entity as wanted. Dates are never judged here: time makes a certificate unusable, not unacceptable.
 * Faults: `certificate-weak-key`, `certificate-weak-signature`, `certificate-wrong-kind`.
 */
export function checkAcceptable(certificate: Certificate, use: Use): Result<Certificate> {
  const { key } = certificate;
  const rsa = /^RSA (\d+)$/.exec(key);
  const bits = Number(rsa?.[1] ?? 0);
  const strong = rsa ? bits >= minRsaBits && bits <= maxKeyBits : /^(EC P-(256|384|521)|Ed25519)$/.test(key);
  if (!strong) return bad('certificate-weak-key', { key, owner: certificate.owner });
  const algorithm = signatureAlgorithm(certificate.der);
  const selfIssued = certificate.subject === certificate.issuer;
  if (algorithm === null || (weakSignatures.has(algorithm) && !selfIssued))
    return bad('certificate-weak-signature', { algorithm: algorithm ?? 'unreadable', owner: certificate.owner });
  if (use === 'server' && certificate.isCa) return bad('certificate-wrong-kind', { owner: certificate.owner });
  if (use === 'trust-anchor' && !certificate.isCa) return bad('certificate-wrong-kind', { owner: certificate.owner });
  return good(certificate);
}

/**
 * Certificates of a file as people have them: DER, or PEM with any line ends, trailing blanks and text around the blocks
 * (RFC 7468 §5.2, read tolerantly). One unreadable block refuses the whole file.
 * Faults: `too-large`, `certificate-unreadable` (with the number of the block), and those of `parseCertificate`.
 */
export function readCertificateFile(bytes: Uint8Array): Result<readonly Certificate[]> {
  if (bytes.length > maxPemBytes) return bad('too-large', { limit: maxPemBytes });
  const content = Buffer.from(bytes).toString('latin1');
  if (!content.includes('-----BEGIN')) return one(bytes);
  const blocks = readPem(content, 'CERTIFICATE');
  if (!blocks.ok) return blocks;
  const found: Certificate[] = [];
  for (const [index, block] of blocks.value.entries()) {
    const read = parseCertificate(block);
    if (!read.ok) return bad(read.fault.code, { ...read.fault.facts, block: index + 1 });
    found.push(read.value);
  }
  return good(found);
}

/** PEM with 64-column lines, RFC 7468 §2. */
export const toPem = (der: Uint8Array, label = 'CERTIFICATE'): string =>
  `-----BEGIN ${label}-----\n${toBase64(der).replace(/(.{64})(?=.)/g, '$1\n')}\n-----END ${label}-----\n`;

export type ViewFacts = Pick<CertificateView, 'purpose' | 'source' | 'file' | 'slot' | 'addedAt'>;

export const viewCertificate = (certificate: Certificate, facts: ViewFacts): CertificateView => ({
  fingerprint: certificate.fingerprint,
  owner: certificate.owner.slice(0, 300),
  subject: certificate.subject.slice(0, 1000),
  issuer: certificate.issuer.slice(0, 1000),
  serial: certificate.serial.slice(0, 80),
  notBefore: certificate.notBefore,
  notAfter: certificate.notAfter,
  key: certificate.key,
  names: [...certificate.names],
  isCa: certificate.isCa,
  ...facts,
});

function one(der: Uint8Array): Result<readonly Certificate[]> {
  const read = parseCertificate(der);
  return read.ok ? good([read.value]) : read;
}

/** Whole length the outermost SEQUENCE claims (X.690 §8.1.3), or -1. */
function derLength(der: Uint8Array): number {
  const [tag, first] = der;
  if (tag !== 0x30 || first === undefined) return -1;
  if (first < 0x80) return 2 + first;
  const octets = first & 0x7f;
  if (octets === 0 || octets > 3 || der.length < 2 + octets) return -1;
  let length = 0;
  for (let index = 0; index < octets; index++) length = length * 256 + (der[2 + index] ?? 0);
  return 2 + octets + length;
}

function signatureAlgorithm(der: Uint8Array): string | null {
  try {
    const outer = forge.fromDer(Buffer.from(der).toString('latin1'));
    const algorithm = (outer.value as Asn1[])[1];
    const oid = (algorithm?.value as Asn1[])[0];
    return typeof oid?.value === 'string' ? forge.derToOid(oid.value) : null;
  } catch {
    return null;
  }
}

function describeKey(parsed: X509Certificate): string {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = parsed.publicKey;
  if (type === 'ec') return `EC ${curves[details?.namedCurve ?? ''] ?? details?.namedCurve ?? '?'}`;
  if (type === 'rsa' || type === 'rsa-pss') return `RSA ${details?.modulusLength ?? 0}`;
  if (type === 'ed25519') return 'Ed25519';
  return type ?? 'unknown';
}

const oneLine = (name: string): string => name.split('\n').join(', ');

function ownerOf(subject: string): string {
  const lines = subject.split('\n');
  const named = lines.find((line) => line.startsWith('CN=')) ?? lines.find((line) => line.startsWith('O='));
  return named ? named.slice(named.indexOf('=') + 1) : oneLine(subject);
}

function namesOf(alternative: string): string[] {
  return alternative
    .split(', ')
    .filter((name) => name.startsWith('DNS:') || name.startsWith('IP Address:'))
    .map((name) => name.slice(name.indexOf(':') + 1));
}
