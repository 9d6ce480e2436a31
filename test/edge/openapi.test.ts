/** The description of the API: whole, in itself consistent, and what a server answers is what it says. */

import type { TSchema } from '@sinclair/typebox';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { metricsType } from '../../protocol/open-metrics.ts';
import { allAdminRoutes } from '../../server/edge/admin-door.ts';
import { sessionRoutes } from '../../server/edge/session-routes.ts';
import { addPerson, password, withConsole } from '../fakes/web-client.ts';
import { assert, table, test } from '../harness.ts';

type Parameter = { readonly name: string; readonly in: string; readonly required: boolean; readonly schema: object };
type Operation = {
  readonly operationId: string;
  readonly parameters: readonly Parameter[];
  readonly requestBody?: { readonly content: { readonly 'application/json': { readonly schema: object } } };
  readonly responses: {
    readonly 200: { readonly content: { readonly [type: string]: { readonly schema: object } } };
  };
};
type Api = {
  readonly openapi: string;
  readonly servers: readonly { readonly url: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
};

/** Whether a schema says anything at all of what it describes. */
const says = (schema: TSchema | undefined): boolean => {
  if (!schema) return false;
  if (Array.isArray(schema['anyOf'])) return schema['anyOf'].every(says);
  if (schema['type'] === 'array') return says(schema['items']);
  if (schema['type'] === 'object') return 'properties' in schema;
  return 'type' in schema || 'const' in schema;
};

table(
  'a route says what it answers',
  [...allAdminRoutes, ...sessionRoutes].map(({ method, url, answer }) => ({ name: `${method} ${url}`, answer })),
  ({ answer }) => assert.ok(says(answer), 'no schema of the answer, or one that anything fits'),
);

test('every route is described once, with its parameters, by schemas of JSON Schema 2020-12; answers hold to them', () =>
  withConsole(async (console) => {
    await addPerson(console, 'olga', 'officer', 'administrator');
    const page = console.page();
    await page.signIn('olga', password);
    const api = (await page.ask('GET', '/openapi.json')).body as Api;
    assert.is(api.openapi, '3.1.0');
    assert.is(api.servers[0]?.url, '/api/v1');
    const operations = Object.entries(api.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
    );
    assert.equal(
      operations.map(({ path, method }) => `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ':$1')}`).sort(),
      [...allAdminRoutes, ...sessionRoutes].map(({ method, url }) => `${method} ${url}`).sort(),
    );
    assert.is(new Set(operations.map(({ operation }) => operation.operationId)).size, operations.length);
    const ajv = new Ajv2020({ strict: false, validateSchema: true });
    let answered = 0;
    for (const { path, method, operation } of operations) {
      const inPath = operation.parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name);
      assert.equal(
        inPath,
        [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name),
      );
      const { content } = operation.responses[200];
      const schema = content['application/json']?.schema;
      if (!schema) {
        assert.equal(Object.keys(content), [metricsType], `${path}: the one answer that is text`);
        continue;
      }
      const body = operation.requestBody?.content['application/json'].schema;
      for (const each of [schema, ...(body ? [body] : []), ...operation.parameters.map((one) => one.schema)])
        ajv.compile(each);
      if (method !== 'get' || path.includes('{')) continue;
      const { status, body: value } = await page.ask('GET', path);
      if (status !== 200) continue;
      const fits = ajv.compile(schema);
      assert.ok(fits(value), `${path}: ${JSON.stringify(fits.errors)}`);
      answered++;
    }
    assert.ok(answered > 15, `${answered}`);
  }));
