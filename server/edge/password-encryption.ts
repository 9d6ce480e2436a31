/**
 * What protects keys and certificates by a password: the schemes of PKCS#12 (RFC 7292 appendix B and C), PBES2 and PBMAC1
 * (RFC 8018, RFC 9579). Each derivation is bounded by the number of its iterations, which the file names.
 */
import { createDecipheriv, createHmac, hash, pbkdf2Sync, timingSafeEqual } from 'node:crypto';
import rc2 from 'node-forge/lib/rc2.js';
import util from 'node-forge/lib/util.js';
import { toDer } from '../../protocol/ber.ts';
import { derChildren, derTag, oidOf, type Tlv } from '../../protocol/der.ts';
import { bad, good, type Result } from '../../protocol/fault.ts';

/** One password in the two spellings that files use; an empty one has two of the first. */
export type Spelling = {
  /** UTF-16 big-endian with two zero bytes behind (RFC 7292 §B.1), or nothing at all. */
  readonly wide: Uint8Array;
  readonly utf8: Uint8Array;
};
export type Decrypted = {
  readonly plain: Uint8Array;
  /** An outdated scheme, for people; null where it is none. */
  readonly legacy: string | null;
};

type Scheme = {
  readonly name: string;
  readonly keyBytes: number;
  readonly decrypt: (key: Uint8Array, iv: Uint8Array, data: Uint8Array) => Uint8Array | null;
};
type Hash = { readonly name: string; readonly bytes: number; readonly block: number };

const purposes = { key: 1, iv: 2, mac: 3 } as const;
const pbes2 = '1.2.840.113549.1.5.13';
const pbmac1 = '1.2.840.113549.1.5.14';
const pbkdf2 = '1.2.840.113549.1.5.12';
const maxSaltBytes = 1024;
const wideBlock = 8;

const node =
  (cipher: string): Scheme['decrypt'] =>
  (key, iv, data) => {
    try {
      const decipher = createDecipheriv(cipher, key, iv);
      return Buffer.concat([decipher.update(data), decipher.final()]);
    } catch {
      return null;
    }
  };
/** OpenSSL 3 has RC2 only in its legacy provider, which Node does not load. */
const forgeRc2 =
  (bits: number): Scheme['decrypt'] =>
  (key, iv, data) => {
    const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1');
    const cipher = rc2.createDecryptionCipher(text(key), bits);
    cipher.start(text(iv));
    cipher.update(util.createBuffer(text(data)));
    return cipher.finish() ? Buffer.from(cipher.output.getBytes(), 'latin1') : null;
  };

/** RFC 7292 appendix C. */
const pkcs12Schemes: Readonly<Record<string, Scheme>> = {
  '1.2.840.113549.1.12.1.3': { name: '3DES', keyBytes: 24, decrypt: node('des-ede3-cbc') },
  '1.2.840.113549.1.12.1.4': { name: '2-key 3DES', keyBytes: 16, decrypt: node('des-ede-cbc') },
  '1.2.840.113549.1.12.1.5': { name: 'RC2-128', keyBytes: 16, decrypt: forgeRc2(128) },
  '1.2.840.113549.1.12.1.6': { name: 'RC2-40', keyBytes: 5, decrypt: forgeRc2(40) },
};
/** RFC 8018 §B.2, RFC 3565. */
const pbes2Schemes: Readonly<Record<string, Scheme>> = {
  '1.2.840.113549.3.7': { name: '3DES', keyBytes: 24, decrypt: node('des-ede3-cbc') },
  '2.16.840.1.101.3.4.1.2': { name: '', keyBytes: 16, decrypt: node('aes-128-cbc') },
  '2.16.840.1.101.3.4.1.22': { name: '', keyBytes: 24, decrypt: node('aes-192-cbc') },
  '2.16.840.1.101.3.4.1.42': { name: '', keyBytes: 32, decrypt: node('aes-256-cbc') },
};
const hashes: Readonly<Record<string, Hash>> = {
  '1.3.14.3.2.26': { name: 'sha1', bytes: 20, block: 64 },
  '2.16.840.1.101.3.4.2.4': { name: 'sha224', bytes: 28, block: 64 },
  '2.16.840.1.101.3.4.2.1': { name: 'sha256', bytes: 32, block: 64 },
  '2.16.840.1.101.3.4.2.2': { name: 'sha384', bytes: 48, block: 128 },
  '2.16.840.1.101.3.4.2.3': { name: 'sha512', bytes: 64, block: 128 },
};
const sha1: Hash = { name: 'sha1', bytes: 20, block: 64 };
/** hmacWithSHA1 and its followers, RFC 8018 §B.1.2. */
const macHashes: Readonly<Record<string, string>> = {
  '1.2.840.113549.2.7': 'sha1',
  '1.2.840.113549.2.8': 'sha224',
  '1.2.840.113549.2.9': 'sha256',
  '1.2.840.113549.2.10': 'sha384',
  '1.2.840.113549.2.11': 'sha512',
};

