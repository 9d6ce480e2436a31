/** Situations the agent can be in and things that can happen to it: the state × event table, from which `docs/states.md` is written too. */
import type { ForeignEnrolment, Order } from '../../agent/core/durable.ts';
import type { Happening } from '../../agent/core/shape.ts';
import { fault } from '../../protocol/fault.ts';
import { dayMs, instant, minuteMs, toNumericDate } from '../../protocol/time.ts';
import { deviceLeafTopic, policyTopic } from '../../protocol/topics.ts';
import { base64, print, serverCertificates } from './administration.ts';
import {
  askNow,
  type Bench,
  elsewhere,
  keyDigest,
  lastStatus,
  loseConnection,
  noon,
  openAsking,
  openBench,
  openLocked,
  openMissing,
  openRegistered,
  orderOf,
  pass,
  send,
  start,
} from './agent.ts';
import { identityIncidents, identitySituations } from './identity-situations.ts';
import { remoteIncidents, remoteSituations } from './remote-situations.ts';

export type Situation = { readonly name: string; readonly make: () => Bench };
export type Incident = { readonly name: string; readonly make: (bench: Bench) => Happening };

const started = (): Bench => {
  const bench = openBench();
  start(bench);
  bench.server.publishPolicies();
  return bench;
};
/** Registration that hangs at one effect. */
const stuckAt =
  (name: string, more: Partial<Order> = {}) =>
  (): Bench => {
    const bench = started();
    bench.instead = (effect) => (effect.do === name ? [] : null);
    askNow(bench, { do: 'register', order: { ...orderOf(bench), ...more } });
    bench.instead = () => null;
    return bench;
  };
const foreign: ForeignEnrolment = {
  protocol: 'scep',
  address: 'ca.example:80',
  path: '/scep',
  fingerprint: 'ab'.repeat(32),
  user: '',
  password: 'challenge',
  subject: '$RANDOM_32$',
  key: 'RSA-2048',
};
/** Away from its server, and hanging at one effect of coming back. */
const awayAt = (name: string, forMs: number) => (): Bench => {
  const bench = openRegistered();
  loseConnection(bench);
  bench.server.state.mqttBlocked = name === 'checkin';
  bench.instead = (effect) => (effect.do === name ? [] : null);
  pass(bench, forMs);
  bench.instead = () => null;
  return bench;
};
const locked = (): Bench => {
  const bench = openAsking();
  for (let turn = 0; turn < 5; turn++) askNow(bench, { do: 'code', code: '0000 0000 0098' });
  return bench;
};
const hung = (name: string, deliver: (bench: Bench) => void) => (): Bench => {
  const bench = openRegistered();
  bench.instead = (effect) => (effect.do === name ? [] : null);
  deliver(bench);
  bench.instead = () => null;
  return bench;
};
const withReserve = (activateInMs: number) => (): Bench => {
  const bench = openRegistered();
  bench.server.state.reserve = { index: 1, activateAt: noon + bench.time.uptimeMs + activateInMs };
  policyArrives(bench);
  return bench;
};
function policyArrives(bench: Bench, more: object = {}): void {
  const { server } = bench;
  const jws = server.sign('policy', server.policyOf(server.unassigned, more));
  sendOne(bench, server.deliverRaw(policyTopic(server.unassigned.id), jws));
}
const sendOne = (bench: Bench, happening: Happening): void => void send(bench, happening);

