/** F25: everything but the state and runtime directories is read-only, and a day's work is done all the same. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createServer, type TLSSocket } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { call } from '../../agent/cli/client.ts';
import { toPem } from '../../protocol/certificate.ts';
import type { ImportAnswer, LogPage, Preflight, Status } from '../../protocol/local.ts';
import { issue } from '../fakes/issue.ts';
import { assert, needs, test } from '../harness.ts';

needs(['root', 'unshare', 'mount', 'findmnt']);

const program = fileURLToPath(new URL('../../agent/main.ts', import.meta.url));

/** In a mount namespace of its own: the two directories stay as they are, every other file system is read-only. */
const confine = `
set -eu
state=$1 run=$2 outside=$3; shift 3
mount --make-rprivate /
mount --bind "$state" "$state"
mount --bind "$run" "$run"
findmnt --raw --noheadings --output TARGET | while read -r place; do
  case $place in "$state" | "$run" | /proc | /proc/* | /dev | /dev/* | /sys | /sys/*) continue ;; esac
  mount -o remount,bind,ro "$place"
done
if touch "$outside/x" 2>/dev/null || touch /x-thintrust 2>/dev/null; then echo 'not read-only'; exit 9; fi
cd /
exec "$@"
`;

test('start, import, settings, a failing registration, a pre-flight and a stop on a read-only system', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'thintrust-readonly-'));
  const [state, run, outside] = [join(folder, 'state'), join(folder, 'run'), join(folder, 'outside')];
  for (const each of [state, run, outside]) mkdirSync(each);
  const server = issue({ cn: '127.0.0.1', dns: ['localhost'] });
  const listener = createServer({ key: server.key.export({ type: 'pkcs8', format: 'pem' }), cert: toPem(server.der) });
  listener.on('tlsClientError', () => {});
  listener.on('secureConnection', (socket: TLSSocket) => socket.on('error', () => {}));
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as { port: number };

  const command = ['--mount', 'sh', '-c', confine, 'sh', state, run, outside, process.execPath, program];
  const child = spawn('unshare', [...command, '--state', state, '--runtime', run], {
    env: { PATH: process.env['PATH'], TMPDIR: outside, HOME: outside },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said: string[] = [];
  child.stderr.on('data', (part) => said.push(String(part)));
  const ended = once(child, 'exit');
  const ask = async (method: 'GET' | 'POST', path: string, body?: object): Promise<unknown> => {
    const answer = await call(join(run, 'console.sock'), { method, path, ...(body ? { body } : {}) });
    return answer.ok ? answer.value : answer.fault;
  };
  try {
    const [line] = await Promise.race([
      once(createInterface(child.stdout), 'line'),
      ended.then(() => ['ended', ...said]),
    ]);
    assert.is(line, `ready ${run}`, said.join(''));

    const files = [
      { name: 'root.pem', content: Buffer.from(toPem(issue({ cn: 'Root', ca: true }).der)).toString('base64') },
    ];
    const imported = (await ask('POST', '/certificates/import', {
      purpose: 'rdp',
      server: null,
      files,
    })) as ImportAnswer;
    assert.is(imported.added.length, 1);
    const names = readdirSync(join(run, 'trust', 'rdp'));
    assert.is(names.length, 3, names.join());

    const set = (await ask('POST', '/settings', { broker: `localhost:${port}`, language: 'ru' })) as Status;
    assert.is(set.settings.broker.value, `localhost:${port}`);

    const seen = (await ask('POST', '/preflight', { purpose: 'broker', server: `localhost:${port}` })) as Preflight;
    assert.is(seen.verdict, 'unknown', JSON.stringify(seen.fault));

    const order = { address: '127.0.0.1:9', fingerprint: 'ab'.repeat(32), invitation: 'i', password: 'p' };
    assert.is(((await ask('POST', '/register', order)) as { code: string }).code, 'server-unreachable');
    assert.is(readdirSync(join(state, 'keys')).length, 1);

    const page = (await ask('GET', '/log')) as LogPage;
    assert.ok(page.records.length > 0);
    child.kill('SIGTERM');
    assert.equal(await ended, [0, null]);
  } finally {
    child.kill('SIGKILL');
    listener.close();
  }
  assert.equal(readdirSync(outside), []);
  assert.not(existsSync('/x-thintrust'));
  assert.not.match(said.join(''), /EROFS|disk-failed|error:/);
  rmSync(folder, { recursive: true });
});

/** As the kernel leaves a file system whose disk took no write any more. */
const sealing = `
set -eu
state=$1; shift
mount --make-rprivate /
mount --bind "$state" "$state"
mount -o remount,bind,ro "$state"
exec "$@"
`;

test('the state can be read and not written any more: the daemon that begins again stays up, says so, and loses nothing', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'thintrust-sealed-'));
  const [state, run] = [join(folder, 'state'), join(folder, 'run')];
  const start = (before: readonly string[]) => {
    const [file = '', ...args] = [...before, process.execPath, program, '--state', state, '--runtime', run];
    return spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  };
  const first = start([]);
  await once(createInterface(first.stdout), 'line');
  first.kill('SIGKILL');
  await once(first, 'exit');
  assert.ok(existsSync(join(state, 'lock.sock')), 'left by a daemon that was killed');
  const before = readdirSync(state, { recursive: true });

  mkdirSync(run, { recursive: true });
  const second = start(['unshare', '--mount', 'sh', '-c', sealing, 'sh', state]);
  try {
    const ended = once(second, 'exit').then(() => ['ended']);
    assert.equal(await Promise.race([once(createInterface(second.stdout), 'line'), ended]), [`ready ${run}`]);
    const answer = await call(join(run, 'console.sock'), { method: 'GET', path: '/status' });
    const status = (answer.ok ? answer.value : null) as Status;
    assert.is(status.at, 'broken');
    assert.is(status.faults.find(({ code }) => code === 'storage-missing')?.facts['errno'], 'EROFS');
    second.kill('SIGTERM');
    await ended;
  } finally {
    second.kill('SIGKILL');
  }
  assert.equal(readdirSync(state, { recursive: true }), before);
  rmSync(folder, { recursive: true });
});
