/** Who would miss a switch of the server's certificate, by how long devices are usually away (B10). */
import fc from 'fast-check';
import { dayMs, hourMs, type Instant, instant, minuteMs } from '../../protocol/time.ts';
import {
  type Absence,
  heardOf,
  isAtRisk,
  neverAway,
  outlookOf,
  type Verdict,
  verdicts,
} from '../../server/core/absence.ts';
import { assert, table, test } from '../harness.ts';

const now = instant(Date.parse('2026-11-22T12:00:00Z'));
const ago = (ms: number): Instant => instant(now - ms);
const later = (ms: number): Instant => instant(now + ms);

const history: readonly {
  readonly name: string;
  readonly before: Absence;
  readonly connected: boolean;
  readonly after: Absence;
}[] = [
  { name: 'heard of for the first time', before: neverAway, connected: true, after: neverAway },
  {
    name: 'back from a night',
    before: { since: ago(14 * hourMs), lengths: [] },
    connected: true,
    after: { since: null, lengths: [14 * hourMs] },
  },
  {
    name: 'back from an hour to the millisecond',
    before: { since: ago(hourMs), lengths: [] },
    connected: true,
    after: { since: null, lengths: [hourMs] },
  },
  {
    name: 'a restart is no absence',
    before: { since: ago(hourMs - 1), lengths: [5 * dayMs] },
    connected: true,
    after: { since: null, lengths: [5 * dayMs] },
  },
  {
    name: 'by check-in it is away again at once',
    before: { since: ago(2 * dayMs), lengths: [] },
    connected: false,
    after: { since: now, lengths: [2 * dayMs] },
  },
  {
    name: 'the connection ends',
    before: { since: null, lengths: [3 * hourMs] },
    connected: false,
    after: { since: now, lengths: [3 * hourMs] },
  },
  {
    name: 'a clock set back counts nothing',
    before: { since: later(dayMs), lengths: [] },
    connected: true,
    after: { since: null, lengths: [] },
  },
];
table('what is remembered', history, ({ before, connected, after }) =>
  assert.equal(heardOf(before, now, connected), after),
);

const night = 14 * hourMs;
const weekend = 62 * hourMs;
const rows: readonly {
  readonly name: string;
  readonly absence: Absence;
  readonly holds?: boolean;
  readonly inMs: number;
  readonly verdict: Verdict;
}[] = [
  {
    name: 'holds the reserve, and was never seen again',
    absence: { since: ago(900 * dayMs), lengths: [] },
    holds: true,
    inMs: 0,
    verdict: 'holds',
  },
  { name: 'connected', absence: { since: null, lengths: [] }, inMs: minuteMs, verdict: 'connected' },
  {
    name: 'checked in just now',
    absence: { since: ago(20 * minuteMs), lengths: [] },
    inMs: dayMs,
    verdict: 'connected',
  },
  {
    name: 'away for the first time',
    absence: { since: ago(hourMs), lengths: [] },
    inMs: 30 * dayMs,
    verdict: 'unknown',
  },
  {
    name: 'a night, switch in a week',
    absence: { since: ago(5 * hourMs), lengths: [night, weekend] },
    inMs: 7 * dayMs,
    verdict: 'expected',
  },
  {
    name: 'a night, switch tonight',
    absence: { since: ago(5 * hourMs), lengths: [night] },
    inMs: 2 * hourMs,
    verdict: 'late',
  },
  {
    name: 'back at the very time of the switch',
    absence: { since: ago(4 * hourMs), lengths: [night] },
    inMs: 10 * hourMs,
    verdict: 'late',
  },
  {
    name: 'back a millisecond before',
    absence: { since: ago(4 * hourMs), lengths: [night] },
    inMs: 10 * hourMs + 1,
    verdict: 'expected',
  },
  {
    name: 'away longer than ever',
    absence: { since: ago(3 * dayMs), lengths: [night, weekend] },
    inMs: 90 * dayMs,
    verdict: 'overdue',
  },
  {
    name: 'away as long as ever',
    absence: { since: ago(night), lengths: [night] },
    inMs: 90 * dayMs,
    verdict: 'overdue',
  },
];
table('the outlook', rows, ({ absence, holds = false, inMs, verdict }) =>
  assert.is(outlookOf(absence, holds, now, later(inMs)).verdict, verdict),
);

test('at risk are those that nothing speaks for', () =>
  assert.equal(verdicts.filter(isAtRisk), ['late', 'overdue', 'unknown']));

test('no more than forty absences are kept, the newest', () => {
  let absence = neverAway;
  let at = now;
  for (let number = 1; number <= 100; number += 1) {
    absence = heardOf(absence, at, false);
    at = instant(at + hourMs + number);
    absence = heardOf(absence, at, true);
  }
  assert.equal(
    absence.lengths,
    Array.from({ length: 40 }, (_, index) => hourMs + 61 + index),
  );
});

test('the later the switch, the fewer are late; and what holds the reserve is never at risk', () => {
  const absences = fc.record({
    since: fc.option(fc.integer({ min: 0, max: 400 * dayMs }).map(ago), { nil: null }),
    lengths: fc.array(fc.integer({ min: hourMs, max: 200 * dayMs }), { maxLength: 40 }),
  });
  const span = fc.integer({ min: 0, max: 400 * dayMs });
  fc.assert(
    fc.property(absences, span, span, (absence, one, more) => {
      const risk = (holds: boolean, ms: number) => isAtRisk(outlookOf(absence, holds, now, later(ms)).verdict);
      assert.not.ok(risk(true, one));
      if (!risk(false, one)) assert.not.ok(risk(false, one + more));
    }),
    { numRuns: 10_000 },
  );
});
