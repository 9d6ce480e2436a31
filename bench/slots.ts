/** The busiest second of a fleet that renews its identities, beside the same fleet without slots and beside pure chance. */
import { createHash } from 'node:crypto';
import { dayMs, instant, secondMs } from '../protocol/time.ts';
import { slotOf } from '../server/core/slot.ts';
import type { Row } from './row.ts';

const devices = 100_000;
const windowDays = 30;
const goalAtOnce = 4;

/** All identities end in the same second, as after a day of registrations or a recovery. */
export async function benchSlots(): Promise<Row[]> {
  const now = instant(Date.parse('2026-11-22T00:00:00Z'));
  const span = { issuedAt: instant(now - 300 * dayMs), notAfter: instant(now + 65 * dayMs) };
  const started = performance.now();
  const slots = Array.from({ length: devices }, (_, index) => Number(slotOf(idOf(index), span, windowDays, now)));
  const microseconds = ((performance.now() - started) / devices) * 1000;
  const [first, last] = range(slots);
  const spread = last - first;
  const worst = busiest(slots);
  const chance = busiest(Array.from({ length: devices }, () => Math.random() * spread));
  const met = worst <= goalAtOnce;
  const goal = `<= ${goalAtOnce} in one second`;
  return [
    {
      what: `renewals in the busiest second, ${devices} devices, ${windowDays} days, beside one moment for all`,
      figure: `${worst} (${microseconds.toFixed(0)} us a slot)`,
      floor: String(busiest(slots.map(() => span.notAfter - windowDays * dayMs))),
      goal,
      met,
    },
    { what: 'the same, beside moments drawn by chance', figure: String(worst), floor: String(chance), goal, met },
  ];
}

/** Lowest and highest. */
const range = (values: readonly number[]): readonly [number, number] =>
  values.reduce<readonly [number, number]>(
    ([low, high], value) => [Math.min(low, value), Math.max(high, value)],
    [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  );

function busiest(moments: readonly number[]): number {
  const seconds = new Map<number, number>();
  let most = 0;
  for (const moment of moments) {
    const second = Math.floor(moment / secondMs);
    const count = (seconds.get(second) ?? 0) + 1;
    seconds.set(second, count);
    most = Math.max(most, count);
  }
  return most;
}

function idOf(index: number): string {
  const hex = createHash('sha256').update(`device ${index}`).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
