/** Our authorities of device identities, as they are held in memory: which there are, and whose a certificate is. */
import { fingerprintOf, fromBase64, parseCertificate, toBase64 } from '../../protocol/certificate.ts';
import { good, type Result } from '../../protocol/fault.ts';
import type { Line } from '../core/succession.ts';
import { type Authority, isIssuedBy } from './authority.ts';
import type { Keys, Succession } from './context.ts';
import { seal } from './seal.ts';
import type { Tables } from './tables.ts';

export type Held = Pick<Keys, 'clientAuthority' | 'succession'>;
/** Base64. */
export type PlainAuthority = { readonly certificate: string; readonly key: string };

const rows = {
  issuing: 'client-authority',
  next: 'client-authority-next',
  former: 'client-authority-former',
  crosses: 'client-authority-crosses',
  retired: 'client-authority-retired-',
} as const;

/** Whose word is enough: the issuing one first. */
export const trustedAuthorities = ({ clientAuthority, succession: { next, former } }: Held): readonly Authority[] => [
  clientAuthority,
  ...(next ? [next] : []),
  ...(former ? [former] : []),
];

/** Fingerprint of the one of ours that issued a certificate, a retired one too; null for a foreign one. */
export function authorityOf(keys: Held, der: Uint8Array): string | null {
  const all = [...trustedAuthorities(keys).map(({ certificateDer }) => certificateDer), ...keys.succession.retired];
  const issuer = all.find((certificateDer) => isIssuedBy({ certificateDer }, der));
  return issuer ? fingerprintOf(issuer) : null;
}

/** Of one that bears our name and is none of those we know. */
export function isOfUnknown(
  keys: Held,
  { issuer, der }: { readonly issuer: string; readonly der: Uint8Array },
): boolean {
  const own = parseCertificate(keys.clientAuthority.certificateDer);
  return own.ok && own.value.subject === issuer && authorityOf(keys, der) === null;
}

export const isRetired = ({ succession }: Held, fingerprint: string): boolean =>
  succession.retired.some((der) => fingerprintOf(der) === fingerprint);

export const lineOf = ({ clientAuthority, succession: { next, former, retired } }: Held): Line => ({
  issuing: fingerprintOf(clientAuthority.certificateDer),
  next: next && fingerprintOf(next.certificateDer),
  former: former && fingerprintOf(former.certificateDer),
  retired: retired.map(fingerprintOf),
});

/** As they lie in the database. */
export const authorityRows = (master: Uint8Array, { clientAuthority, succession }: Held): readonly Tables['keys'][] => {
  const { next, former, retired, crosses } = succession;
  const row = (name: string, { certificateDer, keyPkcs8 }: Authority) => ({
    name,
    public: toBase64(certificateDer),
    sealed: seal(master, keyPkcs8),
  });
  return [
    row(rows.issuing, clientAuthority),
    ...(next ? [row(rows.next, next)] : []),
    ...(former ? [row(rows.former, former)] : []),
    ...retired.map((der) => ({ name: rows.retired + fingerprintOf(der), public: toBase64(der), sealed: '' })),
    ...(crosses.length > 0 ? [{ name: rows.crosses, public: JSON.stringify(crosses.map(toBase64)), sealed: '' }] : []),
  ];
};

/** `secret` opens the private key of a row. Faults: its own. */
export function readAuthorities(
  held: ReadonlyMap<string, Tables['keys']>,
  secret: (name: string) => Result<Uint8Array>,
): Result<Held> {
  const publicOf = (name: string): Uint8Array => fromBase64(held.get(name)?.public ?? '');
  const optional = (name: string): Result<Authority | null> => {
    if (!held.has(name)) return good(null);
    const key = secret(name);
    return key.ok ? good({ certificateDer: publicOf(name), keyPkcs8: key.value }) : key;
  };
  const issuing = secret(rows.issuing);
  if (!issuing.ok) return issuing;
  const next = optional(rows.next);
  if (!next.ok) return next;
  const former = optional(rows.former);
  if (!former.ok) return former;
  const retired = [...held.keys()].filter((name) => name.startsWith(rows.retired));
  const crosses = held.get(rows.crosses);
  return good({
    clientAuthority: { certificateDer: publicOf(rows.issuing), keyPkcs8: issuing.value },
    succession: {
      next: next.value,
      former: former.value,
      retired: retired.map(publicOf),
      crosses: crosses ? (JSON.parse(crosses.public) as string[]).map(fromBase64) : [],
    },
  });
}

export const plainAuthority = ({ certificateDer, keyPkcs8 }: Authority): PlainAuthority => ({
  certificate: toBase64(certificateDer),
  key: toBase64(keyPkcs8),
});

export const fromPlain = ({ certificate, key }: PlainAuthority): Authority => ({
  certificateDer: fromBase64(certificate),
  keyPkcs8: fromBase64(key),
});

export type PlainSuccession = {
  readonly next: PlainAuthority | null;
  readonly former: PlainAuthority | null;
  readonly retired: readonly string[];
  readonly crosses: readonly string[];
};

export const plainSuccession = ({ next, former, retired, crosses }: Succession): PlainSuccession => ({
  next: next && plainAuthority(next),
  former: former && plainAuthority(former),
  retired: retired.map(toBase64),
  crosses: crosses.map(toBase64),
});

export const fromPlainSuccession = ({ next, former, retired, crosses }: PlainSuccession): Succession => ({
  next: next && fromPlain(next),
  former: former && fromPlain(former),
  retired: retired.map(fromBase64),
  crosses: crosses.map(fromBase64),
});
