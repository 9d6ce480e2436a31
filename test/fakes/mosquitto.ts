/** A real mosquitto for tests, started from the configuration the server wrote and killed by its own process. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { findProgram } from '../programs.ts';
import { alive, answers } from './processes.ts';

export type Mosquitto = {
  readonly log: () => string;
  readonly stop: (signal?: NodeJS.Signals) => Promise<void>;
};

/** Resolves when the port answers. Started by root it stays root, to read what only the test may read. */
export async function startMosquitto(configuration: string, port: number, env = process.env): Promise<Mosquitto> {
  const asRoot = process.getuid?.() === 0 && !/^user /m.test(await readFile(configuration, 'utf8'));
  if (asRoot) await appendFile(configuration, 'user root\n');
  let log = '';
  const child = spawn(findProgram('mosquitto') ?? 'mosquitto', ['-c', configuration], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env,
  });
  child.stderr.on('data', (chunk) => {
    log += chunk;
  });
  while (!(await answers(port))) {
    if (child.exitCode !== null) throw new Error(`mosquitto ended:\n${log}`);
    await delay(20);
  }
  return {
    log: () => log,
    stop: async (signal = 'SIGTERM') => {
      const ended = alive(child) ? once(child, 'exit') : null;
      if (ended) child.kill(signal);
      await ended;
    },
  };
}
