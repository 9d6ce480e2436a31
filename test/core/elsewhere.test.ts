/** Renewal of identities that are of another authority, or are to be: by whom, with what, and what refusals do. */
import type { ForeignEnrolment } from '../../agent/core/durable.ts';
import { leafOf, registeredOf } from '../../agent/core/identity.ts';
import type { Effect } from '../../agent/core/shape.ts';
import { type FaultCode, fault } from '../../protocol/fault.ts';
import { dayMs, hourMs, minuteMs } from '../../protocol/time.ts';
import { deviceLeafTopic } from '../../protocol/topics.ts';
import {
  askNow,
  type Bench,
  lastStatus,
  loseConnection,
  openBench,
  orderOf,
  pass,
  send,
  start,
} from '../fakes/agent.ts';
import { scep, toldByPolicy } from '../fakes/elsewhere.ts';
import { answerCode, leapTo, openAgeing } from '../fakes/identity-situations.ts';
import { assert, table, test } from '../harness.ts';

const est: ForeignEnrolment = { ...scep, protocol: 'est', path: '/.well-known/est', user: 'us', key: 'P-384' };

/** Registered through the other authority, and connected. */
function openForeign(enrolment: ForeignEnrolment = scep, days = 100): Bench {
  const bench = openBench();
  bench.server.state.identityDays = days;
  start(bench);
  bench.server.publishPolicies();
  askNow(bench, { do: 'register', order: { ...orderOf(bench), enrolment } });
  pass(bench, 5000);
  assert.is(bench.state.link.at, 'connected');
  return bench;
}
const own = ({ state }: Bench) => {
  const registered = registeredOf(state);
  assert.ok(registered);
  return registered;
};
const current = (bench: Bench): string => leafOf(own(bench).identity)?.fingerprint ?? '';
const issuer = (bench: Bench): string => leafOf(own(bench).identity)?.issuer ?? '';
const effectsOf = <Name extends Effect['do']>(effects: readonly Effect[], name: Name) =>
  effects.filter((effect): effect is Effect & { do: Name } => effect.do === name);
const command = (bench: Bench): void => {
  const { server } = bench;
  send(bench, server.deliverRaw(deviceLeafTopic(server.device.id, 'command'), server.commandOf('renew')));
};
const identityFault = ({ state }: Bench): FaultCode | undefined => state.faults.identity?.code;

table(
  'in its window an identity of another authority is renewed there, announced by itself, and proven before it counts',
  [
    { name: 'SCEP', enrolment: scep, kept: { user: '', password: 'challenge' } },
    { name: 'EST: what was typed is not kept', enrolment: est, kept: { user: '', password: '' } },
  ],
  ({ enrolment, kept }) => {
    const bench = openForeign(enrolment);
    const before = own(bench).identity;
    leapTo(bench, 31);
    assert.is(effectsOf(pass(bench, hourMs), 'make-key').length, 0, 'before the window');
    leapTo(bench, 29);
    const effects = pass(bench, 5 * minuteMs);
    assert.equal(effectsOf(effects, 'make-key'), [{ do: 'make-key', kind: enrolment.key }]);
    const [renew] = effectsOf(effects, 'renew');
    assert.is(renew?.elsewhere?.renews, true);
    assert.equal(renew?.elsewhere?.enrolment, own(bench).enrolment);
    const { user, password } = own(bench).enrolment ?? scep;
    assert.equal({ user, password }, kept);
    const [prove] = effectsOf(effects, 'prove');
    assert.is(prove?.announcedBy?.chain[0], before.chain[0]);
    assert.is.not(own(bench).identity.chain[0], before.chain[0]);
    assert.is(own(bench).next, null);
    assert.match(issuer(bench), /Foreign CA/);
    assert.is(bench.state.link.at, 'connected');
    assert.is(effectsOf(pass(bench, hourMs), 'renew').length, 0, 'once');
  },
);

test('the command renews it now, and leaves nothing behind', () => {
  const bench = openForeign();
  const first = current(bench);
  command(bench);
  pass(bench, 5 * minuteMs);
  assert.is.not(current(bench), first);
  assert.is(own(bench).next, null);
});

