/**
 * Certificate revocation lists (RFC 5280 §5) as plain data: whose, of when, and which of two is the newer. What a list says is
 * the path engine's to judge, and so is its signature; nothing here trusts it.
 */
import { createHash, verify, X509Certificate } from 'node:crypto';
import { printable } from './certificate.ts';
import { derChildren, derTag, oidOf, readDer, type Tlv } from './der.ts';
import { bad, good, type Result } from './fault.ts';
import { maxRevocationListBytes } from './limits.ts';
import { textOf } from './subject-hash.ts';
import { type Instant, parseUtc } from './time.ts';

export type RevocationList = {
  readonly der: Uint8Array;
  /** SHA-256 over the DER. */
  readonly fingerprint: string;
  /**
   * Of which lists one follows the other, 64 hex digits: those of one issuer, one key (authorityKeyIdentifier) and one part
   * (issuingDistributionPoint, RFC 5280 §5.2.5).
   */
  readonly series: string;
  /** DER of the name of the issuer, as it stands in certificates it issued. */
  readonly issuer: Uint8Array;
  /** For people: its common name, else its organization, else nothing. */
  readonly owner: string;
  readonly thisUpdate: Instant;
  readonly nextUpdate: Instant;
  /** RFC 5280 §5.2.3. */
  readonly number: bigint | null;
};

type Aged = Pick<RevocationList, 'number' | 'thisUpdate'>;

/** RFC 8017, 5758, 8410. */
const hashes: Readonly<Record<string, string | null>> = {
  '1.2.840.113549.1.1.11': 'sha256',
  '1.2.840.113549.1.1.12': 'sha384',
  '1.2.840.113549.1.1.13': 'sha512',
  '1.2.840.10045.4.3.2': 'sha256',
  '1.2.840.10045.4.3.3': 'sha384',
  '1.2.840.10045.4.3.4': 'sha512',
  '1.3.101.112': null,
};
const nameIds = ['2.5.4.3', '2.5.4.10'];
const extensionIds = { key: '2.5.29.35', number: '2.5.29.20', delta: '2.5.29.27', part: '2.5.29.28' } as const;
const nothing = new Uint8Array();
const utcTime = 0x17;
const generalizedTime = 0x18;

/**
 * Reads exactly one DER list. Delta lists are refused, and lists that do not say when the next comes (RFC 5280 §5.1.2.5): they
 * would hold for ever. Faults: `too-large`, `crl-unreadable`, `crl-partial`.
 */
export function parseRevocationList(der: Uint8Array): Result<RevocationList> {
  if (der.length > maxRevocationListBytes)
    return bad('too-large', { bytes: der.length, limit: maxRevocationListBytes });
  const outer = readDer(der);
  if (outer?.tag !== derTag.sequence || outer.whole.length !== der.length) return bad('crl-unreadable');
  const [body, algorithm, signature, ...more] = derChildren(outer.value);
  if (body?.tag !== derTag.sequence || algorithm?.tag !== derTag.sequence || signature?.tag !== derTag.bitString)
    return bad('crl-unreadable');
  const fields = derChildren(body.value);
  const [, issuer, begins, ...rest] = fields[0]?.tag === derTag.integer ? fields.slice(1) : fields;
  const thisUpdate = timeOf(begins);
  if (more.length > 0 || issuer?.tag !== derTag.sequence || thisUpdate === null) return bad('crl-unreadable');
  const nextUpdate = timeOf(rest[0]);
  const extensions = extensionsOf(rest.find(({ tag }) => tag === derTag.first));
  if (extensions === null) return bad('crl-unreadable');
  if (nextUpdate === null || extensions.has(extensionIds.delta)) return bad('crl-partial');
  const scope = [extensionIds.key, extensionIds.part].map((id) => extensions.get(id) ?? nothing);
  return good({
    der,
    fingerprint: createHash('sha256').update(der).digest('hex'),
    series: createHash('sha256')
      .update(Buffer.concat([issuer.whole, ...scope.flatMap((part) => [Buffer.of(0), part])]))
      .digest('hex'),
    issuer: issuer.whole,
    owner: ownerOf(issuer),
    thisUpdate,
    nextUpdate,
    number: numberOf(extensions.get(extensionIds.number)),
  });
}

/**
 * Whether an authority made a list; null where it has another name, or the list is signed by a method that is not known here. It
 * keeps mistakes out before they are signed; devices ask the path engine.
 */
export function isMadeBy({ der, issuer }: RevocationList, authority: Uint8Array): boolean | null {
  const fields = derChildren(bodyOf(authority));
  const subject = fields[fields[0]?.tag === derTag.first ? 5 : 4];
  const [body, algorithm, signature] = derChildren(readDer(der)?.value ?? nothing);
  const hash = hashes[oidOf(derChildren(algorithm?.value ?? nothing)[0]) ?? ''];
  if (!subject || !sameBytes(subject.whole, issuer) || !body || !signature || hash === undefined) return null;
  try {
    // A BIT STRING begins with the number of unused bits (X.690 §8.6.2).
    return verify(hash, body.whole, new X509Certificate(authority).publicKey, signature.value.subarray(1));
  } catch {
    return false;
  }
}

