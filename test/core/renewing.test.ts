/** The life of the device's own certificate: window, proof, refusals, grace, retirement and the way back (A7, B8, M4). */
import fc from 'fast-check';
import { nextKeyOf } from '../../agent/core/generation.ts';
import { leafOf, registeredOf } from '../../agent/core/identity.ts';
import { onRenewed } from '../../agent/core/renewing.ts';
import type { Effect } from '../../agent/core/shape.ts';
import { reportOf } from '../../agent/core/views.ts';
import { fromBase64, parseCertificate, toBase64 } from '../../protocol/certificate.ts';
import { type FaultCode, fault } from '../../protocol/fault.ts';
import { dayMs, hourMs, minuteMs } from '../../protocol/time.ts';
import { deviceLeafTopic, policyTopic } from '../../protocol/topics.ts';
import { base64, serverCertificates } from '../fakes/administration.ts';
import { askNow, type Bench, lastStatus, loseConnection, noon, nowOf, pass, send, start } from '../fakes/agent.ts';
import {
  answerCode,
  hang,
  leap,
  leapTo,
  letGo,
  openAgeing,
  openLate,
  openRetired,
} from '../fakes/identity-situations.ts';
import { issue } from '../fakes/issue.ts';
import { assert, table, test } from '../harness.ts';

const current = ({ state }: Bench): string => {
  const own = registeredOf(state);
  return (own && leafOf(own.identity)?.fingerprint) ?? 'none';
};
const next = ({ state }: Bench): string => registeredOf(state)?.next?.at ?? 'none';
const did = (effects: readonly Effect[], name: Effect['do']): number =>
  effects.filter((each) => each.do === name).length;
const events = ({ effects }: Bench, name: string): number =>
  effects.filter((each) => each.do === 'spool' && each.event.event === name).length;
/** The policy says this of the window, and the device document of the slot. */
function told(bench: Bench, renewBeforeDays: number | null | undefined, renewAt?: number | null): void {
  const { server } = bench;
  Object.assign(server.state, { renewBeforeDays, renewAt });
  bench.time.uptimeMs += 1;
  send(bench, ...server.publishPolicies(), ...server.moveTo(server.state.group));
}

table(
  'the window, with a policy and without one',
  [
    { name: 'no policy says', window: undefined, days: 30 },
    { name: 'blank', window: null, days: 60 },
    { name: 'one day', window: 1, days: 1 },
    { name: 'sixty days', window: 60, days: 60 },
    { name: 'seven days', window: 7, days: 7 },
  ],
  ({ window, days }) => {
    const bench = openAgeing(365);
    told(bench, window);
    const first = current(bench);
    leapTo(bench, days + 0.05);
    assert.is(did(pass(bench, 5 * minuteMs), 'renew'), 0, 'before the window');
    leapTo(bench, days - 0.05);
    pass(bench, 5 * minuteMs);
    assert.is.not(current(bench), first);
    assert.is(next(bench), 'none');
    assert.is(events(bench, 'identity-renewed'), 1);
    assert.is(bench.state.link.at, 'connected');
    assert.is(did(pass(bench, dayMs / 24), 'renew'), 0, 'once');
  },
);

test('renewal by order (M1): the device warns and waits, the order renews once, after the end too', () => {
  const bench = openAgeing();
  const { server } = bench;
  const about = (faults: readonly { readonly code: string; readonly facts: object }[]) =>
    faults.filter(({ code }) => code !== 'policy-stale');
  const says = (): readonly string[] => about(lastStatus(bench).faults).map(({ code }) => code);
  const order = () =>
    send(bench, server.deliverRaw(deviceLeafTopic(server.device.id, 'command'), server.commandOf('renew')));
  server.state.byOrder = true;
  told(bench, 30);
  leapTo(bench, 30.1);
  assert.equal(says(), []);
  leapTo(bench, 29.5);
  assert.is(did(pass(bench, hourMs), 'renew'), 0);
  const warning = [fault('identity-expiring', { daysLeft: 30 })];
  assert.equal(about(lastStatus(bench).faults), warning);
  assert.equal(about(reportOf(bench.state, nowOf(bench))?.faults ?? []), warning);
  const first = current(bench);
  order();
  pass(bench, 5 * minuteMs);
  const second = current(bench);
  assert.is.not(second, first);
  assert.equal(says(), []);
  const refusals = () => {
    bench.instead = (effect) =>
      effect.do === 'renew' ? [{ type: 'call-failed', call: 'renew', fault: fault('renewal-not-ordered') }] : null;
  };
  refusals();
  leapTo(bench, -1);
  loseConnection(bench);
  const tries = pass(bench, (3 * dayMs) / 24);
  assert.ok(did(tries, 'renew') > 1, 'after its end only renewal is answered, so that is tried');
  assert.ok(says().includes('renewal-not-ordered'));
  assert.is(current(bench), second);
  letGo(bench);
  pass(bench, 7 * hourMs);
  assert.is.not(current(bench), second, 'ordered meanwhile');
  assert.is(bench.state.link.at, 'connected');
});

