/** Check-in over HTTPS: the same documents without MQTT, the server's signed time, and the proof of a new certificate. */
import { keysAudience } from '../../protocol/audience.ts';
import { type Fault, fault } from '../../protocol/fault.ts';
import { maxDocumentBytes } from '../../protocol/limits.ts';
import type { AuditEvent, CheckinAnswer } from '../../protocol/schema.ts';
import { instant, minuteMs, secondMs } from '../../protocol/time.ts';
import { read } from '../../protocol/validate.ts';
import { takeSignedTime } from './clock.ts';
import { forgetEvents } from './delivering.ts';
import { openTime } from './documents.ts';
import { type Draft, draftOf, take } from './drafting.ts';
import { nudged } from './identity.ts';
import { type Keyed, takeStatements } from './keys.ts';
import { afterCheckin, afterFailure } from './link.ts';
import { addressesFor } from './membership.ts';
import { proved } from './proving.ts';
import { recordAnswer } from './refusals.ts';
import type { Now } from './shape.ts';
import {
  acceptOf,
  audienceOf,
  clockOf,
  type Of,
  refusalOf,
  rest,
  type State,
  type Step,
  then,
  withFault,
} from './state.ts';
import { refuse, settle } from './syncing.ts';
import { reportOf } from './views.ts';

const maxAnswerBytes = 4 * maxDocumentBytes;
const errandSpreadMs = 15 * secondMs;
const errandAgainMs = 5 * minuteMs;
/** Nobody who sends garbage makes us check in again and again. */
const askForKeysAgainMs = 10 * minuteMs;

/** Instead of MQTT: events go along, so the spool is asked first and `sendCheckin` follows. */
export function checkin(state: State, attempt: number, now: Now): Step {
  const link = { at: 'calling' as const, since: now.wall, attempt, call: 'checkin' as const };
  const events = { ...state.events, reading: state.counters.eventSeq };
  return {
    state: { ...state, link, nonce: now.nonce, events },
    effects: [{ do: 'read-events', above: state.events.acknowledged }],
  };
}

/** Beside a standing MQTT connection, which carries the events. */
export const errand = (state: State, now: Now): Step =>
  sendCheckin({ ...state, nonce: now.nonce, errandAtMs: now.uptimeMs + errandAgainMs * (0.5 + now.random) }, [], now);

export function sendCheckin(state: State, events: readonly AuditEvent[], now: Now): Step {
  const { registration } = state.durable;
  const { nonce } = state;
  const report = reportOf(state, now);
  if (registration.at !== 'registered' || !report || nonce === null) return rest(state);
  const attempt = 'attempt' in state.link ? state.link.attempt : 0;
  const address = (addressesFor(state.durable, state.held, attempt) ?? registration.bundle.addresses).https;
  const body = JSON.stringify({ format: 1, nonce, report, events });
  const { identity } = registration;
  return {
    state: {
      ...state,
      events: { ...state.events, reading: null },
      reaching: { ...state.reaching, https: address },
    },
    effects: [{ do: 'checkin', address, identity, accept: acceptOf(state, now), body }],
  };
}

export function onCheckinFailed(state: State, why: Fault, now: Now): Step {
  if (state.link.at !== 'calling' || state.link.call !== 'checkin') return rest({ ...state, nonce: null });
  return rest({ ...withFault(state, 'link', why), nonce: null, link: afterFailure(state.link, now, why) });
}

export function onCheckedIn(state: State, event: Of<'checked-in'>): Step {
  const { now } = event;
  const { nonce } = state;
  if (nonce === null) return rest(state);
  const heard = hearAnswer(state, event, nonce);
  if (!heard.ok) return then(heard.step, (next) => onCheckinFailed(next, heard.fault, now));
  return then(heard.step, (next) => {
    const link = next.link.at === 'calling' ? afterCheckin(next.link, now) : next.link;
    const told: State = { ...nudged(next, now), nonce: null, link };
    return settleAnswer(told, draftOf(told), heard.answer, event);
  });
}

type Answered = Of<'checked-in'> | Of<'proven'>;
export type Heard =
  | { readonly ok: true; readonly step: Step; readonly answer: CheckinAnswer; readonly timed: boolean }
  | { readonly ok: false; readonly step: Step; readonly fault: Fault };

/**
 * An answer from behind a certificate of a slot: its time is taken over our nonce, and what the spool need not keep is
 * forgotten. `timed`: the server answered this very request. Faults: those of `refusalOf`, and `server-answer`.
 */
