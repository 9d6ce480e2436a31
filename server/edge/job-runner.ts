/**
 * Does the long work that was ordered, one by one, while others ask other things; a server that stops goes on where it was. What was under
 * way then is done again, and may be told as refused.
 */
import { setTimeout } from 'node:timers/promises';
import { bad, type Fault, good, type Result } from '../../protocol/fault.ts';
import type { Act, AdminRoute, Tried, Work } from './admin-route.ts';
import { audit, type Server } from './context.ts';
import { transact } from './database.ts';
import { finish, type Job, kindOf, opened, sealed, unfinished } from './jobs.ts';
import type { Database } from './tables.ts';

export type Jobs = { readonly kick: () => void; readonly close: () => Promise<void> };

const publishedEach = 500;
/** How long a job holds the database, and how long it then leaves it to whoever else asks something. */
const heldMs = 10;
const leftMs = 10;
const againMs = 500;

/** Does what waits, in its order. `publish` runs now and then, and at the end of each. */
export function makeJobs(server: Server, publish: () => Promise<void>, routes: readonly AdminRoute[]): Jobs {
  const works = new Map(routes.flatMap((route) => (route.work ? [[kindOf(route), route.work] as const] : [])));
  let running: Promise<void> | null = null;
  let asked = false;
  let closing = false;
  const isClosing = (): boolean => closing;
  const runAll = async () => {
    while (asked && !closing) {
      asked = false;
      for (;;) {
        const next = await server.db
          .selectFrom('jobs')
          .selectAll()
          .where('state', 'in', unfinished)
          .orderBy('made_at')
          .orderBy('id')
          .limit(1)
          .executeTakeFirst();
        if (!next || closing) break;
        await runJob(server, next, works.get(next.kind) ?? null, { publish, isClosing });
      }
    }
  };
  return {
    kick: () => {
      asked = true;
      running ??= runAll()
        .catch((error: unknown) => server.log('error', 'a job failed', { reason: String(error).slice(0, 300) }))
        .finally(() => {
          running = null;
        });
    },
    close: async () => {
      closing = true;
      await running;
    },
  };
}

async function runJob(
  server: Server,
  job: Job,
  work: Work | null,
  { publish, isClosing }: { readonly publish: () => Promise<void>; readonly isClosing: () => boolean },
): Promise<void> {
  const { db } = server;
  const begun = await begin(server, job, work, isClosing);
  if (!begun.ok) {
    if (isBusy(begun)) return;
    const end = { state: 'broken', answer: null, found: begun.fault } as const;
    await transact(db, async (trx) => good(await finish(server, trx, job, end)));
    return;
  }
  const { items, together, answerOf } = begun.value;
  const { numUpdatedRows: goesOn } = await db
    .updateTable('jobs')
    .set({ state: 'running', started_at: job.started_at ?? server.clock() })
    .where('id', '=', job.id)
    .where('state', 'in', unfinished)
    .executeTakeFirstOrThrow();
  if (goesOn === 0n) return;
  for (let at = job.done + job.refused; at < items.length; ) {
    if (isClosing()) return;
    const next = together
      ? await doSome(server, job.id, begun.value, at)
      : await doOne(server, job.id, begun.value, at);
    if (next === null) return;
    if (Math.floor(next / publishedEach) > Math.floor(at / publishedEach)) await publish();
    at = next;
    await setTimeout(leftMs);
  }
  const tried = await readTried(server, job.id, items);
  const answer = await answerOf(tried);
  await transact(db, async (trx) => {
    const facts = { kind: job.kind, done: tried.filter((each) => each.result.ok).length };
    const refused = tried.length - facts.done;
    if (!(await finish(server, trx, job, { state: 'done', answer, found: null }))) return good(null);
    const row = { actor: job.actor, action: 'job-finished', subject: job.id, facts: { ...facts, refused } };
    await audit(server, trx, row);
    return good(null);
  });
  await publish();
}

type Begun = {
  readonly items: readonly string[];
  readonly act: Act;
  readonly together: boolean;
  readonly answerOf: (tried: readonly Tried[]) => unknown;
};

