/** QMP, the control socket of QEMU (docs/interop/qmp-spec): one command at a time, each answered before the next is sent. */
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';

export type Qmp = {
  /** What the command returned; rejects with QEMU's own words. */
  readonly run: (command: string, values?: Readonly<Record<string, unknown>>) => Promise<unknown>;
  readonly close: () => void;
};
type Line = { readonly return?: unknown; readonly error?: { readonly desc: string }; readonly event?: string };
type Waiting = { readonly done: (value: unknown) => void; readonly failed: (error: Error) => void };

/** Waits for the socket as long as `alive` says that QEMU is there. */
export async function openQmp(path: string, alive: () => boolean): Promise<Qmp> {
  const socket = await connected(path, alive);
  const waiting: Waiting[] = [];
  const lines = createInterface({ input: socket });
  // It tells errors of the socket once more, and one that nobody hears ends the process.
  lines.on('error', () => {});
  lines.on('line', (text) => {
    const line = JSON.parse(text) as Line;
    if ('QMP' in line || line.event !== undefined) return;
    const next = waiting.shift();
    if (line.error) next?.failed(new Error(line.error.desc));
    else next?.done(line.return);
  });
  const gone = (): void => {
    for (const { failed } of waiting.splice(0)) failed(new Error('QEMU is gone'));
  };
  socket.on('error', gone).on('close', gone);
  const run = (command: string, values: Readonly<Record<string, unknown>> = {}): Promise<unknown> =>
    new Promise((done, failed) => {
      if (socket.destroyed) return failed(new Error('QEMU is gone'));
      waiting.push({ done, failed });
      socket.write(`${JSON.stringify({ execute: command, arguments: values })}\n`);
    });
  await run('qmp_capabilities');
  return { run, close: () => void socket.destroy() };
}

/** A socket of QEMU's, as soon as it listens. */
export async function connected(path: string, alive: () => boolean): Promise<Socket> {
  for (;;) {
    const socket = connect(path);
    const opened = await new Promise<boolean>((done) => {
      socket.once('connect', () => done(true)).once('error', () => done(false));
    });
    if (opened) return socket;
    if (!alive()) throw new Error('QEMU ended before its sockets were there');
    await delay(50);
  }
}
