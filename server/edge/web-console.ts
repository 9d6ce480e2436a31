/**
 * The Web Console's HTTPS: its pages, sessions, and the administration API for who is signed in or has a token. Whoever
 * is neither is refused before a body is read.
 */
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { bad, type Fault, fault, good, type Result } from '../../protocol/fault.ts';
import { rightsOf } from '../core/permission.ts';
import type { ListenerTls } from '../core/ports.ts';
import {
  csrfHeader,
  isOurs,
  isReading,
  pollHeader,
  sameText,
  sessionCookie,
  writeCookie,
} from '../core/web-request.ts';
import { findAccount, rolesOf } from './accounts.ts';
import { addRoutes, answerErrors, apiPath, type Caller, checkShapes, clientErrors, denial } from './admin-door.ts';
import { makeAttempts } from './attempts.ts';
import type { Server } from './context.ts';
import { type Bounds, boundConnections, contextOptions, handshakeTimeoutMs } from './listener.ts';
import { makeLockouts } from './lockouts.ts';
import { maxBodyBytes } from './problem.ts';
import { recordLock } from './refusals.ts';
import { type SessionRoute, sessionRoutes } from './session-routes.ts';
import { makeSessions } from './sessions.ts';
import type { Desk, SignedIn } from './sign-in.ts';
import { bearerRights } from './tokens.ts';
import { makePasswordDoor } from './user-passwords.ts';
import { readWebFiles, type WebFiles, webDirectory } from './web-files.ts';

export type WebConsole = {
  readonly port: number;
  /** New connections are served with this certificate; the ones that stand stay. */
  readonly setTls: (tls: ListenerTls) => Promise<void>;
  readonly close: () => Promise<void>;
};
export type WebConsoleOptions = {
  readonly server: Server;
  readonly publish: () => Promise<void>;
  readonly tls: ListenerTls;
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Where the built pages lie. */
  readonly pages?: string;
  readonly bounds?: Bounds;
  readonly headersTimeoutMs?: number;
};
/** Who a request is from: what he may do, and the session where it is one. */
type Visitor = Caller & { readonly signedIn: SignedIn | null };

const webBounds: Bounds = { maxConnections: 1000, maxHandshakes: 200, maxOfAddress: 100 };
const maxSmallBytes = 4 * 1024;
const maxHeaderBytes = 16 * 1024;
const usualHeadersTimeoutMs = 10_000;
const requestTimeoutMs = 60_000;
const idleTimeoutMs = 30_000;
const stranger = 'stranger';
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; " +
  "form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
const headers = {
  'Content-Security-Policy': policy,
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
};

/** Listens; rejects where the port cannot be had. */
export async function serveWebConsole(options: WebConsoleOptions): Promise<WebConsole> {
  const { server, publish, tls, host, port, headersTimeoutMs: headersTimeout = usualHeadersTimeoutMs } = options;
  const { clock, log } = server;
  const visitors = new WeakMap<FastifyRequest, Visitor>();
  const desk: Desk = {
    server,
    sessions: makeSessions(clock),
    door: makePasswordDoor(clock, (locked) => void recordLock(server, 'account-locked', locked)),
    codes: makeLockouts(clock, (locked) => void recordLock(server, 'account-locked', locked)),
    attempts: makeAttempts(clock),
  };
  const deny = denial(server, (request) => visitors.get(request)?.actor ?? stranger);
  const app: FastifyInstance = fastify({
    https: {
      ...contextOptions(tls),
      handshakeTimeout: handshakeTimeoutMs,
      maxHeaderSize: maxHeaderBytes,
      headersTimeout,
      connectionsCheckingInterval: headersTimeout / 2,
    },
    bodyLimit: maxBodyBytes,
    requestTimeout: requestTimeoutMs,
    keepAliveTimeout: idleTimeoutMs,
    exposeHeadRoutes: false,
    forceCloseConnections: true,
    frameworkErrors: (_error: unknown, _request: FastifyRequest, reply: FastifyReply) =>
      deny(reply, fault('bad-shape', { what: 'url' })),
    clientErrorHandler: clientErrors(server, stranger),
  }) as unknown as FastifyInstance;
  checkShapes(app);
  answerErrors(app, server, deny);
  app.addHook('onSend', async (request, reply) => {
    reply.headers(headers);
    if (request.url.startsWith('/api/')) reply.header('Cache-Control', 'no-store');
  });
  const open = new Set(sessionRoutes.filter((route) => route.open).map(({ method, url }) => `${method} ${url}`));
  app.addHook('onRequest', async (request, reply) => {
    const { url } = request.routeOptions;
    if (!url?.startsWith(apiPath)) return;
    const visitor = await visit(desk, request, open.has(`${request.method} ${url.slice(apiPath.length)}`));
    // What else comes of the request is not read.
    if (!visitor.ok)
      return deny(isReading(request.method) ? reply : reply.header('Connection', 'close'), visitor.fault);
    if (visitor.value) visitors.set(request, visitor.value);
  });
  addRoutes(app, {
    server,
    publish,
    deny,
    callerOf: (request) => visitors.get(request) ?? { actor: stranger, rights: new Set() },
  });
  for (const route of sessionRoutes)
    addSessionRoute(app, desk, route, deny, (request) => visitors.get(request)?.signedIn ?? null);
  servePages(app, readWebFiles(options.pages ?? webDirectory()), deny);
  const connections = boundConnections(app.server as never, options.bounds ?? webBounds, log);
  await app.listen({ host, port });
  const bound = app.server.address();
  return {
    port: typeof bound === 'object' && bound ? bound.port : port,
    setTls: async (next) => (app.server as never as import('node:tls').Server).setSecureContext(contextOptions(next)),
    close: async () => {
      const closed = app.close();
      connections.end();
      await closed;
    },
  };
}

