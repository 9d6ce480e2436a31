/**
 * A connection that stands is held to what a new one is: slots, dates and blocklist. Whatever changes them, the connection
 * is acceptable afterwards or it is ended.
 */
import fc from 'fast-check';
import { type State, step } from '../../agent/core/agent.ts';
import type { Effect, Event, Happening } from '../../agent/core/shape.ts';
import { acceptOf } from '../../agent/core/state.ts';
import { fault } from '../../protocol/fault.ts';
import { dayMs, hourMs, minuteMs } from '../../protocol/time.ts';
import { policyTopic } from '../../protocol/topics.ts';
import { base64, print, serverCertificates } from '../fakes/administration.ts';
import {
  type Bench,
  lastStatus,
  loseConnection,
  noon,
  nowOf,
  openAsking,
  openRegistered,
  pass,
  send,
} from '../fakes/agent.ts';
import { assert, table, test } from '../harness.ts';

type Server = {
  readonly main?: number;
  readonly reserve?: readonly [number, number];
  readonly blocked?: readonly number[];
};

/** What a policy says of the server; `reserve` is a certificate and when it is active, from now. */
const saying = (bench: Bench, { main = 0, reserve, blocked = [] }: Server): object => ({
  server: {
    main: base64(serverCertificates[main]),
    reserve: reserve
      ? { certificate: base64(serverCertificates[reserve[0]]), activateAt: noon + bench.time.uptimeMs + reserve[1] }
      : null,
  },
  blocklist: blocked.map((index) => print(serverCertificates[index])),
});
function policyArrives(bench: Bench, server: Server): readonly Effect[] {
  const { unassigned } = bench.server;
  bench.time.uptimeMs += 1;
  const jws = bench.server.sign('policy', bench.server.policyOf(unassigned, saying(bench, server)));
  return send(bench, bench.server.deliverRaw(policyTopic(unassigned.id), jws));
}
/** Connected by the reserve that is not active yet, so that no slot moves. */
function byReserve(): Bench {
  const bench = openRegistered();
  policyArrives(bench, { reserve: [1, dayMs] });
  loseConnection(bench);
  bench.server.state.main = 1;
  pass(bench, 3000);
  assert.is(bench.state.link.at, 'connected');
  assert.is(bench.state.durable.pins?.current.der, base64(serverCertificates[0]));
  return bench;
}
const ended = (bench: Bench, effects: readonly Effect[]): string => {
  const cut = effects.some((effect) => effect.do === 'disconnect');
  const { at, fault } = lastStatus(bench).link;
  return cut && at !== 'connected' ? (fault?.code ?? 'no fault') : 'stands';
};

const changes: readonly {
  name: string;
  expected: string;
  make: () => Bench;
  change: (bench: Bench) => readonly Effect[];
}[] = [
  {
    name: 'the reserve it was made by is withdrawn',
    expected: 'not-pinned',
    make: byReserve,
    change: (bench) => policyArrives(bench, {}),
  },
  {
    name: 'another takes the place of the reserve it was made by',
    expected: 'not-pinned',
    make: byReserve,
    change: (bench) => policyArrives(bench, { reserve: [2, dayMs] }),
  },
  {
    name: 'its certificate is blocked, with another to go on by',
    expected: 'blocklisted',
    make: openRegistered,
    change: (bench) => policyArrives(bench, { reserve: [1, 0], blocked: [0] }),
  },
  {
    name: 'the reserve it was made by is blocked',
    expected: 'blocklisted',
    make: byReserve,
    change: (bench) => policyArrives(bench, { reserve: [1, dayMs], blocked: [1] }),
  },
  {
    name: 'another certificate is blocked',
    expected: 'stands',
    make: openRegistered,
    change: (bench) => policyArrives(bench, { blocked: [2] }),
  },
  {
    name: 'the server switches: the certificate it was made by is the previous one',
    expected: 'stands',
    make: openRegistered,
    change: (bench) => {
      policyArrives(bench, { reserve: [1, 0] });
      bench.server.state.main = 1;
      return [...policyArrives(bench, { main: 1 }), ...pass(bench, minuteMs)];
    },
  },
  {
    name: 'the previous one is over after seven days',
    expected: 'not-pinned',
    make: () => {
      const bench = openRegistered();
      policyArrives(bench, { reserve: [1, 0] });
      bench.server.state.main = 1;
      policyArrives(bench, { main: 1 });
      pass(bench, minuteMs);
      assert.is(bench.state.durable.pins?.previous?.der, base64(serverCertificates[0]));
      bench.server.state.reachable = false;
      return bench;
    },
    change: (bench) => {
      bench.time.uptimeMs += 7 * dayMs;
      return send(bench, { type: 'tick' });
    },
  },
];
table('a standing connection, when', changes, ({ make, change, expected }) => {
  const bench = make();
  assert.is(ended(bench, change(bench)), expected);
});

