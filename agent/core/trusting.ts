/**
 * Servers the person connects to: pre-flight, the question on a first connection, what is added by hand and removed, and
 * the one session there is.
 */
import { fault } from '../../protocol/fault.ts';
import type { Status } from '../../protocol/local.ts';
import type { Ask } from './shape.ts';
import { answer, type Of, rest, type State, type Step } from './state.ts';

/** Asks of this part. */
export type TrustAsk = Extract<Ask, { readonly do: 'preflight' | 'connect' | 'add' | 'remove' | 'import' }>;

export const onTrustAsk = (state: State, request: number, _ask: TrustAsk): Step => ({
  state,
  effects: answer(request, { ok: false, fault: fault('not-allowed') }),
});

export const onProbed = (state: State, _event: Of<'probed'>): Step => rest(state);

export const onSession = (state: State, _event: Of<'session-running'> | Of<'session-ended'>): Step => rest(state);

export const sessionOf = (_state: State): Status['session'] => null;
