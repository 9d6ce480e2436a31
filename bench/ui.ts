/**
 * The console screens: process start to the first byte of a frame, beside bare Node in the same kind of terminal; and a
 * key to its frame, in process and through a real terminal. The agent is a fake that lists 60 certificates.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { bundleProgram, copyCompanions, programs } from '../scripts/bundler.ts';
import { serveConsoleAgent } from '../test/fakes/console-agent.ts';
import { arrive, play, started, tools } from '../test/ui/playing.ts';
import { manyCertificates, registered } from '../test/ui/statuses.ts';
import type { Model } from '../ui/model.ts';
import { update } from '../ui/update.ts';
import { view } from '../ui/view.ts';
import type { Row } from './row.ts';

type Spread = { readonly p50: number; readonly p99: number };

const starts = 15;
const keys = 300;
const keysInProcess = 5000;
/** One frame of a 60 Hz screen. */
const keyGoalMs = 16;
const startGoalMs = 100;
const status = { ...registered, certificates: [...manyCertificates] };
const down = '\u001b[B';

export async function benchUi(): Promise<Row[]> {
  const folder = await mkdtemp(join(tmpdir(), 'thintrust-bench-ui-'));
  const agent = await serveConsoleAgent(join(folder, 'console.sock'), { ...status });
  try {
    const program = programs.find(({ out }) => out === 'thintrust-ui');
    if (!program) throw new Error('there is no thintrust-ui to bundle');
    copyCompanions(folder);
    await bundleProgram(program, folder);
    const command = `${join(folder, 'thintrust-ui.cjs')} --runtime ${folder} --allow-exit`;
    const bare = await spreadOf(starts, () => bareNode());
    const first = await spreadOf(starts, () => firstFrame(command));
    const overTerminal = await keysToFrames(command);
    const within = keysInModel();
    return [
      {
        what: 'console: start to the first byte of a frame, p50',
        figure: ms(first.p50),
        floor: `${ms(bare.p50)} (node -e 0 in the same terminal)`,
        goal: `≤ bare + ${startGoalMs} ms`,
        met: first.p50 <= bare.p50 + startGoalMs,
      },
      keyRow('console: key to frame in a terminal', overTerminal, `${ms(within.p50)} / ${ms(within.p99)} (in process)`),
      keyRow('console: key to frame in process', within, '0 ms'),
    ];
  } finally {
    await agent.close();
    await rm(folder, { recursive: true, force: true });
  }
}

const ms = (value: number): string => `${value.toFixed(value < 10 ? 2 : 0)} ms`;

const keyRow = (what: string, { p50, p99 }: Spread, floor: string): Row => ({
  what: `${what}, p50 / p99`,
  figure: `${ms(p50)} / ${ms(p99)}`,
  floor,
  goal: `≤ ${keyGoalMs} ms`,
  met: p99 <= keyGoalMs,
});

/** A command in a pseudo-terminal of 80×24, by util-linux `script`. */
const inTerminal = (command: string): ChildProcessWithoutNullStreams =>
  spawn('script', ['-qfec', `stty cols 80 rows 24; exec ${process.execPath} ${command}`, '/dev/null'], {
    env: { ...process.env, TERM: 'linux', LANG: 'C.UTF-8', THINTRUST_LANG: 'en' },
  });

async function bareNode(): Promise<number> {
  const begun = performance.now();
  const child = inTerminal('-e 0');
  child.stdout.resume();
  await new Promise((resolve) => child.once('close', resolve));
  return performance.now() - begun;
}

async function firstFrame(command: string): Promise<number> {
  const begun = performance.now();
  const child = inTerminal(command);
  await shows(child, /Device service/);
  const took = performance.now() - begun;
  await leave(child);
  return took;
}

async function keysToFrames(command: string): Promise<Spread> {
  const child = inTerminal(command);
  await shows(child, /Needs attention|Nothing needs|connected/);
  child.stdin.write('\t\t\t\t\r');
  await shows(child, /Pre-flight/);
  child.stdin.write(`${down}\r`);
  await shows(child, /rdp-01/);
  const taken: number[] = [];
  for (let index = 0; index < keys; index++) {
    // Clear of the key before. Nothing in the list runs, so the next bytes are the answer to this one.
    await new Promise((resolve) => setTimeout(resolve, 5));
    const begun = performance.now();
    child.stdin.write(index % 100 < 50 ? down : '\u001b[A');
    await shows(child, /./);
    taken.push(performance.now() - begun);
  }
  await leave(child);
  return spread(taken);
}

/** Until what the program writes from now on matches. */
function shows(child: ChildProcessWithoutNullStreams, wanted: RegExp): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = '';
    const gone = (): void => reject(new Error(`the console ended before it showed ${wanted}: ${text.slice(-200)}`));
    const heard = (chunk: Buffer): void => {
      text += chunk.toString('utf8');
      if (!wanted.test(text)) return;
      child.stdout.off('data', heard);
      child.off('close', gone);
      resolve();
    };
    child.once('close', gone);
    child.stdout.on('data', heard);
  });
}

async function leave(child: ChildProcessWithoutNullStreams): Promise<void> {
  child.stdout.resume();
  const ended = new Promise((resolve) => child.once('close', resolve));
  child.stdin.write('\u0011');
  await ended;
}

function keysInModel(): Spread {
  let model: Model = play(started({ width: 80, height: 24 }, 'en'), [arrive(status), ...tools(1)]);
  const taken: number[] = [];
  for (let index = 0; index < keysInProcess; index++) {
    const begun = performance.now();
    model = update(model, { type: 'key', key: { name: index % 100 < 50 ? 'down' : 'up' } }).model;
    view(model);
    taken.push(performance.now() - begun);
  }
  return spread(taken.slice(keysInProcess / 10));
}

async function spreadOf(times: number, measure: () => Promise<number>): Promise<Spread> {
  const taken: number[] = [];
  for (let index = 0; index < times; index++) taken.push(await measure());
  return spread(taken);
}

function spread(taken: readonly number[]): Spread {
  const sorted = [...taken].sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return { p50: at(0.5), p99: at(0.99) };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href)
  for (const { what, figure, floor, goal, met } of await benchUi())
    process.stdout.write(`${what}: ${figure}, floor ${floor}, goal ${goal}: ${met ? 'met' : 'missed'}\n`);
