/**
 * The administrator's code: what the person types decides whether the presented certificate becomes the current one, or
 * whether a locked action is open, once.
 */
import { fingerprintOf, fromBase64 } from '../../protocol/certificate.ts';
import { fault } from '../../protocol/fault.ts';
import { tryCode } from './codes.ts';
import { dropEvents } from './delivering.ts';
import { isPastGrace } from './identity.ts';
import { afterCode } from './pin.ts';
import { openMs } from './settings.ts';
import type { Now } from './shape.ts';
import {
  type AuditDraft,
  answer,
  audit,
  clockOf,
  commit,
  done,
  type Of,
  poweredOf,
  rest,
  type State,
  type Step,
  then,
  withFault,
} from './state.ts';
import { onCommandCounted } from './syncing.ts';
import { drop } from './talking.ts';

export function onCode(state: State, request: number, typed: string, now: Now): Step {
  const { registration } = state.durable;
  const refuse = (code: 'not-registered' | 'busy' | 'clock-unknown'): Step => ({
    state,
    effects: answer(request, { ok: false, fault: fault(code) }),
  });
  if (registration.at !== 'registered') return refuse('not-registered');
  if (state.verdict !== null) return refuse('busy');
  if (clockOf(state, now).at === 'unknown') return refuse('clock-unknown');
  const { deviceId, secret } = registration.bundle;
  const powered = poweredOf(state, now);
  const tried = tryCode(typed, state.durable.requests, state.counters, { deviceId, secretHex: secret }, powered);
  const { result } = tried;
  if (result.ok) {
    const { action, certificate } = result.value;
    return action === 1
      ? replace(state, certificate ?? '', tried.counters, request, now)
      : open(state, action, tried.counters, request, now);
  }
  if (tried.counters === state.counters) return { state, effects: answer(request, result) };
  // Counted durably first, shown second (F38).
  const counted: State = { ...state, counters: { ...tried.counters, uptimeMs: powered }, verdict: { request, result } };
  return { state: counted, effects: [{ do: 'count', counters: counted.counters }] };
}

export function onCounted(state: State, event: Of<'counted'>): Step {
  const safe = then(dropEvents(withFault(state, 'counters', null)), (next) => onCommandCounted(next, event.now));
  return then(safe, (next) => tellVerdict(next, event.now));
}

function tellVerdict(state: State, now: Now): Step {
  const { verdict } = state;
  if (!verdict || verdict.result.ok) return rest(state);
  const told: Step = { state: { ...state, verdict: null }, effects: answer(verdict.request, verdict.result) };
  const { code } = verdict.result.fault;
  return then(told, (next) => audit(next, now, { event: 'code-refused', facts: { code, tries: next.counters.tries } }));
}

/**
 * A wrong code that could not be counted is not answered as one: guessing must not be free while the disk is full. A
 * command that could not be counted is not acknowledged, so that it comes again.
 */
export function onCountFailed(state: State, event: Of<'count-failed'>): Step {
  const { verdict, counting } = state;
  const next = withFault({ ...state, verdict: null, counting: null }, 'counters', event.fault);
  const told: Step = {
    state: next,
    effects: answer(verdict?.request ?? null, { ok: false, fault: event.fault }),
  };
  return counting ? then(told, (last) => drop(last, event.now, event.fault)) : told;
}

/**
 * The answered certificate alone is trusted from now on. A retired device may enrol again, and keeps what it holds already; so
 * may one that was away for so long that it will be retired, with the same code: nobody is asked for two.
 */
function replace(state: State, certificate: string, counters: State['counters'], request: number, now: Now): Step {
  const { now: at } = clockOf(state, now);
  const fingerprint = fingerprintOf(fromBase64(certificate));
  const { registration, ...before } = state.durable;
  const readmitted = registration.at === 'registered' && isPastGrace(state, registration, now) ? registration : null;
  const retired = readmitted?.standing === 'retired';
  const held = retired && certificate === before.pins?.current.der;
  const pins = held ? before.pins : afterCode(certificate, at);
  const requests = before.requests.filter((each) => each.action !== 1);
  const audit: readonly AuditDraft[] = [
    ...(held ? [] : [{ event: 'server-certificate-replaced', facts: { fingerprint } }]),
    ...(readmitted ? [{ event: 'code-accepted', facts: { operation: 'reenrolment' } }] : []),
  ];
  // Whatever was under way was for the key that goes with `next`.
  const rested: State = readmitted ? { ...state, renewal: { at: 'resting' } } : state;
  return commit(rested, {
    durable: {
      ...before,
      pins,
      requests,
      registration: readmitted
        ? { ...readmitted, standing: retired ? 'readmitted' : 'returning', next: null }
        : registration,
    },
    counters: { ...counters, uptimeMs: poweredOf(state, now) },
    audit,
    answer: { request, result: done },
    next: 'connect',
  });
}

/** The request is used up with it: one code opens one action once. */
function open(state: State, action: 2 | 3, counters: State['counters'], request: number, now: Now): Step {
  const powered = poweredOf(state, now);
  return commit(state, {
    durable: { ...state.durable, requests: state.durable.requests.filter((each) => each.action !== action) },
    counters: { ...counters, uptimeMs: powered },
    opened: { action, untilMs: powered + openMs },
    audit: [{ event: 'code-accepted', facts: { operation: action === 2 ? 'connection' : 'reset' } }],
    answer: { request, result: done },
  });
}