/** Null for whoever comes where all may. Faults: `request-forged`, `session-needed`, `api-token-refused`, `sign-in-locked`. */
async function visit(desk: Desk, request: FastifyRequest, isOpen: boolean): Promise<Result<Visitor | null>> {
  const { server, sessions, attempts } = desk;
  const { headers: given, method, ip } = request;
  if (given.authorization !== undefined && !isOpen) {
    const token = await bearerRights(server, given.authorization);
    if (token.ok) return good({ ...token.value, signedIn: null });
    return attempts.mayFail(ip) ? token : bad('sign-in-locked');
  }
  if (!isOurs(method, given)) return bad('request-forged');
  const cookie = sessionCookie(given.cookie);
  const session = cookie === null ? null : sessions.find(cookie, given[pollHeader] === undefined);
  const account = session ? await findAccount(server.db, session.account) : null;
  const row = account?.ok ? account.value : null;
  if (!session || !row || row.disabled_at !== null || row.password !== session.password) {
    if (session && cookie !== null) sessions.end(cookie);
    return isOpen ? good(null) : bad('session-needed');
  }
  const signedIn = { account: row, session };
  if (!isOpen && !isReading(method) && !sameText(given[csrfHeader], session.csrf)) return bad('request-forged');
  return good({ actor: row.name, rights: rightsOf(rolesOf(row)), signedIn });
}

function addSessionRoute(
  app: FastifyInstance,
  desk: Desk,
  { method, url, body, run }: SessionRoute,
  deny: (reply: FastifyReply, found: Fault) => Promise<FastifyReply>,
  signedInOf: (request: FastifyRequest) => SignedIn | null,
): void {
  app.route({
    method,
    url: `${apiPath}${url}`,
    bodyLimit: maxSmallBytes,
    schema: body ? { body } : {},
    handler: async (request, reply) => {
      const answered = await run(desk, {
        body: request.body,
        from: request.ip,
        signedIn: signedInOf(request),
        cookie: sessionCookie(request.headers.cookie),
      });
      if (!answered.ok) return deny(reply, answered.fault);
      const { value, cookie } = answered.value;
      if (cookie !== undefined) reply.header('Set-Cookie', writeCookie(cookie ?? ''));
      return reply.send(value ?? {});
    },
  });
}

function servePages(
  app: FastifyInstance,
  files: WebFiles,
  deny: (reply: FastifyReply, found: Fault) => Promise<FastifyReply>,
): void {
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?', 1)[0] ?? '';
    const file = isReading(request.method) && !path.startsWith('/api/') ? files(path) : null;
    if (!file) return deny(reply, fault('not-found', { what: path.slice(0, 120) }));
    const accepts = /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''));
    reply.header('Content-Type', file.type).header('Cache-Control', file.cache).header('Vary', 'Accept-Encoding');
    if (file.gzip && accepts) return reply.header('Content-Encoding', 'gzip').send(file.gzip);
    return reply.send(file.content);
  });
}
