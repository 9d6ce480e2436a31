/** A way to a server that is somewhere else: bytes as they come, since TLS is between the two ends. */
import { connect, createServer, type Socket } from 'node:net';

export type Place = { readonly host: string; readonly port: number };
/** `close` ends what goes through it too. */
export type Relay = { readonly close: () => void };

export function openRelay(from: Place, to: Place): Promise<Relay> {
  const open = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(to);
    const end = (): void => {
      near.destroy();
      far.destroy();
    };
    for (const side of [near, far]) {
      open.add(side);
      side.on('error', end).on('close', () => {
        open.delete(side);
        end();
      });
    }
    near.pipe(far).pipe(near);
  });
  const close = (): void => {
    server.close();
    for (const side of open) side.destroy();
  };
  return new Promise((ready) => {
    server.listen(from.port, from.host, () => ready({ close }));
  });
}
