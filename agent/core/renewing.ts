/**
 * The identity that follows: key → certificate → proof → in use. Every resting place is durable and every step repeats, so a
 * cut costs a step. The identity in use stays in use until the next one has made a contact of its own (B8, F18), and a
 * connection that stands is not ended for any of it before that (F17). After the end of the identity the link has nothing
 * else to do: then its tries are these steps.
 */
import { fromBase64, parseCertificate } from '../../protocol/certificate.ts';
import { bad, type Fault, fault, good, type Result } from '../../protocol/fault.ts';
import { hourMs, minuteMs, secondMs } from '../../protocol/time.ts';
import { pendCode } from './asking.ts';
import { hearAnswer, settleAnswer } from './checking-in.ts';
import { skewMs } from './clock.ts';
import { publishReport } from './delivering.ts';
import { draftOf } from './drafting.ts';
import { isSameAuthority, type NextIdentity, type Registered } from './durable.ts';
import {
  enrolsAgain,
  hasEnded,
  inFlight,
  isWanted,
  leafOf,
  type Renewal,
  registeredOf,
  renewalSpreadMs,
  withNext,
} from './identity.ts';
import { type Elsewhere, enrolmentFor, issuerOf, keptOf } from './issuing.ts';
import { afterFailure, idle } from './link.ts';
import { addressesFor } from './membership.ts';
import { record, recordAnswer } from './refusals.ts';
import type { Call, Effect, Now } from './shape.ts';
import { acceptOf, clockOf, commit, type Of, rest, type State, type Step, then, withFault } from './state.ts';
import { reportOf } from './views.ts';

export type IdentityCall = 'renew' | 'enrol-again' | 'prove';

/** What the administrator has asked for is not kept waiting. */
const askedSpreadMs = 5 * secondMs;
const firstRetryMs = minuteMs;
const longestRetryMs = 6 * hourMs;
/** After a refusal: tries from an hour upwards. */
const refusedAttempt = 6;
const resting: Renewal = { at: 'resting' };

export const isIdentityCall = (call: Call): call is IdentityCall =>
  call === 'renew' || call === 'enrol-again' || call === 'prove';

/** After every decision: decided from the time now, so neither a clock step nor an absence skips it (F3, F16, F17). */
export function withRenewal(state: State, now: Now): State {
  const { renewal } = state;
  if (inFlight(state)) return state;
  if (renewal.at === 'waiting') return state;
  if (!isWanted(state, now)) return state;
  const within = registeredOf(state)?.next ? askedSpreadMs : renewalSpreadMs;
  return { ...state, renewal: { at: 'waiting', untilMs: now.uptimeMs + now.random * within, attempt: 0 } };
}

/** Milliseconds until renewal wants a tick, or null. */
export const renewalTickMs = ({ renewal }: State, now: Now): number | null =>
  renewal.at === 'waiting' ? Math.max(0, renewal.untilMs - now.uptimeMs) : null;

/** Beside the link. */
export function tickRenewal(state: State, now: Now): Step {
  const { link, renewal } = state;
  if (renewal.at !== 'waiting' || now.uptimeMs < renewal.untilMs) return rest(state);
  // What was asked for and refused stood for that long.
  if (!isWanted(state, now)) return publishReport(withFault({ ...state, renewal: resting }, 'identity', null), now);
  if (hasEnded(state, now) && link.at !== 'connected') return rest(state);
  return proceed(state, now);
}

/** Instead of the link, whose try this is. A retired identity has nothing to try: it asks for a code. */
export function attemptRenewal(state: State, now: Now): Step {
  if (registeredOf(state)?.standing === 'retired') return askReadmission({ ...state, link: idle(now) }, now);
  const attempt = 'attempt' in state.link ? state.link.attempt : 0;
  const link = { at: 'calling', since: now.wall, attempt, call: 'renew' } as const;
  if (clockOf(state, now).at === 'known')
    return inFlight(state) ? rest({ ...state, link }) : proceed({ ...state, link }, now);
  const why = fault('clock-unknown');
  return rest({ ...withFault(state, 'link', why), link: afterFailure(link, now, why) });
}

