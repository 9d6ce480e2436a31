/**
 * A certificate in no slot instead of the server's. Where the last policy allowed it, rotation statements are asked for, once;
 * what does not lead to exactly this certificate, and every other stranger, needs the administrator's code.
 */
import { serverAudience } from '../../protocol/audience.ts';
import { fingerprintOf, fromBase64 } from '../../protocol/certificate.ts';
import { type Fault, fault, type Result } from '../../protocol/fault.ts';
import { maxRotationsBytes } from '../../protocol/limits.ts';
import { minuteMs } from '../../protocol/time.ts';
import { read } from '../../protocol/validate.ts';
import { pendCode } from './asking.ts';
import { openRotation, raisedBy } from './documents.ts';
import { failed } from './losing.ts';
import { addressesFor } from './membership.ts';
import { afterRotation, heldPins } from './pin.ts';
import { record } from './refusals.ts';
import { type Followed, judgeRotations } from './rotating.ts';
import type { Now } from './shape.ts';
import {
  answer,
  audienceOf,
  blocklistOf,
  clockOf,
  commit,
  done,
  type Following,
  type Of,
  poweredOf,
  rest,
  type State,
  type Step,
  then,
  withFault,
} from './state.ts';

/** Nobody makes us ask again and again: about one certificate, or about ever other ones. */
const askAgainMs = 10 * minuteMs;
const mostAsked = 8;

/** `why` is `not-pinned`. */
export function onStranger(state: State, der: string, why: Fault, now: Now): Step {
  const attempt = 'attempt' in state.link ? state.link.attempt : 0;
  const address = addressesFor(state.durable, state.held, attempt)?.https;
  const from = currentOf(state);
  const asked = askedOf(state.following, der, now);
  if (!mayFollow(state) || !address || !from || !asked) return askForCode(state, der, why, now);
  return {
    state: {
      ...withFault(state, 'link', why),
      link: { at: 'calling', since: now.wall, attempt, call: 'fetch-rotations' },
      following: { der, asked },
      nonce: null,
      errandAtMs: null,
      events: { ...state.events, sent: [], reading: null },
    },
    effects: [{ do: 'fetch-rotations', address, from }],
  };
}

/** Re-pins at once, or goes the way of the code as if nothing had been asked. */
export function onRotations(state: State, event: Of<'rotations-fetched'>): Step {
  const { now } = event;
  const der = awaitedOf(state);
  if (der === null) return rest(state);
  const fetched = read('rotations', event.bytes, maxRotationsBytes);
  const judged = fetched.ok ? judge(state, fetched.value.statements, der, now) : fetched;
  if (judged.ok) return follow(state, der, judged.value, now);
  const { code, facts } = judged.fault;
  const why = fault(code, { ...facts, what: 'rotation' });
  const told = record(state, now, 'server', 'document-refused', why);
  const logged: Step = {
    state: told.state,
    effects: [{ do: 'log', level: 'warning', text: 'rotation statements refused', fault: why }, ...told.effects],
  };
  return then(logged, (next) => onRotationsFailed(next, now));
}

/**
 * Statements from a stick, for the certificate a code is asked for. They may begin before the certificate we hold: a stick is
 * made for all devices. Faults: `not-allowed` where the last policy does not allow it, `code-not-asked`, and those of
 * `judgeRotations`.
 */
export function onFollow(state: State, request: number, statements: readonly string[], now: Now): Step {
  const waiting = state.durable.requests.flatMap(({ certificate }) => certificate ?? []);
  const deny = (why: Fault): Step => ({ state, effects: answer(request, { ok: false, fault: why }) });
  if (!mayFollow(state)) return deny(fault('not-allowed', { what: 'rotation' }));
  let why = fault('code-not-asked');
  for (const der of waiting) {
    const judged = judge(state, fromCurrent(state, statements, now), der, now);
    if (judged.ok) return follow(state, der, judged.value, now, request);
    why = judged.fault;
  }
  return deny(why);
}

/** None came, or none that count. */
export function onRotationsFailed(state: State, now: Now): Step {
  const der = awaitedOf(state);
  if (der === null) return rest(state);
  const why = fault('not-pinned', { fingerprint: fingerprintOf(fromBase64(der)) });
  return askForCode({ ...state, following: { ...state.following, der: null } }, der, why, now);
}

/** As the last policy says; none allows nothing. */
export const mayFollow = ({ held }: State): boolean => held.policy?.policy.rotation?.allowed === true;

function judge(state: State, statements: readonly string[], der: string, now: Now): Result<Followed> {
  const audience = audienceOf(state.durable);
  const current = currentOf(state);
  if (!audience || !current) return { ok: false, fault: fault('not-registered') };
  return judgeRotations(statements, der, {
    audience,
    current,
    clock: clockOf(state, now),
    blocklist: blocklistOf(state),
    highest: state.counters.highest[serverAudience(audience.serverId)] ?? 0,
  });
}

/** Whatever cannot be opened is left to the judge. */
function fromCurrent(state: State, statements: readonly string[], now: Now): readonly string[] {
  const audience = audienceOf(state.durable);
  const current = currentOf(state);
  const first = statements.findIndex((jws) => {
    const opened = audience && openRotation(jws, audience, clockOf(state, now));
    return opened?.ok && opened.value.from === current;
  });
  return first < 0 ? statements : statements.slice(first);
}

function follow(state: State, der: string, { links, newest }: Followed, now: Now, request: number | null = null): Step {
  const facts = { fingerprint: fingerprintOf(fromBase64(der)), links };
  return commit(
    { ...state, following: { ...state.following, der: null } },
    {
      durable: {
        ...state.durable,
        pins: afterRotation(der, clockOf(state, now).now),
        requests: state.durable.requests.filter((each) => each.action !== 1),
      },
      counters: { ...raisedBy(state.counters, [newest]), uptimeMs: poweredOf(state, now) },
      audit: [{ event: 'server-certificate-followed', facts }],
      answer: request === null ? null : { request, result: done },
      next: 'connect',
    },
  );
}

function askForCode(state: State, der: string, why: Fault, now: Now): Step {
  const change = { audit: [{ event: 'replacement-required', facts: why.facts }] };
  return then(
    failed(state, now, why),
    (next) => pendCode(next, { action: 1, certificate: der }, () => change, now).step ?? rest(next),
  );
}

const awaitedOf = ({ link, following }: State): string | null =>
  link.at === 'calling' && link.call === 'fetch-rotations' ? following.der : null;

const currentOf = ({ durable: { pins } }: State): string | null =>
  (pins && heldPins(pins).find(({ slot }) => slot === 'current')?.certificate.fingerprint) ?? null;

/** Who was asked about lately, this one added; null where it is among them, or where they are too many. */
function askedOf({ asked }: Following, der: string, { uptimeMs }: Now): Following['asked'] | null {
  const fingerprint = fingerprintOf(fromBase64(der));
  const lately = asked.filter(({ atMs }) => uptimeMs - atMs < askAgainMs);
  const closed = lately.length >= mostAsked || lately.some((each) => each.fingerprint === fingerprint);
  return closed ? null : [...lately, { fingerprint, atMs: uptimeMs }];
}
