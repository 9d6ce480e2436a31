/**
 * The agent: `step(state, event) → { state, effects }`. Each part decides about its own events; here they are told apart,
 * a start is restored, and what follows a durable change is done in its one order.
 */
import { type Fault, fault } from '../../protocol/fault.ts';
import { onSettingsAsk } from './changing.ts';
import { onCheckedIn, onCheckinFailed, sendCheckin, withErrand } from './checking-in.ts';
import { fetchTickMs, onCorporateFetched, onFetchFailed, settleFetching } from './corporate.ts';
import { greet, handOverEvents, onPublished, publishEvents, publishReport, trail } from './delivering.ts';
import type { Durable } from './durable.ts';
import { noFetching } from './fetching.ts';
import { forwardTickMs } from './forward-line.ts';
import { onForwardEnded, onForwarding, onLogCounted, settleForwarding } from './forwarding.ts';
import { callExpired, endRenewal, isIdentityStep, withoutLostKey } from './identity.ts';
import { atNewPlace, nextTickMs } from './link.ts';
import { isMoved } from './membership.ts';
import { record, recordAnswer } from './refusals.ts';
import {
  call,
  onBundle,
  onCallFailed,
  onConfirmed,
  onEnrolled,
  onKeyFailed,
  onKeyMade,
  onRegister,
} from './registering.ts';
import {
  isIdentityCall,
  later,
  onNextKeyFailed,
  onNextKeyMade,
  onNextUnreadable,
  onProven,
  onRenewalFailed,
  onRenewed,
  proceed,
  renewalTickMs,
  retire,
  withRenewal,
} from './renewing.ts';
import { onMediaSeen, onRepairAsk } from './repairing.ts';
import { onCode, onCounted, onCountFailed } from './replacing.ts';
import { forget } from './resetting.ts';
import { onSession } from './session.ts';
import type { Effect, Event, Now } from './shape.ts';
import { onStarted, warn } from './starting.ts';
import { acknowledge, answer, type Of, rest, type State, type Step, then, withFault } from './state.ts';
import { onFollow, onRotations, onRotationsFailed } from './strangers.ts';
import { onMessage } from './syncing.ts';
import { drop, endUnaccepted, onClosed, onConnected, onPresented, onTick, reconnect, saveCounters } from './talking.ts';
import { onProbed, onTrustAsk } from './trusting.ts';
import { certificatesOf, exportsOf, statusOf } from './views.ts';

export { initial, type State, type Step } from './state.ts';

const longestSleepMs = 60_000;

export function step(state: State, event: Event): Step {
  if (state.at !== 'running' && !heardAtRest(state, event)) return rest(state);
  // The loop decides what a commit leads to before anything else; whatever else comes has no meaning yet.
  if (state.pending && !aboutPending.has(event.type)) return rest(state);
  const errands = then(decide(state, event), (next) =>
    rest(next.pending ? next : withRenewal(withErrand(next, event.now), event.now)),
  );
  const handed = then(errands, (next) => (next.pending ? rest(next) : handOverEvents(next)));
  const leaving = event.type === 'stopping' || handed.state.pending !== null || handed.state.at !== 'running';
  const decided = leaving
    ? handed
    : then(
        then(handed, (next) => settleForwarding(next, event.now)),
        (next) => settleFetching(next, event.now),
      );
  return { state: decided.state, effects: withPicture(decided.effects, shown(decided.state, event.now)) };
}

/** Who is answered with the status is given the one that holds from then on, so that is shown before. */
function withPicture(effects: readonly Effect[], picture: readonly Effect[]): readonly Effect[] {
  const at = effects.findIndex((each) => each.do === 'answer' && each.result.ok && each.result.value === null);
  return at < 0 ? [...effects, ...picture] : [...effects.slice(0, at), ...picture, ...effects.slice(at)];
}

const heardAtRest = (state: State, { type }: Event): boolean =>
  type === 'asked' || type === 'stopping' || (type === 'started' && state.at === 'starting');

const aboutPending: ReadonlySet<Event['type']> = new Set([
  'persisted',
  'persist-failed',
  'counted',
  'count-failed',
  'export-failed',
  'events-read',
  'asked',
  'closed',
  'forwarding',
  'forward-ended',
  'log-counted',
  'stopping',
]);

