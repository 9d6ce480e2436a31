import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { assert, table, test } from '../harness.ts';

const harness = fileURLToPath(new URL('../harness.ts', import.meta.url));
const runner = fileURLToPath(new URL('../run.ts', import.meta.url));
const head = `import { assert, leaveOut, needs, test } from ${JSON.stringify(harness)};\n`;

const passing = `${head}test('one', () => {}); test('two', async () => {});`;
const failing = `${head}test('good', () => {}); test('bad', () => assert.is(1, 2));`;

/** Says that it is there, waits for the other to say so, and is busy a little longer. */
const meeting = (
  own: string,
  other: string,
): string => `${head}import { existsSync, rmSync, writeFileSync } from 'node:fs';
  const [own, other] = ['${own}', '${other}'].map((name) => import.meta.dirname + '/../' + name);
  const wait = (ms) => new Promise((wake) => setTimeout(wake, ms));
  test('one', async () => {
    for (const mark of [own, own + '-busy']) writeFileSync(mark, '');
    while (!existsSync(other)) await wait(10);
    await wait(300);
    rmSync(own + '-busy');
  });`;

type Row = {
  readonly name: string;
  readonly files: { readonly [name: string]: string };
  readonly last: string;
  readonly says?: RegExp;
  readonly limitMs?: number;
  readonly kind?: '--long' | '--all';
  readonly ci?: boolean;
};

