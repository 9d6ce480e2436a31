/** Which authority of ours signs, which are let in, who holds up the last step, and when each device renews ahead. */
import { createHash } from 'node:crypto';
import { dayMs, instant, minuteMs } from '../../protocol/time.ts';
import { advance, devicesBehind, type Line, roleOf, type Step, turnsBefore } from '../../server/core/succession.ts';
import { assert, table, test } from '../harness.ts';

const [a, b, c, made] = ['a', 'b', 'c', 'made'];
const resting: Line = { issuing: a, next: null, former: null, retired: [] };
const prepared: Line = { ...resting, next: b };
const activated: Line = { issuing: b, next: null, former: a, retired: [] };
const done: Line = { issuing: b, next: null, former: null, retired: [a] };
const again: Line = { issuing: b, next: c, former: null, retired: [a] };
const lines = { resting, prepared, activated, done, again };
const quiet = { made, behind: [], adopting: false, override: false };

/** The line after the step, or the fault. */
const outcomes: Readonly<Record<keyof typeof lines, Readonly<Record<Step, Line | string>>>> = {
  resting: {
    prepare: { ...resting, next: made },
    cancel: 'not-found',
    activate: 'not-found',
    retire: 'not-found',
    distrust: { issuing: made, next: null, former: null, retired: [a] },
  },
  prepared: {
    prepare: 'already-exists',
    cancel: resting,
    activate: activated,
    retire: 'not-found',
    distrust: { issuing: made, next: null, former: null, retired: [a] },
  },
  activated: {
    prepare: 'already-exists',
    cancel: 'not-found',
    activate: 'not-found',
    retire: done,
    distrust: done,
  },
  done: {
    prepare: { ...done, next: made },
    cancel: 'not-found',
    activate: 'not-found',
    retire: 'not-found',
    distrust: { issuing: made, next: null, former: null, retired: [a, b] },
  },
  again: {
    prepare: 'already-exists',
    cancel: done,
    activate: { issuing: c, next: null, former: b, retired: [a] },
    retire: 'not-found',
    distrust: { issuing: made, next: null, former: null, retired: [a, b] },
  },
};

table(
  'advance: every step in every state',
  (Object.keys(lines) as (keyof typeof lines)[]).flatMap((at) =>
    (Object.keys(outcomes[at]) as Step[]).map((step) => ({ name: `${at}, ${step}`, at, step })),
  ),
  ({ at, step }) => {
    const outcome = advance(lines[at], step, quiet);
    assert.equal(outcome.ok ? outcome.value : outcome.fault.code, outcomes[at][step]);
  },
);

table(
  'advance: what holds up the end of the former authority',
  [
    { name: 'a device', around: { behind: ['one'] }, expected: 'identities-not-renewed' },
    { name: 'a device, overridden', around: { behind: ['one'], override: true }, expected: null },
    { name: 'devices are being taken in', around: { adopting: true }, expected: 'not-allowed' },
    { name: 'devices are being taken in, overridden', around: { adopting: true, override: true }, expected: null },
    { name: 'nothing', around: {}, expected: null },
  ],
  ({ around, expected }) => {
    const outcome = advance(activated, 'retire', { ...quiet, ...around });
    assert.is(outcome.ok ? null : outcome.fault.code, expected);
  },
);

test('the gate says how many and who', () => {
  const outcome = advance(activated, 'retire', { ...quiet, behind: ['one', 'two'] });
  assert.equal(outcome.ok ? null : outcome.fault.facts, { count: 2, devices: 'one, two' });
});

table(
  'roleOf',
  [
    { name: 'b', expected: 'issuing' },
    { name: 'c', expected: 'next' },
    { name: 'a', expected: 'retired' },
    { name: 'x', expected: null },
  ],
  ({ name, expected }) => assert.is(roleOf(again, name), expected),
);

const life = (authority: string | null, used: boolean, issuedAt: number, revoked = false) => ({
  authority,
  fingerprint: `${authority} ${issuedAt}`,
  issuedAt: instant(issuedAt),
  notAfter: instant(1000),
  contactAt: used ? instant(issuedAt) : null,
  revokedAt: revoked ? instant(issuedAt) : null,
  renewAskedAt: null,
  renews: null,
});

table(
  'devicesBehind',
  [
    { name: 'the old one in use', lives: [life(a, true, 1)], behind: true },
    { name: 'the old one in use, a new one issued', lives: [life(a, true, 1), life(b, false, 2)], behind: true },
    { name: 'the new one in use', lives: [life(a, true, 1), life(b, true, 2)], behind: false },
    { name: 'registered with the new one', lives: [life(b, false, 2)], behind: false },
    { name: 'registering with the old one', lives: [life(a, false, 1)], behind: true },
    { name: 'revoked', lives: [life(a, true, 1, true)], behind: false },
    { name: 'of a foreign authority', lives: [life(null, true, 1)], behind: false },
    { name: 'retired long ago', lives: [life('z', true, 1)], behind: true },
    { name: 'none', lives: [], behind: false },
  ],
  ({ lives, behind }) => assert.is(devicesBehind([{ name: 'one', lives }], b).length, behind ? 1 : 0),
);

test('100,000 devices have their turns evenly: in the worst of all minutes of a week 23, and all of them in the end', () => {
  const ids = Array.from({ length: 100_000 }, (_, index) =>
    createHash('sha256').update(`${index}`).digest('hex'),
  ).sort();
  const since = instant(Date.parse('2026-11-27T12:00:00Z'));
  const spread = { since, days: 7 };
  let [served, worst] = [0, 0];
  for (let at: number = since; at <= since + 7 * dayMs; at += minuteMs) {
    const bound = turnsBefore(spread, instant(at));
    const before = served;
    while (served < ids.length && (bound === null || (ids[served] ?? '') < bound)) served++;
    worst = Math.max(worst, served - before);
  }
  assert.is(served, ids.length);
  assert.is(worst, 23);
  assert.is(turnsBefore(spread, instant(since - dayMs)), '00000000', 'a clock that fell back asks nobody');
});
