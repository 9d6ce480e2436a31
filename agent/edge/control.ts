/**
 * The control API: HTTP/1.1 with JSON below `/api/v1` on two Unix sockets. Rights follow the socket: whoever can open the
 * console socket may change things, the read socket only shows. A request becomes an `asked` event; the core's `answer`
 * ends it.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { bad, type Fault, fault, type Result } from '../../protocol/fault.ts';
import { maxControlBytes } from '../../protocol/limits.ts';
import type { Status } from '../../protocol/local.ts';
import { read } from '../../protocol/validate.ts';
import type { Ask, Happening, Reply, Socket } from '../core/shape.ts';
import { readBody } from './body.ts';
import type { Listening } from './sockets.ts';

export type Control = {
  readonly show: (status: Status) => void;
  readonly answer: (request: number, result: Result<Reply>) => void;
  readonly close: () => Promise<void>;
};
export type ControlOrder = {
  readonly sockets: readonly (Listening & { readonly right: Socket })[];
  readonly emit: (happening: Happening) => void;
};

type Call = { readonly right: Socket; readonly request: IncomingMessage; readonly response: ServerResponse };
type Route = { readonly method: 'GET' | 'POST'; readonly run: (call: Call) => void | Promise<void> };
/** Refuses what never becomes a question to the core. */
type Deny = (call: Call, why: Fault) => void;

const root = '/api/v1';
const heartbeatMs = 15_000;
/** A registration is answered when its last call has been. */
const answerTimeoutMs = 120_000;
const requestTimeoutMs = 10_000;
const maxConnections = 64;
const maxRequests = 16;
/** A listener that does not read is closed: it would keep every status in our memory. */
const maxUnreadBytes = 2 * 1024 * 1024;

/** Serves until `close`. Throws when a socket cannot be listened on. */
export async function openControl({ sockets, emit }: ControlOrder): Promise<Control> {
  let latest: string | null = null;
  let certificates = '[]';
  let requests = 0;
  const listeners = new Set<ServerResponse>();
  const waiting = new Map<number, (result: Result<Reply>) => void>();
  /** Refusals the core has not heard yet; what comes faster than it can hear is not on record. */
  const unheard = new Set<number>();

  const push = (listener: ServerResponse, text: string): void => {
    listener.write(text);
    if (listener.writableLength > maxUnreadBytes) listener.destroy();
  };
  const tell = (socket: Socket, why: Fault): void => {
    if (unheard.size >= maxRequests) return;
    const request = ++requests;
    unheard.add(request);
    emit({ type: 'asked', request, ask: { do: 'record', socket, fault: why } });
  };
  const deny: Deny = ({ response, right }, why) => {
    refuse(response, why);
    tell(right, why);
  };
  const ask = (call: Call, status: number, what: Ask): void => {
    if (waiting.size >= maxRequests) {
      refuse(call.response, fault('busy'));
      return;
    }
    const request = ++requests;
    const finish = (result: Result<Reply>): void => {
      clearTimeout(timer);
      waiting.delete(request);
      if (result.ok) send(call.response, status, result.value ? JSON.stringify(result.value) : (latest ?? '{}'));
      else refuse(call.response, result.fault);
    };
    const timer = setTimeout(() => finish(bad('timed-out', { address: '' })), answerTimeoutMs);
    waiting.set(request, finish);
    emit({ type: 'asked', request, ask: what });
  };

  const routes: Readonly<Record<string, Route>> = {
    '/status': {
      method: 'GET',
      run: ({ response }) => (latest === null ? refuse(response, fault('busy')) : send(response, 200, latest)),
    },
    '/certificates': { method: 'GET', run: ({ response }) => send(response, 200, certificates) },
    '/changes': {
      method: 'GET',
      run: ({ response }) => {
        response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
        response.flushHeaders();
        listeners.add(response);
        response.on('close', () => listeners.delete(response));
        if (latest !== null) push(response, `data: ${latest}\n\n`);
      },
    },
    '/register': {
      method: 'POST',
      run: async (call) => {
        const body = await bodyOf(call.request);
        const order = body.ok ? read('registerRequest', body.value, maxControlBytes) : body;
        if (order.ok) ask(call, 202, { do: 'register', order: order.value });
        else deny(call, order.fault);
      },
    },
    '/code': {
      method: 'POST',
      run: async (call) => {
        const body = await bodyOf(call.request);
        const typed = body.ok ? read('codeRequest', body.value, maxControlBytes) : body;
        if (typed.ok) ask(call, 200, { do: 'code', code: typed.value.code });
        else deny(call, typed.fault);
      },
    },
  };

  const servers: Server[] = [];
  for (const socket of sockets) {
    const server = createServer({ requestTimeout: requestTimeoutMs, headersTimeout: requestTimeoutMs });
    server.maxConnections = maxConnections;
    server.on('request', (request, response) => serve(routes, deny, { right: socket.right, request, response }));
    server.on('clientError', ({ code = '' }: NodeJS.ErrnoException, client) => {
      client.destroy();
      if (code === 'HPE_HEADER_OVERFLOW') tell(socket.right, fault('too-large', { what: 'headers' }));
      else if (code.startsWith('HPE_')) tell(socket.right, fault('bad-shape', { what: 'http' }));
    });
    await socket.listen(server);
    servers.push(server);
  }
  const heartbeat = setInterval(() => {
    for (const listener of listeners) push(listener, ': still here\n\n');
  }, heartbeatMs);
  heartbeat.unref();

  return {
    show: (status) => {
      const text = JSON.stringify(status);
      if (text === latest) return;
      latest = text;
      certificates = JSON.stringify(status.certificates);
      for (const listener of listeners) push(listener, `data: ${text}\n\n`);
    },
    answer: (request, result) => {
      if (!unheard.delete(request)) waiting.get(request)?.(result);
    },
    close: async () => {
      clearInterval(heartbeat);
      for (const finish of [...waiting.values()]) finish(bad('busy'));
      for (const listener of listeners) listener.end();
      await Promise.all(servers.map(closeServer));
    },
  };
}

