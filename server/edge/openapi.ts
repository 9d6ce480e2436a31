/** The API as OpenAPI 3.1 tells it, made of the tables that serve it: whatever is served is in it. */
import { type TObject, type TSchema, Type } from '@sinclair/typebox';
import { faultKinds } from '../../protocol/fault.ts';
import { version } from '../../protocol/version.ts';
import { background, jobOrdered } from '../api/jobs.ts';
import { oneOf } from '../api/list.ts';
import { cookieName, csrfHeader } from '../core/web-request.ts';

export type Described = {
  readonly method: string;
  readonly url: string;
  readonly body?: TSchema;
  readonly query?: TSchema;
  readonly answer: TSchema;
  /** Its answer may be had as CSV. */
  readonly list?: TObject;
  /** Media type of an answer that is text. */
  readonly type?: string;
  /** It may be ordered to be done as a job. */
  readonly work?: object;
  /** To whoever comes. */
  readonly open?: boolean;
};

const problem = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    code: oneOf(Object.keys(faultKinds)),
    kind: oneOf(['rejected', 'unavailable', 'broken']),
    facts: Type.Record(Type.String(), Type.Union([Type.String(), Type.Number()])),
  },
  { description: 'RFC 9457; where several things are wrong, `faults` has them all' },
);
const refusal = {
  description: 'refused',
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
};
const ordered = {
  description: 'it is done as a job (`background=1`, or `Prefer: respond-async`, RFC 7240; always where it is much)',
  headers: { location: { schema: Type.String() } },
  content: { 'application/json': { schema: jobOrdered } },
};

/** Of the description itself: its parts are for those who read OpenAPI to judge. */
export const description = Type.Object({
  openapi: Type.Literal('3.1.0'),
  info: Type.Object({ title: Type.String(), version: Type.String() }),
  servers: Type.Array(Type.Object({ url: Type.String() })),
  security: Type.Array(Type.Record(Type.String(), Type.Array(Type.String()))),
  paths: Type.Record(Type.String(), Type.Object({})),
  components: Type.Object({}),
});

export function describeApi(path: string, routes: readonly Described[]): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) {
    const place = route.url.replace(/:(\w+)/g, '{$1}');
    paths[place] = { ...paths[place], [route.method.toLowerCase()]: operationOf(route) };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'thintrust Administration Server', version },
    servers: [{ url: path }],
    security: [{ session: [], csrf: [] }, { token: [] }],
    paths,
    components: {
      schemas: { Problem: problem },
      securitySchemes: {
        session: { type: 'apiKey', in: 'cookie', name: cookieName },
        csrf: { type: 'apiKey', in: 'header', name: csrfHeader, description: 'for what is no GET' },
        token: { type: 'http', scheme: 'bearer' },
      },
    },
  };
}

function operationOf({ method, url, body, query, answer, list, type, work, open }: Described): object {
  return {
    operationId: `${method.toLowerCase()}${url.replace(/[^A-Za-z0-9]+(.)/g, (_, letter: string) => letter.toUpperCase())}`,
    parameters: [...parametersOf(url), ...queryOf(work ? background : query)],
    ...(body ? { requestBody: { required: true, content: { 'application/json': { schema: body } } } } : {}),
    responses: {
      200: {
        description: 'done',
        content: {
          [type ?? 'application/json']: { schema: answer },
          ...(list ? { 'text/csv': { schema: Type.String() } } : {}),
        },
      },
      ...(work ? { 202: ordered } : {}),
      default: refusal,
    },
    ...(open ? { security: [] } : {}),
  };
}

const parametersOf = (url: string): readonly object[] =>
  [...url.matchAll(/:(\w+)/g)].map(([, name]) => ({ name, in: 'path', required: true, schema: Type.String() }));

const queryOf = (query: TSchema | undefined): readonly object[] =>
  Object.entries((query?.['properties'] ?? {}) as Readonly<Record<string, TSchema>>).map(([name, schema]) => ({
    name,
    in: 'query',
    required: (query?.['required'] as readonly string[] | undefined)?.includes(name) ?? false,
    schema,
  }));
