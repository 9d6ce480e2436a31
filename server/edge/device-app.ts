/**
 * The HTTP machinery of the listeners for devices: bounds, refusals on record, faults as bodies. What is answered, and who a
 * request is from, the listener says.
 */
import fastify, { type FastifyError, type FastifyReply, type FastifyRequest } from 'fastify';
import { type Fault, type FaultCode, fault, type Result } from '../../protocol/fault.ts';
import type { Clock, Fleet, ListenerTls, Log, RenewalProof } from '../core/ports.ts';
import type { Attempts } from './attempts.ts';
import { type Binds, originOf, type Route } from './device-route.ts';
import { answerInKind } from './http-version.ts';
import { type Bounds, boundConnections, contextOptions, defaultBounds, handshakeTimeoutMs } from './listener.ts';

export type DeviceHttp = {
  readonly port: number;
  /** New connections are served with this certificate; the ones that stand stay. */
  readonly setTls: (tls: ListenerTls) => Promise<void>;
  /** Open requests are cut off. */
  readonly close: () => Promise<void>;
};
export type ListenOptions = {
  readonly fleet: Fleet;
  readonly tls: ListenerTls;
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly bounds?: Bounds;
};
/** A stranger showed nothing of ours; what is recorded needs no second row. */
export type Caller = Result<string> & {
  readonly stranger: boolean;
  readonly recorded?: true;
  readonly proof?: RenewalProof;
};
export type Serving = {
  readonly routes: readonly (Route & { readonly limited?: true })[];
  /** A client certificate is asked for, and not required. */
  readonly asksForCertificate: boolean;
  /** Before anything else of a request; a fault ends it. */
  readonly gate: (request: FastifyRequest) => Promise<Result<null>>;
  /** Who asks, for the routes that need an identity. */
  readonly identify: (request: FastifyRequest, needed: 'current' | 'renewable', binds: Binds | null) => Promise<Caller>;
  /** Bounds failures at `limited` routes. Who shows what is right is let in however many others of the address fail. */
  readonly attempts: Attempts;
};

/** Refuses what the fleet does not hear of, and has it recorded. */
type Deny = (reply: FastifyReply, refusal: Fault) => Promise<FastifyReply>;

const maxHeaderBytes = 8 * 1024;
const maxSmallBytes = 1024;
const headersTimeoutMs = 10_000;
const requestTimeoutMs = 60_000;
const idleTimeoutMs = 30_000;
const checkEveryMs = 5_000;

/** Where a fault has a status of its own; the others follow from their kind. */
const statuses: Partial<Readonly<Record<FaultCode, number>>> = {
  // RFC 7030 §4.2.3: with a time to come again.
  'enrolment-pending': 202,
  'invitation-refused': 401,
  'token-refused': 401,
  'identity-refused': 403,
  'identity-retired': 403,
  'renewal-not-ordered': 403,
  'too-many-devices': 403,
  'not-registered': 403,
  'mutual-required': 403,
  'endpoint-disabled': 403,
  'front-end-unknown': 403,
  'not-found': 404,
  'method-not-allowed': 405,
  'already-registered': 409,
  'too-large': 413,
};
/** Of what may be tried again, what is on record too. */
const recorded: ReadonlySet<FaultCode> = new Set<FaultCode>(['identity-refused', 'renewal-not-ordered', 'busy']);
const kindStatuses = { rejected: 400, unavailable: 503, broken: 500 } as const;

/** Listens; rejects where the port cannot be had. */
export async function serveRoutes(options: ListenOptions, serving: Serving): Promise<DeviceHttp> {
  const { fleet, host, port, log } = options;
  const { routes, gate, identify, attempts } = serving;
  const devices = new WeakMap<FastifyRequest, string>();
  const proofs = new WeakMap<FastifyRequest, RenewalProof>();
  const deny: Deny = async (reply, refusal) => {
    const { request } = reply;
    const device = devices.get(request) ?? null;
    if (refusal.kind === 'rejected' || recorded.has(refusal.code))
      await fleet.refused(device, ...originOf(request, refusal));
    return sendFault(reply, refusal, log);
  };
  const waits = (reply: FastifyReply) => sendFault(reply.status(429).header('Retry-After', '60'), fault('busy'), log);
  const app = makeApp(options, serving, deny);
  const connections = boundConnections(app.server, options.bounds ?? defaultBounds, log);

  app.addHook('onRequest', async (request, reply) => {
    const passed = await gate(request);
    if (!passed.ok) return deny(reply, passed.fault);
  });
  for (const { method, url, bodyLimit = maxSmallBytes, identity, binds = null, limited, answer } of routes)
    app.route({
      method,
      url,
      bodyLimit,
      onRequest: async (request, reply) => {
        if (identity === 'none') return;
        const device = await identify(request, identity, binds);
        if (device.proof) proofs.set(request, device.proof);
        if (!device.ok) {
          if (limited && !attempts.mayFail(request.ip)) return waits(reply);
          if (device.recorded) return sendFault(reply, device.fault, log);
          return deny(device.stranger ? reply.status(401) : reply, device.fault);
        }
        devices.set(request, device.value);
      },
      handler: async (request, reply) => {
        const answered = await answer(request, reply, devices.get(request) ?? '', proofs.get(request) ?? null);
        if (!answered.ok) {
          const failed = limited && statuses[answered.fault.code] === 401;
          if (failed && !attempts.mayFail(request.ip)) return waits(reply);
          return sendFault(reply, answered.fault, log);
        }
        return answered.value === null ? reply.status(204).send() : reply.send(answered.value);
      },
    });

  app.setNotFoundHandler((request, reply) => {
    const allowed = routes.filter(({ url }) => url === request.url.split('?')[0]).map(({ method }) => method);
    if (allowed.length === 0) return deny(reply, fault('not-found'));
    return deny(reply.header('Allow', allowed.join(', ')), fault('method-not-allowed'));
  });

  await app.listen({ host, port });
  const bound = app.server.address();
  return {
    port: typeof bound === 'object' && bound ? bound.port : port,
    setTls: async (next) => app.server.setSecureContext(contextOptions(next)),
    close: async () => {
      const closed = app.close();
      connections.end();
      await closed;
    },
  };
}