/** The next step towards the identity that follows. */
export function proceed(state: State, now: Now): Step {
  const own = registeredOf(state);
  if (!own) return rest({ ...state, renewal: resting });
  const attempt = attemptOf(state);
  const { next, identity, bundle } = own;
  const issuer = issuerOf(state, own, now);
  const elsewhere = issuer.at === 'elsewhere' ? issuer : null;
  if (next === null || next.at === 'wanted' || (next.at === 'keyed' && !isFor(next, elsewhere)))
    return {
      state: { ...state, renewal: { at: 'making-key', attempt, issuer: elsewhere } },
      effects: [elsewhere ? { do: 'make-key', kind: elsewhere.enrolment.key } : { do: 'make-key' }],
    };
  // Where the link reaches the server, or tries to.
  const tries = 'attempt' in state.link ? state.link.attempt : 0;
  const address = (addressesFor(state.durable, state.held, tries) ?? bundle.addresses).https;
  const accept = acceptOf(state, now);
  const asking = (renewal: Renewal, effect: Effect & { readonly do: IdentityCall }): Step => {
    const { link } = state;
    const byLink = link.at === 'calling' && isIdentityCall(link.call);
    return {
      state: { ...state, renewal, link: byLink ? { ...link, call: effect.do } : link },
      effects: [effect],
    };
  };
  if (next.at === 'keyed') {
    const { deviceId: device, secret } = bundle;
    const { key } = next;
    return asking(
      { at: 'asking', attempt },
      enrolsAgain(own)
        ? { do: 'enrol-again', address, accept, key, device, secret }
        : {
            ...{ do: 'renew', address, accept, key, device, identity },
            ...(next.enrolment && { elsewhere: { enrolment: next.enrolment, renews: elsewhere?.renews === true } }),
          },
    );
  }
  const { nonce } = now;
  const body = JSON.stringify({ format: 1, nonce, report: reportOf(state, now), events: [] });
  const reaching = { ...state.reaching, https: address };
  const asked = asking(
    { at: 'proving', attempt, nonce },
    {
      ...{ do: 'prove', address, accept, identity: next.identity, body },
      ...(next.enrolment && { announcedBy: identity }),
    },
  );
  return then(asked, (last) => rest({ ...last, reaching }));
}

export function onNextKeyMade(state: State, { key, now }: Of<'key-made'>): Step {
  const { renewal } = state;
  if (renewal.at !== 'making-key') return rest(state);
  const where = renewal.issuer && { enrolment: enrolmentFor(state, renewal.issuer, key, now) };
  return commit(state, { durable: withNext(state.durable, { at: 'keyed', key, ...where }), next: 'proceed' });
}

export function onRenewed(state: State, { chain, key, now }: Of<'renewed'>): Step {
  const own = registeredOf(state);
  if (state.renewal.at !== 'asking' || own?.next?.at !== 'keyed') return rest(state);
  // An answer from before a reset, or of a key that was dropped meanwhile.
  if (own.next.key.sha256 !== key.sha256) return rest(state);
  const judged = judgeIssued(state, own, chain, now);
  if (!judged.ok) return then(recordAnswer(state, now, judged.fault), (next) => refused(next, judged.fault, now));
  const { enrolment } = own.next;
  const next = { at: 'issued', identity: { key, chain }, ...(enrolment && { enrolment }) } as const;
  return commit(state, { durable: withNext(state.durable, next), next: 'proceed' });
}

/** The server has answered a check-in by the next identity: it takes the place of the one before, for good (F19). */
export function onProven(state: State, event: Of<'proven'>): Step {
  const { renewal } = state;
  const { now } = event;
  const own = registeredOf(state);
  if (renewal.at !== 'proving' || own?.next?.at !== 'issued') return rest(state);
  const heard = hearAnswer(state, event, renewal.nonce);
  if (!heard.ok) return then(heard.step, (next) => onRenewalFailed(next, 'prove', heard.fault, now));
  // Without the server's word over our nonce it may be the answer to another question.
  if (!heard.timed) return then(heard.step, (next) => onRenewalFailed(next, 'prove', fault('server-answer'), now));
  const { identity, enrolment } = own.next;
  const how = enrolsAgain(own) ? 'reenrolment' : 'renewal';
  const facts = { fingerprint: leafOf(identity)?.fingerprint ?? '', how };
  const { enrolment: _, ...known } = own;
  const from = enrolment && { enrolment: keptOf(enrolment) };
  const registration: Registered = { ...known, identity, ...from, next: null, standing: 'active' };
  return then(heard.step, (next) => {
    const draft = draftOf(next);
    return settleAnswer(
      withFault(next, 'identity', null),
      {
        ...draft,
        durable: { ...draft.durable, registration },
        audit: [{ event: 'identity-renewed', facts }],
        changed: true,
      },
      heard.answer,
      event,
    );
  });
}

/** What may pass is tried again by backoff; what is refused takes the next identity with it, and never the one in use. */
export function onRenewalFailed(state: State, call: IdentityCall, why: Fault, now: Now): Step {
  const ours = call === 'prove' ? state.renewal.at === 'proving' : state.renewal.at === 'asking';
  if (!ours) return rest(state);
  // Another authority is not the server, whatever it answers.
  const next = registeredOf(state)?.next;
  const isElsewhere = call === 'renew' && next?.at === 'keyed' && next.enrolment !== undefined;
  if (why.code === 'identity-retired' && !isElsewhere) return retire(state);
  const disproved = call === 'prove' && (why.code === 'identity-refused' || why.code === 'identity-unreadable');
  if (why.kind === 'rejected' || disproved) return refused(state, why, now);
  const told = later(state, why, now);
  return state.faults.identity?.code === why.code ? rest(told) : publishReport(told, now);
}

export function onNextKeyFailed(state: State, why: Fault, now: Now): Step {
  const told = later(state, why, now);
  return state.faults.identity?.code === why.code ? rest(told) : publishReport(told, now);
}

