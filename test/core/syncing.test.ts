/** Documents, commands and audit events through the whole core: group moves, what is acknowledged when, and what a broker can cost. */
import type { Effect, Happening } from '../../agent/core/shape.ts';
import { fault } from '../../protocol/fault.ts';
import { minuteMs, toNumericDate } from '../../protocol/time.ts';
import { deviceLeafTopic, policyTopic } from '../../protocol/topics.ts';
import { base64, print, serverCertificates } from '../fakes/administration.ts';
import { type Bench, lastStatus, loseConnection, nowOf, openRegistered, pass, send, start } from '../fakes/agent.ts';
import { assert, table, test } from '../harness.ts';

const count = (effects: readonly Effect[], name: Effect['do']): number =>
  effects.filter((effect) => effect.do === name).length;
const full = fault('disk-full', { what: 'test' });

/** A document on its way over the standing connection. */
function deliver(bench: Bench, leaf: 'device' | 'command' | { readonly group: string }, jws: string) {
  const topic = typeof leaf === 'string' ? deviceLeafTopic(bench.server.device.id, leaf) : policyTopic(leaf.group);
  return send(bench, bench.server.deliverRaw(topic, jws));
}
const signDevice = (bench: Bench, more: object): string =>
  bench.server.sign('device', bench.server.deviceDocument(more));
const signCommand = (bench: Bench, seq: number, more: object = {}): string =>
  bench.server.sign('command', {
    aud: `${bench.server.serverId}/device/${bench.server.device.id}`,
    rev: seq,
    iat: toNumericDate(nowOf(bench).wall),
    refreshBefore: toNumericDate(nowOf(bench).wall) + 86400,
    format: 1,
    seq,
    expires: toNumericDate(nowOf(bench).wall) + 3600,
    command: { do: 'report' },
    ...more,
  });
const revisionOf = (bench: Bench): number => bench.state.held.device?.device.rev ?? 0;

test('move: a second device document that takes the move back ends it, and the revision never falls', () => {
  const bench = openRegistered();
  const { server } = bench;
  deliver(bench, 'device', signDevice(bench, { group: server.office.id, groupRev: Number.MAX_SAFE_INTEGER }));
  assert.ok(bench.state.waiting, 'waits for the policy of the other group');
  pass(bench, 3000);
  const back = signDevice(bench, { group: server.unassigned.id });
  deliver(bench, 'device', back);
  const held = revisionOf(bench);
  assert.is(bench.state.waiting, null);
  assert.is(bench.state.durable.waiting, null);
  pass(bench, 3000);
  const topics = bench.effects.findLast((effect) => effect.do === 'connect');
  assert.ok(topics?.do === 'connect' && topics.topics.includes(policyTopic(server.unassigned.id)), 'subscribes again');
  deliver(bench, { group: server.office.id }, server.sign('policy', server.policyOf(server.office)));
  assert.is(bench.state.held.policy?.policy.group.id, server.unassigned.id);
  assert.is(revisionOf(bench), held);
});

test('move: what waits counts as accepted: an older device document is a replay', () => {
  const bench = openRegistered();
  const { server } = bench;
  const older = signDevice(bench, { name: 'older' });
  deliver(bench, 'device', signDevice(bench, { group: server.office.id, groupRev: Number.MAX_SAFE_INTEGER }));
  pass(bench, 3000);
  assert.ok(bench.state.waiting);
  deliver(bench, 'device', older);
  assert.ok(bench.state.waiting);
  assert.is(
    bench.state.counters.highest[`${server.serverId}/device/${server.device.id}`],
    bench.state.waiting.device.rev,
  );
});

test('move: policies below the least revision, again and again, write nothing', () => {
  const bench = openRegistered();
  const { server } = bench;
  const early = server.sign('policy', server.policyOf(server.office));
  deliver(bench, 'device', signDevice(bench, { group: server.office.id, groupRev: Number.MAX_SAFE_INTEGER }));
  pass(bench, 3000);
  const { generation } = bench.state;
  for (let turn = 0; turn < 5; turn++) deliver(bench, { group: server.office.id }, early);
  assert.is(bench.state.generation, generation);
  assert.ok(bench.state.waiting);
});

test('events: a spool that lost an event is not asked for ever (F12)', () => {
  const bench = openRegistered();
  bench.instead = (effect) => (effect.do === 'spool' ? [] : null);
  loseConnection(bench);
  pass(bench, minuteMs);
  assert.is(bench.state.link.at, 'connected');
  bench.instead = () => null;
  const from = bench.state.counters.eventSeq;
  loseConnection(bench);
  pass(bench, minuteMs);
  assert.ok(bench.server.state.events.has(from + 1), 'the next event arrives');
});

