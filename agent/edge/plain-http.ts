/** One HTTP request without TLS, bounded in size and time: for SCEP, whose messages are sealed and signed themselves. */
import { connect } from 'node:net';
import { bad, type Result } from '../../protocol/fault.ts';
import { ask, type HttpQuestion, type PlainAnswer } from './https.ts';
import { faultOfSocket, parseAddress } from './tls.ts';

export type PlainOrder = HttpQuestion & {
  /** `host:port`; a literal IPv6 host stands in brackets. */
  readonly address: string;
  /** For everything together. */
  readonly timeoutMs: number;
};

/** Whatever status it has. Faults: `bad-argument`, `server-unreachable`, and those of `exchange`. Never throws. */
export async function exchangePlainly(order: PlainOrder): Promise<Result<PlainAnswer>> {
  const { address, timeoutMs } = order;
  const place = parseAddress(address);
  if (!place) return bad('bad-argument', { what: 'address' });
  const started = performance.now();
  const socket = connect(place);
  const opened = await new Promise<Result<null>>((resolve) => {
    const finish = (result: Result<null>): void => {
      clearTimeout(timer);
      resolve(result);
    };
    const timer = setTimeout(() => finish(bad('timed-out', { address })), timeoutMs);
    // Stays on the socket: an error that nobody listens to would end the process.
    socket.on('error', (error) => finish({ ok: false, fault: faultOfSocket(error, address, false) }));
    socket.once('connect', () => finish({ ok: true, value: null }));
  });
  const leftMs = Math.max(1, timeoutMs - (performance.now() - started));
  const answer = opened.ok ? await ask({ ...order, credentials: null }, socket, leftMs) : opened;
  socket.destroy();
  return answer;
}
