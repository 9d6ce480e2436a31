/** The table of the administration API, and how a door serves it: the same code behind the socket and the Web Console. */
import { Readable } from 'node:stream';
import type { Static, TObject } from '@sinclair/typebox';
import { Ajv, type Options } from 'ajv';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type Fault, fault, good, type Result } from '../../protocol/fault.ts';
import { background } from '../api/jobs.ts';
import type { Page } from '../api/list.ts';
import { mostAtOnce, prefersAsync } from '../core/job.ts';
import { mayDo, type Rights } from '../core/permission.ts';
import { accountRoutes } from './account-routes.ts';
import { policyRoutes } from './admin-policy-routes.ts';
import { type AdminRoute, type Call, reading } from './admin-route.ts';
import { adminRoutes } from './admin-routes.ts';
import { certificateRoutes } from './certificate-routes.ts';
import { consoleRoutes } from './console-routes.ts';
import type { Actor, Server } from './context.ts';
import { frontEndRoutes } from './front-end-routes.ts';
import { groupRoutes } from './group-routes.ts';
import { jobRoutesFor } from './job-routes.ts';
import { kindOf, orderJob } from './jobs.ts';
import { csvOf } from './listing.ts';
import { mailRoutes } from './mail-routes.ts';
import { mutualRoutes } from './mutual-routes.ts';
import { onboardingRoutes } from './onboarding-routes.ts';
import { describeApi, description } from './openapi.ts';
import { overviewRoutes } from './overview-routes.ts';
import { faultOf, rawProblem, sendProblem } from './problem.ts';
import { recordRefusal } from './refusals.ts';
import { serverCertificateRoutes } from './server-certificate-routes.ts';
import { sessionRoutes } from './session-routes.ts';
import { userRoutes } from './user-routes.ts';

export const apiPath = '/api/v1';
const workRoutes: readonly AdminRoute[] = [...certificateRoutes, ...onboardingRoutes];
export const allAdminRoutes: readonly AdminRoute[] = [
  ...adminRoutes,
  ...serverCertificateRoutes,
  ...policyRoutes,
  ...groupRoutes,
  ...mutualRoutes,
  ...userRoutes,
  ...frontEndRoutes,
  ...accountRoutes,
  ...consoleRoutes,
  ...workRoutes,
  ...overviewRoutes,
  ...mailRoutes,
  ...jobRoutesFor(workRoutes),
  // Made when it is asked for, of the table it stands in.
  reading('/openapi.json', description, async () => good(describeApi(apiPath, [...allAdminRoutes, ...sessionRoutes]))),
];

/** Who asks, and what he may do. */
export type Caller = { readonly actor: Actor; readonly rights: Rights };
export type Door = {
  readonly server: Server;
  /** Runs after every change. */
  readonly publish: () => Promise<void>;
  readonly callerOf: (request: FastifyRequest) => Caller;
  /** Refuses, and has it recorded. */
  readonly deny: (reply: FastifyReply, found: Fault, more?: object) => Promise<FastifyReply>;
};

/** In tests: what is answered is what is described. */
const checksAnswers = process.env['THINTRUST_CHECK_ANSWERS'] === '1';
const answers = new Ajv({ strict: false });

/** Said too often to be news: a page asks whether there is a session, or a mail server. */
const silent: ReadonlySet<string> = new Set([
  'session-needed',
  'second-factor-needed',
  'sign-in-refused',
  'setup-refused',
  'mail-off',
]);

/** Whoever is refused is on record by the name that `actorOf` gives, with the network address where there is one. */
export function denial(server: Server, actorOf: (request: FastifyRequest) => Actor): Door['deny'] {
  return async (reply, found, more) => {
    const { method, routeOptions } = reply.request;
    if (found.kind === 'rejected' && !silent.has(found.code)) {
      const subject = `${method} ${routeOptions.url ?? ''}`.trim();
      const { ip } = reply.request;
      const why = ip ? fault(found.code, { ...found.facts, from: ip }) : found;
      await recordRefusal(server, { actor: actorOf(reply.request), action: 'request-refused', subject }, why);
    }
    return sendProblem(reply, found, more);
  };
}

/** What is no HTTP, on record as of `actor`. */
export const clientErrors =
  (server: Server, actor: Actor) =>
  ({ code }: { readonly code: string }, socket: NodeJS.WritableStream & { destroy(): void }): void => {
    const tooLarge = code === 'HPE_HEADER_OVERFLOW';
    const found = fault(tooLarge ? 'too-large' : 'bad-shape', { what: tooLarge ? 'headers' : 'http' });
    if (code.startsWith('HPE_'))
      void recordRefusal(server, { actor, action: 'request-refused', subject: 'HTTP' }, found);
    if (socket.writable) socket.end(rawProblem(found));
    else socket.destroy();
  };