/** The empty password is nothing to some programs, and two zero bytes to others. */
export function spellingsOf(password: string): readonly Spelling[] {
  const utf8 = Buffer.from(password, 'utf8');
  const wide = Buffer.from(`${password}\0`, 'utf16le').swap16();
  return password === ''
    ? [
        { wide, utf8 },
        { wide: Buffer.of(), utf8 },
      ]
    : [{ wide, utf8 }];
}

/**
 * Opens what an AlgorithmIdentifier says is encrypted; null where this spelling of the password does not fit.
 * Faults: `algorithm-unsupported`, `iterations-excessive`, `key-file-unreadable`.
 */
export function decrypt(
  algorithm: Tlv,
  data: Uint8Array,
  { wide, utf8 }: Spelling,
  maxIterations: number,
): Result<Decrypted | null> {
  const [name, parameters] = derChildren(algorithm.value, 3);
  const oid = oidOf(name) ?? '';
  if (oid === pbes2) return decryptPbes2(parameters, data, [utf8, wide], maxIterations);
  const scheme = pkcs12Schemes[oid];
  if (!scheme) return bad('algorithm-unsupported', { algorithm: oid });
  const [salt, count] = derChildren(parameters?.value ?? new Uint8Array(), 3);
  const iterations = boundedCount(count, maxIterations);
  if (!iterations.ok) return iterations;
  if (!isSalt(salt)) return bad('key-file-unreadable');
  const derive = (purpose: number, bytes: number) =>
    deriveKey({ hash: sha1, wide, salt: salt.value, iterations: iterations.value, purpose, bytes });
  const plain = scheme.decrypt(derive(purposes.key, scheme.keyBytes), derive(purposes.iv, wideBlock), data);
  return good(plain && { plain, legacy: scheme.name });
}

/**
 * Whether MacData (RFC 7292 §4, RFC 9579) holds over `content`. Faults: `algorithm-unsupported`, `iterations-excessive`,
 * `key-file-unreadable`.
 */
export function macHolds(
  macData: Tlv,
  content: Uint8Array,
  { wide, utf8 }: Spelling,
  maxIterations: number,
): Result<boolean> {
  const [digestInfo, salt, count] = derChildren(macData.value, 4);
  const [algorithm, digest] = derChildren(digestInfo?.value ?? new Uint8Array(), 3);
  const [name, parameters] = derChildren(algorithm?.value ?? new Uint8Array(), 3);
  if (digest?.tag !== derTag.octetString || !isSalt(salt)) return bad('key-file-unreadable');
  const oid = oidOf(name) ?? '';
  if (oid === pbmac1) return pbmac1Holds(parameters, content, utf8, digest.value, maxIterations);
  const found = hashes[oid];
  if (!found) return bad('algorithm-unsupported', { algorithm: oid });
  const iterations = count ? boundedCount(count, maxIterations) : good(1);
  if (!iterations.ok) return iterations;
  const purpose = purposes.mac;
  const key = deriveKey({
    hash: found,
    wide,
    salt: salt.value,
    iterations: iterations.value,
    purpose,
    bytes: found.bytes,
  });
  return good(same(createHmac(found.name, key).update(content).digest(), digest.value));
}

type Derivation = {
  readonly hash: Hash;
  readonly wide: Uint8Array;
  readonly salt: Uint8Array;
  readonly iterations: number;
  readonly purpose: number;
  readonly bytes: number;
};

/** RFC 7292 §B.2. */
function deriveKey({ hash: { name, bytes: size, block }, wide, salt, iterations, purpose, bytes }: Derivation): Buffer {
  const fill = (part: Uint8Array) => Buffer.alloc(Math.ceil(part.length / block) * block, part);
  const diversifier = Buffer.alloc(block, purpose);
  const filled = Buffer.concat([fill(salt), fill(wide)]);
  const blocks: Buffer[] = [];
  for (let made = 0; made < bytes; made += size) {
    let digest = hash(name, Buffer.concat([diversifier, filled]), 'buffer');
    for (let round = 1; round < iterations; round++) digest = hash(name, digest, 'buffer');
    blocks.push(digest);
    const added = Buffer.alloc(block, digest);
    for (let start = 0; start < filled.length; start += block) addOne(filled.subarray(start, start + block), added);
  }
  return Buffer.concat(blocks).subarray(0, bytes);
}