export const situations: readonly Situation[] = [
  { name: 'starting', make: openBench },
  { name: 'unregistered', make: started },
  { name: 'forwarding logs', make: forwarding },
  { name: 'making a key', make: stuckAt('make-key') },
  { name: 'ordered, enrolling', make: stuckAt('enrol') },
  { name: 'ordered from a foreign authority', make: stuckAt('enrol', { enrolment: foreign }) },
  { name: 'enrolled, fetching the bundle', make: stuckAt('fetch-bundle') },
  { name: 'registered, not confirmed', make: stuckAt('confirm-bundle') },
  { name: 'connected', make: () => openRegistered() },
  { name: 'connected, with a reserve', make: withReserve(dayMs) },
  { name: 'connected, with a reserve that is active', make: withReserve(-minuteMs) },
  { name: 'waiting', make: awayAt('none', 0) },
  { name: 'connecting', make: awayAt('connect', 10_000) },
  { name: 'checking in', make: awayAt('checkin', minuteMs) },
  { name: 'a commit on its way', make: hung('persist', (bench) => policyArrives(bench)) },
  { name: 'moving to another group', make: moving },
  { name: 'code asked', make: openAsking },
  { name: 'code asked, locked', make: locked },
  { name: 'asking for rotation statements', make: following },
  { name: 'clock unknown', make: () => inSeventy(openRegistered()) },
  { name: 'clock unknown, code asked', make: () => inSeventy(openAsking()) },
  { name: 'a verdict on its way', make: verdict },
  { name: 'locked by policy, a code asked for another address', make: openLocked },
  { name: 'locked by policy, another address open', make: opened },
  { name: 'a repair on its way', make: repairing },
  { name: 'repaired', make: repairedOne },
  { name: 'the floor of the clock years ahead', make: yearsAhead },
  { name: 'a reset on its way', make: hung('persist', (bench) => askNow(bench, { do: 'reset' })) },
  { name: 'reset', make: resetOne },
  ...remoteSituations,
  ...identitySituations,
  { name: 'cloned', make: () => restarted(openRegistered(), 'machine-2') },
  { name: 'identity unreadable', make: unreadable },
];

function forwarding(): Bench {
  const bench = started();
  askNow(bench, { do: 'settings', logServer: 'log.example' });
  pass(bench, 2000);
  if (bench.state.forwarding.line.at !== 'connecting') throw new Error('not forwarding');
  return bench;
}
function following(): Bench {
  const bench = openMissing(1, 2);
  bench.instead = (effect) => (effect.do === 'fetch-rotations' ? [] : null);
  pass(bench, 60_000);
  bench.instead = () => null;
  if (bench.state.following.der === null) throw new Error('nothing is asked for');
  return bench;
}
function moving(): Bench {
  const bench = openRegistered();
  const { server } = bench;
  const jws = server.sign(
    'device',
    server.deviceDocument({ group: server.office.id, groupRev: Number.MAX_SAFE_INTEGER }),
  );
  sendOne(bench, server.deliverRaw(deviceLeafTopic(server.device.id, 'device'), jws));
  return bench;
}
function inSeventy(bench: Bench): Bench {
  bench.time.wallErrorMs = -noon;
  return restarted(bench, 'machine-1');
}
function restarted(bench: Bench, hardware: string): Bench {
  start(bench, { hardware });
  return bench;
}
function verdict(): Bench {
  const bench = openAsking();
  bench.instead = (effect) => (effect.do === 'count' ? [] : null);
  askNow(bench, { do: 'code', code: '0000 0000 0098' });
  bench.instead = () => null;
  return bench;
}
function opened(): Bench {
  const bench = openLocked();
  askNow(bench, { do: 'code', code: rightCode(bench) });
  return bench;
}
function repairing(): Bench {
  const bench = openAsking();
  bench.instead = (effect) => (effect.do === 'persist' ? [] : null);
  repair(bench);
  bench.instead = () => null;
  return bench;
}
function repairedOne(): Bench {
  const bench = openAsking();
  repair(bench);
  return bench;
}
function yearsAhead(): Bench {
  const bench = openRegistered();
  bench.time.wallErrorMs = 10 * 365 * dayMs;
  const iat = toNumericDate(instant(noon + bench.time.uptimeMs + bench.time.wallErrorMs));
  policyArrives(bench, { iat, refreshBefore: iat + 86400 });
  bench.time.wallErrorMs = 0;
  return restarted(bench, 'machine-1');
}
function repair(bench: Bench): void {
  const [rev, time] = [revOf(bench), noon];
  askNow(bench, { do: 'repair', rev, jws: bench.server.repairFile({ rev, time }) });
}
function resetOne(): Bench {
  const bench = openRegistered();
  askNow(bench, { do: 'reset' });
  return bench;
}
function unreadable(): Bench {
  const bench = openRegistered();
  bench.objects = [];
  return restarted(bench, 'machine-1');
}