/** HTTP status of a fault. */
export function statusOf({ code, kind }: Fault): number {
  if (code === 'not-found') return 404;
  if (code === 'method-not-allowed') return 405;
  if (code === 'not-allowed') return 403;
  if (code === 'too-large') return 413;
  if (code === 'code-locked') return 429;
  if (code === 'already-registered' || code === 'not-registered' || code === 'code-not-asked') return 409;
  return kind === 'rejected' ? 400 : kind === 'unavailable' ? 503 : 500;
}

async function serve(routes: Readonly<Record<string, Route>>, deny: Deny, call: Call): Promise<void> {
  const { request, response, right } = call;
  request.on('error', () => response.destroy());
  response.on('error', () => response.destroy());
  const url = request.url ?? '';
  const path = url.split('?', 1)[0] ?? '';
  const name = path.startsWith(root) ? path.slice(root.length) : '';
  const route = Object.hasOwn(routes, name) ? routes[name] : undefined;
  if (!route) return deny(call, fault('not-found', { what: path.slice(0, 100) }));
  if (request.method !== route.method) return deny(call, fault('method-not-allowed', { what: name.slice(1) }));
  if (route.method === 'POST' && right !== 'console') return deny(call, fault('not-allowed', { what: name.slice(1) }));
  try {
    await route.run(call);
  } catch {
    response.destroy();
  }
}

async function bodyOf(request: IncomingMessage): Promise<Result<Uint8Array>> {
  const declared = Number(request.headers['content-length'] ?? 0);
  return declared > maxControlBytes
    ? bad('too-large', { bytes: declared, limit: maxControlBytes })
    : readBody(request, maxControlBytes);
}

function send(response: ServerResponse, status: number, json: string): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(json),
    'Cache-Control': 'no-store',
  });
  response.end(json);
}

/** An unread body is not waited for: the connection ends with the answer. */
function refuse(response: ServerResponse, why: Fault): void {
  if (!response.headersSent) response.setHeader('Connection', 'close');
  send(response, statusOf(why), JSON.stringify(why));
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
