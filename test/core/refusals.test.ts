/** Whatever the agent refuses is on record, whoever it came from, and nobody fills the record with it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { initial } from '../../agent/core/agent.ts';
import type { DiskRead, Happening } from '../../agent/core/shape.ts';
import { realFiles } from '../../agent/edge/files.ts';
import { openSpool } from '../../agent/edge/spool.ts';
import { bad, type FaultCode, fault, good } from '../../protocol/fault.ts';
import { hourMs, minuteMs } from '../../protocol/time.ts';
import { check } from '../../protocol/validate.ts';
import { base64, serverCertificates } from '../fakes/administration.ts';
import {
  askNow,
  type Bench,
  built,
  loseConnection,
  openAsking,
  openBench,
  openRegistered,
  orderOf,
  pass,
  send,
  start,
} from '../fakes/agent.ts';
import { assert, table, test } from '../harness.ts';

const spooled = (bench: Bench, from = 0) =>
  bench.effects.slice(from).flatMap((effect) => (effect.do === 'spool' ? [effect.event] : []));
const told = (bench: Bench, from = 0): readonly string[] =>
  spooled(bench, from)
    .filter(({ event }) => event.endsWith('-refused'))
    .map(({ event, facts }) => `${event} ${facts['code']}`);

const asleep = (): Bench => {
  const bench = openBench();
  start(bench);
  return bench;
};
const away = (): Bench => {
  const bench = openRegistered();
  bench.server.state.reachable = false;
  loseConnection(bench);
  return bench;
};
const atSocket = (bench: Bench, code: FaultCode, socket: 'console' | 'read' = 'read', what = ''): void =>
  void askNow(bench, { do: 'record', socket, fault: fault(code, { what }) });
const connecting = (give: (connection: number) => Happening) => (bench: Bench) => {
  bench.instead = (effect) => (effect.do === 'connect' ? [give(effect.connection)] : null);
  pass(bench, 1000);
};
const calling = (call: 'enrol' | 'fetch-bundle', code: FaultCode) => (bench: Bench) => {
  bench.instead = (effect) => (effect.do === call ? [{ type: 'call-failed', call, fault: fault(code) }] : null);
  askNow(bench, { do: 'register', order: orderOf(bench) });
};

const rows: readonly {
  readonly name: string;
  readonly make: () => Bench;
  readonly happen: (bench: Bench) => void;
  readonly expected: string;
}[] = [
  {
    name: 'a body on the console socket',
    make: openRegistered,
    happen: (b) => atSocket(b, 'bad-shape', 'console'),
    expected: 'request-refused bad-shape',
  },
  {
    name: 'a path on the read socket',
    make: openRegistered,
    happen: (b) => atSocket(b, 'not-found'),
    expected: 'request-refused not-found',
  },
  {
    name: 'before the registration',
    make: asleep,
    happen: (b) => atSocket(b, 'too-large', 'console'),
    expected: 'request-refused too-large',
  },
  {
    name: 'a mistyped code',
    make: openAsking,
    happen: (b) => askNow(b, { do: 'code', code: '1' }),
    expected: 'code-refused code-typo',
  },
  {
    name: 'a code nobody asked for, or used again',
    make: openRegistered,
    happen: (b) => askNow(b, { do: 'code', code: '0000 0000 0098' }),
    expected: 'code-refused code-not-asked',
  },
  {
    name: 'a second registration',
    make: openRegistered,
    happen: (b) => askNow(b, { do: 'register', order: orderOf(b) }),
    expected: 'request-refused already-registered',
  },
  {
    name: 'a server that is another while it is registered with',
    make: asleep,
    happen: calling('enrol', 'fingerprint-mismatch'),
    expected: 'answer-refused fingerprint-mismatch',
  },
  {
    name: 'a bundle that is no answer',
    make: asleep,
    happen: calling('fetch-bundle', 'server-answer'),
    expected: 'answer-refused server-answer',
  },
  {
    name: 'a key of ours that cannot be read',
    make: away,
    happen: connecting((connection) => ({ type: 'closed', connection, fault: fault('identity-unreadable') })),
    expected: 'state-refused identity-unreadable',
  },
  {
    name: 'MQTT that is none',
    make: away,
    happen: connecting((connection) => ({ type: 'closed', connection, fault: fault('server-answer') })),
    expected: 'answer-refused server-answer',
  },
  {
    name: 'a certificate in no slot',
    make: away,
    happen: connecting(() => ({ type: 'presented', der: base64(serverCertificates[2]) })),
    expected: 'answer-refused not-pinned',
  },
];
table('is on record once, and nothing else changes', rows, ({ make, happen, expected }) => {
  const bench = make();
  const { counters, durable } = bench.state;
  const from = bench.effects.length;
  happen(bench);
  happen(bench);
  assert.equal(told(bench, from), [expected]);
  assert.equal(
    [bench.state.counters.tries, bench.state.counters.lockedUntilMs],
    [counters.tries, counters.lockedUntilMs],
  );
  assert.equal([bench.state.durable.policy, bench.state.durable.pins], [durable.policy, durable.pins]);
  for (const event of spooled(bench)) assert.ok(check('auditEvent', event).ok);
});

test('what only failed to get through is no refusal', () => {
  const bench = away();
  pass(bench, hourMs);
  atSocket(bench, 'busy', 'console');
  assert.equal(told(bench), []);
});

type Found = {
  readonly disk?: (whole: DiskRead) => DiskRead;
  readonly damagedEvents?: number;
  readonly hardware?: string;
};
/** Power on, with something wrong on the disk. */
function startWith(bench: Bench, { disk, damagedEvents = 0, hardware = 'machine-1' }: Found): void {
  const number = bench.state.generation;
  const whole: DiskRead = {
    generations: number === 0 ? [] : [{ number, content: good(bench.objects) }],
    counters: bench.counters && good(bench.counters),
  };
  bench.state = initial;
  bench.server.state.connection = null;
  const versions = { agent: '0', runtime: 'test' };
  const lastEvent = Math.max(0, ...bench.spool.keys());
  const factory = { entries: [], faults: [] };
  const found = { disk: disk?.(whole) ?? whole, lastEvent, damagedEvents };
  send(bench, { type: 'started', ...found, built, hardware, factory, versions });
}
const before =
  (code: FaultCode) =>
  (whole: DiskRead): DiskRead => ({
    ...whole,
    generations: [{ number: 90, content: bad(code) }, ...whole.generations],
  });

