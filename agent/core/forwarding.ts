/** The log server: when records are forwarded, and what stands in the way. The records themselves stay at the edge. */
import type { Status } from '../../protocol/local.ts';
import type { Now } from './shape.ts';
import { type Of, rest, type State, type Step } from './state.ts';

/** After every step: begins, ends or goes on as the settings and the store are now. */
export const settleForwarding = (state: State, _now: Now): Step => rest(state);

export const onForwarding = (state: State, _event: Of<'forwarding'>): Step => rest(state);

export const onForwardEnded = (state: State, _event: Of<'forward-ended'>): Step => rest(state);

export const onLogCounted = (state: State, _event: Of<'log-counted'>): Step => rest(state);

export const logOf = (_state: State): Status['log'] => ({
  at: 'off',
  server: null,
  fault: null,
  preflight: null,
  unsent: 0,
  dropped: 0,
});
