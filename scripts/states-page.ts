/** The text of `docs/states.md`: what the state × event table of the tests leads to, one small table for each machine. */
import { type State, step } from '../agent/core/agent.ts';
import { lockedForMs } from '../agent/core/codes.ts';
import type { Event, Now } from '../agent/core/shape.ts';
import { clockOf, poweredOf } from '../agent/core/state.ts';
import { dayMs, minuteMs } from '../protocol/time.ts';
import { deviceLeafTopic } from '../protocol/topics.ts';
import {
  askNow,
  type Bench,
  lastStatus,
  loseConnection,
  noon,
  nowOf,
  openBench,
  orderOf,
  pass,
  send,
  start,
} from '../test/fakes/agent.ts';
import { answerCode, leapTo, openAgeing } from '../test/fakes/identity-situations.ts';
import { incidents, situations } from '../test/fakes/situations.ts';

type Machine = {
  readonly name: string;
  readonly of: (state: State, now: Now) => string;
  readonly meanings: { readonly [state: string]: string };
};

const machines: readonly Machine[] = [
  {
    name: 'Registration',
    of: ({ at, durable: { registration } }) =>
      at !== 'running'
        ? at
        : registration.at === 'registered' && !registration.confirmed
          ? 'unconfirmed'
          : registration.at,
    meanings: {
      starting: 'before anything was read from the disk',
      broken: 'the identity cannot be read, or is of another machine: nothing is tried, nothing is deleted',
      unregistered: 'no order was given',
      ordered: 'the person gave an address, a fingerprint and an invitation; the key is on the disk',
      enrolled: 'the certificate is on the disk',
      unconfirmed: 'the bundle is on the disk, the server does not know it yet',
      registered: 'the server knows; every further contact is mutual TLS',
    },
  },
  {
    name: 'Identity',
    of: ({ durable: { registration } }) => {
      if (registration.at !== 'registered' || !registration.confirmed) return 'none';
      const { next, standing } = registration;
      if (standing === 'retired') return standing;
      const step = next?.at ?? 'in use';
      return standing === 'active' ? step : next && next.at !== 'wanted' ? `${standing}, ${step}` : standing;
    },
    meanings: {
      none: 'the server does not know this device yet',
      'in use': 'the one certificate of the device; no other is wanted',
      wanted: 'the administrator has asked for another one',
      keyed: 'the next key is on the disk; the identity before is in use',
      issued: 'so is its certificate, which no contact has proven yet; the identity before is in use',
      retired: 'by the word of the server; nothing is tried, a code is asked for',
      readmitted: 'the right code came: one enrolment by the device secret',
      'readmitted, keyed': 'the key for it is on the disk',
      'readmitted, issued': 'so is its certificate, which no contact has proven yet',
    },
  },
  {
    name: 'Link',
    of: ({ link }) => link.at,
    meanings: {
      idle: 'nothing to talk about',
      waiting: 'the next try comes after a jittered delay',
      connecting: 'MQTT is being opened; in flight, a restart falls back to waiting',
      calling:
        'a registration step, a check-in, a step towards another identity or a question for rotation statements over HTTPS; in flight, a restart falls back to waiting',
      connected: 'MQTT stands and is subscribed',
    },
  },
  {
    name: 'Pins',
    of: ({ durable: { pins } }) =>
      pins === null
        ? 'none'
        : ['current', pins.reserve && 'reserve', pins.previous && 'previous'].filter(Boolean).join(' + '),
    meanings: {
      none: 'before the registration bundle',
      current: 'one server certificate is accepted',
      'current + reserve': 'the next one is held beside it, and accepted too',
      'current + previous': 'a switch happened; the old one is accepted for 7 days',
      'current + reserve + previous': 'both',
    },
  },
  {
    name: 'Codes',
    of: (state, now) => {
      const asked = state.durable.requests.length > 0 ? 'needs-code' : 'no code';
      return lockedForMs(state.counters, poweredOf(state, now)) > 0 ? 'locked' : asked;
    },
    meanings: {
      'no code': 'nothing waits for the administrator',
      'needs-code':
        'a certificate in no slot was presented, or a locked action is wanted; the confirmation code is shown',
      locked: 'five wrong codes, or damaged counters: no code is tried until the lock is over',
    },
  },
  {
    name: 'Locked action',
    of: ({ opened }) => (opened ? 'open' : 'closed'),
    meanings: {
      closed: 'what the policy locks (other addresses of the server, the reset) needs a code',
      open: 'a right code came in this run: one action, once, within ten minutes of powered-on time',
    },
  },
  {
    name: 'Session',
    of: ({ trust: { session, probes } }) =>
      session && session.at !== 'ended'
        ? session.at
        : probes.some((probe) => probe.for.do === 'connect')
          ? 'looking'
          : 'none',
    meanings: {
      none: 'no remote desktop is open; the end of the last one is still shown',
      looking: 'the server is asked what it shows; nothing was sent to it',
      starting: 'it is trusted and the client starts, or starts again after it was shown another certificate',
      running: 'the client runs; there is never a second one',
    },
  },
  {
    name: 'Clock',
    of: (state, now) => clockOf(state, now).at,
    meanings: {
      known: 'at or above the floor, or signed by the server or set by hand since the start',
      unknown: 'below the floor: the floor is the time used, nothing is deleted, no code is shown or taken',
    },
  },
];

const followUps: ReadonlySet<Event['type']> = new Set(['persisted', 'counted', 'events-read']);
const passing: ReadonlySet<Event['type']> = new Set(['published', 'tick']);

