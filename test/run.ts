/**
 * Runs test files, each in a process and process group of its own, and counts what they print. A file passes only when
 * it printed a result, ran at least one test, left with 0 and left nothing running.
 *
 *   node test/run.ts [--long | --all] [--limit-ms N] [directory or file …]
 *
 * `*.long.test.ts` are the tests that take long: of a directory they are left out, with --long nothing else is run, with --all both.
 * The last line is `N passed, N failed`, with `, N skipped` where files were skipped for want of programs, and `, N files left out`
 * where they said that they do not belong to this run.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, globSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';

type Counts = { readonly total: number; readonly passed: number };
type Timing = { readonly file: string; readonly name: string; readonly ms: number };
type Outcome = {
  readonly file: string;
  readonly passed: number;
  readonly failed: number;
  /** What is wrong with the file as a whole. */
  readonly complaints: readonly string[];
  /** Programs that were missing, or null where the file ran. */
  readonly missing: string | null;
  /** Why the file itself says that it does not belong to this run. */
  readonly left: string | null;
  readonly ms: number;
  readonly output: string;
  readonly timings: readonly Timing[];
  /** What was measured on the way. */
  readonly figures: readonly string[];
};

const defaultPlaces = ['test/core', 'test/edge', 'test/ui', 'test/house', 'test/web', 'test/flow'];
const everydayLimitMs = 120_000;
const flowLimitMs = 300_000;
/** How long a file may live on after its results, and its children after it. */
const graceMs = 2_000;
const maxOutput = 1_000_000;
/** Beside the flow stories, which mostly wait. As many as the cores that are counted on, also of booted machines. */
const workers = 2;
/** What one process has compiled the next does not: half of what starting a program costs. Coverage wants it exact. */
const compileCache = process.env['NODE_V8_COVERAGE'] ? undefined : resolve('build/compiled');
const slowestShown = 10;
const result = /^ {2}Total: {5}(\d+)\n {2}Passed: {4}(\d+)\n {2}Skipped: {3}\d+\n {2}Duration: .*$/m;
const ansi = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g');

const running = new Set<ChildProcess>();

async function runAll(files: readonly string[], limitMs: number | null): Promise<boolean> {
  const flows = files.filter(isFlow);
  const queue = files.filter((file) => !isFlow(file));
  const outcomes: Outcome[] = [];
  const work = async (from: string[], defaultLimitMs: number) => {
    for (let file = from.shift(); file !== undefined; file = from.shift()) {
      const outcome = await runFile(file, limitMs ?? (isBrowser(file) ? flowLimitMs : defaultLimitMs));
      outcomes.push(outcome);
      say(describe(outcome));
    }
  };
  // Flow stories mostly wait, and for real time: one after the other, beside the rest.
  await Promise.all([work(flows, flowLimitMs), ...Array.from({ length: workers }, () => work(queue, everydayLimitMs))]);
  return summarize(outcomes);
}

/** Named files, and below named directories all `*.test.ts` that are wanted, sorted. */
function findTests(places: readonly string[], isWanted: (path: string) => boolean): readonly string[] {
  const wanted = places.length > 0 ? places : defaultPlaces.filter((place) => existsSync(place));
  const found = wanted.flatMap((place) => {
    if (!existsSync(place)) throw new Error(`${place} is not there`);
    if (!statSync(place).isDirectory()) return place;
    return globSync('**/*.test.ts', { cwd: place })
      .filter(isWanted)
      .map((path) => join(place, path));
  });
  return [...new Set(found.map((path) => resolve(path)))].sort();
}

/** A browser is slow where many things run beside it. */
const isBrowser = (file: string): boolean => file.includes('/test/web/');
const isFlow = (file: string): boolean => file.includes('/test/flow/');

async function runFile(file: string, limitMs: number): Promise<Outcome> {
  const started = performance.now();
  const complaints: string[] = [];
  let output = '';
  let protocol = '';
  const child = spawn(process.execPath, [file], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, THINTRUST_TEST_TIMES: '1', THINTRUST_CHECK_ANSWERS: '1', NODE_COMPILE_CACHE: compileCache },
  });
  running.add(child);
  const stop = (complaint: string) => () => {
    complaints.push(complaint);
    killGroup(child);
  };
  const limitTimer = setTimeout(stop(`killed after ${limitMs} ms`), limitMs);
  let graceTimer: NodeJS.Timeout | null = null;

  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output = keepTail(output + text);
    if (graceTimer === null && readCounts(output))
      graceTimer = setTimeout(stop('did not end by itself after its results: an open handle'), graceMs);
  });
  // Lines for the runner begin with NUL; the rest is for people. A line may arrive in pieces.
  let rest = '';
  const sort = (lines: readonly string[]) => {
    for (const line of lines) {
      if (line.startsWith('\u0000')) protocol += `${line.slice(1)}\n`;
      else output = keepTail(`${output}${line}\n`);
    }
  };
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    sort(lines);
  });

  const exited = new Promise<void>((done) => {
    child.once('error', (error) => {
      complaints.push(error.message);
      done();
    });
    child.once('exit', async (_code, signal) => {
      clearTimeout(limitTimer);
      if (graceTimer !== null) clearTimeout(graceTimer);
      if (signal === null && !(await groupIsGone(child))) stop('left processes running')();
      done();
    });
  });
  const closed = new Promise<number | null>((done) => child.once('close', done));
  await exited;
  const code = await closed;
  running.delete(child);
  if (rest) sort([rest]);
  return judge({ file, code, complaints, output, protocol, ms: performance.now() - started });
}

