/** Long work: ordered like anything else and kept in the database, so that whoever ordered it may leave. See `job-runner.ts`. */
import { randomUUID } from 'node:crypto';
import { bad, type Fault, good, type Result } from '../../protocol/fault.ts';
import type { JobColumn, JobDetails, JobView } from '../api/jobs.ts';
import type { ListQuery, Page } from '../api/list.ts';
import { type JobState, jobKeptMs, mostJobs } from '../core/job.ts';
import { mayDo } from '../core/permission.ts';
import type { AdminRoute, Call, Work } from './admin-route.ts';
import { audit, type Server } from './context.ts';
import { transact } from './database.ts';
import { type ListSpec, mapPage, readPage } from './listing.ts';
import { open, seal } from './seal.ts';
import type { Database, Tables } from './tables.ts';

export type Job = Tables['jobs'];

export const unfinished = ['waiting', 'running', 'ending'] as const;
/** What still goes on. */
export const goingOn = ['waiting', 'running'] as const;
const jobList: ListSpec<JobColumn> = {
  sort: { orderedAt: 'made_at', finishedAt: 'finished_at', kind: 'kind', actor: 'actor', state: 'state' },
  key: 'id',
  search: ['kind', 'actor'],
  start: { by: 'orderedAt', order: 'desc' },
};

export const kindOf = ({ url }: Pick<AdminRoute, 'url'>): string => url.slice(1);

const viewOf = (row: Job): JobView => ({
  id: row.id,
  kind: row.kind,
  actor: row.actor,
  state: row.state,
  total: row.total,
  done: row.done,
  refused: row.refused,
  orderedAt: row.made_at,
  startedAt: row.started_at,
  finishedAt: row.finished_at,
});

/**
 * What all of it has in common is looked at before it is taken. Faults: those of the work; `busy` where too many wait.
 */
export async function orderJob(
  server: Server,
  { actor, body }: Pick<Call, 'actor' | 'body'>,
  kind: string,
  work: Work,
): Promise<Result<JobView>> {
  const items = work.items(body);
  if (!items.ok) return items;
  const begun = await work.begin(server, actor, body);
  if (!begun.ok) return begun;
  return transact(server.db, async (trx) => {
    const waiting = await trx
      .selectFrom('jobs')
      .select(({ fn }) => fn.countAll<number>().as('count'))
      .where('state', 'in', unfinished)
      .executeTakeFirstOrThrow();
    if (Number(waiting.count) >= mostJobs) return bad('busy');
    const row: Job = {
      id: randomUUID(),
      kind,
      actor,
      sealed: sealed(server, body),
      answer: null,
      fault: null,
      state: 'waiting',
      total: items.value.length,
      done: 0,
      refused: 0,
      made_at: server.clock(),
      started_at: null,
      finished_at: null,
    };
    await trx.insertInto('jobs').values(row).execute();
    const facts = { kind, count: row.total };
    await audit(server, trx, { actor, action: 'job-ordered', subject: row.id, facts });
    return good(viewOf(row));
  });
}

export async function listJobs(
  { db }: Server,
  query: ListQuery<JobColumn> & { readonly by?: string; readonly state?: JobState },
): Promise<Page<JobView>> {
  let rows = db.selectFrom('jobs').selectAll();
  if (query.by !== undefined) rows = rows.where('actor', '=', query.by);
  if (query.state !== undefined) rows = rows.where('state', '=', query.state);
  return mapPage(await readPage(rows, jobList, query), viewOf);
}

/** Fault: `not-found`. */
export async function showJob(server: Server, actor: string, id: string): Promise<Result<JobDetails>> {
  const row = await findJob(server.db, id);
  if (!row.ok) return row;
  const { answer, fault: found } = row.value;
  const told = answer !== null && row.value.actor === actor ? opened(server, answer) : null;
  return good({
    ...viewOf(row.value),
    fault: found === null ? null : (JSON.parse(found) as Fault),
    answer: told,
  });
}

export type ActionOf = (kind: string) => AdminRoute['action'] | null;

/**
 * One that is under way goes no further; the runner puts together what it has come to. One that is over by then stays as it is.
 * Faults: `not-found`; `not-allowed` to whoever could not order it.
 */
export const endJob = (
  server: Server,
  call: Pick<Call, 'actor' | 'rights'>,
  id: string,
  action: ActionOf,
): Promise<Result<null>> =>
  transact(server.db, async (trx) => {
    const row = await findOwn(trx, call, id, action);
    if (!row.ok) return row;
    const { kind, state, done, refused } = row.value;
    if (state !== 'waiting' && state !== 'running') return good(null);
    if (state === 'waiting') await finish(server, trx, row.value, { state: 'ended', answer: null, found: null });
    else await trx.updateTable('jobs').set({ state: 'ending' }).where('id', '=', id).execute();
    const facts = { kind, done, refused };
    await audit(server, trx, { actor: call.actor, action: 'job-ended', subject: id, facts });
    return good(null);
  });

/** Of one that is over nothing stays. Faults: as for `endJob`; `busy` where it is not over. */
export const forgetJob = (
  { db }: Server,
  call: Pick<Call, 'actor' | 'rights'>,
  id: string,
  action: ActionOf,
): Promise<Result<null>> =>
  transact(db, async (trx) => {
    const row = await findOwn(trx, call, id, action);
    if (!row.ok) return row;
    if (row.value.finished_at === null) return bad('busy');
    await trx.deleteFrom('jobs').where('id', '=', id).execute();
    return good(null);
  });

export async function forgetJobs({ db, clock }: Server): Promise<void> {
  await db
    .deleteFrom('jobs')
    .where('finished_at', '<', clock() - jobKeptMs)
    .execute();
}

/** For good, with whatever it came to; false where it was ended before. */
export async function finish(
  server: Server,
  trx: Database,
  { id }: Job,
  { state, answer, found }: { readonly state: JobState; readonly answer: unknown; readonly found: Fault | null },
): Promise<boolean> {
  const end = {
    state,
    sealed: '',
    answer: answer === null ? null : sealed(server, answer),
    fault: found === null ? null : JSON.stringify(found),
    finished_at: server.clock(),
  };
  const { numUpdatedRows } = await trx
    .updateTable('jobs')
    .set(end)
    .where('id', '=', id)
    .where('state', 'in', unfinished)
    .executeTakeFirstOrThrow();
  await trx.deleteFrom('job_results').where('job_id', '=', id).execute();
  return numUpdatedRows > 0n;
}

/** To whoever may order such a job. */
async function findOwn(
  trx: Database,
  { actor, rights }: Pick<Call, 'actor' | 'rights'>,
  id: string,
  action: ActionOf,
): Promise<Result<Job>> {
  const row = await findJob(trx, id);
  if (!row.ok || row.value.actor === actor) return row;
  const needed = action(row.value.kind);
  return typeof needed === 'string' && mayDo(rights, needed) ? row : bad('not-allowed', { what: row.value.kind });
}

async function findJob(trx: Database, id: string): Promise<Result<Job>> {
  const row = await trx.selectFrom('jobs').selectAll().where('id', '=', id).executeTakeFirst();
  return row ? good(row) : bad('not-found', { what: id.slice(0, 64) });
}

export const sealed = ({ keys }: Server, value: unknown): string =>
  seal(keys.master, Buffer.from(JSON.stringify(value), 'utf8'));

/** Null for what cannot be read. */
export function opened({ keys }: Server, text: string): unknown {
  const plain = open(keys.master, text);
  return plain.ok ? JSON.parse(Buffer.from(plain.value).toString('utf8')) : null;
}
