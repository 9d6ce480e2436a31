/**
 * The server's own certificate authority: one EC P-256 root that signs server certificates and device identities
 * (RFC 5280), wraps chains as degenerate PKCS#7 (RFC 7030 §4.1.3) and lists what it revoked. Certificates are laid out by
 * pkijs; keys and serial numbers are `node:crypto`'s. Every certificate is back-dated one hour, for devices whose clock is
 * a little late.
 */
import { createHash, createPublicKey, generateKeyPairSync, randomBytes, webcrypto, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import * as asn1js from 'asn1js';
import * as pkijs from 'pkijs';
import { parseCertificate, toPem } from '../../protocol/certificate.ts';
import { derTag, writeDer } from '../../protocol/der.ts';
import { dayMs, hourMs, type Instant, secondMs } from '../../protocol/time.ts';

export type Authority = { readonly certificateDer: Uint8Array; readonly keyPkcs8: Uint8Array };
export type Issued = { readonly chainDer: Uint8Array[]; readonly keyPkcs8: Uint8Array };
export type ServerRequest = { readonly names: readonly string[]; readonly days: number; readonly now: Instant };
export type DeviceRequest = {
  /** SubjectPublicKeyInfo, as `readRequest` gives it. */
  readonly publicKeyDer: Uint8Array;
  readonly deviceId: string;
  readonly days: number;
  readonly now: Instant;
};
export type Identity = {
  /** Leaf, then the authority. */
  readonly chainDer: Uint8Array[];
  readonly issuer: string;
  readonly serial: string;
  readonly fingerprint: string;
  readonly notAfter: Instant;
};
export type Revoked = { readonly serial: string; readonly at: Instant };
export type CrlRequest = {
  readonly revoked: readonly Revoked[];
  /** Rises with every list (RFC 5280 §5.2.3). */
  readonly number: number;
  readonly now: Instant;
  readonly days: number;
};

const organization = 'thintrust';
const deviceOrganization = 'thintrust device';
const authorityDays = 20 * 365;
/** The longest life of a certificate that browsers and other strict clients still take. */
const maxDays = 397;
const backdateMs = hourMs;
const serialBytes = 16;
const maxCommonName = 64;

const oid = {
  commonName: '2.5.4.3',
  organization: '2.5.4.10',
  subjectKeyId: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  crlNumber: '2.5.29.20',
  authorityKeyId: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
} as const;

/** Bits of KeyUsage, RFC 5280 §4.2.1.3. */
const usage = { digitalSignature: 0x80, keyCertSign: 0x04, crlSign: 0x02 } as const;

type Plan = {
  readonly subject: pkijs.RelativeDistinguishedNames;
  readonly publicKeyDer: Uint8Array;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly extensions: readonly pkijs.Extension[];
};

/** A self-signed root for 20 years. It signs end-entity certificates only (path length 0). */
export async function makeAuthority(name: string, now: Instant): Promise<Authority> {
  const { keyPkcs8, publicKeyDer } = makeKey();
  const notBefore = now - backdateMs;
  const certificateDer = await signCertificate(keyPkcs8, nameOf(name, organization), null, {
    subject: nameOf(name, organization),
    publicKeyDer,
    notBefore,
    notAfter: notBefore + authorityDays * dayMs,
    extensions: [
      extension(oid.basicConstraints, true, new pkijs.BasicConstraints({ cA: true, pathLenConstraint: 0 }).toSchema()),
      keyUsage(usage.keyCertSign | usage.crlSign),
    ],
  });
  return { certificateDer, keyPkcs8 };
}

/**
 * A new key and a certificate for the server's listeners, for at most 397 days. The first name is also the common name.
 * Throws RangeError for names that are neither a DNS name nor an IP address, and for a life outside 1–397 days.
 */
export async function issueServer(authority: Authority, { names, days, now }: ServerRequest): Promise<Issued> {
  const { keyPkcs8, publicKeyDer } = makeKey();
  const alternatives = names.map(alternativeName);
  if (alternatives.length === 0) throw new RangeError('a server certificate needs a name');
  const leaf = await issue(authority, days, now, {
    subject: nameOf((names[0] ?? '').slice(0, maxCommonName), organization),
    publicKeyDer,
    extensions: [
      ...endEntity(oid.serverAuth),
      extension(oid.subjectAltName, false, new pkijs.GeneralNames({ names: alternatives }).toSchema()),
    ],
  });
  return { chainDer: [leaf, authority.certificateDer], keyPkcs8 };
}

/** A client certificate over a key whose possession `readRequest` has seen proven; CN is the device id. */
export async function issueDevice(authority: Authority, request: DeviceRequest): Promise<Identity> {
  const leaf = await issue(authority, request.days, request.now, {
    subject: nameOf(request.deviceId, deviceOrganization),
    publicKeyDer: request.publicKeyDer,
    extensions: endEntity(oid.clientAuth),
  });
  const read = parseCertificate(leaf);
  if (!read.ok) throw new Error('the certificate just made cannot be read');
  const { issuer, serial, fingerprint, notAfter } = read.value;
  return { chainDer: [leaf, authority.certificateDer], issuer, serial, fingerprint, notAfter };
}

/** Whether this authority signed a certificate, whatever that calls its issuer. */
export const isIssuedBy = ({ certificateDer }: Pick<Authority, 'certificateDer'>, der: Uint8Array): boolean =>
  new X509Certificate(Buffer.from(der)).verify(new X509Certificate(Buffer.from(certificateDer)).publicKey);

/** Certificate revocation list, version 2 (RFC 5280 §5), DER. */
export async function makeCrl(authority: Authority, { revoked, number, now, days }: CrlRequest): Promise<Uint8Array> {
  const issuer = pkijs.Certificate.fromBER(authority.certificateDer);
  const list = new pkijs.CertificateRevocationList({
    version: 1,
    issuer: issuer.subject,
    thisUpdate: time(now - backdateMs),
    nextUpdate: time(now + days * dayMs),
    crlExtensions: new pkijs.Extensions({
      extensions: [
        authorityKeyId(authority.certificateDer),
        extension(oid.crlNumber, false, asn1js.Integer.fromBigInt(BigInt(number))),
      ],
    }),
  });
  if (revoked.length > 0)
    list.revokedCertificates = revoked.map(
      ({ serial, at }) =>
        new pkijs.RevokedCertificate({ userCertificate: integer(BigInt(`0x${serial}`)), revocationDate: time(at) }),
    );
  await list.sign(await signingKey(authority.keyPkcs8), 'SHA-256');
  return new Uint8Array(list.toSchema(true).toBER());
}

/** Degenerate SignedData that carries only certificates (RFC 5652 §5.1, RFC 7030 §4.1.3), bytes kept as they are. */
export function certsOnly(chainDer: readonly Uint8Array[]): Uint8Array {
  const { first, sequence, set } = derTag;
  const data = writeDer(sequence, Buffer.from('06092a864886f70d010701', 'hex'));
  const head = Buffer.from('0201013100', 'hex');
  const signed = writeDer(sequence, head, data, writeDer(first, ...chainDer), writeDer(set));
  return writeDer(sequence, Buffer.from('06092a864886f70d010702', 'hex'), writeDer(first, signed));
}

async function issue(
  authority: Authority,
  days: number,
  now: Instant,
  plan: Pick<Plan, 'subject' | 'publicKeyDer' | 'extensions'>,
): Promise<Uint8Array> {
  if (!(days > 0 && days <= maxDays)) throw new RangeError(`a certificate lives 1 to ${maxDays} days`);
  const issuer = pkijs.Certificate.fromBER(authority.certificateDer);
  const notBefore = now - backdateMs;
  return signCertificate(authority.keyPkcs8, issuer.subject, authority.certificateDer, {
    ...plan,
    notBefore: Math.max(notBefore, issuer.notBefore.value.getTime()),
    notAfter: Math.min(notBefore + days * dayMs - secondMs, issuer.notAfter.value.getTime()),
  });
}

async function signCertificate(
  keyPkcs8: Uint8Array,
  issuer: pkijs.RelativeDistinguishedNames,
  issuerDer: Uint8Array | null,
  plan: Plan,
): Promise<Uint8Array> {
  const certificate = new pkijs.Certificate({
    version: 2,
    serialNumber: randomSerial(),
    issuer,
    subject: plan.subject,
    notBefore: time(plan.notBefore),
    notAfter: time(plan.notAfter),
    subjectPublicKeyInfo: pkijs.PublicKeyInfo.fromBER(plan.publicKeyDer),
    extensions: [
      ...plan.extensions,
      subjectKeyId(plan.publicKeyDer),
      ...(issuerDer ? [authorityKeyId(issuerDer)] : []),
    ],
  });
  await certificate.sign(await signingKey(keyPkcs8), 'SHA-256');
  return new Uint8Array(certificate.toSchema(true).toBER());
}

function makeKey(): { readonly keyPkcs8: Uint8Array; readonly publicKeyDer: Uint8Array } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    keyPkcs8: privateKey.export({ format: 'der', type: 'pkcs8' }),
    publicKeyDer: publicKey.export({ format: 'der', type: 'spki' }),
  };
}

