/**
 * The server's own certificate authority: one root, EC P-256 or RSA, that signs server certificates and device identities
 * (RFC 5280), wraps chains as degenerate PKCS#7 (RFC 7030 §4.1.3) and lists what it revoked. Certificates are laid out here;
 * keys, serial numbers and signatures are `node:crypto`'s. Every certificate is back-dated one hour, for devices whose clock is
 * a little late.
 */
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { asn1True, integer, sequence, time } from '../../protocol/asn1.ts';
import { fingerprintOf } from '../../protocol/certificate.ts';
import { contextTag, derTag, writeDer } from '../../protocol/der.ts';
import { dayMs, hourMs, type Instant, instant, secondMs } from '../../protocol/time.ts';
import type { AuthorityKey } from '../core/succession.ts';
import { type Issuer, issuerOf, signed, signedAside, signerOf } from './issuer.ts';
import {
  alternativeName,
  emailName,
  endEntity,
  extension,
  extensionsHead,
  keyId,
  keyUsage,
  nameOf,
  oid,
  organizationOf,
  randomSerial,
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

const organization = organizationOf('thintrust');
const deviceOrganization = organizationOf('thintrust device');
/** Not that of identities, so that who takes the one need not take the other. */
const clientOrganizations = { mail: organizationOf('thintrust mail'), vpn: organizationOf('thintrust vpn') } as const;
const version3 = writeDer(contextTag(0), integer(Buffer.of(2)));
const plainEmail = /^[\x21-\x7e]{3,254}$/;
const authorityDays = 20 * 365;
/** The longest life of a certificate that browsers and other strict clients still take. */
const maxDays = 397;
const backdateMs = hourMs;
const maxCommonName = 64;

type Plan = {
  readonly serial?: Uint8Array;
  /** Name, DER. */
  readonly subject: Uint8Array;
  readonly publicKeyDer: Uint8Array;
  readonly notBefore: number;
  readonly notAfter: number;
  /** As `extensionsHead` gives them. */
  readonly extensions: Uint8Array;
};
/** `body` is to be signed. */
type Leaf = { readonly body: Uint8Array; readonly serial: Buffer; readonly notAfter: Instant };

/** A self-signed root for 20 years. It signs end-entity certificates only (path length 0). */
export function makeAuthority(name: string, now: Instant, kind: AuthorityKey = 'ec-p256'): Authority {
  const { keyPkcs8, publicKeyDer } = makeKey(kind);
  const notBefore = now - backdateMs;
  const subject = nameOf(name, organization);
  const notAfter = notBefore + authorityDays * dayMs;
  const plan = { subject, publicKeyDer, notBefore, notAfter, extensions: extensionsHead(authorityExtensions) };
  const issuer = { ...signerOf(keyPkcs8), subject };
  return { certificateDer: signed(issuer, bodyOf(issuer, plan)), keyPkcs8 };
}

/**
 * The same authority with a new key (RFC 4210 §4.4): one name, so that NewWithOld is self-issued and counts for no path length.
 * Who trusts the old root alone takes what the new key issues where NewWithOld comes along, as in a chain of ours; OldWithNew is
 * for those who trust the new root alone (RFC 7030 §4.1.3).
 */
export function makeSuccessor(old: Authority, now: Instant, kind: AuthorityKey = 'ec-p256'): Successor {
  const authority = makeAuthority(issuerOf(old).certificate.owner, now, kind);
  return { authority, newWithOld: crossSign(old, authority), oldWithNew: crossSign(authority, old) };
}

/**
 * A new key and a certificate for the server's listeners, for at most 397 days. The first name is also the common name.
 * Throws RangeError for names that are neither a DNS name nor an IP address, and for a life outside 1–397 days.
 */
export function issueServer(authority: Authority, { names, days, now, key = 'ec-p256' }: ServerRequest): Issued {
  const { keyPkcs8, publicKeyDer } = makeKey(key);
  const alternatives = names.map(alternativeName);
  if (alternatives.length === 0) throw new RangeError('a server certificate needs a name');
  const issuer = issuerOf(authority);
  const alternative = extension(oid.subjectAltName, false, sequence(...alternatives));
  const { body } = planLeaf(issuer, days, now, {
    subject: nameOf((names[0] ?? '').slice(0, maxCommonName), organization),
    publicKeyDer,
    extensions: extensionsHead([...endEntity(oid.serverAuth), alternative, issuer.keyId]),
  });
  return { chainDer: [signed(issuer, body), authority.certificateDer], keyPkcs8 };
}

/**
 * A client certificate over a key whose possession `readRequest` has seen proven; CN is the device id. `above` is sent with it.
 * Rejects with RangeError for a life outside 1–397 days.
 */
export async function issueDevice(authority: Authority, request: DeviceRequest, above?: Uint8Array): Promise<Identity> {
  const issuer = issuerOf(authority);
  const leaf = planLeaf(issuer, request.days, request.now, {
    subject: nameOf(request.deviceId, deviceOrganization),
    publicKeyDer: request.publicKeyDer,
    extensions: issuer.deviceExtensions,
  });
  return signIdentity(issuer, leaf, above ?? authority.certificateDer);
}

/** A certificate for mail (S/MIME too) or VPN over such a key. It is no identity: its common name must not be like a device id. */
export async function issueClient(
  authority: Authority,
  { publicKeyDer, commonName, email, type, days, now }: ClientRequest,
  above?: Uint8Array,
): Promise<Identity> {
  const uses = type === 'mail' ? [oid.clientAuth, oid.emailProtection] : [oid.clientAuth];
  const names = email !== null && plainEmail.test(email) ? [emailName(email)] : [];
  const alternatives = names.map((name) => extension(oid.subjectAltName, false, sequence(name)));
  const issuer = issuerOf(authority);
  const leaf = planLeaf(issuer, days, now, {
    subject: nameOf(commonName.slice(0, maxCommonName), clientOrganizations[type]),
    publicKeyDer,
    extensions: extensionsHead([...endEntity(...uses), ...alternatives, issuer.keyId]),
  });
  return signIdentity(issuer, leaf, above ?? authority.certificateDer);
}

/** What a handshake will tell of it; reading it again would take as long as the signature. */
async function signIdentity(issuer: Issuer, { body, serial, notAfter }: Leaf, above: Uint8Array): Promise<Identity> {
  const der = await signedAside(issuer, body);
  return {
    chainDer: [der, above],
    issuer: issuer.certificate.subject,
    serial: serial.toString('hex').toUpperCase(),
    fingerprint: fingerprintOf(der),
    notAfter,
  };
}

/** Whether this authority signed a certificate, whatever that calls its issuer. */
export const isIssuedBy = ({ certificateDer }: Pick<Authority, 'certificateDer'>, der: Uint8Array): boolean =>
  new X509Certificate(Buffer.from(der)).verify(new X509Certificate(Buffer.from(certificateDer)).publicKey);

/** Certificate revocation list, version 2 (RFC 5280 §5), DER. */
export function makeCrl(authority: Authority, { revoked, number, now, days }: CrlRequest): Uint8Array {
  const issuer = issuerOf(authority);
  const entries = revoked.map(({ serial, at }) => sequence(integer(Buffer.from(serial, 'hex')), time(at)));
  const extensions = [issuer.keyId, extension(oid.crlNumber, false, integer(numberOctets(number)))];
  const list = sequence(
    integer(Buffer.of(1)),
    issuer.algorithm,
    issuer.subject,
    time(now - backdateMs),
    time(now + days * dayMs),
    // Absent where nothing is revoked (RFC 5280 §5.1.2.6).
    ...(entries.length > 0 ? [sequence(...entries)] : []),
    writeDer(contextTag(0), sequence(...extensions)),
  );
  return signed(issuer, list);
}

/** Degenerate SignedData that carries only certificates (RFC 5652 §5.1, RFC 7030 §4.1.3), bytes kept as they are. */
export function certsOnly(chainDer: readonly Uint8Array[]): Uint8Array {
  const { first, sequence, set } = derTag;
  const data = writeDer(sequence, Buffer.from('06092a864886f70d010701', 'hex'));
  const head = Buffer.from('0201013100', 'hex');
  const signed = writeDer(sequence, head, data, writeDer(first, ...chainDer), writeDer(set));
  return writeDer(sequence, Buffer.from('06092a864886f70d010702', 'hex'), writeDer(first, signed));
}

/** The key of one, certified by the other for as long as both are valid. */
function crossSign(by: Authority, of: Authority): Uint8Array {
  const [issuer, { subject, publicKeyDer, certificate }] = [issuerOf(by), issuerOf(of)];
  const plan = {
    subject,
    publicKeyDer,
    notBefore: Math.max(issuer.certificate.notBefore, certificate.notBefore),
    notAfter: Math.min(issuer.certificate.notAfter, certificate.notAfter),
    extensions: extensionsHead([...authorityExtensions, issuer.keyId]),
  };
  return signed(issuer, bodyOf(issuer, plan));
}

const authorityExtensions: readonly Uint8Array[] = [
  // cA, and no authority below it.
  extension(oid.basicConstraints, true, sequence(asn1True, integer(Buffer.of(0)))),
  keyUsage(usage.keyCertSign | usage.crlSign),
];

function planLeaf(
  issuer: Issuer,
  days: number,
  now: Instant,
  plan: Pick<Plan, 'subject' | 'publicKeyDer' | 'extensions'>,
): Leaf {
  if (!(days > 0 && days <= maxDays)) throw new RangeError(`a certificate lives 1 to ${maxDays} days`);
  const notBefore = now - backdateMs;
  const notAfter = Math.min(notBefore + days * dayMs - secondMs, issuer.certificate.notAfter);
  const serial = randomSerial();
  const whole = { ...plan, serial, notBefore: Math.max(notBefore, issuer.certificate.notBefore), notAfter };
  return {
    body: bodyOf(issuer, whole),
    serial,
    // Certificates know whole seconds.
    notAfter: instant(notAfter - (notAfter % secondMs)),
  };
}

/** TBSCertificate, version 3 (RFC 5280 §4.1). */
function bodyOf(issuer: Pick<Issuer, 'algorithm' | 'subject'>, plan: Plan): Uint8Array {
  const { serial = randomSerial(), subject, publicKeyDer, notBefore, notAfter, extensions } = plan;
  return sequence(
    version3,
    integer(serial),
    issuer.algorithm,
    issuer.subject,
    sequence(time(notBefore), time(notAfter)),
    subject,
    publicKeyDer,
    extensions,
    keyId(publicKeyDer),
  );
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

function numberOctets(number: number): Buffer {
  const octets = Buffer.alloc(8);
  octets.writeBigUInt64BE(BigInt(number));
  return octets;
}
