/**
 * The one way tests are written here. `test` and `table` register with uvu; the suite runs by itself once the module
 * has been read, so a forgotten `.run()` cannot hide a file. `test/run.ts` gives each file a process of its own.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

export { assert };

const tests = suite(process.argv[1]?.split('/').slice(-2).join('/') ?? 'tests');
const names = new Set<string>();
let scheduled = false;

/** One named case. Names are unique in a file. */
export function test(name: string, run: () => void | Promise<void>): void {
  if (names.has(name)) throw new Error(`two tests are named "${name}"`);
  names.add(name);
  tests(name, async () => {
    const started = performance.now();
    await run();
    if (process.env['THINTRUST_TEST_TIMES'])
      process.stderr.write(`\u0000time\t${name}\t${performance.now() - started}\n`);
  });
  if (scheduled) return;
  scheduled = true;
  setImmediate(() => tests.run());
}

/** A table of cases, each `{ name, … }`. Refuses an empty table and two rows of one name. */
export function table<Row extends { readonly name: string }>(
  title: string,
  rows: readonly Row[],
  check: (row: Row) => void | Promise<void>,
): void {
  if (rows.length === 0) throw new Error(`the table "${title}" is empty`);
  for (const row of rows) test(`${title}: ${row.name}`, () => check(row));
}

/** `assert.throws` does not see rejections, so asynchronous refusals are checked by this. */
export async function rejects(run: () => Promise<unknown>, message?: RegExp): Promise<void> {
  let thrown: unknown;
  try {
    await run();
  } catch (error) {
    thrown = error;
  }
  assert.ok(thrown, 'expected a rejection');
  if (message) assert.match(String(thrown), message);
}