/** The next key cannot be read back: it is on record, another one is made later, and the identity in use goes on (F13). */
export function onNextUnreadable(state: State, event: Of<'next-unreadable'>): Step {
  if (!inFlight(state)) return rest(state);
  const { fault: why, now } = event;
  return then(record(state, now, 'server', 'state-refused', why), (next) =>
    commit(later(next, why, now), { durable: withNext(next.durable, null) }),
  );
}

/** The server's word, from behind a certificate of a slot; no clock of ours says it. */
export function retire(state: State): Step {
  const own = registeredOf(state);
  if (!own || own.standing === 'retired') return rest(state);
  const facts = { fingerprint: leafOf(own.identity)?.fingerprint ?? '' };
  const registration: Registered = { ...own, next: null, standing: 'retired' };
  return commit(
    { ...withFault(withFault(state, 'identity', null), 'link', null), renewal: resting },
    { durable: { ...state.durable, registration }, audit: [{ event: 'identity-retired', facts }], next: 'connect' },
  );
}

/**
 * A retired device asks for a code over the server certificate it holds: the right one lets it enrol again. It is asked for
 * anew when the one before has run out.
 */
export function askReadmission(state: State, now: Now): Step {
  const { pins } = state.durable;
  const clock = clockOf(state, now);
  if (registeredOf(state)?.standing !== 'retired' || !pins || clock.at === 'unknown') return rest(state);
  const { current, reserve } = pins;
  const certificate = (reserve && clock.now >= reserve.activateAt ? reserve : current).der;
  const change = { audit: [{ event: 'code-requested', facts: { operation: 'reenrolment' } }] };
  return pendCode(state, { action: 1, certificate }, () => change, now).step ?? rest(state);
}

/** Whatever was under way is tried again later. By the link where it was the link's try. */
export function later(state: State, why: Fault, now: Now): State {
  if (!inFlight(state)) return state;
  const rejected = why.kind === 'rejected';
  const attempt = Math.max(attemptOf(state) + 1, rejected ? refusedAttempt : 0);
  const untilMs = now.uptimeMs + now.random * Math.min(longestRetryMs, firstRetryMs * 2 ** Math.min(attempt, 20));
  const told: State = { ...withFault(state, 'identity', why), renewal: { at: 'waiting', untilMs, attempt } };
  const { link } = state;
  if (link.at !== 'calling' || !isIdentityCall(link.call)) return told;
  const waiting = afterFailure(link, now, why);
  const slow = rejected && waiting.at === 'waiting' ? { ...waiting, untilMs } : waiting;
  return { ...withFault(told, 'link', why), link: slow };
}

/** A device that a code had readmitted needs another one. Where only our clock said that it was that late, it goes on as before. */
function refused(state: State, why: Fault, now: Now): Step {
  const own = registeredOf(state);
  if (!own) return rest(state);
  const { standing: before } = own;
  const standing = before === 'readmitted' ? 'retired' : before === 'returning' ? 'active' : before;
  return commit(later(state, why, now), {
    durable: { ...state.durable, registration: { ...own, next: null, standing } },
    next: 'report',
  });
}

/**
 * Whether what the server has issued can follow: it names this device, and is valid now. That it belongs to the key is judged
 * where the key is (F14). Faults: `certificate-unreadable`, `wrong-audience`, `already-exists` (the identity in use),
 * `not-yet-valid`, `expired`.
 */
function judgeIssued(state: State, own: Registered, chain: readonly string[], now: Now): Result<null> {
  const leaf = parseCertificate(fromBase64(chain[0] ?? ''));
  if (!leaf.ok) return leaf;
  const { fingerprint, notAfter, notBefore, owner } = leaf.value;
  // Another authority knows no device ids: there the server binds the certificate to one.
  const isForeign = own.next?.at === 'keyed' && own.next.enrolment !== undefined;
  if (!isForeign && owner !== own.bundle.deviceId) return bad('wrong-audience', { what: 'identity' });
  if (fingerprint === leafOf(own.identity)?.fingerprint) return bad('already-exists', { what: 'identity' });
  const clock = clockOf(state, now);
  // Whoever is called expired before the time knows that its clock is late.
  if (clock.now + skewMs < notBefore && state.calledExpired === null) return bad('not-yet-valid', { owner });
  // Where the one in use is over too, it may be our clock that is ahead: the proof brings the time of the server.
  return clock.now > notAfter && !hasEnded(state, now) ? bad('expired', { owner }) : good(null);
}

/** Whether a key is for this authority. */
const isFor = ({ enrolment }: Keyed, elsewhere: Elsewhere | null): boolean =>
  enrolment?.key === elsewhere?.enrolment.key && isSameAuthority(enrolment, elsewhere?.enrolment);
type Keyed = Extract<NextIdentity, { readonly at: 'keyed' }>;

const attemptOf = ({ renewal }: State): number => (renewal.at === 'resting' ? 0 : renewal.attempt);
