/** TPMs in software (swtpm), each with a seed of its own, at a Unix socket. */
import { spawn } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { findProgram } from '../programs.ts';
import { alive, stop } from './processes.ts';

export type SoftTpm = {
  readonly path: string;
  /** As if the machine was turned off: what is not in its memory for good is gone. */
  readonly stop: () => Promise<void>;
};

/** `name` names one TPM below the folder; started again it is the same, at the same path or at another. */
export async function startTpm(
  folder: string,
  name: string,
  path: string = join(folder, `${name}.sock`),
): Promise<SoftTpm> {
  const memory = join(folder, name);
  mkdirSync(memory, { recursive: true });
  rmSync(path, { force: true });
  const child = spawn(
    findProgram('swtpm') ?? 'swtpm',
    [
      ...['socket', '--tpm2', '--tpmstate', `dir=${memory}`, '--flags', 'startup-clear,not-need-init'],
      ...['--server', `type=unixio,path=${path}`, '--ctrl', `type=unixio,path=${path}.ctrl`],
    ],
    { stdio: 'ignore' },
  );
  while (!(await answers(path))) {
    if (!alive(child)) throw new Error('swtpm ended');
    await delay(10);
  }
  return {
    path,
    stop: async () => {
      await stop(child);
      rmSync(path, { force: true });
    },
  };
}

/** The socket is there a moment before anybody listens. */
const answers = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
