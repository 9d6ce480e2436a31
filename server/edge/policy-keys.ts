/**
 * The policy key changes without a visit: the next one is announced by policies, signs once every device holds it, and the old
 * one is revoked by a key statement of the recovery key, which is in the recovery kit and nowhere else.
 */
import { keysAudience } from '../../protocol/audience.ts';
import { bad, type Fault, good, type Result } from '../../protocol/fault.ts';
import { openJws, thumbprint } from '../../protocol/jws.ts';
import { maxRotationCharacters } from '../../protocol/limits.ts';
import type { KeyStatement, PublicKey } from '../../protocol/schema.ts';
import type { Instant } from '../../protocol/time.ts';
import { read } from '../../protocol/validate.ts';
import type { PolicyKeysView } from '../api/mutual.ts';
import { datesAt, nextRevision } from '../core/revision.ts';
import { namesOf } from '../core/role.ts';
import { sendCommand } from './commands.ts';
import { type Actor, audit, type Keys, readIdentity, type Server } from './context.ts';
import { transact } from './database.ts';
import { signAllPolicies, signDevice } from './documents.ts';
import { isSealedBase, keepBase, rewriteKit } from './kit.ts';
import { resignLinks } from './links.ts';
import { isActive } from './lives.ts';
import type { Secrets } from './material.ts';
import { seal } from './seal.ts';
import { makeSigningKey, signDocument } from './sign.ts';
import { newestStatement } from './statements.ts';
import type { Database } from './tables.ts';

/** What the command line made of the recovery kit. `base` is sealed with the passphrase of the kit. */
export type Revocation = { readonly statement: string; readonly base: string };

export async function showPolicyKeys(server: Server): Promise<PolicyKeysView> {
  const { db, keys } = server;
  const { serverId } = await readIdentity(db);
  return {
    serverId,
    active: thumbprint(keys.policy.publicKey),
    next: keys.next && thumbprint(keys.next.publicKey),
    former: keys.former.map(thumbprint),
    notReady: [...(await lacking(db, thumbprint((keys.next ?? keys.policy).publicKey)))],
    nextRevision: nextRevision((await newestStatement(db)) ?? 0, server.clock()),
  };
}

/** Makes the next key, and every policy says so. Fault: `already-exists`. */
export async function announceKey(server: Server, actor: Actor): Promise<Result<PolicyKeysView>> {
  if (server.keys.next) return bad('already-exists', { what: thumbprint(server.keys.next.publicKey) });
  const next = makeSigningKey();
  const keys: Keys = { ...server.keys, next };
  const done = await transact(server.db, async (trx) => {
    const row = {
      name: 'policy-next',
      public: JSON.stringify(next.publicKey),
      sealed: seal(keys.master, next.keyPkcs8),
    };
    await trx.insertInto('keys').values(row).execute();
    await audit(server, trx, { actor, action: 'policy-key-announced', subject: thumbprint(next.publicKey) });
    return signAllPolicies({ ...server, keys }, trx);
  });
  return done.ok ? taken(server, keys) : done;
}

/**
 * The announced key signs from now on, and everything is signed again. Faults: `not-found` where none is announced;
 * `policy-key-not-held` where a device does not hold it, unless overridden: it would need a key statement then.
 */
export async function activateKey(server: Server, actor: Actor, override: boolean): Promise<Result<PolicyKeysView>> {
  const { keys: before } = server;
  const { next } = before;
  if (!next) return bad('not-found', { what: 'policy key' });
  const keys: Keys = {
    ...before,
    policy: next,
    next: null,
    former: [...before.former, before.policy.publicKey],
    kitSigning: before.kitSigning ?? before.policy,
  };
  const subject = thumbprint(next.publicKey);
  const done = await transact(server.db, async (trx) => {
    const waiting = await lacking(trx, subject);
    if (waiting.length > 0 && !override)
      return bad('policy-key-not-held', { count: waiting.length, devices: namesOf(waiting) });
    await layActive(trx, keys, before);
    const facts = { notReady: waiting.length, override: override ? 'yes' : 'no' };
    await audit(server, trx, { actor, action: 'policy-key-activated', subject, facts });
    return signEverything({ ...server, keys }, trx);
  });
  return done.ok ? taken(server, keys) : done;
}

/**
 * A key statement that the recovery key signed: it adds the active key, for devices that missed it, and revokes a former one.
 * The kit is sealed anew with the active key in it, since the former one counts for nothing now. Faults: those of
 * `readRevocation`.
 */
