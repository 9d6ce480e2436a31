/** Registration with the identity of a foreign authority, through the whole core, and the names it asks for. */
import fc from 'fast-check';
import type { ForeignEnrolment } from '../../agent/core/durable.ts';
import type { Effect, Happening } from '../../agent/core/shape.ts';
import { namedFor, subjectOf } from '../../agent/core/subject.ts';
import { fault } from '../../protocol/fault.ts';
import { hourMs, instant } from '../../protocol/time.ts';
import { base64 } from '../fakes/administration.ts';
import { askNow, type Bench, lastStatus, openBench, orderOf, pass, send, start } from '../fakes/agent.ts';
import { scep } from '../fakes/elsewhere.ts';
import { issue } from '../fakes/issue.ts';
import { assert, table, test } from '../harness.ts';

const theirs = issue({ cn: 'Foreign CA', ca: true });
const theirLeaf = base64(issue({ cn: 'somebody', by: theirs }));
const fresh = (): Bench => {
  const bench = openBench();
  start(bench);
  bench.server.publishPolicies();
  return bench;
};
/** Our server binds the certificate, so to speak; the foreign authority issues it. */
const foreignAuthority =
  (bench: Bench) =>
  (effect: Effect): Happening[] | null => {
    if (effect.do !== 'enrol' || !effect.order.enrolment) return null;
    const { enrolment: _, ...order } = effect.order;
    bench.server.perform({ ...effect, order });
    return [{ type: 'enrolled', chain: [theirLeaf, base64(theirs)] }];
  };
const register = (bench: Bench, enrolment: ForeignEnrolment | null = scep): string => {
  const order = { ...orderOf(bench), ...(enrolment && { enrolment }) };
  const answered = askNow(bench, { do: 'register', order });
  return answered === null ? 'pending' : answered.ok ? 'ok' : answered.fault.code;
};
const at = (bench: Bench): string => bench.state.durable.registration.at;
const effectOf = <Name extends Effect['do']>(bench: Bench, name: Name) =>
  bench.effects.filter((effect): effect is Effect & { do: Name } => effect.do === name);
const failing =
  (code: 'challenge-refused' | 'enrolment-pending') =>
  (effect: Effect): Happening[] | null =>
    effect.do === 'enrol' ? [{ type: 'call-failed', call: 'enrol', fault: fault(code) }] : null;

test('the identity is theirs, the bundle ours: fetched with the invitation', () => {
  const bench = fresh();
  bench.instead = foreignAuthority(bench);
  assert.is(register(bench), 'ok');
  assert.is(lastStatus(bench).at, 'registered');
  const { registration } = bench.state.durable;
  assert.is(registration.at === 'registered' && registration.identity.chain[0], theirLeaf);
  assert.equal(effectOf(bench, 'make-key'), [{ do: 'make-key', kind: 'RSA-2048' }]);
  const [fetch] = effectOf(bench, 'fetch-bundle');
  const { invitation, password } = orderOf(bench);
  assert.equal(fetch?.invited, { invitation, password });
  assert.is(fetch?.address, orderOf(bench).address);
  pass(bench, 5000);
  assert.is(bench.state.link.at, 'connected');
});

test('without a foreign order, nothing of this is sent', () => {
  const bench = fresh();
  assert.is(register(bench, null), 'ok');
  assert.ok(effectOf(bench, 'fetch-bundle').every((effect) => !('invited' in effect)));
  assert.equal(effectOf(bench, 'make-key'), [{ do: 'make-key', kind: 'P-256' }]);
});

table(
  'what the authority says',
  [
    { name: 'a wrong challenge ends the order', code: 'challenge-refused', left: 'unregistered' },
    { name: 'pending: the order stays', code: 'enrolment-pending', left: 'ordered' },
  ] as const,
  ({ code, left }) => {
    const bench = fresh();
    bench.instead = failing(code);
    assert.is(register(bench), code);
    assert.is(at(bench), left);
  },
);

