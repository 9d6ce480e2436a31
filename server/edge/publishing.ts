/** The outbox: what the broker has not been given yet, always the latest of each topic. */
import { setImmediate } from 'node:timers/promises';
import type { Facts } from '../../protocol/fault.ts';
import { minuteMs } from '../../protocol/time.ts';
import { parseTopic } from '../../protocol/topics.ts';
import { hasUnpublished, markPublished, publishCommands, queueAllCommands } from './commands.ts';
import type { Carriers, Server } from './context.ts';
import { queue } from './documents.ts';
import type { Database } from './tables.ts';

/** A lagging device gets its document again at most this often. */
const republishAfterMs = minuteMs;
/** What was given to the broker is noted together: noting each costs more than giving it. */
const settledAtOnce = 50;

/**
 * Gives the broker everything that waits. A broker that is away leaves the rest for the next call. One run at a time; calls
 * that come meanwhile join a second run, so that nothing queued before the call is left behind.
 */
export function makePublisher(server: Server): () => Promise<void> {
  let running: Promise<void> | null = null;
  let next: Promise<void> | null = null;
  const start = (): Promise<void> => {
    running = drain(server).finally(() => {
      running = null;
    });
    return running;
  };
  return () => {
    if (!running) return start();
    next ??= running.then(() => {
      next = null;
      return start();
    });
    return next;
  };
}

/** Everything again: the broker may have restarted empty. */
export async function queueEverything(server: Server, trx: Database): Promise<void> {
  for (const { topic, aud } of await trx.selectFrom('documents').select(['topic', 'aud']).execute())
    await queue(server, trx, topic, aud);
  await queueAllCommands(server, trx);
}

/** A document that a report shows not to have arrived. */
export async function queueLagging(server: Server, trx: Database, aud: string, applied: number): Promise<void> {
  const document = await trx.selectFrom('documents').selectAll().where('aud', '=', aud).executeTakeFirst();
  if (!document || applied >= document.rev) return;
  if (document.published_at !== null && server.clock() - document.published_at < republishAfterMs) return;
  await queue(server, trx, document.topic, aud);
}

async function drain(server: Server): Promise<void> {
  const carriers = server.carriers.current;
  if (!carriers) return;
  const waiting = await server.db
    .selectFrom('outbox')
    .leftJoin('documents', 'documents.aud', 'outbox.aud')
    .select(['outbox.topic', 'outbox.aud', 'documents.jws', 'documents.rev'])
    .orderBy('outbox.queued_at')
    .execute();
  for (let first = 0; first < waiting.length; first += settledAtOnce) {
    const sent: Sent[] = [];
    const some = waiting.slice(first, first + settledAtOnce);
    for (const each of some) {
      const one = await send(server, carriers, each);
      if (!one) break;
      sent.push(one);
    }
    await server.db.transaction().execute(async (trx) => {
      for (const each of sent) await settleSent(server, trx, each);
    });
    if (sent.length < some.length) return;
    // Whoever else asks something comes in between.
    await setImmediate();
  }
}

type Waiting = {
  readonly topic: string;
  readonly aud: string | null;
  readonly jws: string | null;
  readonly rev: number | null;
};
type Sent = {
  readonly topic: string;
  readonly aud: string | null;
  readonly rev: number | null;
  readonly commands: { readonly device: string; readonly seqs: readonly number[] } | null;
};

/** Null where the broker is away. */
async function send(server: Server, carriers: Carriers, { topic, aud, jws, rev }: Waiting): Promise<Sent | null> {
  const parsed = parseTopic(topic);
  const device = parsed?.leaf === 'command' ? parsed.id : null;
  try {
    if (device === null) await carriers.publish(topic, jws ?? '', true);
    const seqs =
      device === null
        ? []
        : await publishCommands(server, device, (command) => carriers.publish(topic, command, false));
    return { topic, aud, rev, commands: device === null ? null : { device, seqs } };
  } catch (error) {
    const facts: Facts = { topic, reason: error instanceof Error ? error.message : 'unknown' };
    server.log('warn', 'could not publish, will try again', facts);
    return null;
  }
}

async function settleSent(server: Server, trx: Database, sent: Sent): Promise<void> {
  const { commands } = sent;
  if (commands && commands.seqs.length > 0) await markPublished(server, trx, commands.device, commands.seqs);
  if (commands === null || !(await hasUnpublished(trx, commands.device))) await settle(server, trx, sent);
}

/** Done, unless something newer was queued while it was under way. */
async function settle(server: Server, trx: Database, { topic, aud, rev }: Omit<Sent, 'commands'>): Promise<void> {
  const waits = trx.deleteFrom('outbox').where('topic', '=', topic);
  if (aud === null || rev === null) {
    await waits.where('aud', aud === null ? 'is' : '=', aud).execute();
    return;
  }
  const { numUpdatedRows } = await trx
    .updateTable('documents')
    .set({ published_at: server.clock() })
    .where('aud', '=', aud)
    .where('rev', '=', rev)
    .executeTakeFirstOrThrow();
  if (numUpdatedRows > 0n) await waits.where('aud', '=', aud).execute();
}
