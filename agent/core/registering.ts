/** Registration: order → key → certificate → bundle → confirmation. Every resting place is durable, every step repeats. */
import { fromBase64, parseCertificate } from '../../protocol/certificate.ts';
import { bad, type Fault, fault, good, type Result } from '../../protocol/fault.ts';
import { maxDocumentBytes } from '../../protocol/limits.ts';
import { judgePins } from '../../protocol/policy.ts';
import type { RegistrationBundle } from '../../protocol/schema.ts';
import { read } from '../../protocol/validate.ts';
import type { KeyKind, KeyRef, Order, Registration } from './durable.ts';
import { keptOf } from './issuing.ts';
import { afterFailure, idle, soon } from './link.ts';
import { fromBundle } from './pin.ts';
import type { Call, Now } from './shape.ts';
import {
  acceptOf,
  answer,
  clockOf,
  commit,
  done,
  type Of,
  rest,
  type State,
  type Step,
  then,
  withFault,
} from './state.ts';
import { withSubject } from './subject.ts';
import { refuse } from './syncing.ts';

type Enrolled = Extract<Registration, { readonly at: 'enrolled' }>;

/** Starts a registration; the control API is answered once its first outcome is known. */
export function onRegister(state: State, request: number, order: Order, now: Now): Step {
  const { registration } = state.durable;
  const deny = (why: Fault): Step => ({ state, effects: answer(request, { ok: false, fault: why }) });
  if (registration.at === 'registered' && registration.confirmed) return deny(fault('already-registered'));
  if (state.registerRequest !== null || state.link.at === 'calling') return deny(fault('busy'));
  // No key, no CSR by a clock that may be in 1970 (F4).
  if (clockOf(state, now).at === 'unknown') return deny(fault('clock-unknown', { floor: clockOf(state, now).floor }));
  const asked: State = { ...withFault(state, 'registration', null), registerRequest: request };
  const key = keyFor(order, registration);
  if (key === null)
    return { state: { ...asked, pendingOrder: order }, effects: [{ do: 'make-key', kind: kindOf(order) }] };
  const ordered: Registration = { at: 'ordered', order: withSubject(order, key, clockOf(state, now).now), key };
  return commit(asked, { durable: { ...state.durable, registration: ordered, pins: null }, next: 'call' });
}

export function onKeyMade(state: State, event: Of<'key-made'>): Step {
  const { pendingOrder: order } = state;
  if (!order) return rest(state);
  const { key, now } = event;
  const registration: Registration = { at: 'ordered', order: withSubject(order, key, clockOf(state, now).now), key };
  const { commandSeq } = state.counters;
  const counters = { ...state.counters, commandSeq: 0 };
  const ordered = commit(
    { ...state, counters, pendingOrder: null },
    { durable: { ...state.durable, registration, pins: null }, next: 'call' },
  );
  // Commands to a device that was reset: it will have another id, and they are counted anew. Before anything names it.
  return commandSeq === 0
    ? ordered
    : { state: ordered.state, effects: [{ do: 'count', counters }, ...ordered.effects] };
}

export function onKeyFailed(state: State, event: Of<'key-failed'>): Step {
  const area = event.fault.code.startsWith('disk-') ? 'disk' : 'registration';
  const next = { ...withFault(state, area, event.fault), pendingOrder: null, registerRequest: null };
  return { state: next, effects: answer(state.registerRequest, { ok: false, fault: event.fault }) };
}

/** The next step towards a registered device, as a call over HTTPS; nothing once it is confirmed. */
export function call(state: State, now: Now): Step {
  const { registration } = state.durable;
  const calling = (what: Call): State => ({
    ...state,
    link: { at: 'calling', since: now.wall, attempt: 'attempt' in state.link ? state.link.attempt : 0, call: what },
  });
  switch (registration.at) {
    case 'unregistered':
      return rest({ ...state, link: idle(now) });
    case 'ordered': {
      const { key, order } = registration;
      const subject = order.enrolment?.subject ?? state.hardware;
      return { state: calling('enrol'), effects: [{ do: 'enrol', order, key, subject }] };
    }
    case 'enrolled': {
      const { order, identity } = registration;
      const { address, enrolment, fingerprint, invitation, password } = order;
      const fetch = { do: 'fetch-bundle', address, identity, accept: [fingerprint] } as const;
      const effect = enrolment ? { ...fetch, invited: { invitation, password } } : fetch;
      return { state: calling('fetch-bundle'), effects: [effect] };
    }
    case 'registered': {
      const { address, identity } = registration;
      return {
        state: calling('confirm-bundle'),
        effects: [{ do: 'confirm-bundle', address, identity, accept: acceptOf(state, now) }],
      };
    }
  }
}

