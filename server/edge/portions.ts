/** Long work in the database, in portions: nobody else, nor the thread, waits for more than one of them. */
import { setTimeout } from 'node:timers/promises';

/** How long a portion holds the database, unless told otherwise, and how long it is then left to whoever else asks something. */
const heldMs = 10;
const leftMs = 10;
const mostInPortion = 1000;

/** What came of as many, from this one on, as take no longer than others may wait; of one at least. */
export async function portion<T, R>(
  items: readonly T[],
  from: number,
  act: (item: T) => Promise<R>,
  heldForMs = heldMs,
): Promise<readonly R[]> {
  const results: R[] = [];
  const until = performance.now() + heldForMs;
  for (const item of items.slice(from, from + mostInPortion)) {
    results.push(await act(item));
    if (performance.now() >= until) break;
  }
  return results;
}

/** Between two portions. */
export const leave = (): Promise<void> => setTimeout(leftMs);
