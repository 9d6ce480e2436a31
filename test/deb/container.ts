/** A Debian of its own, booted in a container: systemd is its first process, and nothing outside is reached. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export type Container = {
  /** Its root file system. */
  readonly root: string;
  readonly boot: () => Promise<void>;
  /** A shell line inside; throws with what it wrote where it fails. */
  readonly run: (line: string, input?: string) => string;
  /** Its exit code. */
  readonly code: (line: string) => number;
  readonly powerOff: () => Promise<void>;
  readonly remove: () => Promise<void>;
};

export const archive = '/var/cache/thintrust-test/debian-12.tar';
const bootMs = 120_000;

export function makeContainer(): Container {
  const folder = mkdtempSync(join(tmpdir(), 'thintrust-deb-'));
  const root = join(folder, 'root');
  execFileSync('mkdir', [root]);
  execFileSync('tar', ['-xf', archive, '-C', root]);
  writeFileSync(join(root, 'etc/hosts'), '127.0.0.1 localhost\n');
  let machine: ChildProcess | null = null;
  let init: number | null = null;

  const spawnInside = (line: string, input: string) => {
    if (init === null) throw new Error('the container does not run');
    // The cgroup as well, or the service manager inside could not tell where the command belongs.
    const enter = ['-t', String(init), '-m', '-u', '-i', '-n', '-p', '-C', '--'];
    const clean = ['/usr/bin/env', '-i', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/root', 'LC_ALL=C.UTF-8'];
    return spawnSync('nsenter', [...enter, ...clean, '/bin/sh', '-c', line], {
      encoding: 'utf8',
      input,
      timeout: bootMs,
    });
  };
  const run = (line: string, input = '') => {
    const { status, stdout, stderr } = spawnInside(line, input);
    if (status !== 0) throw new Error(`${line}: exit code ${status}\n${stdout}${stderr}`);
    return stdout;
  };
  const powerOff = async () => {
    if (machine === null) return;
    const ended = new Promise((done) => machine?.once('exit', done));
    const timer = setTimeout(() => machine?.kill('SIGKILL'), bootMs);
    spawnInside('systemctl poweroff', '');
    await ended;
    clearTimeout(timer);
    machine = null;
    init = null;
  };

  return {
    root,
    boot: async () => {
      const options = [
        '--register=no',
        '--keep-unit',
        '--boot',
        '--console=pipe',
        '--private-network',
        '--resolv-conf=off',
      ];
      machine = spawn('systemd-nspawn', ['--quiet', '-D', root, ...options], {
        stdio: 'ignore',
        env: { ...process.env, SYSTEMD_NSPAWN_UNIFIED_HIERARCHY: '1' },
      });
      const until = performance.now() + bootMs;
      // `offline` as long as the process inside has not become systemd.
      const isUp = () => /^(running|degraded)/.test(spawnInside('systemctl is-system-running --wait', '').stdout);
      while (init === null || !isUp()) {
        if (performance.now() > until) throw new Error('the container does not come up');
        if (machine.exitCode !== null) throw new Error(`systemd-nspawn ended with ${machine.exitCode}`);
        await new Promise((wake) => setTimeout(wake, 200));
        init ??= childOf(machine.pid);
      }
    },
    run,
    code: (line) => spawnInside(line, '').status ?? -1,
    powerOff,
    remove: async () => {
      await powerOff();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The first process inside: the child of systemd-nspawn that is number one of a name space of its own. */
function childOf(parent: number | undefined): number | null {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name)))
    try {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      if (Number(/^PPid:\t(\d+)$/m.exec(status)?.[1]) === parent && /^NSpid:\t\d+\t1$/m.test(status))
        return Number(pid);
    } catch {
      // It has ended.
    }
  return null;
}
