/** The policy key changes without a visit (B12): announced, used, revoked; and what nobody but the recovery key may do. */
import fc from 'fast-check';
import { mostKeys, takeStatements, withAnnounced } from '../../agent/core/keys.ts';
import { thumbprint } from '../../protocol/jws.ts';
import type { PublicKey } from '../../protocol/schema.ts';
import { hourMs, minuteMs } from '../../protocol/time.ts';
import { deviceLeafTopic, policyTopic } from '../../protocol/topics.ts';
import { makeSigningKey } from '../../server/edge/sign.ts';
import { type Bench, lastStatus, loseConnection, noon, openRegistered, pass, send, start } from '../fakes/agent.ts';
import { assert, table, test } from '../harness.ts';

const keysOf = ({ state: { durable } }: Bench): readonly string[] =>
  durable.registration.at === 'registered' ? durable.registration.policyKeys.map(thumbprint) : [];
const bench = openRegistered();
const { server } = bench;
const [old, next] = [server.keys.policy.publicKey, server.keys.next.publicKey];
const [oldName, nextName] = [thumbprint(old), thumbprint(next)];
const clock = { at: 'known' as const, now: noon, floor: noon };

const rows: readonly {
  readonly name: string;
  readonly statements: readonly string[];
  readonly expected: readonly string[];
  readonly fault?: string;
}[] = [
  { name: 'nothing', statements: [], expected: [oldName] },
  { name: 'one is added', statements: [server.keyStatement({ add: next })], expected: [oldName, nextName] },
  {
    name: 'one is added, the old one revoked',
    statements: [server.keyStatement({ add: next, revoke: oldName })],
    expected: [nextName],
  },
  {
    name: 'added, revoked, and the addition again',
    statements: ((added) => [added, server.keyStatement({ revoke: nextName }), added])(
      server.keyStatement({ add: next }),
    ),
    expected: [oldName],
  },
  { name: 'one that is there is added', statements: [server.keyStatement({ add: old })], expected: [oldName] },
  { name: 'an unknown one is revoked', statements: [server.keyStatement({ revoke: nextName })], expected: [oldName] },
  {
    name: 'the last one is revoked',
    statements: [server.keyStatement({ revoke: oldName })],
    expected: [oldName],
    fault: 'would-strand',
  },
  {
    name: 'by the policy key itself',
    statements: [server.keyStatement({ add: next }, server.keys.policy)],
    expected: [oldName],
    fault: 'unknown-key',
  },
  {
    name: 'of another type',
    statements: [server.sign('policy', server.policyOf(server.office), server.keys.recovery)],
    expected: [oldName],
    fault: 'wrong-type',
  },
  {
    name: 'of another server',
    statements: [server.keyStatement({ add: next, aud: '8e9f1a80-1111-4111-8111-111111111111/keys' })],
    expected: [oldName],
    fault: 'wrong-audience',
  },
  {
    name: 'with something that must be understood',
    statements: [server.keyStatement({ add: next, critical: ['until'] })],
    expected: [oldName],
    fault: 'unknown-critical',
  },
  {
    name: 'of the day after tomorrow',
    statements: [server.keyStatement({ add: next, iat: Math.floor(noon / 1000) + 3 * 86400 })],
    expected: [oldName],
    fault: 'from-the-future',
  },
  {
    name: 'a good one before a bad one',
    statements: [server.keyStatement({ add: next }), 'a.b.c'],
    expected: [oldName, nextName],
    fault: 'bad-shape',
  },
];
table('takeStatements', rows, ({ statements, expected, fault: wanted = null }) => {
  const taken = takeStatements(bench.state.durable, bench.state.counters, statements, clock);
  assert.equal(taken.keys.map(thumbprint), expected);
  assert.is(taken.fault?.code ?? null, wanted);
});

// Bounds: texts of up to 200 characters, and good statements with one character changed.
test('no other statement changes a key (10⁴ runs)', () => {
  const good = server.keyStatement({ add: next, revoke: oldName });
  const changed = fc.tuple(fc.nat(good.length - 1), fc.constantFrom('A', 'B', '.', '-')).map(([at, by]) => {
    return `${good.slice(0, at)}${good[at] === by ? 'C' : by}${good.slice(at + 1)}`;
  });
  fc.assert(
    fc.property(fc.oneof(fc.string({ maxLength: 200 }), changed), (jws) => {
      const taken = takeStatements(bench.state.durable, bench.state.counters, [jws], clock);
      assert.equal([taken.changed, taken.fault === null], [false, false]);
    }),
    { numRuns: 10_000 },
  );
});

