/**
 * One HTTP request over a judged TLS connection (`tls.ts`), bounded in size and time. Node's parser reads HTTP/1.0 and
 * 1.1, chunked and ended by close. Redirects are not followed: another place is not what was judged.
 */
import { type IncomingMessage, request } from 'node:http';
import type { Socket } from 'node:net';
import { bad, type Fault, fault, good, type Result, readFault } from '../../protocol/fault.ts';
import { readBody } from './body.ts';
import { faultOfSocket, openTls, type TlsOrder } from './tls.ts';

export type HttpQuestion = {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers: { readonly [name: string]: string };
  readonly body: string | Uint8Array | null;
  readonly maxBytes: number;
};
export type HttpOrder = Omit<TlsOrder, 'timeoutMs'> &
  HttpQuestion & {
    /** For everything together, the TLS handshake included. */
    readonly timeoutMs: number;
  };
export type HttpAnswer = {
  readonly status: number;
  readonly type: string;
  readonly body: Uint8Array;
  /** Of the certificate the server proved. */
  readonly fingerprint: string;
};
export type PlainAnswer = Omit<HttpAnswer, 'fingerprint'>;
export type HttpOutcome =
  | { readonly at: 'answered'; readonly answer: HttpAnswer }
  | { readonly at: 'presented'; readonly der: string }
  | { readonly at: 'failed'; readonly fault: Fault };

/** Faults: those of `openTls`, `too-large`, `timed-out`, `server-answer`, `server-refused`. Never throws. */
export async function exchange(order: HttpOrder): Promise<HttpOutcome> {
  const started = performance.now();
  const opened = await openTls(order);
  if (opened.at !== 'open') return opened;
  const leftMs = Math.max(1, order.timeoutMs - (performance.now() - started));
  const answered = await ask(order, opened.socket, leftMs);
  opened.socket.destroy();
  if (!answered.ok) return { at: 'failed', fault: answered.fault };
  return { at: 'answered', answer: { ...answered.value, fingerprint: opened.fingerprint } };
}

/**
 * The fault a server named in its body (`{code, kind, facts}`), else `server-answer` with the status. A server may not
 * tell us that our own disk is broken: such codes count as `server-answer` too.
 */
export function faultOfAnswer(answer: Pick<HttpAnswer, 'status' | 'body'>): Fault {
  const unknown = fault('server-answer', { status: answer.status });
  try {
    const named = readFault(JSON.parse(Buffer.from(answer.body).toString('utf8')));
    return named && named.kind !== 'broken' ? fault(named.code, { status: answer.status }) : unknown;
  } catch {
    return unknown;
  }
}

/** One request over an open connection, which ends with it. Faults: as `exchange`. Never throws. */
export function ask(
  order: HttpQuestion & Pick<TlsOrder, 'address' | 'credentials'>,
  socket: Socket,
  timeoutMs: number,
): Promise<Result<PlainAnswer>> {
  const { address, body, headers, method, path } = order;
  return new Promise((resolve) => {
    const finish = (result: Result<PlainAnswer>): void => {
      clearTimeout(timer);
      resolve(result);
    };
    const outgoing = request({
      createConnection: () => socket,
      method,
      path,
      maxHeaderSize: 16 * 1024,
      headers: {
        ...headers,
        Host: address,
        Connection: 'close',
        ...(body === null ? {} : { 'Content-Length': Buffer.byteLength(body) }),
      },
    });
    const timer = setTimeout(() => finish(bad('timed-out', { address })), timeoutMs);
    outgoing.on('error', (error) => finish({ ok: false, fault: faultOfExchange(error, order) }));
    outgoing.on('response', (response) => {
      collect(response, order.maxBytes).then(
        (read) => finish(read),
        (error) => finish({ ok: false, fault: faultOfExchange(error, order) }),
      );
    });
    outgoing.end(body ?? undefined);
  });
}

async function collect(response: IncomingMessage, limit: number): Promise<Result<PlainAnswer>> {
  const body = await readBody(response, limit);
  if (!body.ok) return body;
  return good({ status: response.statusCode ?? 0, type: response.headers['content-type'] ?? '', body: body.value });
}

function faultOfExchange(error: Error, order: Pick<TlsOrder, 'address' | 'credentials'>): Fault {
  const code = 'code' in error ? String(error.code) : '';
  if (code.startsWith('HPE_')) return fault('server-answer', { status: code });
  return faultOfSocket(error, order.address, order.credentials !== null);
}
