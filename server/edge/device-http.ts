/**
 * What devices ask over HTTPS: EST enrolment (RFC 7030) without a client certificate, the registration bundle and check-in
 * with one. The handshake asks for a certificate and lets everybody in; each route decides who may go on. Every error body
 * is a fault, and what broke inside is told as `internal` and no more.
 */
import type { IncomingMessage } from 'node:http';
import { Server as HttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { bad, type Fault, type FaultCode, fault, type Result } from '../../protocol/fault.ts';
import { maxControlBytes, maxReportBytes } from '../../protocol/limits.ts';
import { read } from '../../protocol/validate.ts';
import type { Clock, Fleet, ListenerTls, Log } from '../core/ports.ts';
import { certsOnly } from './authority.ts';
import {
  type Bounds,
  boundConnections,
  contextOptions,
  defaultBounds,
  handshakeTimeoutMs,
  proofOf,
} from './listener.ts';

export type DeviceHttp = {
  readonly port: number;
  /** New connections are served with this certificate; the ones that stand stay. */
  readonly setTls: (tls: ListenerTls) => Promise<void>;
  readonly close: () => Promise<void>;
};
export type DeviceHttpOptions = {
  readonly fleet: Fleet;
  readonly tls: ListenerTls;
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly bounds?: Bounds;
};

type Answer = { readonly status: number; readonly type: string; readonly body: string | Buffer };
type Route = {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly bodyLimit: number;
  readonly answer: (request: FastifyRequest) => Promise<Result<Answer>>;
};

const requestTimeoutMs = 30_000;
const maxHeaderBytes = 8 * 1024;
const maxCsrBytes = 32 * 1024;
/** A report, and 256 events beside it. */
const maxCheckinBytes = 2 * maxReportBytes;
const certsOnlyType = 'application/pkcs7-mime; smime-type=certs-only';
const statuses: Partial<Record<FaultCode, number>> = {
  'not-found': 404,
  'method-not-allowed': 405,
  'too-large': 413,
  'invitation-refused': 401,
};

export async function serveDevices(options: DeviceHttpOptions): Promise<DeviceHttp> {
  const { tls, host, log, bounds = defaultBounds } = options;
  const server = new HttpsServer({
    ...contextOptions(tls),
    requestCert: true,
    rejectUnauthorized: false,
    handshakeTimeout: handshakeTimeoutMs,
    requestTimeout: requestTimeoutMs,
    headersTimeout: handshakeTimeoutMs,
    keepAliveTimeout: handshakeTimeoutMs,
    maxHeaderSize: maxHeaderBytes,
  });
  const connections = boundConnections(server, bounds, log);
  const app = fastify({
    serverFactory: (handler) => server.on('request', handler),
    bodyLimit: maxControlBytes,
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: 100 },
    frameworkErrors: (_error, _request, reply) => void sendFault(reply, fault('bad-argument', { what: 'address' })),
    clientErrorHandler: (error, socket) => refuseGarbage(error, socket),
  });
  prepare(app, log);
  for (const route of routesOf(options)) addRoute(app, route);
  await app.ready();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    setTls: async (next) => server.setSecureContext(contextOptions(next)),
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      connections.end();
      await closed;
      await app.close();
    },
  };
}

function routesOf({ fleet, clock }: DeviceHttpOptions): readonly Route[] {
  /** Who asks, by the certificate of this very connection. */
  const deviceOf = async (request: FastifyRequest): Promise<Result<string>> => {
    const proof = proofOf(socketOf(request), clock());
    return proof.ok ? fleet.deviceOf(proof.value) : proof;
  };
  const asDevice =
    (act: (device: string, request: FastifyRequest) => Promise<Result<Answer>>) =>
    async (request: FastifyRequest): Promise<Result<Answer>> => {
      const device = await deviceOf(request);
      return device.ok ? act(device.value, request) : device;
    };
  return [
    {
      method: 'GET',
      url: '/.well-known/est/cacerts',
      bodyLimit: 1024,
      answer: async () => ({ ok: true, value: certificates(await fleet.authorities()) }),
    },
    {
      method: 'POST',
      url: '/.well-known/est/simpleenroll',
      bodyLimit: maxCsrBytes,
      answer: async (request) => {
        const asked = readEnrolment(request);
        if (!asked.ok) return asked;
        const chain = await fleet.enrol(asked.value);
        return chain.ok ? { ok: true, value: certificates(chain.value) } : chain;
      },
    },
    {
      method: 'GET',
      url: '/v1/bundle',
      bodyLimit: 1024,
      answer: asDevice(async (device) => json(await fleet.bundle(device))),
    },
    {
      method: 'POST',
      url: '/v1/bundle/confirm',
      bodyLimit: 1024,
      answer: asDevice(async (device) => {
        const confirmed = await fleet.confirm(device);
        return confirmed.ok ? { ok: true, value: { status: 204, type: '', body: '' } } : confirmed;
      }),
    },
    {
      method: 'POST',
      url: '/v1/checkin',
      bodyLimit: maxCheckinBytes,
      answer: asDevice(async (device, request) => {
        const asked = read('checkinRequest', bodyOf(request), maxCheckinBytes);
        return asked.ok ? json(await fleet.checkin(device, asked.value)) : asked;
      }),
    },
  ];
}

