/**
 * The recovery kit: one file from which a lost server is rebuilt. Its `base` never changes and is sealed with a passphrase
 * that was shown once: keys, the recovery private key, and the private key of the kit itself. Its `update` holds what
 * changes (server certificates, addresses, revoked identities, authorities that came later, identities that count one by one); it is sealed to the kit's public key (X25519, HKDF-SHA256,
 * AES-256-GCM), so that the server can write it without knowing the passphrase, and signed with the policy key, so that
 * nobody else can.
 */
import {
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import { join } from 'node:path';
import { fromBase64, toBase64 } from '../../protocol/certificate.ts';
import { bad, good, type Result } from '../../protocol/fault.ts';
import { thumbprint } from '../../protocol/jws.ts';
import {
  fromPlain,
  fromPlainSuccession,
  type PlainAuthority,
  type PlainSuccession,
  plainAuthority,
  plainSuccession,
} from './authorities.ts';
import { type Identity, noSuccession, readIdentity, type Server } from './context.ts';
import { readExact, readForeign } from './exact.ts';
import { writeDurable } from './files.ts';
import {
  type ExactIdentity,
  type KeptForeign,
  type KeptLink,
  type Material,
  noRollover,
  type Revocation,
  type Rollover,
  type Secrets,
  type ServerCertificate,
  signingKey,
} from './material.ts';
import { readServerCertificates } from './pins.ts';
import { isSealed, open, openWithPassphrase, seal, sealWithPassphrase } from './seal.ts';
import type { SigningKey } from './sign.ts';
import type { Database } from './tables.ts';

type Update = {
  readonly identity: Identity;
  readonly certificates: readonly ServerCertificate[];
  readonly revoked: readonly Revocation[];
  /** Left out by versions that knew none. */
  readonly links?: readonly KeptLink[];
  /** Left out while the policy key of the base is the only one. */
  readonly policy?: RolledPolicy;
  /** Left out while the authority of device identities of the base is the only one there ever was. */
  readonly authorities?: PlainSuccession & { readonly issuing: PlainAuthority };
  readonly foreign?: readonly KeptForeign[];
  readonly exact?: readonly ExactIdentity[];
  readonly madeAt?: number;
};
/** `madeAt` is null in kits of versions that did not say it. */
export type OpenedKit = Material & { readonly base: string; readonly madeAt: number | null };
/** Private keys are base64 PKCS#8. */
type RolledPolicy = {
  readonly active: string;
  readonly next: string | null;
  readonly former: Rollover['former'];
  readonly statements: Rollover['statements'];
};
type SealedUpdate = { readonly ephemeral: string; readonly sealed: string; readonly signature: string };
type Kit = { readonly format: string; readonly base: string; readonly update: SealedUpdate };
type Base = {
  readonly clientAuthority: PlainAuthority;
  readonly serverAuthority: PlainAuthority;
  readonly policy: string;
  readonly codeMaster: string;
  readonly recovery: string;
  readonly kitPrivate: string;
};

const format = 'thintrust-recovery-kit-1';
const maxKitBytes = 64 * 1024 * 1024;
const purpose = 'thintrust-kit-update';
export const kitFile = 'recovery-kit.json';

/** The part that needs the passphrase, kept in the database so that the file can be written again. */
export function sealBase(secrets: Secrets, passphrase: string): Promise<string> {
  const base: Base = {
    clientAuthority: plainAuthority(secrets.clientAuthority),
    serverAuthority: plainAuthority(secrets.serverAuthority),
    policy: toBase64(secrets.policy.keyPkcs8),
    codeMaster: toBase64(secrets.codeMaster),
    recovery: toBase64(secrets.recovery.keyPkcs8),
    kitPrivate: toBase64(secrets.kitPrivate),
  };
  return sealWithPassphrase(passphrase, Buffer.from(JSON.stringify(base)));
}

export async function keepBase(trx: Database, base: string): Promise<void> {
  await trx
    .insertInto('settings')
    .values({ name: 'kit', value: base })
    .onConflict((conflict) => conflict.column('name').doUpdateSet({ value: base }))
    .execute();
}

/** As far as it can be seen without the passphrase. */
export const isSealedBase = (base: string): boolean => isSealed(base);

/** After every change of what the kit holds. Atomic: the old kit stays whole until the new one is on disk. */
export async function rewriteKit(server: Server): Promise<void> {
  const { db, keys, directory } = server;
  const base = await db.selectFrom('settings').select('value').where('name', '=', 'kit').executeTakeFirst();
  if (!base) return;
  const rows = (await readServerCertificates(db)).filter(({ role }) => role !== 'retired');
  const certificates: ServerCertificate[] = [];
  for (const { role, source, chain, sealed_key, activate_at, made_at } of rows) {
    const key = open(keys.master, sealed_key);
    if (key.ok)
      certificates.push({
        role,
        source,
        chain: JSON.parse(chain),
        key: toBase64(key.value),
        activateAt: activate_at,
        madeAt: made_at,
      });
  }
  const update: Update = {
    identity: await readIdentity(db),
    certificates,
    revoked: await readRevoked(db),
    links: await readKeptLinks(db),
    ...(await readRolled(server)),
    ...readAuthorities(server),
    foreign: await readForeign(server),
    exact: await readExact(server),
    madeAt: server.clock(),
  };
  const kit: Kit = {
    format,
    base: base.value,
    update: sealUpdate(keys.kitPublic, keys.kitSigning ?? keys.policy, update),
  };
  writeDurable(join(directory, kitFile), `${JSON.stringify(kit, null, 2)}\n`, 0o600);
}

/** Faults: `backup-unreadable`, `passphrase-wrong`. */
export async function openKit(text: string, passphrase: string): Promise<Result<OpenedKit>> {
  const kit = parseKit(text);
  if (!kit) return bad('backup-unreadable', { what: 'recovery kit' });
  const opened = await openWithPassphrase(passphrase, kit.base);
  if (!opened.ok) return opened;
  try {
    const base = JSON.parse(Buffer.from(opened.value).toString('utf8')) as Base;
    const sealed = readSecrets(base);
    const update = openUpdate(sealed, kit.update);
    if (!update) return bad('backup-unreadable', { what: 'recovery kit update' });
    const { policy, authorities, ...rest } = update;
    const secrets = authorities ? { ...sealed, clientAuthority: fromPlain(authorities.issuing) } : sealed;
    const succession = authorities ? fromPlainSuccession(authorities) : noSuccession;
    const rolled = policy ? readRollover(secrets, policy) : { secrets, rollover: noRollover };
    const older = { links: [], foreign: [], exact: [], madeAt: null };
    return good({ ...rolled, ...older, ...rest, succession, base: kit.base });
  } catch {
    return bad('backup-unreadable', { what: 'recovery kit' });
  }
}

/** Of devices that are gone for good. A device that goes on, or may enrol again, has revoked identities too. */
async function readRevoked(db: Database): Promise<readonly Revocation[]> {
  const rows = await db
    .selectFrom('identities')
    .innerJoin('devices', 'devices.id', 'identities.device_id')
    .select(['device_id', 'issuer', 'serial', 'revoked_at'])
    .where('revoked_at', 'is not', null)
    .where(({ or, eb }) => or([eb('removed_at', 'is not', null), eb('deactivated_at', 'is not', null)]))
    .execute();
  return rows.map((row) => ({
    device: row.device_id,
    issuer: row.issuer,
    serial: row.serial,
    at: row.revoked_at ?? 0,
  }));
}

/** The base stays as it was sealed, so what became of its policy key goes with the changing part. */
async function readRolled({ db, keys }: Server): Promise<Pick<Update, 'policy'>> {
  const rows = await db.selectFrom('key_statements').selectAll().orderBy('rev').execute();
  const { former, kitSigning, next, policy } = keys;
  if (!next && !kitSigning && former.length === 0 && rows.length === 0) return {};
  return {
    policy: {
      active: toBase64(policy.keyPkcs8),
      next: next && toBase64(next.keyPkcs8),
      former,
      statements: rows.map(({ rev, jws, made_at }) => ({ rev, jws, madeAt: made_at })),
    },
  };
}

/** The base stays as it was sealed, so the authority that issues now, and those beside it, go with the changing part. */
function readAuthorities({ keys: { clientAuthority, succession } }: Server): Pick<Update, 'authorities'> {
  const { next, former, retired } = succession;
  if (!next && !former && retired.length === 0) return {};
  return { authorities: { issuing: plainAuthority(clientAuthority), ...plainSuccession(succession) } };
}

function readRollover(
  base: Secrets,
  { active, next, former, statements }: RolledPolicy,
): Pick<Material, 'secrets' | 'rollover'> {
  const policy = signingKey(fromBase64(active));
  const same = thumbprint(policy.publicKey) === thumbprint(base.policy.publicKey);
  return {
    secrets: { ...base, policy },
    rollover: {
      next: next === null ? null : signingKey(fromBase64(next)),
      former,
      kitSigning: same ? null : base.policy,
      statements,
    },
  };
}

async function readKeptLinks(db: Database): Promise<readonly KeptLink[]> {
  const blocked = db.selectFrom('blocked_certificates').select('fingerprint');
  const rows = await db
    .selectFrom('rotations')
    .selectAll()
    .where('removed_at', 'is', null)
    .where('to_fingerprint', 'not in', blocked)
    .orderBy('seq')
    .execute();
  return rows.map(({ seq, from_fingerprint, certificate, made_at }) => ({
    seq,
    from: from_fingerprint,
    certificate,
    madeAt: made_at,
  }));
}

function parseKit(text: string): Kit | null {
  if (text.length > maxKitBytes) return null;
  try {
    const kit = JSON.parse(text) as Partial<Kit> | null;
    const { ephemeral, sealed, signature } = kit?.update ?? {};
    const whole = [kit?.base, ephemeral, sealed, signature].every((part) => typeof part === 'string');
    return kit?.format === format && whole ? (kit as Kit) : null;
  } catch {
    return null;
  }
}

function readSecrets(base: Base): Secrets {
  const kitPrivate = fromBase64(base.kitPrivate);
  return {
    clientAuthority: fromPlain(base.clientAuthority),
    serverAuthority: fromPlain(base.serverAuthority),
    policy: signingKey(fromBase64(base.policy)),
    codeMaster: fromBase64(base.codeMaster),
    recovery: signingKey(fromBase64(base.recovery)),
    kitPublic: createPublicKey(privateKey(kitPrivate)).export({ type: 'spki', format: 'der' }),
    kitPrivate,
  };
}

function sealUpdate(kitPublic: Uint8Array, policy: SigningKey, update: Update): SealedUpdate {
  const once = generateKeyPairSync('x25519');
  const ephemeral = once.publicKey.export({ type: 'spki', format: 'der' });
  const key = agreedKey(once.privateKey, publicKey(kitPublic), ephemeral);
  const sealed = seal(key, Buffer.from(JSON.stringify(update)));
  const signature = sign('sha256', signedBytes(toBase64(ephemeral), sealed), privateKey(policy.keyPkcs8));
  return { ephemeral: toBase64(ephemeral), sealed, signature: toBase64(signature) };
}

function openUpdate(secrets: Secrets, { ephemeral, sealed, signature }: SealedUpdate): Update | null {
  const ours = createPublicKey(privateKey(secrets.policy.keyPkcs8));
  if (!verify('sha256', signedBytes(ephemeral, sealed), ours, fromBase64(signature))) return null;
  const once = fromBase64(ephemeral);
  const plain = open(agreedKey(privateKey(secrets.kitPrivate), publicKey(once), once), sealed);
  return plain.ok ? (JSON.parse(Buffer.from(plain.value).toString('utf8')) as Update) : null;
}

const agreedKey = (own: KeyObject, other: KeyObject, ephemeral: Uint8Array): Uint8Array =>
  new Uint8Array(hkdfSync('sha256', diffieHellman({ privateKey: own, publicKey: other }), ephemeral, purpose, 32));

const signedBytes = (ephemeral: string, sealed: string): Buffer => Buffer.from(`${purpose}\0${ephemeral}\0${sealed}`);

const privateKey = (pkcs8: Uint8Array): KeyObject =>
  createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' });

const publicKey = (spki: Uint8Array): KeyObject =>
  createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