test('the slot of the server is waited for, and no other one', () => {
  const bench = openAgeing(365);
  const own = registeredOf(bench.state);
  const end = (own && leafOf(own.identity)?.notAfter) ?? 0;
  told(bench, 30, end - 12 * dayMs);
  leapTo(bench, 12.1);
  assert.is(did(pass(bench, 5 * minuteMs), 'renew'), 0);
  leapTo(bench, 11.9);
  assert.is(did(pass(bench, 5 * minuteMs), 'renew'), 1);
});

test('B8, F17, F18: the new identity is proven beside the connection, which ends only for the new one', () => {
  const bench = openAgeing();
  const first = current(bench);
  const connection = bench.server.state.connection;
  hang(bench, 'prove');
  leapTo(bench, 20);
  pass(bench, 5 * minuteMs);
  assert.is(next(bench), 'issued');
  assert.is(current(bench), first, 'not in use before it is proven');
  assert.is(bench.server.state.connection, connection, 'the connection stands');
  assert.is(lastStatus(bench).identity?.at, 'renewing');
  assert.is(reportOf(bench.state, nowOf(bench))?.identity?.fingerprint, first);
  letGo(bench);
  start(bench);
  const effects = pass(bench, 5 * minuteMs);
  assert.is(did(effects, 'renew'), 0, 'it was issued already');
  assert.is(did(effects, 'prove'), 1);
  assert.is.not(current(bench), first);
});

test('F19: MQTT, check-in and log server go on with the new identity', () => {
  const bench = openAgeing();
  askNow(bench, { do: 'settings', logServer: 'log.example' });
  pass(bench, 5000);
  leapTo(bench, 20);
  const effects = pass(bench, 10 * minuteMs);
  const chain = registeredOf(bench.state)?.identity.chain;
  const connect = effects.findLast((each) => each.do === 'connect');
  const forward = effects.findLast((each) => each.do === 'forward');
  assert.ok(connect?.do === 'connect' && connect.identity.chain === chain);
  assert.ok(forward?.do === 'forward' && forward.identity?.chain === chain);
  const order = effects.map((each) => each.do).filter((name) => name === 'prove' || name === 'disconnect');
  assert.equal(order, ['prove', 'disconnect']);
  assert.is(bench.server.contacts.at(-1)?.fingerprint, current(bench));
});

