/**
 * Compiles `protocol/schema.ts`, `protocol/local.ts` and `protocol/session.ts` into `build/validators.js` ahead of time: plain functions, no `new Function`, no ajv and
 * no TypeBox at run time. What ajv's standalone code requires is bundled in.
 *
 * A sub-schema that occurs more than once becomes a function of its own, called by reference: inlined everywhere, the
 * same code was ten times as long.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import standalone from 'ajv/dist/standalone/index.js';
import { buildSync } from 'esbuild';
import * as local from '../protocol/local.ts';
import * as wire from '../protocol/schema.ts';
import * as session from '../protocol/session.ts';

type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

/** A shorter check (`{"type":"null"}`) is not worth a call. */
const minSharedLength = 30;

const schemas = { ...wire, ...local, ...session };
const names = Object.keys(schemas);
const ajv = new Ajv({
  code: { source: true, esm: true, lines: false },
  strict: true,
  allErrors: false,
  messages: false,
  inlineRefs: false,
});
for (const [id, schema] of shareParts(Object.entries(schemas).map(([name, schema]) => [name, toPlain(schema)])))
  ajv.addSchema(schema, id);
const functions = standalone.default(ajv, Object.fromEntries(names.map((name) => [name, name])));
// One record instead of an export for each, so that a validator can be looked up by its name.
const whole = `${functions.replace(/export const (\w+ = validate)/g, 'const $1')}\nexport const validators = { ${names.join(', ')} };`;
// Nobody reads more of an error than its place and its rule, and no rule looks at what surrounds its value; the rest is
// half of the code.
const source = whole
  .replace(/,schemaPath:"(?:[^"\\]|\\.)*"|,params:\{(?:"(?:[^"\\]|\\.)*"|[^{}"])*\}/g, '')
  .replace(/, ?parentData(?:: ?\w+)?, ?parentDataProperty(?:: ?(?:\w+|"(?:[^"\\]|\\.)*"))?, ?rootData(?:=\w+)?/g, '');
if (/schemaPath|params|parentData|rootData/.test(source))
  throw new Error('ajv writes its validators in another way now');

const bundled = buildSync({
  stdin: { contents: source, resolveDir: process.cwd(), loader: 'js' },
  bundle: true,
  minify: true,
  write: false,
  metafile: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
});
const code = bundled.outputFiles[0]?.text;
if (!code) throw new Error('esbuild gave no output');
if (Object.values(bundled.metafile.outputs).some((output) => output.imports.length > 0))
  throw new Error('the validators would load something at run time');
mkdirSync('build', { recursive: true });
writeFileSync('build/validators.js', code);
writeFileSync(
  'build/validators.d.ts',
  `type Validator = { (value: unknown): boolean; errors?: { instancePath: string; keyword: string }[] | null };
export const validators: { readonly [name in ${names.map((name) => `'${name}'`).join(' | ')}]: Validator };
`,
);

/** JSON Schema without TypeBox's symbols; a literal needs no type beside it, and a union of literals is an `enum`. */
function toPlain(schema: unknown): Json {
  return JSON.parse(JSON.stringify(schema), (_key, value) => {
    if (value !== null && typeof value === 'object' && 'const' in value) return { const: value.const };
    const choices: unknown = value?.anyOf;
    if (!Array.isArray(choices) || !choices.every((choice) => 'const' in choice)) return value;
    return { enum: choices.map((choice) => choice.const) };
  });
}

/** Every named schema, and every part that occurs at least twice, with references in place of the parts. */
function shareParts(
  named: readonly (readonly [string, Json])[],
): ReadonlyMap<string, { readonly [name: string]: Json }> {
  const uses = new Map<string, number>();
  for (const [, schema] of named) visit(schema, (key) => uses.set(key, (uses.get(key) ?? 0) + 1));
  const ids = new Map<string, string>(named.map(([name, schema]) => [JSON.stringify(schema), name]));
  for (const [key, count] of uses)
    if (count > 1 && key.length > minSharedLength && !ids.has(key)) ids.set(key, `part${ids.size}`);
  return new Map([...ids].map(([key, id]) => [id, { $id: id, ...inner(JSON.parse(key), ids) }]));
}

function visit(schema: Json, found: (key: string) => void): void {
  found(JSON.stringify(schema));
  children(schema, (child) => {
    visit(child, found);
    return child;
  });
}

function inner(schema: Json, ids: ReadonlyMap<string, string>): { readonly [name: string]: Json } {
  return children(schema, (child) => {
    const id = ids.get(JSON.stringify(child));
    return id === undefined ? inner(child, ids) : { $ref: id };
  });
}

/** The schema with each direct sub-schema replaced, for the keywords that `protocol/schema.ts` uses. */
function children(schema: Json, replace: (child: Json) => Json): { readonly [name: string]: Json } {
  if (!isObject(schema)) throw new Error(`not a schema: ${JSON.stringify(schema)}`);
  return Object.fromEntries(
    Object.entries(schema).map(([keyword, value]) => {
      if (keyword === 'items') return [keyword, replace(value)];
      if (Array.isArray(value) && keyword === 'anyOf') return [keyword, value.map(replace)];
      if (isObject(value) && (keyword === 'properties' || keyword === 'patternProperties'))
        return [keyword, Object.fromEntries(Object.entries(value).map(([name, child]) => [name, replace(child)]))];
      return [keyword, value];
    }),
  );
}

function isObject(value: Json): value is { readonly [name: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