const rows: readonly Row[] = [
  { name: 'a passing file', files: { a: passing }, last: '2 passed, 0 failed', says: /ok .*a\.test\.ts/ },
  { name: 'a failing file', files: { a: failing }, last: '1 passed, 1 failed', says: /FAIL.*"bad"/s },
  { name: 'good and bad together', files: { a: passing, b: failing }, last: '3 passed, 1 failed' },
  { name: 'no file at all', files: {}, last: '0 passed, 0 failed' },
  { name: 'an empty file', files: { a: '' }, last: '0 passed, 1 failed', says: /printed no result/ },
  {
    name: 'a file that registers no test',
    files: { a: head },
    last: '0 passed, 1 failed',
    says: /this file registers no test/,
  },
  {
    name: 'a suite of nothing',
    files: { a: `import { suite } from ${JSON.stringify(import.meta.resolve('uvu'))}; suite('x').run();` },
    last: '0 passed, 1 failed',
    says: /ran no test/,
  },
  {
    name: 'a file that throws while it is read',
    files: { a: `${head}test('one', () => {}); throw new Error('at import');` },
    last: '0 passed, 1 failed',
    says: /at import/,
  },
  {
    name: 'a file that leaves before its tests ran',
    files: { a: `${head}test('one', () => process.exit(0));` },
    last: '0 passed, 1 failed',
    says: /printed no result/,
  },
  {
    name: 'a file that passes and leaves with another code',
    files: { a: `${head}test('one', () => {}); process.on('exit', () => { process.exitCode = 3; });` },
    last: '1 passed, 1 failed',
    says: /exit code 3/,
  },
  {
    name: 'a test that never ends',
    files: { a: `${head}test('one', () => new Promise(() => setInterval(() => {}, 1000)));` },
    last: '0 passed, 1 failed',
    says: /killed after 1500 ms/,
    limitMs: 1500,
  },
  {
    name: 'an open handle after good results',
    files: { a: `${head}test('one', () => { setInterval(() => {}, 1000); });` },
    last: '1 passed, 1 failed',
    says: /open handle/,
  },
  {
    name: 'a process left behind',
    files: {
      a: `${head}import { spawn } from 'node:child_process';
        test('one', () => { spawn('sleep', ['60'], { stdio: 'ignore' }).unref(); });`,
    },
    last: '1 passed, 1 failed',
    says: /left processes running/,
  },
  {
    name: 'a test registered too late',
    files: {
      a: `${head}test('one', () => {}); await new Promise((wake) => setTimeout(wake, 50)); test('two', () => {});`,
    },
    last: '1 passed, 1 failed',
    says: /registered too late/,
  },
  {
    name: 'two tests of one name',
    files: { a: `${head}test('one', () => {}); test('one', () => {});` },
    last: '0 passed, 1 failed',
    says: /two tests are named "one"/,
  },
  {
    name: 'a missing program on a developer machine',
    files: { a: passing, b: `${head}needs(['no-such-program', 'sh']); test('one', () => {});` },
    last: '2 passed, 0 failed, 1 skipped',
    says: /skipped for want of programs.*b\.test\.ts: no-such-program\n/s,
  },
  {
    name: 'a missing program in CI',
    files: { a: passing, b: `${head}needs(['no-such-program']); test('one', () => {});` },
    last: '2 passed, 1 failed',
    says: /missing: no-such-program/,
    ci: true,
  },
  {
    name: 'programs that are there',
    files: { a: `${head}needs(['sh']); test('one', () => {});` },
    last: '1 passed, 0 failed',
    ci: true,
  },
  {
    name: 'the slowest are named',
    files: { a: `${head}test('slow one', () => new Promise((wake) => setTimeout(wake, 30)));` },
    last: '1 passed, 0 failed',
    says: /slowest\n +\d+ ms {2}a\.test\.ts: slow one/,
  },
  {
    name: 'long tests are left out of a directory',
    files: { a: passing, 'b.long': failing },
    last: '2 passed, 0 failed',
  },
  {
    name: 'long tests alone',
    files: { a: failing, 'b.long': passing },
    last: '2 passed, 0 failed',
    kind: '--long',
  },
  {
    name: 'long tests and the others',
    files: { a: passing, 'b.long': failing },
    last: '3 passed, 1 failed',
    kind: '--all',
  },
  {
    name: 'a file that does not belong to this run, in CI too',
    files: { a: passing, b: `${head}leaveOut('it has no wheels'); test('one', () => {});` },
    last: '2 passed, 0 failed, 1 files left out',
    says: /left out of this run\n +\S*b\.test\.ts: it has no wheels\n/,
    ci: true,
  },
  {
    name: 'flow tests go one after the other, beside the rest',
    files: {
      'test/flow/a': meeting('a', 'b'),
      'test/flow/c': `${head}import { existsSync } from 'node:fs';
        test('one', () => assert.not.ok(existsSync(import.meta.dirname + '/../a-busy')));`,
      'test/ui/b': meeting('b', 'a'),
    },
    last: '3 passed, 0 failed',
    limitMs: 20_000,
  },
];

table('run', rows, ({ files, last, says, limitMs, kind, ci }) => {
  const folder = mkdtempSync(join(tmpdir(), 'thintrust-run-'));
  try {
    for (const [name, source] of Object.entries(files)) {
      mkdirSync(join(folder, name, '..'), { recursive: true });
      writeFileSync(join(folder, `${name}.test.ts`), source);
    }
    const options = [...(limitMs ? ['--limit-ms', String(limitMs)] : []), ...(kind ? [kind] : [])];
    const { status, output } = run([...options, folder], ci ?? false);
    assert.is(output.trimEnd().split('\n').at(-1), last, output);
    if (says) assert.match(output, says);
    assert.is(status, / 0 failed/.test(last) && !last.startsWith('0 ') ? 0 : 1);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a place that is not there is an error', () => {
  const { status, output } = run(['/no/such/place'], false);
  assert.is(status, 1);
  assert.match(output, /is not there/);
});

function run(args: readonly string[], ci: boolean): { readonly status: number | null; readonly output: string } {
  const { NODE_V8_COVERAGE: _, ...inherited } = process.env;
  const env = { ...inherited, CI: String(ci) };
  const { status, stdout, stderr } = spawnSync(process.execPath, [runner, ...args], { env, encoding: 'utf8' });
  return { status, output: stdout + stderr };
}
