/** Asking for an administrator's code: the request is durable before anybody is shown what to read out. */
import { requestCode, type Wanted } from './codes.ts';
import type { CodeRequest } from './durable.ts';
import type { Now } from './shape.ts';
import { commit, type Pending, poweredOf, type State, type Step, then } from './state.ts';

/** What else goes with a new request. */
type Change = Partial<Pick<Pending, 'audit' | 'answer'>>;

/** No step where the same is asked for already: its code stays the same however often it is asked for. */
export function pendCode(
  state: State,
  wanted: Wanted,
  changeFor: (request: CodeRequest) => Change,
  now: Now,
): { readonly request: CodeRequest; readonly step: Step | null } {
  const powered = poweredOf(state, now);
  const { requests, request, isNew, ...asked } = requestCode(
    state.durable.requests,
    state.counters,
    wanted,
    powered,
    now.random,
  );
  if (!isNew) return { request, step: null };
  const counters = { ...asked.counters, uptimeMs: powered };
  // A number that was shown is never used again, so it is counted before it is shown.
  const counted: Step = { state: { ...state, counters }, effects: [{ do: 'count', counters }] };
  const step = then(counted, (next) => commit(next, { durable: { ...next.durable, requests }, ...changeFor(request) }));
  return { request, step };
}