table(
  'what fails is tried again, and the connection stands all the while (F16, F17)',
  [
    { name: 'renew: away', call: 'renew', code: 'server-unreachable', keeps: 'keyed' },
    { name: 'renew: no answer', call: 'renew', code: 'timed-out', keeps: 'keyed' },
    { name: 'renew: nonsense', call: 'renew', code: 'server-answer', keeps: 'keyed' },
    { name: 'renew: not this identity', call: 'renew', code: 'identity-refused', keeps: 'keyed' },
    { name: 'renew: the request is refused', call: 'renew', code: 'csr-refused', keeps: 'none' },
    { name: 'renew: for another key (F14)', call: 'renew', code: 'key-mismatch', keeps: 'none' },
    { name: 'prove: away', call: 'prove', code: 'server-unreachable', keeps: 'issued' },
    { name: 'prove: refused', call: 'prove', code: 'identity-refused', keeps: 'none' },
    {
      name: 'prove: key and certificate do not work together',
      call: 'prove',
      code: 'identity-unreadable',
      keeps: 'none',
    },
    { name: 'prove: expired', call: 'prove', code: 'expired', keeps: 'none' },
  ] as const,
  ({ call, code, keeps }) => {
    const bench = openAgeing();
    const first = current(bench);
    const { connection } = bench.server.state;
    bench.instead = (effect) => (effect.do === call ? [{ type: 'call-failed', call, fault: fault(code) }] : null);
    leapTo(bench, 25);
    pass(bench, 2 * minuteMs);
    assert.is(next(bench), keeps);
    assert.is(current(bench), first);
    assert.is(bench.state.faults.identity?.code, code);
    const rejected = fault(code).kind === 'rejected';
    assert.is(events(bench, 'answer-refused'), rejected || code === 'server-answer' ? 1 : 0);
    assert.is(events(bench, 'state-refused'), code === 'identity-unreadable' ? 1 : 0);
    const { attempt } = bench.state.renewal.at === 'waiting' ? bench.state.renewal : { attempt: 0 };
    assert.ok(attempt >= (rejected ? 6 : 1), `attempt ${attempt}`);
    const effects = leap(bench, 6 * hourMs);
    assert.is(did(effects, 'make-key') + did(effects, call) > 0, true, 'tried again within hours');
    assert.is(bench.server.state.connection, connection);
    assert.is(did(bench.effects, 'disconnect'), 0);
    letGo(bench);
    leap(bench, 6 * hourMs);
    pass(bench, 5 * minuteMs);
    assert.is.not(current(bench), first, 'and in the end it works');
    assert.is(bench.state.faults.identity, undefined);
  },
);

test('F16: an hour or two between tries at first, hours later on, and never in step', () => {
  const bench = openAgeing();
  bench.instead = (effect) =>
    effect.do === 'renew' ? [{ type: 'call-failed', call: 'renew', fault: fault('server-unreachable') }] : null;
  leapTo(bench, 29);
  const tries: number[] = [];
  for (let quarter = 0; quarter < 4 * 24 * 4; quarter++)
    if (did(leap(bench, hourMs / 4), 'renew') > 0) tries.push(bench.time.uptimeMs);
  const gaps = tries.slice(1).map((at, index) => at - (tries[index] ?? 0));
  assert.ok(Math.max(...gaps) <= 6.25 * hourMs && tries.length > 20, `${tries.length} tries`);
});

test('a contact ends the waiting for one: a device that is on for ten minutes of its window is renewed', () => {
  const bench = openAgeing();
  const first = current(bench);
  loseConnection(bench);
  bench.server.state.reachable = false;
  leapTo(bench, 25);
  const leftMs = (): number => {
    const { renewal } = bench.state;
    return renewal.at === 'waiting' ? renewal.untilMs - bench.time.uptimeMs : 0;
  };
  for (let hours = 0; hours < 48 || leftMs() < 2 * hourMs; hours++) leap(bench, hourMs);
  assert.is(current(bench), first);
  bench.server.state.reachable = true;
  pass(bench, 10 * minuteMs);
  assert.is.not(current(bench), first);
});

table(
  'what was issued cannot follow, and is refused before it is used',
  [
    { name: 'another device', wish: { cn: 'another' }, code: 'wrong-audience' },
    { name: 'over already', wish: { from: -20, to: -10 }, code: 'expired' },
    { name: 'not begun', wish: { from: 10, to: 300 }, code: 'not-yet-valid' },
    { name: 'no certificate', wish: null, code: 'certificate-unreadable' },
  ],
  ({ wish, code }) => {
    const bench = openAgeing();
    const first = current(bench);
    leapTo(bench, 20);
    const at = (days: number): string => new Date(noon + bench.time.uptimeMs + days * dayMs).toISOString();
    const {
      cn = bench.server.device.id,
      from = -1,
      to = 300,
    } = (wish ?? {}) as { cn?: string; from?: number; to?: number };
    const chain = wish ? [base64(issue({ cn, from: at(from), to: at(to) }))] : ['AAAA'];
    bench.instead = (effect) => (effect.do === 'renew' ? [{ type: 'renewed', key: effect.key, chain }] : null);
    pass(bench, 2 * minuteMs);
    assert.is(bench.state.faults.identity?.code, code);
    assert.is(next(bench), 'none');
    assert.is(current(bench), first);
    assert.is(events(bench, 'answer-refused'), 1);
  },
);

