/**
 * Secrets at rest. The master key (a file, or a credential of the service manager) seals what lies in the database; a
 * passphrase seals what leaves the machine: the recovery kit and backups. Both are AES-256-GCM (NIST SP 800-38D) with a
 * random 96-bit nonce, the header authenticated with the data. The passphrase becomes a key by scrypt (RFC 7914).
 */
import { createCipheriv, createDecipheriv, randomBytes, scrypt } from 'node:crypto';
import { bad, good, type Result } from '../../protocol/fault.ts';
import { isSpelled, readSpelled, spell } from '../core/spelling.ts';

const keyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;
const saltBytes = 16;
const prefix = 'thintrust-sealed-1:';
const format = 'thintrust-passphrase-1';
export const maxSealedBytes = 256 * 1024 * 1024;
/** 128 MiB and about half a second. Other values are read too, within `maxCost`, so that they can be raised one day. */
const cost = { n: 2 ** 17, r: 8, p: 1 } as const;
const maxCost = { n: 2 ** 20, r: 16, p: 4, bytes: 1024 * 1024 * 1024 } as const;
const passphraseLength = 25;

type Cost = { readonly n: number; readonly r: number; readonly p: number };
type Envelope = { readonly cost: Cost; readonly salt: Buffer; readonly data: Buffer };

/** 32 random bytes. */
export const makeMasterKey = (): Uint8Array => randomBytes(keyBytes);

export const seal = (masterKey: Uint8Array, plain: Uint8Array): string =>
  prefix + encrypt(masterKey, plain, prefix).toString('base64');

/** Faults: `master-key-missing`, also for sealed text that was damaged; the two cannot be told apart. */
export function open(masterKey: Uint8Array, sealed: string): Result<Uint8Array> {
  if (!sealed.startsWith(prefix)) return bad('master-key-missing');
  const plain = decrypt(masterKey, Buffer.from(sealed.slice(prefix.length), 'base64'), prefix);
  return plain ? good(plain) : bad('master-key-missing');
}

/** 25 characters, 125 bits, in groups of five, to be written down on paper. */
export function makePassphrase(): string {
  return spell(randomBytes(passphraseLength)).replace(/(.{5})(?=.)/g, '$1-');
}

/** JSON text that names its own key derivation, for a reader without this program. */
export async function sealWithPassphrase(passphrase: string, plain: Uint8Array): Promise<string> {
  const salt = randomBytes(saltBytes);
  const key = await derive(passphrase, salt, cost);
  const data = encrypt(key, plain, header(cost, salt));
  return `${JSON.stringify({ format, kdf: 'scrypt', ...cost, salt: salt.toString('base64'), data: data.toString('base64') })}\n`;
}

/** Faults: `backup-unreadable` for text that is not ours or asks for more work than we do, `passphrase-wrong`. */
export async function openWithPassphrase(passphrase: string, sealed: string): Promise<Result<Uint8Array>> {
  const envelope = readEnvelope(sealed);
  if (!envelope) return bad('backup-unreadable');
  const key = await derive(passphrase, envelope.salt, envelope.cost);
  const plain = decrypt(key, envelope.data, header(envelope.cost, envelope.salt));
  return plain ? good(plain) : bad('passphrase-wrong');
}

/** Whether text is of the form `sealWithPassphrase` gives. */
export const isSealed = (text: string): boolean => readEnvelope(text) !== null;

function encrypt(key: Uint8Array, plain: Uint8Array, associated: string): Buffer {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  cipher.setAAD(Buffer.from(associated));
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

function decrypt(key: Uint8Array, data: Buffer, associated: string): Uint8Array | null {
  if (data.length < nonceBytes + tagBytes) return null;
  const options = { authTagLength: tagBytes };
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, data.subarray(0, nonceBytes), options);
    decipher.setAAD(Buffer.from(associated));
    decipher.setAuthTag(data.subarray(-tagBytes));
    return Buffer.concat([decipher.update(data.subarray(nonceBytes, -tagBytes)), decipher.final()]);
  } catch {
    return null;
  }
}

const header = ({ n, r, p }: Cost, salt: Buffer): string => `${format}:scrypt:${n}:${r}:${p}:${salt.toString('hex')}`;

function derive(passphrase: string, salt: Buffer, { n, r, p }: Cost): Promise<Buffer> {
  const limits = { N: n, r, p, maxmem: 256 * r * (n + p + 2) };
  return new Promise((resolve, reject) => {
    scrypt(normalize(passphrase), salt, keyBytes, limits, (error, key) => (error ? reject(error) : resolve(key)));
  });
}

/** One of ours may be typed in any case, with or without hyphens, O for 0 and I or L for 1; others are only NFKC. */
function normalize(passphrase: string): string {
  const text = passphrase.normalize('NFKC').trim();
  const compact = readSpelled(text);
  return compact.length === passphraseLength && isSpelled(compact) ? compact : text;
}

function readEnvelope(sealed: string): Envelope | null {
  if (sealed.length > maxSealedBytes) return null;
  let value: unknown;
  try {
    value = JSON.parse(sealed);
  } catch {
    return null;
  }
  if (value === null || typeof value !== 'object') return null;
  const { format: named, kdf, n, r, p, salt, data } = value as Record<string, unknown>;
  if (named !== format || kdf !== 'scrypt' || typeof salt !== 'string' || typeof data !== 'string') return null;
  if (!between(n, 2, maxCost.n) || !between(r, 1, maxCost.r) || !between(p, 1, maxCost.p)) return null;
  // The second bound is scrypt's own (RFC 7914 §2).
  if (!Number.isInteger(Math.log2(n)) || 128 * n * r > maxCost.bytes || n >= 2 ** (16 * r)) return null;
  const saltRead = Buffer.from(salt, 'base64');
  return saltRead.length === saltBytes
    ? { cost: { n, r, p }, salt: saltRead, data: Buffer.from(data, 'base64') }
    : null;
}

const between = (value: unknown, least: number, most: number): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most;
