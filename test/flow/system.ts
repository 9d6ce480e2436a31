/**
 * The real programs for a story: the Administration Server, devices, the console in a pseudo-terminal, and mosquitto beside
 * the server where the story wants it or THINTRUST_TEST_BROKER=mosquitto says so. Everything lives in one temporary folder
 * and on loopback; only what was started here is ended here.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { call as askDevice } from '../../agent/cli/client.ts';
import type { Status } from '../../protocol/local.ts';
import { call as askServer } from '../../server/cli/client.ts';
import { openSession } from '../fakes/terminal.ts';
import { findProgram } from '../programs.ts';
import { type BrokerKind, testBroker } from './brokers.ts';
import { mosquittoBeside } from './mosquitto.ts';

export type Outcome = { readonly code: number; readonly out: string; readonly err: string };
export type Running = {
  readonly child: ChildProcess;
  readonly line: string;
  readonly ended: Promise<number | null>;
  readonly kill: (signal: NodeJS.Signals) => Promise<void>;
};
export type Device = {
  readonly name: string;
  readonly state: string;
  readonly runtime: string;
  daemon: Running | null;
};

const dist = (name: string): string => resolve('dist', `${name}.cjs`);
const patienceMs = 60_000;
/** A frame follows a key within a few milliseconds, on a busy machine within some more. */
const afterKeyMs = 100;

export const openFolder = (): string => mkdtempSync(join(tmpdir(), 'thintrust-'));

export type System = ReturnType<typeof openSystem>;

