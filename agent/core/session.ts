/**
 * The one session there is. A client starts only for a server that is trusted, and is told exactly what it may trust. A server
 * that shows the client something else than what was looked at is looked at again, and the client started again, a few times.
 */
import { type Fault, fault, good, type Result } from '../../protocol/fault.ts';
import type { Status } from '../../protocol/local.ts';
import type { Purpose } from '../../protocol/schema.ts';
import type { Place } from '../../protocol/target.ts';
import type { Instant } from '../../protocol/time.ts';
import type { Explained } from './explain.ts';
import { record } from './refusals.ts';
import { entriesFor, revocationFor, rulesFor } from './rules.ts';
import type { Effect, Now, Reply, SessionPurpose } from './shape.ts';
import type { Shown } from './shown.ts';
import { answer, audit, blocklistOf, clockOf, type Of, rest, type State, type Step, then } from './state.ts';

/** A look under way at what a server shows, and what for. */
export type Probe = {
  /** Of the control API: the one that asked, which brought the password too. */
  readonly request: number;
  readonly purpose: Purpose;
  readonly place: Place;
  readonly for:
    | { readonly do: 'preflight' }
    | { readonly do: 'connect'; readonly user: string }
    | { readonly do: 'reconnect' };
};

export type Session = {
  readonly number: number;
  readonly purpose: SessionPurpose;
  readonly place: Place;
  readonly user: string;
  readonly request: number;
  readonly at: 'starting' | 'running' | 'ended';
  readonly since: Instant;
  /** How often the client was started. */
  readonly launches: number;
  /** What the last launch went by, for the answer; null once the request is answered. */
  readonly answers: Explained | null;
  readonly fault: Fault | null;
};

/** All of this part that is not durable. */
export type Trust = {
  readonly probes: readonly Probe[];
  readonly shown: readonly Shown[];
  readonly session: Session | null;
};

const mostRelaunches = 3;

/** One at a time. Fault: `session-busy`. */
export function onConnect(state: State, request: number, look: (state: State) => Step): Step {
  const { session, probes } = state.trust;
  const asked = probes.find((probe) => probe.for.do === 'connect');
  const place = session && session.at !== 'ended' ? session.place : asked?.place;
  if (!place) return look(state);
  return { state, effects: answer(request, { ok: false, fault: fault('session-busy', { server: place.text }) }) };
}

/** A look for a session has come to this. */
export function onJudged(state: State, probe: Probe, preflight: Explained, now: Now): Step {
  const { session } = state.trust;
  if (probe.for.do === 'reconnect')
    return session && preflight.verdict === 'trusted'
      ? launch(state, { ...session, launches: session.launches + 1 }, preflight, now)
      : giveUp(state, preflight, now);
  if (probe.for.do !== 'connect' || (probe.purpose !== 'rdp' && probe.purpose !== 'broker')) return rest(state);
  const { request, purpose, place } = probe;
  if (preflight.verdict !== 'trusted') {
    const stopped: Step = { state, effects: answer(request, good({ at: 'stopped', preflight })) };
    const why = preflight.verdict === 'refused' ? preflight.fault : null;
    return why ? then(stopped, (next) => tellRefused(next, place, why, now)) : stopped;
  }
  const number = (session?.number ?? 0) + 1;
  const { user } = probe.for;
  const since = clockOf(state, now).now;
  const fresh = { number, purpose, place, user, request, at: 'starting' as const, since, launches: 1 };
  return launch(state, { ...fresh, answers: preflight, fault: null }, preflight, now);
}

export function onSession(state: State, event: Of<'session-running'> | Of<'session-ended'>): Step {
  const { session } = state.trust;
  if (!session || session.number !== event.session || session.at === 'ended') return rest(state);
  return event.type === 'session-running' ? onRunning(state, session, event.now) : onEnded(state, session, event);
}

export function sessionOf({ trust: { session } }: State): Status['session'] {
  if (!session) return null;
  const { number, purpose, place, at, since, fault: why } = session;
  return { number, purpose, server: place.text, at, since, fault: why };
}

/**
 * Every exact certificate that counts for that server now, since several may stand behind one name, and the one just judged.
 * That one alone where certificates are looked for in revocation lists: the others were not.
 */
