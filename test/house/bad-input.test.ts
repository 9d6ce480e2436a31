/** docs/bad-input.md names tests and fault codes; none of them may be gone. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { faultKinds } from '../../protocol/fault.ts';
import { assert, test } from '../harness.ts';

const path = (name: string): string => fileURLToPath(new URL(`../../${name}`, import.meta.url));
const rows = readFileSync(path('docs/bad-input.md'), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| surface'))
  .map((line) => line.split('|').map((cell) => cell.trim()));

test('every row has a bound and names tests that are there', () => {
  assert.ok(rows.length > 40);
  for (const [, surface, bound, , tests = ''] of rows) {
    const named = [...tests.matchAll(/`((?:core|edge|ui)\/[a-z-]+)`/g)].map(([, name]) => `test/${name}.test.ts`);
    assert.ok(bound && named.length > 0, surface);
    for (const name of named) assert.ok(existsSync(path(name)), `${surface}: ${name}`);
  }
});

test('where 10⁴ runs are promised, a test of the row has them', () => {
  for (const [, surface, , , tests = ''] of rows.filter(([, , , , last]) => last?.includes('10⁴'))) {
    const named = [...tests.matchAll(/`((?:core|edge|ui)\/[a-z-]+)`/g)].map(([, name]) => `test/${name}.test.ts`);
    const many = named.filter((name) => readFileSync(path(name), 'utf8').includes('numRuns: 10_000'));
    assert.ok(many.length > 0, surface);
  }
});

test('every code in it is a fault', () => {
  for (const [, surface, , faults = ''] of rows)
    for (const [, code = ''] of faults.matchAll(/`([a-z-]+)`/g)) assert.ok(code in faultKinds, `${surface}: ${code}`);
});
