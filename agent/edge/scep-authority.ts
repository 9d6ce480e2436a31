/**
 * What a SCEP server says of itself before anything is told to it: capabilities (RFC 8894 §3.5.2) and certificates (§4.2).
 * Both come unprotected, so only the fingerprint that the device was told makes an authority of them; capabilities choose
 * among methods that are all good enough to be talked down to.
 */
import { X509Certificate } from 'node:crypto';
import { fingerprintOf, parseCertificate } from '../../protocol/certificate.ts';
import { contextTag, derChildren, derTag, oidOf, readDer } from '../../protocol/der.ts';
import { bad, good, type Result } from '../../protocol/fault.ts';
import { type CipherName, type HashName, readSigned } from './cms.ts';

export type Capabilities = ReadonlySet<string>;
export type Methods = { readonly cipher: CipherName; readonly hash: HashName; readonly post: boolean };
export type ScepAuthority = {
  /** SHA-256 of the certificate the device was told; every path ends there. */
  readonly anchor: string;
  /** The CAs that descend from the anchor, itself too, and registration authorities of theirs: their signatures count. */
  readonly certificates: readonly Uint8Array[];
  /** RSA; what the device sends is sealed for it. */
  readonly recipient: Uint8Array;
  /** The CA that will sign what is issued. */
  readonly issuing: Uint8Array;
};

const maxCapabilityBytes = 8 * 1024;
const maxPathLength = 10;
/** id-kp-cmcRA (RFC 6402 §2.10), and the certificate request agent that NDES has. */
const registrationAuthority: ReadonlySet<string> = new Set(['1.3.6.1.5.5.7.3.28', '1.3.6.1.4.1.311.20.2.1']);
const keyUsage = '2.5.29.15';
/** RFC 5280 §4.2.1.3, the third bit. */
const keyEncipherment = 0x20;

/** Words in small letters; none where the text is no list of words. A list that is too long is none either. */
export function readCapabilities(body: Uint8Array): Capabilities {
  if (body.length > maxCapabilityBytes) return new Set();
  const lines = Buffer.from(body)
    .toString('latin1')
    .split(/[\r\n]+/);
  const words = lines.map((line) => line.trim().toLowerCase()).filter(Boolean);
  return new Set(words.every((word) => /^[a-z0-9._+-]{1,40}$/.test(word)) ? words : []);
}

/**
 * A server that says nothing may be one from before capabilities: it gets triple DES and SHA-1, what every one of them
 * knows. One that names its methods and has neither AES nor triple DES, or no SHA, is refused: single DES and MD5 protect
 * no password. Fault: `capability-missing`.
 */
export function chooseMethods(capabilities: Capabilities): Result<Methods> {
  const has = (...words: readonly string[]): boolean => words.some((word) => capabilities.has(word));
  const silent = capabilities.size === 0;
  const standard = has('scepstandard');
  const cipher = has('aes256', 'aes-256')
    ? 'aes-256-cbc'
    : standard || has('aes')
      ? 'aes-128-cbc'
      : silent || has('des3')
        ? 'des-ede3-cbc'
        : null;
  if (cipher === null) return bad('capability-missing', { what: 'AES' });
  const hash =
    standard || has('sha-256') ? 'sha256' : has('sha-512') ? 'sha512' : silent || has('sha-1') ? 'sha1' : null;
  if (hash === null) return bad('capability-missing', { what: 'SHA-256' });
  return good({ cipher, hash, post: standard || has('postpkioperation') });
}

/**
 * The authority in an answer to GetCACert: one certificate, or a degenerate PKCS #7 with those of a registration authority
 * and of the path. Faults: `server-answer`, `certificate-unreadable`, `certificate-too-large`, `authority-mismatch` (none is
 * the one that was told), `capability-missing` (none has an RSA key to seal for). Whoever else the CA has certified is no
 * part of it: the challenge is for the authority alone.
 */
export function readAuthority(body: Uint8Array, anchor: string, address: string): Result<ScepAuthority> {
  const message = readSigned(body);
  const served = message?.certificates ?? [body];
  if (served.length === 0) return bad('server-answer', { status: 'GetCACert' });
  for (const der of served) {
    const parsed = parseCertificate(der);
    if (!parsed.ok) return message ? parsed : bad('server-answer', { status: 'GetCACert' });
  }
  if (!served.some((der) => fingerprintOf(der) === anchor)) return bad('authority-mismatch', { address });
  const all = served.map((der) => new X509Certificate(der));
  const descending = all.filter((each) => (each.ca || isRegistrar(each)) && descends(each, all, anchor));
  const cas = descending.filter(({ ca }) => ca);
  // The CA at the lower end of the path.
  const issuing = cas.find((each) => !cas.some((below) => below !== each && hasIssued(each, below)));
  const recipient = issuing && recipientOf(descending, issuing);
  if (!recipient) return bad('capability-missing', { what: 'RSA' });
  const certificates = descending.map(({ raw }) => raw);
  return good({ anchor, certificates, recipient: recipient.raw, issuing: issuing.raw });
}

/**
 * Whether signatures lead from a certificate over CAs of the pool to the anchor, at most ten. Dates and names are not
 * judged: whoever is shown the certificate does that.
 */
export function descends(from: X509Certificate, pool: readonly X509Certificate[], anchor: string): boolean {
  let link: X509Certificate | undefined = from;
  for (let length = 0; link && length < maxPathLength; length++) {
    if (fingerprintOf(link.raw) === anchor) return true;
    const subject: X509Certificate = link;
    link = pool.find((candidate) => candidate !== subject && hasIssued(candidate, subject));
  }
  return false;
}

function hasIssued(issuer: X509Certificate, subject: X509Certificate): boolean {
  try {
    return issuer.ca && subject.checkIssued(issuer) && subject.verify(issuer.publicKey);
  } catch {
    return false;
  }
}

const isRegistrar = ({ keyUsage: purposes }: X509Certificate): boolean =>
  (purposes ?? []).some((purpose) => registrationAuthority.has(purpose));

/** RFC 8894 §2.1.2: of a registration authority the certificate that enciphers; else the authority that issues. */
function recipientOf(certificates: readonly X509Certificate[], issuing: X509Certificate): X509Certificate | null {
  const rsa = certificates.filter((each) => keyTypeOf(each) === 'rsa');
  const others = rsa.filter(({ ca }) => !ca);
  return others.find(({ raw }) => enciphers(raw)) ?? others[0] ?? rsa.find((each) => each === issuing) ?? null;
}

/** Null for a key OpenSSL cannot read. */
function keyTypeOf(certificate: X509Certificate): string | null {
  try {
    return certificate.publicKey.asymmetricKeyType ?? null;
  } catch {
    return null;
  }
}

function enciphers(der: Uint8Array): boolean {
  const [body] = derChildren(readDer(der)?.value ?? der);
  const wrapped = derChildren(body?.value ?? new Uint8Array()).find(({ tag }) => tag === contextTag(3));
  const list = wrapped && readDer(wrapped.value);
  for (const extension of derChildren(list?.value ?? new Uint8Array())) {
    const parts = derChildren(extension.value);
    const value = parts.at(-1);
    if (oidOf(parts[0]) !== keyUsage || value?.tag !== derTag.octetString) continue;
    const bits = readDer(value.value);
    return bits?.tag === derTag.bitString && ((bits.value[1] ?? 0) & keyEncipherment) !== 0;
  }
  return false;
}
