/** A try or a connection that came to nothing: what was under way with it is forgotten, and it is tried again by backoff. */
import type { Fault } from '../../protocol/fault.ts';
import { afterFailure } from './link.ts';
import type { Now } from './shape.ts';
import { rest, type State, type Step, withFault } from './state.ts';

export function failed(state: State, now: Now, why: Fault): Step {
  const events = { ...state.events, sent: [], reading: null };
  const link = afterFailure(state.link, now, why);
  return rest({ ...withFault(state, 'link', why), link, nonce: null, errandAtMs: null, events });
}