/** Shapes of bodies as they are; what stands in an address is text and becomes what the shape asks for. */
export function checkShapes(app: FastifyInstance): void {
  const strict: Options = { strict: false, allErrors: false, useDefaults: false, removeAdditional: false };
  const bodies = new Ajv({ ...strict, coerceTypes: false });
  const addresses = new Ajv({ ...strict, coerceTypes: true });
  app.setValidatorCompiler(({ schema, httpPart }) =>
    (httpPart === 'body' ? bodies : addresses).compile(schema as object),
  );
}

export function answerErrors(app: FastifyInstance, { log }: Server, deny: Door['deny']): void {
  app.setErrorHandler((error: { readonly code?: string; readonly validation?: unknown }, _request, reply) => {
    const found = faultOf({ ...error, where: (error as { validationContext?: unknown }).validationContext });
    if (found.code === 'internal') log('error', 'the administration API failed', { reason: String(error) });
    return deny(reply, found);
  });
}

export function addRoutes(app: FastifyInstance, door: Door, routes: readonly AdminRoute[] = allAdminRoutes): void {
  for (const route of routes) addRoute(app, door, route);
}

function addRoute(
  app: FastifyInstance,
  { server, publish, callerOf, deny }: Door,
  { method, url, body, query: own, action, run, records, list, answer, type, work }: AdminRoute,
): void {
  const query = work ? background : own;
  const fits = checksAnswers ? answers.compile<unknown>(answer) : null;
  app.route({
    method,
    url: `${apiPath}${url}`,
    schema: { ...(body ? { body } : {}), ...(query ? { querystring: query } : {}) },
    onRequest: async (request, reply) => {
      if (typeof action === 'string' && !mayDo(callerOf(request).rights, action))
        return deny(reply, fault('not-allowed'));
    },
    handler: async (request: FastifyRequest, reply: FastifyReply) => {
      const caller = callerOf(request);
      if (typeof action === 'function' && !mayDo(caller.rights, action(request.body)))
        return deny(reply, fault('not-allowed'));
      const call: Call = {
        params: request.params as Readonly<Record<string, string>>,
        query: request.query as Readonly<Record<string, string>>,
        body: request.body,
        ...caller,
      };
      if (list && wantsCsv(request))
        return sendCsv(server, reply, list, url, (query) => run(server, { ...call, query }));
      const items = work ? work.items(call.body) : null;
      if (work && items?.ok && (items.value.length > mostAtOnce || prefersJob(request))) {
        const ordered = await orderJob(server, call, kindOf({ url }), work);
        if (!ordered.ok) return deny(reply, ordered.fault, moreOf(ordered));
        await publish();
        reply.code(202).header('location', `${apiPath}/jobs/${ordered.value.id}`);
        if (prefersAsync(preferOf(request))) reply.header('preference-applied', 'respond-async');
        return reply.send({ job: ordered.value });
      }
      const result: Result<unknown> = await run(server, call);
      if (!result.ok) {
        const more = moreOf(result);
        return records ? sendProblem(reply, result.fault, more) : deny(reply, result.fault, more);
      }
      if (method !== 'GET') await publish();
      const value = result.value ?? {};
      if (fits && !fits(value)) {
        server.log('error', 'an answer is not as described', {
          url,
          reason: JSON.stringify(fits.errors).slice(0, 280),
        });
        return deny(reply, fault('internal', { what: `answer of ${method} ${url}` }));
      }
      return type ? reply.type(type).send(value) : reply.send(value);
    },
  });
}

const preferOf = ({ headers: { prefer } }: FastifyRequest): string | undefined =>
  Array.isArray(prefer) ? prefer.join(',') : prefer;

const prefersJob = (request: FastifyRequest): boolean =>
  (request.query as Static<typeof background>).background === '1' || prefersAsync(preferOf(request));

const wantsCsv = ({ query, headers }: FastifyRequest): boolean => {
  const { format } = query as { readonly format?: unknown };
  return format === 'csv' || (format === undefined && /^text\/csv\b/.test(headers.accept ?? ''));
};

/** All rows that fit, whatever page was asked for. */
function sendCsv(
  { log }: Server,
  reply: FastifyReply,
  row: TObject,
  url: string,
  run: (query: Call['query']) => Promise<Result<unknown>>,
): FastifyReply {
  const { query } = reply.request;
  const rows = csvOf(row, async (offset, limit) => {
    const page = await run({ ...(query as Call['query']), ...({ offset, limit } as object) });
    if (!page.ok) log('warn', 'a list ended early', { code: page.fault.code });
    return page.ok ? (page.value as Page<unknown>) : null;
  });
  return reply
    .header('content-type', 'text/csv; charset=utf-8; header=present')
    .header('content-disposition', `attachment; filename="${url.split('/').at(-1)}.csv"`)
    .send(Readable.from(rows));
}

/** What a refusal carries beside its fault. */
const moreOf = (result: object): object => ({
  ...('faults' in result ? { faults: result.faults } : {}),
  ...('candidates' in result ? { candidates: result.candidates } : {}),
});
