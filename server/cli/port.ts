/** Ports of this machine. */
import { createServer } from 'node:net';

/**
 * Below those that Linux gives to whoever connects or asks for any (ip_local_port_range, from 32768): between the choice and
 * the listening, and between two starts of a server, nobody else comes by them.
 */
const [lowest, many] = [20_000, 12_768];
/** Processes that begin at the same time begin at ports apart. */
const apart = 16;
let tried = process.pid * apart;

/** A free port, another at each call. Rejects where nothing can be bound. */
export async function freePort(host = '127.0.0.1'): Promise<number> {
  for (let left = many; left > 0; left--) {
    const candidate = lowest + (tried++ % many);
    if (await isFree(host, candidate)) return candidate;
  }
  throw new Error(`no port from ${lowest} to ${lowest + many - 1} is free on ${host}`);
}

const isFree = (host: string, port: number): Promise<boolean> =>
  new Promise((resolve, reject) => {
    const listener = createServer();
    listener.on('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(false) : reject(error),
    );
    listener.listen(port, host, () => listener.close(() => resolve(true)));
  });
