/**
 * Servers the person connects to: the look at one before anything is sent, and the certificates added, imported and removed
 * by hand. The store changes in one durable commit, and nothing in it is ever replaced: what is added stands beside the rest.
 */
import { toBase64 } from '../../protocol/certificate.ts';
import { bad, type Fault, fault, good, type Result } from '../../protocol/fault.ts';
import { maxCertificates } from '../../protocol/limits.ts';
import type { AddRequest, PresentedView, RemoveRequest } from '../../protocol/local.ts';
import type { Purpose } from '../../protocol/schema.ts';
import { type Place, parsePlace } from '../../protocol/target.ts';
import type { LocalEntry } from './durable.ts';
import { printOf, toldOf } from './entries.ts';
import { preflightOf } from './explain.ts';
import { judgeImport } from './importing.ts';
import { addressesOf } from './membership.ts';
import { record } from './refusals.ts';
import { defaultPorts, isClosed, rulesFor } from './rules.ts';
import { onConnect, onJudged } from './session.ts';
import type { Ask, ImportOrder, Now, Reply } from './shape.ts';
import { recall, remember } from './shown.ts';
import { answer, clockOf, commit, done, type Of, rest, type State, type Step } from './state.ts';

/** Asks of this part. */
export type TrustAsk = Extract<Ask, { readonly do: 'preflight' | 'connect' | 'add' | 'remove' | 'import' }>;

const mostProbes = 8;

export function onTrustAsk(state: State, request: number, ask: TrustAsk, now: Now): Step {
  switch (ask.do) {
    case 'preflight':
      return look(state, request, ask, now);
    case 'connect':
      return onConnect(state, request, (next) => look(next, request, ask, now));
    case 'add':
      return add(state, request, ask, now);
    case 'remove':
      return remove(state, request, ask);
    case 'import':
      return importFiles(state, request, ask, now);
  }
}

/** The server has shown something, or nothing. */
export function onProbed(state: State, event: Of<'probed'>): Step {
  const { now } = event;
  const probe = state.trust.probes.find(({ request }) => request === event.request);
  if (!probe) return rest(state);
  const { purpose, place } = probe;
  const probes = state.trust.probes.filter((each) => each !== probe);
  const next = remember({ ...state, trust: { ...state.trust, probes } }, purpose, place, event.outcome, now);
  const preflight = preflightOf(next, purpose, place, event.outcome, now);
  return probe.for.do === 'preflight'
    ? { state: next, effects: answer(probe.request, good(preflight)) }
    : onJudged(next, probe, preflight, now);
}

/** The place a person named; the device's own server where `ksc` names none. Faults: `bad-argument`, `not-registered`. */
export function placeOf(state: State, purpose: Purpose, server: string): Result<Place> {
  const own =
    purpose === 'ksc' && server.trim() === '' ? (addressesOf(state.durable, state.held)?.https ?? null) : server;
  return own === null ? bad('not-registered') : parsePlace(own, defaultPorts[purpose]);
}

function look(state: State, request: number, ask: Extract<TrustAsk, { do: 'preflight' | 'connect' }>, now: Now): Step {
  const place = placeOf(state, ask.purpose, ask.server);
  if (!place.ok) return deny(state, request, place.fault);
  if (state.trust.probes.length >= mostProbes) return deny(state, request, fault('busy'));
  const { purpose } = ask;
  const wanted = ask.do === 'connect' ? { do: 'connect' as const, user: ask.user } : { do: 'preflight' as const };
  const probe = { request, purpose, place: place.value, for: wanted };
  const rules = rulesFor(state, purpose, place.value, now);
  return {
    state: { ...state, trust: { ...state.trust, probes: [...state.trust.probes, probe] } },
    effects: [{ do: 'probe', request, place: place.value, rules }],
  };
}

/**
 * Only what this server showed just now, and only where a look at it would still ask the person. Faults: `adding-closed`,
 * `not-shown`, `already-trusted`, `too-many-certificates`, and whatever refuses the connection.
 */