// Bounds: a good certificate with up to 8 bytes changed or cut short, or up to 200 characters of anything.
test('what is issued, damaged in any way: the identity in use stays, and nothing else may follow (10^4 runs)', () => {
  const bench = openAgeing();
  hang(bench, 'renew');
  leapTo(bench, 20);
  pass(bench, 2 * minuteMs);
  const own = registeredOf(bench.state);
  const key = own && nextKeyOf(own);
  assert.ok(key);
  const { id: cn } = bench.server.device;
  const leaf = issue({ cn, from: '2026-11-01', to: '2028-01-01' }).der;
  const edits = fc.array(fc.record({ at: fc.nat(leaf.length - 1), to: fc.nat(255) }), { maxLength: 8 });
  const now = nowOf(bench);
  fc.assert(
    fc.property(fc.oneof(fc.string({ maxLength: 200 }), edits), fc.nat(leaf.length), (input, cut) => {
      const bytes = Buffer.from(leaf);
      if (typeof input !== 'string') for (const { at, to } of input) bytes[at] = to;
      const chain = [typeof input === 'string' ? input : toBase64(bytes.subarray(0, cut))];
      const { state } = onRenewed(bench.state, { type: 'renewed', key, chain, now });
      const pending = state.pending?.durable.registration;
      assert.ok(pending?.at === 'registered' && pending.identity === own?.identity);
      if (pending.next?.at !== 'issued') return;
      const taken = parseCertificate(fromBase64(chain[0] ?? ''));
      assert.ok(taken.ok && taken.value.owner === cn, 'for another device');
    }),
    { numRuns: 10_000 },
  );
  const whole = onRenewed(bench.state, { type: 'renewed', key, chain: [toBase64(leaf)], now });
  const { registration } = whole.state.pending?.durable ?? bench.state.durable;
  assert.is(registration.at === 'registered' && registration.next?.at, 'issued', 'and undamaged it follows');
});

test('F14: the certificate in use once more is none that follows', () => {
  const bench = openAgeing();
  const chain = registeredOf(bench.state)?.identity.chain ?? [];
  bench.instead = (effect) => (effect.do === 'renew' ? [{ type: 'renewed', key: effect.key, chain }] : null);
  leapTo(bench, 20);
  pass(bench, 2 * minuteMs);
  assert.is(bench.state.faults.identity?.code, 'already-exists');
});

test('F14: the certificate of a key that was dropped meanwhile is no answer', () => {
  const bench = openAgeing();
  hang(bench, 'renew');
  leapTo(bench, 20);
  pass(bench, 2 * minuteMs);
  const chain = [base64(issue({ cn: bench.server.device.id, from: '2026-11-01', to: '2028-01-01' }))];
  send(bench, { type: 'renewed', key: { kind: 'file', sha256: '9'.repeat(64) }, chain });
  assert.is(next(bench), 'keyed');
});

test('a proof that the server did not give over our nonce is none', () => {
  const bench = openAgeing();
  const first = current(bench);
  hang(bench, 'prove');
  leapTo(bench, 20);
  const effects = pass(bench, 2 * minuteMs);
  const asked = effects.find((each) => each.do === 'prove');
  assert.ok(asked?.do === 'prove');
  const other = { ...asked, body: asked.body.replace(/"nonce":"[0-9a-f]{32}"/, `"nonce":"${'e'.repeat(32)}"`) };
  letGo(bench);
  send(bench, ...(bench.server.perform(other) ?? []));
  assert.is(current(bench), first);
  assert.equal([next(bench), bench.state.faults.identity?.code], ['issued', 'server-answer']);
});

