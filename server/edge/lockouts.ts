/** Tries in memory, by the rules of `core/lockout`; a restart forgets them. At most ten thousand are remembered. Addresses are those of `sourceOf`; none is from anywhere, which counts for its name alone. */
import type { Instant } from '../../protocol/time.ts';
import { afterRight, afterTry, type Known, mayTry, noTries, type Tries } from '../core/lockout.ts';
import type { Clock } from '../core/ports.ts';
import { sourceOf } from './attempts.ts';

export type Lockouts = {
  /** Before a secret is looked at. */
  readonly mayTry: (name: string, address: string) => boolean;
  /** A failure until it was right. */
  readonly count: (name: string, address: string) => void;
  readonly right: (name: string, address: string) => void;
  /** It was wrong, and somebody has that name: where this was the try that locks it, that is told. */
  readonly wrong: (name: string, address: string) => void;
};
export type OnLock = (locked: { readonly name: string; readonly address: string; readonly until: Instant }) => void;

const maxRemembered = 10_000;

export function makeLockouts(clock: Clock, onLock: OnLock = () => {}): Lockouts {
  const remembered = new Map<string, Tries>();
  const namesOf = (name: string, address: string) => {
    const source = sourceOf(address);
    return { pair: `pair ${name} ${source}`, address: `address ${source || name}`, name: `name ${name}` };
  };
  const read = (name: string, address: string): Known => {
    const keys = namesOf(name, address);
    const of = (key: string) => remembered.get(key) ?? noTries;
    return { pair: of(keys.pair), address: of(keys.address), name: of(keys.name) };
  };
  const keep = (name: string, address: string, known: Known): void => {
    const keys = namesOf(name, address);
    for (const part of ['pair', 'address', 'name'] as const) {
      remembered.delete(keys[part]);
      if (known[part] !== noTries) remembered.set(keys[part], known[part]);
    }
    for (const [oldest] of remembered) {
      if (remembered.size <= maxRemembered) break;
      remembered.delete(oldest);
    }
  };
  return {
    mayTry: (name, address) => mayTry(read(name, address), clock()),
    count: (name, address) => keep(name, address, afterTry(read(name, address), clock())),
    right: (name, address) => keep(name, address, afterRight(read(name, address))),
    wrong: (name, address) => {
      const { failures, until } = read(name, address).pair;
      if (failures === 0 && until > clock()) onLock({ name, address, until });
    },
  };
}
