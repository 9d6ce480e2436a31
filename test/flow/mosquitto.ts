/**
 * mosquitto beside a server, as an operator has it: the server made, its files written, the broker started; started again where
 * the server would say so. It lives through the server's own starts and kills.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Mosquitto, startMosquitto } from '../fakes/mosquitto.ts';

export type Around = {
  /** The state directory of the server. Its files of mosquitto lie in it, so that a lost machine has lost them too. */
  readonly state: string;
  /** What programs are started with; its date may change from one start to the next. */
  readonly env: NodeJS.ProcessEnv;
  /** Runs a command of the server. Rejects where it is refused. */
  readonly order: (args: readonly string[]) => Promise<unknown>;
};

export type Beside = ReturnType<typeof mosquittoBeside>;

export function mosquittoBeside({ state, env, order }: Around) {
  const directory = join(state, 'mosquitto');
  const configuration = join(directory, 'mosquitto.conf');
  const written = (): string => readFileSync(configuration, 'utf8');
  /** What the process was started for. */
  let since = { written: '', date: env['FAKETIME'] };
  let past = '';
  let broker: Mosquitto | null = null;

  const stop = async (signal: NodeJS.Signals): Promise<void> => {
    await broker?.stop(signal);
    past += broker?.log() ?? '';
    broker = null;
  };
  const start = async (): Promise<void> => {
    since = { written: written(), date: env['FAKETIME'] };
    // The second listener, on loopback wherever the first one is; it is opened after that.
    const port = [...since.written.matchAll(/^listener (\d+)/gm)].at(-1)?.[1];
    broker = await startMosquitto(configuration, Number(port), env);
  };

  return {
    /** Before the server starts with these options. Gives those that it needs for the broker. */
    ready: async (options: readonly string[]): Promise<readonly string[]> => {
      if (!existsSync(state)) await order(['init', ...options]);
      if (!existsSync(configuration)) {
        await stop('SIGKILL');
        await order(['mosquitto-config', directory]);
      }
      if (since.date !== env['FAKETIME']) await stop('SIGTERM');
      if (!broker) await start();
      return ['--broker', 'mosquitto', '--broker-dir', directory];
    },
    /** Once the server runs: it has written its files again, and another address or port wants another process. */
    follow: async (): Promise<void> => {
      if (written() === since.written) return;
      await stop('SIGTERM');
      await start();
    },
    log: (): string => past + (broker?.log() ?? ''),
    close: () => stop('SIGTERM'),
  };
}