test('F13: a next key that cannot be read is on record; the identity in use goes on, and another key is made', () => {
  const bench = openAgeing();
  const first = current(bench);
  const why = fault('identity-unreadable', { what: 'key', wrong: 'digest' });
  let broken = true;
  bench.instead = (effect) => (effect.do === 'renew' && broken ? [{ type: 'next-unreadable', fault: why }] : null);
  leapTo(bench, 25);
  const effects = pass(bench, 2 * minuteMs);
  assert.is(did(effects, 'stop'), 0);
  assert.is(bench.state.faults.identity?.code, 'identity-unreadable');
  assert.is(events(bench, 'state-refused'), 1);
  assert.is(next(bench), 'none');
  assert.is(bench.state.link.at, 'connected');
  broken = false;
  leap(bench, 6 * hourMs);
  pass(bench, 5 * minuteMs);
  assert.is.not(current(bench), first);
});

test('F13: a disk that has lost the next key does not stop the device', () => {
  const bench = openAgeing();
  hang(bench, 'prove');
  leapTo(bench, 25);
  pass(bench, 2 * minuteMs);
  assert.is(next(bench), 'issued');
  const why = fault('identity-unreadable', { what: 'key', wrong: 'ENOENT' });
  bench.instead = (effect) =>
    effect.do === 'persist' && effect.keys.length > 1
      ? [{ type: 'persist-failed', number: effect.number, fault: why }]
      : null;
  const asked = askNow(bench, { do: 'settings', rdp: 'ts.example' });
  assert.is(asked?.ok, false);
  assert.is(did(bench.effects, 'stop'), 0);
  assert.is(askNow(bench, { do: 'settings', rdp: 'ts.example' })?.ok, true, 'and the next commit is whole');
});

test('F12, F17: a full disk ends no connection for a renewal', () => {
  const bench = openAgeing();
  const { connection } = bench.server.state;
  bench.instead = (effect) =>
    effect.do === 'persist'
      ? [{ type: 'persist-failed', number: effect.number, fault: fault('disk-full', { what: 'generation' }) }]
      : null;
  leapTo(bench, 25);
  pass(bench, 10 * minuteMs);
  assert.is(bench.state.faults.disk?.code, 'disk-full');
  assert.is(bench.server.state.connection, connection);
  letGo(bench);
  leap(bench, 6 * hourMs);
  pass(bench, 5 * minuteMs);
  assert.is(events(bench, 'identity-renewed'), 1);
});

test('F3: a clock that jumps over the window, or back and forth, skips nothing and renews once', () => {
  const bench = openAgeing(365);
  const first = current(bench);
  bench.time.wallErrorMs = 350 * dayMs;
  pass(bench, 5 * minuteMs);
  assert.is.not(current(bench), first, 'a step of the clock alone');
  const second = current(bench);
  bench.time.wallErrorMs = 0;
  pass(bench, 5 * minuteMs);
  bench.time.wallErrorMs = 10 * dayMs;
  pass(bench, 5 * minuteMs);
  assert.is(current(bench), second);
});

test('F4: with the clock unknown there is no key and no request, whatever is wanted', () => {
  const bench = openAgeing();
  hang(bench, 'renew');
  leapTo(bench, 20);
  pass(bench, 5 * minuteMs);
  assert.is(next(bench), 'keyed');
  bench.time.wallErrorMs = -noon;
  bench.server.state.reachable = false;
  start(bench);
  assert.is(lastStatus(bench).clock.at, 'unknown');
  const effects = pass(bench, hourMs);
  assert.is(did(effects, 'renew') + did(effects, 'make-key') + did(effects, 'prove'), 0);
  assert.ok(did(effects, 'connect') > 0, 'the server is tried as before');
});

table(
  'M4: the command renews now, whatever the window',
  [
    { name: 'over MQTT', mqtt: true },
    { name: 'by check-in', mqtt: false },
  ],
  ({ mqtt }) => {
    const bench = openAgeing(365);
    const first = current(bench);
    const { server } = bench;
    if (mqtt) send(bench, server.deliverRaw(deviceLeafTopic(server.device.id, 'command'), server.commandOf('renew')));
    else {
      server.state.mqttBlocked = true;
      loseConnection(bench);
      server.state.commands.push(server.commandOf('renew'));
    }
    pass(bench, 10 * minuteMs);
    assert.is.not(current(bench), first);
    assert.is(events(bench, 'command'), 1);
    assert.is(server.state.unacknowledged.size, 0);
  },
);

