/**
 * The agent: `step(state, event) → { state, effects }`. Each part decides about its own events; here they are told apart,
 * a start is restored, and what follows a durable change is done in its one order.
 */
import { type Fault, fault } from '../../protocol/fault.ts';
import { onCheckedIn, onCheckinFailed, sendCheckin, withErrand } from './checking-in.ts';
import { greet, handOverEvents, onPublished, publishEvents, publishReport, trail } from './delivering.ts';
import { openDevice, openPolicy, raisedBy } from './documents.ts';
import type { Counters, Durable } from './durable.ts';
import { type Restored, restore } from './generation.ts';
import { idle, nextTickMs, soon } from './link.ts';
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
import { onCode, onCounted, onCountFailed } from './replacing.ts';
import type { Effect, Event, Now } from './shape.ts';
import {
  acknowledge,
  answer,
  audienceOf,
  initial,
  type Of,
  rest,
  type State,
  type Step,
  then,
  withFault,
} from './state.ts';
import { onMessage } from './syncing.ts';
import { drop, onClosed, onConnected, onPresented, onTick, reconnect, saveCounters } from './talking.ts';
import { certificatesOf, exportsOf, statusOf } from './views.ts';

export { initial, type State, type Step } from './state.ts';

const longestSleepMs = 60_000;

export function step(state: State, event: Event): Step {
  if (state.at !== 'running' && !heardAtRest(state, event)) return rest(state);
  // The loop decides what a commit leads to before anything else; whatever else comes has no meaning yet.
  if (state.pending && !aboutPending.has(event.type)) return rest(state);
  const errands = then(decide(state, event), (next) => rest(withErrand(next, event.now)));
  const decided = then(errands, (next) => (next.pending ? rest(next) : handOverEvents(next)));
  return { state: decided.state, effects: [...decided.effects, ...shown(decided.state, event.now)] };
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
      return onKeyMade(state, event);
    case 'key-failed':
      return stopIfBroken(onKeyFailed(state, event), event.fault);
    case 'enrolled':
      return onEnrolled(state, event);
    case 'bundle-fetched':
      return onBundle(state, event);
    case 'bundle-confirmed':
      return onConfirmed(state, event);
    case 'call-failed':
      return event.call === 'checkin' ? onCheckinFailed(state, event.fault, event.now) : onCallFailed(state, event);
    case 'presented':
      return onPresented(state, event);
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
    case 'stopping':
      return onStopping(state, event.now);
  }
}

/** Goes on from the newest whole generation; nothing is deleted whatever was found. */
function onStarted(state: State, event: Of<'started'>): Step {
  if (state.at !== 'starting') return rest(state);
  const { now } = event;
  const known = { ...initial, versions: event.versions, hardware: event.hardware, at: 'running' as const };
  const restored = restore(event.disk, event.built);
  if (!restored.ok) return broken(known, restored.fault);
  const { number, faults } = restored.value;
  const opened = reopen(restored.value);
  const { durable } = opened;
  const cloned = durable.registration.at === 'registered' && durable.registration.hardware !== event.hardware;
  const counters: Counters = { ...opened.counters, eventSeq: Math.max(opened.counters.eventSeq, event.lastEvent) };
  const found = [...faults, ...opened.faults];
  const running: State = {
    ...known,
    durable,
    generation: number,
    counters,
    held: opened.held,
    waiting: opened.waiting,
    poweredBaseMs: counters.uptimeMs - now.uptimeMs,
    savedAtMs: now.uptimeMs,
    link: durable.registration.at === 'unregistered' ? idle(now) : soon(now),
    views: certificatesOf(durable, opened.held),
    faults: found[0] ? { restore: found[0] } : {},
  };
  const ready: Step = {
    state: running,
    effects: [
      ...found.map((each) => warn('restored with a fault', each)),
      { do: 'export', certificates: exportsOf(durable, opened.held) },
      { do: 'notify', ready: true, status: 'running' },
    ],
  };
  return cloned ? then(ready, (next) => broken(next, fault('cloned'))) : ready;
}

/**
 * Stored documents are verified again; what does not hold is left out and reported, and comes again from the server. Below
 * the highest revision nothing that a person accepted counts, since the newer policy may have removed it.
 */
