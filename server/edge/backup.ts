/** Backups, and the three ways a state directory comes back: from a backup, from the recovery kit, or not at all. */
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fingerprintOf, fromBase64, toBase64 } from '../../protocol/certificate.ts';
import { bad, good, type Result } from '../../protocol/fault.ts';
import { heldBack } from '../core/revision.ts';
import { audit, readIdentity, type Server, writeIdentity } from './context.ts';
import { openDatabase, snapshot, transact } from './database.ts';
import { moveDurable, writeDurable } from './files.ts';
import { openKit } from './kit.ts';
import { addOwnGroup } from './material.ts';
import { readPins } from './pins.ts';
import { queueEverything } from './publishing.ts';
import { openWithPassphrase, sealWithPassphrase } from './seal.ts';
import {
  beginUnfinished,
  build,
  databaseFile,
  isEmpty,
  isInitialised,
  openState,
  readMasterKey,
  type Surroundings,
  writeMasterKey,
} from './state.ts';

type Backup = {
  readonly format: string;
  readonly master: string;
  readonly database: string;
  /** Left out by versions that did not say it. */
  readonly madeAt?: number;
};
/** `main`: SHA-256 of the certificate that devices are shown again. */
export type Restored = { readonly madeAt: number | null; readonly main: string };

const format = 'thintrust-backup-1';

/** Everything, keys included, sealed with the passphrase. Faults: `not-found`, `master-key-missing`. */
export async function makeBackup(around: Surroundings, passphrase: string): Promise<Result<string>> {
  const { directory, clock } = around;
  if (!isInitialised(directory)) return bad('not-found', { what: directory.slice(-200) });
  const master = readMasterKey(around);
  if (!master.ok) return master;
  const temporary = join(directory, `backup-${randomBytes(6).toString('hex')}.tmp`);
  try {
    const madeAt = clock();
    snapshot(join(directory, databaseFile), temporary);
    const backup: Backup = {
      format,
      master: toBase64(master.value),
      database: toBase64(readFileSync(temporary)),
      madeAt,
    };
    return good(await sealWithPassphrase(passphrase, Buffer.from(JSON.stringify(backup))));
  } finally {
    rmSync(temporary, { force: true });
  }
}

/**
 * Into an empty directory. Devices that enrolled after the backup are taken in, and show what has been decided since.
 * Nothing stands there before that is decided: after a cut it is restored again. Faults: `already-exists`, `backup-unreadable`,
 * `passphrase-wrong`, `unknown-version`.
 */
export async function restoreBackup(
  around: Surroundings,
  sealed: string,
  passphrase: string,
): Promise<Result<Restored>> {
  const { directory } = around;
  if (!isEmpty(directory)) return bad('already-exists', { what: directory.slice(-200) });
  const opened = await openWithPassphrase(passphrase, sealed);
  if (!opened.ok) return opened;
  const backup = parse(opened.value);
  if (!backup) return bad('backup-unreadable');
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const unfinished = beginUnfinished(directory);
  writeDurable(unfinished, fromBase64(backup.database), 0o600);
  const whole = await openDatabase(unfinished);
  if (!whole.ok) return whole;
  await whole.value.close();
  writeMasterKey(directory, fromBase64(backup.master));
  const taken = await takeUp(around, unfinished, backup.madeAt ?? null);
  // Started before it was taken up, the server would refuse who came later, and let go of what was blocked since.
  if (taken.ok) moveDurable(unfinished, join(directory, databaseFile));
  return taken;
}

/** What came after `madeAt` is not in it; null where it does not say. `authority`: SHA-256 of the one that issues identities. */
export type Recovered = { readonly madeAt: number | null; readonly authority: string };

/** A server from the kit alone, in an empty directory. Faults: `already-exists`, `backup-unreadable`, `passphrase-wrong`. */
export async function recoverFromKit(
  around: Surroundings,
  kit: string,
  passphrase: string,
): Promise<Result<Recovered>> {
  if (!isEmpty(around.directory)) return bad('already-exists', { what: around.directory.slice(-200) });
  const opened = await openKit(kit, passphrase);
  if (!opened.ok) return opened;
  const { identity, madeAt, secrets } = opened.value;
  const fresh = { ...identity, recovered: randomUUID(), adopting: true };
  const built = await build(around, { ...opened.value, identity: fresh }, 'recovered');
  return built.ok ? good({ madeAt, authority: fingerprintOf(secrets.clientAuthority.certificateDer) }) : built;
}

/** Whether unknown devices with a certificate of ours are taken in. Fault: `not-allowed` where nothing was recovered. */
export const setAdopting = (server: Server, actor: string, adopting: boolean): Promise<Result<null>> =>
  transact(server.db, async (trx) => {
    const identity = await readIdentity(trx);
    if (identity.recovered === null) return bad('not-allowed', { what: 'nothing was recovered' });
    await writeIdentity(trx, { ...identity, adopting });
    const facts = { adopting: adopting ? 'yes' : 'no' };
    await audit(server, trx, { actor, action: 'adopting-set', subject: identity.serverId, facts });
    return good(null);
  });

/**
 * What the backup does not know has happened since, so unknown devices are let in. Documents stay as they were signed: devices
 * hold newer ones, and answer an older one with what they hold (`adoption.ts`).
 */
async function takeUp(around: Surroundings, file: string, madeAt: number | null): Promise<Result<Restored>> {
  const opened = await openState(around, file);
  if (!opened.ok) return opened;
  const { server, close } = opened.value;
  const done = await transact(server.db, async (trx) => {
    const identity = await readIdentity(trx);
    const recovered = identity.recovered ?? randomUUID();
    if (identity.recovered === null) await addOwnGroup(trx, recovered, 'Recovered', 'recovered', server.clock());
    await writeIdentity(trx, { ...identity, recovered, adopting: true });
    await audit(server, trx, { actor: 'server', action: 'restored', subject: identity.serverId });
    const signed_at = heldBack(server.clock());
    await trx.updateTable('documents').set({ signed_at }).where('signed_at', '<', signed_at).execute();
    await queueEverything(server, trx);
    return good({ madeAt, main: fingerprintOf(fromBase64((await readPins(trx)).main)) });
  });
  await close();
  return done;
}

function parse(bytes: Uint8Array): Backup | null {
  try {
    const backup = JSON.parse(Buffer.from(bytes).toString('utf8')) as Partial<Backup> | null;
    const whole = typeof backup?.master === 'string' && typeof backup.database === 'string';
    return backup?.format === format && whole ? (backup as Backup) : null;
  } catch {
    return null;
  }
}
