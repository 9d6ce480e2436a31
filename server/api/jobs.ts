/** Long work as the API shows it. Instants are epoch milliseconds. */
import { type Static, Type } from '@sinclair/typebox';
import { faultKinds } from '../../protocol/fault.ts';
import { jobStates } from '../core/job.ts';
import { instant, nullable, oneOf } from './list.ts';

export const jobView = Type.Object({
  id: Type.String(),
  /** The path that was asked, as `certificates/renew`. */
  kind: Type.String(),
  /** Who ordered it. */
  actor: Type.String(),
  state: oneOf(jobStates),
  total: Type.Integer(),
  done: Type.Integer(),
  refused: Type.Integer(),
  orderedAt: instant,
  startedAt: nullable(instant),
  finishedAt: nullable(instant),
});
export type JobView = Static<typeof jobView>;
export const jobColumns = ['orderedAt', 'finishedAt', 'kind', 'actor', 'state'] as const;
export type JobColumn = (typeof jobColumns)[number];

export const faultView = Type.Object({
  code: oneOf(Object.keys(faultKinds)),
  kind: oneOf(['rejected', 'unavailable', 'broken']),
  facts: Type.Record(Type.String(), Type.Union([Type.String(), Type.Number()])),
});
export const jobDetails = Type.Composite([
  jobView,
  Type.Object({
    /** Why it broke. */
    fault: nullable(faultView),
    /** Of a job that is over, to who ordered it: what the order would have been answered with, about all that was tried; null where nothing was. */
    answer: Type.Unknown(),
  }),
]);
export type JobDetails = Static<typeof jobDetails>;
/** What may stand behind the `?` of an order that may become a job; as `Prefer: respond-async`. */
export const background = Type.Object(
  { background: Type.Optional(oneOf(['0', '1'])) },
  { additionalProperties: false },
);
export const jobOrdered = Type.Object({ job: jobView });
export type JobOrdered = Static<typeof jobOrdered>;
