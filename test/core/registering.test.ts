/** Registration through the whole core: the usual way, what ends an order, what is tried again, and what may not touch a device that is registered. */
import type { Effect, Happening } from '../../agent/core/shape.ts';
import { type FaultCode, fault } from '../../protocol/fault.ts';
import { minuteMs } from '../../protocol/time.ts';
import { base64, rdpRoot } from '../fakes/administration.ts';
import {
  askNow,
  type Bench,
  lastStatus,
  noon,
  openBench,
  openRegistered,
  orderOf,
  pass,
  send,
  start,
} from '../fakes/agent.ts';
import { assert, table, test } from '../harness.ts';

const fresh = (): Bench => {
  const bench = openBench();
  start(bench);
  bench.server.publishPolicies();
  return bench;
};
const register = (bench: Bench, more: object = {}): string => {
  const answered = askNow(bench, { do: 'register', order: { ...orderOf(bench), ...more } });
  return answered === null ? 'pending' : answered.ok ? 'ok' : answered.fault.code;
};
const at = (bench: Bench): string => bench.state.durable.registration.at;
/** Fails one kind of call. */
const failing =
  (call: 'enrol' | 'fetch-bundle' | 'confirm-bundle', code: FaultCode) =>
  (effect: Effect): Happening[] | null =>
    effect.do === call ? [{ type: 'call-failed', call, fault: fault(code) }] : null;

const rows: readonly { name: string; play: (bench: Bench) => unknown; expected: unknown }[] = [
  {
    name: 'the usual way',
    play: (b) => [register(b), at(b), lastStatus(b).at],
    expected: ['ok', 'registered', 'registered'],
  },
  {
    name: 'counters are on the disk before the first generation',
    play: (b) => {
      register(b);
      return b.effects.flatMap((e) => (/^(count|persist)$/.test(e.do) ? [e.do] : []))[0];
    },
    expected: 'count',
  },
  {
    name: 'wrong password: the order ends',
    play: (b) => [register(b, { password: 'wrong' }), at(b), b.state.link.at],
    expected: ['invitation-refused', 'unregistered', 'idle'],
  },
  {
    name: 'wrong fingerprint: the order ends',
    play: (b) => [register(b, { fingerprint: '0'.repeat(64) }), at(b)],
    expected: ['fingerprint-mismatch', 'unregistered'],
  },
  {
    name: 'and may be given again',
    play: (b) => [register(b, { password: 'wrong' }), register(b)],
    expected: ['invitation-refused', 'ok'],
  },
  {
    name: 'unreachable: told, and tried again',
    play: (b) => {
      b.server.state.reachable = false;
      const told = register(b);
      b.server.state.reachable = true;
      pass(b, minuteMs);
      return [told, at(b), b.state.link.at];
    },
    expected: ['server-unreachable', 'registered', 'connected'],
  },
  {
    name: 'a second order while one is on its way',
    play: (b) => {
      b.instead = (e) => (e.do === 'enrol' ? [] : null);
      return [register(b), register(b)];
    },
    expected: ['pending', 'busy'],
  },
  {
    name: 'clock unknown: no key, no CSR (F4)',
    play: (b) => {
      b.time.wallErrorMs = -noon;
      return [register(b), b.effects.some((e) => e.do === 'make-key')];
    },
    expected: ['clock-unknown', false],
  },
  {
    name: 'no key: told',
    play: (b) => {
      b.instead = (e) => (e.do === 'make-key' ? [{ type: 'key-failed', fault: fault('disk-full') }] : null);
      const told = register(b);
      b.instead = () => null;
      return [told, register(b)];
    },
    expected: ['disk-full', 'ok'],
  },
  {
    name: 'disk full at the order: told, and may be given again',
    play: (b) => {
      b.instead = (e) =>
        e.do === 'persist' ? [{ type: 'persist-failed', number: e.number, fault: fault('disk-full') }] : null;
      const told = register(b);
      b.instead = () => null;
      pass(b, minuteMs);
      return [told, at(b), register(b)];
    },
    expected: ['disk-full', 'unregistered', 'ok'],
  },
  {
    name: 'a bundle for another device is refused',
    play: (b) => {
      b.instead = (e) => (e.do === 'fetch-bundle' ? foreignBundle(b) : null);
      return [register(b), at(b)];
    },
    expected: ['wrong-audience', 'enrolled'],
  },
  {
    name: 'a bundle that pins an authority is refused',
    play: (b) => {
      b.instead = (e) =>
        e.do === 'fetch-bundle' ? bundleWith(b, { pins: { main: base64(rdpRoot), reserve: null } }) : null;
      return [register(b), at(b)];
    },
    expected: ['certificate-wrong-kind', 'enrolled'],
  },
  {
    name: 'garbage for a bundle is refused',
    play: (b) => {
      b.instead = (e) => (e.do === 'fetch-bundle' ? [{ type: 'bundle-fetched', bytes: Buffer.from('{') }] : null);
      return [register(b), at(b)];
    },
    expected: ['not-json', 'enrolled'],
  },
  {
    name: 'confirmation refused: tried again, nothing lost',
    play: (b) => {
      b.instead = failing('confirm-bundle', 'not-allowed');
      const told = register(b);
      pass(b, minuteMs);
      const during = at(b);
      b.instead = () => null;
      pass(b, 10 * minuteMs);
      return [told, during, lastStatus(b).at];
    },
    expected: ['not-allowed', 'registered', 'registered'],
  },
  {
    name: 'never confirmed: a new order is taken',
    play: (b) => {
      b.instead = failing('confirm-bundle', 'fingerprint-mismatch');
      register(b);
      b.instead = () => null;
      return [register(b), lastStatus(b).at];
    },
    expected: ['ok', 'registered'],
  },
  {
    name: 'registered: no second order',
    play: (b) => [register(b), register(b)],
    expected: ['ok', 'already-registered'],
  },
];
function bundleWith(bench: Bench, more: object): Happening[] {
  const { registration } = bench.state.durable;
  if (registration.at !== 'enrolled') throw new Error('not enrolled');
  const [fetched] =
    bench.server.perform({
      do: 'fetch-bundle',
      address: '',
      identity: registration.identity,
      accept: [orderOf(bench).fingerprint],
    }) ?? [];
  if (fetched?.type !== 'bundle-fetched') throw new Error('no bundle');
  const bundle = { ...JSON.parse(Buffer.from(fetched.bytes).toString()), ...more };
  return [{ type: 'bundle-fetched', bytes: Buffer.from(JSON.stringify(bundle)) }];
}
const foreignBundle = (bench: Bench) => bundleWith(bench, { deviceId: '6f1dcf1c-1111-4111-8111-111111111111' });
table('registration', rows, ({ play, expected }) => {
  assert.equal(play(fresh()), expected);
});

