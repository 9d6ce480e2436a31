/**
 * The two sockets of the control API: handed over by the service manager (sd_listen_fds(3)), else made here with mode
 * 0660.
 */
import { mkdirSync, rmSync, statSync } from 'node:fs';
import { connect, type Server } from 'node:net';
import { dirname } from 'node:path';
import type { Environment } from './notify.ts';

export type Listening = { readonly listen: (server: Server) => Promise<void> };

const firstDescriptor = 3;
const socketMode = 0o660;

/**
 * Descriptors by the name their socket unit gives them (`FileDescriptorName=`), empty when they are meant for another
 * process or there are none.
 */
export function inheritedSockets(env: Environment, pid: number): ReadonlyMap<string, number> {
  const count = Number(env['LISTEN_FDS']);
  if (Number(env['LISTEN_PID']) !== pid || !Number.isInteger(count) || count < 1 || count > 16) return new Map();
  const names = (env['LISTEN_FDNAMES'] ?? '').split(':');
  return new Map(names.slice(0, count).map((name, index) => [name, firstDescriptor + index]));
}

export const listenOnDescriptor = (fd: number): Listening => ({ listen: (server) => listenAt(server, { fd }) });

/**
 * A socket of our own. A file left behind by a dead process is replaced; one that somebody answers on is not, and `listen`
 * rejects with EADDRINUSE.
 */
export const listenOnPath = (path: string): Listening => ({
  listen: async (server) => {
    mkdirSync(dirname(path), { recursive: true });
    if (isSocket(path) && !(await answers(path))) rmSync(path, { force: true });
    // The file is made before `listen` returns, so nothing else is made under this mask.
    const before = process.umask(0o777 & ~socketMode);
    const listening = listenAt(server, { path });
    process.umask(before);
    await listening;
  },
});

const isSocket = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isSocket() ?? false;

export function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    const end = (answered: boolean): void => {
      probe.destroy();
      resolve(answered);
    };
    probe.once('connect', () => end(true));
    probe.once('error', () => end(false));
  });
}

export function listenAt(server: Server, where: { fd: number } | { path: string }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(where, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
