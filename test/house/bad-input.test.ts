/** docs/bad-input.md names tests, fault codes and audit events; none of them may be gone. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { faultKinds } from '../../protocol/fault.ts';
import { assert, test } from '../harness.ts';

const path = (name: string): string => fileURLToPath(new URL(`../../${name}`, import.meta.url));
const page = readFileSync(path('docs/bad-input.md'), 'utf8');
const rowsOf = (text: string, head: string): readonly string[][] =>
  text
    .split('\n')
    .filter((line) => line.startsWith('| ') && !line.startsWith(`| ${head} |`))
    .map((line) => line.split('|').map((cell) => cell.trim()));
const [recorded = '', surfaces = ''] = page.split(/^## Protocol$/m);
const rows = rowsOf(surfaces, 'surface');

const testsIn = (cell: string): readonly string[] =>
  [...cell.matchAll(/`((?:core|edge|ui)\/[a-z-]+(?:\.long)?)`/g)].map(([, name]) => `test/${name}.test.ts`);

test('every row has a bound and names tests that are there', () => {
  assert.ok(rows.length > 40);
  for (const [, surface, bound, , tests = ''] of rows) {
    const named = testsIn(tests);
    assert.ok(bound && named.length > 0, surface);
    for (const name of named) assert.ok(existsSync(path(name)), `${surface}: ${name}`);
  }
});

test('where 10⁴ runs are promised, a test of the row has them', () => {
  for (const [, surface, , , tests = ''] of rows.filter(([, , , , last]) => last?.includes('10⁴'))) {
    const named = testsIn(tests);
    const many = named.filter((name) => readFileSync(path(name), 'utf8').includes('numRuns: 10_000'));
    assert.ok(many.length > 0, surface);
  }
});

test('every code in it is a fault', () => {
  for (const [, surface, , faults = ''] of rows)
    for (const [, code = ''] of faults.matchAll(/`([a-z-]+)`/g)) assert.ok(code in faultKinds, `${surface}: ${code}`);
});

test('every event it promises is written by the side it names, and its tests are there', () => {
  const sources = (folder: string): string =>
    readdirSync(path(folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => readFileSync(path(`${folder}/${name}`), 'utf8'))
      .join('\n');
  const written = { agent: sources('agent/core'), server: sources('server/edge') };
  const events = rowsOf(recorded, 'refused');
  assert.ok(events.length > 10);
  for (const [, what, by = '', event = '', tests = ''] of events) {
    const name = event.replaceAll('`', '');
    assert.ok(by === 'agent' || by === 'server', what);
    assert.ok(written[by].includes(`'${name}'`), `${what}: ${name}`);
    const named = [...tests.matchAll(/`((?:core|edge)\/[a-z-]+)`/g)].map(([, file]) => `test/${file}.test.ts`);
    assert.ok(named.length > 0, what);
    for (const file of named) assert.ok(existsSync(path(file)), `${what}: ${file}`);
  }
});
