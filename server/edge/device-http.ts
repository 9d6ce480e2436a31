/**
 * HTTPS for devices: enrolment by EST (RFC 7030, base64 by RFC 8951), the registration bundle, and check-in, the carrier
 * of the same documents where MQTT is blocked, and signed statements for devices that missed changes of our certificate. A client certificate is asked for and not required; the routes that need
 * one refuse before they read a body. Every error body is a fault.
 */
import type { TLSSocket } from 'node:tls';
import fastify, { type FastifyError, type FastifyReply, type FastifyRequest } from 'fastify';
import { openEngine } from '../../native/engine.ts';
import { bad, type Fault, type FaultCode, fault, good, type Result } from '../../protocol/fault.ts';
import { maxEventBytes, maxReportBytes } from '../../protocol/limits.ts';
import type { Rotations } from '../../protocol/schema.ts';
import { read } from '../../protocol/validate.ts';
import type { Clock, Credentials, Fleet, ListenerTls, Log, RenewalProof } from '../core/ports.ts';
import { bodyOf, originOf, type Route } from './device-route.ts';
import { basicOf, estRoutes } from './est.ts';
import { answerInKind } from './http-version.ts';
import {
  type Bounds,
  boundConnections,
  certificatesIn,
  contextOptions,
  defaultBounds,
  handshakeTimeoutMs,
  proofOf,
  renewalProofOf,
} from './listener.ts';

export type DeviceHttp = {
  readonly port: number;
  /** New connections are served with this certificate; the ones that stand stay. */
  readonly setTls: (tls: ListenerTls) => Promise<void>;
  /** Open requests are cut off. */
  readonly close: () => Promise<void>;
};
export type DeviceHttpOptions = {
  readonly fleet: Fleet;
  readonly tls: ListenerTls;
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly bounds?: Bounds;
};

/** A stranger showed no certificate of ours; what is recorded needs no second row. */
type Caller = Result<string> & { readonly stranger: boolean; readonly recorded?: true };
/** Refuses what the fleet does not hear of, and has it recorded. */
type Deny = (reply: FastifyReply, refusal: Fault) => Promise<FastifyReply>;

const maxHeaderBytes = 8 * 1024;
const maxEventsPerCheckin = 256;
const maxCheckinBytes = maxReportBytes + maxEventsPerCheckin * maxEventBytes;
const maxSmallBytes = 1024;
const headersTimeoutMs = 10_000;
const requestTimeoutMs = 60_000;
const idleTimeoutMs = 30_000;
const checkEveryMs = 5_000;

/** Where a fault has a status of its own; the others follow from their kind. */
const statuses: Partial<Readonly<Record<FaultCode, number>>> = {
  'invitation-refused': 401,
  'identity-refused': 403,
  'identity-retired': 403,
  'not-registered': 403,
  'not-found': 404,
  'method-not-allowed': 405,
  'already-registered': 409,
  'too-large': 413,
};
const kindStatuses = { rejected: 400, unavailable: 503, broken: 500 } as const;

