/** The server as a program: started from source, and its command line. */
import { type ChildProcess, spawn } from 'node:child_process';

export type Ran = { readonly code: number | null; readonly out: string; readonly err: string };
export type RunningServer = {
  readonly https: string;
  readonly mqtt: string;
  readonly fingerprint: string;
  /** What it printed before it was ready. */
  readonly printed: string;
  readonly process: ChildProcess;
  /** By SIGTERM; resolves with its exit code. */
  readonly stop: () => Promise<number | null>;
};
type Settings = { readonly state?: string; readonly passphrase?: string; readonly input?: string };

const program = 'server/main.ts';
const limitMs = 60_000;

function environment({ state, passphrase }: Settings): NodeJS.ProcessEnv {
  const { THINTRUST_SERVER_STATE: _state, THINTRUST_PASSPHRASE: _passphrase, ...rest } = process.env;
  return {
    ...rest,
    ...(state === undefined ? {} : { THINTRUST_SERVER_STATE: state }),
    ...(passphrase === undefined ? {} : { THINTRUST_PASSPHRASE: passphrase }),
  };
}

/** One command, to its end. */
export function administer(words: readonly string[], settings: Settings = {}): Promise<Ran> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [program, ...words], { env: environment(settings), timeout: limitMs });
    let out = '';
    let err = '';
    child.stdout.on('data', (part) => {
      out += part;
    });
    child.stderr.on('data', (part) => {
      err += part;
    });
    child.on('close', (code) => resolve({ code, out, err }));
    child.stdin.on('error', () => {});
    child.stdin.end(settings.input ?? '');
  });
}

/** `run` until its line `ready`; rejects with what it printed when it ends first. */
export function startServer(state: string, words: readonly string[] = []): Promise<RunningServer> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, 'run', ...words], { env: environment({ state }) });
    const kill = () => child.kill('SIGKILL');
    process.on('exit', kill);
    let printed = '';
    const ended = new Promise<number | null>((end) => child.on('close', end));
    child.stderr.on('data', (part) => {
      printed += part;
    });
    child.stdout.on('data', (part) => {
      printed += part;
      const ready = /^ready https=(\S+) mqtt=(\S+) fingerprint=([0-9a-f]{64})$/m.exec(printed);
      if (!ready) return;
      const [, https = '', mqtt = '', fingerprint = ''] = ready;
      const stop = () => {
        child.kill('SIGTERM');
        process.off('exit', kill);
        return ended;
      };
      resolve({ https, mqtt, fingerprint, printed, process: child, stop });
    });
    ended.then((code) => reject(new Error(`the server ended with ${code}: ${printed}`)));
  });
}
