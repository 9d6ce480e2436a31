/** What the administration API offers about long work that was ordered by it. */
import { Type } from '@sinclair/typebox';
import { jobColumns, jobDetails, jobView } from '../api/jobs.ts';
import { oneOf } from '../api/list.ts';
import { jobStates } from '../core/job.ts';
import { type AdminRoute, done, of, reading } from './admin-route.ts';
import { type ActionOf, endJob, forgetJob, kindOf, listJobs, showJob } from './jobs.ts';
import { listing } from './listing.ts';

/** `ordering` are the routes whose orders become jobs: who may order may end. */
export function jobRoutesFor(ordering: readonly AdminRoute[]): readonly AdminRoute[] {
  const actionOf: ActionOf = (kind) => ordering.find((route) => route.work && kindOf(route) === kind)?.action ?? null;
  return [
    listing({
      url: '/jobs',
      row: jobView,
      columns: jobColumns,
      filters: { by: Type.String({ maxLength: 120 }), state: oneOf(jobStates) },
      run: listJobs,
    }),
    reading('/jobs/:job', jobDetails, (server, call) => showJob(server, call.actor, of(call, 'job'))),
    {
      method: 'DELETE',
      url: '/jobs/:job',
      action: 'read',
      answer: done,
      run: (server, call) => forgetJob(server, call, of(call, 'job'), actionOf),
    },
    {
      method: 'POST',
      url: '/jobs/:job/end',
      action: 'read',
      answer: done,
      run: (server, call) => endJob(server, call, of(call, 'job'), actionOf),
    },
  ];
}
