/** The state directory: made at the first start, opened at every other, rebuilt from a kit or a backup. */
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fromBase64 } from '../../protocol/certificate.ts';
import { bad, good, type Result } from '../../protocol/fault.ts';
import type { PublicKey } from '../../protocol/schema.ts';
import type { Clock, Log } from '../core/ports.ts';
import type { AuthorityKey } from '../core/succession.ts';
import { readAuthorities } from './authorities.ts';
import { audit, type Keys, type Server } from './context.ts';
import { openDatabase, transact } from './database.ts';
import { signAllPolicies } from './documents.ts';
import { layExact } from './exact.ts';
import { moveDurable, readIfThere, writeDurable } from './files.ts';
import { keepBase, rewriteKit, sealBase } from './kit.ts';
import { type Choices, keysOf, layMaterial, type Material, makeMaterial, signingKey } from './material.ts';
import { makeMasterKey, makePassphrase, open } from './seal.ts';
import type { SigningKey } from './sign.ts';
import type { Database } from './tables.ts';

export type Surroundings = {
  readonly directory: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Of the service manager; holds `thintrust-master-key` when the key is not kept in a file. */
  readonly credentials?: string | undefined;
};
export type OpenServer = { readonly server: Server; readonly close: () => Promise<void> };

export const databaseFile = 'thintrust.sqlite';
const unfinishedFile = `${databaseFile}.new`;
export const masterKeyFile = 'master.key';
const credential = 'thintrust-master-key';

/** The database gets its name when it is whole. */
export const isInitialised = (directory: string): boolean => existsSync(join(directory, databaseFile));

/**
 * A new server. `announce` is given the passphrase of the recovery kit before anything is committed: what is lost after it
 * is made again with another passphrase, but never is there a kit whose passphrase nobody saw. Fault: `already-exists`.
 */
export async function initialise(
  around: Surroundings,
  choices: Choices,
  announce: (passphrase: string) => void,
  authorityKey?: AuthorityKey,
): Promise<Result<null>> {
  if (isInitialised(around.directory)) return bad('already-exists', { what: around.directory.slice(-200) });
  const material = await makeMaterial(choices, around.clock, authorityKey);
  const passphrase = makePassphrase();
  const base = await sealBase(material.secrets, passphrase);
  // A directory that cannot be made is found out before anyone writes a passphrase down.
  mkdirSync(around.directory, { recursive: true, mode: 0o700 });
  announce(passphrase);
  return build(around, { ...material, base }, 'initialised');
}

/** A server made from `material` in a directory that has none. Fault: `already-exists`, `master-key-missing`. */
export async function build(
  around: Surroundings,
  material: Material & { readonly base: string },
  action: 'initialised' | 'recovered',
): Promise<Result<null>> {
  const { directory, clock } = around;
  if (isInitialised(directory)) return bad('already-exists', { what: directory.slice(-200) });
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const unfinished = beginUnfinished(directory);
  const master = takeMasterKey(around);
  if (!master.ok) return master;
  // The mode is inherited by what SQLite puts beside it.
  writeDurable(unfinished, '', 0o600);
  const opened = await openDatabase(unfinished);
  if (!opened.ok) return opened;
  const { db, close } = opened.value;
  const keys = keysOf(master.value, material);
  const server: Server = {
    db,
    clock,
    log: around.log,
    keys,
    directory,
    carriers: { current: null },
    refusals: new Map(),
    heard: new Map(),
  };
  const done = await transact(db, async (trx) => {
    await layMaterial(trx, master.value, material, clock());
    await keepBase(trx, material.base);
    await layRevocations(trx, material, clock());
    await layExact(trx, material, clock());
    await audit(server, trx, { actor: 'server', action, subject: material.identity.serverId });
    return signAllPolicies(server, trx);
  });
  if (done.ok) await rewriteKit(server);
  await close();
  if (done.ok) moveDurable(unfinished, join(directory, databaseFile));
  return done;
}

/**
 * `file`: a database that has not got its name yet. Faults: `not-found` when there is no server here, `master-key-missing`,
 * `master-key-wrong`, those of `openDatabase`.
 */
export async function openState(
  around: Surroundings,
  file = join(around.directory, databaseFile),
): Promise<Result<OpenServer>> {
  const { directory, clock, log } = around;
  if (!existsSync(file)) return bad('not-found', { what: directory.slice(-200) });
  const master = readMasterKey(around);
  if (!master.ok) return master;
  const opened = await openDatabase(file);
  if (!opened.ok) return opened;
  const { db, close } = opened.value;
  const keys = await readKeys(db, master.value);
  if (!keys.ok) {
    await close();
    return keys;
  }
  return good({
    server: {
      db,
      clock,
      log,
      keys: keys.value,
      directory,
      carriers: { current: null },
      refusals: new Map(),
      heard: new Map(),
    },
    close,
  });
}

