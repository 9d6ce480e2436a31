/** PKCS#12 (RFC 7292) with a password for both integrity and privacy: its keys and certificates, never judged here. */
import { joinOctets, toDer } from '../../protocol/ber.ts';
import { contextTag, derChildren, derTag, oidOf, readDer, type Tlv } from '../../protocol/der.ts';
import { bad, good, type Result } from '../../protocol/fault.ts';
import { maxCertificates } from '../../protocol/limits.ts';
import { decrypt, macHolds, type Spelling, spellingsOf, wholeNumber } from './password-encryption.ts';

export type Contents = {
  /** PKCS#8. At most one: a file with more is refused before any of them is decrypted. */
  readonly keys: readonly Uint8Array[];
  /** DER, as they came. */
  readonly certificates: readonly Uint8Array[];
  /** Outdated schemes that were met, for people. */
  readonly legacy: readonly string[];
};

type Safe = { readonly bags: readonly Tlv[]; readonly legacy: string | null };

const oid = {
  data: '1.2.840.113549.1.7.1',
  encryptedData: '1.2.840.113549.1.7.6',
  keyBag: '1.2.840.113549.1.12.10.1.1',
  shroudedKeyBag: '1.2.840.113549.1.12.10.1.2',
  certificateBag: '1.2.840.113549.1.12.10.1.3',
  nestedBag: '1.2.840.113549.1.12.10.1.6',
  x509: '1.2.840.113549.1.9.22.1',
} as const;
const version = 3;
const maxSafes = 8;
const maxBags = maxCertificates + 64;

/** Whether bytes look like a PFX: a sequence that begins with version 3, which no certificate and no key does. */
export const isPkcs12 = (bytes: Uint8Array): boolean =>
  /^30(80|[0-7][0-9a-f]|81..|82....|83......|84........)020103/.test(
    Buffer.from(bytes.subarray(0, 16)).toString('hex'),
  );

/**
 * Opens a PFX. Faults: `key-file-unreadable`, `integrity-missing` (no MAC), `password-wrong`, `iterations-excessive`,
 * `algorithm-unsupported`, `too-many-keys`, `too-many-certificates`.
 */
export function readPkcs12(bytes: Uint8Array, password: string, maxIterations: number): Result<Contents> {
  const [first, safe, macData] = partsOf(toDer(bytes));
  if (!first || wholeNumber(first) !== version || !safe) return unreadable;
  const [type, wrapped] = derChildren(safe.value, 3);
  if (oidOf(type) !== oid.data) return bad('algorithm-unsupported', { algorithm: oidOf(type) ?? '' });
  const content = octetsOf(wrapped);
  if (!content) return unreadable;
  if (!macData) return bad('integrity-missing');
  for (const spelling of spellingsOf(password)) {
    const holds = macHolds(macData, content, spelling, maxIterations);
    if (!holds.ok) return holds;
    if (holds.value) return readSafes(content, spelling, maxIterations);
  }
  return bad('password-wrong');
}

function readSafes(content: Uint8Array, spelling: Spelling, maxIterations: number): Result<Contents> {
  const outer = readDer(toDer(content) ?? new Uint8Array());
  const infos = derChildren(outer?.value ?? new Uint8Array(), maxSafes + 1);
  if (outer?.tag !== derTag.sequence || infos.length > maxSafes) return unreadable;
  const safes: Safe[] = [];
  for (const info of infos) {
    const safe = readSafe(info, spelling, maxIterations);
    if (!safe.ok) return safe;
    safes.push(safe.value);
  }
  const bags = safes.flatMap((safe) => safe.bags);
  if (bags.length > maxBags) return bad('too-many-certificates', { limit: maxCertificates });
  const legacy = safes.flatMap((safe) => safe.legacy ?? []);
  return readBags(bags, legacy, spelling, maxIterations);
}

/** SafeContents of one ContentInfo, decrypted where it is encrypted by the password. */
function readSafe(info: Tlv, spelling: Spelling, maxIterations: number): Result<Safe> {
  const [type, wrapped] = derChildren(info.value, 3);
  const name = oidOf(type) ?? '';
  if (name === oid.data) {
    const octets = octetsOf(wrapped);
    return octets ? bagsIn(octets, null) : unreadable;
  }
  if (name !== oid.encryptedData) return bad('algorithm-unsupported', { algorithm: name });
  const [, encrypted] = derChildren(
    derChildren(wrapped?.value ?? new Uint8Array(), 2)[0]?.value ?? new Uint8Array(),
    4,
  );
  const [, algorithm, data] = derChildren(encrypted?.value ?? new Uint8Array(), 4);
  const bytes = implicitOctets(data);
  if (!algorithm || !bytes) return unreadable;
  const opened = decrypt(algorithm, bytes, spelling, maxIterations);
  if (!opened.ok) return opened;
  return opened.value ? bagsIn(opened.value.plain, opened.value.legacy) : unreadable;
}