const connectionOf = ({ state }: Bench): number => ('connection' in state.link ? state.link.connection : 99);
const message = (bench: Bench, topic: string, payload: string): Happening => ({
  type: 'message',
  connection: connectionOf(bench),
  ticket: 7,
  topic,
  payload: Buffer.from(payload),
});
const rotationsFetched = (statements: readonly string[]): Happening => ({
  type: 'rotations-fetched',
  bytes: Buffer.from(JSON.stringify({ format: 1, statements })),
});
const revOf = ({ time }: Bench): number => noon + time.uptimeMs + 60_000;
const own = ({ server }: Bench, leaf: 'device' | 'command'): string =>
  deviceLeafTopic(server.device.id || '6f1dcf1c-1111-4111-8111-111111111111', leaf);
const full = fault('disk-full', { what: 'test' });
const generationOf = ({ state }: Bench): number => state.pending?.number ?? state.generation;

export const incidents: readonly Incident[] = [
  {
    name: 'started again',
    make: () => ({
      type: 'started',
      disk: { generations: [], counters: null },
      lastEvent: 0,
      damagedEvents: 0,
      built: noon,
      hardware: 'machine-1',
      factory: { entries: [], faults: [] },
      versions: { agent: '0', runtime: '' },
    }),
  },
  { name: 'tick', make: () => ({ type: 'tick' }) },
  { name: 'forwarding', make: (bench) => ({ type: 'forwarding', connection: bench.state.forwarding.connections }) },
  {
    name: 'forwarding ended',
    make: (bench) => {
      const connection = bench.state.forwarding.connections;
      return { type: 'forward-ended', connection, fault: fault('timed-out'), shown: null };
    },
  },
  { name: 'logs counted', make: () => ({ type: 'log-counted', unsent: 5, dropped: 1 }) },
  { name: 'persisted', make: (bench) => ({ type: 'persisted', number: generationOf(bench) }) },
  { name: 'another persisted', make: () => ({ type: 'persisted', number: 999 }) },
  { name: 'persist failed', make: (bench) => ({ type: 'persist-failed', number: generationOf(bench), fault: full }) },
  {
    name: 'persist broken',
    make: (bench) => ({ type: 'persist-failed', number: generationOf(bench), fault: fault('disk-failed') }),
  },
  { name: 'counted', make: () => ({ type: 'counted' }) },
  { name: 'count failed', make: () => ({ type: 'count-failed', fault: full }) },
  { name: 'export failed', make: () => ({ type: 'export-failed', fault: full }) },
  {
    name: 'asked to register',
    make: (bench) => ({ type: 'asked', request: 7, ask: { do: 'register', order: orderOf(bench) } }),
  },
  { name: 'a wrong code', make: () => ({ type: 'asked', request: 8, ask: { do: 'code', code: '0000 0000 0098' } }) },
  { name: 'a mistyped code', make: () => ({ type: 'asked', request: 8, ask: { do: 'code', code: '1' } }) },
  {
    name: 'the right code',
    make: (bench) => ({ type: 'asked', request: 9, ask: { do: 'code', code: rightCode(bench) } }),
  },
  {
    name: 'asked for a setting',
    make: () => ({ type: 'asked', request: 10, ask: { do: 'settings', rdp: 'ts.example' } }),
  },
  {
    name: 'asked for a language',
    make: () => ({ type: 'asked', request: 10, ask: { do: 'settings', language: 'ru' } }),
  },
  {
    name: 'asked for another address',
    make: () => ({ type: 'asked', request: 11, ask: { do: 'connection', ...elsewhere } }),
  },
  {
    name: 'asked for a time',
    make: () => ({ type: 'asked', request: 12, ask: { do: 'time', at: noon + dayMs } }),
  },
  {
    name: 'asked for a time below the floor',
    make: () => ({ type: 'asked', request: 12, ask: { do: 'time', at: 0 } }),
  },
  {
    name: 'asked to follow statements from a stick',
    make: (bench) => ({
      type: 'asked',
      request: 14,
      ask: { do: 'follow', statements: bench.server.rotationsFrom(print(serverCertificates[0])) },
    }),
  },
  { name: 'asked for a reset', make: () => ({ type: 'asked', request: 13, ask: { do: 'reset' } }) },
  {
    name: 'asked what a repair file would do',
    make: (bench) => ({ type: 'asked', request: 14, ask: { do: 'check-repair', jws: bench.server.repairFile() } }),
  },
  ...(['recovery', 'policy', 'stranger'] as const).map(
    (by): Incident => ({
      name: `asked to repair, by the ${by} key`,
      make: (bench) => {
        const rev = revOf(bench) + 1;
        const time = by === 'recovery' ? { time: noon } : {};
        const jws = bench.server.repairFile({ rev, ...time }, bench.server.keys[by]);
        return { type: 'asked', request: 15, ask: { do: 'repair', jws, rev } };
      },
    }),
  ),
  {
    name: 'a stick with a repair file',
    make: (bench) => ({ type: 'media-seen', repairs: [{ name: 'a/b', jws: bench.server.repairFile() }] }),
  },
  { name: 'no stick', make: () => ({ type: 'media-seen', repairs: [] }) },
  { name: 'key made', make: () => ({ type: 'key-made', key: { kind: 'file', sha256: keyDigest } }) },
  { name: 'key failed', make: () => ({ type: 'key-failed', fault: full }) },
  {
    name: 'enrolled',
    make: (bench) => ({ type: 'enrolled', chain: [base64(serverCertificates[0]), bench.server.device.id].slice(0, 1) }),
  },
  { name: 'garbage for a bundle', make: () => ({ type: 'bundle-fetched', bytes: Buffer.from('{}') }) },
  { name: 'bundle confirmed', make: () => ({ type: 'bundle-confirmed' }) },
  ...(['enrol', 'fetch-bundle', 'confirm-bundle', 'checkin', 'fetch-rotations'] as const).flatMap(
    (call): Incident[] => [
      { name: `${call} refused`, make: () => ({ type: 'call-failed', call, fault: fault('not-allowed') }) },
      {
        name: `${call} did not get through`,
        make: () => ({ type: 'call-failed', call, fault: fault('server-unreachable') }),
      },
    ],
  ),
  {
    name: 'presented: an unknown certificate',
    make: () => ({ type: 'presented', der: base64(serverCertificates[2]) }),
  },
  { name: 'presented: the one we hold', make: () => ({ type: 'presented', der: base64(serverCertificates[0]) }) },
  { name: 'presented: garbage', make: () => ({ type: 'presented', der: 'AAAA' }) },
  {
    name: 'rotation statements',
    make: (bench) => rotationsFetched(bench.server.rotationsFrom(print(serverCertificates[0]))),
  },
  { name: 'no rotation statements', make: () => rotationsFetched([]) },
  {
    name: 'connected',
    make: (bench) => ({
      type: 'connected',
      connection: connectionOf(bench),
      fingerprint: print(serverCertificates[0]),
    }),
  },
  {
    name: 'connected by the reserve',
    make: (bench) => ({
      type: 'connected',
      connection: connectionOf(bench),
      fingerprint: print(serverCertificates[1]),
    }),
  },
  {
    name: 'another connection stands',
    make: () => ({ type: 'connected', connection: 999, fingerprint: print(serverCertificates[0]) }),
  },
  {
    name: 'closed',
    make: (bench) => ({ type: 'closed', connection: connectionOf(bench), fault: fault('server-unreachable') }),
  },
  {
    name: 'another connection closed',
    make: () => ({ type: 'closed', connection: 999, fault: fault('server-unreachable') }),
  },
  {
    name: 'a policy',
    make: (bench) =>
      message(
        bench,
        policyTopic(bench.server.unassigned.id),
        bench.server.sign('policy', bench.server.policyOf(bench.server.unassigned)),
      ),
  },
  {
    name: 'a policy with a reserve',
    make: (bench) =>
      message(
        bench,
        policyTopic(bench.server.unassigned.id),
        bench.server.sign(
          'policy',
          bench.server.policyOf(bench.server.unassigned, {
            server: {
              main: base64(serverCertificates[0]),
              reserve: { certificate: base64(serverCertificates[1]), activateAt: noon + dayMs },
            },
          }),
        ),
      ),
  },
  {
    name: 'the policy of another group',
    make: (bench) =>
      message(
        bench,
        policyTopic(bench.server.office.id),
        bench.server.sign('policy', bench.server.policyOf(bench.server.office, { rev: Number.MAX_SAFE_INTEGER })),
      ),
  },
  {
    name: 'a device document',
    make: (bench) => message(bench, own(bench, 'device'), bench.server.sign('device', bench.server.deviceDocument())),
  },
  {
    name: 'a move to another group',
    make: (bench) =>
      message(
        bench,
        own(bench, 'device'),
        bench.server.sign('device', bench.server.deviceDocument({ group: bench.server.office.id })),
      ),
  },
  {
    name: 'a forged document',
    make: (bench) =>
      message(
        bench,
        own(bench, 'device'),
        bench.server.sign('device', bench.server.deviceDocument(), bench.server.keys.stranger),
      ),
  },
  { name: 'garbage', make: (bench) => message(bench, own(bench, 'command'), 'garbage') },
  { name: 'a cleared topic', make: (bench) => message(bench, own(bench, 'device'), '') },
  {
    name: 'a message of another connection',
    make: () => ({ type: 'message', connection: 999, ticket: 1, topic: 'x', payload: Buffer.from('x') }),
  },
  {
    name: 'published',
    make: (bench) => ({ type: 'published', connection: connectionOf(bench), token: bench.state.counters.eventSeq }),
  },
  {
    name: 'garbage for a check-in answer',
    make: () => ({ type: 'checked-in', fingerprint: print(serverCertificates[0]), bytes: Buffer.from('{') }),
  },
  { name: 'checked in', make: checkedIn },
  { name: 'no events', make: () => ({ type: 'events-read', events: [] }) },
  {
    name: 'an event',
    make: (bench) => ({
      type: 'events-read',
      events: [
        { format: 1, seq: bench.state.counters.eventSeq, at: noon, clock: 'known', event: 'connected', facts: {} },
      ],
    }),
  },
  ...remoteIncidents,
  ...identityIncidents,
  { name: 'stopping', make: () => ({ type: 'stopping' }) },
];

function rightCode(bench: Bench): string {
  if (bench.state.at === 'starting') return '1';
  const { operation, replacement } = lastStatus(bench);
  const shown = replacement?.confirmationCode || operation?.confirmationCode;
  return shown ? bench.server.answerCode(shown) : '0000 0000 0098';
}

/** What the server would answer to the check-in under way. */
function checkedIn(bench: Bench): Happening {
  const { server, state } = bench;
  const sign = server.sign('time', {
    ...server.deviceDocument(),
    nonce: state.nonce ?? '0'.repeat(32),
    time: noon + bench.time.uptimeMs,
  });
  const policy = server.state.retained.get(policyTopic(server.state.group.id)) ?? null;
  const answer = { format: 1, policy, device: null, commands: [], time: sign, acknowledged: state.counters.eventSeq };
  return {
    type: 'checked-in',
    fingerprint: print(serverCertificates[server.state.main]),
    bytes: Buffer.from(JSON.stringify(answer)),
  };
}
