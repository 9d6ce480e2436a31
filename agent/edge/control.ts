/**
 * The control API: HTTP/1.1 with JSON below `/api/v1` on two Unix sockets. Rights follow the socket: whoever can open the
 * console socket may change things, the read socket only shows. A request becomes an `asked` event; the core's `answer`
 * ends it.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { bad, type Fault, fault, type Result } from '../../protocol/fault.ts';
import type { LogPage, Status } from '../../protocol/local.ts';
import { metricsType } from '../../protocol/open-metrics.ts';
import { metricsOf } from '../core/metrics.ts';
import type { Happening, Reply, Socket } from '../core/shape.ts';
import { bodyOf, refuse, send } from './answers.ts';
import type { Media } from './media.ts';
import { type LogQuery, type Question, questions, readLogQuery, type Wish } from './routes.ts';
import type { Secrets } from './secrets.ts';
import type { Listening } from './sockets.ts';

export type Control = {
  readonly show: (status: Status) => void;
  readonly answer: (request: number, result: Result<Reply>) => void;
  readonly close: () => Promise<void>;
};
export type ControlOrder = {
  readonly sockets: readonly (Listening & { readonly right: Socket })[];
  readonly emit: (happening: Happening) => void;
  readonly secrets: Secrets;
  /** The event log, newest first. */
  readonly log: (query: LogQuery) => Promise<LogPage>;
  readonly media: Media;
};

type Call = { readonly right: Socket; readonly request: IncomingMessage; readonly response: ServerResponse };
type Run = (call: Call) => void | Promise<void>;
type Route = { readonly method: 'GET' | 'POST'; readonly run: Run };
type Routes = Readonly<Record<string, Route>>;
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
export async function openControl({ sockets, emit, secrets, log, media }: ControlOrder): Promise<Control> {
  let latest: string | null = null;
  let current: Status | null = null;
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
  const ask = (call: Call, status: number, { ask: what, password }: Wish): void => {
    if (waiting.size >= maxRequests) {
      refuse(call.response, fault('busy'));
      return;
    }
    const request = ++requests;
    const finish = (result: Result<Reply>): void => {
      clearTimeout(timer);
      waiting.delete(request);
      // No launch follows, so nobody else takes it.
      if (!startsSession(result)) secrets.take(request);
      if (result.ok) send(call.response, status, result.value ? JSON.stringify(result.value) : (latest ?? '{}'));
      else refuse(call.response, result.fault);
    };
    const timer = setTimeout(() => finish(bad('timed-out', { address: '' })), answerTimeoutMs);
    waiting.set(request, finish);
    if (password !== null) secrets.keep(request, password);
    emit({ type: 'asked', request, ask: what });
  };

  const get = (run: Run): Route => ({ method: 'GET', run });
  const post = ({ maxBytes, status, read }: Question): Route => ({
    method: 'POST',
    run: async (call) => {
      const body = await bodyOf(call.request, maxBytes);
      const wish = body.ok ? await read(body.value, media) : body;
      if (wish.ok) ask(call, status, wish.value);
      else deny(call, wish.fault);
    },
  });
  const routes: Routes = {
    '/status': get(({ response }) => (latest === null ? refuse(response, fault('busy')) : send(response, 200, latest))),
    '/metrics': get(({ response }) =>
      current === null ? refuse(response, fault('busy')) : send(response, 200, metricsOf(current), metricsType),
    ),
    '/certificates': get(({ response }) => send(response, 200, certificates)),
    '/changes': get(({ response }) => {
      response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
      response.flushHeaders();
      listeners.add(response);
      response.on('close', () => listeners.delete(response));
      if (latest !== null) push(response, `data: ${latest}\n\n`);
    }),
    '/log': get(async (call) => {
      const query = readLogQuery(call.request.url ?? '');
      if (query.ok) send(call.response, 200, JSON.stringify(await log(query.value)));
      else deny(call, query.fault);
    }),
    '/media': get(async ({ response }) => send(response, 200, JSON.stringify(await media.list()))),
    ...Object.fromEntries(Object.entries(questions).map(([path, question]) => [path, post(question)])),
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
      current = status;
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

const startsSession = (result: Result<Reply>): boolean =>
  result.ok && result.value !== null && 'at' in result.value && result.value.at === 'started';

async function serve(routes: Routes, deny: Deny, call: Call): Promise<void> {
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

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
