/**
 * The other end of a launch: runs as the session user, takes one order, starts the client in a private directory that goes
 * with it, and ends the client when the agent goes away. The password is written to the client and forgotten.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import type { SessionOrder, SessionReport } from '../../protocol/session.ts';
import { read } from '../../protocol/validate.ts';

type Environment = { readonly [name: string]: string | undefined };
type Candidate = SessionOrder['candidates'][number];

/** A bundle may hold as many certificates as a policy. */
const maxOrderBytes = 16 * 1024 * 1024;
const graceMs = 3000;
/** What a client needs to know of the session; all else stays outside, and HOME is its private directory. */
const passedOn = [
  'PATH',
  'LANG',
  'LC_ALL',
  'TZ',
  'DISPLAY',
  'WAYLAND_DISPLAY',
  'XAUTHORITY',
  'XDG_RUNTIME_DIR',
  'XDG_SEAT',
  'XDG_SESSION_ID',
  'XDG_SESSION_TYPE',
  'XDG_VTNR',
  'PULSE_SERVER',
  'PIPEWIRE_RUNTIME_DIR',
  'DBUS_SESSION_BUS_ADDRESS',
  'LIBSEAT_BACKEND',
];

/** Ends when the client has ended and its directory is gone. */
export async function runSession(input: Readable, output: Writable, env: Environment): Promise<void> {
  output.on('error', () => {});
  const tell = (report: SessionReport): Promise<void> =>
    new Promise((resolve) => void output.write(`${JSON.stringify(report)}\n`, () => resolve()));
  const line = await firstLine(input);
  const order = read('sessionOrder', line, maxOrderBytes);
  if (!order.ok) return tell({ at: 'failed', reason: order.fault.code });
  const candidate = order.value.candidates.findIndex(isThere);
  const chosen = order.value.candidates[candidate];
  if (!chosen) return tell({ at: 'missing' });
  const directory = mkdtempSync(join(env['RUNTIME_DIRECTORY'] || tmpdir(), 'thintrust-session-'));
  try {
    for (const { name, content } of order.value.files) writeFileSync(join(directory, name), content, { mode: 0o600 });
    const child = start(order.value, chosen, directory, env);
    child.once('spawn', () => void tell({ at: 'running', candidate }));
    const leave = endWith(input, child);
    const exit = await ended(child);
    leave();
    await tell(
      'reason' in exit
        ? { at: 'failed', reason: exit.reason }
        : { at: 'ended', exit: exitOf(order.value, directory, exit.code) },
    );
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** What shows the window need not pass on how the client ended, so a shell between the two writes it down. */
const noteExit = ['/bin/sh', '-c', '"$@"; echo $? >"$0"'] as const;
const exitName = 'exit';

function start(order: SessionOrder, chosen: Candidate, directory: string, env: Environment): ChildProcess {
  const place = (text: string): string => text.replaceAll(order.mark, directory);
  const client = [chosen.program, ...chosen.arguments.map(place)];
  const [program = '', ...args] =
    order.command.length === 0 ? client : [...order.command, ...noteExit, join(directory, exitName), ...client];
  const child = spawn(program, args, {
    cwd: directory,
    // A process group of its own, so that a compositor and its client end together.
    detached: true,
    env: Object.fromEntries([
      ...passedOn.flatMap((name) => (env[name] ? [[name, env[name]]] : [])),
      ...authority(env),
      ['HOME', directory],
      ...Object.entries({ ...order.environment, ...chosen.environment }).map(([name, value]) => [name, place(value)]),
    ]),
    // Standard output is the line to the agent, so the client speaks to the journal.
    stdio: [
      chosen.password === 'stdin' ? 'pipe' : 'ignore',
      2,
      2,
      chosen.password === 'descriptor' ? 'pipe' : 'ignore',
    ],
  });
  hand(
    chosen.password === 'stdin' ? child.stdin : child.stdio[3],
    chosen.password === 'stdin' ? `${order.secret}\n` : order.secret,
  );
  return child;
}

function hand(pipe: unknown, secret: string): void {
  if (!isWritable(pipe)) return;
  // A client that is gone already is told by its exit.
  pipe.on('error', () => {});
  pipe.end(secret);
}

const isWritable = (pipe: unknown): pipe is Writable => pipe !== null && typeof pipe === 'object' && 'end' in pipe;

/** X keeps its key in a home that the client does not get. */
function authority(env: Environment): readonly [string, string][] {
  const file = join(homedir(), '.Xauthority');
  return env['DISPLAY'] && !env['XAUTHORITY'] && existsSync(file) ? [['XAUTHORITY', file]] : [];
}

/** Ends the client with its group, gently at first, when the agent is gone; gives what stops that. */
function endWith(input: Readable, child: ChildProcess): () => void {
  let last: NodeJS.Timeout | undefined;
  const signal = (name: NodeJS.Signals): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, name);
    } catch {
      // Gone in between.
    }
  };
  const leave = (): void => {
    signal('SIGTERM');
    last ??= setTimeout(() => signal('SIGKILL'), graceMs);
  };
  input.on('close', leave);
  input.on('end', leave);
  input.resume();
  process.once('SIGTERM', leave);
  return () => {
    clearTimeout(last);
    input.off('close', leave);
    input.off('end', leave);
    process.off('SIGTERM', leave);
    input.destroy();
  };
}

type Exit = { readonly code: number | null } | { readonly reason: string };

const ended = (child: ChildProcess): Promise<Exit> =>
  new Promise((resolve) => {
    child.once('error', (error) => resolve({ reason: 'code' in error ? String(error.code) : error.message }));
    child.once('exit', (code) => resolve({ code }));
  });

function exitOf({ command }: SessionOrder, directory: string, code: number | null): number | null {
  if (command.length === 0) return code;
  try {
    return Number.parseInt(readFileSync(join(directory, exitName), 'latin1'), 10);
  } catch {
    return null;
  }
}

function isThere({ contains, program }: Candidate): boolean {
  try {
    accessSync(program, constants.X_OK);
    return contains === null || readFileSync(program).includes(contains);
  } catch {
    return false;
  }
}

/** Up to the line end; what is longer than an order may be is cut, and so refused. */
function firstLine(input: Readable): Promise<Uint8Array> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const finish = (): void => {
      input.off('data', hear);
      input.off('end', finish);
      input.off('error', finish);
      input.pause();
      const whole = Buffer.concat(chunks);
      const end = whole.indexOf(10);
      resolve(end < 0 ? whole : whole.subarray(0, end));
    };
    const hear = (chunk: Buffer): void => {
      chunks.push(chunk);
      length += chunk.length;
      if (chunk.includes(10) || length > maxOrderBytes) finish();
    };
    input.on('data', hear);
    input.on('end', finish);
    input.on('error', finish);
  });
}
