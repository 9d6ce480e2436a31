/** What makes a server itself: made at the first start, or read back from a recovery kit, and laid into an empty database. */
import { generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto';
import { isIP } from 'node:net';
import { fingerprintOf, fromBase64, parseCertificate, toBase64 } from '../../protocol/certificate.ts';
import { thumbprint } from '../../protocol/jws.ts';
import type { Clock } from '../core/ports.ts';
import { type Role, type Source, serverCertificateDays } from '../core/role.ts';
import type { AuthorityKey } from '../core/succession.ts';
import { authorityRows } from './authorities.ts';
import { type Authority, issueServer, makeAuthority } from './authority.ts';
import { type Identity, type Keys, noSuccession, type Succession, writeIdentity } from './context.ts';
import { seal } from './seal.ts';
import { makeSigningKey, publicKeyOf, type SigningKey } from './sign.ts';
import type { Database, GroupKind, Tables } from './tables.ts';

export type ServerCertificate = {
  readonly role: Role;
  /** Base64 DER, leaf first. */
  readonly chain: readonly string[];
  /** Base64 PKCS#8. */
  readonly key: string;
  readonly activateAt: number | null;
  readonly madeAt: number;
  /** Left out in kits of older releases: `own`. */
  readonly source?: Source;
};
export type Revocation = {
  readonly device: string;
  readonly issuer: string;
  readonly serial: string;
  readonly at: number;
};
/** A change of the main certificate, for devices that missed it. `from` is a fingerprint, `certificate` base64 DER. */
export type KeptLink = {
  readonly seq: number;
  readonly from: string;
  readonly certificate: string;
  readonly madeAt: number;
};
/** Base64 DER. */
export type KeptForeign = { readonly certificate: string; readonly addedAt: number };
/** Of a foreign authority (`authority` null) or of a retired one of ours: it counts for its device, byte for byte. */
export type ExactIdentity = {
  readonly device: string;
  readonly issuer: string;
  readonly serial: string;
  readonly fingerprint: string;
  readonly notAfter: number;
  readonly authority: string | null;
};
export type Secrets = {
  readonly clientAuthority: Authority;
  readonly serverAuthority: Authority;
  readonly policy: SigningKey;
  readonly codeMaster: Uint8Array;
  readonly recovery: SigningKey;
  readonly kitPublic: Uint8Array;
  readonly kitPrivate: Uint8Array;
};
/** What became of the policy key that the base of the kit holds. */
export type Rollover = Pick<Keys, 'next' | 'former' | 'kitSigning'> & {
  readonly statements: readonly { readonly rev: number; readonly jws: string; readonly madeAt: number }[];
};
export const noRollover: Rollover = { next: null, former: [], kitSigning: null, statements: [] };
export type Material = {
  readonly secrets: Secrets;
  readonly rollover: Rollover;
  /** What became of the authority of device identities that the base of the kit holds. */
  readonly succession: Succession;
  readonly identity: Identity;
  readonly certificates: readonly ServerCertificate[];
  readonly revoked: readonly Revocation[];
  readonly links: readonly KeptLink[];
  /** Authorities of others that are let in. */
  readonly foreign: readonly KeptForeign[];
  /** Identities that no authority's word lets in again. */
  readonly exact: readonly ExactIdentity[];
};
export type Choices = Pick<Identity, 'name' | 'host' | 'httpsPort' | 'mqttPort' | 'legacyPort' | 'webPort'>;

/** Everything new. Ports are taken as they are: the caller has picked free ones. */
export async function makeMaterial(
  choices: Choices,
  clock: Clock,
  authorityKey: AuthorityKey = 'ec-p256',
): Promise<Material> {
  const now = clock();
  const serverAuthority = makeAuthority('thintrust server authority', now, authorityKey);
  const kit = generateKeyPairSync('x25519', {
    publicKeyEncoding: { type: 'spki', format: 'der' },
    privateKeyEncoding: { type: 'pkcs8', format: 'der' },
  });
  const identity: Identity = {
    ...choices,
    serverId: randomUUID(),
    unassigned: randomUUID(),
    recovered: null,
    adopting: false,
  };
  return {
    secrets: {
      clientAuthority: makeAuthority('thintrust device authority', now, authorityKey),
      serverAuthority,
      policy: makeSigningKey(),
      codeMaster: randomBytes(32),
      recovery: makeSigningKey(),
      kitPublic: kit.publicKey,
      kitPrivate: kit.privateKey,
    },
    rollover: noRollover,
    succession: noSuccession,
    identity,
    certificates: [await makeServerCertificate(serverAuthority, identity, 'main', null, clock)],
    revoked: [],
    links: [],
    foreign: [],
    exact: [],
  };
}

/** Issued for the name devices use, for the listening address, and on loopback for `localhost` too. */
export async function makeServerCertificate(
  authority: Authority,
  { name, host }: Pick<Identity, 'name' | 'host'>,
  role: Role,
  activateAt: number | null,
  clock: Clock,
  keyKind?: AuthorityKey,
): Promise<ServerCertificate> {
  const now = clock();
  const wildcard = host === '0.0.0.0' || host === '::';
  const local = isIP(host) && (host === '::1' || host.startsWith('127.')) ? ['localhost'] : [];
  const names = [...new Set([name, ...(wildcard ? [] : [host]), ...local])];
  const { chainDer, keyPkcs8 } = issueServer(authority, {
    names,
    days: serverCertificateDays,
    now,
    ...(keyKind && { key: keyKind }),
  });
  return { role, chain: chainDer.map(toBase64), key: toBase64(keyPkcs8), activateAt, madeAt: now };
}

export function certificateRow(master: Uint8Array, certificate: ServerCertificate): Tables['server_certificates'] {
  const leaf = fromBase64(certificate.chain[0] ?? '');
  const parsed = parseCertificate(leaf);
  return {
    fingerprint: fingerprintOf(leaf),
    role: certificate.role,
    source: certificate.source ?? 'own',
    chain: JSON.stringify(certificate.chain),
    sealed_key: seal(master, fromBase64(certificate.key)),
    activate_at: certificate.activateAt,
    not_after: parsed.ok ? parsed.value.notAfter : 0,
    made_at: certificate.madeAt,
  };
}

/** Into an empty database; the recovery private key and the kit's stay out. */
export async function layMaterial(trx: Database, master: Uint8Array, material: Material, now: number): Promise<void> {
  const { secrets, identity } = material;
  await trx
    .insertInto('keys')
    .values([
      ...authorityRows(master, { clientAuthority: secrets.clientAuthority, succession: material.succession }),
      {
        name: 'server-authority',
        public: toBase64(secrets.serverAuthority.certificateDer),
        sealed: seal(master, secrets.serverAuthority.keyPkcs8),
      },
      {
        name: 'policy',
        public: JSON.stringify(secrets.policy.publicKey),
        sealed: seal(master, secrets.policy.keyPkcs8),
      },
      { name: 'code-master', public: '', sealed: seal(master, secrets.codeMaster) },
      { name: 'recovery', public: JSON.stringify(secrets.recovery.publicKey), sealed: '' },
      { name: 'kit', public: toBase64(secrets.kitPublic), sealed: '' },
      ...rolledRows(master, material.rollover),
    ])
    .execute();
  for (const { rev, jws, madeAt } of material.rollover.statements)
    await trx.insertInto('key_statements').values({ rev, jws, made_at: madeAt }).execute();
  for (const certificate of material.certificates)
    await trx.insertInto('server_certificates').values(certificateRow(master, certificate)).execute();
  for (const { seq, from, certificate, madeAt } of material.links)
    await trx
      .insertInto('rotations')
      .values({
        seq,
        from_fingerprint: from,
        to_fingerprint: fingerprintOf(fromBase64(certificate)),
        certificate,
        jws: '',
        signed_at: 0,
        made_at: madeAt,
        removed_at: null,
      })
      .execute();
  for (const { certificate, addedAt } of material.foreign)
    await trx
      .insertInto('foreign_authorities')
      .values({ fingerprint: fingerprintOf(fromBase64(certificate)), certificate, added_at: addedAt })
      .execute();
  await addOwnGroup(trx, identity.unassigned, 'Unassigned', 'unassigned', now);
  if (identity.recovered !== null) await addOwnGroup(trx, identity.recovered, 'Recovered', 'recovered', now);
  await writeIdentity(trx, identity);
}

const rolledRows = (master: Uint8Array, { next, former, kitSigning }: Rollover): Tables['keys'][] => [
  ...(next
    ? [{ name: 'policy-next', public: JSON.stringify(next.publicKey), sealed: seal(master, next.keyPkcs8) }]
    : []),
  ...former.map((key) => ({ name: `policy-former-${thumbprint(key)}`, public: JSON.stringify(key), sealed: '' })),
  ...(kitSigning ? [{ name: 'kit-signing', public: '', sealed: seal(master, kitSigning.keyPkcs8) }] : []),
];

/** A group the server itself needs. */
export async function addOwnGroup(
  trx: Database,
  id: string,
  name: string,
  kind: GroupKind,
  now: number,
): Promise<void> {
  await trx
    .insertInto('groups')
    .values({
      id,
      name,
      parent: null,
      kind,
      certificates_enforced: 0,
      contacts_enforced: 0,
      contacts: null,
      created_at: now,
    })
    .execute();
}

/** What stays in memory. */
export const keysOf = (
  master: Uint8Array,
  { secrets, rollover, succession }: Pick<Material, 'secrets' | 'rollover' | 'succession'>,
): Keys => ({
  master,
  clientAuthority: secrets.clientAuthority,
  succession,
  serverAuthority: secrets.serverAuthority,
  policy: secrets.policy,
  next: rollover.next,
  former: rollover.former,
  kitSigning: rollover.kitSigning,
  codeMaster: secrets.codeMaster,
  kitPublic: secrets.kitPublic,
  recovery: secrets.recovery.publicKey,
});

export const signingKey = (keyPkcs8: Uint8Array): SigningKey => ({ publicKey: publicKeyOf(keyPkcs8), keyPkcs8 });
