/**
 * Sends both logs over one TLS connection, in order, audit before events. RFC 5425 has no acknowledgement: what was written
 * may still be lost with the receiver. So little is under way at a time (a round of about 16 KiB, the next one only when the
 * other machine has taken all but 16 KiB and 5 ms are over), and the last 64 KiB count as not there until the connection was closed in
 * order. What is sent again has the same numbers.
 */
import type { TLSSocket } from 'node:tls';
import { type Fault, fault } from '../../protocol/fault.ts';
import type { Log } from './log.ts';
import type { Sent } from './logs.ts';
import { frameOf, type LogName } from './syslog.ts';
import { faultOfSocket } from './tls.ts';
import { unacknowledgedOf } from './unacknowledged.ts';

export type PumpOrder = {
  readonly socket: TLSSocket;
  readonly address: string;
  readonly withIdentity: boolean;
  readonly logs: Readonly<Record<LogName, Log>>;
  readonly from: Sent;
  readonly device: string;
  /** How the connection ended, once: the fault, or null after `leave`; and from where the next one sends. */
  readonly ended: (why: Fault | null, from: Sent) => void;
  /** From where a next connection would send now. */
  readonly moved: (from: Sent) => void;
};
export type Pump = {
  /** There may be more. */
  readonly wake: () => void;
  /** Not one byte more. */
  readonly stop: () => void;
  /** Sends what is durable, says good-bye (close_notify) and waits for the answer. */
  readonly leave: (limitMs: number) => Promise<void>;
};

type Piece = { readonly log: LogName; readonly seq: number; readonly bytes: number };

export const windowBytes = 64 * 1024;
const roundBytes = 16 * 1024;
const roundMs = 5;
/** The other machine takes nothing for so long: it is gone. */
const deafMs = 30_000;
const keepAliveMs = 60_000;
const order: readonly LogName[] = ['audit', 'event'];

export function startPump({ address, device, ended, from, logs, moved, socket, withIdentity }: PumpOrder): Pump {
  const written: Record<LogName, number> = { ...from };
  const resume: Record<LogName, number> = { ...from };
  const inFlight: Piece[] = [];
  let bytesInFlight = 0;
  let over = false;
  let leaving = false;
  let woken = (): void => {};

  const finish = (why: Fault | null, clean: boolean): void => {
    if (over) return;
    over = true;
    socket.destroy();
    woken();
    for (const log of order) logs[log].sent(clean ? written[log] : resume[log]);
    ended(why, clean ? { ...written } : { ...resume });
  };
  const lost = (reason: string): void => finish(fault('server-refused', { address, reason }), false);

  const account = (piece: Piece): void => {
    inFlight.push(piece);
    bytesInFlight += piece.bytes;
    written[piece.log] = piece.seq;
    for (let first = inFlight[0]; first && bytesInFlight > windowBytes; first = inFlight[0]) {
      resume[first.log] = first.seq;
      bytesInFlight -= first.bytes;
      inFlight.shift();
    }
  };

  /** Gives the bytes sent. */
  const round = async (): Promise<number> => {
    const frames: Buffer[] = [];
    for (const log of order) {
      // What is sent is about twice what is stored.
      const { records, reached } = await logs[log].read(written[log], roundBytes / 2);
      for (const record of records) {
        const frame = frameOf(log, record, device);
        frames.push(frame);
        account({ log, seq: record.seq, bytes: frame.length });
      }
      written[log] = Math.max(written[log], reached);
    }
    if (frames.length === 0 || over) return 0;
    const bytes = Buffer.concat(frames);
    await write(socket, bytes);
    for (const log of order) logs[log].sent(written[log]);
    return bytes.length;
  };

  /** False when the other machine takes nothing. */
  const taken = async (allBut: number): Promise<boolean> => {
    for (let waited = 0, pause = 1; (unacknowledgedOf(socket) ?? 0) > allBut && !over; ) {
      if (waited > deafMs) return false;
      await sleep(pause);
      waited += pause;
      pause = Math.min(pause * 2, 50);
    }
    return true;
  };

  const run = async (): Promise<void> => {
    while (!over) {
      let again = false;
      const pause = new Promise<void>((resolve) => {
        woken = () => {
          again = true;
          resolve();
        };
      });
      const started = performance.now();
      const bytes = await round();
      if (bytes > 0) {
        // In a stream the last answer of a round comes late (delayed ACK), and the next round need not wait for it.
        if (!(await taken(bytes > roundBytes / 2 ? roundBytes : 0)))
          return finish(fault('timed-out', { address }), false);
        if (over) return;
        moved({ ...resume });
        const restMs = started + roundMs - performance.now();
        if (restMs > 0) await sleep(restMs);
      } else if (leaving) return;
      else if (!again) await pause;
    }
  };

  socket.setKeepAlive(true, keepAliveMs);
  socket.on('error', (error) => finish(faultOfSocket(error, address, withIdentity), false));
  socket.on('end', () => (leaving ? undefined : lost('connection closed')));
  socket.on('close', () => (leaving ? finish(null, true) : lost('connection closed')));
  // A log server says nothing; what it says is not kept.
  socket.resume();
  const running = run().catch((error: unknown) =>
    finish(fault('internal', { what: String(error).slice(0, 200) }), false),
  );
  return {
    wake: () => woken(),
    stop: () => finish(null, false),
    leave: async (limitMs) => {
      if (over) return;
      leaving = true;
      woken();
      const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
      const timer = setTimeout(() => lost('no answer'), limitMs);
      await Promise.race([running, closed]);
      socket.end();
      await closed;
      clearTimeout(timer);
    },
  };
}

/** Answers when the kernel has all of it, or the connection is gone. */
const write = (socket: TLSSocket, bytes: Buffer): Promise<void> =>
  new Promise((resolve) => {
    const gone = (): void => resolve();
    socket.once('close', gone);
    socket.write(bytes, () => {
      socket.off('close', gone);
      resolve();
    });
  });

const sleep = (inMs: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, inMs));
