/**
 * What the service manager is told (sd_notify(3)): READY, STATUS, STOPPING, and the watchdog at half its period. Does
 * nothing without NOTIFY_SOCKET. Node has no datagram sockets of the Unix domain: `native/` sends them; without it the npm
 * package runs the `systemd-notify` program, which knows neither STOPPING nor WATCHDOG, so these call the program
 * themselves. The program needs `NotifyAccess=all` in the unit.
 */
export type Notify = {
  readonly send: (ready: boolean, status: string) => Promise<void>;
  readonly stopping: () => Promise<void>;
  readonly close: () => void;
};
export type Environment = { readonly [name: string]: string | undefined };
/** One datagram to a socket path or abstract name; 0 or the errno. */
export type Datagram = (socketPath: string, text: string) => number;

const longestStatus = 200;
const silent: Notify = { send: async () => {}, stopping: async () => {}, close: () => {} };

/** `datagram` is null where the addon cannot be loaded. Nothing here fails: a manager that does not listen is no fault. */
export function openNotify(env: Environment, pid: number, datagram: Datagram | null): Notify {
  const socketPath = env['NOTIFY_SOCKET'];
  if (!socketPath) return silent;
  const tell = async (lines: readonly string[]): Promise<void> => {
    if (datagram && datagram(socketPath, `${lines.join('\n')}\n`) === 0) return;
    await tellByProgram(lines);
  };
  const periodMs = watchdogPeriodMs(env, pid);
  const timer = periodMs === null ? null : setInterval(() => void tell(['WATCHDOG=1']), periodMs);
  timer?.unref();
  return {
    send: (ready, status) => tell([...(ready ? ['READY=1'] : []), `STATUS=${oneLine(status)}`]),
    stopping: () => tell(['STOPPING=1']),
    close: () => clearInterval(timer ?? undefined),
  };
}

/** Half of WATCHDOG_USEC, or null when the manager does not watch this process (sd_watchdog_enabled(3)). */
export function watchdogPeriodMs(env: Environment, pid: number): number | null {
  const usec = Number(env['WATCHDOG_USEC']);
  const watched = env['WATCHDOG_PID'];
  if (!Number.isSafeInteger(usec) || usec <= 0 || (watched !== undefined && Number(watched) !== pid)) return null;
  return Math.min(Math.max(1, Math.floor(usec / 2000)), 2 ** 31 - 1);
}

/** A line break in a status would set variables of the sender's choice. */
const oneLine = (status: string): string => status.replace(/\p{Cc}+/gu, ' ').slice(0, longestStatus);

async function tellByProgram(lines: readonly string[]): Promise<void> {
  const status = lines.find((line) => line.startsWith('STATUS='))?.slice('STATUS='.length);
  if (status === undefined) return run(lines);
  const { default: systemdNotify } = await import('systemd-notify');
  await systemdNotify({ ...(lines.includes('READY=1') ? { ready: true } : {}), status }).catch(() => {});
}

async function run(lines: readonly string[]): Promise<void> {
  const { spawn } = await import('node:child_process');
  return new Promise((resolve) => {
    const child = spawn('systemd-notify', [`--pid=${process.pid}`, ...lines], { stdio: 'ignore' });
    child.on('error', () => resolve());
    child.on('close', () => resolve());
  });
}
