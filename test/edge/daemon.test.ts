/** `thintrustd` as a process: sockets handed over, one a state directory, READY, leaving, and being killed. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { call } from '../../agent/cli/client.ts';
import type { Status } from '../../protocol/local.ts';
import { assert, needs, table, test } from '../harness.ts';

needs(['curl', 'python3']);

const program = fileURLToPath(new URL('../../agent/main.ts', import.meta.url));

type Daemon = {
  readonly child: ChildProcess;
  readonly ready: Promise<string>;
  readonly ended: Promise<number | string>;
};

function start(folder: string, env: NodeJS.ProcessEnv = {}, command: readonly string[] = [process.execPath]): Daemon {
  const [file = '', ...before] = command;
  const args = [...before, program, '--state', join(folder, 'state'), '--runtime', join(folder, 'run')];
  const { PATH, NODE_COMPILE_CACHE } = process.env;
  const child = spawn(file, args, { env: { PATH, NODE_COMPILE_CACHE, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise<number | string>((resolve) => {
    child.once('exit', (code, signal) => resolve(code ?? signal ?? 'nothing'));
  });
  const ready = new Promise<string>((resolve, reject) => {
    createInterface(child.stdout).once('line', resolve);
    ended.then((code) => reject(new Error(`ended with ${code}`)));
  });
  ready.catch(() => {});
  child.stderr.resume();
  return { child, ready, ended };
}

async function inFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'thintrust-daemon-'));
  await run(folder).finally(() => rmSync(folder, { recursive: true }));
}

function statusOver(socket: string): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile('curl', ['-sS', '--unix-socket', socket, 'http://x/api/v1/status'], (error, out) =>
      error ? reject(error) : resolve(JSON.parse(out).at),
    );
  });
}

test('ready, asked, told to leave: exit 0 and no sockets left', () =>
  inFolder(async (folder) => {
    const { child, ready, ended } = start(folder);
    assert.is(await ready, `ready ${join(folder, 'run')}`);
    for (const name of ['console.sock', 'read.sock'])
      assert.is(await statusOver(join(folder, 'run', name)), 'unregistered');
    assert.ok(existsSync(join(folder, 'run', 'trust', 'rdp', 'bundle.pem')));
    child.kill('SIGTERM');
    assert.is(await ended, 0);
    assert.not(existsSync(join(folder, 'run', 'read.sock')));
  }));

type Unusable = { readonly name: string; readonly make: (state: string) => void; readonly errno: string };
/** What a device finds where its data partition is missing or broken. */
const unusable: readonly Unusable[] = [
  { name: 'a file', make: (state) => writeFileSync(state, ''), errno: 'ENOTDIR' },
  { name: 'a place where nothing can be made', make: (state) => symlinkSync('/proc/none', state), errno: 'ENOENT' },
  { name: 'a link that leads nowhere', make: (state) => symlinkSync(state, state), errno: 'ELOOP' },
];

table('a state directory that cannot be used: the daemon comes up, says so, and takes nothing in', unusable, (row) =>
  inFolder(async (folder) => {
    row.make(join(folder, 'state'));
    const { child, ready, ended } = start(folder);
    await ready;
    const ask = (method: 'GET' | 'POST', path: string, body?: object) =>
      call(join(folder, 'run', 'console.sock'), { method, path, ...(body && { body }) });
    const answer = await ask('GET', '/status');
    const status = (answer.ok ? answer.value : null) as Status;
    assert.is(status.at, 'broken');
    assert.is(status.faults.find(({ code }) => code === 'storage-missing')?.facts['errno'], row.errno);
    assert.not((await ask('POST', '/settings', { broker: 'broker.example:443' })).ok);
    child.kill('SIGTERM');
    assert.is(await ended, 0);
  }),
);

test('killed and started again, over what is left of the first', () =>
  inFolder(async (folder) => {
    const first = start(folder);
    await first.ready;
    first.child.kill('SIGKILL');
    assert.is(await first.ended, 'SIGKILL');
    assert.ok(existsSync(join(folder, 'run', 'read.sock')));
    const second = start(folder);
    await second.ready;
    assert.is(await statusOver(join(folder, 'run', 'read.sock')), 'unregistered');
    second.child.kill('SIGINT');
    assert.is(await second.ended, 0);
  }));

test('a second daemon on the same state leaves the first alone', () =>
  inFolder(async (folder) => {
    const first = start(folder);
    await first.ready;
    const second = start(folder);
    assert.is(await second.ended, 1);
    assert.is(await statusOver(join(folder, 'run', 'read.sock')), 'unregistered');
    first.child.kill('SIGTERM');
    assert.is(await first.ended, 0);
  }));

/** Binds both sockets and the notify socket, then becomes what it is told with LISTEN_PID its own; prints datagrams. */
const activator = `
import os, socket, sys
folder, command = sys.argv[1], sys.argv[2:]
def bound(kind, name):
    s = socket.socket(socket.AF_UNIX, kind); s.bind(os.path.join(folder, name)); return s
notify = bound(socket.SOCK_DGRAM, "notify")
listeners = [bound(socket.SOCK_STREAM, name) for name in ("given-read", "given-console")]
for s in listeners: s.listen(8)
pid = os.fork()
if pid == 0:
    fds = [os.dup(s.fileno()) for s in listeners]
    for index, fd in enumerate(fds): os.dup2(fd, 3 + index)
    os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="2", LISTEN_FDNAMES="read.socket:console.socket",
        NOTIFY_SOCKET=os.path.join(folder, "notify"), WATCHDOG_USEC="200000", WATCHDOG_PID=str(os.getpid()))
    os.execvp(command[0], command)
print(pid, flush=True)
while True:
    text = notify.recv(8192).decode()
    print(text.replace("\\n", "|"), flush=True)
    if "STOPPING" in text: break
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`;

test('under a service manager: both sockets handed over, READY, STATUS, watchdog, STOPPING', () =>
  inFolder(async (folder) => {
    const args = ['-c', activator, folder, process.execPath, program, '--state', join(folder, 'state')];
    const parent = spawn('python3', [...args, '--runtime', join(folder, 'run')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = once(parent, 'exit');
    const told: string[] = [];
    let pid = 0;
    for await (const line of createInterface(parent.stdout)) {
      if (pid === 0) {
        pid = Number(line);
        continue;
      }
      told.push(line);
      if (line !== 'WATCHDOG=1|') continue;
      if (told.filter((each) => each === line).length > 1) continue;
      for (const name of ['given-read', 'given-console'])
        assert.is(await statusOver(join(folder, name)), 'unregistered');
      assert.not(existsSync(join(folder, 'run', 'read.sock')));
      process.kill(pid, 'SIGTERM');
    }
    assert.equal(await ended, [0, null]);
    assert.ok(existsSync(join(folder, 'run', 'trust', 'rdp', 'bundle.pem')));
    assert.match(told[0] ?? '', /^READY=1\|STATUS=[^|]+\|$/);
    assert.ok(told.includes('STOPPING=1|'));
  }));
