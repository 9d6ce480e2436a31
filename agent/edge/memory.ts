/** Memory that V8 keeps although nothing needs it any more: it collects when memory grows, and an idle daemon never grows. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * Collects everything that can be, compiled code that has not run lately included, and gives the pages back. Stops the
 * program meanwhile (about 50 ms on a desktop), so it is for when nothing is going on. Node before 22 knows only a plain
 * full collection. Does nothing where the engine has no `gc` to give.
 *
 * A flag on the command line would do the same, but then a daemon started in another way would lack it. A context made
 * after the flag has been set has `gc`; the program's own was made before.
 */
export function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  const gc: unknown = runInNewContext('globalThis.gc');
  if (typeof gc === 'function') gc({ type: 'major', flavor: 'last-resort', execution: 'sync' });
}
