/**
 * The log server: when records are forwarded, and what stands in the way. The records themselves stay at the edge. A line
 * begins anew when the setting, what counts for the server, the clock or the identity changes, so that nothing is sent
 * under trust that was taken away; it is tried for ever (full jitter), slowly where its certificate is not trusted.
 */
import { type Fault, fault, good, type Result } from '../../protocol/fault.ts';
import { parsePlace } from '../../protocol/target.ts';
import { hourMs } from '../../protocol/time.ts';
import { preflightOf } from './explain.ts';
import { type Aim, afterEnd, type Basis, isSame, type Line, refusedUntil, soon } from './forward-line.ts';
import { defaultPorts, entriesFor, revocationFor, rulesFor } from './rules.ts';
import { settingsOf } from './settings.ts';
import type { Effect, Now } from './shape.ts';
import { remember } from './shown.ts';
import { blocklistOf, clockOf, type Of, rest, type State, type Step } from './state.ts';

/** After every step: begins, ends or goes on as the settings and the store are now. */
export function settleForwarding(state: State, now: Now): Step {
  const { forwarding } = state;
  const clock = clockOf(state, now);
  const { durable, held } = state;
  const basis: Basis = { durable, held, clock: clock.at, hour: Math.floor(clock.now / hourMs) };
  const known = isSame(forwarding.basis, basis) ? state : { ...state, forwarding: { ...forwarding, basis } };
  const changed = known === state ? null : changeOf(known, now);
  if (changed) return changed;
  const { line } = forwarding;
  const due = (line.at === 'waiting' || line.at === 'refused') && line.untilMs !== null && now.uptimeMs >= line.untilMs;
  return due ? begin(known, line, now) : rest(known);
}

export function onForwarding(state: State, { connection, now }: Of<'forwarding'>): Step {
  const { line } = state.forwarding;
  if (line.at !== 'connecting' || line.connection !== connection) return rest(state);
  const { aim, attempt } = line;
  return {
    state: withLine(state, { at: 'connected', aim, connection, attempt, sinceMs: now.uptimeMs }),
    effects: [{ do: 'log', level: 'info', text: `log server ${aim.place.text} connected`, fault: null }],
  };
}

export function onForwardEnded(state: State, event: Of<'forward-ended'>): Step {
  const { connection, now, shown } = event;
  const { line } = state.forwarding;
  if ((line.at !== 'connecting' && line.at !== 'connected') || line.connection !== connection) return rest(state);
  const { aim } = line;
  if (shown?.at === 'shown') {
    const preflight = preflightOf(state, 'log', aim.place, shown, now);
    if (preflight.verdict === 'trusted') return rest(withLine(state, soon(aim, now)));
    const why = preflight.fault ?? event.fault;
    const refused: Line = { at: 'refused', aim, untilMs: refusedUntil(now), fault: why, preflight };
    // So that the person may add what was shown without another look.
    const seen = remember(state, 'log', aim.place, shown, now);
    return { state: withLine(seen, refused), effects: [tell('log server not trusted', why)] };
  }
  // One line for a log server that stays away, not one for each try.
  const effects = line.at === 'connected' || line.attempt === 0 ? [tell('log server lost', event.fault)] : [];
  return { state: withLine(state, afterEnd(line, event.fault, now)), effects };
}

export const onLogCounted = (state: State, { dropped, unsent }: Of<'log-counted'>): Step =>
  rest({ ...state, forwarding: { ...state.forwarding, unsent, dropped } });

/** Null where the line may go on as it is. */
function changeOf(state: State, now: Now): Step | null {
  const { line } = state.forwarding;
  const wanted = aimOf(state, now);
  const open = line.at === 'connecting' || line.at === 'connected';
  const effects: Effect[] = open ? [{ do: 'stop-forwarding' }] : [];
  const aim = wanted.ok ? wanted.value : null;
  if (!aim) {
    const why = wanted.ok ? null : wanted.fault;
    const same = line.at === 'off' && line.fault?.code === why?.code;
    return same ? null : { state: withLine(state, { at: 'off', fault: why }), effects };
  }
  if (line.at !== 'off' && line.aim.key === aim.key) return null;
  const clock = clockOf(state, now);
  if (clock.at === 'known') return { state: withLine(state, soon(aim, now)), effects };
  const why = fault('clock-unknown', { floor: clock.floor });
  return { state: withLine(state, { at: 'waiting', aim, untilMs: null, attempt: 0, fault: why }), effects };
}

/** Null where no log server is set, a fault where what is set is none. */
function aimOf(state: State, now: Now): Result<Aim | null> {
  const { value } = settingsOf(state.durable, state.held).logServer;
  if (value === null) return good(null);
  const place = parsePlace(value, defaultPorts.log);
  if (!place.ok) return place;
  const clock = clockOf(state, now);
  const trusted = entriesFor(state, 'log', place.value).flatMap(({ certificate, exact }) => {
    const { fingerprint, notAfter, notBefore } = certificate;
    return notBefore <= clock.now && clock.now <= notAfter ? [`${fingerprint} ${exact}`] : [];
  });
  const revoking = [revocationFor(state, 'log').revocation, state.held.policy?.lists.map((list) => list.fingerprint)];
  const own = [identityOf(state)?.chain[0], nameOf(state)];
  const key = [place.value.text, clock.at, trusted, blocklistOf(state), revoking, own];
  return good({ place: place.value, key: JSON.stringify(key) });
}

function begin(state: State, { aim, ...line }: Extract<Line, { untilMs: number | null }>, now: Now): Step {
  const connection = state.forwarding.connections + 1;
  const attempt = line.at === 'waiting' ? line.attempt : 0;
  const begun: State = { ...state, forwarding: { ...state.forwarding, connections: connection } };
  const { place } = aim;
  const rules = rulesFor(state, 'log', place, now);
  const [identity, device] = [identityOf(state), nameOf(state)];
  return {
    state: withLine(begun, { at: 'connecting', aim, connection, attempt }),
    effects: [{ do: 'forward', connection, place, rules, identity, device }],
  };
}

function identityOf({ durable: { registration } }: State) {
  return registration.at === 'registered' ? registration.identity : null;
}

/** RFC 5424 §6.2.4 takes printable ASCII without blanks; a device named otherwise goes by its id. */
function nameOf({ durable: { registration }, held }: State): string | null {
  if (registration.at !== 'registered') return null;
  const name = held.device?.device.name ?? registration.bundle.deviceName;
  return /^[!-~]{1,255}$/.test(name) ? name : registration.bundle.deviceId;
}

const withLine = (state: State, line: Line): State => ({ ...state, forwarding: { ...state.forwarding, line } });
const tell = (text: string, why: Fault): Effect => ({ do: 'log', level: 'warning', text, fault: why });
