/**
 * The server's own certificate authority: one root, EC P-256 or RSA, that signs server certificates and device identities
 * (RFC 5280), wraps chains as degenerate PKCS#7 (RFC 7030 §4.1.3) and lists what it revoked. Certificates are laid out by
 * pkijs; keys and serial numbers are `node:crypto`'s. Every certificate is back-dated one hour, for devices whose clock is
 * a little late.
 */
import { createPrivateKey, generateKeyPairSync, webcrypto, X509Certificate } from 'node:crypto';
import * as asn1js from 'asn1js';
import * as pkijs from 'pkijs';
import { parseCertificate } from '../../protocol/certificate.ts';
import { derTag, writeDer } from '../../protocol/der.ts';
import { dayMs, hourMs, type Instant, secondMs } from '../../protocol/time.ts';
import type { AuthorityKey } from '../core/succession.ts';
import {
  alternativeName,
  authorityKeyId,
  emailName,
  endEntity,
  extension,
  integer,
  keyUsage,
  nameOf,
  oid,
  randomSerial,
  subjectKeyId,
  time,
  usage,
} from './x509-parts.ts';

export type Authority = { readonly certificateDer: Uint8Array; readonly keyPkcs8: Uint8Array };
export type Successor = {
  readonly authority: Authority;
  readonly newWithOld: Uint8Array;
  readonly oldWithNew: Uint8Array;
};
export type Issued = { readonly chainDer: Uint8Array[]; readonly keyPkcs8: Uint8Array };
export type ServerRequest = {
  readonly names: readonly string[];
  readonly days: number;
  readonly now: Instant;
  readonly key?: AuthorityKey;
};
export type DeviceRequest = {
  /** SubjectPublicKeyInfo, as `readRequest` gives it. */
  readonly publicKeyDer: Uint8Array;
  readonly deviceId: string;
  readonly days: number;
  readonly now: Instant;
};
export type ClientRequest = Omit<DeviceRequest, 'deviceId'> & {
  readonly commonName: string;
  /** An rfc822Name where it is ASCII; null for none. */
  readonly email: string | null;
  readonly type: keyof typeof clientOrganizations;
};
export type Identity = {
  /** Leaf, then the authority: its root, or where it follows another one its key certified by that. */
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
/** Not that of identities, so that who takes the one need not take the other. */
const clientOrganizations = { mail: 'thintrust mail', vpn: 'thintrust vpn' } as const;
const plainEmail = /^[\x21-\x7e]{3,254}$/;
const authorityDays = 20 * 365;
/** The longest life of a certificate that browsers and other strict clients still take. */
const maxDays = 397;
const backdateMs = hourMs;
const maxCommonName = 64;

type Plan = {
  readonly subject: pkijs.RelativeDistinguishedNames;
  readonly publicKeyDer: Uint8Array;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly extensions: readonly pkijs.Extension[];
};

/** A self-signed root for 20 years. It signs end-entity certificates only (path length 0). */
export async function makeAuthority(name: string, now: Instant, kind: AuthorityKey = 'ec-p256'): Promise<Authority> {
  const { keyPkcs8, publicKeyDer } = makeKey(kind);
  const notBefore = now - backdateMs;
  const certificateDer = await signCertificate(keyPkcs8, nameOf(name, organization), null, {
    subject: nameOf(name, organization),
    publicKeyDer,
    notBefore,
    notAfter: notBefore + authorityDays * dayMs,
    extensions: authorityExtensions(),
  });
  return { certificateDer, keyPkcs8 };
}

/**
 * The same authority with a new key (RFC 4210 §4.4): one name, so that NewWithOld is self-issued and counts for no path length.
 * Who trusts the old root alone takes what the new key issues where NewWithOld comes along, as in a chain of ours; OldWithNew is
 * for those who trust the new root alone (RFC 7030 §4.1.3).
 */
export async function makeSuccessor(old: Authority, now: Instant, kind: AuthorityKey = 'ec-p256'): Promise<Successor> {
  const read = parseCertificate(old.certificateDer);
  if (!read.ok) throw new Error('our own authority cannot be read');
  const authority = await makeAuthority(read.value.owner, now, kind);
  return {
    authority,
    newWithOld: await crossSign(old, authority.certificateDer),
    oldWithNew: await crossSign(authority, old.certificateDer),
  };
}

/**
 * A new key and a certificate for the server's listeners, for at most 397 days. The first name is also the common name.
 * Throws RangeError for names that are neither a DNS name nor an IP address, and for a life outside 1–397 days.
 */
export async function issueServer(
  authority: Authority,
  { names, days, now, key = 'ec-p256' }: ServerRequest,
): Promise<Issued> {
  const { keyPkcs8, publicKeyDer } = makeKey(key);
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

/** A client certificate over a key whose possession `readRequest` has seen proven; CN is the device id. `above` is sent with it. */
export async function issueDevice(
  authority: Authority,
  request: DeviceRequest,
  above: Uint8Array = authority.certificateDer,
): Promise<Identity> {
  const leaf = await issue(authority, request.days, request.now, {
    subject: nameOf(request.deviceId, deviceOrganization),
    publicKeyDer: request.publicKeyDer,
    extensions: endEntity(oid.clientAuth),
  });
  return identityOf(leaf, above);
}

/** A certificate for mail (S/MIME too) or VPN over such a key. It is no identity: its common name must not be like a device id. */
export async function issueClient(
  authority: Authority,
  { publicKeyDer, commonName, email, type, days, now }: ClientRequest,
  above: Uint8Array = authority.certificateDer,
): Promise<Identity> {
  const uses = type === 'mail' ? [oid.clientAuth, oid.emailProtection] : [oid.clientAuth];
  const names = email !== null && plainEmail.test(email) ? [emailName(email)] : [];
  const alternatives = names.map((name) =>
    extension(oid.subjectAltName, false, new pkijs.GeneralNames({ names: [name] }).toSchema()),
  );
  const leaf = await issue(authority, days, now, {
    subject: nameOf(commonName.slice(0, maxCommonName), clientOrganizations[type]),
    publicKeyDer,
    extensions: [...endEntity(...uses), ...alternatives],
  });
  return identityOf(leaf, above);
}

function identityOf(leaf: Uint8Array, above: Uint8Array): Identity {
  const read = parseCertificate(leaf);
  if (!read.ok) throw new Error('the certificate just made cannot be read');
  const { issuer, serial, fingerprint, notAfter } = read.value;
  return { chainDer: [leaf, above], issuer, serial, fingerprint, notAfter };
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

/** The key of `subjectDer`, certified for as long as both authorities are valid. */
async function crossSign(by: Authority, subjectDer: Uint8Array): Promise<Uint8Array> {
  const [issuer, subject] = [pkijs.Certificate.fromBER(by.certificateDer), pkijs.Certificate.fromBER(subjectDer)];
  const at = (pick: 'notBefore' | 'notAfter') => [issuer, subject].map((each) => each[pick].value.getTime());
  return signCertificate(by.keyPkcs8, issuer.subject, by.certificateDer, {
    subject: subject.subject,
    publicKeyDer: new Uint8Array(subject.subjectPublicKeyInfo.toSchema().toBER()),
    notBefore: Math.max(...at('notBefore')),
    notAfter: Math.min(...at('notAfter')),
    extensions: authorityExtensions(),
  });
}

const authorityExtensions = (): pkijs.Extension[] => [
  extension(oid.basicConstraints, true, new pkijs.BasicConstraints({ cA: true, pathLenConstraint: 0 }).toSchema()),
  keyUsage(usage.keyCertSign | usage.crlSign),
];

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

function makeKey(kind: AuthorityKey): { readonly keyPkcs8: Uint8Array; readonly publicKeyDer: Uint8Array } {
  const { privateKey, publicKey } =
    kind === 'ec-p256'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : generateKeyPairSync('rsa', { modulusLength: Number(kind.slice(4)) });
  return {
    keyPkcs8: privateKey.export({ format: 'der', type: 'pkcs8' }),
    publicKeyDer: publicKey.export({ format: 'der', type: 'spki' }),
  };
}

/** What the key is says its algorithm: ECDSA, or RSA PKCS #1 v1.5, which whoever needs RSA can verify. */
function signingKey(pkcs8: Uint8Array): Promise<webcrypto.CryptoKey> {
  const key = Buffer.from(pkcs8);
  const rsa = createPrivateKey({ key, format: 'der', type: 'pkcs8' }).asymmetricKeyType === 'rsa';
  const algorithm = rsa ? { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' } : { name: 'ECDSA', namedCurve: 'P-256' };
  return webcrypto.subtle.importKey('pkcs8', key, algorithm, false, ['sign']);
}
