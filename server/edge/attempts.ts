/**
 * Failed attempts by address, for routes that take passwords and tokens: a hundred a minute from one address are answered,
 * further ones are told to wait. Many devices may share an address (NAT), so what is right is never held up by what others
 * do: the secrets here are too long to be guessed, and one-time passwords have tries of their own. An IPv6 address counts by its first 64 bits. At most ten thousand addresses are remembered; beyond
 * that the oldest is forgotten.
 */
import { isIPv6 } from 'node:net';
import { type Instant, minuteMs } from '../../protocol/time.ts';
import type { Clock } from '../core/ports.ts';

export type Attempts = {
  /** Counts a failure; false where there were too many before it. */
  readonly mayFail: (address: string) => boolean;
};

const maxFailures = 100;
const maxAddresses = 10_000;

export function makeAttempts(clock: Clock): Attempts {
  const minutes = new Map<string, { readonly since: Instant; readonly failures: number }>();
  const current = (source: string) => {
    const minute = minutes.get(source);
    return minute && clock() - minute.since < minuteMs ? minute : { since: clock(), failures: 0 };
  };
  return {
    mayFail: (address) => {
      const source = sourceOf(address);
      const { since, failures } = current(source);
      if (failures >= maxFailures) return false;
      minutes.delete(source);
      minutes.set(source, { since, failures: failures + 1 });
      const [oldest] = minutes.keys();
      if (minutes.size > maxAddresses && oldest !== undefined) minutes.delete(oldest);
      return true;
    },
  };
}

/** IPv4 that arrives in IPv6 (RFC 4291 §2.5.5.2) is IPv4; of IPv6 the first 64 bits. */
export function sourceOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped) return mapped;
  const bare = address.split('%', 1)[0] ?? '';
  if (!isIPv6(bare)) return address;
  const [head = '', tail] = new URL(`http://[${bare}]`).hostname.slice(1, -1).split('::', 2);
  const left = head.split(':').filter(Boolean);
  const right = (tail ?? '').split(':').filter(Boolean);
  return [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right].slice(0, 4).join(':');
}