const starts: readonly { readonly name: string; readonly found: Found; readonly expected: readonly string[] }[] = [
  { name: 'a damaged generation', found: { disk: before('generation-damaged') }, expected: ['generation-damaged'] },
  { name: 'a newer generation', found: { disk: before('generation-newer') }, expected: ['generation-newer'] },
  {
    name: 'two damaged generations',
    found: { disk: (whole) => before('generation-damaged')(before('generation-damaged')(whole)) },
    expected: ['generation-damaged', 'generation-damaged'],
  },
  {
    name: 'damaged counters',
    found: { disk: (whole) => ({ ...whole, counters: good(Buffer.from('{')) }) },
    expected: ['counters-damaged'],
  },
  { name: 'a spool put aside', found: { damagedEvents: 1 }, expected: ['events-dropped'] },
  {
    name: 'nothing that can be read',
    found: { disk: () => ({ generations: [{ number: 1, content: bad('generation-damaged') }], counters: null }) },
    expected: ['identity-unreadable'],
  },
  { name: 'the disk of another machine', found: { hardware: 'machine-2' }, expected: ['cloned'] },
  { name: 'nothing wrong', found: {}, expected: [] },
];
table('found at a start', starts, ({ found, expected }) => {
  const bench = openRegistered();
  const known = Math.max(...bench.server.state.events.keys());
  const from = bench.effects.length;
  startWith(bench, found);
  pass(bench, minuteMs);
  assert.equal(
    told(bench, from),
    expected.map((code) => `state-refused ${code}`),
  );
  if (bench.state.at === 'broken') return;
  const arrived = [...bench.server.state.events.values()].filter(({ event }) => event === 'state-refused');
  assert.is(arrived.length, expected.length, 'the server has it');
  assert.equal(bench.server.state.conflicts, [], 'under a number it does not know yet');
  assert.ok(arrived.every(({ seq }) => seq > known));
});

test('a flood from every side, for a week without the server: bounded, and nothing else gives way', async () => {
  const bench = openAsking();
  bench.server.state.reachable = false;
  for (let hour = 0; hour < 7 * 24; hour++) {
    for (let turn = 0; turn < 100; turn++) {
      atSocket(bench, 'not-found', 'read', `/${turn}${'x'.repeat(500)}`);
      atSocket(bench, 'bad-shape', 'console', `${turn}${'y'.repeat(500)}`);
      askNow(bench, { do: 'code', code: String(turn) });
    }
    bench.time.uptimeMs += hourMs;
    send(bench, { type: 'tick' });
  }
  const refused = told(bench);
  const from = (event: string): number => refused.filter((each) => each.startsWith(event)).length;
  assert.is(from('request-refused not-found'), 100);
  assert.is(from('request-refused bad-shape') + from('code-refused'), 100);
  const folder = mkdtempSync(join(tmpdir(), 'thintrust-refusals-'));
  const spool = await openSpool(folder, realFiles);
  for (const event of spooled(bench)) assert.equal(await spool.append(event), good(null), 'nothing gave way');
  assert.is((await spool.read(0))[0]?.event, 'registered');
  rmSync(folder, { recursive: true });
});

test('one side does not use up what another may tell, and after an hour it is told again', () => {
  const bench = openAsking();
  const from = bench.effects.length;
  for (let turn = 0; turn < 50; turn++) atSocket(bench, 'not-found', 'read', String(turn));
  assert.is(told(bench, from).length, 10);
  askNow(bench, { do: 'code', code: '1' });
  assert.is(told(bench, from).at(-1), 'code-refused code-typo');
  pass(bench, hourMs);
  atSocket(bench, 'not-found', 'read', '0');
  assert.is(told(bench, from).at(-1), 'request-refused not-found');
});