/** Listens; rejects where the port cannot be had. */
export async function serveDevices(options: DeviceHttpOptions): Promise<DeviceHttp> {
  const { fleet, host, port, clock, log } = options;
  const routes = routesOf(fleet);
  const devices = new WeakMap<FastifyRequest, string>();
  const proofs = new WeakMap<FastifyRequest, RenewalProof>();
  const { verifyPath } = openEngine();
  let authorities = certificatesIn(options.tls.clientAuthorities);
  const deny: Deny = async (reply, refusal) => {
    const { request } = reply;
    const device = devices.get(request) ?? null;
    if (refusal.kind === 'rejected' || refusal.code === 'identity-refused')
      await fleet.refused(device, ...originOf(request, refusal));
    return sendFault(reply, refusal, log);
  };
  /** With an invitation, whoever is not known yet is bound to a device by it. */
  const current = async (socket: TLSSocket, invited: Credentials | null): Promise<Caller> => {
    const proof = proofOf(socket, clock());
    if (!proof.ok) return { ...proof, stranger: true };
    const known = await fleet.deviceOf(proof.value);
    if (known.ok || !invited) return { ...known, stranger: false };
    return { ...(await fleet.bind(proof.value, invited)), stranger: false, recorded: true };
  };
  const renewable = async (socket: TLSSocket, request: FastifyRequest): Promise<Caller> => {
    const proof = renewalProofOf(socket, authorities, verifyPath);
    if (!proof.ok) return { ...proof, stranger: true };
    proofs.set(request, proof.value);
    return { ...(await fleet.mayRenew(proof.value)), stranger: false };
  };
  const app = makeApp(options, deny);
  const connections = boundConnections(app.server, options.bounds ?? defaultBounds, log);

  for (const { method, url, bodyLimit = maxSmallBytes, identity, binds = false, answer } of routes)
    app.route({
      method,
      url,
      bodyLimit,
      onRequest: async (request, reply) => {
        if (identity === 'none') return;
        const socket = request.raw.socket as TLSSocket;
        const invited = binds ? basicOf(request.headers.authorization) : null;
        const device = await (identity === 'current' ? current(socket, invited) : renewable(socket, request));
        if (!device.ok && device.recorded) return sendFault(reply, device.fault, log);
        if (!device.ok) return deny(device.stranger ? reply.status(401) : reply, device.fault);
        devices.set(request, device.value);
      },
      handler: async (request, reply) => {
        const answered = await answer(request, reply, devices.get(request) ?? '', proofs.get(request) ?? null);
        if (!answered.ok) return sendFault(reply, answered.fault, log);
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
    setTls: async (next) => {
      authorities = certificatesIn(next.clientAuthorities);
      app.server.setSecureContext(contextOptions(next));
    },
    close: async () => {
      const closed = app.close();
      connections.end();
      await closed;
    },
  };
}

function routesOf(fleet: Fleet): readonly Route[] {
  return [
    ...estRoutes(fleet),
    {
      method: 'GET',
      url: '/v1/crl',
      identity: 'none',
      answer: async (_request, reply) => {
        reply.type('application/pkix-crl');
        return good(Buffer.from(await fleet.revocations()));
      },
    },
    {
      method: 'GET',
      url: '/v1/bundle',
      identity: 'current',
      binds: true,
      answer: (_request, _reply, device) => fleet.bundle(device),
    },
    {
      method: 'POST',
      url: '/v1/bundle/confirm',
      identity: 'current',
      answer: (_request, _reply, device) => fleet.confirm(device),
    },
    {
      method: 'GET',
      url: '/v1/rotations',
      identity: 'none',
      answer: (request) =>
        rotations(fleet, (request.query as { from?: unknown }).from, (why) =>
          fleet.refused(null, ...originOf(request, why)),
        ),
    },
    {
      method: 'POST',
      url: '/v1/checkin',
      bodyLimit: maxCheckinBytes,
      identity: 'current',
      answer: async (request, _reply, device) => {
        const checkin = read('checkinRequest', bodyOf(request), maxCheckinBytes);
        if (checkin.ok) return fleet.checkin(device, checkin.value);
        await fleet.refused(device, 'checkin', checkin.fault);
        return checkin;
      },
    },
  ];
}

/** Public: certificates the server shows to everyone, signed. Faults: `bad-argument`, `not-found`; on record. */
export async function rotations(
  fleet: Pick<Fleet, 'rotations'>,
  from: unknown,
  refused: (why: Fault) => Promise<void>,
): Promise<Result<Rotations>> {
  const right = typeof from === 'string' && /^[0-9a-f]{64}$/.test(from);
  const found = right ? await fleet.rotations(from) : bad('bad-argument', { what: 'from' });
  if (!found.ok) await refused(found.fault);
  return found;
}

function makeApp({ fleet, log, tls }: DeviceHttpOptions, deny: Deny) {
  const app = fastify({
    https: {
      ...contextOptions(tls),
      requestCert: true,
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
  if (status === 401) reply.header('WWW-Authenticate', 'Basic realm="thintrust enrolment", charset="UTF-8"');
  return reply.status(status).type('application/json; charset=utf-8').send(told);
}

/** What is no HTTP gets its answer by hand. */
function rawAnswer(why: Fault): string {
  const body = JSON.stringify(why);
  const status = why.code === 'too-large' ? '431 Request Header Fields Too Large' : '400 Bad Request';
  const headers = `Connection: close\r\nContent-Type: application/json\r\nContent-Length: ${body.length}`;
  return `HTTP/1.1 ${status}\r\n${headers}\r\n\r\n${body}`;
}
