/** Wall clock, monotonic clock, whether NTP disciplines the wall clock, and setting it by hand. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { type Instant, instant } from '../../protocol/time.ts';

export type Clock = {
  readonly wall: () => Instant;
  /** The wall clock, or what was set by hand since we started, unless NTP knows better. */
  readonly best: () => Instant;
  /** Whole milliseconds since `openClock`. */
  readonly uptimeMs: () => number;
  readonly synced: () => boolean;
  /** Counts at once for `best`; gives why the system clock was not set too, or null. */
  readonly set: (at: Instant) => Promise<string | null>;
};

/**
 * Node cannot call adjtimex(2). systemd-timesyncd creates this file at its first synchronization of a boot; with another
 * NTP client its unit must create it (documented in the operator's guide). A file below /run is gone after a reboot.
 */
const timesyncFile = '/run/systemd/timesync/synchronized';
/** timedatectl(1): asks systemd-timedated, which knows whether our user may. */
const timedatectl = 'timedatectl';
const timeoutMs = 10_000;

/** `setter` is called with `set-time` and the time as `2026-11-22 12:00:00 UTC`; empty where there is none. */
export function openClock(syncedFile: string = timesyncFile, setter: string = timedatectl): Clock {
  const started = performance.now();
  const uptimeMs = () => Math.floor(performance.now() - started);
  const wall = () => instant(Date.now());
  const synced = () => existsSync(syncedFile);
  let byHand: { readonly at: Instant; readonly uptimeMs: number } | null = null;
  return {
    wall,
    best: () => (byHand && !synced() ? instant(byHand.at + uptimeMs() - byHand.uptimeMs) : wall()),
    uptimeMs,
    synced,
    set: (at) => {
      byHand = { at, uptimeMs: uptimeMs() };
      return setter === '' ? Promise.resolve('there is no program for it') : runSetter(setter, at);
    },
  };
}

const runSetter = (setter: string, at: Instant): Promise<string | null> =>
  new Promise((resolve) => {
    const text = `${new Date(at).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
    execFile(setter, ['set-time', text], { timeout: timeoutMs }, (error, _out, said) =>
      resolve(error ? (said.trim() || error.message).slice(0, 200) : null),
    );
  });