test('M4: the command outlives a cut, and is run once', () => {
  const bench = openAgeing(365);
  const first = current(bench);
  const { server } = bench;
  hang(bench, 'make-key');
  send(bench, server.deliverRaw(deviceLeafTopic(server.device.id, 'command'), server.commandOf('renew')));
  assert.is(next(bench), 'wanted');
  letGo(bench);
  start(bench);
  pass(bench, 10 * minuteMs);
  assert.is.not(current(bench), first);
  const second = current(bench);
  start(bench);
  pass(bench, 10 * minuteMs);
  assert.is(current(bench), second);
});

table(
  'grace: contact after the end renews as long as the server says so (A7)',
  [
    { name: 'a minute after', days: 0.001, renewed: true },
    { name: '29.9 days after', days: 29.9, renewed: true },
    { name: '30.1 days after', days: 30.1, renewed: false },
    { name: 'a year after', days: 365, renewed: false },
  ],
  ({ days, renewed }) => {
    const bench = openLate(days);
    const first = current(bench);
    pass(bench, hourMs);
    assert.is(lastStatus(bench).identity?.at, 'expired', 'the clock alone retires nobody');
    assert.is(
      lastStatus(bench).faults.some(({ code }) => code === 'identity-expired'),
      true,
    );
    bench.server.state.reachable = true;
    const effects = pass(bench, 15 * minuteMs);
    assert.is(current(bench) !== first, renewed);
    assert.is(lastStatus(bench).identity?.at, renewed ? 'valid' : 'retired');
    const before = effects.findIndex((each) => each.do === 'renew');
    assert.is(did(effects.slice(0, before), 'connect') + did(effects.slice(0, before), 'checkin'), 0);
    assert.is(did(effects, 'connect') > 0, renewed, 'after its end an identity is for renewal alone');
    assert.is(events(bench, 'identity-retired'), renewed ? 0 : 1);
  },
);

test('F30: a certificate that has not begun is not renewed for that, and an expired one is not used for anything else', () => {
  const bench = openAgeing();
  bench.time.wallErrorMs = -20 * minuteMs;
  assert.is(did(pass(bench, hourMs), 'renew'), 0);
  const late = openLate(10);
  late.server.state.reachable = true;
  hang(late, 'renew');
  const effects = pass(late, hourMs);
  assert.is(did(effects, 'connect') + did(effects, 'checkin'), 0);
});

test('the server calls it expired although our clock is late: renewal, by the server’s word', () => {
  const bench = openAgeing();
  const first = current(bench);
  loseConnection(bench);
  bench.server.state.reachable = false;
  bench.time.wallErrorMs = -90 * dayMs;
  leapTo(bench, -5);
  assert.is(lastStatus(bench).identity?.at, 'valid');
  bench.server.state.reachable = true;
  pass(bench, hourMs);
  assert.is.not(current(bench), first);
  assert.is(bench.state.link.at, 'connected');
  assert.is(lastStatus(bench).clock.now, noon + bench.time.uptimeMs, 'the proof has set the clock right');
});

test('retired: nothing is tried, the status says so, and it is still so after a start', () => {
  const bench = openRetired();
  for (const run of ['first', 'second']) {
    const effects = pass(bench, 2 * hourMs);
    for (const name of ['connect', 'checkin', 'renew', 'enrol-again', 'prove', 'make-key'] as const)
      assert.is(did(effects, name), 0, `${run}: ${name}`);
    const status = lastStatus(bench);
    assert.is(status.at, 'registered');
    assert.is(status.identity?.at, 'retired');
    assert.is(status.replacement?.about, 'device');
    assert.is(status.replacement?.presented.fingerprint, status.certificates[0]?.fingerprint);
    assert.ok(status.faults.some(({ code }) => code === 'identity-retired'));
    assert.ok(reportOf(bench.state, nowOf(bench))?.faults.some(({ code }) => code === 'identity-retired'));
    start(bench);
  }
});