test('events: the spool forgets only what was counted: a number is never used twice (F12)', () => {
  const bench = openRegistered();
  bench.instead = (effect) => (effect.do === 'count' ? [{ type: 'count-failed', fault: full }] : null);
  loseConnection(bench);
  const effects = pass(bench, minuteMs);
  assert.is(count(effects, 'drop-events'), 0);
  assert.ok(bench.spool.size > 0);
  bench.instead = () => null;
  pass(bench, 2 * minuteMs);
  assert.is(bench.spool.size, 0);
  start(bench);
  pass(bench, minuteMs);
  assert.equal(bench.server.state.conflicts, []);
});

test('events: each is on the server once and whole, over restarts and lost connections', () => {
  const bench = openRegistered();
  const spooled = () => bench.effects.flatMap((effect) => (effect.do === 'spool' ? [effect.event] : []));
  for (let turn = 0; turn < 5; turn++) {
    if (turn % 2 === 0) loseConnection(bench);
    else start(bench);
    pass(bench, minuteMs);
  }
  assert.equal(
    [...bench.server.state.events.values()].sort((a, b) => a.seq - b.seq),
    spooled(),
  );
  assert.equal(
    spooled().map(({ seq }) => seq),
    spooled().map((_, index) => index + 1),
  );
});

test('link: a broker that lets us in and throws us out is left alone longer and longer (F20)', () => {
  const bench = openRegistered();
  pass(bench, 2 * minuteMs);
  const from = bench.effects.length;
  bench.instead = (effect) =>
    effect.do === 'connect'
      ? [
          { type: 'connected', connection: effect.connection, fingerprint: print(serverCertificates[0]) },
          { type: 'closed', connection: effect.connection, fault: fault('server-refused') },
        ]
      : effect.do === 'checkin'
        ? [{ type: 'call-failed', call: 'checkin', fault: fault('server-unreachable') }]
        : null;
  loseConnection(bench);
  pass(bench, 60 * minuteMs);
  const tries = count(bench.effects.slice(from), 'connect');
  assert.ok(tries > 5 && tries < 40, `${tries} connections in an hour`);
});

test('refusals: however a broker varies its garbage, the audit log is bounded', () => {
  const bench = openRegistered();
  const from = bench.effects.length;
  for (let turn = 0; turn < 200; turn++)
    deliver(bench, 'device', turn % 2 ? 'x'.repeat(1_500_000) : `a.b.${'c'.repeat(turn + 1)}`);
  const effects = bench.effects.slice(from);
  assert.ok(count(effects, 'spool') <= 12, `${count(effects, 'spool')} events`);
  assert.ok(count(effects, 'spool') >= 2);
  assert.is(count(effects, 'persist'), 0);
  assert.is(count(effects, 'acknowledge'), 200);
  pass(bench, 61 * minuteMs);
  const later = deliver(bench, 'command', 'nonsense');
  assert.is(count(later, 'spool'), 1, 'and told again later');
});

test('refusals: facts of any length stay within the report', () => {
  const bench = openRegistered();
  send(bench, { type: 'export-failed', fault: fault('disk-full', { what: 'x'.repeat(5000) }) });
  assert.ok(lastStatus(bench).faults.every(({ facts }) => String(facts['what'] ?? '').length <= 300));
});

const silences: readonly { name: string; quiet: RegExp; expected: 'silent' | 'heard' }[] = [
  { name: 'no topic is granted', quiet: /./, expected: 'silent' },
  { name: 'the policy alone is denied', quiet: /policy$/, expected: 'silent' },
  { name: 'the device document alone is denied', quiet: /device$/, expected: 'silent' },
  { name: 'all are granted', quiet: /^nothing$/, expected: 'heard' },
];
table('silence: 30 s after subscribing', silences, ({ quiet, expected }) => {
  const bench = openRegistered();
  bench.watch = (_before, event, _after) => {
    if (event.type === 'message') assert.not.match(event.topic, quiet);
  };
  bench.instead = (effect) => {
    if (effect.do !== 'connect') return null;
    const given = bench.server.perform(effect) ?? [];
    return given.filter((each) => each.type !== 'message' || !quiet.test(each.topic));
  };
  loseConnection(bench);
  pass(bench, 5000);
  assert.is(bench.state.link.at, 'connected');
  const effects = pass(bench, 50_000);
  assert.is(count(effects, 'checkin') > 0, expected === 'silent');
  assert.is(count(effects, 'disconnect') > 0, expected === 'silent');
});

