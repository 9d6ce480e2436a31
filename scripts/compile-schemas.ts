/**
 * Compiles `protocol/schema.ts` into `build/validators.js` ahead of time: plain functions, no `new Function`, no ajv and
 * no TypeBox at run time. What ajv's standalone code requires is bundled in.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import standalone from 'ajv/dist/standalone/index.js';
import { buildSync } from 'esbuild';
import * as schemas from '../protocol/schema.ts';

const ajv = new Ajv({ code: { source: true, esm: true, lines: false }, strict: true, allErrors: false });
const names = Object.keys(schemas);
for (const [name, schema] of Object.entries(schemas)) ajv.addSchema(schema, name);
const source = standalone.default(ajv, Object.fromEntries(names.map((name) => [name, name])));

const bundled = buildSync({
  stdin: { contents: source, resolveDir: process.cwd(), loader: 'js' },
  bundle: true,
  write: false,
  format: 'esm',
  platform: 'node',
  target: 'node20',
});
mkdirSync('build', { recursive: true });
const code = bundled.outputFiles[0]?.text;
if (!code) throw new Error('esbuild gave no output');
writeFileSync('build/validators.js', code);
const declaration =
  'export type Validator = { (value: unknown): boolean; errors?: { instancePath: string; keyword: string }[] | null };\n';
writeFileSync(
  'build/validators.d.ts',
  declaration + names.map((name) => `export const ${name}: Validator;\n`).join(''),
);