/** Safes within safes are looked into once (RFC 7292 §4.2.6); who nests deeper hides something. */
function bagsIn(bytes: Uint8Array, legacy: string | null): Result<Safe> {
  const outer = readDer(toDer(bytes) ?? new Uint8Array());
  if (outer?.tag !== derTag.sequence) return unreadable;
  const bags = derChildren(outer.value, maxBags + 1).flatMap((bag) => {
    const [name, value] = derChildren(bag.value, 4);
    const inner = oidOf(name) === oid.nestedBag ? derChildren(value?.value ?? new Uint8Array(), 2)[0] : undefined;
    return inner ? derChildren(inner.value, maxBags + 1) : [bag];
  });
  return good({ bags, legacy });
}

function readBags(
  bags: readonly Tlv[],
  found: readonly string[],
  spelling: Spelling,
  maxIterations: number,
): Result<Contents> {
  const named = bags.map((bag) => {
    const [name, value] = derChildren(bag.value, 4);
    return { name: oidOf(name), value: derChildren(value?.value ?? new Uint8Array(), 2)[0] };
  });
  const keyBags = named.filter(({ name }) => name === oid.keyBag || name === oid.shroudedKeyBag);
  if (keyBags.length > 1) return bad('too-many-keys', { count: keyBags.length });
  const certificates = named.flatMap(({ name, value }) => (name === oid.certificateBag ? [certificateIn(value)] : []));
  if (certificates.length > maxCertificates) return bad('too-many-certificates', { limit: maxCertificates });
  const readable = certificates.filter((certificate) => certificate !== null);
  if (readable.length < certificates.length) return unreadable;
  const [key] = keyBags;
  if (!key?.value) return good({ keys: [], certificates: readable, legacy: unique(found) });
  if (key.name === oid.keyBag) return good({ keys: [key.value.whole], certificates: readable, legacy: unique(found) });
  const opened = openShrouded(key.value, spelling, maxIterations);
  if (!opened.ok) return opened;
  if (!opened.value) return unreadable;
  const { plain, legacy } = opened.value;
  return good({ keys: [plain], certificates: readable, legacy: unique(legacy ? [...found, legacy] : found) });
}

/** EncryptedPrivateKeyInfo (RFC 5958 §3); null where the password does not fit. Faults: those of `decrypt`. */
export function openShrouded(info: Tlv, spelling: Spelling, maxIterations: number): ReturnType<typeof decrypt> {
  const [algorithm, data] = derChildren(info.value, 3);
  if (!algorithm || data?.tag !== derTag.octetString) return unreadable;
  return decrypt(algorithm, data.value, spelling, maxIterations);
}

/** CertBag of an X.509 certificate; null for any other. */
function certificateIn(bag: Tlv | undefined): Uint8Array | null {
  const [name, wrapped] = derChildren(bag?.value ?? new Uint8Array(), 3);
  return oidOf(name) === oid.x509 ? octetsOf(wrapped) : null;
}

/** The octets in an explicit [0]. */
function octetsOf(wrapped: Tlv | undefined): Uint8Array | null {
  const [octets] = wrapped?.tag === contextTag(0) ? derChildren(wrapped.value, 2) : [];
  return octets?.tag === derTag.octetString ? octets.value : null;
}

/** An implicit [0] OCTET STRING, of one piece or of several. */
const implicitOctets = (data: Tlv | undefined): Uint8Array | null =>
  data?.tag === contextTag(0) || data?.tag === contextTag(0, false) ? joinOctets(data) : null;

const partsOf = (der: Uint8Array | null): readonly Tlv[] => {
  const outer = readDer(der ?? new Uint8Array());
  return outer?.tag === derTag.sequence ? derChildren(outer.value, 4) : [];
};

const unique = (names: readonly string[]): readonly string[] => [...new Set(names)];

const unreadable = bad('key-file-unreadable');
