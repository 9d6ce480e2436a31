/**
 * Starts the client of a remote desktop through the runner, which is another process: started by the service manager as the
 * session user where `<runtime>/session.sock` is there, else by us. The password goes over that line, never into arguments
 * or environment. It is kept while the client may have to be started again, for two minutes at most.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { toPem } from '../../protocol/certificate.ts';
import { bad, type Fault, fault, good, type Result } from '../../protocol/fault.ts';
import type { SessionFile, SessionOrder } from '../../protocol/session.ts';
import { check, read } from '../../protocol/validate.ts';
import type { Effect, Happening } from '../core/shape.ts';
import { bundleName, type Candidate, type Client, candidatesOf, faultOfExit, readClients } from './clients.ts';
import type { Journal } from './journal.ts';

export type Launch = Extract<Effect, { do: 'launch' }>;
export type LauncherOrder = {
  /** Of client descriptions; an earlier one goes before a later one. */
  readonly folders: readonly string[];
  readonly sessionFile: string;
  readonly runtime: string;
  /** Gives the password of a request once; null when there is none. */
  readonly take: (request: number) => string | null;
  /** 16 random bytes, hex. */
  readonly nonce: () => string;
  readonly emit: (happening: Happening) => void;
  readonly journal: Journal;
};
/** Answers with `session-running` and `session-ended`. A client ends with this process: the line to its runner closes. */
export type Launcher = (launch: Launch) => Promise<void>;

/** A line to a runner; closing it ends the client. */
type Line = { readonly input: Readable; readonly output: Writable; readonly close: () => void };
type Ended = Fault | null;

const keptMs = 120_000;
const maxFileBytes = 64 * 1024;

export function openLauncher(order: LauncherOrder): Launcher {
  const { emit, journal } = order;
  const passwords = openPasswords(order.take);

  /** To the end of the client. */
  const run = async (launch: Launch): Promise<Ended> => {
    const password = passwords.of(launch.request);
    if (password === null) return fault('client-failed', { reason: 'password' });
    const ready = await prepare(order, launch, password);
    if (!ready.ok) return ready.fault;
    const line = openLine(order.runtime);
    line.output.write(`${JSON.stringify(ready.value.order)}\n`);
    const running = (): void => emit({ type: 'session-running', session: launch.session });
    const why = await follow(line, ready.value.clients, launch.place.text, running);
    line.close();
    return why;
  };
  return async (launch) => {
    let why: Ended;
    try {
      why = await run(launch);
    } catch (error) {
      why = fault('client-failed', { reason: String(error) });
    }
    if (why) journal('warning', 'the client of a remote desktop has failed', why);
    if (why?.code !== 'client-refused-certificate') passwords.forget(launch.request);
    emit({ type: 'session-ended', session: launch.session, fault: why });
  };
}

type Ready = { readonly order: SessionOrder; readonly clients: readonly Client[] };

/** Everything the runner needs, and which client each candidate is of. */
async function prepare(
  { folders, journal, nonce, sessionFile }: LauncherOrder,
  launch: Launch,
  secret: string,
): Promise<Result<Ready>> {
  const { anchors, exact, fingerprints, place, purpose, user } = launch;
  // A line of standard input, a word of a command line.
  for (const [what, text] of Object.entries({ user, password: secret }))
    if (/\p{Cc}/u.test(text)) return bad('bad-argument', { what });
  const { clients, refused } = await readClients(folders, purpose);
  for (const one of refused) journal('error', `a client description cannot be used: ${one.file}`, one.fault);
  const session = await readSession(sessionFile);
  if (!session.ok) return session;
  const mark = nonce();
  const launching = { host: place.host, port: place.port, server: place.text, user, fingerprints, mark };
  const all = clients.flatMap((client) =>
    candidatesOf(client, launching).map((candidate): readonly [Client, Candidate] => [client, candidate]),
  );
  if (all.length === 0) return bad('client-missing', { what: purpose });
  const made = check('sessionOrder', {
    candidates: all.map(([, candidate]) => candidate),
    command: session.value.command,
    environment: session.value.environment ?? {},
    mark,
    files: [{ name: bundleName, content: [...exact, ...anchors].map((der) => toPem(der)).join('') }],
    secret,
  });
  return made.ok ? good({ order: made.value, clients: all.map(([client]) => client) }) : made;
}

async function readSession(file: string): Promise<Result<SessionFile>> {
  try {
    return read('sessionFile', await readFile(file), maxFileBytes);
  } catch {
    return good({ format: 1, command: [] });
  }
}

/** What the runner tells, to its last line. */
function follow(line: Line, clients: readonly Client[], address: string, running: () => void): Promise<Ended> {
  return new Promise((resolve) => {
    let client: Client | undefined;
    let why: Ended = fault('client-failed', { reason: 'thintrust-session' });
    const failed = (error: NodeJS.ErrnoException): void => {
      why = fault('client-failed', { reason: `thintrust-session ${error.code ?? ''}`.trim() });
    };
    line.output.on('error', failed);
    line.input.on('error', failed);
    const reports = createInterface({ input: line.input });
    reports.on('line', (text) => {
      const report = read('sessionReport', Buffer.from(text), maxFileBytes);
      if (!report.ok) return;
      const told = report.value;
      if (told.at === 'running') {
        client = clients[told.candidate];
        running();
      }
      if (told.at === 'missing') why = fault('client-missing', { what: clients.map(({ name }) => name).join(', ') });
      if (told.at === 'failed') why = fault('client-failed', { reason: told.reason });
      if (told.at === 'ended' && client) why = faultOfExit(client, told.exit, address);
    });
    reports.on('close', () => resolve(why));
  });
}

function openLine(runtime: string): Line {
  const path = join(runtime, 'session.sock');
  if (existsSync(path)) {
    const socket = connect(path);
    return { input: socket, output: socket, close: () => socket.destroy() };
  }
  const runner = spawn(process.execPath, [...process.execArgv, runnerFile()], { stdio: ['pipe', 'pipe', 'inherit'] });
  // What cannot be started closes its pipes.
  runner.on('error', () => {});
  return { input: runner.stdout, output: runner.stdin, close: () => runner.stdin.destroy() };
}

/** Beside the bundle, or in the source tree. */
function runnerFile(): string {
  const here = dirname(fileURLToPath(import.meta.url));
  const bundled = join(here, 'thintrust-session.cjs');
  return existsSync(bundled) ? bundled : join(here, '..', 'session.ts');
}

/** The password of the request that is launched, as long as it may be launched again. */
function openPasswords(take: LauncherOrder['take']) {
  let kept: { readonly request: number; readonly password: string; readonly timer: NodeJS.Timeout } | null = null;
  const forget = (request: number): void => {
    if (kept?.request !== request) return;
    clearTimeout(kept.timer);
    kept = null;
  };
  return {
    of: (request: number): string | null => {
      if (kept?.request === request) return kept.password;
      const password = take(request);
      if (password === null) return null;
      if (kept) forget(kept.request);
      kept = { request, password, timer: setTimeout(() => forget(request), keptMs).unref() };
      return password;
    },
    forget,
  };
}
