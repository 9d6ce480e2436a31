/** The outbox: what the broker has not been given yet, always the latest of each topic. */
import type { Facts } from '../../protocol/fault.ts';
import { minuteMs } from '../../protocol/time.ts';
import { parseTopic } from '../../protocol/topics.ts';
import { hasUnpublished, publishCommands, queueAllCommands } from './commands.ts';
import type { Server } from './context.ts';
import { queue } from './documents.ts';
import type { Database } from './tables.ts';

/** A lagging device gets its document again at most this often. */
const republishAfterMs = minuteMs;

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
  for (const { topic, aud, jws, rev } of waiting) {
    const parsed = parseTopic(topic);
    const commanded = parsed?.leaf === 'command' ? parsed.id : null;
    try {
      if (commanded === null) await carriers.publish(topic, jws ?? '', true);
      else await publishCommands(server, commanded, (command) => carriers.publish(topic, command, false));
    } catch (error) {
      const facts: Facts = { topic, reason: error instanceof Error ? error.message : 'unknown' };
      server.log('warn', 'could not publish, will try again', facts);
      return;
    }
    await server.db.transaction().execute(async (trx) => {
      if (commanded === null || !(await hasUnpublished(trx, commanded))) await settle(server, trx, { topic, aud, rev });
    });
  }
}

type Sent = { readonly topic: string; readonly aud: string | null; readonly rev: number | null };

/** Done, unless something newer was queued while it was under way. */
async function settle(server: Server, trx: Database, { topic, aud, rev }: Sent): Promise<void> {
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