/** `runtime` is the Node that the device's programs run on; the server has ours. */
export function openSystem(
  runtime: string = process.execPath,
  environment: NodeJS.ProcessEnv = {},
  broker: BrokerKind = testBroker,
) {
  const folder = openFolder();
  const server = join(folder, 'server');
  const started = new Set<Running>();
  const env = { ...process.env, THINTRUST_LANG: 'en', LANG: 'C.UTF-8', ...environment };

  const start = (node: string, name: string, args: readonly string[]): Promise<Running> => {
    const child = spawn(node, [dist(name), ...args], { stdio: ['ignore', 'pipe', 'pipe'], env });
    const ended = new Promise<number | null>((done) => {
      child.once('exit', done);
    });
    const log = join(folder, `${name}.log`);
    child.stderr.on('data', (chunk: Buffer) => appendFileSync(log, chunk));
    return new Promise((ready, failed) => {
      const timer = setTimeout(() => {
        child.kill('SIGKILL');
        failed(new Error(`${name} is not ready:\n${tail(log)}`));
      }, patienceMs);
      createInterface({ input: child.stdout }).on('line', (line) => {
        appendFileSync(log, `${line}\n`);
        if (!line.startsWith('ready')) return;
        clearTimeout(timer);
        const kill = async (signal: NodeJS.Signals) => {
          child.kill(signal);
          await ended;
          started.delete(running);
        };
        const running: Running = { child, line, ended, kill };
        started.add(running);
        ready(running);
      });
      ended.then((code) => {
        clearTimeout(timer);
        failed(new Error(`${name} ended with ${code}:\n${tail(log)}`));
      });
    });
  };
  const run = (node: string, name: string, args: readonly string[], input = ''): Promise<Outcome> =>
    new Promise((done) => {
      const child = execFile(node, [dist(name), ...args], { env, maxBuffer: 1 << 24 }, (error, out, err) => {
        const code = error ? (typeof error.code === 'number' ? error.code : 1) : 0;
        done({ code, out, err });
      });
      child.stdin?.end(input);
    });
  const admin = (args: readonly string[], input = ''): Promise<Outcome> =>
    run(process.execPath, 'thintrust-server', [...args, '--state', server], input);
  const serverLog = join(folder, 'thintrust-server.log');
  /** What it says is kept with what the server says: a first start tells the passphrase of the recovery kit. */
  const order = async (args: readonly string[]): Promise<void> => {
    const { code, out, err } = await admin(args);
    appendFileSync(serverLog, `${out}${err}`);
    if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}:\n${out}${err}`);
  };
  const beside = broker === 'mosquitto' ? mosquittoBeside({ state: server, env, order }) : null;

  return {
    folder,
    server,
    env,
    startServer: async (more: readonly string[] = []): Promise<Running> => {
      const options = ['--https-port', '0', '--mqtt-port', '0', ...more];
      const ofBroker = (await beside?.ready(options)) ?? [];
      const args = ['run', '--state', server, ...options, ...ofBroker];
      const running = await start(process.execPath, 'thintrust-server', args);
      await beside?.follow();
      return running;
    },
    device: (name: string): Device => ({
      name,
      state: join(folder, name),
      runtime: join(folder, `${name}-run`),
      daemon: null,
    }),
    powerOn: async (device: Device): Promise<void> => {
      device.daemon = await start(runtime, 'thintrustd', ['--state', device.state, '--runtime', device.runtime]);
    },
    /** The cable is pulled, so to speak. */
    powerOff: async (device: Device, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> => {
      await device.daemon?.kill(signal);
      device.daemon = null;
    },
    admin: (args: readonly string[], input = '', extra: NodeJS.ProcessEnv = {}): Promise<Outcome> => {
      Object.assign(env, extra);
      return admin(args, input);
    },
    thintrust: (device: Device, args: readonly string[], input = ''): Promise<Outcome> =>
      run(runtime, 'thintrust', [...args, '--runtime', device.runtime], input),
    openConsole: (device: Device, width = 80, height = 24) => openConsole(runtime, device, folder, width, height),
    /** The end of it; of the server's, with that of the broker beside it. */
    log: (name: string): string =>
      [tail(join(folder, `${name}.log`)), name === 'thintrust-server' && beside ? beside.log().slice(-4000) : '']
        .filter(Boolean)
        .join('\n--- mosquitto\n'),
    close: async (): Promise<void> => {
      for (const running of [...started]) await running.kill('SIGKILL');
      await beside?.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export type Screen = ReturnType<typeof openTerminal>;

/** The console in tmux: keys are typed, the screen is read. */
const openConsole = (node: string, device: Device, folder: string, width: number, height: number) =>
  openTerminal(
    device.name,
    `THINTRUST_LANG=en LANG=C.UTF-8 '${node}' '${dist('thintrust-ui')}' --runtime '${device.runtime}' --allow-exit 2>>'${folder}/ui.log'`,
    width,
    height,
  );

/** A command in a pseudo-terminal of its own. */
export function openTerminal(title: string, command: string, width = 80, height = 24) {
  const socket = join(tmpdir(), `thintrust-${process.pid}-${title}.tmux`);
  const opening = openSession({ socket, command, environment: {}, width, height });
  const read = async (): Promise<string> => (await opening).screen();
  return {
    read,
    /** Waits until the screen shows this. */
    see: async (wanted: RegExp): Promise<string> => (await opening).shows(wanted, patienceMs),
    /** Presses a key again and again, each time once the screen has come to rest, until it shows this. */
    reach: async (key: string, wanted: RegExp): Promise<string> => {
      const { press, shows } = await opening;
      for (const end = performance.now() + patienceMs; ; ) {
        const shown = await shows(/\S/, patienceMs);
        if (wanted.test(shown)) return shown;
        if (performance.now() > end) throw new Error(`${key} never led to ${wanted}; the screen shows:\n${shown}`);
        await press(key);
        await new Promise((wake) => setTimeout(wake, afterKeyMs));
      }
    },
    /** Names of keys as tmux has them (`Enter`, `C-q`), or text. */
    type: async (...keys: readonly string[]): Promise<void> => {
      const { press, type } = await opening;
      const erasing = keys.findIndex((key) => key !== 'BSpace');
      if (erasing !== 0) await press(...keys.slice(0, erasing < 0 ? keys.length : erasing));
      for (const key of erasing < 0 ? [] : keys.slice(erasing))
        await (key.length > 1 && !/^[A-Z]/.test(key) ? type(key) : press(key));
    },
    close: async (): Promise<void> => {
      await (await opening).close();
      rmSync(socket, { force: true });
    },
  };
}

/** Asks again until it holds; tells what it saw last when it never does. */
export async function until<Value>(
  what: string,
  look: () => Promise<Value>,
  holds: (value: Value) => boolean,
  limitMs = patienceMs,
): Promise<Value> {
  const end = Date.now() + limitMs;
  for (;;) {
    const value = await look();
    if (holds(value)) return value;
    if (Date.now() > end) {
      const seen = typeof value === 'string' ? value : JSON.stringify(value, null, 1);
      throw new Error(`waited in vain until ${what}; last seen:\n${seen}`);
    }
    await new Promise((wake) => setTimeout(wake, 30));
  }
}

/** Asked at its socket, as is the server below: what waits asks often, and a program for each question would be most of the work. */
export const statusOf = async (device: Device): Promise<Status> => {
  const answer = await askDevice(join(device.runtime, 'read.sock'), { method: 'GET', path: '/status' });
  return (answer.ok ? answer.value : {}) as Status;
};

/** What the administration API has at a path; `{}` where it refuses. */
export const ask = async <Value>({ server }: System, path: string): Promise<Partial<Value>> => {
  const answer = await askServer<Value>(server, 'GET', path);
  return answer.ok ? answer.value : {};
};

export const whenStatus = (device: Device, what: string, holds: (status: Status) => boolean): Promise<Status> =>
  until(what, () => statusOf(device), holds);

export const node20 = (): string | null => findProgram('node20');

function tail(path: string): string {
  try {
    return readFileSync(path, 'utf8').slice(-4000);
  } catch {
    return '';
  }
}
