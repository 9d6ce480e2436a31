/** Memory that V8 keeps although nothing needs it any more: it collects when memory grows, and an idle daemon never grows. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { guardMemory } from '../../native/engine.ts';

/** On Node 20 a collection gives nothing back, and the context for it costs 0.6 MB. */
const oldestNode = 22;

/**
 * Collects everything that can be, compiled code that has not run lately included, and gives the pages back. Stops the
 * program meanwhile (about 50 ms on a desktop), so it is for when nothing is going on. Does nothing on a Node below 22.
 *
 * A flag on the command line would do the same, but then a daemon started in another way would lack it. A context made
 * after the flag has been set has `gc`; the program's own was made before.
 */
export function collectGarbage(): void {
  if (Number.parseInt(process.versions.node, 10) < oldestNode) return;
  setFlagsFromString('--expose-gc');
  const gc: unknown = runInNewContext('globalThis.gc');
  if (typeof gc === 'function') gc({ type: 'major', flavor: 'last-resort', execution: 'sync' });
}

/** Before a password is read: no core of this process, and nobody but root looks into it. Where that fails it is read all the same. */
export function guardPasswords(): void {
  guardMemory();
}
