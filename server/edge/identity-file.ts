/**
 * A key with its certificates as people have them: PKCS#12, or certificates (PEM, DER, PKCS#7) and a key (PKCS#8, encrypted
 * or not, SEC 1, PKCS#1; PEM or DER) in one file or two. This runs in a process of its own (`identity-child.ts`), since what
 * is read here may be made to cost time and memory; whether a certificate may serve is judged elsewhere.
 */
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { toDer } from '../../protocol/ber.ts';
import { parseCertificate } from '../../protocol/certificate.ts';
import { readCertificateBlocks } from '../../protocol/certificate-file.ts';
import { derChildren, derTag, readDer } from '../../protocol/der.ts';
import { bad, type Fault, fault, good, type Result } from '../../protocol/fault.ts';
import { type Spelling, spellingsOf } from './password-encryption.ts';
import { isPkcs12, openShrouded, readPkcs12 } from './pkcs12.ts';

export type IdentityFile = {
  readonly content: Uint8Array;
  /** Null: the key is in `content`. */
  readonly key: Uint8Array | null;
  /** Empty for none. */
  readonly password: string;
};
/** Not judged, but what it says: certificates can be read, and the key is one. */
export type ReadIdentity = {
  /** PKCS#8, DER. */
  readonly key: Uint8Array;
  /** SubjectPublicKeyInfo of the key, DER. */
  readonly publicKey: Uint8Array;
  /** DER, in the order of the file, none twice. */
  readonly certificates: readonly Uint8Array[];
  /** Outdated encryption that was met, for people: `RC2-40`, `3DES`. */
  readonly legacy: readonly string[];
};
/** Everything that is wrong where there is more than one thing; the first stands for all. */
export type Refusals = { readonly ok: false; readonly fault: Fault; readonly faults: readonly Fault[] };

type Key = { readonly key: KeyObject; readonly legacy: string | null };

export const maxIdentityFileBytes = 1024 * 1024;
/** NSS writes 600,000; a million SHA-256 rounds are a second of this machine's time. */
export const maxIterations = 1_000_000;
const keyLabel = /-----BEGIN ((?:ENCRYPTED |RSA |EC )?PRIVATE KEY)-----/;

/**
 * Faults: `too-large`; those of `readPkcs12`; `certificate-missing` and, one each, those of `parseCertificate`; `key-missing`,
 * `too-many-keys`, `key-file-unreadable`, `password-wrong`. `rounds` bounds what one key derivation may cost.
 */
export function readIdentityFile(
  file: IdentityFile,
  rounds = maxIterations,
): { readonly ok: true; readonly value: ReadIdentity } | Refusals {
  const { content, key, password } = file;
  if (content.length > maxIdentityFileBytes || (key?.length ?? 0) > maxIdentityFileBytes)
    return refused([fault('too-large', { limit: maxIdentityFileBytes })]);
  if (!isPkcs12(content)) return readTwo(content, key ?? content, password, rounds);
  if (key) return refused([fault('too-many-keys', { count: 2 })]);
  const opened = readPkcs12(content, password, rounds);
  if (!opened.ok) return refused([opened.fault]);
  const { keys, certificates, legacy } = opened.value;
  if (certificates.length === 0) return refused([fault('certificate-missing')]);
  const wrong = certificates.flatMap((der, index) => {
    const parsed = parseCertificate(der);
    return parsed.ok ? [] : [fault(parsed.fault.code, { ...parsed.fault.facts, block: index + 1 })];
  });
  if (wrong.length > 0) return refused(wrong);
  const [first] = keys;
  if (!first) return refused([fault('key-missing')]);
  const plain = plainKey(first, ['pkcs8']);
  return plain ? { ok: true, value: identity(plain, certificates, legacy) } : refused([fault('key-file-unreadable')]);
}