/** Two of one series: by their number where both have one, else by their time. */
export const isNewer = (one: Aged, other: Aged): boolean =>
  one.number !== null && other.number !== null && one.number !== other.number
    ? one.number > other.number
    : one.thisUpdate > other.thisUpdate;

/**
 * Those of some certificates whose serial number a list of their issuer has. Entries of an indirect list (RFC 5280 §5.3.3) that belong to
 * another issuer are not told apart: they too only take trust away. A list is looked through once, and only where it may name one.
 */
export function listedAmong<Of extends { readonly der: Uint8Array }>(
  lists: readonly RevocationList[],
  certificates: readonly Of[],
): readonly Of[] {
  const named = certificates.map((certificate) => ({ certificate, ...nameOf(certificate.der) }));
  const found = lists.flatMap((list) => {
    const own = named.filter(({ issuer }) => issuer !== null && sameBytes(list.issuer, issuer));
    if (own.length === 0) return [];
    const serials = new Set(entriesOf(list.der)?.map((entry) => toHex(derChildren(entry.value, 1)[0])));
    return own.filter(({ serial }) => serials.has(serial)).map(({ certificate }) => certificate);
  });
  return certificates.filter((certificate) => found.includes(certificate));
}

/** How many certificates a list names; null where what stands there is not DER. */
export const countOf = ({ der }: RevocationList): number | null => entriesOf(der)?.length ?? null;

function nameOf(certificate: Uint8Array): { readonly issuer: Uint8Array | null; readonly serial: string } {
  const fields = derChildren(bodyOf(certificate), 4);
  const [serial, , issuer] = fields[0]?.tag === derTag.first ? fields.slice(1) : fields;
  return { issuer: serial && issuer ? issuer.whole : null, serial: toHex(serial) };
}

const toHex = (number: Tlv | undefined): string => Buffer.from(number?.value ?? nothing).toString('hex');

function entriesOf(list: Uint8Array): readonly Tlv[] | null {
  const fields = derChildren(bodyOf(list));
  // Behind version, signature, issuer and dates, the only sequence there is.
  const revoked = fields.slice(fields[0]?.tag === derTag.integer ? 4 : 3).find(({ tag }) => tag === derTag.sequence);
  const entries = derChildren(revoked?.value ?? nothing);
  return entries.length === 0 && (revoked?.value.length ?? 0) > 0 ? null : entries;
}

/** What is signed of a certificate or a list. */
const bodyOf = (signed: Uint8Array): Uint8Array =>
  derChildren(readDer(signed)?.value ?? nothing, 1)[0]?.value ?? nothing;
const sameBytes = (one: Uint8Array, other: Uint8Array): boolean => Buffer.compare(one, other) === 0;

function ownerOf(issuer: Tlv): string {
  const parts = derChildren(issuer.value).flatMap(({ value }) =>
    derChildren(value).map((part) => derChildren(part.value)),
  );
  const found = nameIds.flatMap((id) => parts.filter(([type]) => oidOf(type) === id))[0]?.[1];
  const text = found && textOf(found.tag, Buffer.from(found.value));
  return printable(text ?? '').slice(0, 200);
}

function extensionsOf(tagged: Tlv | undefined): ReadonlyMap<string, Uint8Array> | null {
  const found = new Map<string, Uint8Array>();
  if (!tagged) return found;
  for (const extension of derChildren(readDer(tagged.value)?.value ?? nothing)) {
    const parts = derChildren(extension.value);
    const id = oidOf(parts[0]);
    const value = parts.at(-1)?.value;
    if (id === null || !value || found.has(id)) return null;
    found.set(id, value);
  }
  return found;
}

function numberOf(value: Uint8Array | undefined): bigint | null {
  const number = value && readDer(value);
  // At most 20 octets (RFC 5280 §5.2.3), never negative.
  if (number?.tag !== derTag.integer || number.value.length === 0 || number.value.length > 20) return null;
  return (number.value[0] ?? 0x80) > 0x7f ? null : BigInt(`0x${Buffer.from(number.value).toString('hex')}`);
}

/** RFC 5280 §5.1.2.4: whole seconds in UTC; years of two digits are 1950 to 2049. */
function timeOf(element: Tlv | undefined): Instant | null {
  if (element?.tag !== utcTime && element?.tag !== generalizedTime) return null;
  const text = Buffer.from(element.value).toString('latin1');
  const parts = /^(\d{2}|\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  const [year = '', ...others] = parts?.slice(1) ?? [];
  if (year.length !== (element.tag === utcTime ? 2 : 4)) return null;
  const whole = year.length === 4 ? year : `${year < '50' ? '20' : '19'}${year}`;
  const [month, day, hour, minute, second] = others;
  return parseUtc(`${whole}-${month}-${day}T${hour}:${minute}:${second}Z`);
}
