/**
 * The administration API, `/api/v1`, for the command line over a Unix socket (and later for the Web Console). Every answer
 * that is not 2xx is a problem document (RFC 9457) that carries the fault as `code`, `kind`, `facts`.
 */
import { rmSync } from 'node:fs';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { bad, type Fault, type FaultCode, fault, type Result } from '../../protocol/fault.ts';
import { sayFault, wordsOf } from '../../words/say.ts';
import { mayDo, type Role } from '../core/permission.ts';
import { policyRoutes } from './admin-policy-routes.ts';
import type { AdminRoute } from './admin-route.ts';
import { adminRoutes } from './admin-routes.ts';
import { certificateRoutes } from './certificate-routes.ts';
import type { Server } from './context.ts';
import { frontEndRoutes } from './front-end-routes.ts';
import { mailRoutes } from './mail-routes.ts';
import { mutualRoutes } from './mutual-routes.ts';
import { overviewRoutes } from './overview-routes.ts';
import { recordRefusal } from './refusals.ts';
import { userRoutes } from './user-routes.ts';

export type Admin = { readonly close: () => Promise<void> };
type Problem = {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: FaultCode;
  readonly kind: Fault['kind'];
  readonly facts: Fault['facts'];
};

/** Refuses, and has it recorded. */
type Deny = (reply: FastifyReply, found: Fault, more?: object) => Promise<FastifyReply>;

const administrator: Role = 'administrator';
/** A file of certificates in base64, and room around it. */
const maxBodyBytes = 12 * 1024 * 1024;

const statuses: Partial<Record<FaultCode, number>> = {
  'not-found': 404,
  'method-not-allowed': 405,
  'not-allowed': 403,
  'already-exists': 409,
  'devices-not-ready': 409,
  'identities-not-renewed': 409,
  'policy-key-not-held': 409,
  'reserve-there': 409,
  'devices-pinned': 409,
  'front-end-shows': 409,
  'no-reserve': 409,
  'stays-on': 409,
  'mutual-needed': 409,
  'new-endpoint-needed': 409,
  'clients-not-migrated': 409,
  'confirm-twice': 409,
  'devices-cut-off': 409,
  'mail-off': 409,
  'mail-no-address': 409,
  'too-large': 413,
  internal: 500,
};

/**
 * Listens on `path`, readable by its owner only: whoever can open it is an administrator. `publish` runs after every change.
 */
export async function serveAdmin(server: Server, publish: () => Promise<void>, path: string): Promise<Admin> {
  const record = (subject: string, found: Fault): Promise<void> =>
    recordRefusal(server, { actor: administrator, action: 'request-refused', subject }, found);
  const deny: Deny = async (reply, found, more) => {
    const { method, routeOptions } = reply.request;
    if (found.kind === 'rejected') await record(`${method} ${routeOptions.url ?? ''}`.trim(), found);
    return sendProblem(reply, found, more);
  };
  const app = fastify({
    bodyLimit: maxBodyBytes,
    forceCloseConnections: true,
    frameworkErrors: (_error, _request, reply) => deny(reply, fault('bad-shape', { what: 'url' })),
    clientErrorHandler: ({ code }, socket) => {
      const tooLarge = code === 'HPE_HEADER_OVERFLOW';
      const found = fault(tooLarge ? 'too-large' : 'bad-shape', { what: tooLarge ? 'headers' : 'http' });
      if (code.startsWith('HPE_')) void record('HTTP', found);
      if (socket.writable) socket.end(rawProblem(found));
      else socket.destroy();
    },
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false, useDefaults: false } },
  });
  app.setErrorHandler((error: { readonly code?: string; readonly validation?: unknown }, _request, reply) => {
    const found = faultOf(error);
    if (found.code === 'internal') server.log('error', 'the administration API failed', { reason: String(error) });
    return deny(reply, found);
  });
  app.setNotFoundHandler((request, reply) => deny(reply, fault('not-found', { what: request.url.slice(0, 120) })));
  for (const route of [
    ...adminRoutes,
    ...certificateRoutes,
    ...policyRoutes,
    ...mutualRoutes,
    ...userRoutes,
    ...frontEndRoutes,
    ...overviewRoutes,
    ...mailRoutes,
  ])
    addRoute(app, server, publish, route, deny);
  rmSync(path, { force: true });
  const before = process.umask(0o177);
  try {
    await app.listen({ path });
  } finally {
    process.umask(before);
  }
  return {
    close: async () => {
      await app.close();
      rmSync(path, { force: true });
    },
  };
}

function addRoute(
  app: FastifyInstance,
  server: Server,
  publish: () => Promise<void>,
  { method, url, body, action, run, records }: AdminRoute,
  deny: Deny,
): void {
  app.route({
    method,
    url: `/api/v1${url}`,
    ...(body ? { schema: { body } } : {}),
    handler: async (request: FastifyRequest, reply: FastifyReply) => {
      const role = administrator;
      const result: Result<unknown> = mayDo(role, action)
        ? await run(server, {
            params: request.params as Readonly<Record<string, string>>,
            query: request.query as Readonly<Record<string, string>>,
            body: request.body,
            actor: role,
          })
        : bad('not-allowed');
      if (!result.ok) {
        const more = 'faults' in result ? { faults: result.faults } : {};
        return records ? sendProblem(reply, result.fault, more) : deny(reply, result.fault, more);
      }
      if (method !== 'GET') await publish();
      return reply.send(result.value ?? {});
    },
  });
}

function sendProblem(reply: FastifyReply, found: Fault, more: object = {}): FastifyReply {
  const status = statuses[found.code] ?? (found.kind === 'broken' ? 500 : found.kind === 'unavailable' ? 503 : 400);
  return reply
    .code(status)
    .header('content-type', 'application/problem+json')
    .serializer((payload: unknown) => JSON.stringify(payload))
    .send({ ...problemOf(found, status), ...more });
}

const problemOf = (found: Fault, status: number): Problem => ({
  type: `urn:thintrust:fault:${found.code}`,
  title: sayFault(wordsOf.en, found),
  status,
  ...found,
});

/** What is no HTTP gets its answer by hand. */
function rawProblem(found: Fault): string {
  const [status, reason] = found.code === 'too-large' ? [431, 'Request Header Fields Too Large'] : [400, 'Bad Request'];
  const body = JSON.stringify(problemOf(found, status));
  const headers = `Connection: close\r\nContent-Type: application/problem+json\r\nContent-Length: ${Buffer.byteLength(body)}`;
  return `HTTP/1.1 ${status} ${reason}\r\n${headers}\r\n\r\n${body}`;
}

function faultOf(error: { readonly code?: string; readonly validation?: unknown }): Fault {
  if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE') return fault('too-large', { limit: maxBodyBytes });
  if (error.code === 'FST_ERR_CTP_INVALID_JSON_BODY' || error.code === 'FST_ERR_CTP_EMPTY_JSON_BODY')
    return fault('not-json', { what: 'body' });
  if (error.code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return fault('bad-shape', { what: 'body', rule: 'media type' });
  if (!Array.isArray(error.validation)) return fault('internal', { what: 'administration API' });
  const [first] = error.validation as { readonly instancePath?: string; readonly keyword?: string }[];
  return fault('bad-shape', { what: 'body', at: first?.instancePath ?? '', rule: first?.keyword ?? '' });
}
