import { assert, table, test } from '../harness.ts';
import { checkImports } from './import-rule.ts';
import { importsOf, readSources } from './sources.ts';

const badRows = [
  { name: 'core to edge', path: 'agent/core/a.ts', text: `import { b } from '../edge/b.ts';` },
  { name: 'core to edge, types too', path: 'agent/core/a.ts', text: `import type { B } from '../edge/b.ts';` },
  { name: 'core to loop', path: 'agent/core/a.ts', text: `import { b } from '../loop.ts';` },
  { name: 'loop to edge', path: 'agent/loop.ts', text: `import { b } from './edge/b.ts';` },
  { name: 'edge to main', path: 'agent/edge/a.ts', text: `import { b } from '../main.ts';` },
  { name: 'core to native', path: 'agent/core/a.ts', text: `import { b } from '../../native/path.ts';` },
  { name: 'protocol to core', path: 'protocol/a.ts', text: `import { b } from '../agent/core/b.ts';` },
  { name: 'agent to server', path: 'agent/edge/a.ts', text: `import { b } from '../../server/core/b.ts';` },
  { name: 'server to agent', path: 'server/main.ts', text: `import { b } from '../agent/core/b.ts';` },
  { name: 'ui to agent', path: 'ui/main.ts', text: `import type { B } from '../agent/core/b.ts';` },
  { name: 'server core to its edge', path: 'server/core/a.ts', text: `export { b } from '../edge/b.ts';` },
  { name: 'anyone to a test', path: 'server/edge/a.ts', text: `import { b } from '../../test/harness.ts';` },
  { name: 'words to ui', path: 'words/a.ts', text: `import { b } from '../ui/b.ts';` },
  { name: 'a dynamic import', path: 'ui/a.ts', text: `const b = await import('../agent/core/b.ts');` },
  { name: 'an import over several lines', path: 'ui/a.ts', text: `import {\n  b,\n  c,\n} from '../server/b.ts';` },
  { name: 'a bare import', path: 'ui/a.ts', text: `import '../server/b.ts';` },
  {
    name: 'schema values on the device',
    path: 'agent/edge/a.ts',
    text: `import { policy } from '../../protocol/schema.ts';`,
  },
  { name: 'schema values in protocol', path: 'protocol/a.ts', text: `import * as schema from './schema.ts';` },
  { name: 'schema with inline types', path: 'ui/a.ts', text: `import { type Policy } from '../protocol/schema.ts';` },
  { name: 'TypeBox on the device', path: 'agent/core/a.ts', text: `import { Type } from '@sinclair/typebox';` },
  { name: 'ajv on the device', path: 'ui/a.ts', text: `import { Ajv } from 'ajv/dist/2020.js';` },
  {
    name: 'the validators by the back door',
    path: 'agent/core/a.ts',
    text: `import { validators } from '../../build/validators.js';`,
  },
  { name: 'schema values in the browser', path: 'server/web/a.tsx', text: `import { b } from '../api/b.ts';` },
  { name: 'TypeBox in the browser', path: 'server/web/a.ts', text: `import { Type } from '@sinclair/typebox';` },
  { name: 'the Web Console to the edge', path: 'server/web/a.ts', text: `import type { B } from '../edge/b.ts';` },
  { name: 'the rest of the core in the browser', path: 'server/web/a.ts', text: `import { b } from '../core/b.ts';` },
  {
    name: 'what is judged in the browser too to more of the core',
    path: 'server/core/user.ts',
    text: `import { totp } from './totp.ts';`,
  },
  { name: 'Node in the browser', path: 'server/web/a.ts', text: `import { join } from 'node:path';` },
  { name: 'a folder nobody planned', path: 'common/a.ts', text: `import { b } from './b.ts';` },
];

table('checkImports refuses', badRows, (source) => {
  assert.is(checkImports(source).length, 1);
});

const goodRows = [
  { name: 'main to everything of its own', path: 'agent/main.ts', text: `import { b } from './edge/b.ts';` },
  { name: 'edge to core', path: 'agent/edge/a.ts', text: `import { b } from '../core/b.ts';` },
  { name: 'edge to native', path: 'server/edge/a.ts', text: `import { b } from '../../native/path.ts';` },
  { name: 'core to protocol', path: 'server/core/a.ts', text: `import { b } from '../../protocol/b.ts';` },
  { name: 'a zone to itself', path: 'ui/a.ts', text: `import { b } from './view/b.ts';` },
  { name: 'anyone to words', path: 'agent/cli/a.ts', text: `import { en } from '../../words/en.ts';` },
  { name: 'schema types', path: 'agent/core/a.ts', text: `import type { Policy } from '../../protocol/schema.ts';` },
  {
    name: 'schema values on the server',
    path: 'server/edge/a.ts',
    text: `import { policy } from '../../protocol/schema.ts';`,
  },
  {
    name: 'the validators, from their one door',
    path: 'protocol/validate.ts',
    text: `import { validators } from '../build/validators.js';`,
  },
  {
    name: 'the Web Console to types of the API',
    path: 'server/web/a.tsx',
    text: `import type { B } from '../api/b.ts';`,
  },
  {
    name: 'what server and browser judge alike',
    path: 'server/web/a.tsx',
    text: `import { judgePassword } from '../core/user.ts';`,
  },
  { name: 'shared schemas to the core', path: 'server/api/a.ts', text: `import { b } from '../core/b.ts';` },
  { name: 'a test', path: 'test/flow/a.test.ts', text: `import { b } from '../../server/edge/b.ts';` },
  { name: 'a path in a comment', path: 'ui/a.ts', text: `/** See '../server/b.ts'. */` },
];

table('checkImports takes', goodRows, (source) => {
  assert.equal(checkImports(source), []);
});

test('importsOf reads names', () => {
  assert.equal(importsOf(`import { a, type B, c as d } from './e.ts';\nimport f from 'g';`), [
    { from: './e.ts', typeOnly: false, names: ['a', 'c'] },
    { from: 'g', typeOnly: false, names: null },
  ]);
});

test('the sources keep the direction of imports', () => {
  const sources = readSources();
  assert.ok(sources.some(({ path }) => path === 'protocol/validate.ts'));
  assert.ok(sources.flatMap(({ text }) => importsOf(text)).length > sources.length);
  assert.is(sources.flatMap(checkImports).join('\n'), '');
});
