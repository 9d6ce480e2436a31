/** Slots of renewal: no herd, whatever made the identities of a fleet end together (F20). */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { dayMs, type Instant, instant, secondMs } from '../../protocol/time.ts';
import { slotOf, windowStart } from '../../server/core/slot.ts';
import { assert, table, test } from '../harness.ts';

const now = instant(Date.parse('2026-11-22T12:00:00Z'));
const day = (count: number): Instant => instant(now + count * dayMs);
const year = { issuedAt: day(-300), notAfter: day(65) };
const fleet = Array.from({ length: 20_000 }, (_, index) => idOf(index));

table(
  'windowStart',
  [
    { name: '30 days', span: year, days: 30, at: 35 },
    { name: '60 days', span: year, days: 60, at: 5 },
    { name: 'a window longer than half a life', span: { issuedAt: day(0), notAfter: day(40) }, days: 60, at: 20 },
  ],
  ({ span, days, at }) => assert.is(windowStart(span, days), day(at)),
);

table(
  'twenty thousand devices whose identities end in the same second',
  [
    { name: 'a window of 30 days', span: year, days: 30, at: now, spreadDays: 22.5 },
    { name: 'a window of 60 days', span: year, days: 60, at: now, spreadDays: 45 },
    { name: 'a window of one day', span: year, days: 1, at: now, spreadDays: 0.75 },
    {
      name: 'a window that has opened long ago: made up for in a day',
      span: year,
      days: 30,
      at: day(64),
      spreadDays: 0.5,
    },
    {
      name: 'the same, with more left',
      span: { issuedAt: day(-300), notAfter: day(2) },
      days: 60,
      at: day(-1),
      spreadDays: 1,
    },
  ],
  ({ span, days, at, spreadDays }) => {
    const slots = fleet.map((id) => Number(slotOf(id, span, days, at)));
    const opens = Math.max(at, windowStart(span, days));
    const ends = opens + spreadDays * dayMs;
    for (const slot of slots) assert.ok(slot >= opens && slot <= ends);
    const seconds = new Map<number, number>();
    for (const slot of slots) {
      const second = Math.floor(slot / secondMs);
      seconds.set(second, (seconds.get(second) ?? 0) + 1);
    }
    assert.ok(
      Math.max(...seconds.values()) <= likelyWorst(fleet.length / ((spreadDays * dayMs) / secondMs), spreadDays),
    );
    const tenths = Array<number>(10).fill(0);
    for (const slot of slots) {
      const tenth = Math.min(9, Math.floor(((slot - opens) / (ends - opens)) * 10));
      tenths[tenth] = (tenths[tenth] ?? 0) + 1;
    }
    // Five standard deviations of a fair draw.
    for (const count of tenths) assert.ok(Math.abs(count - 2000) < 5 * Math.sqrt(1800), `${tenths}`);
  },
);

test('over 30 days no second has more than four of one hundred thousand devices', () => {
  const seconds = new Map<number, number>();
  for (let index = 0; index < 100_000; index++) {
    const second = Math.floor(Number(slotOf(idOf(index), year, 30, now)) / secondMs);
    seconds.set(second, (seconds.get(second) ?? 0) + 1);
  }
  // A mean of 0.051 a second: of fair draws two in five reach four, one in 180 five.
  assert.ok(Math.max(...seconds.values()) <= 4);
});

test('a slot is the same however often it is asked for, and another for the next identity', () => {
  const [id = ''] = fleet;
  assert.is(slotOf(id, year, 30, now), slotOf(id, year, 30, day(10)));
  const next = { issuedAt: day(40), notAfter: day(405) };
  assert.is.not(Number(slotOf(id, year, 30, now)) - year.notAfter, Number(slotOf(id, next, 30, now)) - next.notAfter);
});

test('an end that is over or not known has no slot', () => {
  assert.is(slotOf('x', { issuedAt: day(-400), notAfter: now }, 30, now), null);
  assert.is(slotOf('x', { issuedAt: now, notAfter: instant(0) }, 30, now), null);
});

test('a slot lies between now and the end, in no first half of a life (10,000 runs, lives up to 397 days)', () => {
  const span = fc.record({
    issued: fc.double({ min: -400, max: 0, noNaN: true }),
    lives: fc.double({ min: 0.01, max: 397, noNaN: true }),
  });
  fc.assert(
    fc.property(fc.uuid(), span, fc.integer({ min: 1, max: 60 }), (id, { issued, lives }, days) => {
      const [issuedAt, notAfter] = [day(issued), day(issued + lives)];
      const slot = slotOf(id, { issuedAt, notAfter }, days, now);
      if (notAfter <= now) return assert.is(slot, null);
      assert.ok(slot !== null && slot >= now && slot <= notAfter);
      assert.ok(slot >= Math.floor(issuedAt + (notAfter - issuedAt) / 2));
    }),
    { numRuns: 10_000 },
  );
});

/** The count that a fair draw passes in some second of the spread with a chance below one in ten thousand (Poisson). */
function likelyWorst(mean: number, spreadDays: number): number {
  const seconds = (spreadDays * dayMs) / secondMs;
  let term = Math.exp(-mean);
  let above = 1 - term;
  let count = 0;
  while (above * seconds > 1e-4) {
    count += 1;
    term *= mean / count;
    above -= term;
  }
  return count;
}

function idOf(index: number): string {
  const hex = createHash('sha256').update(`device ${index}`).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