function prepare(app: FastifyInstance, log: Log): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.addHook('onSend', async (_request, reply) => {
    reply.header('cache-control', 'no-store');
  });
  app.setErrorHandler((error: { readonly code?: string; readonly statusCode?: number }, _request, reply) => {
    if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE') return sendFault(reply, fault('too-large'));
    if (error.statusCode !== undefined && error.statusCode < 500)
      return sendFault(reply, fault('bad-argument', { what: error.code ?? 'request' }));
    log('error', 'a device request failed', { reason: String(error).slice(0, 200) });
    return sendFault(reply, fault('internal'));
  });
  app.setNotFoundHandler((_request, reply) => sendFault(reply, fault('not-found', { what: 'address' })));
}

function addRoute(app: FastifyInstance, route: Route): void {
  const { method, url, bodyLimit } = route;
  app.route({
    method,
    url,
    bodyLimit,
    handler: async (request, reply) => {
      const answer = await route.answer(request);
      if (!answer.ok) return sendFault(reply, answer.fault, proofStatus(answer.fault, request));
      const { status, type, body } = answer.value;
      if (type === certsOnlyType) reply.header('content-transfer-encoding', 'base64');
      if (type) reply.header('content-type', type);
      return reply.code(status).send(body);
    },
  });
  const others = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'].filter((each) => each !== method);
  app.route({
    method: others,
    url,
    bodyLimit,
    handler: (_request, reply) => sendFault(reply.header('allow', method), fault('method-not-allowed')),
  });
}

/** Without a usable certificate a device is unknown (401); one that we know and have removed is forbidden (403). */
function proofStatus({ code }: Fault, request: FastifyRequest): number | undefined {
  if (code === 'expired') return 401;
  if (code !== 'identity-refused') return undefined;
  return socketOf(request).authorized ? 403 : 401;
}

function sendFault(reply: FastifyReply, why: Fault, status?: number): FastifyReply {
  const shown = why.kind === 'broken' ? fault('internal') : why;
  const code =
    status ?? statuses[shown.code] ?? (shown.kind === 'broken' ? 500 : shown.kind === 'unavailable' ? 503 : 400);
  if (code === 401) reply.header('www-authenticate', 'Basic realm="thintrust enrolment"');
  reply.header('content-type', 'application/json; charset=utf-8');
  return reply.code(code).send(JSON.stringify(shown));
}

/** RFC 7030 §3.2.3 and §4.2.1: Basic names the invitation; the body is base64 of PKCS#10, wrapped or not (RFC 8951 §3.1). */
function readEnrolment(request: FastifyRequest): Result<{ invitation: string; password: string; csrDer: Uint8Array }> {
  const basic = /^Basic ([A-Za-z0-9+/]+={0,2})$/.exec(request.headers.authorization ?? '');
  const pair = basic ? Buffer.from(basic[1] ?? '', 'base64').toString() : '';
  const colon = pair.indexOf(':');
  const invitation = pair.slice(0, Math.max(colon, 0));
  const password = pair.slice(colon + 1);
  if (colon < 1 || invitation.length > 64 || password.length > 64) return bad('invitation-refused');
  const type = request.headers['content-type'] ?? '';
  if (!/^application\/pkcs10\s*(;|$)/i.test(type)) return bad('bad-argument', { what: 'content-type' });
  const text = bodyOf(request)
    .toString('latin1')
    .replace(/[\r\n\t ]/g, '');
  if (text.length === 0 || text.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(text))
    return bad('bad-shape', { what: 'certificate request' });
  return { ok: true, value: { invitation, password, csrDer: Buffer.from(text, 'base64') } };
}

const socketOf = (request: FastifyRequest): TLSSocket => (request.raw as IncomingMessage).socket as TLSSocket;
const bodyOf = ({ body }: FastifyRequest): Buffer => (Buffer.isBuffer(body) ? body : Buffer.alloc(0));

const json = <T>(result: Result<T>): Result<Answer> =>
  result.ok
    ? { ok: true, value: { status: 200, type: 'application/json; charset=utf-8', body: JSON.stringify(result.value) } }
    : result;

/** Base64 in lines of 64 (RFC 8951 §3.1). */
function certificates(chainDer: readonly Uint8Array[]): Answer {
  const body = Buffer.from(certsOnly(chainDer)).toString('base64').replace(/.{64}/g, '$&\n');
  return { status: 200, type: certsOnlyType, body: `${body.trimEnd()}\n` };
}

function refuseGarbage(
  error: Error & { readonly code?: string },
  socket: { end: (text: string) => void; writable?: boolean },
): void {
  if (socket.writable === false) return;
  const overflow = error.code === 'HPE_HEADER_OVERFLOW';
  const why = overflow ? fault('too-large', { what: 'headers' }) : fault('bad-shape', { what: 'http' });
  const status = overflow ? '431 Request Header Fields Too Large' : '400 Bad Request';
  const body = JSON.stringify(why);
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
}
