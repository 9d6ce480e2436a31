/** Wall clock, monotonic clock and whether NTP disciplines the wall clock. */
import { existsSync } from 'node:fs';
import { type Instant, instant } from '../../protocol/time.ts';

export type Clock = {
  readonly wall: () => Instant;
  /** Whole milliseconds since `openClock`. */
  readonly uptimeMs: () => number;
  readonly synced: () => boolean;
};

/**
 * Node cannot call adjtimex(2). systemd-timesyncd creates this file at its first synchronization of a boot; with another
 * NTP client its unit must create it (documented in the operator's guide). A file below /run is gone after a reboot.
 */
const timesyncFile = '/run/systemd/timesync/synchronized';

export function openClock(syncedFile: string = timesyncFile): Clock {
  const started = performance.now();
  return {
    wall: () => instant(Date.now()),
    uptimeMs: () => Math.floor(performance.now() - started),
    synced: () => existsSync(syncedFile),
  };
}
