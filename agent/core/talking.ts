/** The connection to the server: when it is tried, what a strange certificate means, and what follows when it stands. */
import { type Fault, fault, type Result } from '../../protocol/fault.ts';
import { minuteMs } from '../../protocol/time.ts';
import { deviceLeafTopic, policyTopic } from '../../protocol/topics.ts';
import { checkin, errand, onCheckinFailed } from './checking-in.ts';
import { recordGoodTime } from './clock.ts';
import { greet } from './delivering.ts';
import { hasEnded, nudged, registeredOf } from './identity.ts';
import { afterConnect, carrierOf, isDue, isSilent, soon } from './link.ts';
import { failed } from './losing.ts';
import { addressesFor } from './membership.ts';
import { judgePresented } from './pin.ts';
import { proved } from './proving.ts';
import { recordAnswer } from './refusals.ts';
import { call, onCallFailed } from './registering.ts';
import { askReadmission, attemptRenewal, isIdentityCall, later, tickRenewal } from './renewing.ts';
import type { Effect, Now } from './shape.ts';
import {
  acceptOf,
  audit,
  blocklistOf,
  clockOf,
  commit,
  type Of,
  poweredOf,
  refusalOf,
  rest,
  type State,
  type Step,
  then,
  withFault,
} from './state.ts';
import { onStranger } from './strangers.ts';
import { groupOf } from './syncing.ts';
import { exportsOf } from './views.ts';

const saveEveryMs = minuteMs;

export function onTick(state: State, now: Now): Step {
  // First: a clock by which the certificate of the server is out of date is not one the server confirms.
  const kept = endUnaccepted(state, now);
  const saved =
    now.uptimeMs - state.savedAtMs >= saveEveryMs
      ? then(kept, (next) => then(saveCounters(next, now), exportAgain))
      : kept;
  const linked = then(saved, (next) => {
    if (isDue(next.link, now)) return attempt(next, now);
    if (isSilent(next.link, now)) return drop(next, now, fault('documents-missing'));
    const wanted = next.link.at === 'connected' && next.errandAtMs !== null && now.uptimeMs >= next.errandAtMs;
    return wanted ? errand(next, now) : rest(next);
  });
  return then(linked, (next) => then(tickRenewal(next, now), (last) => askReadmission(last, now)));
}

/** Powered-on time and the last good time; a power cut loses a minute of them at most. */
export function saveCounters(state: State, now: Now): Step {
  const { link } = state;
  const confirmed = link.at === 'connected' && refusalOf(state, link.fingerprint, now) === null;
  const trusted = confirmed || now.synced;
  const timed = { ...state.counters, uptimeMs: poweredOf(state, now) };
  const counters = trusted ? recordGoodTime(timed, clockOf(state, now)) : timed;
  return { state: { ...state, counters, savedAtMs: now.uptimeMs }, effects: [{ do: 'count', counters }] };
}

/** What consumers read must follow the store once there is room again. */
const exportAgain = (state: State): Step =>
  state.faults.export
    ? {
        state: withFault(state, 'export', null),
        effects: [{ do: 'export', certificates: exportsOf(state.durable, state.held) }],
      }
    : rest(state);

/** One try: what registration still needs, else the server, by the carrier whose turn it is. */
function attempt(state: State, now: Now): Step {
  const { registration } = state.durable;
  if (registration.at !== 'registered' || !registration.confirmed) return call(state, now);
  if (hasEnded(state, now)) return attemptRenewal(state, now);
  const tries = state.link.at === 'waiting' ? state.link.attempt : 0;
  if (carrierOf(tries) === 'checkin') return checkin(state, tries, now);
  const connection = state.connections + 1;
  const { deviceId: device, group } = registration.bundle;
  const topics = [
    deviceLeafTopic(device, 'device'),
    deviceLeafTopic(device, 'command'),
    policyTopic(groupOf(state) ?? group),
  ];
  const address = (addressesFor(state.durable, state.held, tries) ?? registration.bundle.addresses).mqtt;
  const { identity } = registration;
  const accept = acceptOf(state, now);
  const link = { at: 'connecting' as const, since: now.wall, attempt: tries, connection };
  return {
    state: { ...state, connections: connection, link, reaching: { ...state.reaching, mqtt: address } },
    effects: [{ do: 'connect', connection, address, device, identity, accept, topics }],
  };
}