export async function revokeKey(server: Server, actor: Actor, made: Revocation): Promise<Result<PolicyKeysView>> {
  const { serverId } = await readIdentity(server.db);
  const judged = await readRevocation(server, serverId, made);
  if (!judged.ok) return judged;
  const { rev, revoke } = judged.value;
  const { keys: before } = server;
  const keys: Keys = {
    ...before,
    former: before.former.filter((key) => thumbprint(key) !== revoke),
    kitSigning: null,
  };
  const done = await transact(server.db, async (trx) => {
    await trx.insertInto('key_statements').values({ rev, jws: made.statement, made_at: server.clock() }).execute();
    const gone = ['kit-signing', `policy-former-${revoke}`];
    await trx.deleteFrom('keys').where('name', 'in', gone).execute();
    await keepBase(trx, made.base);
    await audit(server, trx, { actor, action: 'policy-key-revoked', subject: revoke });
    return signAllPolicies({ ...server, keys }, trx);
  });
  return done.ok ? taken(server, keys) : done;
}

/** For the command line, which alone sees the recovery key. The active key is what the kit holds. */
export function signRevocation(
  secrets: Pick<Secrets, 'policy' | 'recovery'>,
  { serverId, nextRevision: rev }: PolicyKeysView,
  revoke: string,
  now: Instant,
): string {
  const add = secrets.policy.publicKey;
  const body: KeyStatement = { aud: keysAudience(serverId), rev, ...datesAt(now), format: 1, add, revoke };
  return signDocument('key', secrets.recovery.keyPkcs8, secrets.recovery.publicKey, body);
}

/** In memory and in the kit, once it is in the database. */
async function taken(server: Server, keys: Keys): Promise<Result<PolicyKeysView>> {
  // Everything that signs looks at the keys of the server when it does, so they change in place.
  Object.assign(server.keys, keys);
  await rewriteKit(server);
  await resignLinks(server);
  return good(await showPolicyKeys(server));
}

async function layActive(trx: Database, keys: Keys, before: Keys): Promise<void> {
  const { master, policy } = keys;
  const sealed = (key: Keys['policy']) => seal(master, key.keyPkcs8);
  const publicOf = (key: PublicKey): string => JSON.stringify(key);
  const former = before.policy.publicKey;
  await trx.deleteFrom('keys').where('name', 'in', ['policy', 'policy-next', 'kit-signing']).execute();
  await trx
    .insertInto('keys')
    .values([
      { name: 'policy', public: publicOf(policy.publicKey), sealed: sealed(policy) },
      { name: `policy-former-${thumbprint(former)}`, public: publicOf(former), sealed: '' },
      { name: 'kit-signing', public: '', sealed: sealed(keys.kitSigning ?? before.policy) },
    ])
    .execute();
}

async function signEverything(server: Server, trx: Database): Promise<Result<null>> {
  const signed = await signAllPolicies(server, trx);
  if (!signed.ok) return signed;
  const places = await trx.selectFrom('documents').select('topic').where('type', '=', 'device').execute();
  for (const { topic } of places) await signDevice(server, trx, topic.split('/')[3] ?? '');
  const waiting = await trx.selectFrom('commands').select(['device_id', 'what']).execute();
  for (const { device_id, what } of waiting) await sendCommand(server, trx, device_id, what);
  await trx.updateTable('rotations').set({ jws: '' }).execute();
  return good(null);
}

/**
 * Faults: those of JWS and JSON, `wrong-audience`, `replayed` for a revision that is not above the last, `bad-argument` for
 * a key to add that is not the active one, `not-found` for one to revoke that is none of the former ones.
 */
async function readRevocation(
  { db, keys }: Server,
  serverId: string,
  { statement, base }: Revocation,
): Promise<Result<{ readonly rev: number; readonly revoke: string }>> {
  const opened = openJws(statement, 'key', [keys.recovery]);
  if (!opened.ok) return opened;
  const body = read('keyStatement', opened.value.payload, maxRotationCharacters);
  if (!body.ok) return body;
  const { add, aud, rev, revoke } = body.value;
  const active = thumbprint(keys.policy.publicKey);
  const wrong: Fault | null =
    aud !== keysAudience(serverId)
      ? bad('wrong-audience').fault
      : rev <= ((await newestStatement(db)) ?? 0)
        ? bad('replayed', { what: 'key' }).fault
        : !add || thumbprint(add) !== active
          ? bad('bad-argument', { what: 'add' }).fault
          : !isSealedBase(base)
            ? bad('backup-unreadable', { what: 'recovery kit' }).fault
            : null;
  if (wrong) return { ok: false, fault: wrong };
  const known = revoke !== null && keys.former.some((key) => thumbprint(key) === revoke);
  return known ? good({ rev, revoke }) : bad('not-found', { what: revoke ?? '' });
}

/** Names of the devices whose last report does not show this key. */
async function lacking(trx: Database, key: string): Promise<readonly string[]> {
  const rows = await trx
    .selectFrom('devices')
    .leftJoin('reports', 'reports.device_id', 'devices.id')
    .select(['devices.name', 'reports.body'])
    .where(isActive)
    .orderBy('devices.name')
    .execute();
  return rows.filter(({ body }) => !keysIn(body).includes(key)).map(({ name }) => name);
}

const keysIn = (body: string | null): readonly string[] =>
  body === null ? [] : ((JSON.parse(body) as { policyKeys?: readonly string[] }).policyKeys ?? []);
