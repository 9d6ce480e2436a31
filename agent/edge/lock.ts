/**
 * One daemon per state directory. The lock is a listening Unix socket in the directory (0700, so nobody else can hold it in
 * our stead): the kernel ends it with the process, however that ends. A file left behind answers nobody and is replaced.
 */
import { open, rename, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { bad, good, type Result } from '../../protocol/fault.ts';
import { errnoOf } from './files.ts';
import { answers, listenAt } from './sockets.ts';

export type Lock = { readonly release: () => void };

const attempts = 3;

/** Fault: `busy` when another process holds it. Rejects when the directory cannot be used. */
export async function lockDirectory(directory: string): Promise<Result<Lock>> {
  const folder = await open(directory, 'r');
  // The way over the descriptor stays short: a socket address has 107 bytes.
  const below = (name: string): string => `/proc/self/fd/${folder.fd}/${name}`;
  const path = below('lock.sock');
  try {
    for (let attempt = 0; attempt < attempts; attempt++) {
      const server = createServer((client) => client.destroy());
      if (await tryListen(server, path)) {
        server.unref();
        // Node removes the file by the same way, so the descriptor stays open as long.
        return good({ release: () => server.close(() => void folder.close()) });
      }
      if ((await answers(path)) || !(await moveAway(path, below(`lock.${process.pid}.tmp`)))) break;
    }
  } catch (error) {
    await folder.close();
    throw error;
  }
  await folder.close();
  return bad('busy', { what: directory });
}

async function tryListen(server: Server, path: string): Promise<boolean> {
  try {
    await listenAt(server, { path });
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') return false;
    throw error;
  }
}

/** Looks again at what it moved: between the first look and the move another process may have taken the lock. */
async function moveAway(path: string, aside: string): Promise<boolean> {
  try {
    await rename(path, aside);
  } catch (error) {
    // Another process was quicker; anything else says that nothing can be written here.
    if (errnoOf(error) === 'ENOENT') return true;
    throw error;
  }
  if (await answers(aside)) {
    await rename(aside, path);
    return false;
  }
  await rm(aside, { force: true });
  return true;
}