test('a server certificate that expires ends the connection within a minute; it is no good time, and nothing is asked for', () => {
  const bench = openRegistered();
  const { softFloor } = bench.state.counters;
  bench.time.wallErrorMs = 10 * 365 * dayMs;
  assert.is(ended(bench, pass(bench, minuteMs)), 'pin-expired');
  pass(bench, hourMs);
  assert.is(lastStatus(bench).link.fault?.code, 'pin-expired');
  assert.is(lastStatus(bench).replacement, null);
  assert.ok(bench.state.counters.softFloor <= softFloor + hourMs, 'a clock that no server confirmed became the floor');
  bench.time.wallErrorMs = 0;
  pass(bench, 6 * minuteMs);
  assert.is(bench.state.link.at, 'connected', 'and when the clock is right again, the server is back');
});

test('a handshake with a certificate that is in no slot any more does not connect', () => {
  const bench = openRegistered();
  loseConnection(bench);
  bench.instead = (effect) => (effect.do === 'connect' ? [] : null);
  pass(bench, 3000);
  assert.is(bench.state.link.at, 'connecting');
  const connection = 'connection' in bench.state.link ? bench.state.link.connection : 0;
  const fingerprint = print(serverCertificates[2]);
  assert.is(ended(bench, send(bench, { type: 'connected', connection, fingerprint })), 'not-pinned');
});

// Bounds: up to 4 actions a run, up to eight days between them, four certificates, every way to slots and blocklist.
const reserves: readonly Server['reserve'][] = [undefined, [1, 0], [1, dayMs], [2, 0]];
const variants: readonly Server[] = [0, 1].flatMap((main) =>
  reserves.flatMap((reserve) =>
    [[], [0], [1], [0, 1]].map((blocked) => ({ main, blocked, ...(reserve && { reserve }) })),
  ),
);
const levels = 4;
const index = (count: number) => fc.integer({ min: 0, max: count - 1 });
const action = fc.oneof(
  fc.record({ do: fc.constant('policy' as const), variant: index(variants.length) }),
  fc.record({ do: fc.constant('connected' as const), pick: index(4), rightly: fc.boolean() }),
  fc.record({ do: fc.constant('checked-in' as const), pick: index(4), variant: index(variants.length) }),
  fc.record({ do: fc.constantFrom('closed' as const, 'code' as const) }),
  fc.record({ do: fc.constant('presented' as const), pick: index(4) }),
  fc.record({ do: fc.constant('tick' as const), afterMs: fc.constantFrom(minuteMs, 8 * dayMs) }),
  fc.record({ do: fc.constant('clock' as const), errorMs: fc.constantFrom(0, 10 * 365 * dayMs, -365 * dayMs, -noon) }),
);
type Action = typeof action extends fc.Arbitrary<infer Value> ? Value : never;

test('whatever happens, a device is connected only by a certificate it accepts (10^4 runs)', () => {
  const away = byReserve();
  loseConnection(away);
  const benches = [openRegistered(), byReserve(), away, openAsking()];
  const mains = benches.map(({ server }) => server.state.main);
  const policies = benches.map(({ server, ...bench }) =>
    Array.from({ length: levels }, () =>
      variants.map((variant) =>
        server.sign('policy', server.policyOf(server.unassigned, saying({ server, ...bench }, variant))),
      ),
    ),
  );
  let [connected, dropped] = [0, 0];
  fc.assert(
    fc.property(index(benches.length), fc.array(action, { minLength: 1, maxLength: levels }), (which, actions) => {
      const [bench, known] = [benches[which], policies[which]];
      if (!bench || !known) return;
      bench.server.state.main = mains[which] ?? 0;
      const device = follow(bench, known);
      for (const [level, each] of actions.entries()) device.act(each, level);
      connected += device.count.connected;
      dropped += device.count.dropped;
    }),
    { numRuns: 10_000 },
  );
  assert.ok(connected > 300 && dropped > 300, `${connected} connections, ${dropped} ended`);
});

