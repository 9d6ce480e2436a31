/**
 * The one way tests are written here. `test` and `table` register with uvu; the suite runs by itself once the module
 * has been read, so a forgotten `.run()` cannot hide a file. `test/run.ts` gives each file a process of its own.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { findProgram } from './programs.ts';

export { assert };

const tests = suite(process.argv[1]?.split('/').slice(-2).join('/') ?? 'tests');
const names = new Set<string>();
let skipped = false;
let running = false;

process.on('exit', () => {
  // Measurements use what tests use.
  if (names.size > 0 || skipped || !process.argv[1]?.endsWith('.test.ts')) return;
  process.stderr.write('this file registers no test\n');
  process.exitCode = 1;
});

/**
 * Stands at the top of a file that cannot run without these programs (or `root`, `node20`: see `findProgram`). Where one
 * is missing, the file ends here: skipped by name on a developer's machine, failed where CI=true.
 */
export function needs(programs: readonly string[]): void {
  const missing = programs.filter((name) => findProgram(name) === null);
  if (missing.length === 0) return;
  skipped = true;
  process.stderr.write(`\u0000missing\t${missing.join(' ')}\n`);
  process.exit(process.env['CI'] === 'true' ? 1 : 0);
}

/** Stands at the top of a file that does not belong to this run; the runner says so, and counts it as left out. */
export function leaveOut(why: string): never {
  skipped = true;
  process.stderr.write(`\u0000left\t${why}\n`);
  process.exit(0);
}

/** One named case. Names are unique in a file; all are registered before the first of them runs. */
export function test(name: string, run: () => void | Promise<void>): void {
  if (running) throw new Error(`"${name}" is registered too late: no top-level await between tests`);
  if (names.has(name)) throw new Error(`two tests are named "${name}"`);
  names.add(name);
  tests(name, async () => {
    const started = performance.now();
    await run();
    if (process.env['THINTRUST_TEST_TIMES'])
      process.stderr.write(`\u0000time\t${name}\t${performance.now() - started}\n`);
  });
  if (names.size > 1) return;
  setImmediate(() => {
    running = true;
    tests.run();
  });
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

/** Something measured on the way, which the runner prints after the tests. */
export const figure = (text: string): void => void process.stderr.write(`\u0000figure\t${text}\n`);

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
