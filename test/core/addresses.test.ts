/** The server moves to another name or address: devices follow by themselves, and a wrong address strands none (B12). */
import type { Effect } from '../../agent/core/shape.ts';
import { fault } from '../../protocol/fault.ts';
import { hourMs, minuteMs, secondMs } from '../../protocol/time.ts';
import { type Bench, lastStatus, loseConnection, openRegistered, pass, send, start } from '../fakes/agent.ts';
import { assert, table, test } from '../harness.ts';

const before = { https: '127.0.0.1:443', mqtt: '127.0.0.1:8883' };
const after = { https: 'new.example:443', mqtt: 'new.example:8883' };
type Places = typeof before;

/** Registered; from then on only these addresses lead to the server. */
function openAt(...places: readonly Partial<Places>[]): Bench {
  const bench = openRegistered();
  const live = new Set(places.flatMap((place) => Object.values(place)));
  bench.instead = (effect) => {
    if (effect.do !== 'connect' && effect.do !== 'checkin') return null;
    if (live.has(effect.address)) return null;
    const why = fault('server-unreachable');
    return effect.do === 'connect'
      ? [{ type: 'closed', connection: effect.connection, fault: why }]
      : [{ type: 'call-failed', call: 'checkin', fault: why }];
  };
  return bench;
}
const tell = (bench: Bench, addresses: Partial<Places>): void =>
  void send(bench, ...bench.server.publishPolicies({ addresses: { ...before, ...addresses } }));
const askedAt = (effects: readonly Effect[]): readonly string[] =>
  effects.flatMap((effect) => (effect.do === 'connect' || effect.do === 'checkin' ? [effect.address] : []));

test('a standing connection stays; the next one goes to the new address, and the old one is forgotten', () => {
  const bench = openAt(before, after);
  tell(bench, after);
  assert.is(lastStatus(bench).link.at, 'connected');
  assert.equal(bench.state.durable.former, before);
  loseConnection(bench);
  assert.equal(askedAt(pass(bench, 10 * secondMs)), [after.mqtt]);
  assert.is(lastStatus(bench).link.at, 'connected');
  assert.is(bench.state.durable.former, null);
  const told = [...bench.server.state.events.values()].find(({ event }) => event === 'server-address-followed');
  assert.equal(told?.facts, after);
});

/** Failures enough for pauses of minutes, all at the place where the server was. */
const failures = 12;
const away: readonly { readonly name: string; readonly carrier: 'https' | 'mqtt'; readonly withinMs: number }[] = [
  { name: 'by check-in', carrier: 'https', withinMs: secondMs },
  { name: 'over MQTT, which does not last', carrier: 'mqtt', withinMs: 2 * secondMs },
];
table('told after many failures: the new place is asked at once', away, ({ carrier, withinMs }) => {
  const bench = openAt();
  loseConnection(bench);
  while (!('attempt' in bench.state.link && bench.state.link.attempt >= failures)) pass(bench, minuteMs);
  const { instead } = openAt({ [carrier]: before[carrier] });
  bench.instead = instead;
  bench.server.publishPolicies({ addresses: after });
  while (bench.state.durable.former === null) pass(bench, secondMs / 10);
  if (carrier === 'mqtt') loseConnection(bench);
  bench.instead = openAt(after).instead;
  assert.equal(askedAt(pass(bench, withinMs)), [after.mqtt]);
  assert.is(lastStatus(bench).link.at, 'connected');
});

const rows: readonly {
  readonly name: string;
  readonly live: readonly Partial<Places>[];
  readonly told: Partial<Places>;
  readonly at: string;
  readonly former: boolean;
}[] = [
  { name: 'the new one does not answer', live: [before], told: after, at: before.mqtt, former: true },
  {
    name: 'the new one answers by check-in alone',
    live: [{ https: after.https }],
    told: after,
    at: after.https,
    former: false,
  },
  {
    name: 'the old one answers by check-in alone',
    live: [{ https: before.https }],
    told: after,
    at: before.https,
    former: true,
  },
  {
    name: 'only MQTT moved, to nowhere',
    live: [before],
    told: { mqtt: 'nowhere.example:8883' },
    at: before.mqtt,
    former: true,
  },
];
table('the device stays in contact', rows, ({ live, told, at, former }) => {
  const bench = openAt(...live);
  tell(bench, told);
  loseConnection(bench);
  const from = bench.effects.length;
  bench.server.state.report = null;
  pass(bench, hourMs);
  const asked = askedAt(bench.effects.slice(from));
  assert.ok(asked.includes(at), asked.join());
  assert.ok(bench.server.state.report !== null, 'nothing was reported');
  assert.is(bench.state.durable.former !== null, former);
});

test('both places are asked by both carriers while neither answers, and what is known outlives a restart', () => {
  const bench = openAt();
  tell(bench, after);
  loseConnection(bench);
  pass(bench, hourMs);
  assert.equal(new Set(askedAt(pass(bench, 2 * hourMs))), new Set([...Object.values(before), ...Object.values(after)]));
  start(bench);
  assert.equal(bench.state.durable.former, before);
});

test('a way back is a policy over the old address', () => {
  const bench = openAt(before);
  tell(bench, after);
  loseConnection(bench);
  pass(bench, hourMs);
  assert.is(lastStatus(bench).link.at, 'connected');
  tell(bench, before);
  assert.is(bench.state.durable.former, null);
});

test('two moves that were never made: the place of the last contact is still known', () => {
  const bench = openAt(before);
  tell(bench, after);
  tell(bench, { https: 'third.example:443', mqtt: 'third.example:8883' });
  assert.equal(bench.state.durable.former, before);
});

test('a check-in that brings the new address has not been there', () => {
  const bench = openAt({ https: before.https });
  loseConnection(bench);
  bench.server.publishPolicies({ addresses: after });
  pass(bench, 10 * minuteMs);
  assert.is(lastStatus(bench).server?.https, after.https);
  assert.equal(bench.state.durable.former, before);
});

test('a lock that takes a typed address back does not strand who was reached by it', () => {
  const typed = { https: 'typed.example:443', mqtt: 'typed.example:8883' };
  const bench = openAt(typed);
  bench.state = { ...bench.state, durable: { ...bench.state.durable, connection: typed } };
  const { server } = bench;
  const lock = { enforced: true };
  const unset = { enforced: false, value: null };
  server.office.settings = {
    connection: lock,
    reset: lock,
    dateTime: lock,
    logServer: unset,
    rdp: unset,
    broker: unset,
  };
  send(bench, ...server.publishPolicies(), ...server.moveTo(server.office));
  pass(bench, hourMs);
  assert.equal([bench.state.durable.connection, bench.state.durable.former], [null, typed]);
  assert.is(lastStatus(bench).link.at, 'connected');
});