/** A device from this bench on, whose server does as the actions say; every decision is looked at. */
function follow(bench: Bench, policies: readonly (readonly string[])[]) {
  const { server } = bench;
  const count = { connected: 0, dropped: 0 };
  const time = { ...bench.time };
  let { state } = bench;
  let standing = state.link.at === 'connected' ? state.link.fingerprint : null;
  let accept: readonly string[] = [];
  let shown: string | null = null;

  const send = (happening: Happening): void => {
    const now = nowOf({ ...bench, time });
    const event: Event = { ...happening, now };
    const next = step(state, event);
    look(state, event, next.state, next.effects);
    state = next.state;
    for (const effect of next.effects) {
      if (effect.do === 'persist') send({ type: 'persisted', number: effect.number });
      if (effect.do === 'count') send({ type: 'counted' });
      if (effect.do === 'read-events') send({ type: 'events-read', events: [] });
      if (effect.do === 'show') shown = effect.status.replacement?.confirmationCode ?? null;
      if (effect.do === 'connect' || effect.do === 'checkin') accept = effect.accept;
    }
  };
  const look = (before: State, event: Event, after: State, effects: readonly Effect[]): void => {
    const cut = effects.some((effect) => effect.do === 'disconnect');
    if (event.type === 'connected' && before.link.at !== 'connected' && after.link.at === 'connected') {
      standing = event.fingerprint;
      count.connected += 1;
    }
    if (before.link.at === 'connected' && after.link.at !== 'connected') {
      assert.ok(cut || event.type === 'closed', `${event.type} leaves the connection open`);
      count.dropped += cut ? 1 : 0;
    }
    if (after.link.at !== 'connected') return;
    assert.not(cut, `${event.type} ends a connection that is taken to stand`);
    const changed =
      before.durable.pins !== after.durable.pins || before.held.policy !== after.held.policy || event.type === 'tick';
    if (changed || before.link.at !== 'connected')
      assert.ok(acceptOf(after, event.now).includes(standing ?? ''), `connected after ${event.type} by a stranger`);
  };
  const connection = (): number => ('connection' in state.link ? state.link.connection : 0);
  const answer = (policy: string | null): Uint8Array => {
    const nonce = state.nonce ?? '0'.repeat(32);
    const document = { ...server.deviceDocument(), nonce, time: noon + time.uptimeMs };
    const signed = server.sign('time', document);
    return Buffer.from(
      JSON.stringify({ format: 1, policy, device: null, commands: [], time: signed, acknowledged: 0 }),
    );
  };
  const happeningOf = (each: Action, level: number): Happening | null => {
    const fingerprint = 'pick' in each ? print(serverCertificates[each.pick]) : '';
    const policy = 'variant' in each ? (policies[level]?.[each.variant] ?? '') : '';
    switch (each.do) {
      case 'policy': {
        const topic = policyTopic(server.unassigned.id);
        return { type: 'message', connection: connection(), ticket: level, topic, payload: Buffer.from(policy) };
      }
      case 'connected': {
        const proven = each.rightly ? accept[each.pick % Math.max(1, accept.length)] : fingerprint;
        return { type: 'connected', connection: connection(), fingerprint: proven ?? fingerprint };
      }
      case 'checked-in':
        return { type: 'checked-in', fingerprint, bytes: answer(policy) };
      case 'closed':
        return { type: 'closed', connection: connection(), fault: fault('timed-out') };
      case 'presented':
        server.state.main = each.pick;
        return { type: 'presented', der: base64(serverCertificates[each.pick]) };
      case 'code':
        return shown === null
          ? null
          : { type: 'asked', request: 1, ask: { do: 'code', code: server.answerCode(shown) } };
      case 'tick':
        time.uptimeMs += each.afterMs;
        return { type: 'tick' };
      case 'clock':
        time.wallErrorMs = each.errorMs;
        return null;
    }
  };
  const act = (each: Action, level: number): void => {
    time.uptimeMs += 1;
    if (each.do === 'connected' && state.link.at === 'waiting') {
      time.uptimeMs = Math.max(time.uptimeMs, Math.ceil(state.link.untilMs));
      send({ type: 'tick' });
    }
    const happening = happeningOf(each, level);
    if (happening) send(happening);
  };
  return { act, count };
}