const commands: readonly {
  name: string;
  make: (bench: Bench) => string;
  happens: string;
  before?: (bench: Bench) => void;
}[] = [
  {
    name: 'a new one is counted, acknowledged, then done',
    make: (b) => signCommand(b, 1),
    happens: 'spool count acknowledge publish',
  },
  {
    name: 'the same again is acknowledged only',
    before: (b) => void deliver(b, 'command', signCommand(b, 7)),
    make: (b) => signCommand(b, 7),
    happens: 'acknowledge',
  },
  {
    name: 'a lower one is acknowledged only',
    before: (b) => void deliver(b, 'command', signCommand(b, 7)),
    make: (b) => signCommand(b, 6),
    happens: 'acknowledge',
  },
  {
    name: 'expired: counted, not done',
    make: (b) => signCommand(b, 1, { expires: 1 }),
    happens: 'log spool count acknowledge publish',
  },
  {
    name: 'while the clock is unknown: not counted, not done',
    before: (b) => {
      b.time.wallErrorMs = -noonMs;
    },
    make: (b) => signCommand(b, 1),
    happens: 'log spool acknowledge publish',
  },
  {
    name: 'not countable: not acknowledged, the connection is dropped',
    before: (b) => {
      b.instead = (effect) => (effect.do === 'count' ? [{ type: 'count-failed', fault: full }] : null);
    },
    make: (b) => signCommand(b, 1),
    happens: 'spool count disconnect',
  },
];
const noonMs = Date.parse('2026-11-22T12:00:00Z');
const told = new Set(['show', 'wake', 'read-events', 'drop-events']);
table('commands', commands, ({ make, happens, before }) => {
  const bench = openRegistered();
  before?.(bench);
  const jws = make(bench);
  const topic = deviceLeafTopic(bench.server.device.id, 'command');
  const { instead } = bench;
  // What the event itself leads to, without the delivery of audit events that follows.
  bench.instead = (effect) => (effect.do === 'read-events' ? [] : instead(effect));
  const message: Happening = bench.server.deliverRaw(topic, jws);
  const effects = send(bench, message).filter((effect) => !told.has(effect.do));
  assert.is(effects.map((effect) => effect.do).join(' '), happens);
});

test('errand: one that never works leaves the connection alone, and is tried every few minutes', () => {
  const bench = openRegistered();
  const { server } = bench;
  bench.instead = (effect) =>
    effect.do === 'checkin' ? [{ type: 'presented', der: base64(serverCertificates[2]) }] : null;
  const wanted = { main: base64(serverCertificates[1]), reserve: null };
  deliver(
    bench,
    { group: server.unassigned.id },
    server.sign('policy', server.policyOf(server.unassigned, { server: wanted })),
  );
  const effects = pass(bench, 60 * minuteMs);
  assert.is(bench.state.link.at, 'connected');
  assert.ok(count(effects, 'checkin') >= 8 && count(effects, 'checkin') <= 25, `${count(effects, 'checkin')} tries`);
  assert.is(count(effects, 'persist') + count(effects, 'disconnect'), 0);
  assert.is(bench.state.durable.requests.length, 0, 'and no code is asked for');
  bench.instead = () => null;
  server.state.main = 1;
  pass(bench, 15 * minuteMs);
  assert.is(bench.state.durable.pins?.current.der, base64(serverCertificates[1]));
  assert.is(bench.state.link.at, 'connected');
});

test('errand: a connection by an unknown clock asks the time once', () => {
  const bench = openRegistered();
  bench.time.wallErrorMs = -Date.parse('2026-11-22T12:00:00Z');
  start(bench);
  const effects = pass(bench, minuteMs);
  assert.is(bench.state.link.at, 'connected');
  assert.is(count(effects, 'checkin'), 1);
  assert.is(lastStatus(bench).clock.at, 'known');
});

