/**
 * The daemon beside a bare Node: how long until it says READY=1, and how much memory it keeps. Uses the bundles in `dist/`,
 * started as the unit starts them (`MALLOC_ARENA_MAX=1`), and for memory a server, so that the daemon is connected.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { bundleProgram } from '../scripts/bundler.ts';
import { type Memory, memoryOf } from '../test/fakes/processes.ts';
import { openSystem, whenStatus } from '../test/flow/system.ts';
import type { Row } from './row.ts';

const daemon = resolve('dist/thintrustd.cjs');
const rounds = 9;
const settleMs = 5000;
const goalStartMs = 100;
const goalMemoryTimes = 2;
const unit = { MALLOC_ARENA_MAX: '1' };

/** Receives datagrams on a socket that it names, and prints when each came (Unix seconds). */
const receiver = `
import socket, sys, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind(sys.argv[1]); print("bound", flush=True)
while True:
    text = s.recv(8192).decode()
    print(time.time(), text.replace("\\n", "|"), flush=True)
`;
/** The smallest MQTT client of this library, bundled as the daemon is. */
const bareClient = `
import client from 'mqtt/lib/client';
import { writeToStream } from 'mqtt-packet';
import { connect } from 'node:tls';
writeToStream.cacheNumbers = false;
const socket = connect({ host: '127.0.0.1', port: 1 });
const bare = new client.default(() => socket, { reconnectPeriod: 0, protocolVersion: 4 });
bare.on('error', () => {});
setInterval(() => {}, 1e6);
`;

/** Start to READY=1 on an existing, unregistered state, beside `node -e 0` start to end. Medians. */
export async function benchStart(): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'thintrust-bench-'));
  const socket = join(folder, 'notify');
  const listener = spawn('python3', ['-c', receiver, socket], { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = createInterface(listener.stdout)[Symbol.asyncIterator]();
  await lines.next();
  const bare: number[] = [];
  const ready: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const began = Date.now();
    await once(spawn(process.execPath, ['-e', '0'], { stdio: 'ignore' }), 'exit');
    bare.push(Date.now() - began);
    ready.push(await startOnce(folder, socket, lines));
  }
  listener.kill();
  rmSync(folder, { recursive: true });
  // The first round makes the state directory and warms the page cache.
  const floorMs = median(bare.slice(1));
  const figureMs = median(ready.slice(1));
  return [
    {
      what: 'daemon: start to READY=1',
      figure: `${figureMs.toFixed(0)} ms`,
      floor: `node -e 0: ${floorMs.toFixed(0)} ms`,
      goal: `≤ floor + ${goalStartMs} ms`,
      met: figureMs <= floorMs + goalStartMs,
    },
  ];
}

/** Idle memory: the daemon before registration and connected by MQTT, beside bare Node and a bare MQTT client. */
export async function benchMemory(): Promise<Row[]> {
  const bare = await memoryAlone(['-e', 'setInterval(() => {}, 1e6)']);
  const folder = mkdtempSync(join(tmpdir(), 'thintrust-bench-'));
  const entry = join(folder, 'client.mjs');
  writeFileSync(entry, bareClient);
  await bundleProgram({ entry, out: 'client', target: 'node20' }, folder);
  const client = await memoryAlone([join(folder, 'client.cjs')]);
  const alone = await memoryAlone([daemon, '--state', join(folder, 'state'), '--runtime', join(folder, 'run')]);
  rmSync(folder, { recursive: true });
  const connected = await memoryConnected();
  const row = (what: string, found: Memory): Row => ({
    what,
    figure: `anonymous ${megabytes(found.anonymousKiB)}, PSS ${megabytes(found.pssKiB)}`,
    floor: `bare node ${megabytes(bare.anonymousKiB)}, ${megabytes(bare.pssKiB)}; bare MQTT client ${megabytes(client.anonymousKiB)}, ${megabytes(client.pssKiB)}`,
    goal: `anonymous ≤ ${goalMemoryTimes} × bare node`,
    met: found.anonymousKiB <= goalMemoryTimes * bare.anonymousKiB,
  });
  return [row('daemon: idle, not registered', alone), row('daemon: idle, connected by MQTT', connected)];
}

async function startOnce(folder: string, socket: string, lines: AsyncIterator<string>): Promise<number> {
  const args = [daemon, '--state', join(folder, 'state'), '--runtime', join(folder, 'run')];
  const env = { ...process.env, ...unit, NOTIFY_SOCKET: socket };
  const began = Date.now();
  const child = spawn(process.execPath, args, { stdio: 'ignore', env });
  let readyMs = Number.NaN;
  for (let line = await lines.next(); !line.done; line = await lines.next()) {
    const [seconds = '', text = ''] = line.value.split(/ (.*)/s);
    if (!text.startsWith('READY=1')) continue;
    readyMs = Number(seconds) * 1000 - began;
    break;
  }
  await end(child);
  return readyMs;
}

async function memoryAlone(args: readonly string[]): Promise<Memory> {
  const child = spawn(process.execPath, [...args], { stdio: 'ignore', env: { ...process.env, ...unit } });
  await settle();
  const found = memoryOf(child.pid ?? 0);
  await end(child);
  return found;
}

async function memoryConnected(): Promise<Memory> {
  const system = openSystem(process.execPath, unit);
  try {
    await system.startServer();
    const device = system.device('bench');
    await system.powerOn(device);
    const invited = JSON.parse((await system.admin(['invite', '--name', 'bench', '--json'])).out);
    const { address, fingerprint, invitation, password } = invited;
    const told = ['--address', address, '--fingerprint', fingerprint, '--invitation', invitation];
    await system.thintrust(device, ['register', ...told], `${password}\n`);
    await system.powerOff(device, 'SIGTERM');
    await system.powerOn(device);
    await whenStatus(device, 'the device is connected', (status) => status.link?.at === 'connected');
    await settle();
    return memoryOf(device.daemon?.child.pid ?? 0);
  } finally {
    await system.close();
  }
}

async function end(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}

const settle = (): Promise<void> => new Promise((wake) => setTimeout(wake, settleMs));
const median = (all: readonly number[]): number =>
  [...all].sort((a, b) => a - b)[Math.floor(all.length / 2)] ?? Number.NaN;
const megabytes = (kibibytes: number): string => `${((kibibytes * 1024) / 1e6).toFixed(1)} MB`;
