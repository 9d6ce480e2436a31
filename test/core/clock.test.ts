/** Clock confidence: what raises a floor, what lowers one, and what time is used below it (F1, F5, F6). */
import fc from 'fast-check';
import {
  judgeClock,
  raiseHardFloor,
  recordGoodTime,
  setByHand,
  skewMs,
  takeSignedTime,
} from '../../agent/core/clock.ts';
import { freshCounters } from '../../agent/core/generation.ts';
import { dayMs, instant } from '../../protocol/time.ts';
import { assert, table, test } from '../harness.ts';

const built = Date.parse('2026-06-01T00:00:00Z');
const at = (offset: number) => instant(built + offset);
const floors = (hard: number, soft: number) => ({
  ...freshCounters(instant(built)),
  hardFloor: at(hard),
  softFloor: at(soft),
});
const anchor = { at: at(100 * dayMs), uptimeMs: 1000, by: 'server' as const };

const views: readonly {
  name: string;
  wall: number;
  hard: number;
  soft: number;
  anchored?: boolean;
  byHand?: boolean;
  synced?: boolean;
  uptimeMs?: number;
  expected: readonly ['known' | 'unknown', number];
}[] = [
  {
    name: '1970 after boot (F1): the floor is the time used',
    wall: -built,
    hard: 0,
    soft: 0,
    expected: ['unknown', 0],
  },
  { name: 'the later floor is the floor: soft', wall: 0, hard: 0, soft: dayMs, expected: ['unknown', dayMs] },
  { name: 'the later floor is the floor: hard', wall: 0, hard: dayMs, soft: 0, expected: ['unknown', dayMs] },
  { name: 'at the floor', wall: dayMs, hard: dayMs, soft: 0, expected: ['known', dayMs] },
  {
    name: 'bounded skew below the floor is tolerated (F6)',
    wall: -skewMs,
    hard: 0,
    soft: 0,
    expected: ['known', -skewMs],
  },
  { name: 'more than that is not', wall: -skewMs - 1, hard: 0, soft: 0, expected: ['unknown', 0] },
  { name: 'above: the wall clock', wall: 900 * dayMs, hard: 0, soft: 0, expected: ['known', 900 * dayMs] },
  {
    name: 'time the server signed goes on by the monotonic clock, whatever the wall says',
    wall: -built,
    hard: 0,
    soft: 0,
    anchored: true,
    uptimeMs: 61_000.7,
    expected: ['known', 100 * dayMs + 60_000],
  },
  {
    name: 'time set by hand goes on by the monotonic clock',
    wall: -built,
    hard: 0,
    soft: 0,
    anchored: true,
    byHand: true,
    uptimeMs: 61_000,
    expected: ['known', 100 * dayMs + 60_000],
  },
  {
    name: 'NTP goes before what was set by hand',
    wall: 90 * dayMs,
    hard: 0,
    soft: 0,
    anchored: true,
    byHand: true,
    synced: true,
    expected: ['known', 90 * dayMs],
  },
  {
    name: 'and not before what the server signed',
    wall: 90 * dayMs,
    hard: 0,
    soft: 0,
    anchored: true,
    synced: true,
    uptimeMs: 1000,
    expected: ['known', 100 * dayMs],
  },
  {
    name: 'signed time below a floor counts',
    wall: 0,
    hard: 300 * dayMs,
    soft: 300 * dayMs,
    anchored: true,
    uptimeMs: 1000,
    expected: ['known', 100 * dayMs],
  },
];
table('judgeClock', views, ({ wall, hard, soft, anchored, byHand, synced, uptimeMs, expected }) => {
  const given = anchored ? { ...anchor, by: byHand ? ('hand' as const) : anchor.by } : null;
  const now = { wall: at(wall), uptimeMs: uptimeMs ?? 0, synced: synced ?? false };
  const view = judgeClock(now, floors(hard, soft), given);
  assert.equal([view.at, view.now - built], expected);
  assert.is(view.floor, at(Math.max(hard, soft)));
});

test('raiseHardFloor never lowers (bound: ±10^13 ms, 10^4 runs)', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1e13 }), fc.integer({ min: 0, max: 1e13 }), (floor, proved) => {
      const counters = { ...freshCounters(instant(floor)) };
      assert.is(raiseHardFloor(counters, instant(proved)).hardFloor, Math.max(floor, proved));
    }),
    { numRuns: 10_000 },
  );
});

test('recordGoodTime: only a known clock, never lower, never the hard floor', () => {
  const counters = floors(0, 5 * dayMs);
  const view = (state: 'known' | 'unknown', now: number) => ({ at: state, now: at(now), floor: at(0) });
  assert.is(recordGoodTime(counters, view('unknown', 9 * dayMs)), counters);
  assert.is(recordGoodTime(counters, view('known', 4 * dayMs)), counters);
  assert.equal(recordGoodTime(counters, view('known', 9 * dayMs)), { ...counters, softFloor: at(9 * dayMs) });
});

const signed: readonly {
  name: string;
  time: number;
  wall: number;
  expected: readonly [hard: number, soft: number, anchored: boolean];
}[] = [
  {
    name: 'newer: raises the hard floor (F5)',
    time: 9 * dayMs,
    wall: 9 * dayMs,
    expected: [9 * dayMs, 4 * dayMs, false],
  },
  {
    name: 'newer than a clock in 1970: is the time used',
    time: 9 * dayMs,
    wall: -built,
    expected: [9 * dayMs, 4 * dayMs, true],
  },
  { name: 'older: lowers both floors', time: dayMs, wall: dayMs, expected: [dayMs, dayMs, false] },
  {
    name: 'a clock that agrees within the skew is used',
    time: 9 * dayMs,
    wall: 9 * dayMs + skewMs,
    expected: [9 * dayMs, 4 * dayMs, false],
  },
  {
    name: 'one that does not is not',
    time: 9 * dayMs,
    wall: 9 * dayMs + skewMs + 1,
    expected: [9 * dayMs, 4 * dayMs, true],
  },
];
table('takeSignedTime', signed, ({ time, wall, expected }) => {
  const taken = takeSignedTime(floors(3 * dayMs, 4 * dayMs), { wall: at(wall), uptimeMs: 77 }, at(time));
  const { hardFloor, softFloor } = taken.counters;
  assert.equal([hardFloor - built, softFloor - built, taken.anchor !== null], expected);
  if (taken.anchor) assert.equal(taken.anchor, { at: at(time), uptimeMs: 77, by: 'server' });
});

const typed: readonly { name: string; time: number; soft: number | null }[] = [
  { name: 'above both floors changes none', time: 9 * dayMs, soft: 4 * dayMs },
  { name: 'below the soft floor lowers it', time: 3.5 * dayMs, soft: 3.5 * dayMs },
  { name: 'at the hard floor', time: 3 * dayMs, soft: 3 * dayMs },
  { name: 'below the hard floor is refused', time: 3 * dayMs - skewMs - 1, soft: null },
];
table('setByHand', typed, ({ time, soft }) => {
  const counters = floors(3 * dayMs, 4 * dayMs);
  const taken = setByHand(counters, at(time));
  assert.equal(taken, soft === null ? null : { ...counters, softFloor: at(soft) });
});