function reopen(restored: Restored) {
  const { durable } = restored;
  const audience = audienceOf(durable);
  const faults: Fault[] = [];
  const open = <Opened>(
    jws: string | null,
    opener: (jws: string) => { ok: true; value: Opened } | { ok: false; fault: Fault },
  ) => {
    const opened = jws === null ? null : opener(jws);
    if (opened && !opened.ok) faults.push(opened.fault);
    return opened?.ok ? opened.value : null;
  };
  const held = {
    policy: audience && open(durable.policy, (jws) => openPolicy(jws, audience, null)),
    device: audience && open(durable.device, (jws) => openDevice(jws, audience, null)),
  };
  const waiting = audience && open(durable.waiting, (jws) => openDevice(jws, audience, null));
  const documents = [held.policy?.policy, held.device?.device, waiting?.device].filter((each) => each !== undefined);
  const counters = raisedBy(restored.counters, documents);
  const fellBack = documents.some((each) => each.rev < (counters.highest[each.aud] ?? 0));
  const local = fellBack ? durable.local.filter((entry) => entry.source !== 'manual') : durable.local;
  return { held, waiting, faults, counters, durable: { ...durable, local } };
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
  const applied: State = {
    ...withFault(state, 'disk', null),
    pending: null,
    durable,
    held,
    waiting,
    counters,
    views: certificatesOf(durable, held),
  };
  const changed = storeChanged(state.durable, durable);
  return then(trail(applied, pending.audit, event.now), (next) => {
    const effects: Effect[] = [];
    if (pending.counters) effects.push({ do: 'count', counters: next.counters });
    if (changed) effects.push({ do: 'export', certificates: exportsOf(durable, held) });
    effects.push(...acknowledge(next, delivery));
    effects.push(...answer(pending.answer?.request ?? null, pending.answer?.result ?? { ok: true, value: null }));
    return then({ state: next, effects }, (last) => follow(last, pending.next, event.now));
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
    case 'nothing':
      return rest(state);
  }
}

/** The last good generation stays. Nothing on the way is acknowledged, so the server sends it again. */
function onPersistFailed(state: State, event: Of<'persist-failed'>): Step {
  const { pending } = state;
  if (!pending || pending.number !== event.number) return rest(state);
  const told = withFault({ ...state, pending: null, registerRequest: null }, 'disk', event.fault);
  const waiting = pending.answer?.request ?? state.registerRequest;
  const effects = [warn('not made durable', event.fault), ...answer(waiting, { ok: false, fault: event.fault })];
  const dropped = then({ state: told, effects }, (next) => drop(next, event.now, event.fault));
  return stopIfBroken(dropped, event.fault);
}

function onAsked(state: State, event: Of<'asked'>): Step {
  const { request, ask, now } = event;
  const busy = state.pending !== null || state.at === 'starting';
  if (busy) return { state, effects: answer(request, { ok: false, fault: fault('busy') }) };
  const standing = state.at === 'broken' ? (state.faults.identity ?? fault('internal')) : null;
  if (standing) return { state, effects: answer(request, { ok: false, fault: standing }) };
  return ask.do === 'register' ? onRegister(state, request, ask.order, now) : onCode(state, request, ask.code, now);
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

/** A resting place: nothing is tried any more, the console says why, and what lies on the disk is left alone. */
function broken(state: State, why: Fault): Step {
  return {
    state: { ...withFault(state, 'identity', why), at: 'broken' },
    effects: [warn('cannot go on', why), { do: 'notify', ready: true, status: why.code }],
  };
}

const stopIfBroken = (told: Step, why: Fault): Step =>
  why.kind === 'broken' ? { state: told.state, effects: [...told.effects, { do: 'stop', fault: why }] } : told;

const storeChanged = (before: Durable, after: Durable): boolean =>
  before.pins !== after.pins || before.policy !== after.policy || before.local !== after.local;

const warn = (text: string, why: Fault): Effect => ({ do: 'log', level: 'warning', text, fault: why });

function shown(state: State, now: Now): readonly Effect[] {
  const errandMs = state.errandAtMs === null ? longestSleepMs : Math.max(0, state.errandAtMs - now.uptimeMs);
  const inMs = Math.min(longestSleepMs, nextTickMs(state.link, now) ?? longestSleepMs, errandMs);
  return [
    { do: 'show', status: statusOf(state, now) },
    { do: 'wake', inMs },
  ];
}
