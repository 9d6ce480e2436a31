/** The daemon itself and a log server: the question on the first connection, both logs whole, and what nobody may read (T5, T17). */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { createServer } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { fingerprintOf, toPem } from '../../protocol/certificate.ts';
import type { LogPage, Status } from '../../protocol/local.ts';
import { issue } from '../fakes/issue.ts';
import { readFrames } from '../fakes/rfc5424.ts';
import { assert, test } from '../harness.ts';

const command = fileURLToPath(new URL('../../agent/cli/main.ts', import.meta.url));
const program = fileURLToPath(new URL('../../agent/main.ts', import.meta.url));

/** Keeps every byte it is sent. */
async function receive() {
  const shown = issue({ cn: 'log', dns: ['localhost'] });
  const key = shown.key.export({ type: 'pkcs8', format: 'pem' }).toString();
  const chunks: Buffer[] = [];
  const server = createServer({ key, cert: toPem(shown.der) }, (socket) => {
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    // Says good-bye once it has read all.
    socket.on('end', () => socket.end());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    fingerprint: fingerprintOf(shown.der),
    bytes: () => Buffer.concat(chunks),
    close: () => server.close(),
  };
}

type Answer = { readonly status: number; readonly text: string };

async function answerOf(socketPath: string, method: string, path: string, body?: unknown): Promise<Answer> {
  const headers = body === undefined ? {} : { 'content-type': 'application/json' };
  const call = request({ socketPath, method, path: `/api/v1${path}`, headers });
  call.end(body === undefined ? undefined : JSON.stringify(body));
  const [response] = await once(call, 'response');
  let text = '';
  for await (const chunk of response) text += chunk;
  return { status: response.statusCode, text };
}

async function callOn<T>(socketPath: string, method: string, path: string, body?: unknown): Promise<T> {
  const { status, text } = await answerOf(socketPath, method, path, body);
  if (status >= 300) throw new Error(`${path}: ${text}`);
  return JSON.parse(text);
}

/** `certificate-added` is in the audit log by now, and nowhere that is shown: neither socket has it, nor the command. */
async function nobodyReadsAudit(runtime: string): Promise<void> {
  const audit = /certificate-added|thintrust-audit/;
  for (const name of ['console.sock', 'read.sock']) {
    for (const [method, path] of [
      ['GET', '/audit'],
      ['GET', '/audit?limit=100'],
      ['GET', '/log/audit'],
      ['GET', '/logs/audit'],
      ['GET', '/log/../audit'],
      ['GET', '/log%2Faudit'],
      ['POST', '/log'],
      ['POST', '/audit'],
    ] as const) {
      const refused = await answerOf(join(runtime, name), method, path, method === 'POST' ? {} : undefined);
      assert.ok(refused.status >= 400 && refused.status < 500, `${name} ${method} ${path}: ${refused.status}`);
    }
    for (const words of ['', '&log=audit', '&name=audit', '&component=audit']) {
      const all = await answerOf(join(runtime, name), 'GET', `/log?severity=trace&limit=1000${words}`);
      assert.is(all.status, 200);
      assert.match(all.text, 'daemon started');
      assert.not.match(all.text, audit);
    }
    assert.not.match((await answerOf(join(runtime, name), 'GET', '/status')).text, audit);
  }
  const thintrust = (...args: readonly string[]) =>
    spawnSync(process.execPath, [command, ...args, '--runtime', runtime], { encoding: 'utf8' });
  for (const args of [['audit'], ['log', 'audit'], ['log', '--log', 'audit'], ['log', '--severity', 'audit']]) {
    const refused = thintrust(...args);
    assert.equal([refused.status, refused.stdout], [2, ''], args.join(' '));
    assert.match(refused.stderr, /\S/);
  }
  const shown = thintrust('log', '--severity', 'trace', '--limit', '1000');
  assert.is(shown.status, 0);
  assert.match(shown.stdout, 'daemon started');
  assert.not.match(shown.stdout, audit);
}

test('first connection, Add certificate, both logs, and a good end', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'thintrust-log-story-'));
  const log = await receive();
  const state = join(folder, 'state');
  const daemon = spawn(process.execPath, [program, '--state', state, '--runtime', join(folder, 'run')], {
    env: { PATH: process.env['PATH'] },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const exited = once(daemon, 'exit');
  try {
    await once(createInterface(daemon.stdout), 'line');
    const socket = join(folder, 'run', 'console.sock');
    const until = async (wanted: (status: Status) => boolean): Promise<Status> => {
      for (let tries = 0; tries < 500; tries++) {
        const found = await callOn<Status>(socket, 'GET', '/status');
        if (wanted(found)) return found;
        await delay(20);
      }
      throw new Error(JSON.stringify((await callOn<Status>(socket, 'GET', '/status')).log));
    };
    const server = `localhost:${log.port}`;
    await callOn(socket, 'POST', '/settings', { logServer: server });
    const refused = await until((status) => status.log.at === 'refused');
    const preflight = refused.log.preflight;
    assert.equal([preflight?.verdict, preflight?.chain[0]?.fingerprint], ['unknown', log.fingerprint]);
    assert.is(log.bytes().length, 0);

    await callOn(socket, 'POST', '/certificates/add', { purpose: 'log', server, fingerprint: log.fingerprint });
    await until(({ log: { at, unsent } }) => at === 'connected' && unsent === 0);
    const page = await callOn<LogPage>(socket, 'GET', '/log?severity=info&limit=100');
    assert.ok(page.records.some(({ text }) => text.startsWith('daemon started version=')));
    assert.not(JSON.stringify(page).includes('certificate-added'));
    await nobodyReadsAudit(join(folder, 'run'));
    daemon.kill('SIGTERM');
    assert.equal(await exited, [0, null]);

    const messages = readFrames(log.bytes());
    const texts = (application: string) =>
      messages.filter((each) => each.application === application).map(({ id, text }) => `${id} ${text}`);
    assert.ok(texts('thintrust').some((text) => text.includes('daemon started')));
    assert.ok(texts('thintrust').some((text) => text.includes(`log server ${server} connected`)));
    assert.ok(texts('thintrust-audit').some((text) => text.startsWith('certificate-added ')));
    for (const name of ['thintrust', 'thintrust-audit']) {
      const numbers = messages
        .filter((each) => each.application === name)
        .map(({ data }) => data[0]?.parameters[0]?.[1]);
      assert.equal(
        numbers,
        numbers.map((_, index) => String(index + 1)),
      );
    }
    for (const name of await readdir(join(state, 'logs')))
      assert.is((await stat(join(state, 'logs', name))).mode & 0o777, 0o600, name);
  } finally {
    daemon.kill('SIGKILL');
    log.close();
    await rm(folder, { recursive: true });
  }
});
