/**
 * Commands to devices: signed with a number that rises for each device and an end, given to the broker and at check-ins
 * until a report says that the device has counted them.
 */
import { deviceAudience } from '../../protocol/audience.ts';
import type { Command } from '../../protocol/schema.ts';
import { dayMs, instant, minuteMs, toNumericDate } from '../../protocol/time.ts';
import { deviceLeafTopic } from '../../protocol/topics.ts';
import { currentOf } from '../core/identity.ts';
import { datesAt } from '../core/revision.ts';
import { readIdentity, type Server } from './context.ts';
import { queue, takeRevision } from './documents.ts';
import { readLives } from './lives.ts';
import { signDocument } from './sign.ts';
import type { CommandName, Database } from './tables.ts';

const lifetimeMs = 30 * dayMs;
const maxAtOnce = 32;
/** A device that reports without having counted a command gets it again at most this often. */
const republishAfterMs = minuteMs;

/** Takes the place of an uncounted one of the same name: what is asked twice is done once. */
export async function sendCommand(server: Server, trx: Database, device: string, what: CommandName): Promise<void> {
  const { serverId } = await readIdentity(trx);
  const now = server.clock();
  const aud = deviceAudience(serverId, device);
  const seq = await takeRevision(server, trx, `${aud}/command`);
  const expires = instant(now + lifetimeMs);
  const body: Command = {
    aud,
    rev: seq,
    ...datesAt(now),
    format: 1,
    seq,
    expires: toNumericDate(expires),
    command: { do: what },
  };
  const { keyPkcs8, publicKey } = server.keys.policy;
  const jws = signDocument('command', keyPkcs8, publicKey, body);
  await trx.deleteFrom('commands').where('device_id', '=', device).where('what', '=', what).execute();
  await trx
    .insertInto('commands')
    .values({ device_id: device, seq, what, jws, expires_at: expires, made_at: now, published_at: null })
    .execute();
  await queue(server, trx, deviceLeafTopic(device, 'command'), null);
}

/**
 * What a report tells of commands: the counted ones are done; one whose end came first is signed anew while it is still
 * wanted; the others go to the broker again.
 */
export async function settleCommands(server: Server, trx: Database, device: string, counted: number): Promise<void> {
  await trx.deleteFrom('commands').where('device_id', '=', device).where('seq', '<=', counted).execute();
  const now = server.clock();
  for (const { what, expires_at, published_at } of await waiting(trx, device)) {
    if (expires_at <= now) {
      await trx.deleteFrom('commands').where('device_id', '=', device).where('what', '=', what).execute();
      if (await isWanted(trx, device, what)) await sendCommand(server, trx, device, what);
    } else if (published_at !== null && now - published_at >= republishAfterMs) await publishAgain(server, trx, device);
  }
}

/** A device has come back to the broker, which may have lost what waited there. One that it has already it counts no second time. */
export async function repeatCommands(server: Server, trx: Database, device: string): Promise<void> {
  const repeated = (await waiting(trx, device)).some(({ published_at }) => published_at !== null);
  if (repeated) await publishAgain(server, trx, device);
}

/** Signed commands for a check-in, in their order. */
export async function commandsFor({ clock }: Server, trx: Database, device: string): Promise<string[]> {
  const now = clock();
  const live = (await waiting(trx, device)).filter(({ expires_at }) => expires_at > now);
  return live.slice(0, maxAtOnce).map(({ jws }) => jws);
}

/** After the broker forgot everything. */
export async function queueAllCommands(server: Server, trx: Database): Promise<void> {
  const rows = await trx.selectFrom('commands').select('device_id').distinct().execute();
  for (const { device_id } of rows) await publishAgain(server, trx, device_id);
}

/** Gives the broker what it has not of one device; nothing is retained. Returns which. Rejects where the broker is away. */
export async function publishCommands(
  { db, clock }: Server,
  device: string,
  publish: (jws: string) => Promise<void>,
): Promise<readonly number[]> {
  const unpublished = (await waiting(db, device)).filter(({ published_at }) => published_at === null);
  for (const { jws, expires_at } of unpublished) if (expires_at > clock()) await publish(jws);
  return unpublished.map(({ seq }) => seq);
}

export const markPublished = (
  { clock }: Server,
  trx: Database,
  device: string,
  seqs: readonly number[],
): Promise<unknown> =>
  trx
    .updateTable('commands')
    .set({ published_at: clock() })
    .where('device_id', '=', device)
    .where('seq', 'in', seqs)
    .execute();

export const hasUnpublished = async (trx: Database, device: string): Promise<boolean> =>
  (await waiting(trx, device)).some(({ published_at }) => published_at === null);

const waiting = (trx: Database, device: string) =>
  trx.selectFrom('commands').selectAll().where('device_id', '=', device).orderBy('seq').execute();

async function publishAgain(server: Server, trx: Database, device: string): Promise<void> {
  await trx.updateTable('commands').set({ published_at: null }).where('device_id', '=', device).execute();
  await queue(server, trx, deviceLeafTopic(device, 'command'), null);
}

async function isWanted(trx: Database, device: string, what: CommandName): Promise<boolean> {
  if (what === 'renew') return currentOf(await readLives(trx, device))?.renewAskedAt !== null;
  // Asked for once, it stays asked for.
  return true;
}
