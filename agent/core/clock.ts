/**
 * Clock confidence. A thin client may wake up in 1970; nothing is judged by such a clock, and nothing is deleted for it.
 *
 * The hard floor rises with the build time and with the `iat` of every verified signed document. The soft floor is the
 * last time an authenticated server contact or NTP confirmed. Below a floor the clock is `unknown` and the floor is the
 * time used, unless the server signed our nonce since we started, or a person set the time: then that time, carried on by
 * the monotonic clock, is. NTP goes before what a person set.
 */
import { type Instant, instant, minuteMs } from '../../protocol/time.ts';
import type { Counters } from './durable.ts';
import type { Now } from './shape.ts';

/** Two clocks that are both right may differ by this much (F6). */
export const skewMs = 10 * minuteMs;

/** A time the server signed over our nonce, or a person set, and the monotonic moment it came. */
export type TimeAnchor = { readonly at: Instant; readonly uptimeMs: number; readonly by: 'server' | 'hand' };

export type ClockView = { readonly at: 'known' | 'unknown'; readonly now: Instant; readonly floor: Instant };

export function judgeClock(
  now: Pick<Now, 'wall' | 'uptimeMs' | 'synced'>,
  floors: Pick<Counters, 'hardFloor' | 'softFloor'>,
  anchor: TimeAnchor | null,
): ClockView {
  const floor = instant(Math.max(floors.hardFloor, floors.softFloor));
  if (anchor && !(anchor.by === 'hand' && now.synced))
    return { at: 'known', now: instant(Math.floor(anchor.at + now.uptimeMs - anchor.uptimeMs)), floor };
  if (now.wall >= floor - skewMs) return { at: 'known', now: now.wall, floor };
  return { at: 'unknown', now: floor, floor };
}

/** A verified signed document proves that its time has passed. Never lowers. */
export const raiseHardFloor = (counters: Counters, proved: Instant): Counters =>
  proved > counters.hardFloor ? { ...counters, hardFloor: proved } : counters;

/** After an authenticated server contact, or under NTP, with a clock that is known. Never lowers. */
export const recordGoodTime = (counters: Counters, clock: ClockView): Counters =>
  clock.at === 'known' && clock.now > counters.softFloor ? { ...counters, softFloor: clock.now } : counters;

/**
 * The server's own time, signed by the policy key over a nonce of ours, is the hard floor from now on, whether that raises or
 * lowers it, and lowers a soft floor ahead of it (F5). It is the time used where the system clock disagrees.
 */
export function takeSignedTime(
  counters: Counters,
  now: Pick<Now, 'wall' | 'uptimeMs'>,
  time: Instant,
): { readonly counters: Counters; readonly anchor: TimeAnchor | null } {
  const agrees = Math.abs(now.wall - time) <= skewMs;
  return {
    counters: {
      ...counters,
      hardFloor: time,
      softFloor: instant(Math.min(counters.softFloor, time)),
    },
    anchor: agrees ? null : { at: time, uptimeMs: now.uptimeMs, by: 'server' },
  };
}

/**
 * The time in a repair file by the recovery key: when it was signed. It is the hard floor from now on, whether that raises or
 * lowers it, and lowers a soft floor ahead of it. Never the time used: sticks take days to come.
 */
export const takeRepairTime = (counters: Counters, time: Instant): Counters => ({
  ...counters,
  hardFloor: time,
  softFloor: instant(Math.min(counters.softFloor, time)),
});

/** Set by a person: may go below the soft floor, never below the hard one. Null when it does. */
export const setByHand = (counters: Counters, time: Instant): Counters | null =>
  time < counters.hardFloor - skewMs ? null : { ...counters, softFloor: instant(Math.min(counters.softFloor, time)) };
