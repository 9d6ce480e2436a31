/** Parts of X.509 certificates and revocation lists (RFC 5280): names, dates, serial numbers, extensions. */
import { createHash, createPublicKey, randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import * as asn1js from 'asn1js';
import * as pkijs from 'pkijs';
import { toPem } from '../../protocol/certificate.ts';
import { secondMs } from '../../protocol/time.ts';

const serialBytes = 16;

export const oid = {
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
  emailProtection: '1.3.6.1.5.5.7.3.4',
} as const;

/** Bits of KeyUsage, RFC 5280 §4.2.1.3. */
export const usage = { digitalSignature: 0x80, keyCertSign: 0x04, crlSign: 0x02 } as const;

/** O, then CN, each a relative name of its own: pkijs alone would make one of several values of both. */
export function nameOf(commonName: string, organizationName: string): pkijs.RelativeDistinguishedNames {
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
export function time(unixMs: number): pkijs.Time {
  const value = new Date(Math.floor(unixMs / secondMs) * secondMs);
  return new pkijs.Time({ type: value.getUTCFullYear() < 2050 ? 0 : 1, value });
}

export const extension = (id: string, critical: boolean, value: { toBER(): ArrayBuffer }): pkijs.Extension =>
  new pkijs.Extension({ extnID: id, critical, extnValue: value.toBER() });

export const endEntity = (...purposes: string[]): pkijs.Extension[] => [
  extension(oid.basicConstraints, true, new asn1js.Sequence()),
  keyUsage(usage.digitalSignature),
  extension(oid.extendedKeyUsage, false, new pkijs.ExtKeyUsage({ keyPurposes: purposes }).toSchema()),
];

export function keyUsage(bits: number): pkijs.Extension {
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

export const subjectKeyId = (publicKeyDer: Uint8Array): pkijs.Extension =>
  extension(oid.subjectKeyId, false, new asn1js.OctetString({ valueHex: keyId(publicKeyDer) }));

export function authorityKeyId(issuerDer: Uint8Array): pkijs.Extension {
  const key = createPublicKey({ key: toPem(issuerDer), format: 'pem' });
  const keyIdentifier = new asn1js.OctetString({ valueHex: keyId(key.export({ format: 'der', type: 'spki' })) });
  return extension(oid.authorityKeyId, false, new pkijs.AuthorityKeyIdentifier({ keyIdentifier }).toSchema());
}

/** RFC 5280 §4.2.1.6: 2 is dNSName (A-labels), 7 iPAddress (4 or 16 bytes). */
export function alternativeName(name: string): pkijs.GeneralName {
  const bytes = addressBytes(name);
  if (bytes) return new pkijs.GeneralName({ type: 7, value: new asn1js.OctetString({ valueHex: bytes.buffer }) });
  const ascii = domainToASCII(name).toLowerCase();
  if (!/^(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(ascii))
    throw new RangeError(`"${name}" is no DNS name and no IP address`);
  return new pkijs.GeneralName({ type: 2, value: ascii });
}

/** RFC 5280 §4.2.1.6: 1 is rfc822Name, an IA5String. */
export const emailName = (email: string): pkijs.GeneralName => new pkijs.GeneralName({ type: 1, value: email });

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

export const integer = (value: bigint): asn1js.Integer => asn1js.Integer.fromBigInt(value);

/** 128 random bits, never zero: positive, and at most 17 octets (RFC 5280 §4.1.2.2 allows 20). */
export function randomSerial(): asn1js.Integer {
  const value = BigInt(`0x${randomBytes(serialBytes).toString('hex')}`);
  return value === 0n ? randomSerial() : integer(value);
}