/** A certificate that is not accepted: what it means depends on the slots, the clock, and the blocklist. */
export function onPresented(state: State, event: Of<'presented'>): Step {
  const { call: step, now, der } = event;
  const { pins, registration } = state.durable;
  if (step && !registeredOf(state)) return rest(state);
  if (registration.at !== 'registered' || !registration.confirmed || !pins) {
    const during = state.link.at === 'calling' ? state.link.call : 'enrol';
    const failed = { type: 'call-failed', call: during, fault: fault('fingerprint-mismatch'), now } as const;
    return then(onCallFailed(state, failed), (next) => recordAnswer(next, now, failed.fault));
  }
  const judged = judgePresented(pins, der, clockOf(state, now), blocklistOf(state));
  if (step) return onPresentedBeside(state, event, judged, now);
  if (judged.ok) return rest({ ...state, nonce: null, link: state.link.at === 'connected' ? state.link : soon(now) });
  const told = recordAnswer(state, now, judged.fault);
  if (state.link.at === 'connected') return then(told, (next) => onCheckinFailed(next, judged.fault, now));
  const { link } = state;
  if (link.at !== 'connecting' && (link.at !== 'calling' || link.call === 'fetch-rotations')) return rest(state);
  return then(told, (next) =>
    judged.fault.code === 'not-pinned' ? onStranger(next, der, judged.fault, now) : failed(next, now, judged.fault),
  );
}

/**
 * In a step towards the next identity. Where that was the link's try, a stranger leads to a code as in any other; beside a
 * link, whose own tries will meet the same server, the step alone has failed.
 */
function onPresentedBeside(state: State, { der }: Of<'presented'>, judged: Result<unknown>, now: Now): Step {
  const byLink = state.link.at === 'calling' && isIdentityCall(state.link.call);
  const why = judged.ok ? fault('server-refused') : judged.fault;
  const lost = then(recordAnswer(state, now, why), (next) => rest(later(next, why, now)));
  const stranger = byLink && why.code === 'not-pinned';
  return stranger ? then(lost, (next) => onStranger(next, der, why, now)) : lost;
}

export function onConnected(state: State, event: Of<'connected'>): Step {
  const { now, connection, fingerprint } = event;
  if (state.link.at === 'connected' && state.link.connection === connection) return rest(state);
  if (state.link.at !== 'connecting' || state.link.connection !== connection)
    return { state, effects: [{ do: 'disconnect', connection }] };
  const why = refusalOf(state, fingerprint, now);
  if (why) {
    const told = then({ state, effects: [{ do: 'disconnect', connection }] }, (next) => recordAnswer(next, now, why));
    return then(told, (next) => failed(next, now, why));
  }
  const clock = clockOf(state, now);
  const up: State = {
    ...nudged(withFault(state, 'link', null), now),
    link: afterConnect(state.link, connection, fingerprint, now),
    events: { ...state.events, sent: [], reading: null },
    counters: recordGoodTime(state.counters, clock),
  };
  return then(audit(up, now, { event: 'connected', facts: { fingerprint } }), (next) => {
    const proof = proved(next, fingerprint, clock, { mqtt: next.reaching.mqtt });
    if (proof.durable === next.durable) return greet(next, now);
    return commit(next, { ...proof, next: 'greet' });
  });
}

export function onClosed(state: State, event: Of<'closed'>): Step {
  const { link } = state;
  const ours = (link.at === 'connecting' || link.at === 'connected') && link.connection === event.connection;
  if (!ours) return rest(state);
  const lost = failed(state, event.now, event.fault);
  if (link.at !== 'connected') return then(lost, (next) => recordAnswer(next, event.now, event.fault));
  return then(lost, (next) => audit(next, event.now, { event: 'disconnected', facts: { code: event.fault.code } }));
}

/**
 * A connection that stands is held to the slots, dates and blocklist that a new one would be: it ends when its certificate
 * has left the slots, is blocked, or is out of date. Asked after every change of the store, and by each tick.
 */
export function endUnaccepted(state: State, now: Now): Step {
  const { link } = state;
  const why = link.at === 'connected' ? refusalOf(state, link.fingerprint, now) : null;
  if (!why) return rest(state);
  return then(drop(state, now, why), (next) =>
    audit(next, now, { event: 'disconnected', facts: { ...why.facts, code: why.code } }),
  );
}

/** Closes the connection ourselves, without acknowledging what is on the way. */
export function drop(state: State, now: Now, why: Fault): Step {
  const { link } = state;
  const effects: Effect[] = link.at === 'connected' ? [{ do: 'disconnect', connection: link.connection }] : [];
  return then({ state, effects }, (next) => failed(next, now, why));
}

/** Connects again soon, for instance to subscribe to another group or to use what a code has just opened. */
export function reconnect(state: State, now: Now): Step {
  const { link } = state;
  const open = link.at === 'connected' || link.at === 'connecting';
  const effects: Effect[] = open ? [{ do: 'disconnect', connection: link.connection }] : [];
  return { state: { ...state, link: soon(now), nonce: null, errandAtMs: null }, effects };
}
