/** Long work that an order to the API comes to: how much, how long it is kept, and who asked for it to run by itself. */
import { dayMs } from '../../protocol/time.ts';

export const jobStates = ['waiting', 'running', 'ending', 'done', 'ended', 'broken'] as const;
/**
 * `ending`: somebody ended it before it was through, and what was made until then is put together; `ended`: that can be had; `broken`:
 * it could not begin again after the server had stopped.
 */
export type JobState = (typeof jobStates)[number];

/** An order to more than this is a job, whether or not it was asked to be one. */
export const mostAtOnce = 1000;
export const mostOfJob = 10_000;
/** Not finished, at one time. */
export const mostJobs = 20;
/** After its end. There may be passwords in its answer; that it was, is in the audit log. */
export const jobKeptMs = dayMs;

/** `Prefer: respond-async` (RFC 7240 §4.1). */
export const prefersAsync = (prefer: string | undefined): boolean =>
  (prefer ?? '').split(',').some((each) => /^\s*respond-async\s*(;|$)/i.test(each));