function readTwo(
  content: Uint8Array,
  keyFile: Uint8Array,
  password: string,
  rounds: number,
): { readonly ok: true; readonly value: ReadIdentity } | Refusals {
  const text = Buffer.from(content).toString('latin1');
  if (keyLabel.test(text) && !/-----BEGIN [^-\n]*(CERTIFICATE|PKCS7|PKCS #7|CMS)/.test(text))
    return refused([fault('certificate-missing')]);
  const blocks = readCertificateBlocks(content);
  if (!blocks.ok) return refused([blocks.fault]);
  const certificates: Uint8Array[] = [];
  const wrong: Fault[] = [];
  for (const { block, certificate } of blocks.value) {
    if (certificate.ok) certificates.push(certificate.value.der);
    else
      wrong.push(
        block === 0 ? certificate.fault : fault(certificate.fault.code, { ...certificate.fault.facts, block }),
      );
  }
  if (wrong.length > 0) return refused(wrong);
  const read = readKey(keyFile, password, rounds);
  if (!read.ok) return refused([read.fault]);
  const { key, legacy } = read.value;
  return { ok: true, value: identity(key, certificates, legacy === null ? [] : [legacy]) };
}

function readKey(bytes: Uint8Array, password: string, rounds: number): Result<Key> {
  const text = Buffer.from(bytes).toString('latin1');
  if (!text.includes('-----BEGIN')) return readDerKey(bytes, password, rounds);
  const [, label = '', body = '', ...more] = text.split(keyLabel);
  if (label === '') return bad('key-missing');
  if (more.length > 0) return bad('too-many-keys', { count: 1 + more.length / 2 });
  const end = body.indexOf(`-----END ${label}-----`);
  if (end < 0) return bad('key-file-unreadable');
  const inner = body.slice(0, end);
  if (/^\s*Proc-Type:/.test(inner)) return readOldPem(label, inner, password);
  const base64 = inner.replace(/\s/g, '');
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) return bad('key-file-unreadable');
  return readDerKey(Buffer.from(base64, 'base64'), password, rounds);
}

/** Encryption of PEM itself (RFC 1421), one round of MD5: OpenSSL still reads it. */
function readOldPem(label: string, inner: string, password: string): Result<Key> {
  const cipher = /DEK-Info: *([A-Za-z0-9-]{1,30})/.exec(inner)?.[1] ?? 'PEM';
  const pem = `-----BEGIN ${label}-----\n${inner.trim().replace(/[ \t]*\r?\n/g, '\n')}\n-----END ${label}-----\n`;
  try {
    return good({ key: createPrivateKey({ key: pem, passphrase: password }), legacy: `PEM ${cipher}` });
  } catch {
    return bad('password-wrong');
  }
}

function readDerKey(bytes: Uint8Array, password: string, rounds: number): Result<Key> {
  const outer = readDer(toDer(bytes) ?? new Uint8Array());
  const [first, second] = outer?.tag === derTag.sequence ? derChildren(outer.value, 4) : [];
  if (outer && first?.tag === derTag.sequence && second?.tag === derTag.octetString) {
    const spelling: Spelling | undefined = spellingsOf(password)[0];
    const opened = spelling ? openShrouded(outer, spelling, rounds) : bad('password-wrong');
    if (!opened.ok) return opened;
    const key = opened.value && plainKey(opened.value.plain, ['pkcs8']);
    return key ? good({ key, legacy: opened.value.legacy }) : bad('password-wrong');
  }
  if (first?.tag !== derTag.integer) return bad('key-missing');
  const key = plainKey(bytes, ['pkcs8', 'sec1', 'pkcs1']);
  return key ? good({ key, legacy: null }) : bad('key-file-unreadable');
}

function plainKey(der: Uint8Array, types: readonly ('pkcs8' | 'sec1' | 'pkcs1')[]): KeyObject | null {
  for (const type of types)
    try {
      return createPrivateKey({ key: Buffer.from(der), format: 'der', type });
    } catch {
      // of another kind
    }
  return null;
}

function identity(key: KeyObject, certificates: readonly Uint8Array[], legacy: readonly string[]): ReadIdentity {
  const once = new Map(certificates.map((der) => [Buffer.from(der).toString('base64'), der]));
  return {
    key: key.export({ format: 'der', type: 'pkcs8' }),
    publicKey: createPublicKey(key).export({ format: 'der', type: 'spki' }),
    certificates: [...once.values()],
    legacy,
  };
}

function refused(faults: readonly Fault[]): Refusals {
  const [first = fault('key-file-unreadable')] = faults;
  return { ok: false, fault: first, faults };
}
