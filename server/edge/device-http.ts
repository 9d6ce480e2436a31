/**
 * HTTPS for devices: enrolment by EST (RFC 7030, base64 by RFC 8951), the registration bundle, and check-in, the carrier
 * of the same documents where MQTT is blocked. A client certificate is asked for and not required; the routes that need
 * one refuse before they read a body. Every error body is a fault.
 */
import type { TLSSocket } from 'node:tls';
import fastify, { type FastifyError, type FastifyReply, type FastifyRequest } from 'fastify';
import { fromBase64, toBase64 } from '../../protocol/certificate.ts';
import { type Fault, type FaultCode, fault, good, type Result } from '../../protocol/fault.ts';
import { maxEventBytes, maxReportBytes } from '../../protocol/limits.ts';
import { read } from '../../protocol/validate.ts';
import type { Clock, Fleet, ListenerTls, Log } from '../core/ports.ts';
import { certsOnly } from './authority.ts';
import { answerInKind } from './http-version.ts';
import {
  type Bounds,
  boundConnections,
  contextOptions,
  defaultBounds,
  handshakeTimeoutMs,
  proofOf,
} from './listener.ts';
import { maxRequestBytes } from './request.ts';

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

/** Refuses what the fleet does not hear of, and has it recorded. */
type Deny = (reply: FastifyReply, refusal: Fault) => Promise<FastifyReply>;
type Route = {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly bodyLimit?: number;
  readonly withIdentity: boolean;
  readonly answer: (request: FastifyRequest, reply: FastifyReply, device: string) => Promise<Result<unknown>>;
};

const maxHeaderBytes = 8 * 1024;
const maxEventsPerCheckin = 256;
const maxCheckinBytes = maxReportBytes + maxEventsPerCheckin * maxEventBytes;
const maxEnrolBytes = maxRequestBytes * 2;
const maxSmallBytes = 1024;
const headersTimeoutMs = 10_000;
const requestTimeoutMs = 60_000;
const idleTimeoutMs = 30_000;
const checkEveryMs = 5_000;

/** Where a fault has a status of its own; the others follow from their kind. */
const statuses: Partial<Readonly<Record<FaultCode, number>>> = {
  'invitation-refused': 401,
  'identity-refused': 403,
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
  const deny: Deny = async (reply, refusal) => {
    const { request } = reply;
    const device = devices.get(request) ?? null;
    if (refusal.kind === 'rejected' || refusal.code === 'identity-refused')
      await fleet.refused(device, ...originOf(request, refusal));
    return sendFault(reply, refusal, log);
  };
  const app = makeApp(options, deny);
  const connections = boundConnections(app.server, options.bounds ?? defaultBounds, log);

  for (const { method, url, bodyLimit = maxSmallBytes, withIdentity, answer } of routes)
    app.route({
      method,
      url,
      bodyLimit,
      onRequest: async (request, reply) => {
        if (!withIdentity) return;
        const proof = proofOf(request.raw.socket as TLSSocket, clock());
        if (!proof.ok) return deny(reply.status(401), proof.fault);
        const device = await fleet.deviceOf(proof.value);
        if (!device.ok) return deny(reply, device.fault);
        devices.set(request, device.value);
      },
      handler: async (request, reply) => {
        const answered = await answer(request, reply, devices.get(request) ?? '');
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
    setTls: async (next) => app.server.setSecureContext(contextOptions(next)),
    close: async () => {
      const closed = app.close();
      connections.end();
      await closed;
    },
  };
}

function routesOf(fleet: Fleet): readonly Route[] {
  return [
    {
      method: 'GET',
      url: '/.well-known/est/cacerts',
      withIdentity: false,
      answer: async (_request, reply) => good(layCertificates(reply, await fleet.authorities())),
    },
    {
      method: 'POST',
      url: '/.well-known/est/simpleenroll',
      bodyLimit: maxEnrolBytes,
      withIdentity: false,
      answer: (request, reply) => enrol(fleet, request, reply),
    },
    {
      method: 'GET',
      url: '/v1/bundle',
      withIdentity: true,
      answer: (_request, _reply, device) => fleet.bundle(device),
    },
    {
      method: 'POST',
      url: '/v1/bundle/confirm',
      withIdentity: true,
      answer: (_request, _reply, device) => fleet.confirm(device),
    },
    {
      method: 'POST',
      url: '/v1/checkin',
      bodyLimit: maxCheckinBytes,
      withIdentity: true,
      answer: async (request, _reply, device) => {
        const checkin = read('checkinRequest', bodyOf(request), maxCheckinBytes);
        if (checkin.ok) return fleet.checkin(device, checkin.value);
        await fleet.refused(device, 'checkin', checkin.fault);
        return checkin;
      },
    },
  ];
}

/** RFC 7030 §4.2.1. Faults: `invitation-refused`, `bad-argument`, `bad-shape`, and those of the fleet. */
async function enrol(fleet: Fleet, request: FastifyRequest, reply: FastifyReply): Promise<Result<unknown>> {
  const refuse = async (why: Fault): Promise<Result<never>> => {
    await fleet.refused(null, ...originOf(request, why));
    return { ok: false, fault: why };
  };
  const credentials = basicOf(request.headers.authorization);
  if (!credentials) return refuse(fault('invitation-refused'));
  if (!/^application\/pkcs10\s*(;|$)/i.test(request.headers['content-type'] ?? ''))
    return refuse(fault('bad-argument', { what: 'Content-Type' }));
  const csrDer = fromWrappedBase64(bodyOf(request));
  if (!csrDer) return refuse(fault('bad-shape', { what: 'base64' }));
  const issued = await fleet.enrol({ ...credentials, csrDer });
  return issued.ok ? good(layCertificates(reply, issued.value)) : issued;
}

/** RFC 7030 §4.1.3; base64 in lines of 76 (RFC 2045 §6.8), which every known client reads. */
function layCertificates(reply: FastifyReply, chainDer: readonly Uint8Array[]): string {
  reply.header('Content-Type', 'application/pkcs7-mime; smime-type=certs-only');
  reply.header('Content-Transfer-Encoding', 'base64');
  return toBase64(certsOnly(chainDer)).replace(/.{1,76}/g, '$&\r\n');
}

/** RFC 7617, UTF-8; the user name ends at the first colon. */
export function basicOf(header: string | undefined): { readonly invitation: string; readonly password: string } | null {
  const encoded = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(header ?? '')?.[1] ?? '';
  const pair = /^([^:]{1,64}):(.{1,128})$/su.exec(Buffer.from(encoded, 'base64').toString());
  return pair?.[1] && pair[2] ? { invitation: pair[1], password: pair[2] } : null;
}

/** On one line, or wrapped by LF or CRLF, whatever `Content-Transfer-Encoding` says (RFC 8951 §3.1). */
export function fromWrappedBase64(body: Uint8Array): Uint8Array | null {
  const text = Buffer.from(body)
    .toString('latin1')
    .replace(/[\r\n\t ]/g, '');
  return text.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(text) ? fromBase64(text) : null;
}

function bodyOf({ body }: FastifyRequest): Uint8Array {
  return body instanceof Uint8Array ? body : new Uint8Array();
}

/** What was asked, and the refusal with where it came from: for the record, not for the answer. */
const originOf = ({ method, url, ip }: FastifyRequest, { code, facts }: Fault): readonly [string, Fault] => [
  `${method} ${url.split('?', 1)[0]?.slice(0, 100)}`,
  fault(code, { ...facts, from: ip }),
];

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
