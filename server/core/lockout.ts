/**
 * Wrong passwords of users. They count for a name from an address: five, then that name waits at that address, a quarter of
 * an hour at first and up to a day. So nobody locks a person out from elsewhere. Where one address has failed with many
 * names, or one name at many addresses, a name that has failed there waits at once; one that has not still gets its try.
 */
import { dayMs, type Instant, instant, minuteMs } from '../../protocol/time.ts';

export type Tries = {
  readonly failures: number;
  readonly lastAt: Instant;
  /** Of a name from an address: how often it was locked, and until when. */
  readonly locks: number;
  readonly until: Instant;
};
/** What is known of a name from an address, of the address, and of the name. */
export type Known = { readonly pair: Tries; readonly address: Tries; readonly name: Tries };

export const noTries: Tries = { failures: 0, lastAt: instant(0), locks: 0, until: instant(0) };

const pairTries = 5;
const firstLockMs = 15 * minuteMs;
const longestLockMs = dayMs;
const addressTries = 20;
const nameTries = 100;
/** Longer than the longest lock, so that it is followed by another one. */
const pairMemoryMs = 2 * dayMs;
const addressMemoryMs = 15 * minuteMs;

/** Before a password is looked at. */
export function mayTry({ pair, address, name }: Known, now: Instant): boolean {
  if (now < pair.until) return false;
  const known = fresh(pair, pairMemoryMs, now);
  const crowded =
    fresh(address, addressMemoryMs, now).failures >= addressTries || fresh(name, dayMs, now).failures >= nameTries;
  return !crowded || known.failures + known.locks === 0;
}

/** A try is a failure until its password was right. */
export function afterTry({ pair, address, name }: Known, now: Instant): Known {
  return {
    pair: withLock(count(pair, pairMemoryMs, now), now),
    address: count(address, addressMemoryMs, now),
    name: count(name, dayMs, now),
  };
}

/** The password was right: nothing is held against the name here, nor this try against others. */
export const afterRight = ({ address, name }: Known): Known => ({
  pair: noTries,
  address: { ...address, failures: Math.max(0, address.failures - 1) },
  name: { ...name, failures: Math.max(0, name.failures - 1) },
});

const fresh = (tries: Tries, memoryMs: number, now: Instant): Tries =>
  now - tries.lastAt < memoryMs || now < tries.until ? tries : noTries;

function count(tries: Tries, memoryMs: number, now: Instant): Tries {
  const before = fresh(tries, memoryMs, now);
  return { ...before, failures: before.failures + 1, lastAt: now };
}

function withLock(tries: Tries, now: Instant): Tries {
  if (tries.failures < pairTries) return tries;
  const lockMs = Math.min(longestLockMs, firstLockMs * 2 ** Math.min(tries.locks, 10));
  return { ...tries, failures: 0, locks: tries.locks + 1, until: instant(now + lockMs) };
}
