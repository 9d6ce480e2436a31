/**
 * A certificate authority that issues whatever a test asks for, right or wrong: RFC 5280 certificates written byte by byte.
 * What is left out of a wish is what a careful authority would do today.
 */
import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

export type Issued = {
  readonly der: Buffer;
  readonly serial: Buffer;
  readonly key: KeyObject;
  readonly name: Buffer;
  /** The same certificate with the other good signature ECDSA has: (r, n − s) for (r, s). Null for RSA issuers. */
  readonly twin: Buffer | null;
};
export type Wish = {
  readonly cn: string;
  /** Left out: self-signed. */
  readonly by?: Issued;
  readonly key?: KeyObject;
  readonly ca?: boolean;
  readonly pathLen?: number;
  /** Dotted; empty: no extension. */
  readonly eku?: readonly string[];
  /** Bytes go in as they are. */
  readonly dns?: readonly (string | Buffer)[];
  readonly ips?: readonly Buffer[];
  readonly from?: string;
  readonly to?: string;
  readonly hash?: 'sha256' | 'sha1';
  /** Left out: key and CRL signing for a CA, else digital signature. */
  readonly usage?: 'none';
  /** dNSName subtrees the issued may lie in. */
  readonly permitted?: readonly string[];
};

export const serverAuth = '1.3.6.1.5.5.7.3.1';
export const clientAuth = '1.3.6.1.5.5.7.3.2';

const algorithms = {
  ec: { sha256: '1.2.840.10045.4.3.2', sha1: '1.2.840.10045.4.1' },
  rsa: { sha256: '1.2.840.113549.1.1.11', sha1: '1.2.840.113549.1.1.5' },
} as const;

export const ecKey = (namedCurve = 'prime256v1'): KeyObject => generateKeyPairSync('ec', { namedCurve }).privateKey;
export const rsaKey = (bits: number): KeyObject => generateKeyPairSync('rsa', { modulusLength: bits }).privateKey;

export function issue(wish: Wish): Issued {
  const key = wish.key ?? ecKey();
  const name = distinguished(wish.cn);
  const signer = wish.by ?? { key, name };
  const algorithm = algorithmOf(signer.key, wish.hash ?? 'sha256');
  const number = tlv(0x02, serial());
  const body = sequence(
    tlv(0xa0, tlv(0x02, Buffer.of(2))),
    number,
    algorithm,
    signer.name,
    sequence(time(wish.from ?? '2026-01-01T00:00:00Z'), time(wish.to ?? '2036-01-01T00:00:00Z')),
    name,
    spki(key),
    tlv(0xa3, sequence(...extensions(wish, key, signer.key))),
  );
  const seal = (signature: Buffer): Buffer => sequence(body, algorithm, bits(signature));
  if (signer.key.asymmetricKeyType === 'rsa')
    return { der: seal(sign(wish.hash ?? 'sha256', body, signer.key)), serial: number, key, name, twin: null };
  const raw = sign(wish.hash ?? 'sha256', body, { key: signer.key, dsaEncoding: 'ieee-p1363' });
  const half = raw.length / 2;
  const [r, s] = [toNumber(raw.subarray(0, half)), toNumber(raw.subarray(half))];
  const order = orders[signer.key.asymmetricKeyDetails?.namedCurve ?? ''];
  if (!order) throw new Error('an unknown curve');
  const pair = (other: bigint): Buffer => sequence(integer(r), integer(other));
  return { der: seal(pair(s)), serial: number, key, name, twin: seal(pair(order - s)) };
}

export type ListWish = {
  readonly by: Issued;
  readonly revoked?: readonly Issued[];
  readonly from?: string;
  /** Null: it does not say. */
  readonly to?: string | null;
  /** Left out: no extension. */
  readonly number?: number;
  readonly delta?: boolean;
  /** An extension nobody knows and everybody must. */
  readonly odd?: boolean;
};

/** A certificate revocation list, version 2 (RFC 5280 §5), DER. */
export function issueList(wish: ListWish): Buffer {
  const { by, revoked = [], to = '2036-01-01T00:00:00Z', number } = wish;
  const algorithm = algorithmOf(by.key, 'sha256');
  const begins = time(wish.from ?? '2026-01-01T00:00:00Z');
  const body = sequence(
    tlv(0x02, Buffer.of(1)),
    algorithm,
    by.name,
    begins,
    ...(to === null ? [] : [time(to)]),
    ...(revoked.length > 0 ? [sequence(...revoked.map((each) => sequence(each.serial, begins)))] : []),
    tlv(
      0xa0,
      sequence(
        extension('2.5.29.35', false, sequence(tlv(0x80, keyId(by.key)))),
        ...(number === undefined ? [] : [extension('2.5.29.20', false, tlv(0x02, Buffer.of(number)))]),
        ...(wish.delta ? [extension('2.5.29.27', true, tlv(0x02, Buffer.of(1)))] : []),
        ...(wish.odd ? [extension('1.2.3.4', true, tlv(0x05))] : []),
      ),
    ),
  );
  return sequence(body, algorithm, bits(sign('sha256', body, by.key)));
}