/**
 * What cannot be just now, as while another file with a key is read, is tried again. Faults: those of the work, which may not be
 * possible any more; `busy` where the server stops before it can be; `unknown-version` for what this release does not know.
 */
async function begin(
  server: Server,
  { kind, actor, sealed: ordered }: Job,
  work: Work | null,
  isClosing: () => boolean,
): Promise<Result<Begun>> {
  if (!work) return bad('unknown-version', { what: kind });
  const body = opened(server, ordered);
  const items = work.items(body);
  if (!items.ok) return items;
  const tryIt = () => attempt(server, () => work.begin(server, actor, body));
  let act = await tryIt();
  while (isBusy(act) && !isClosing()) {
    await setTimeout(againMs);
    act = await tryIt();
  }
  if (!act.ok) return act;
  const together = work.together === true;
  return good({ items: items.value, act: act.value, together, answerOf: (tried) => work.answer(server, tried) });
}

const isBusy = (result: Result<unknown>): boolean => !result.ok && result.fault.code === 'busy';

/** What fails for one does not fail for the others. */
async function attempt<T>(server: Server, run: () => Promise<Result<T>>): Promise<Result<T>> {
  try {
    return await run();
  } catch (error) {
    server.log('error', 'a step of a job failed', { reason: String(error).slice(0, 300) });
    return bad('internal', { what: 'job' });
  }
}

/** Where to go on; null where the job was ended meanwhile. */
async function doOne(server: Server, id: string, { items, act }: Begun, at: number): Promise<number | null> {
  const item = items[at] ?? '';
  const result = await attempt(server, () => act(item, server));
  const recorded = await transact(server.db, (trx) => record(server, trx, id, at, [result]));
  return recorded.ok ? at + 1 : null;
}

/** As many as take no longer than others may wait for the database; they and what is recorded of them are one transaction. */
async function doSome(server: Server, id: string, { items, act }: Begun, from: number): Promise<number | null> {
  const done = await transact(server.db, async (trx) => {
    const within = { ...server, db: trx };
    const results: Result<unknown>[] = [];
    const until = performance.now() + heldMs;
    do {
      const item = items[from + results.length] ?? '';
      results.push(await attempt(server, () => transact(trx, () => act(item, within))));
    } while (from + results.length < items.length && performance.now() < until);
    return record(server, trx, id, from, results);
  });
  return done.ok ? done.value : null;
}

/** Where to go on. Fault: `not-found` for a job that was ended meanwhile. */
async function record(
  server: Server,
  trx: Database,
  id: string,
  from: number,
  results: readonly Result<unknown>[],
): Promise<Result<number>> {
  const count = results.filter(({ ok }) => ok).length;
  const { numUpdatedRows } = await trx
    .updateTable('jobs')
    .set((each) => ({ done: each('done', '+', count), refused: each('refused', '+', results.length - count) }))
    .where('id', '=', id)
    .where('state', '=', 'running')
    .executeTakeFirstOrThrow();
  if (numUpdatedRows === 0n) return bad('not-found', { what: id });
  for (const [index, result] of results.entries()) {
    // What says no more than that it is done is not kept.
    if (result.ok && result.value === null) continue;
    const told = result.ok ? sealed(server, result.value) : null;
    const refused = result.ok ? null : JSON.stringify(result.fault);
    await trx
      .insertInto('job_results')
      .values({ job_id: id, at: from + index, fault: refused, sealed: told })
      .execute();
  }
  return good(from + results.length);
}

async function readTried(server: Server, id: string, items: readonly string[]): Promise<readonly Tried[]> {
  const rows = await server.db.selectFrom('job_results').selectAll().where('job_id', '=', id).execute();
  const kept = new Map(rows.map((row) => [row.at, row]));
  return items.map((item, at) => {
    const row = kept.get(at);
    if (row?.fault) return { item, result: { ok: false, fault: JSON.parse(row.fault) as Fault } };
    return { item, result: good(row?.sealed ? opened(server, row.sealed) : null) };
  });
}