/** `value` becomes value + added + 1, both big-endian. */
function addOne(value: Uint8Array, added: Uint8Array): void {
  let carry = 1;
  for (let place = value.length - 1; place >= 0; place--) {
    carry += (value[place] ?? 0) + (added[place] ?? 0);
    value[place] = carry & 0xff;
    carry >>= 8;
  }
}

function decryptPbes2(
  parameters: Tlv | undefined,
  data: Uint8Array,
  passwords: readonly Uint8Array[],
  maxIterations: number,
): Result<Decrypted | null> {
  const [derivation, encryption] = derChildren(parameters?.value ?? new Uint8Array(), 3);
  const [name, iv] = derChildren(encryption?.value ?? new Uint8Array(), 3);
  const scheme = pbes2Schemes[oidOf(name) ?? ''];
  if (!scheme) return bad('algorithm-unsupported', { algorithm: oidOf(name) ?? '' });
  if (iv?.tag !== derTag.octetString) return bad('key-file-unreadable');
  // RFC 8018 leaves the spelling open: nearly all take UTF-8, old NSS the wide one.
  for (const password of passwords) {
    const key = deriveByPbkdf2(derivation, password, scheme.keyBytes, maxIterations);
    if (!key.ok) return key;
    const plain = scheme.decrypt(key.value, iv.value, data);
    if (plain && toDer(plain)) return good({ plain, legacy: scheme.name === '' ? null : scheme.name });
  }
  return good(null);
}

function pbmac1Holds(
  parameters: Tlv | undefined,
  content: Uint8Array,
  utf8: Uint8Array,
  digest: Uint8Array,
  maxIterations: number,
): Result<boolean> {
  const [derivation, scheme] = derChildren(parameters?.value ?? new Uint8Array(), 3);
  const [name] = derChildren(scheme?.value ?? new Uint8Array(), 3);
  const mac = macHashes[oidOf(name) ?? ''];
  if (mac === undefined) return bad('algorithm-unsupported', { algorithm: oidOf(name) ?? '' });
  const key = deriveByPbkdf2(derivation, utf8, null, maxIterations);
  return key.ok ? good(same(createHmac(mac, key.value).update(content).digest(), digest)) : key;
}

/** `bytes` null: the length must be named, as RFC 9579 §4 demands, with 20 bytes at least. */
function deriveByPbkdf2(
  derivation: Tlv | undefined,
  password: Uint8Array,
  bytes: number | null,
  maxIterations: number,
): Result<Buffer> {
  const [name, parameters] = derChildren(derivation?.value ?? new Uint8Array(), 3);
  if (oidOf(name) !== pbkdf2) return bad('algorithm-unsupported', { algorithm: oidOf(name) ?? '' });
  const [salt, count, ...more] = derChildren(parameters?.value ?? new Uint8Array(), 5);
  if (!isSalt(salt)) return bad('key-file-unreadable');
  const iterations = boundedCount(count, maxIterations);
  if (!iterations.ok) return iterations;
  const named = more.find(({ tag }) => tag === derTag.integer);
  const length = bytes ?? (named ? wholeNumber(named) : 0);
  if (length < (bytes === null ? 20 : 16) || length > 64) return bad('key-file-unreadable');
  const prf = more.find(({ tag }) => tag === derTag.sequence);
  const oid = prf ? oidOf(derChildren(prf.value, 3)[0]) : '1.2.840.113549.2.7';
  const mac = macHashes[oid ?? ''];
  if (mac === undefined) return bad('algorithm-unsupported', { algorithm: oid ?? '' });
  return good(pbkdf2Sync(password, salt.value, iterations.value, length, mac));
}

function boundedCount(count: Tlv | undefined, most: number): Result<number> {
  if (count?.tag !== derTag.integer) return bad('key-file-unreadable');
  const iterations = wholeNumber(count);
  if (iterations < 1) return bad('key-file-unreadable');
  return iterations > most ? bad('iterations-excessive', { count: iterations, limit: most }) : good(iterations);
}

/** Below zero for a negative INTEGER; beyond 48 bits the largest safe one. */
export function wholeNumber({ value }: Tlv): number {
  if (value.length === 0 || (value[0] ?? 0) >= 0x80) return -1;
  if (value.length > 6) return Number.MAX_SAFE_INTEGER;
  return value.reduce((sum, octet) => sum * 256 + octet, 0);
}

const isSalt = (salt: Tlv | undefined): salt is Tlv =>
  salt?.tag === derTag.octetString && salt.value.length > 0 && salt.value.length <= maxSaltBytes;

const same = (one: Uint8Array, other: Uint8Array): boolean =>
  one.length === other.length && timingSafeEqual(one, other);