table(
  'the authority does not answer, or refuses: the identity in use goes on, the fault is told, and it is tried again',
  [
    { name: 'away', theirs: { reachable: false }, code: 'server-unreachable', next: 'keyed' },
    { name: 'refuses', theirs: { refusal: 'csr-refused' }, code: 'csr-refused', next: undefined },
    {
      name: 'wants another challenge',
      theirs: { refusal: 'challenge-refused' },
      code: 'challenge-refused',
      next: undefined,
    },
    {
      name: 'somebody has to approve',
      theirs: { refusal: 'enrolment-pending' },
      code: 'enrolment-pending',
      next: 'keyed',
    },
    {
      name: 'another one answers',
      theirs: { refusal: 'authority-mismatch' },
      code: 'authority-mismatch',
      next: undefined,
    },
    { name: 'it plays our server', theirs: { refusal: 'identity-retired' }, code: 'identity-retired', next: undefined },
  ] as const,
  ({ theirs, code, next }) => {
    const bench = openForeign();
    const first = current(bench);
    const connection = bench.server.state.connection;
    Object.assign(bench.server.state.theirs, theirs);
    leapTo(bench, 20);
    pass(bench, 5 * minuteMs);
    assert.is(identityFault(bench), code);
    assert.ok(lastStatus(bench).faults.some((each) => each.code === code));
    assert.ok(
      bench.server.state.report?.faults.some((each) => each.code === code),
      'reported',
    );
    assert.is(own(bench).next?.at, next);
    assert.equal([current(bench), own(bench).standing, bench.server.state.connection], [first, 'active', connection]);
    Object.assign(bench.server.state.theirs, { reachable: true, refusal: null });
    pass(bench, 12 * hourMs);
    assert.is.not(current(bench), first);
    assert.is(identityFault(bench), undefined);
    assert.is(bench.state.link.at, 'connected');
  },
);

test('somebody has to approve: asked with the same key and the same name until then, cuts or not, after its end too', () => {
  const bench = openForeign();
  bench.server.state.theirs.refusal = 'enrolment-pending';
  leapTo(bench, 3);
  pass(bench, dayMs);
  start(bench);
  pass(bench, 3 * dayMs);
  assert.is(lastStatus(bench).identity?.at, 'expired');
  const asked = effectsOf(bench.effects, 'renew');
  assert.ok(asked.length > 5, `${asked.length}`);
  assert.is(new Set(asked.map(({ key, elsewhere }) => `${key.sha256} ${elsewhere?.enrolment.subject}`)).size, 1);
  bench.server.state.theirs.refusal = null;
  pass(bench, 12 * hourMs);
  assert.is(bench.state.link.at, 'connected');
});

test('refused outside of the window, by the command: told for its pause, and then it is forgotten', () => {
  const bench = openForeign();
  bench.server.state.theirs.refusal = 'csr-refused';
  command(bench);
  pass(bench, minuteMs);
  assert.is(identityFault(bench), 'csr-refused');
  pass(bench, 2 * hourMs);
  assert.is(identityFault(bench), undefined);
  assert.is(own(bench).next, null);
  assert.is(effectsOf(bench.effects, 'renew').length, 1);
});

test('a policy sends a device of ours to the other authority when it renews, and back at a renewal after it has gone', () => {
  const bench = openAgeing();
  bench.server.state.enrolment = toldByPolicy;
  send(bench, ...bench.server.publishPolicies());
  assert.is(effectsOf(pass(bench, hourMs), 'renew').length, 0, 'not before its window');
  leapTo(bench, 20);
  const effects = pass(bench, 5 * minuteMs);
  const [renew] = effectsOf(effects, 'renew');
  assert.equal([renew?.elsewhere?.renews, renew?.elsewhere?.enrolment.password], [false, '']);
  assert.match(renew?.elsewhere?.enrolment.subject ?? '', /^kiosk-[0-9a-f]{16}$/);
  assert.match(issuer(bench), /Foreign CA/);
  leapTo(bench, 20);
  const [again] = effectsOf(pass(bench, 5 * minuteMs), 'renew');
  assert.is(again?.elsewhere?.renews, true);
  assert.is(again?.elsewhere?.enrolment.subject, renew?.elsewhere?.enrolment.subject);
  assert.match(issuer(bench), /Foreign CA/);

  bench.server.state.enrolment = undefined;
  bench.time.uptimeMs += 1;
  send(bench, ...bench.server.publishPolicies());
  start(bench);
  assert.is(effectsOf(pass(bench, hourMs), 'renew').length, 0, 'not before its window');
  leapTo(bench, 20);
  const [back] = effectsOf(pass(bench, 5 * minuteMs), 'renew');
  assert.is(back?.elsewhere, undefined);
  assert.match(issuer(bench), /Fleet CA/);
  assert.equal([own(bench).enrolment, bench.state.link.at], [undefined, 'connected']);
});

