/** All the agent knows while it runs, and the small moves every part of it makes. */
import { type Facts, type Fault, fault, good, type Result, shortFacts } from '../../protocol/fault.ts';
import type { CertificateView } from '../../protocol/local.ts';
import { instant } from '../../protocol/time.ts';
import { type ClockView, judgeClock, type TimeAnchor } from './clock.ts';
import type { Audience, Held, OpenDevice } from './documents.ts';
import { type Counters, type Durable, emptyDurable, type Order } from './durable.ts';
import { type Fetching, noFetching } from './fetching.ts';
import { type Forwarding, noForwarding } from './forward-line.ts';
import { freshCounters, keysOf, toObjects } from './generation.ts';
import type { Renewal } from './identity.ts';
import { idle, type Link } from './link.ts';
import { acceptedPins, judgeProved } from './pin.ts';
import type { Trust } from './session.ts';
import type { Effect, Event, Now, Reply, Step as ShapeStep, Socket } from './shape.ts';

export type Step = ShapeStep<State>;

/** Where a standing fault belongs; one stands for each. */
export type Area =
  | 'restore'
  | 'factory'
  | 'disk'
  | 'counters'
  | 'export'
  | 'document'
  | 'answer'
  | 'registration'
  | 'link'
  | 'identity'
  | 'corporate';
export type Faults = { readonly [area in Area]?: Fault };

/** What a change of state is told the audit log. */
export type AuditDraft = { readonly event: string; readonly facts: Facts };

export type Next = 'nothing' | 'call' | 'connect' | 'greet' | 'report' | 'proceed' | 'forget';

/** A locked action that a right code has opened, once, in this run: no restart prolongs it. Powered-on time. */
export type Opened = { readonly action: 2 | 3; readonly untilMs: number };

/** What is being made durable, and everything that follows once it is. */
export type Pending = {
  readonly number: number;
  readonly durable: Durable;
  readonly held: Held;
  readonly waiting: OpenDevice | null;
  readonly counters: Counters | null;
  readonly opened: Opened | null;
  readonly audit: readonly AuditDraft[];
  readonly delivery: { readonly connection: number; readonly ticket: number } | null;
  readonly answer: { readonly request: number; readonly result: Result<Reply> } | null;
  readonly next: Next;
  /** Nothing of before stays on the disk, no key either. */
  readonly forget: boolean;
};

/** What the audit log was told of refusals: in this hour of powered-on time, and since the server last took events. */
export type Refusals = {
  readonly [side in 'server' | Socket]: {
    readonly sinceMs: number;
    readonly told: readonly string[];
    readonly untaken: number;
  };
};

/** Strangers instead of the server: the one whose rotation statements are asked for, and who was asked about lately. */
export type Following = {
  /** Base64 DER of what was presented. */
  readonly der: string | null;
  readonly asked: readonly { readonly fingerprint: string; readonly atMs: number }[];
};

export type State = {
  readonly at: 'starting' | 'running' | 'broken';
  readonly durable: Durable;
  readonly counters: Counters;
  /** Number of the last generation written or tried. */
  readonly generation: number;
  readonly held: Held;
  readonly waiting: OpenDevice | null;
  readonly pending: Pending | null;
  /** A wrong code is answered only once it has been counted durably. */
  readonly verdict: { readonly request: number; readonly result: Result<null> } | null;
  /** So is a command acknowledged. */
  readonly counting: Pending['delivery'];
  readonly opened: Opened | null;
  /** A repair file on a stick that held when it was seen. */
  readonly offered: string | null;
  readonly refusals: Refusals;
  readonly link: Link;
  readonly anchor: TimeAnchor | null;
  /** Nonce of the check-in under way. */
  readonly nonce: string | null;
  /** When a check-in beside a standing connection is due: to prove a new server certificate, or to ask the time. */
  readonly errandAtMs: number | null;
  readonly following: Following;
  /** Where the connection and the check-in under way go to, or went to last. */
  readonly reaching: { readonly https: string; readonly mqtt: string };
  /** When new policy keys may be asked for again. */
  readonly keysAskableMs: number;
  readonly connections: number;
  /** Powered-on time is `now.uptimeMs + poweredBaseMs`. */
  readonly poweredBaseMs: number;
  readonly savedAtMs: number;
  readonly faults: Faults;
  /** Signed documents newer than what the server offers. */
  readonly newer: readonly string[];
  /** Audit events on the way to the server, and up to where it has them. */
  readonly events: {
    readonly sent: readonly number[];
    readonly acknowledged: number;
    /** The last number there was when the spool was asked, until it answers. */
    readonly reading: number | null;
    /** What the spool may forget once the last number used is durable. */
    readonly forgettable: number | null;
  };
  /** The request of the control API that waits for the outcome of a registration. */
  readonly registerRequest: number | null;
  readonly renewal: Renewal;
  readonly fetching: Fetching;
  /** SHA-256 of our own certificate where the server has called it expired, although our clock does not. */
  readonly calledExpired: string | null;
  /** Of logs to the log server. */
  readonly forwarding: Forwarding;
  /** What the person typed, until its key exists. */
  readonly pendingOrder: Order | null;
  /** `certificatesOf` what is held: derived, and kept because every status would parse each certificate again. */
  readonly views: readonly CertificateView[];
  readonly trust: Trust;
  readonly hardware: string;
  readonly versions: { readonly agent: string; readonly runtime: string };
};