export function onEnrolled(state: State, event: Of<'enrolled'>): Step {
  const { registration } = state.durable;
  if (registration.at !== 'ordered') return rest(state);
  const { order, key } = registration;
  const enrolled: Registration = { at: 'enrolled', order, identity: { key, chain: event.chain } };
  return commit(state, { durable: { ...state.durable, registration: enrolled }, next: 'call' });
}

export function onBundle(state: State, event: Of<'bundle-fetched'>): Step {
  const { registration } = state.durable;
  if (registration.at !== 'enrolled') return rest(state);
  const checked = checkBundle(event.bytes, registration);
  if (!checked.ok) {
    const failed = { ...event, type: 'call-failed', call: 'fetch-bundle', fault: checked.fault } as const;
    return then(refuse(state, event.now, checked.fault, 'answer'), (next) => onCallFailed(next, failed));
  }
  const bundle = checked.value;
  const registered: Registration = {
    at: 'registered',
    confirmed: false,
    address: registration.order.address,
    bundle,
    identity: registration.identity,
    ...(registration.order.enrolment && { enrolment: keptOf(registration.order.enrolment) }),
    next: null,
    standing: 'active',
    policyKeys: bundle.policyKeys,
    hardware: state.hardware,
  };
  const pins = fromBundle(bundle.pins, clockOf(state, event.now).now);
  // In a group from the first moment on, nothing a person accepted before counts (T6).
  const local = state.durable.local.filter(({ source }) => !bundle.managed || source !== 'manual');
  return commit(withFault(state, 'answer', null), {
    durable: { ...state.durable, registration: registered, pins, local },
    audit: [{ event: 'registered', facts: { device: bundle.deviceId, server: bundle.serverId } }],
    next: 'call',
  });
}

export function onConfirmed(state: State, event: Of<'bundle-confirmed'>): Step {
  const { registration } = state.durable;
  if (registration.at !== 'registered' || registration.confirmed) return rest(state);
  const confirmed = { ...registration, confirmed: true };
  const request = state.registerRequest;
  return commit(
    {
      ...withFault(withFault(state, 'registration', null), 'link', null),
      registerRequest: null,
      link: soon(event.now),
    },
    {
      durable: { ...state.durable, registration: confirmed },
      answer: request === null ? null : { request, result: done },
    },
  );
}

/** A refusal ends the order; whatever may pass is tried again by backoff, whoever waits is told the first outcome. */
export function onCallFailed(state: State, event: Of<'call-failed'>): Step {
  const { now } = event;
  const { link } = state;
  if (link.at !== 'calling' || link.call !== event.call) return rest(state);
  const told: Step = {
    state: { ...withFault(state, 'registration', event.fault), registerRequest: null },
    effects: answer(state.registerRequest, { ok: false, fault: event.fault }),
  };
  if (state.durable.registration.at === 'ordered' && event.fault.kind === 'rejected')
    return then(told, (next) =>
      commit({ ...next, link: idle(now) }, { durable: { ...next.durable, registration: { at: 'unregistered' } } }),
    );
  return then(told, (next) => rest({ ...next, link: afterFailure(next.link, now, event.fault) }));
}

const kindOf = ({ enrolment }: Order): KeyKind => enrolment?.key ?? 'P-256';

/** A key that is there and that the authority can do something with; null: one has to be made. */
function keyFor(order: Order, registration: Registration): KeyRef | null {
  if (registration.at === 'unregistered') return null;
  if (registration.at === 'registered') return order.enrolment ? null : registration.identity.key;
  const { key } = registration.at === 'ordered' ? registration : registration.identity;
  return kindOf(order) === kindOf(registration.order) ? key : null;
}

/** The bundle is for the identity we hold, and what it pins can be held. */
function checkBundle(bytes: Uint8Array, { identity, order }: Enrolled): Result<RegistrationBundle> {
  const bundle = read('registrationBundle', bytes, maxDocumentBytes);
  if (!bundle.ok) return bundle;
  const own = parseCertificate(fromBase64(identity.chain[0] ?? ''));
  if (!own.ok) return own;
  // A foreign authority knows no device ids: there the server binds the certificate to one.
  if (!order.enrolment && own.value.owner !== bundle.value.deviceId) return bad('wrong-audience', { what: 'bundle' });
  const [unfit] = judgePins(bundle.value.pins);
  return unfit ? { ok: false, fault: unfit } : good(bundle.value);
}