const late: readonly Happening[] = [
  { type: 'call-failed', call: 'enrol', fault: fault('invitation-refused') },
  { type: 'call-failed', call: 'fetch-bundle', fault: fault('not-allowed') },
  { type: 'call-failed', call: 'confirm-bundle', fault: fault('fingerprint-mismatch') },
  { type: 'bundle-confirmed' },
  { type: 'enrolled', chain: ['AAAA'] },
  { type: 'bundle-fetched', bytes: Buffer.from('{}') },
  { type: 'key-made', key: { kind: 'file', sha256: '2'.repeat(64) } },
];
table(
  'late answers do not touch a registered device',
  late.map((happening, index) => ({ name: `${index} ${happening.type}`, happening })),
  ({ happening }) => {
    const bench = openRegistered();
    const before = bench.state;
    send(bench, happening);
    assert.equal(bench.state.durable, before.durable);
    assert.is(bench.state.link, before.link);
  },
);

test('a device whose hardware is another connects no more, takes no code and no order, and says why', () => {
  const bench = openRegistered();
  const { objects } = bench;
  start(bench, { hardware: 'machine-2' });
  pass(bench, 60 * minuteMs);
  assert.is(lastStatus(bench).at, 'broken');
  assert.is(register(bench), 'cloned');
  const coded = askNow(bench, { do: 'code', code: '0000 0000 0098' });
  assert.is(coded?.ok === false && coded.fault.code, 'cloned');
  assert.is(bench.objects, objects);
  start(bench);
  pass(bench, 5000);
  assert.is(bench.state.link.at, 'connected', 'and the first machine goes on');
});

test('nothing readable where there was something: broken, nothing written, never a new identity (F11, F13)', () => {
  const bench = openRegistered();
  bench.objects = [];
  const from = bench.effects.length;
  start(bench);
  assert.is(register(bench), 'identity-unreadable');
  pass(bench, 10 * minuteMs);
  assert.equal(
    bench.effects.slice(from).filter((e) => /^(persist|count|make-key|connect|enrol)$/.test(e.do)),
    [],
  );
  assert.is(lastStatus(bench).at, 'broken');
});

test('asked before the start is answered', () => {
  assert.is(register(openBench()), 'busy');
});