/** True for a directory that is not there, or has nothing in it but what an attempt has left that was cut off. */
export function isEmpty(directory: string): boolean {
  const names = existsSync(directory) ? readdirSync(directory) : [];
  const left = names.filter((name) => !name.startsWith(unfinishedFile));
  return left.length === 0 || (left.length < names.length && left.every((name) => name === masterKeyFile));
}

/** Where a database is made that gets its name when it is whole; what an attempt has left that was cut off is gone. */
export function beginUnfinished(directory: string): string {
  const unfinished = join(directory, unfinishedFile);
  for (const suffix of ['', '-wal', '-shm']) rmSync(unfinished + suffix, { force: true });
  return unfinished;
}

/** From the service manager's credential, else the file. Fault: `master-key-missing`. */
export function readMasterKey({ directory, credentials }: Surroundings): Result<Uint8Array> {
  const places = [...(credentials ? [join(credentials, credential)] : []), join(directory, masterKeyFile)];
  for (const place of places) {
    const read = readIfThere(place);
    const text = read.ok ? read.value.toString('latin1').trim() : '';
    if (/^[0-9a-f]{64}$/.test(text)) return good(Buffer.from(text, 'hex'));
  }
  return bad('master-key-missing');
}

export const writeMasterKey = (directory: string, key: Uint8Array): void =>
  writeDurable(join(directory, masterKeyFile), `${Buffer.from(key).toString('hex')}\n`, 0o600);

function takeMasterKey(around: Surroundings): Result<Uint8Array> {
  const there = readMasterKey(around);
  if (there.ok) return there;
  writeMasterKey(around.directory, makeMasterKey());
  return readMasterKey(around);
}

/** Devices that were removed before are known as such, so that they are not taken in again. */
async function layRevocations(trx: Database, { revoked, identity }: Material, now: number): Promise<void> {
  for (const { device, issuer, serial, at } of revoked) {
    await trx
      .insertInto('devices')
      .values({
        id: device,
        name: device,
        hardware_id: '',
        group_id: identity.unassigned,
        secret_generation: 1,
        locator: '',
        presence: 'offline',
        last_seen: null,
        confirmed_at: null,
        adopted_at: null,
        created_at: now,
        removed_at: at,
      })
      .onConflict((conflict) => conflict.column('id').doNothing())
      .execute();
    const row = { issuer, serial, fingerprint: '', device_id: device, chain: '[]', not_after: 0, issued_at: now };
    await trx
      .insertInto('identities')
      .values({ ...row, revoked_at: at })
      .execute();
  }
}

async function readKeys(db: Database, master: Uint8Array): Promise<Result<Keys>> {
  const rows = new Map((await db.selectFrom('keys').selectAll().execute()).map((row) => [row.name, row]));
  const secret = (name: string): Result<Uint8Array> => open(master, rows.get(name)?.sealed ?? '');
  const authorities = readAuthorities(rows, secret);
  if (!authorities.ok) return authorities;
  const serverAuthority = secret('server-authority');
  if (!serverAuthority.ok) return serverAuthority;
  const policy = secret('policy');
  if (!policy.ok) return policy;
  const optional = (name: string): Result<SigningKey | null> => {
    if (!rows.has(name)) return good(null);
    const key = secret(name);
    return key.ok ? good(signingKey(key.value)) : key;
  };
  const next = optional('policy-next');
  if (!next.ok) return next;
  const kitSigning = optional('kit-signing');
  if (!kitSigning.ok) return kitSigning;
  const codeMaster = secret('code-master');
  if (!codeMaster.ok) return codeMaster;
  return good({
    master,
    ...authorities.value,
    serverAuthority: {
      certificateDer: fromBase64(rows.get('server-authority')?.public ?? ''),
      keyPkcs8: serverAuthority.value,
    },
    policy: signingKey(policy.value),
    next: next.value,
    former: [...rows.values()]
      .filter(({ name }) => name.startsWith('policy-former-'))
      .map((row) => JSON.parse(row.public) as PublicKey),
    kitSigning: kitSigning.value,
    codeMaster: codeMaster.value,
    kitPublic: fromBase64(rows.get('kit')?.public ?? ''),
    recovery: JSON.parse(rows.get('recovery')?.public ?? 'null') as PublicKey,
  });
}
