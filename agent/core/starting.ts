/** A start: what the disk holds is restored, verified again, and what is wrong with it is told. */
import { type Fault, fault } from '../../protocol/fault.ts';
import { judgeClock } from './clock.ts';
import { trail } from './delivering.ts';
import { openDevice, openPolicy, raisedBy } from './documents.ts';
import type { Counters } from './durable.ts';
import { freshCounters, type Restored, restore } from './generation.ts';
import { idle, soon } from './link.ts';
import type { Effect, Now } from './shape.ts';
import {
  type AuditDraft,
  audienceOf,
  audit,
  initial,
  type Of,
  rest,
  type State,
  type Step,
  then,
  withFault,
} from './state.ts';
import { certificatesOf, exportsOf } from './views.ts';

/** A disk may hold any number of generations of a newer format. */
const mostFound = 10;

/**
 * Goes on from the newest whole generation; nothing is deleted whatever was found, and all of it is on record. Where the
 * last number of an event is lost, the time is higher than it: a number used twice would be a repetition to the server.
 */
export function onStarted(state: State, event: Of<'started'>): Step {
  if (state.at !== 'starting') return rest(state);
  const { now } = event;
  const lastEvent = (counted: Counters, lost: boolean): number =>
    Math.max(counted.eventSeq, event.lastEvent, lost ? judgeClock(now, counted, null).now : 0);
  const known = { ...initial, versions: event.versions, hardware: event.hardware, at: 'running' as const };
  const restored = restore(event.disk, event.built);
  if (!restored.ok) {
    const fresh = freshCounters(event.built);
    return broken({ ...known, counters: { ...fresh, eventSeq: lastEvent(fresh, true) } }, restored.fault, now);
  }
  const { number, faults } = restored.value;
  const opened = reopen(restored.value);
  // Never from the disk: another firmware may bring others.
  const manual = opened.durable.local.filter(({ source }) => source === 'manual');
  const durable = { ...opened.durable, local: [...manual, ...event.factory.entries] };
  const cloned = durable.registration.at === 'registered' && durable.registration.hardware !== event.hardware;
  const lost = event.damagedEvents > 0 || faults.some(({ code }) => code === 'counters-damaged');
  const counters: Counters = { ...opened.counters, eventSeq: lastEvent(opened.counters, lost) };
  const found = [...faults, ...opened.faults];
  const unfit = event.factory.faults;
  const dropped = event.damagedEvents > 0 ? [fault('events-dropped', { count: event.damagedEvents })] : [];
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
    faults: { ...(found[0] && { restore: found[0] }), ...(unfit[0] && { factory: unfit[0] }) },
  };
  const ready: Step = {
    state: running,
    effects: [
      ...found.map((each) => warn('restored with a fault', each)),
      ...unfit.slice(0, mostFound).map((each) => warn('a certificate of the firmware was left out', each)),
      { do: 'export', certificates: exportsOf(durable, opened.held) },
      ...((durable.corporate?.length ?? 0) > 0
        ? [{ do: 'export-corporate' as const, certificates: durable.corporate ?? [] }]
        : []),
      { do: 'notify', ready: true, status: 'running' },
    ],
  };
  const told = then(ready, (next) => trail(next, [...found, ...dropped].slice(0, mostFound).map(refusedState), now));
  return cloned ? then(told, (next) => broken(next, fault('cloned'), now)) : told;
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

/** A resting place: nothing is tried any more, the console says why, and what lies on the disk is left alone. */
function broken(state: State, why: Fault, now: Now): Step {
  const rested: Step = {
    state: { ...withFault(state, 'identity', why), at: 'broken' },
    effects: [warn('cannot go on', why), { do: 'notify', ready: true, status: why.code }],
  };
  return then(rested, (next) => audit(next, now, refusedState(why)));
}

const refusedState = ({ code, facts }: Fault): AuditDraft => ({ event: 'state-refused', facts: { ...facts, code } });

export const warn = (text: string, why: Fault): Effect => ({ do: 'log', level: 'warning', text, fault: why });