export function hearAnswer(state: State, { bytes, fingerprint, now }: Answered, nonce: string): Heard {
  const audience = audienceOf(state.durable);
  const stranger = audience ? refusalOf(state, fingerprint, now) : fault('not-registered');
  if (!audience || stranger) {
    const why = stranger ?? fault('not-registered');
    return { ok: false, step: recordAnswer(state, now, why), fault: why };
  }
  const checked = read('checkinAnswer', bytes, maxAnswerBytes);
  if (!checked.ok) {
    const why = fault('server-answer', { cause: checked.fault.code });
    return { ok: false, step: refuse(state, now, checked.fault, 'answer'), fault: why };
  }
  const answer = checked.value;
  // First of all: what else is in the answer may be signed by a key that they add.
  const keyed = takeStatements(state.durable, state.counters, answer.keys ?? [], clockOf(state, now));
  const time = openTime(answer.time, { ...audience, keys: keyed.keys }, nonce);
  const judged = time.ok ? rest(withFault(state, 'answer', null)) : refuse(state, now, time.fault, 'answer');
  const timed = time.ok ? takeSignedTime(state.counters, now, instant(time.value.time)) : judged.state;
  const told: State = {
    ...withFault(judged.state, 'link', null),
    counters: timed.counters,
    anchor: timed.anchor,
    errandAtMs: null,
  };
  const heard: Step = { state: told, effects: judged.effects };
  const step = then(heard, (next) => forgetEvents(next, Math.min(answer.acknowledged, next.counters.eventSeq)));
  return { ok: true, step, answer, timed: time.ok };
}

/** The documents of an answer, on top of what is drafted already. */
export function settleAnswer(state: State, before: Draft, answer: CheckinAnswer, { fingerprint, now }: Answered): Step {
  const keyed = takeStatements(before.durable, before.counters, answer.keys ?? [], clockOf(state, now));
  let draft = withKeys(before, keyed);
  if (answer.device) draft = take(draft, state, 'device', answer.device, now);
  if (answer.policy) draft = take(draft, state, 'policy', answer.policy, now);
  for (const command of answer.commands) draft = take(draft, state, 'command', command, now);
  return settle(state, withProof(draft, fingerprint, state, now), null, now);
}

/**
 * A policy may name a main certificate that no handshake has shown us yet. It is proven by a check-in soon, spread over
 * the fleet, so that the standing connection need not break. An unknown time and new policy keys are asked for in the same way.
 */
export function withErrand(state: State, now: Now): State {
  if (state.link.at !== 'connected' || state.errandAtMs !== null) return state;
  const clock = clockOf(state, now);
  const reserve = state.durable.pins?.reserve;
  const asksForKeys = wantsKeys(state) && now.uptimeMs >= state.keysAskableMs;
  const unproven = reserve && clock.now >= reserve.activateAt && state.held.policy?.policy.server.main === reserve.der;
  if (!unproven && clock.at !== 'unknown' && !asksForKeys) return state;
  const keysAskableMs = asksForKeys ? now.uptimeMs + askForKeysAgainMs : state.keysAskableMs;
  return { ...state, keysAskableMs, errandAtMs: now.uptimeMs + now.random * errandSpreadMs };
}

/** A document of a key we do not hold, or word of a newer key statement: check-in alone brings them. */
function wantsKeys({ counters, durable, faults, held }: State): boolean {
  const serverId = audienceOf(durable)?.serverId ?? '';
  const newest = held.policy?.policy.keys ?? 0;
  return faults.document?.code === 'unknown-key' || newest > (counters.highest[keysAudience(serverId)] ?? 0);
}

function withKeys(draft: Draft, { keys, audit, changed, counters, fault: why }: Keyed): Draft {
  const { registration } = draft.durable;
  const told = { ...draft, fault: why };
  if (registration.at !== 'registered' || !changed) return told;
  return {
    ...told,
    durable: { ...draft.durable, registration: { ...registration, policyKeys: keys } },
    counters: { ...draft.counters, highest: counters.highest },
    audit: [...draft.audit, ...audit],
    changed: true,
  };
}

function withProof(draft: Draft, fingerprint: string, state: State, now: Now): Draft {
  const proof = proved(draft, fingerprint, clockOf(state, now), { https: state.reaching.https });
  if (proof.durable === draft.durable) return draft;
  return { ...draft, durable: proof.durable, audit: [...draft.audit, ...proof.audit], changed: true };
}
