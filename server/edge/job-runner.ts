/**
 * Does the long work that was ordered, one by one, while others ask other things; a server that stops goes on where it was. What was under
 * way then is done again, and may be told as refused.
 */
import { setTimeout } from 'node:timers/promises';
import { bad, type Fault, good, type Result } from '../../protocol/fault.ts';
import type { Act, AdminRoute, Tried, Work } from './admin-route.ts';
import { audit, type Server } from './context.ts';
import { transact } from './database.ts';
import { finish, goingOn, type Job, kindOf, opened, sealed, unfinished } from './jobs.ts';
import { leave, portion } from './portions.ts';
import type { Database } from './tables.ts';

export type Jobs = { readonly kick: () => void; readonly close: () => Promise<void> };

const publishedEach = 500;
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
  const order = readOrder(server, job, work);
  if (job.state === 'ending') return conclude(server, job, order.ok ? order.value : null, 'ended', null);
  if (!order.ok) return conclude(server, job, null, 'broken', order.fault);
  const { items, together } = order.value;
  const begun = await begin(server, job, order.value, isClosing);
  if (!begun.ok) {
    if (!isBusy(begun)) await conclude(server, job, order.value, 'broken', begun.fault);
    return;
  }
  const { numUpdatedRows: goesOn } = await server.db
    .updateTable('jobs')
    .set({ state: 'running', started_at: job.started_at ?? server.clock() })
    .where('id', '=', job.id)
    .where('state', 'in', goingOn)
    .executeTakeFirstOrThrow();
  if (goesOn === 0n) return;
  for (let at = job.done + job.refused; at < items.length; ) {
    if (isClosing()) return;
    const next = together
      ? await doSome(server, job.id, { items, act: begun.value }, at)
      : await doOne(server, job.id, { items, act: begun.value }, at);
    if (next === null) return;
    if (Math.floor(next / publishedEach) > Math.floor(at / publishedEach)) await publish();
    at = next;
    await leave();
  }
  await conclude(server, job, order.value, 'done', null);
  await publish();
}

type Order = {
  readonly body: unknown;
  readonly items: readonly string[];
  readonly together: boolean;
  readonly begin: Work['begin'];
  readonly answerOf: (tried: readonly Tried[]) => unknown;
};
type Begun = Pick<Order, 'items'> & { readonly act: Act };

/**
 * Faults: `unknown-version` for what this release does not know, `bad-shape` for an order that cannot be read, which holds up no other,
 * and those of the work for what it would order otherwise.
 */
function readOrder(server: Server, { kind, sealed: ordered }: Job, work: Work | null): Result<Order> {
  if (!work) return bad('unknown-version', { what: kind });
  const body = opened(server, ordered);
  if (body === null) return bad('bad-shape', { what: kind });
  const items = work.items(body);
  if (!items.ok) return items;
  const { begin, together = false } = work;
  return good({ body, items: items.value, together, begin, answerOf: (tried) => work.answer(server, tried) });
}

/** For good, with the answer about all that was tried: one-time passwords that were made are told, however it ended. */
async function conclude(
  server: Server,
  job: Job,
  order: Order | null,
  state: 'done' | 'ended' | 'broken',
  found: Fault | null,
): Promise<void> {
  const tried = order ? await readTried(server, job.id, order.items) : [];
  const answer = order && tried.length > 0 ? await order.answerOf(tried) : null;
  const done = tried.filter((each) => each.result.ok).length;
  await transact(server.db, async (trx) => {
    if (!(await finish(server, trx, job, { state, answer, found })) || state !== 'done') return good(null);
    const facts = { kind: job.kind, done, refused: tried.length - done };
    await audit(server, trx, { actor: job.actor, action: 'job-finished', subject: job.id, facts });
    return good(null);
  });
}

/**
 * What cannot be just now, as while another file with a key is read, is tried again. Faults: those of the work, which may not be
 * possible any more; `busy` where the server stops before it can be.
 */
async function begin(
  server: Server,
  { actor }: Job,
  { body, begin: beginOnce }: Order,
  isClosing: () => boolean,
): Promise<Result<Act>> {
  const tryIt = () => attempt(server, () => beginOnce(server, actor, body));
  let act = await tryIt();
  while (isBusy(act) && !isClosing()) {
    await setTimeout(againMs);
    act = await tryIt();
  }
  return act;
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

/** Where to go on; null where the job was ended meanwhile: what was under way then is recorded all the same. */
async function doOne(server: Server, id: string, { items, act }: Begun, at: number): Promise<number | null> {
  const item = items[at] ?? '';
  const result = await attempt(server, () => act(item, server));
  const recorded = await transact(server.db, (trx) => record(server, trx, id, at, [result]));
  return recorded.ok ? recorded.value : null;
}

/** As many as take no longer than others may wait for the database; they and what is recorded of them are one transaction. */
async function doSome(server: Server, id: string, { items, act }: Begun, from: number): Promise<number | null> {
  const done = await transact(server.db, async (trx): Promise<Result<number | null>> => {
    const within = { ...server, db: trx };
    const results = await portion(items, from, (item) => attempt(server, () => transact(trx, () => act(item, within))));
    return record(server, trx, id, from, results);
  });
  return done.ok ? done.value : null;
}

/** Where to go on; null where it goes no further. Fault: `not-found` for a job that is over. */
async function record(
  server: Server,
  trx: Database,
  id: string,
  from: number,
  results: readonly Result<unknown>[],
): Promise<Result<number | null>> {
  const count = results.filter(({ ok }) => ok).length;
  const row = await trx
    .updateTable('jobs')
    .set((each) => ({ done: each('done', '+', count), refused: each('refused', '+', results.length - count) }))
    .where('id', '=', id)
    .where('state', 'in', unfinished)
    .returning('state')
    .executeTakeFirst();
  if (!row) return bad('not-found', { what: id });
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
  return good(row.state === 'ending' ? null : from + results.length);
}

/** The first of the order, as many as were tried. */
async function readTried(server: Server, id: string, items: readonly string[]): Promise<readonly Tried[]> {
  const { done, refused } = await server.db
    .selectFrom('jobs')
    .select(['done', 'refused'])
    .where('id', '=', id)
    .executeTakeFirstOrThrow();
  const rows = await server.db.selectFrom('job_results').selectAll().where('job_id', '=', id).execute();
  const kept = new Map(rows.map((row) => [row.at, row]));
  return items.slice(0, done + refused).map((item, at) => {
    const row = kept.get(at);
    if (row?.fault) return { item, result: { ok: false, fault: JSON.parse(row.fault) as Fault } };
    return { item, result: good(row?.sealed ? opened(server, row.sealed) : null) };
  });
}