test('an announced key is one more, once, while there is room', () => {
  const many = Array.from({ length: mostKeys }, (): PublicKey => makeSigningKey().publicKey);
  assert.equal(withAnnounced([old], next), [old, next]);
  assert.equal(withAnnounced([old, next], next), [old, next]);
  assert.equal(withAnnounced([old], null), [old]);
  assert.equal(withAnnounced(many, next), many);
});

const publish = (world: Bench, more: object = {}): void => {
  const { server: own } = world;
  send(world, ...own.publishPolicies(more), ...own.moveTo(own.state.group));
};

test('announced, reported, used: nothing is refused, and a restart reads what the new key signed', () => {
  const world = openRegistered();
  publish(world, { nextKey: next });
  assert.equal(keysOf(world), [oldName, nextName]);
  assert.equal(world.server.state.report?.policyKeys, [oldName, nextName]);
  world.server.state.rolled = true;
  publish(world);
  const { policy } = lastStatus(world);
  start(world);
  pass(world, minuteMs);
  assert.equal(lastStatus(world).policy, policy);
  assert.equal(lastStatus(world).faults, []);
});

test('a key that a stranger announces is none', () => {
  const world = openRegistered();
  const { server: own } = world;
  const jws = own.sign('policy', own.policyOf(own.unassigned, { nextKey: next }), own.keys.stranger);
  send(world, own.deliverRaw(policyTopic(own.unassigned.id), jws));
  assert.equal(keysOf(world), [oldName]);
});

test('a device that missed the announcement checks in, learns the key from the recovery key, and is told no more', () => {
  const world = openRegistered();
  const { server: own } = world;
  own.state.statements = [own.keyStatement({ add: next, revoke: oldName })];
  own.state.rolled = true;
  publish(world);
  pass(world, minuteMs);
  assert.equal(keysOf(world), [nextName]);
  assert.equal(lastStatus(world).faults, []);
  assert.is(lastStatus(world).link.at, 'connected');
  const persisted = world.effects.filter((effect) => effect.do === 'persist').length;
  const asked = world.effects.filter((effect) => effect.do === 'checkin').length;
  pass(world, 3 * hourMs);
  assert.is(world.effects.filter((effect) => effect.do === 'persist').length, persisted);
  assert.is(world.effects.filter((effect) => effect.do === 'checkin').length, asked);
});

test('one that holds both is told by the policy that there is a newer statement, and forgets the old key', () => {
  const world = openRegistered();
  const { server: own } = world;
  publish(world, { nextKey: next });
  own.state.rolled = true;
  own.state.statements = [own.keyStatement({ add: next, revoke: oldName })];
  publish(world, { keys: own.state.revisions.get(`${own.serverId}/keys`) });
  pass(world, minuteMs);
  assert.equal(keysOf(world), [nextName]);
  start(world);
  pass(world, minuteMs);
  assert.equal([lastStatus(world).faults, lastStatus(world).link.at], [[], 'connected']);
});

test('in a check-in alone: the answer brings the key, and with it what that key signed', () => {
  const world = openRegistered();
  const { server: own } = world;
  own.state.mqttBlocked = true;
  loseConnection(world);
  own.state.statements = [own.keyStatement({ add: next, revoke: oldName })];
  own.state.rolled = true;
  own.publishPolicies();
  own.moveTo(own.state.group);
  const before = lastStatus(world).policy?.rev ?? 0;
  pass(world, 10 * minuteMs);
  assert.equal(keysOf(world), [nextName]);
  assert.ok((lastStatus(world).policy?.rev ?? 0) > before);
});

test('documents of a stranger make it check in once in ten minutes at most', () => {
  const world = openRegistered();
  const { server: own } = world;
  const from = world.effects.length;
  for (let minute = 0; minute < 60; minute++) {
    const jws = own.sign('device', own.deviceDocument(), own.keys.stranger);
    send(world, own.deliverRaw(deviceLeafTopic(own.device.id, 'device'), jws));
    pass(world, minuteMs);
  }
  const asked = world.effects.slice(from).filter((effect) => effect.do === 'checkin').length;
  assert.ok(asked >= 2 && asked <= 7, `${asked} check-ins`);
  assert.equal(keysOf(world), [oldName]);
});