function decide(state: State, event: Event): Step {
  switch (event.type) {
    case 'started':
      return onStarted(state, event);
    case 'tick':
      return onTick(state, event.now);
    case 'persisted':
      return onPersisted(state, event);
    case 'persist-failed':
      return onPersistFailed(state, event);
    case 'counted':
      return onCounted(state, event);
    case 'count-failed':
      return stopIfBroken(onCountFailed(state, event), event.fault);
    case 'export-failed':
      return { state: withFault(state, 'export', event.fault), effects: [warn('export failed', event.fault)] };
    case 'asked':
      return onAsked(state, event);
    case 'key-made':
      return state.pendingOrder ? onKeyMade(state, event) : onNextKeyMade(state, event);
    case 'key-failed':
      return stopIfBroken(
        state.pendingOrder ? onKeyFailed(state, event) : onNextKeyFailed(state, event.fault, event.now),
        event.fault,
      );
    case 'enrolled':
      return onEnrolled(state, event);
    case 'bundle-fetched':
      return onBundle(state, event);
    case 'bundle-confirmed':
      return onConfirmed(state, event);
    case 'renewed':
      return onRenewed(state, event);
    case 'proven':
      return onProven(state, event);
    case 'corporate-fetched':
      return onCorporateFetched(state, event);
    case 'next-unreadable':
      return onNextUnreadable(state, event);
    case 'call-failed':
      return then(recordAnswer(state, event.now, event.fault), (next) => onAnyCallFailed(next, event));
    case 'presented':
      return onPresented(state, event);
    case 'rotations-fetched':
      return onRotations(state, event);
    case 'connected':
      return onConnected(state, event);
    case 'closed':
      return onClosed(state, event);
    case 'message':
      return onMessage(state, event);
    case 'published':
      return onPublished(state, event);
    case 'checked-in':
      return onCheckedIn(state, event);
    case 'events-read':
      return state.link.at === 'calling' && state.link.call === 'checkin'
        ? sendCheckin(state, event.events, event.now)
        : publishEvents(state, event);
    case 'probed':
      return onProbed(state, event);
    case 'session-running':
    case 'session-ended':
      return onSession(state, event);
    case 'forwarding':
      return onForwarding(state, event);
    case 'forward-ended':
      return onForwardEnded(state, event);
    case 'log-counted':
      return onLogCounted(state, event);
    case 'media-seen':
      return onMediaSeen(state, event);
    case 'stopping':
      return onStopping(state, event.now);
  }
}

function onAnyCallFailed(state: State, event: Of<'call-failed'>): Step {
  const { call: failed, fault: why, now } = event;
  if (isIdentityCall(failed)) return onRenewalFailed(state, failed, why, now);
  if (failed === 'fetch-corporate') return onFetchFailed(state, why, now);
  if (failed === 'fetch-rotations') return onRotationsFailed(state, now);
  if (failed !== 'checkin') return onCallFailed(state, event);
  const told = state.nonce === null ? null : why.code;
  const lost = onCheckinFailed(state, why, now);
  if (told === 'identity-retired') return then(lost, retire);
  return told === 'expired' ? then(lost, (next) => rest(callExpired(next))) : lost;
}

/** The one order: counters, audit, exports, acknowledgement, answer, and then what comes next. */
function onPersisted(state: State, event: Of<'persisted'>): Step {
  const { pending } = state;
  if (!pending || pending.number !== event.number) return rest(state);
  const { durable, held, waiting, delivery } = pending;
  const { eventSeq, uptimeMs } = state.counters;
  const counters = pending.counters
    ? { ...pending.counters, eventSeq, uptimeMs: Math.max(uptimeMs, pending.counters.uptimeMs) }
    : state.counters;
  const moved = isMoved(state.durable, state.held, durable, held);
  const applied: State = {
    ...withFault(endRenewal(state, durable), 'disk', null),
    pending: null,
    durable,
    held,
    waiting,
    counters,
    opened: pending.opened,
    views: certificatesOf(durable, held),
    link: moved ? atNewPlace(state.link, event.now) : state.link,
    // What is on its way is of before.
    fetching: pending.forget ? noFetching : state.fetching,
  };
  const changed = storeChanged(state.durable, durable);
  return then(trail(applied, pending.audit, event.now), (next) => {
    const effects: Effect[] = [];
    if (pending.counters) effects.push({ do: 'count', counters: next.counters });
    if (changed) effects.push({ do: 'export', certificates: exportsOf(durable, held) });
    if (durable.corporate !== state.durable.corporate)
      effects.push({ do: 'export-corporate', certificates: durable.corporate ?? [] });
    effects.push(...acknowledge(next, delivery));
    effects.push(...answer(pending.answer?.request ?? null, pending.answer?.result ?? { ok: true, value: null }));
    const followed = then({ state: next, effects }, (last) => follow(last, pending.next, event.now));
    return changed ? then(followed, (last) => endUnaccepted(last, event.now)) : followed;
  });
}