const joins: readonly { name: string; managed: boolean; assigns: boolean; stays: string }[] = [
  { name: 'a group (T7)', managed: true, assigns: false, stays: 'factory' },
  { name: 'no group, and certificates are assigned (T7)', managed: false, assigns: true, stays: 'factory' },
  { name: 'no group, and none are', managed: false, assigns: false, stays: 'manual factory' },
];
table('what the person accepted, when the device is in', joins, ({ managed, assigns, stays }) => {
  const bench = openRegistered();
  const { server, state } = bench;
  const local = (['manual', 'factory'] as const).map((source) => ({
    purpose: 'rdp' as const,
    source,
    file: source,
    der: base64(serverCertificates[1]),
    addedAt: nowOf(bench).wall,
    server: null,
  }));
  bench.state = { ...state, durable: { ...state.durable, local } };
  if (managed) deliver(bench, 'device', signDevice(bench, { managed }));
  const entries = assigns ? [{ purpose: 'log', file: 'l', certificate: base64(serverCertificates[2]) }] : [];
  const policy = server.policyOf(server.unassigned, { certificates: { enforced: true, entries } });
  deliver(bench, { group: server.unassigned.id }, server.sign('policy', policy));
  assert.is(bench.state.durable.local.map(({ source }) => source).join(' '), stays);
});

test('a device document alone is not judged by what time did to a reserve since', () => {
  const bench = openRegistered();
  const { state } = bench;
  const policy = state.held.policy;
  if (!policy) throw new Error('no policy');
  const blocklist = [print(serverCertificates[0])];
  bench.state = { ...state, held: { ...state.held, policy: { ...policy, policy: { ...policy.policy, blocklist } } } };
  deliver(bench, 'device', signDevice(bench, { name: 'new' }));
  assert.is(bench.state.held.device?.device.name, 'new');
});

test('events: a check-in hands them over, and what the server has is forgotten', () => {
  const bench = openRegistered();
  bench.server.state.mqttBlocked = true;
  loseConnection(bench);
  pass(bench, 5 * minuteMs);
  assert.ok(count(bench.effects, 'checkin') > 0);
  assert.is(bench.spool.size, 0);
  assert.is(bench.server.state.events.size, bench.state.counters.eventSeq);
});

test('move: subscribes to the other group, and both documents apply in one generation', () => {
  const bench = openRegistered();
  const { server } = bench;
  server.state.group = server.office;
  deliver(bench, 'device', signDevice(bench, { group: server.office.id, managed: true }));
  const { generation } = bench.state;
  assert.is(bench.state.held.policy?.policy.group.id, server.unassigned.id, 'nothing yet');
  const effects = pass(bench, 3000);
  const connect = effects.find((effect) => effect.do === 'connect');
  assert.ok(connect?.do === 'connect' && connect.topics.includes(policyTopic(server.office.id)));
  assert.is(bench.state.held.policy?.policy.group.id, server.office.id);
  assert.is(bench.state.held.device?.device.group, server.office.id);
  assert.is(bench.state.generation, generation + 1);
  assert.is(bench.state.waiting, null);
});

test('floor: the iat of an accepted document raises it, a refused or replayed one does not', () => {
  const bench = openRegistered();
  const { server } = bench;
  const iat = toNumericDate(nowOf(bench).wall) + 3600;
  const forged = server.sign('device', server.deviceDocument({ iat }), server.keys.stranger);
  const before = bench.state.counters.hardFloor;
  deliver(bench, 'device', forged);
  assert.is(bench.state.counters.hardFloor, before);
  deliver(bench, 'device', signDevice(bench, { iat }));
  assert.is(bench.state.counters.hardFloor, iat * 1000);
  deliver(bench, 'device', signDevice(bench, { iat: iat + 60, rev: 1 }));
  assert.is(bench.state.counters.hardFloor, iat * 1000);
});

test('revisions: a document never lowers what was accepted for another audience (fallback generation)', () => {
  const bench = openRegistered();
  const audience = bench.state.held.policy?.policy.aud ?? '';
  const { counters } = bench.state;
  const highest = { ...counters.highest, [audience]: Number.MAX_SAFE_INTEGER };
  bench.state = { ...bench.state, counters: { ...counters, highest } };
  deliver(bench, 'device', signDevice(bench, { name: 'new' }));
  assert.is(bench.state.counters.highest[audience], Number.MAX_SAFE_INTEGER);
});

test('messages: on the topic of another device, or of a connection before, nothing is taken', () => {
  const bench = openRegistered();
  const jws = signDevice(bench, { name: 'new' });
  const { server, state } = bench;
  send(bench, server.deliverRaw(deviceLeafTopic('6f1dcf1c-1111-4111-8111-111111111111', 'device'), jws));
  assert.is(bench.state.faults.document?.code, 'unknown-topic');
  const topic = deviceLeafTopic(server.device.id, 'device');
  send(bench, { type: 'message', connection: 0, ticket: 1, topic, payload: Buffer.from(jws) });
  assert.is(bench.state.held, state.held);
  deliver(bench, 'device', jws);
  assert.is(bench.state.held.device?.device.name, 'new');
});
