/**
 * ECDSA lets anyone turn a signature (r, s) into a second good one, (r, n − s), without the key (SEC 1 §4.1.4 verifies
 * both). The certificate then has other bytes and another fingerprint, so a list of bad fingerprints must be asked for
 * both. Lists of good certificates compare bytes and need none of this. RSA, RSA-PSS and Ed25519 have one spelling only.
 */
import { type Fingerprint, fingerprintOf } from './certificate.ts';
import { derTag, writeDer } from './der.ts';

type Element = { readonly tag: number; readonly start: number; readonly end: number };

/**
 * Group orders of P-256, P-384 and P-521 (SEC 2 §2.4–2.6). Only the issuer's certificate says which one it was, but the
 * least that is above s is: that it is not has a chance of 2^-128, and nobody without the issuer's key can choose s.
 */
const orders: readonly bigint[] = [
  0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
  0x01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409n,
];
/** 1.2.840.10045.4.3: ECDSA with SHA-2 (RFC 5758 §3.2); the last arc names the hash. */
const ecdsaWithSha2 = Buffer.from('2a8648ce3d0403', 'hex');
const longestInteger = 67;

/** Every fingerprint under which this certificate could be known, its own first. Never throws. */
export function fingerprintsOf(der: Uint8Array): readonly Fingerprint[] {
  return [der, ...twinsOf(Buffer.from(der.buffer, der.byteOffset, der.length))].map(fingerprintOf);
}

/** RFC 5280 §4.1: Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signatureValue BIT STRING }. */
function twinsOf(der: Buffer): readonly Uint8Array[] {
  const certificate = readElement(der, 0);
  const body = readElement(der, certificate?.start);
  const algorithm = readElement(der, body?.end);
  const identifier = readElement(der, algorithm?.start);
  const bits = readElement(der, algorithm?.end);
  if (!certificate || !algorithm || !identifier || bits?.tag !== derTag.bitString) return [];
  if (!der.subarray(identifier.start, identifier.end - 1).equals(ecdsaWithSha2)) return [];
  const pair = readElement(der, bits.start + 1);
  const r = readElement(der, pair?.start);
  const s = readElement(der, r?.end);
  if (!pair || !r || s?.tag !== derTag.integer || s.end - s.start > longestInteger || s.end === s.start) return [];
  const value = BigInt(`0x${der.toString('hex', s.start, s.end)}`);
  const signed = der.subarray(certificate.start, algorithm.end);
  const kept = der.subarray(pair.start, r.end);
  const order = value > 0n ? orders.find((one) => value < one) : undefined;
  return order === undefined
    ? []
    : [
        writeDer(
          derTag.sequence,
          signed,
          writeDer(derTag.bitString, Buffer.of(0), writeDer(derTag.sequence, kept, writeInteger(order - value))),
        ),
      ];
}

/** One element in definite form of at most three length octets; null where there is none. */
function readElement(der: Buffer, at: number | undefined): Element | null {
  if (at === undefined) return null;
  const tag = der[at];
  const first = der[at + 1];
  if (tag === undefined || first === undefined) return null;
  const octets = first < 0x80 ? 0 : first & 0x7f;
  if (first === 0x80 || octets > 3 || at + 2 + octets > der.length) return null;
  const start = at + 2 + octets;
  const end = start + (octets === 0 ? first : der.readUIntBE(at + 2, octets));
  return end <= der.length ? { tag, start, end } : null;
}

function writeInteger(value: bigint): Buffer {
  const digits = value.toString(16);
  const bytes = Buffer.from(digits.padStart(digits.length + (digits.length % 2), '0'), 'hex');
  return writeDer(derTag.integer, ...((bytes[0] ?? 0) > 0x7f ? [Buffer.of(0), bytes] : [bytes]));
}