type Ended = {
  readonly file: string;
  readonly code: number | null;
  readonly complaints: readonly string[];
  readonly output: string;
  readonly protocol: string;
  readonly ms: number;
};

function judge({ file, code, complaints: known, output, protocol, ms }: Ended): Outcome {
  const lines = protocol.split('\n').map((line) => line.split('\t'));
  const timings = lines.flatMap(([kind, name = '', took]) =>
    kind === 'time' ? [{ file, name, ms: Number(took) }] : [],
  );
  const missing = lines.find(([kind]) => kind === 'missing')?.[1] ?? null;
  const left = lines.find(([kind]) => kind === 'left')?.[1] ?? null;
  const figures = lines.flatMap(([kind, text = '']) => (kind === 'figure' ? [text] : []));
  const nothing = { file, passed: 0, failed: 0, missing, left, ms, output, timings, figures };
  if ((missing ?? left) !== null && code === 0) return { ...nothing, complaints: [] };
  const counts = readCounts(output);
  const complaints = [...known];
  if (missing !== null) complaints.push(`missing: ${missing}`);
  else if (counts === null) complaints.push('printed no result');
  else if (counts.total === 0) complaints.push('ran no test');
  const broken = counts === null ? 0 : counts.total - counts.passed;
  if (code !== 0 && broken === 0 && complaints.length === 0) complaints.push(`exit code ${code}`);
  const failed = broken + (complaints.length > 0 ? 1 : 0);
  return { ...nothing, missing: null, left: null, passed: counts?.passed ?? 0, failed, complaints };
}

/** What uvu prints at the end; the last one where a test prints another's. */
function readCounts(output: string): Counts | null {
  const at = output.lastIndexOf('  Total: ');
  const found = at < 0 ? null : result.exec(output.slice(at).replace(ansi, ''));
  return found ? { total: Number(found[1]), passed: Number(found[2]) } : null;
}

function summarize(outcomes: readonly Outcome[]): boolean {
  for (const outcome of outcomes.filter(({ failed }) => failed > 0))
    say(`\n--- ${nameOf(outcome.file)}: ${outcome.complaints.join('; ') || 'failed'}\n${outcome.output.trimEnd()}`);
  const timings = outcomes.flatMap((outcome) => outcome.timings).sort((a, b) => b.ms - a.ms);
  if (timings.length > 0) say('\nslowest');
  for (const { file, name, ms } of timings.slice(0, slowestShown))
    say(`${Math.round(ms).toString().padStart(8)} ms  ${basename(file)}: ${name}`);
  const measured = outcomes.filter(({ figures }) => figures.length > 0);
  if (measured.length > 0) say('\nmeasured');
  for (const { file, figures } of measured) for (const text of figures) say(`  ${basename(file)}: ${text}`);
  const skipped = outcomes.filter(({ missing }) => missing !== null);
  if (skipped.length > 0) say('\nskipped for want of programs; `make deps` as root brings them');
  for (const { file, missing } of skipped) say(`  ${nameOf(file)}: ${missing}`);
  const leftOut = outcomes.filter(({ left }) => left !== null);
  if (leftOut.length > 0) say('\nleft out of this run');
  for (const { file, left } of leftOut) say(`  ${nameOf(file)}: ${left}`);
  const passed = sum(outcomes.map((outcome) => outcome.passed));
  const failed = sum(outcomes.map((outcome) => outcome.failed));
  const tails = [
    skipped.length > 0 ? `, ${skipped.length} skipped` : '',
    leftOut.length > 0 ? `, ${leftOut.length} files left out` : '',
  ];
  say(`\n${passed} passed, ${failed} failed${tails.join('')}`);
  return failed === 0 && passed > 0;
}

function describe({ file, passed, failed, missing, left, ms }: Outcome): string {
  const verdict = missing !== null ? 'skip' : left !== null ? 'left' : failed > 0 ? 'FAIL' : 'ok  ';
  return `${verdict}  ${nameOf(file).padEnd(44)} ${passed.toString().padStart(6)} ${Math.round(ms).toString().padStart(8)} ms`;
}

const nameOf = (file: string): string => relative(process.cwd(), file);
const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
const keepTail = (text: string): string => (text.length > maxOutput ? text.slice(-maxOutput) : text);
const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // The group is gone already.
  }
}

async function groupIsGone(child: ChildProcess): Promise<boolean> {
  const until = performance.now() + graceMs;
  while (hasLivingMember(child.pid ?? 0)) {
    if (performance.now() > until) return false;
    await new Promise((wake) => setTimeout(wake, 50));
  }
  return true;
}

/** Zombies do not count: the first process of a container often reaps nothing. */
function hasLivingMember(group: number): boolean {
  try {
    process.kill(-group, 0);
  } catch {
    return false;
  }
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .some((pid) => {
      try {
        const [state, , pgrp] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
        return Number(pgrp) === group && state !== 'Z' && state !== 'X';
      } catch {
        return false;
      }
    });
}

const { values, positionals } = parseArgs({
  options: {
    'limit-ms': { type: 'string' },
    long: { type: 'boolean', default: false },
    all: { type: 'boolean', default: false },
  },
  allowPositionals: true,
});
const limit = values['limit-ms'] === undefined ? null : Number(values['limit-ms']);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => {
    for (const child of running) killGroup(child);
    process.exit(130);
  });
const isWanted = (path: string): boolean => values.all || path.endsWith('.long.test.ts') === values.long;
process.exitCode = (await runAll(findTests(positionals, isWanted), limit)) ? 0 : 1;