function launch(state: State, session: Session, preflight: Explained, now: Now): Step {
  const { number, request, purpose, place, user } = session;
  const { at } = rulesFor(state, purpose, place, now);
  const blocked = blocklistOf(state);
  const inDate = entriesFor(state, purpose, place).filter(
    ({ certificate: { notBefore, notAfter, fingerprint } }) =>
      notBefore <= at && at <= notAfter && !blocked.includes(fingerprint),
  );
  const leaf = preflight.chain[0]?.fingerprint;
  const all = revocationFor(state, purpose).revocation === undefined;
  const exact = inDate
    .filter((entry) => entry.exact && (all || entry.certificate.fingerprint === leaf))
    .map(({ certificate }) => certificate);
  const started: Session = { ...session, at: 'starting', answers: session.answers && preflight };
  const effect: Effect = {
    do: 'launch',
    session: number,
    request,
    purpose,
    place,
    user,
    fingerprints: [
      ...new Set([...(leaf === undefined ? [] : [leaf]), ...exact.map(({ fingerprint }) => fingerprint as string)]),
    ],
    exact: exact.map(({ der }) => der),
    anchors: inDate.filter((entry) => !entry.exact).map(({ certificate }) => certificate.der),
  };
  return { state: withSession(state, started), effects: [effect] };
}

function onRunning(state: State, session: Session, now: Now): Step {
  const { number, request, answers, purpose, place, user, launches } = session;
  const running = withSession(state, { ...session, at: 'running', since: clockOf(state, now).now, answers: null });
  const told: Step = {
    state: running,
    effects: answers ? answer(request, good({ at: 'started', session: number, preflight: answers })) : [],
  };
  if (launches > 1 && !answers) return told;
  return then(told, (next) =>
    audit(next, now, { event: 'session-started', facts: { purpose, server: place.text, user } }),
  );
}

function onEnded(state: State, session: Session, { fault: why, now }: Of<'session-ended'>): Step {
  if (why?.code !== 'client-refused-certificate' || session.launches > mostRelaunches)
    return end(state, session, why, now);
  const { request, purpose, place } = session;
  const probe: Probe = { request, purpose, place, for: { do: 'reconnect' } };
  const { trust } = withSession(state, { ...session, at: 'starting' });
  return {
    state: { ...state, trust: { ...trust, probes: [...trust.probes, probe] } },
    effects: [{ do: 'probe', request, place, rules: rulesFor(state, purpose, place, now) }],
  };
}

/** The server shows something that is not trusted now. */
function giveUp(state: State, preflight: Explained, now: Now): Step {
  const { session } = state.trust;
  if (!session) return rest(state);
  const why = preflight.fault ?? fault('client-refused-certificate');
  return session.answers
    ? close(state, session, why, good({ at: 'stopped', preflight }), now)
    : end(state, session, why, now);
}

function end(state: State, session: Session, why: Fault | null, now: Now): Step {
  const { number, answers: preflight } = session;
  if (why) return close(state, session, why, { ok: false, fault: why }, now);
  return close(state, session, why, preflight && good({ at: 'started', session: number, preflight }), now);
}

/** A request that still waits is given `result`; a session that never ran was refused, any other has ended. */
function close(state: State, session: Session, why: Fault | null, result: Result<Reply> | null, now: Now): Step {
  const { request, answers, purpose, place } = session;
  const since = clockOf(state, now).now;
  const ended: Step = {
    state: withSession(state, { ...session, at: 'ended', since, answers: null, fault: why }),
    effects: answers && result ? answer(request, result) : [],
  };
  if (answers && why) return then(ended, (next) => tellRefused(next, place, why, now));
  const facts = { purpose, server: place.text, ...(why ? { code: why.code } : {}) };
  return then(ended, (next) => audit(next, now, { event: 'session-ended', facts }));
}

const withSession = (state: State, session: Session): State => ({ ...state, trust: { ...state.trust, session } });

const tellRefused = (state: State, { text }: Place, why: Fault, now: Now): Step =>
  record(state, now, 'console', 'connection-refused', { ...why, facts: { ...why.facts, what: text } });
