/**
 * Certificates for other programs of this device, for mail and VPN: the device document says which there should be, each with a number
 * that rises when another one is to be fetched. What is held stays until that: a certificate the server no longer names is kept, as
 * it was, and only the command `wipe` or a reset takes it away.
 */
import { fromBase64, parseCertificate } from '../../protocol/certificate.ts';
import { type Fault, fault } from '../../protocol/fault.ts';
import type { DeviceDocument } from '../../protocol/schema.ts';
import { hourMs, minuteMs, secondMs } from '../../protocol/time.ts';
import type { CorporateCertificate, Durable } from './durable.ts';
import type { Fetching } from './fetching.ts';
import { hasEnded, registeredOf } from './identity.ts';
import { addressesFor } from './membership.ts';
import { recordAnswer } from './refusals.ts';
import type { Now } from './shape.ts';
import { acceptOf, clockOf, commit, type Of, rest, type State, type Step, then, withFault } from './state.ts';

type Wanted = NonNullable<DeviceDocument['certificates']>[number];
/** Certificates may be issued to a whole fleet at once. */
const spreadMs = 5 * secondMs;
const firstRetryMs = minuteMs;
const longestRetryMs = 6 * hourMs;
/** After a refusal: tries from an hour upwards. */
const refusedAttempt = 6;

/** Named in the device document, and not held in that order. */
export function wantedOf({ durable, held }: Pick<State, 'durable' | 'held'>): readonly Wanted[] {
  const corporate = durable.corporate ?? [];
  return (held.device?.device.certificates ?? []).filter(
    ({ id, order }) => !corporate.some((each) => each.id === id && each.order >= order),
  );
}

/** Milliseconds until a fetch wants a tick, or null. */
export function fetchTickMs(state: State, now: Now): number | null {
  const { asking, turns } = state.fetching;
  if (asking !== null || !mayFetch(state, now)) return null;
  const waits = wantedOf(state).map(({ id, order }) => turnOf(turns, id, order)?.untilMs ?? now.uptimeMs);
  return waits.length === 0 ? null : Math.max(0, Math.min(...waits) - now.uptimeMs);
}

/** After every decision: fetches what has its turn, one after the other, beside the link. */
export function settleFetching(state: State, now: Now): Step {
  const wanted = wantedOf(state);
  const { asking, turns } = state.fetching;
  if (wanted.length === 0 && turns.length === 0) return rest(state);
  const spread = wanted.map(
    ({ id, order }) =>
      turnOf(turns, id, order) ?? { id, order, attempt: 0, untilMs: now.uptimeMs + now.random * spreadMs },
  );
  const told: State = { ...state, fetching: { asking, turns: spread } };
  const own = registeredOf(state);
  const due = wanted.find(({ id, order }) => (turnOf(spread, id, order)?.untilMs ?? 0) <= now.uptimeMs);
  if (!own || !due || asking !== null || !mayFetch(state, now)) return rest(told);
  const { id, order, from } = due;
  const { deviceId: device, secret } = own.bundle;
  const address = (addressesFor(state.durable, state.held, 0) ?? own.bundle.addresses).https;
  const accept = acceptOf(state, now);
  const { identity } = own;
  return {
    state: { ...told, fetching: { asking: { id, order }, turns: spread } },
    effects: [{ do: 'fetch-corporate', address, accept, identity, device, secret, id, order, from }],
  };
}

/** Key and certificate are on the disk and belong together; they count once a generation names them. */
export function onCorporateFetched(state: State, { id, order, key, chain }: Of<'corporate-fetched'>): Step {
  const { asking } = state.fetching;
  if (asking?.id !== id || asking.order !== order) return rest(state);
  const wanted = wantedOf(state).find((each) => each.id === id && each.order === order);
  const told: State = { ...state, fetching: { ...state.fetching, asking: null } };
  const leaf = parseCertificate(fromBase64(chain[0] ?? ''));
  if (!wanted || !leaf.ok) return rest(told);
  const { type, alias } = wanted;
  const corporate: CorporateCertificate = { id, type, alias, order, identity: { key, chain } };
  const others = (state.durable.corporate ?? []).filter((each) => each.id !== id);
  const { fingerprint } = leaf.value;
  return commit(withFault(told, 'corporate', null), {
    durable: { ...state.durable, corporate: [...others, corporate] },
    audit: [{ event: 'corporate-certificate-installed', facts: { type, alias, fingerprint } }],
    next: 'report',
  });
}

/** Tried again by backoff, each by itself; what is held stays. */
export function onFetchFailed(state: State, why: Fault, now: Now): Step {
  const { asking, turns } = state.fetching;
  if (asking === null) return rest(state);
  const attempt = Math.max((turnOf(turns, asking.id, asking.order)?.attempt ?? 0) + 1, rejected(why));
  const untilMs = now.uptimeMs + now.random * Math.min(longestRetryMs, firstRetryMs * 2 ** Math.min(attempt, 20));
  const others = turns.filter(({ id }) => id !== asking.id);
  const fetching = { asking: null, turns: [...others, { ...asking, attempt, untilMs }] };
  const wanted = wantedOf(state).find(({ id }) => id === asking.id);
  const told = fault(why.code, { ...why.facts, ...(wanted && { certificate: wanted.alias }) });
  return then(recordAnswer({ ...state, fetching }, now, why), (next) => rest(withFault(next, 'corporate', told)));
}

/** The aliases of the server, for what it still names. */
export function withAliases(durable: Durable, document: DeviceDocument | undefined): Durable {
  const { corporate } = durable;
  const named = new Map((document?.certificates ?? []).map(({ id, alias }) => [id, alias]));
  if (!corporate?.some(({ id, alias }) => (named.get(id) ?? alias) !== alias)) return durable;
  return { ...durable, corporate: corporate.map((each) => ({ ...each, alias: named.get(each.id) ?? each.alias })) };
}

/** No key is made and nothing asked by an unknown clock (F4), or with an identity that only renewal is answered for. */
const mayFetch = (state: State, now: Now): boolean =>
  registeredOf(state) !== null && clockOf(state, now).at === 'known' && !hasEnded(state, now);

const turnOf = (turns: Fetching['turns'], id: string, order: number) =>
  turns.find((each) => each.id === id && each.order === order);

const rejected = ({ kind }: Fault): number => (kind === 'rejected' ? refusedAttempt : 0);