test('pending: asked again with the same key and the same name, until it is decided; a power cut changes neither', () => {
  const bench = fresh();
  bench.instead = failing('enrolment-pending');
  register(bench);
  pass(bench, hourMs);
  start(bench);
  pass(bench, hourMs);
  const asked = effectOf(bench, 'enrol');
  assert.ok(asked.length > 3);
  assert.is(new Set(asked.map(({ key, subject }) => `${key.sha256} ${subject}`)).size, 1);
  assert.match(asked[0]?.subject ?? '', /^thin-[0-9a-f]{16}$/);
  bench.instead = foreignAuthority(bench);
  pass(bench, hourMs);
  assert.is(at(bench), 'registered');
});

test('a key that the other authority can do nothing with is not taken along', () => {
  const bench = fresh();
  bench.instead = (effect) => (effect.do === 'enrol' ? [] : null);
  register(bench, null);
  send(bench, { type: 'call-failed', call: 'enrol', fault: fault('server-unreachable') });
  bench.instead = foreignAuthority(bench);
  assert.is(register(bench), 'ok');
  assert.equal(
    effectOf(bench, 'make-key').map(({ kind }) => kind),
    ['P-256', 'RSA-2048'],
  );
});

const time = instant(1_800_000_000_000);
const seed = '12'.repeat(32);
table(
  'subjectOf',
  [
    { name: 'nothing to fill', template: 'thin 1', expected: /^thin 1$/ },
    {
      name: '16, 32 and 64 digits',
      template: '$RANDOM_16$/$RANDOM_32$/$RANDOM_64$',
      expected: /^[0-9a-f]{16}\/[0-9a-f]{32}\/[0-9a-f]{64}$/,
    },
    {
      name: 'a UUID of version 4',
      template: '$CONFIG_UUID$',
      expected: /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    },
    { name: 'the time of the order', template: '$TIMESTAMP_MS$', expected: /^1800000000000$/ },
    { name: 'any other becomes 32 digits', template: 'a$USER_EMAIL$', expected: /^a[0-9a-f]{32}$/ },
    { name: 'what is no variable stays', template: '$5 and $ a', expected: /^\$5 and \$ a$/ },
  ],
  ({ template, expected }) => {
    assert.match(subjectOf(template, seed, time), expected);
    assert.is(subjectOf(template, seed, time), subjectOf(template, seed, time));
  },
);

test('a subject is never longer than its place in the state of the device, or the next start could not read it', () => {
  const template = '$RANDOM_64$'.repeat(20);
  assert.is(namedFor({ ...scep, subject: template }, { kind: 'file', sha256: seed }, time).subject.length, 512);
});

test('subjectOf: another key or another time, another name; the key cannot be read from it', () => {
  assert.is.not(subjectOf('$RANDOM_64$', seed, time), subjectOf('$RANDOM_64$', seed, instant(time + 1)));
  assert.is.not(subjectOf('$RANDOM_64$', seed, time), subjectOf('$RANDOM_64$', '34'.repeat(32), time));
  assert.not.ok(subjectOf('$RANDOM_64$', seed, time).includes(seed.slice(0, 8)));
});

test('subjectOf: 10^4 templates of at most 200 characters never throw, and no variable is left', () => {
  const part = fc.oneof(fc.string({ maxLength: 20 }), fc.constantFrom('$RANDOM_16$', '$CONFIG_UUID$', '$X$', '$'));
  fc.assert(
    fc.property(
      fc.array(part, { maxLength: 10 }).map((parts) => parts.join('').slice(0, 200)),
      (template) => {
        const filled = subjectOf(template, seed, time);
        return filled.length <= 64 * 200 && !/\$(RANDOM_(16|32|64)|CONFIG_UUID|TIMESTAMP_MS)\$/.test(filled);
      },
    ),
    { numRuns: 10_000 },
  );
});