function add(state: State, request: number, ask: AddRequest, now: Now): Step {
  const { purpose, fingerprint } = ask;
  if (isClosed(state.durable, state.held)) return deny(state, request, fault('adding-closed'));
  const place = placeOf(state, purpose, ask.server);
  if (!place.ok) return deny(state, request, place.fault);
  const { text } = place.value;
  const shown = recall(state, purpose, place.value, fingerprint, now);
  if (shown?.at !== 'shown') return deny(state, request, fault('not-shown', { server: text }));
  const { verdict, by, fault: why } = preflightOf(state, purpose, place.value, shown, now);
  if (by) return deny(state, request, fault('already-trusted', { owner: by.owner }));
  if (verdict !== 'unknown') return deny(state, request, why ?? fault('not-shown', { server: text }));
  const der = toBase64(shown.chain[0] ?? new Uint8Array());
  const entry = { purpose, source: 'manual', file: '', der, addedAt: clockOf(state, now).now, server: text } as const;
  return keep(state, request, [entry], done);
}

/** Faults: those of the whole order; what is wrong with a certificate stands in the answer. */
function importFiles(state: State, request: number, order: ImportOrder, now: Now): Step {
  if (isClosed(state.durable, state.held)) return deny(state, request, fault('adding-closed'));
  const clock = clockOf(state, now);
  if (clock.at === 'unknown') return deny(state, request, fault('clock-unknown', { floor: clock.floor }));
  const place = order.server === null ? null : placeOf(state, order.purpose, order.server);
  if (place && !place.ok) return deny(state, request, place.fault);
  const server = place?.value.text ?? null;
  const { found, refused } = judgeImport(state, order, server, clock.now);
  const added: PresentedView[] = refused.length > 0 ? [] : found.map(({ view }) => view);
  const result = good({ added, refused: [...refused] });
  const [first] = refused;
  if (first) {
    const why = { ...first.fault, facts: { ...first.fault.facts, what: first.file, faults: refused.length } };
    const told = record(state, now, 'console', 'request-refused', why);
    return { state: told.state, effects: [...told.effects, ...answer(request, result)] };
  }
  const { purpose } = order;
  const entries = found.map(
    ({ file, der }): LocalEntry => ({ purpose, source: 'manual', file, der, addedAt: clock.now, server }),
  );
  return keep(state, request, entries, result);
}

function keep(state: State, request: number, entries: readonly LocalEntry[], result: Result<Reply>): Step {
  const local = [...state.durable.local, ...entries];
  if (local.length > maxCertificates)
    return deny(state, request, fault('too-many-certificates', { count: local.length, limit: maxCertificates }));
  const audit = entries.map((entry) => toldOf('certificate-added', entry));
  return commit(state, { durable: { ...state.durable, local }, audit, answer: { request, result } });
}

/** Whatever server it was accepted for. Faults: `adding-closed`, `not-removable` (it was not added by hand), `not-found`. */
function remove(state: State, request: number, { purpose, fingerprint }: RemoveRequest): Step {
  if (isClosed(state.durable, state.held)) return deny(state, request, fault('adding-closed'));
  const { local } = state.durable;
  const gone = local.filter(
    (entry) => entry.source === 'manual' && entry.purpose === purpose && printOf(entry) === fingerprint,
  );
  if (gone.length === 0) {
    const kept = state.views.find((each) => each.purpose === purpose && each.fingerprint === fingerprint);
    return deny(state, request, kept ? fault('not-removable', { owner: kept.owner }) : fault('not-found'));
  }
  return commit(state, {
    durable: { ...state.durable, local: local.filter((entry) => !gone.includes(entry)) },
    audit: gone.map((entry) => toldOf('certificate-removed', entry)),
    answer: { request, result: done },
  });
}

const deny = (state: State, request: number, why: Fault): Step => ({
  state,
  effects: answer(request, { ok: false, fault: why }),
});
