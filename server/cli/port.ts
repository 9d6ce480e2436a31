/** Ports of this machine. */
import { createServer } from 'node:net';

/** The port itself, or a free one for 0. Rejects where nothing can be bound. */
export function freePort(host: string, port: number): Promise<number> {
  if (port !== 0) return Promise.resolve(port);
  return new Promise((resolve, reject) => {
    const listener = createServer();
    listener.on('error', reject);
    listener.listen(0, host, () => {
      const address = listener.address();
      listener.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
