/**
 * What a person changes at the device: settings, the addresses of the server, the time, and the reset. Where the policy
 * locks the addresses or the reset, an administrator's code opens them once.
 */
import { bad, type Fault, fault, good, type Result } from '../../protocol/fault.ts';
import type { ConnectionRequest, SettingsRequest } from '../../protocol/local.ts';
import type { Addresses } from '../../protocol/schema.ts';
import { parsePlace } from '../../protocol/target.ts';
import { type Instant, instant } from '../../protocol/time.ts';
import { pendCode } from './asking.ts';
import { setByHand } from './clock.ts';
import type { CodeRequest, LocalSettings } from './durable.ts';
import { addressesOf, isSame, toldAddresses } from './membership.ts';
import { reset } from './resetting.ts';
import { isLocked, isOpen, type Operation, shownCode, wantedFor } from './settings.ts';
import type { Ask, Now } from './shape.ts';
import { answer, audit, clockOf, commit, done, type State, type Step, then } from './state.ts';

/** Asks of this part. */
export type SettingsAsk = Extract<Ask, { readonly do: 'settings' | 'connection' | 'time' | 'reset' }>;

const servers = ['logServer', 'rdp', 'broker'] as const;
const defaultPorts = { logServer: 6514, rdp: 3389, broker: 443 } as const;

export function onSettingsAsk(state: State, request: number, ask: SettingsAsk, now: Now): Step {
  switch (ask.do) {
    case 'settings':
      return onSettings(state, request, ask);
    case 'connection':
      return onConnection(state, request, ask, now);
    case 'time':
      return onTime(state, request, instant(ask.at), now);
    case 'reset':
      if (state.registerRequest !== null || state.pendingOrder !== null) return deny(state, request, fault('busy'));
      return isOpen(state, 'reset', now) ? reset(state, request, now) : askForCode(state, request, 'reset', now);
  }
}

/** All or nothing. Faults: `setting-locked`, `bad-argument`. */
function onSettings(state: State, request: number, asked: SettingsRequest): Step {
  const before = state.durable.settings;
  const wanted = readSettings(asked, before);
  if (!wanted.ok) return deny(state, request, wanted.fault);
  const settings = wanted.value;
  const changed = [...servers, 'language' as const].filter((name) => settings[name] !== before[name]);
  const locked = servers.find((name) => asked[name] !== undefined && isLocked(state.durable, state.held, name));
  if (locked) return deny(state, request, fault('setting-locked', { what: locked }));
  if (changed.length === 0) return { state, effects: answer(request, done) };
  return commit(state, {
    durable: { ...state.durable, settings },
    audit: changed.map((setting) => ({
      event: 'setting-changed',
      facts: { setting, value: settings[setting] ?? '' },
    })),
    answer: { request, result: done },
  });
}

function readSettings(asked: SettingsRequest, before: LocalSettings): Result<LocalSettings> {
  const read = { ...before, language: asked.language === undefined ? before.language : asked.language };
  for (const name of servers) {
    const typed = asked[name];
    if (typed === undefined) continue;
    const place = typed === null ? null : parsePlace(typed, defaultPorts[name]);
    if (place?.ok === false) return bad(place.fault.code, { ...place.fault.facts, setting: name });
    read[name] = place?.value.text ?? null;
  }
  return good(read);
}

/**
 * Other addresses of the same server, whose certificate is judged by the pins as before; its own are those it told us.
 * Faults: `not-registered`, `bad-argument`, `code-needed`.
 */
function onConnection(state: State, request: number, asked: ConnectionRequest, now: Now): Step {
  const { registration } = state.durable;
  const told = toldAddresses(state.durable, state.held);
  if (registration.at !== 'registered' || !registration.confirmed || !told)
    return deny(state, request, fault('not-registered'));
  const [https, mqtt] = [parsePlace(asked.https, 443), parsePlace(asked.mqtt, 8883)];
  if (!https.ok) return deny(state, request, https.fault);
  if (!mqtt.ok) return deny(state, request, mqtt.fault);
  const typed: Addresses = { https: https.value.text, mqtt: mqtt.value.text };
  if (isSame(typed, addressesOf(state.durable, state.held))) return { state, effects: answer(request, done) };
  if (!isOpen(state, 'connection', now)) return askForCode(state, request, 'connection', now);
  const facts = { setting: 'connection', value: `${typed.https} ${typed.mqtt}` };
  return commit(state, {
    durable: { ...state.durable, connection: isSame(typed, told) ? null : typed },
    opened: null,
    audit: [{ event: 'setting-changed', facts }],
    answer: { request, result: done },
    next: 'connect',
  });
}

/**
 * The agent goes by it until NTP, the server or a restart knows better; a server in contact is asked at once. Faults:
 * `setting-locked`, `time-below-floor`.
 */
function onTime(state: State, request: number, at: Instant, now: Now): Step {
  if (isLocked(state.durable, state.held, 'dateTime'))
    return deny(state, request, fault('setting-locked', { what: 'dateTime' }));
  const counters = setByHand(state.counters, at);
  if (!counters) {
    const facts = { time: inWords(at), floor: inWords(state.counters.hardFloor) };
    return deny(state, request, fault('time-below-floor', facts));
  }
  const before = clockOf(state, now).now;
  const set: State = {
    ...state,
    counters,
    anchor: { at, uptimeMs: now.uptimeMs, by: 'hand' },
    errandAtMs: state.link.at === 'connected' ? now.uptimeMs : state.errandAtMs,
  };
  const told = audit(set, now, { event: 'time-set', facts: { before: inWords(before), after: inWords(at) } });
  return then(told, (next) => ({
    state: next,
    effects: [{ do: 'count', counters: next.counters }, { do: 'set-clock', at }, ...answer(request, done)],
  }));
}

const inWords = (at: Instant): string => `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`;

/** Faults: `code-needed` with the confirmation code, `clock-unknown`: no code is given out by a clock in 1970. */
function askForCode(state: State, request: number, operation: Operation, now: Now): Step {
  if (clockOf(state, now).at === 'unknown') return deny(state, request, fault('clock-unknown'));
  const needed = (asked: CodeRequest): Fault =>
    fault('code-needed', { operation, confirmation: shownCode(state.durable, asked) });
  const changeFor = (asked: CodeRequest) => ({
    audit: [{ event: 'code-requested', facts: { operation } }],
    answer: { request, result: { ok: false, fault: needed(asked) } as const },
  });
  const { step, request: known } = pendCode(state, wantedFor(operation), changeFor, now);
  return step ?? deny(state, request, needed(known));
}

const deny = (state: State, request: number, why: Fault): Step => ({
  state,
  effects: answer(request, { ok: false, fault: why }),
});
