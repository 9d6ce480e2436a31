/** When the server is talked to, and how: jitter, cap, turns, silence (F2, F20). */
import fc from 'fast-check';
import {
  afterCheckin,
  afterConnect,
  afterFailure,
  atNewPlace,
  carrierOf,
  heard,
  idle,
  isDue,
  isSilent,
  type Link,
  nextTickMs,
  soon,
} from '../../agent/core/link.ts';
import type { Now } from '../../agent/core/shape.ts';
import { fault } from '../../protocol/fault.ts';
import { instant, minuteMs, secondMs } from '../../protocol/time.ts';
import { assert, table, test } from '../harness.ts';

const at = (uptimeMs: number, random = 0.5): Now => ({
  wall: instant(1000),
  uptimeMs,
  synced: false,
  random,
  nonce: '',
});
const why = fault('server-unreachable');
const untilOf = (link: Link): number => (link.at === 'waiting' ? link.untilMs : Number.NaN);
const attemptOf = (link: Link): number => (link.at === 'waiting' ? link.attempt : Number.NaN);

test('backoff: full jitter within a capped doubling, for ever (10^4 runs, up to 2000 failures)', () => {
  const chances = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 2000 }),
      chances,
      fc.integer({ min: 0, max: 1e12 }),
      (failures, random, uptimeMs) => {
        const link: Link = { at: 'waiting', since: instant(0), untilMs: 0, attempt: failures, fault: null };
        const next = afterFailure(link, at(uptimeMs, random), why);
        assert.is(attemptOf(next), failures + 1);
        const bound = Math.min(5 * minuteMs, secondMs * 2 ** Math.min(failures + 1, 20));
        const delay = untilOf(next) - uptimeMs;
        assert.ok(delay >= 0 && delay <= bound && Math.abs(delay - random * bound) < 1);
      },
    ),
    { numRuns: 10_000 },
  );
});

test('start: within a second, spread', () => {
  assert.equal(
    [0, 0.5, 0.999].map((random) => untilOf(soon(at(7, random))) - 7),
    [0, 500, 999],
  );
});

test('told of a new place: within a second, spread, by MQTT first; a connection that stands counts anew', () => {
  const waiting = afterFailure({ at: 'connecting', since: instant(0), attempt: 12, connection: 1 }, at(7), why);
  const told = [0, 0.5, 0.999].map((random) => atNewPlace(waiting, at(7, random)));
  assert.equal(told.map(untilOf), [7, 507, 1006]);
  assert.equal(told.map(attemptOf), [0, 0, 0]);
  assert.equal(atNewPlace(connected(12), at(7)), connected(0));
  assert.equal(atNewPlace(idle(at(0)), at(7)), idle(at(0)));
});

const turns: readonly { name: string; attempt: number; expected: string }[] = [
  ...[0, 1, 2].map((attempt) => ({ name: `attempt ${attempt}`, attempt, expected: 'mqtt' })),
  ...[3, 5, 7, 101].map((attempt) => ({ name: `attempt ${attempt}`, attempt, expected: 'checkin' })),
  ...[4, 6, 8, 102].map((attempt) => ({ name: `attempt ${attempt}`, attempt, expected: 'mqtt' })),
];
table('turns of the carriers', turns, ({ attempt, expected }) => assert.is(carrierOf(attempt), expected));

const connected = (attempt = 0) =>
  afterConnect({ at: 'connecting', since: instant(0), attempt, connection: 3 }, 3, 'ab', at(1000));
const attempts: readonly { name: string; link: Link; after: number; code?: 'documents-missing'; expected: number }[] = [
  { name: 'first', link: idle(at(0)), after: 0, expected: 1 },
  { name: 'in a row', link: { at: 'connecting', since: instant(0), attempt: 4, connection: 1 }, after: 0, expected: 5 },
  { name: 'a connection that lasted starts anew', link: connected(4), after: minuteMs, expected: 1 },
  { name: 'one that did not counts on', link: connected(4), after: minuteMs - 1, expected: 5 },
  { name: 'silence leads to check-in next', link: connected(0), after: 30_000, code: 'documents-missing', expected: 3 },
];
table('failures counted', attempts, ({ link, after, code, expected }) => {
  assert.is(attemptOf(afterFailure(link, at(1000 + after), fault(code ?? 'server-unreachable'))), expected);
});

test('after a check-in: MQTT is tried next, within a minute', () => {
  for (const attempt of [0, 3, 5, 50]) {
    const next = afterCheckin({ at: 'calling', since: instant(0), attempt, call: 'checkin' }, at(0, 0.999));
    assert.ok(untilOf(next) > 30_000 && untilOf(next) <= 60_000);
    assert.ok(attempt % 2 === 0 || carrierOf(attemptOf(next)) === 'mqtt');
  }
});

test('silence: both documents within 30 s', () => {
  const link = connected();
  assert.not.ok(isSilent(link, at(30_999)));
  assert.ok(isSilent(link, at(31_000)));
  assert.is(nextTickMs(link, at(1000)), 30_000);
  const half = heard(link, 'device');
  assert.ok(isSilent(half, at(31_000)));
  const whole = heard(half, 'policy');
  assert.not.ok(isSilent(whole, at(1e9)));
  assert.is(nextTickMs(whole, at(0)), null);
  assert.is(heard(whole, 'policy'), whole);
  assert.is(heard(idle(at(0)), 'policy').at, 'idle');
});

test('due: at its time, not before', () => {
  const link = soon(at(0));
  assert.not.ok(isDue(link, at(499)));
  assert.ok(isDue(link, at(500)));
  assert.is(nextTickMs(link, at(900)), 0);
  assert.not.ok(isDue(connected(), at(1e9)));
});