test('retired: the right code lets it enrol again, with the same id, and the pins it had', () => {
  const bench = openRetired();
  const { id } = bench.server.device;
  const pins = bench.state.durable.pins;
  const first = current(bench);
  answerCode(bench);
  const effects = pass(bench, 10 * minuteMs);
  assert.is(did(effects, 'enrol-again'), 1);
  assert.is.not(current(bench), first);
  const status = lastStatus(bench);
  assert.equal([status.identity?.at, status.link.at, status.device?.id], ['valid', 'connected', id]);
  assert.is(bench.state.durable.pins, pins);
  assert.is(status.replacement, null);
  assert.is(
    status.faults.some(({ code }) => code.startsWith('identity')),
    false,
  );
  const renewed = bench.effects.flatMap((each) =>
    each.do === 'spool' && each.event.event === 'identity-renewed' ? [each.event.facts['how']] : [],
  );
  assert.equal(renewed, ['reenrolment']);
});

test('retired: a wrong code opens nothing', () => {
  const bench = openRetired();
  assert.is(askNow(bench, { do: 'code', code: '0000 0000 0098' })?.ok, false);
  assert.is(did(pass(bench, hourMs), 'enrol-again'), 0);
});

test('F21: an opening that has run out is not tried again: another code is asked for, the old one is dead', () => {
  const bench = openRetired();
  const shown = lastStatus(bench).replacement?.confirmationCode ?? '';
  const old = bench.server.answerCode(shown);
  bench.server.state.readmits = false;
  askNow(bench, { do: 'code', code: old });
  bench.server.state.readmits = false;
  pass(bench, 5 * minuteMs);
  const status = lastStatus(bench);
  assert.is(status.identity?.at, 'retired');
  assert.is.not(status.replacement?.confirmationCode, shown);
  assert.is(askNow(bench, { do: 'code', code: old })?.ok, false);
  answerCode(bench);
  pass(bench, 10 * minuteMs);
  assert.is(lastStatus(bench).identity?.at, 'valid');
});

test('retired: a code nobody answered is asked for anew after its day', () => {
  const bench = openRetired();
  const shown = lastStatus(bench).replacement?.confirmationCode;
  leap(bench, dayMs + hourMs);
  pass(bench, 2 * minuteMs);
  const again = lastStatus(bench).replacement?.confirmationCode;
  assert.ok(again && again !== shown);
});

test('retired: after a planned change of the server’s certificate, the code is about the new one', () => {
  const bench = openAgeing();
  const { server } = bench;
  server.state.reserve = { index: 1, activateAt: noon + 50 * dayMs };
  send(bench, ...server.publishPolicies());
  loseConnection(bench);
  server.state.reachable = false;
  leapTo(bench, -40);
  Object.assign(server.state, { main: 1, reserve: null, reachable: true });
  pass(bench, 10 * minuteMs);
  assert.is(lastStatus(bench).replacement?.about, 'device');
  answerCode(bench);
  pass(bench, 10 * minuteMs);
  const status = lastStatus(bench);
  assert.equal([status.identity?.at, status.link.at], ['valid', 'connected']);
  assert.is(bench.state.durable.pins?.current.der, base64(serverCertificates[1]));
});

test('away past its grace, and the server has changed its certificate: one code does for both', () => {
  const bench = openAgeing();
  const { server } = bench;
  const first = current(bench);
  loseConnection(bench);
  server.state.reachable = false;
  leapTo(bench, -40);
  Object.assign(server.state, { main: 3, reachable: true });
  pass(bench, 10 * minuteMs);
  assert.is(lastStatus(bench).replacement?.about, 'server');
  answerCode(bench);
  const effects = pass(bench, 10 * minuteMs);
  assert.equal([did(effects, 'renew'), did(effects, 'enrol-again')], [0, 1]);
  const status = lastStatus(bench);
  assert.equal([status.identity?.at, status.link.at, status.replacement], ['valid', 'connected', null]);
  assert.is.not(current(bench), first);
  assert.is(bench.state.durable.pins?.current.der, base64(serverCertificates[3]));
});