function follow(state: State, next: NonNullable<State['pending']>['next'], now: Now): Step {
  switch (next) {
    case 'call':
      return call(state, now);
    case 'connect':
      return reconnect(state, now);
    case 'greet':
      return greet(state, now);
    case 'report':
      return publishReport(state, now);
    case 'proceed':
      return proceed(state, now);
    case 'forget':
      return forget(state, now);
    case 'nothing':
      return rest(state);
  }
}

/** The last good generation stays. Nothing on the way is acknowledged, so the server sends it again. */
function onPersistFailed(state: State, event: Of<'persist-failed'>): Step {
  const { pending } = state;
  if (!pending || pending.number !== event.number) return rest(state);
  const { fault: why, now } = event;
  const lost = withoutLostKey(state, why);
  const told = withFault({ ...later(lost, why, now), pending: null, registerRequest: null }, 'disk', why);
  const waiting = pending.answer?.request ?? state.registerRequest;
  const effects = [warn('not made durable', why), ...answer(waiting, { ok: false, fault: why })];
  // A step towards the next identity has nothing on the way: what stands goes on (F17).
  if (state.link.at === 'connected' && isIdentityStep(state, pending) && why.kind !== 'broken')
    return { state: told, effects };
  const dropped = then({ state: told, effects }, (next) => drop(next, now, why));
  return lost === state ? stopIfBroken(dropped, why) : dropped;
}

/** Whatever is refused for good is on record. */
function onAsked(state: State, event: Of<'asked'>): Step {
  const { request, ask, now } = event;
  const asked = answerAsked(state, event);
  const answered = asked.effects.find((each) => each.do === 'answer' && each.request === request);
  const why = answered?.do === 'answer' && !answered.result.ok ? answered.result.fault : null;
  if (why?.kind !== 'rejected' || state.at !== 'running') return asked;
  const socket = ask.do === 'record' ? ask.socket : 'console';
  return then(asked, (next) => record(next, now, socket, ask.do === 'code' ? 'code-refused' : 'request-refused', why));
}

function answerAsked(state: State, { request, ask, now }: Of<'asked'>): Step {
  if (ask.do === 'record') return { state, effects: answer(request, { ok: false, fault: ask.fault }) };
  const busy = state.pending !== null || state.at === 'starting';
  if (busy) return { state, effects: answer(request, { ok: false, fault: fault('busy') }) };
  const standing = state.at === 'broken' ? (state.faults.identity ?? fault('internal')) : null;
  if (standing) return { state, effects: answer(request, { ok: false, fault: standing }) };
  switch (ask.do) {
    case 'register':
      return onRegister(state, request, ask.order, now);
    case 'code':
      return onCode(state, request, ask.code, now);
    case 'preflight':
    case 'connect':
    case 'add':
    case 'remove':
    case 'import':
      return onTrustAsk(state, request, ask, now);
    case 'follow':
      return onFollow(state, request, ask.statements, now);
    case 'settings':
    case 'connection':
    case 'time':
    case 'reset':
      return onSettingsAsk(state, request, ask, now);
    case 'check-repair':
    case 'repair':
      return onRepairAsk(state, request, ask, now);
  }
}

function onStopping(state: State, now: Now): Step {
  const { link } = state;
  const effects: Effect[] = [{ do: 'notify', ready: false, status: 'stopping' }];
  if (link.at === 'connected' || link.at === 'connecting')
    effects.push({ do: 'disconnect', connection: link.connection });
  return state.at === 'running'
    ? then(saveCounters(state, now), (next) => ({ state: next, effects }))
    : { state, effects };
}

const stopIfBroken = (told: Step, why: Fault): Step =>
  why.kind === 'broken' ? { state: told.state, effects: [...told.effects, { do: 'stop', fault: why }] } : told;

const storeChanged = (before: Durable, after: Durable): boolean =>
  before.pins !== after.pins || before.policy !== after.policy || before.local !== after.local;

function shown(state: State, now: Now): readonly Effect[] {
  const errandMs = state.errandAtMs === null ? longestSleepMs : Math.max(0, state.errandAtMs - now.uptimeMs);
  const linkMs = nextTickMs(state.link, now) ?? longestSleepMs;
  const renewalMs = renewalTickMs(state, now) ?? longestSleepMs;
  const forwardMs = forwardTickMs(state.forwarding, now) ?? longestSleepMs;
  const fetchMs = fetchTickMs(state, now) ?? longestSleepMs;
  const inMs = Math.min(longestSleepMs, linkMs, renewalMs, fetchMs, forwardMs, errandMs);
  return [
    { do: 'show', status: statusOf(state, now) },
    { do: 'wake', inMs },
  ];
}