const signingKey = (pkcs8: Uint8Array): Promise<webcrypto.CryptoKey> =>
  webcrypto.subtle.importKey('pkcs8', Buffer.from(pkcs8), { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign']);

/** O, then CN, each a relative name of its own: pkijs alone would make one of several values of both. */
function nameOf(commonName: string, organizationName: string): pkijs.RelativeDistinguishedNames {
  const relative = (type: string, value: string) =>
    new asn1js.Set({
      value: [
        new asn1js.Sequence({
          value: [new asn1js.ObjectIdentifier({ value: type }), new asn1js.Utf8String({ value })],
        }),
      ],
    });
  const name = [relative(oid.organization, organizationName), relative(oid.commonName, commonName)];
  return pkijs.RelativeDistinguishedNames.fromBER(new asn1js.Sequence({ value: name }).toBER());
}

/** UTCTime through 2049, GeneralizedTime after (RFC 5280 §4.1.2.5); whole seconds. */
function time(unixMs: number): pkijs.Time {
  const value = new Date(Math.floor(unixMs / secondMs) * secondMs);
  return new pkijs.Time({ type: value.getUTCFullYear() < 2050 ? 0 : 1, value });
}

const extension = (id: string, critical: boolean, value: { toBER(): ArrayBuffer }): pkijs.Extension =>
  new pkijs.Extension({ extnID: id, critical, extnValue: value.toBER() });

const endEntity = (purpose: string): pkijs.Extension[] => [
  extension(oid.basicConstraints, true, new asn1js.Sequence()),
  keyUsage(usage.digitalSignature),
  extension(oid.extendedKeyUsage, false, new pkijs.ExtKeyUsage({ keyPurposes: [purpose] }).toSchema()),
];

function keyUsage(bits: number): pkijs.Extension {
  const lowest = Math.log2(bits & -bits);
  return extension(
    oid.keyUsage,
    true,
    new asn1js.BitString({ valueHex: Uint8Array.of(bits).buffer, unusedBits: lowest }),
  );
}

/** RFC 7093 §2 method 1: the leftmost 160 bits of the SHA-256 of the key bits. */
function keyId(publicKeyDer: Uint8Array): ArrayBuffer {
  const bits = pkijs.PublicKeyInfo.fromBER(publicKeyDer).subjectPublicKey.valueBlock.valueHexView;
  return Uint8Array.from(createHash('sha256').update(bits).digest().subarray(0, 20)).buffer;
}

const subjectKeyId = (publicKeyDer: Uint8Array): pkijs.Extension =>
  extension(oid.subjectKeyId, false, new asn1js.OctetString({ valueHex: keyId(publicKeyDer) }));

function authorityKeyId(issuerDer: Uint8Array): pkijs.Extension {
  const key = createPublicKey({ key: toPem(issuerDer), format: 'pem' });
  const keyIdentifier = new asn1js.OctetString({ valueHex: keyId(key.export({ format: 'der', type: 'spki' })) });
  return extension(oid.authorityKeyId, false, new pkijs.AuthorityKeyIdentifier({ keyIdentifier }).toSchema());
}

/** RFC 5280 §4.2.1.6: 2 is dNSName (A-labels), 7 iPAddress (4 or 16 bytes). */
function alternativeName(name: string): pkijs.GeneralName {
  const bytes = addressBytes(name);
  if (bytes) return new pkijs.GeneralName({ type: 7, value: new asn1js.OctetString({ valueHex: bytes.buffer }) });
  const ascii = domainToASCII(name).toLowerCase();
  if (!/^(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(ascii))
    throw new RangeError(`"${name}" is no DNS name and no IP address`);
  return new pkijs.GeneralName({ type: 2, value: ascii });
}

/** Network order; WHATWG URL brings IPv6 into one spelling. A zone is no part of a certificate. */
function addressBytes(text: string): Uint8Array<ArrayBuffer> | null {
  if (isIP(text) === 4) return Uint8Array.from(text.split('.').map(Number));
  if (isIP(text) !== 6 || text.includes('%')) return null;
  const [head = '', tail] = new URL(`http://[${text}]`).hostname.slice(1, -1).split('::', 2);
  const left = head.split(':').filter(Boolean);
  const right = (tail ?? '').split(':').filter(Boolean);
  const zeros = Array<string>(8 - left.length - right.length).fill('0');
  const words = [...left, ...zeros, ...right].map((word) => Number.parseInt(word, 16));
  return Uint8Array.from(words.flatMap((word) => [word >> 8, word & 0xff]));
}

const integer = (value: bigint): asn1js.Integer => asn1js.Integer.fromBigInt(value);

/** 128 random bits, never zero: positive, and at most 17 octets (RFC 5280 §4.1.2.2 allows 20). */
function randomSerial(): asn1js.Integer {
  const value = BigInt(`0x${randomBytes(serialBytes).toString('hex')}`);
  return value === 0n ? randomSerial() : integer(value);
}
