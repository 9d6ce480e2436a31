/** What holds on the device: effective settings, what is locked, and the codes that open a locked action once. */
import type { Status } from '../../protocol/local.ts';
import { minuteMs } from '../../protocol/time.ts';
import { confirmationOf, live, lockedForMs, triesLeft } from './codes.ts';
import type { Held } from './documents.ts';
import type { CodeRequest, Durable } from './durable.ts';
import { isManaged } from './membership.ts';
import type { Now } from './shape.ts';
import { clockOf, poweredOf, type State } from './state.ts';

export type Operation = 'connection' | 'reset';
export type Lock = Operation | 'dateTime' | 'logServer' | 'rdp' | 'broker';

/** How long a right code opens an action. */
export const openMs = 10 * minuteMs;

const actionOf = { connection: 2, reset: 3 } as const satisfies Record<Operation, CodeRequest['action']>;
const nameOf = { 2: 'connection', 3: 'reset' } as const;

/** Whether the policy keeps the person from changing this. Nothing is locked on a device in no group. */
export const isLocked = (durable: Durable, held: Held, name: Lock): boolean =>
  isManaged(durable, held) && held.policy?.policy.settings?.[name].enforced === true;

/** Effective values (locked policy, else local, else policy), and where they come from. */
export function settingsOf(durable: Durable, held: Held): Status['settings'] {
  const policy = held.policy?.policy.settings;
  const view = (name: 'logServer' | 'rdp' | 'broker'): Status['settings']['rdp'] => {
    const local = durable.settings[name];
    const locked = isLocked(durable, held, name);
    if (!locked && local !== null) return { value: local, source: 'local', locked };
    const value = policy?.[name].value ?? null;
    return { value, source: value === null ? 'none' : 'policy', locked };
  };
  const locked = (name: 'connection' | 'reset' | 'dateTime') => ({ locked: isLocked(durable, held, name) });
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

/** Whether the action may be done now: it is not locked, or a code has opened it. */
export function isOpen(state: State, operation: Operation, now: Now): boolean {
  if (!isLocked(state.durable, state.held, operation)) return true;
  return state.opened?.action === actionOf[operation] && poweredOf(state, now) < state.opened.untilMs;
}

export const wantedFor = (operation: Operation) => ({ action: actionOf[operation], certificate: null });

/** 16 digits in groups of four; empty on a device that has no secret. */
export function shownCode({ registration }: Durable, request: CodeRequest): string {
  if (registration.at !== 'registered') return '';
  const { deviceId, secret: secretHex } = registration.bundle;
  return confirmationOf(request, { deviceId, secretHex });
}

/** A locked action on its way, the newest: the request for a code, or how long the action is open. */
export function operationOf(state: State, now: Now): Status['operation'] {
  const { durable, counters, opened } = state;
  const powered = poweredOf(state, now);
  const tries = { lockedForMs: Math.ceil(lockedForMs(counters, powered)), triesLeft: triesLeft(counters) };
  const isStillLocked = (action: 2 | 3): boolean => isLocked(durable, state.held, nameOf[action]);
  const request = live(durable.requests, powered).findLast(({ action }) => action !== 1);
  const openForMs = opened && isStillLocked(opened.action) ? Math.ceil(opened.untilMs - powered) : 0;
  if (opened && openForMs > 0 && (request?.askedAtMs ?? 0) < opened.untilMs - openMs)
    return { action: nameOf[opened.action], confirmationCode: '', openForMs, ...tries };
  if (!request || request.action === 1 || !isStillLocked(request.action) || clockOf(state, now).at === 'unknown')
    return null;
  const confirmationCode = shownCode(durable, request);
  return { action: nameOf[request.action], confirmationCode, openForMs: 0, ...tries };
}
