/** Keys in memory: no core of a guarded process, and nobody but root looks into one. The daemon and the server are guarded. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { call } from '../../agent/cli/client.ts';
import type { MediaList } from '../../protocol/local.ts';
import { assert, table, test } from '../harness.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const coreNames = readFileSync('/proc/sys/kernel/core_pattern', 'latin1').trim();

/** A core lies beside a process that the kernel lets have one; where a program takes cores, or a root folder, none can be looked for. */
const looksHere = /^[^|/%]+$/.test(coreNames);

async function inFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'thintrust-guard-'));
  chmodSync(folder, 0o777);
  try {
    await run(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Dies by a signal that makes cores, where they are allowed as far as they can be. */
async function die(folder: string, guarded: boolean, signal: string): Promise<boolean> {
  const program = `${guarded ? `require('${root}dist/thintrust.node').guard();` : ''} process.kill(process.pid, '${signal}');`;
  const script = 'ulimit -c unlimited 2>/dev/null || ulimit -c $(ulimit -H -c); exec "$0" -e "$1"';
  const child = spawn('bash', ['-c', script, process.execPath, program], { cwd: folder, stdio: 'ignore' });
  const [, by] = (await once(child, 'exit')) as [number | null, string | null];
  assert.is(by, signal);
  return readdirSync(folder).some((name) => name.startsWith('core'));
}

if (looksHere)
  table(
    'a core is written of a process that is not guarded, and of none that is',
    ['SIGABRT', 'SIGSEGV'].map((signal) => ({ name: signal, signal })),
    ({ signal }) =>
      inFolder(async (folder) => {
        const there = await die(folder, false, signal);
        for (const name of readdirSync(folder)) rmSync(join(folder, name));
        assert.not(await die(folder, true, signal), 'a core of a guarded process');
        // Where not even this one leaves a core, the kernel or a container forbids them all.
        if (!there)
          assert.is(readFileSync('/proc/self/limits', 'latin1').match(/^Max core file size +\d+ +(\w+)/m)?.[1], '0');
      }),
  );

/** Another user than root, whose processes are his: as root this would be told by nothing. Ours where he cannot reach Node. */
const nobody = { uid: 65534, gid: 65534 };
const other =
  process.getuid?.() === 0 && spawnSync(process.execPath, ['--version'], { ...nobody, cwd: '/' }).status === 0
    ? nobody
    : {};
const own = 'uid' in other ? nobody.uid : (process.getuid?.() ?? 0);
/** Whose the memory of a process is: proc(5), root's where it is not dumpable. */
const ownerOf = (pid: number | undefined): number => statSync(`/proc/${pid}/environ`).uid;

const programs = [
  {
    name: 'thintrustd',
    args: (folder: string) => ['--state', join(folder, 's'), '--runtime', join(folder, 'r')],
    /** It looks through /proc at what it has open, and still may. */
    look: async (folder: string) => {
      mkdirSync(join(folder, 'r', 'media', 'sdb1'), { recursive: true });
      writeFileSync(join(folder, 'r', 'media', 'sdb1', 'a.thintrust'), 'a.b.c');
      const media = await call(join(folder, 'r', 'read.sock'), { method: 'GET', path: '/media' });
      assert.is(media.ok && (media.value as MediaList).repairs.length, 1);
    },
  },
  {
    name: 'thintrust-server',
    args: (folder: string) => ['run', '--state', join(folder, 's'), '--https-port', '0', '--mqtt-port', '0'],
    look: async () => {},
  },
];
table('guarded, once it is ready, and able to read what is its own', programs, ({ name, args, look }) =>
  inFolder(async (folder) => {
    for (const file of [`${name}.cjs`, 'thintrust.node']) copyFileSync(join(root, 'dist', file), join(folder, file));
    const child = spawn(process.execPath, [join(folder, `${name}.cjs`), ...args(folder)], {
      stdio: ['ignore', 'pipe', 'pipe'],
      cwd: folder,
      ...other,
    });
    const ended = once(child, 'exit');
    try {
      let said = '';
      child.stderr.on('data', (part) => {
        said += part;
      });
      let ready = false;
      for await (const line of createInterface(child.stdout)) {
        ready = line.startsWith('ready');
        if (ready) break;
      }
      assert.ok(ready, said);
      assert.match(readFileSync(`/proc/${child.pid}/limits`, 'latin1'), /^Max core file size +0 +0 /m);
      assert.is(ownerOf(child.pid), 0);
      assert.not.match(said, /not guarded/);
      await look(folder);
    } finally {
      child.kill('SIGKILL');
      await ended;
    }
  }),
);

test('what is not guarded belongs to its user', () =>
  inFolder(async (folder) => {
    const child = spawn(process.execPath, ['-e', 'console.log(1); setInterval(() => {}, 1000)'], {
      stdio: ['ignore', 'pipe', 'inherit'],
      cwd: folder,
      ...other,
    });
    const ended = once(child, 'exit');
    await once(child.stdout, 'data');
    assert.is(ownerOf(child.pid), own);
    child.kill('SIGKILL');
    await ended;
  }));

test('the command that asks for a password writes no core from then on', () =>
  inFolder(async (folder) => {
    const program = join(root, 'agent/cli/main.ts');
    const args = ['connect', 'rdp', 'server.example', '--user', 'a', '--runtime', folder];
    const child = spawn(process.execPath, [program, ...args], { stdio: ['pipe', 'ignore', 'ignore'] });
    const ended = once(child, 'exit');
    const cores = (): string =>
      readFileSync(`/proc/${child.pid}/limits`, 'latin1').match(/^Max core file size +(\w+) +(\w+)/m)?.[0] ?? '';
    while (!/ 0 +0$/.test(cores())) await delay(20);
    child.stdin.end('secret\n');
    await ended;
  }));