test('past its grace by a wrong clock alone: enrolling again is refused, and the device is active as before', () => {
  const bench = openAgeing();
  loseConnection(bench);
  bench.time.wallErrorMs = 400 * dayMs;
  bench.server.state.main = 3;
  pass(bench, 10 * minuteMs);
  answerCode(bench);
  bench.server.state.readmits = false;
  pass(bench, 2 * minuteMs);
  assert.is(registeredOf(bench.state)?.standing, 'active');
  pass(bench, 12 * hourMs);
  assert.equal([lastStatus(bench).identity?.at, bench.state.link.at], ['valid', 'connected']);
  assert.is(events(bench, 'identity-retired'), 0);
});

test('a clock that is ahead of every identity: the proof brings the time, and the device is not stranded', () => {
  const bench = openAgeing();
  loseConnection(bench);
  bench.time.wallErrorMs = 400 * dayMs;
  pass(bench, hourMs);
  const { clock, identity, link } = lastStatus(bench);
  assert.equal([identity?.at, link.at, clock.now], ['valid', 'connected', noon + bench.time.uptimeMs]);
});

test('in its grace, a code for the server certificate leaves renewal to renewal', () => {
  const bench = openAgeing();
  loseConnection(bench);
  bench.server.state.reachable = false;
  leapTo(bench, -10);
  Object.assign(bench.server.state, { main: 3, reachable: true });
  pass(bench, 10 * minuteMs);
  answerCode(bench);
  const effects = pass(bench, 10 * minuteMs);
  assert.equal([did(effects, 'renew') > 0, did(effects, 'enrol-again')], [true, 0]);
  assert.is(lastStatus(bench).identity?.at, 'valid');
});

test('retired: the code is asked for at once', () => {
  const bench = openLate(40);
  bench.server.state.reachable = true;
  for (let seconds = 0; lastStatus(bench).identity?.at !== 'retired'; seconds++) {
    if (seconds > 900) throw new Error('never retired');
    pass(bench, 1000);
  }
  pass(bench, 2000);
  assert.is(lastStatus(bench).replacement?.about, 'device');
});

test('retired: the other way is a reset and a new registration', () => {
  const bench = openRetired();
  assert.is(askNow(bench, { do: 'reset' })?.ok, true);
  const status = lastStatus(bench);
  assert.equal([status.at, status.identity, status.replacement, status.faults], ['unregistered', null, null, []]);
});

test('an expired device whose server shows an unknown certificate asks for a code, and is renewed after it', () => {
  const bench = openLate(10);
  Object.assign(bench.server.state, { main: 3, reachable: true });
  pass(bench, 10 * minuteMs);
  assert.is(lastStatus(bench).replacement?.about, 'server');
  const shown = lastStatus(bench).replacement?.confirmationCode ?? '';
  assert.is(askNow(bench, { do: 'code', code: bench.server.answerCode(shown) })?.ok, true);
  pass(bench, 10 * minuteMs);
  assert.is(lastStatus(bench).identity?.at, 'valid');
});

test('beside a connection an unknown certificate in a renewal is a fault, and no code is asked for', () => {
  const bench = openAgeing();
  const { connection } = bench.server.state;
  const der = base64(serverCertificates[3]);
  bench.instead = (effect) => (effect.do === 'renew' ? [{ type: 'presented', der, call: 'renew' }] : null);
  leapTo(bench, 20);
  pass(bench, 5 * minuteMs);
  assert.is(bench.state.faults.identity?.code satisfies FaultCode | undefined, 'not-pinned');
  assert.is(lastStatus(bench).replacement, null);
  assert.is(bench.server.state.connection, connection);
});

test('documents that come with the proof are applied with it', () => {
  const bench = openAgeing();
  const { server } = bench;
  leapTo(bench, 20);
  server.state.retained.set(
    policyTopic(server.unassigned.id),
    server.sign('policy', server.policyOf(server.unassigned)),
  );
  const rev = server.state.revisions.get(`${server.serverId}/group/${server.unassigned.id}`);
  bench.instead = (effect) => (effect.do === 'connect' ? [] : null);
  pass(bench, 5 * minuteMs);
  assert.is(bench.state.held.policy?.policy.rev, rev);
  assert.is(next(bench), 'none');
});
