/** Programs of others, started for a test and ended by their own process; and what any process shows of itself. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, watch } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { findProgram } from '../programs.ts';

export type Peer = { readonly stop: () => Promise<void> };

/** Resolves when the port of this machine answers. */
export async function startPeer(name: string, args: readonly string[], port: number, env = process.env): Promise<Peer> {
  const child = spawn(findProgram(name) ?? name, args, { stdio: 'ignore', env });
  while (!(await answers(port))) {
    if (!alive(child)) throw new Error(`${name} ended`);
    await delay(20);
  }
  return { stop: () => stop(child) };
}

export async function stop(child: ChildProcess): Promise<void> {
  if (!alive(child)) return;
  const ended = once(child, 'exit');
  child.kill();
  await ended;
}

/** Command lines and environments of all processes that can be read. */
export const everyProcess = (): string =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => ['cmdline', 'environ'].map((file) => readIfThere(`/proc/${pid}/${file}`)))
    .join('\n');

/** Waits for a file of a folder to hold this; gives its content. */
export async function appears(folder: string, name: string, wanted: RegExp = /^/): Promise<string> {
  const watcher = watch(folder);
  const file = join(folder, name);
  while (!existsSync(file) || !wanted.test(readIfThere(file))) await once(watcher, 'change');
  watcher.close();
  return readIfThere(file);
}

export type Memory = { readonly pssKiB: number; readonly anonymousKiB: number };

/** By root, where the process belongs to another or guards its memory. */
export function memoryOf(pid: number): Memory {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const of = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1]);
  return { pssKiB: of('Pss'), anonymousKiB: of('Anonymous') };
}

export const alive = (child: ChildProcess): boolean => child.exitCode === null && child.signalCode === null;

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}

/** Whether something listens there on this machine. */
export function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