test('whom a person sent to the other authority stays there, also after a policy that named it has gone', () => {
  const bench = openForeign();
  for (const told of [toldByPolicy, undefined]) {
    bench.server.state.enrolment = told;
    bench.time.uptimeMs += 1;
    send(bench, ...bench.server.publishPolicies());
    leapTo(bench, 20);
    const [renew] = effectsOf(pass(bench, 5 * minuteMs), 'renew');
    assert.is(renew?.elsewhere?.renews, true);
    assert.match(issuer(bench), /Foreign CA/);
  }
});

test('a policy that comes while a key is made for our server: another key, for the other authority', () => {
  const bench = openAgeing();
  bench.server.state.reachable = false;
  loseConnection(bench);
  leapTo(bench, 20);
  pass(bench, 5 * minuteMs);
  assert.is(own(bench).next?.at, 'keyed');
  bench.server.state.enrolment = toldByPolicy;
  bench.server.publishPolicies();
  bench.server.state.reachable = true;
  pass(bench, 12 * hourMs);
  assert.match(issuer(bench), /Foreign CA/);
});

test('an identity of ours that has ended is renewed by the server, wherever a policy would send it', () => {
  const bench = openAgeing();
  bench.server.state.enrolment = toldByPolicy;
  send(bench, ...bench.server.publishPolicies());
  bench.server.state.theirs.reachable = false;
  loseConnection(bench);
  leapTo(bench, -5);
  pass(bench, 6 * hourMs);
  assert.match(issuer(bench), /Fleet CA/);
  assert.is(bench.state.link.at, 'connected');
});

table(
  'ended, and the other authority renews it no more: the server does, as long as it may',
  [
    { name: 'refused', theirs: { refusal: 'csr-refused' } },
    { name: 'away', theirs: { reachable: false } },
  ],
  ({ theirs }) => {
    const bench = openForeign();
    Object.assign(bench.server.state.theirs, theirs);
    loseConnection(bench);
    leapTo(bench, -5);
    pass(bench, dayMs);
    assert.match(issuer(bench), /Fleet CA/);
    assert.is(own(bench).enrolment, undefined);
    assert.is(bench.state.link.at, 'connected');
    leapTo(bench, 20);
    pass(bench, 5 * minuteMs);
    assert.match(issuer(bench), /Fleet CA/, 'and from then on');
  },
);

test('past its grace: the word of the server, a code, and an identity of ours', () => {
  const bench = openForeign();
  bench.server.state.theirs.refusal = 'csr-refused';
  loseConnection(bench);
  leapTo(bench, -40);
  pass(bench, 2 * hourMs);
  assert.is(own(bench).standing, 'retired');
  assert.is(lastStatus(bench).replacement?.about, 'device');
  answerCode(bench);
  pass(bench, hourMs);
  assert.is(bench.state.link.at, 'connected');
  assert.match(issuer(bench), /Fleet CA/);
});

test('past its grace, although the authority has renewed it: the server says no', () => {
  const bench = openForeign();
  loseConnection(bench);
  leapTo(bench, -40);
  pass(bench, 2 * hourMs);
  assert.is(own(bench).standing, 'retired');
});

test('the server does not take the announced one: it is not used, and the one in use goes on', () => {
  const bench = openForeign();
  const first = current(bench);
  bench.instead = (effect) =>
    effect.do === 'prove' ? [{ type: 'call-failed', call: 'prove', fault: fault('identity-refused') }] : null;
  leapTo(bench, 20);
  pass(bench, 5 * minuteMs);
  assert.equal([current(bench), own(bench).next, identityFault(bench)], [first, null, 'identity-refused']);
});