const noRefusals = { sinceMs: 0, told: [], untaken: 0 };
const noTime: Now = { wall: instant(0), uptimeMs: 0, synced: false, random: 0, nonce: '' };

export const initial: State = {
  at: 'starting',
  durable: emptyDurable,
  counters: freshCounters(instant(0)),
  generation: 0,
  held: { policy: null, device: null },
  waiting: null,
  pending: null,
  verdict: null,
  counting: null,
  opened: null,
  offered: null,
  refusals: { server: noRefusals, console: noRefusals, read: noRefusals },
  link: idle(noTime),
  anchor: null,
  nonce: null,
  errandAtMs: null,
  following: { der: null, asked: [] },
  reaching: { https: '', mqtt: '' },
  keysAskableMs: 0,
  connections: 0,
  poweredBaseMs: 0,
  savedAtMs: 0,
  faults: {},
  newer: [],
  events: { sent: [], acknowledged: 0, reading: null, forgettable: null },
  registerRequest: null,
  renewal: { at: 'resting' },
  fetching: noFetching,
  calledExpired: null,
  forwarding: noForwarding,
  pendingOrder: null,
  views: [],
  trust: { probes: [], shown: [], session: null },
  hardware: '',
  versions: { agent: '', runtime: '' },
};

export const rest = (state: State): Step => ({ state, effects: [] });

/** Goes on from where `first` ended. */
export function then(first: Step, next: (state: State) => Step): Step {
  const second = next(first.state);
  return { state: second.state, effects: [...first.effects, ...second.effects] };
}

export const clockOf = (state: State, now: Now): ClockView => judgeClock(now, state.counters, state.anchor);
export const poweredOf = (state: State, now: Now): number => now.uptimeMs + state.poweredBaseMs;

export const blocklistOf = (state: State): readonly string[] => state.held.policy?.policy.blocklist ?? [];

/** Server certificates a connection may be made to now. */
export const acceptOf = (state: State, now: Now): readonly string[] =>
  state.durable.pins ? acceptedPins(state.durable.pins, clockOf(state, now), blocklistOf(state)) : [];

/** Why the holder of this certificate is no server of ours (any more); null where it is. */
export const refusalOf = (state: State, fingerprint: string, now: Now): Fault | null =>
  state.durable.pins
    ? judgeProved(state.durable.pins, fingerprint, clockOf(state, now), blocklistOf(state))
    : fault('not-pinned', { fingerprint });

/** Null until the device is registered. */
export function audienceOf(durable: Durable): Audience | null {
  const { registration } = durable;
  if (registration.at !== 'registered') return null;
  const { serverId, deviceId } = registration.bundle;
  return { serverId, deviceId, keys: registration.policyKeys };
}

export const withFault = (state: State, area: Area, fault: Fault | null): State => {
  const { [area]: _, ...others } = state.faults;
  return { ...state, faults: fault ? { ...others, [area]: { ...fault, facts: shortFacts(fault.facts) } } : others };
};

/** Numbers an audit event and appends it to the spool; the server's own clock view goes with it. */
export function audit(state: State, now: Now, draft: AuditDraft): Step {
  const seq = state.counters.eventSeq + 1;
  const clock = clockOf(state, now);
  const event = {
    format: 1 as const,
    seq,
    at: clock.now,
    clock: clock.at,
    ...draft,
    facts: shortFacts(draft.facts),
  };
  return {
    state: { ...state, counters: { ...state.counters, eventSeq: seq } },
    effects: [{ do: 'spool', event }],
  };
}

type Change = Partial<Omit<Pending, 'number'>>;

/**
 * Disk first, memory second: the new content takes effect when `persisted` comes. Counters are there before the first
 * generation, so that counters missing later are counters lost.
 */
export function commit(state: State, change: Change): Step {
  const number = state.generation + 1;
  const pending: Pending = {
    number,
    durable: state.durable,
    held: state.held,
    waiting: state.waiting,
    counters: null,
    opened: state.opened,
    audit: [],
    delivery: null,
    answer: null,
    next: 'nothing',
    forget: false,
    ...change,
  };
  const { durable, forget } = pending;
  const counted: readonly Effect[] = state.generation === 0 ? [{ do: 'count', counters: state.counters }] : [];
  return {
    state: { ...state, generation: number, pending },
    effects: [...counted, { do: 'persist', number, objects: toObjects(durable), keys: keysOf(durable), forget }],
  };
}

export const answer = (request: number | null, result: Result<Reply>): readonly Effect[] =>
  request === null ? [] : [{ do: 'answer', request, result }];

/** Nothing once the connection it came over is gone: the broker sends it again. */
export const acknowledge = ({ link }: State, delivery: Pending['delivery']): readonly Effect[] =>
  delivery && link.at === 'connected' && link.connection === delivery.connection
    ? [{ do: 'acknowledge', ...delivery }]
    : [];

export const done: Result<null> = good(null);

export type Of<Type extends Event['type']> = Extract<Event, { type: Type }>;