type Seen = (before: State, after: State, now: Now, cause: string) => void;

export function statesPage(): string {
  const rows = new Map<Machine, Map<string, Set<string>>>(machines.map((machine) => [machine, new Map()]));
  const seen: Seen = (before, after, now, cause) => {
    for (const machine of machines) {
      const [from, to] = [machine.of(before, now), machine.of(after, now)];
      if (from === to) continue;
      const arrow = `| ${from} | ${to} |`;
      const known = rows.get(machine);
      known?.set(arrow, (known.get(arrow) ?? new Set()).add(cause));
    }
  };
  table(seen);
  tale(seen);
  ageing(seen);
  return `${[heading, ...machines.map((machine) => section(machine, rows.get(machine) ?? new Map()))].join('\n\n')}\n`;
}

const heading = `# States of the agent

Written by \`make states\` from the state × event table of the tests; do not edit. What is not listed changes nothing in that
machine. Every change of registration, pins and requests is durable before it takes effect.`;

function section(machine: Machine, arrows: ReadonlyMap<string, ReadonlySet<string>>): string {
  const order = Object.keys(machine.meanings);
  const place = (arrow: string): number => order.indexOf(arrow.split(' | ')[0]?.slice(2) ?? '');
  const sorted = [...arrows].sort(([one], [other]) => place(one) - place(other) || one.localeCompare(other, 'en'));
  return [
    `## ${machine.name}`,
    '',
    '| state | meaning |',
    '|---|---|',
    ...order.map((state) => `| \`${state}\` | ${machine.meanings[state]} |`),
    '',
    '| from | to | when |',
    '|---|---|---|',
    ...sorted.map(([arrow, causes]) => `${arrow} ${[...causes].sort().join('; ')} |`),
  ].join('\n');
}

/** Each situation, each event, and the commit that follows from it. */
function table(seen: Seen): void {
  for (const { make } of situations) {
    const bench = make();
    const now = nowOf(bench);
    for (const incident of incidents) {
      const next = step(bench.state, { ...incident.make(bench), now });
      const number = next.state.pending?.number;
      // A commit that was on its way before is none of this event's doing.
      const begun = number !== undefined && number !== bench.state.pending?.number;
      const after = !begun ? next : step(next.state, { type: 'persisted', number, now });
      if (incident.name !== 'started again') seen(bench.state, after.state, now, incident.name);
    }
  }
}

/** The main job from the first order to the last code, for what only follows from a good answer. */
function tale(seen: Seen): void {
  const bench = openBench();
  const { server } = bench;
  let cause = '';
  bench.watch = (before, event, after) => {
    if (!followUps.has(event.type)) cause = causeOf(event);
    if (!passing.has(event.type)) seen(before, after, event.now, cause);
    else seen(before, after, event.now, 'in time');
  };
  start(bench);
  server.publishPolicies();
  askNow(bench, { do: 'register', order: orderOf(bench) });
  pass(bench, 3000);
  server.state.reserve = { index: 1, activateAt: nowOf(bench).wall - dayMs };
  reconnect(bench);
  Object.assign(server.state, { main: 1, reserve: null });
  reconnect(bench);
  server.state.main = 3;
  reconnect(bench);
  const shown = lastStatus(bench).replacement?.confirmationCode;
  if (!shown) throw new Error('the tale has no code');
  for (let tries = 0; tries < 5; tries++) askNow(bench, { do: 'code', code: wrongCode });
  pass(bench, 16 * minuteMs);
  askNow(bench, { do: 'code', code: server.answerCode(shown) });
  pass(bench, 3000);
  bench.time.wallErrorMs = -noon;
  start(bench);
  pass(bench, minuteMs);
  start(bench, { hardware: 'machine-2' });
}

/** The identity from its window to its retirement, and the way back. */
function ageing(seen: Seen): void {
  const bench = openAgeing();
  const { server } = bench;
  let cause = '';
  bench.watch = (before, event, after) => {
    if (!followUps.has(event.type)) cause = passing.has(event.type) ? 'in time' : causeOf(event);
    seen(before, after, event.now, cause);
  };
  leapTo(bench, 20);
  pass(bench, 5 * minuteMs);
  send(bench, server.deliverRaw(deviceLeafTopic(server.device.id, 'command'), server.commandOf('renew')));
  pass(bench, 5 * minuteMs);
  loseConnection(bench);
  server.state.reachable = false;
  leapTo(bench, -40);
  server.state.reachable = true;
  pass(bench, 10 * minuteMs);
  answerCode(bench);
  pass(bench, 10 * minuteMs);
}

const wrongCode = '0000 0000 0098';

function reconnect(bench: Bench): void {
  loseConnection(bench);
  bench.server.publishPolicies();
  pass(bench, 60_000);
}

const causes: { readonly [type in Event['type']]?: string } = {
  started: 'started, with what the disk holds',
  'key-made': 'key made',
  'bundle-fetched': 'a good bundle',
  'bundle-confirmed': 'bundle confirmed',
  presented: 'presented: an unknown certificate',
  connected: 'connected by the certificate of a slot',
  renewed: 'a certificate for the next key',
  proven: 'the next identity proven',
  'call-failed': 'renew: retired',
  message: 'a signed document',
  'checked-in': 'checked in',
  asked: 'asked',
};
const causeOf = (event: Event): string =>
  event.type === 'asked' && event.ask.do === 'code'
    ? event.ask.code === wrongCode
      ? 'the fifth wrong code'
      : 'the right code'
    : (causes[event.type] ?? event.type);