function makeApp({ fleet, log, tls }: ListenOptions, { asksForCertificate }: Serving, deny: Deny) {
  const app = fastify({
    https: {
      ...contextOptions(tls),
      requestCert: asksForCertificate,
      rejectUnauthorized: false,
      handshakeTimeout: handshakeTimeoutMs,
      maxHeaderSize: maxHeaderBytes,
      headersTimeout: headersTimeoutMs,
      connectionsCheckingInterval: checkEveryMs,
    },
    requestTimeout: requestTimeoutMs,
    handlerTimeout: requestTimeoutMs,
    keepAliveTimeout: idleTimeoutMs,
    exposeHeadRoutes: false,
    forceCloseConnections: true,
    logger: false,
    clientErrorHandler: ({ code }, socket) => {
      const tooLarge = code === 'HPE_HEADER_OVERFLOW';
      const why = tooLarge ? fault('too-large', { limit: maxHeaderBytes }) : fault('bad-shape', { what: 'http' });
      const from = socket.remoteAddress ?? '';
      if (code.startsWith('HPE_')) void fleet.refused(null, 'HTTP', fault(why.code, { ...why.facts, from }));
      if (socket.writable) socket.end(rawAnswer(why));
      else socket.destroy();
    },
    frameworkErrors: (_error, _request, reply) => deny(reply, fault('bad-argument', { what: 'address' })),
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.addHook('onRequest', async (request) => answerInKind(request.raw));
  app.addHook('onSend', async (_request, reply) => {
    reply.header('Cache-Control', 'no-store');
  });
  app.setErrorHandler((error, _request, reply) => {
    const { statusCode = 500, code = '' } = error as FastifyError;
    if (statusCode === 413) return deny(reply, fault('too-large'));
    if (code === 'FST_ERR_HANDLER_TIMEOUT') return sendFault(reply, fault('timed-out'), log);
    if (statusCode < 500) return deny(reply, fault('bad-argument', { what: 'request' }));
    log('error', 'request failed', { reason: String(error).slice(0, 300) });
    return sendFault(reply, fault('internal'), log);
  });
  return app;
}

/** A status already set stays. What is broken inside is ours to know, not the device's. */
function sendFault(reply: FastifyReply, refusal: Fault, log: Log): FastifyReply {
  const told = refusal.kind === 'broken' ? fault('internal') : refusal;
  if (told !== refusal) log('error', 'request failed', { ...refusal.facts, code: refusal.code });
  else log('info', 'request refused', { ...refusal.facts, code: refusal.code });
  const status = reply.statusCode === 200 ? (statuses[told.code] ?? kindStatuses[told.kind]) : reply.statusCode;
  if (status === 202) reply.header('Retry-After', '60');
  if (status === 401) reply.header('WWW-Authenticate', challengeOf(told.code));
  return reply.status(status).type('application/json; charset=utf-8').send(told);
}

/** RFC 7617 §2, RFC 6750 §3. */
const challengeOf = (code: FaultCode): string =>
  code === 'token-refused'
    ? 'Bearer realm="thintrust", error="invalid_token"'
    : 'Basic realm="thintrust enrolment", charset="UTF-8"';

/** What is no HTTP gets its answer by hand. */
function rawAnswer(why: Fault): string {
  const body = JSON.stringify(why);
  const status = why.code === 'too-large' ? '431 Request Header Fields Too Large' : '400 Bad Request';
  const headers = `Connection: close\r\nContent-Type: application/json\r\nContent-Length: ${body.length}`;
  return `HTTP/1.1 ${status}\r\n${headers}\r\n\r\n${body}`;
}
