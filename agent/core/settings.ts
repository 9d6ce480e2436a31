/**
 * Settings of the device: effective values (locked policy, local, unlocked policy), what is locked, the codes that open a
 * locked action once, time set by hand, and the reset.
 */
import { fault } from '../../protocol/fault.ts';
import type { Status } from '../../protocol/local.ts';
import type { Held } from './documents.ts';
import type { Durable } from './durable.ts';
import type { Ask, Now } from './shape.ts';
import { answer, type State, type Step } from './state.ts';

/** Asks of this part. */
export type SettingsAsk = Extract<Ask, { readonly do: 'settings' | 'connection' | 'time' | 'reset' }>;

export const onSettingsAsk = (state: State, request: number, _ask: SettingsAsk, _now: Now): Step => ({
  state,
  effects: answer(request, { ok: false, fault: fault('not-allowed') }),
});

/** Effective values, and where they come from. */
export function settingsOf(durable: Durable, held: Held): Status['settings'] {
  const policy = held.policy?.policy.settings;
  const view = (name: 'logServer' | 'rdp' | 'broker'): Status['settings']['rdp'] => {
    const pushed = policy?.[name];
    const local = durable.settings[name];
    const locked = pushed?.enforced ?? false;
    if (!locked && local !== null) return { value: local, source: 'local', locked };
    const value = pushed?.value ?? null;
    return { value, source: value === null ? 'none' : 'policy', locked };
  };
  const locked = (name: 'connection' | 'reset' | 'dateTime') => ({ locked: policy?.[name].enforced ?? false });
  return {
    connection: locked('connection'),
    reset: locked('reset'),
    dateTime: locked('dateTime'),
    logServer: view('logServer'),
    rdp: view('rdp'),
    broker: view('broker'),
    language: durable.settings.language,
  };
}

export const operationOf = (_state: State, _now: Now): Status['operation'] => null;