function extensions(wish: Wish, key: KeyObject, signer: KeyObject): readonly Buffer[] {
  const alternative = [
    ...(wish.dns ?? []).map((dns) => tlv(0x82, Buffer.from(dns))),
    ...(wish.ips ?? []).map((ip) => tlv(0x87, ip)),
  ];
  const eku = wish.eku ?? (wish.ca ? [] : [serverAuth]);
  const length = wish.pathLen === undefined ? [] : [tlv(0x02, Buffer.of(wish.pathLen))];
  return [
    extension('2.5.29.14', false, tlv(0x04, keyId(key))),
    ...(wish.by ? [extension('2.5.29.35', false, sequence(tlv(0x80, keyId(signer))))] : []),
    ...(wish.ca ? [extension('2.5.29.19', true, sequence(tlv(0x01, Buffer.of(0xff)), ...length))] : []),
    ...(wish.usage === 'none' ? [] : [extension('2.5.29.15', true, keyUsage(wish.ca === true))]),
    ...(eku.length > 0 ? [extension('2.5.29.37', false, sequence(...eku.map(oid)))] : []),
    ...(alternative.length > 0 ? [extension('2.5.29.17', false, sequence(...alternative))] : []),
    ...(wish.permitted ? [extension('2.5.29.30', true, sequence(tlv(0xa0, ...subtrees(wish.permitted))))] : []),
  ];
}

/** keyCertSign and cRLSign, or digitalSignature. */
const keyUsage = (ca: boolean): Buffer => tlv(0x03, ca ? Buffer.of(1, 0x06) : Buffer.of(7, 0x80));
const orders: Readonly<Record<string, bigint>> = {
  prime256v1: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  secp384r1: 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
  secp521r1:
    0x1fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409n,
};
const toNumber = (bytes: Buffer): bigint => BigInt(`0x${bytes.toString('hex')}`);

function integer(value: bigint): Buffer {
  const bytes = Buffer.from(value.toString(16).padStart(136, '0'), 'hex');
  const first = bytes.findIndex((byte, index) => byte !== 0 || (bytes[index + 1] ?? 0x80) > 0x7f);
  return tlv(0x02, bytes.subarray(first));
}

const subtrees = (names: readonly string[]): readonly Buffer[] =>
  names.map((dns) => sequence(tlv(0x82, Buffer.from(dns))));
const extension = (id: string, critical: boolean, value: Buffer): Buffer =>
  sequence(oid(id), ...(critical ? [tlv(0x01, Buffer.of(0xff))] : []), tlv(0x04, value));
const spki = (key: KeyObject): Buffer => createPublicKey(key).export({ type: 'spki', format: 'der' });
const keyId = (key: KeyObject): Buffer => createHash('sha1').update(spki(key)).digest();
const serial = (): Buffer => Buffer.from(`4a${process.hrtime.bigint().toString(16).padStart(16, '0')}`, 'hex');
const distinguished = (cn: string): Buffer => sequence(tlv(0x31, sequence(oid('2.5.4.3'), tlv(0x0c, Buffer.from(cn)))));

function algorithmOf(signer: KeyObject, hash: 'sha256' | 'sha1'): Buffer {
  const kind = signer.asymmetricKeyType === 'rsa' ? 'rsa' : 'ec';
  return sequence(oid(algorithms[kind][hash]), ...(kind === 'rsa' ? [tlv(0x05)] : []));
}

function time(text: string): Buffer {
  const digits = new Date(text).toISOString().replace(/[-:T]|\.\d+/g, '');
  return digits < '2050' ? tlv(0x17, Buffer.from(digits.slice(2))) : tlv(0x18, Buffer.from(digits));
}

function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return tlv(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

function base128(arc: number): readonly number[] {
  const septets = [arc & 0x7f];
  for (let left = arc >>> 7; left > 0; left >>>= 7) septets.unshift((left & 0x7f) | 0x80);
  return septets;
}

const bits = (content: Buffer): Buffer => tlv(0x03, Buffer.of(0), content);
const sequence = (...parts: readonly Buffer[]): Buffer => tlv(0x30, ...parts);

function tlv(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}
