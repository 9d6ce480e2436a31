/**
 * The plug is pulled, again and again, while policies arrive and codes are typed; then the disk itself fails. What the agent
 * would find is read from the disk each time, by its own code; now and then the machine starts from it (F9, F24, B15).
 */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { generator } from '../fakes/chance.ts';
import { wrongCodes } from '../flow/acts.ts';
import { assert, needs, test } from '../harness.ts';
import { inspect, takePartition } from './crash.ts';
import { boot, failing, freeze, hilPrograms, thaw, wake } from './image.ts';
import { bootMs } from './machine.ts';
import {
  acknowledged,
  changeTwice,
  codeWanted,
  keep,
  onStage,
  publish,
  type Stage,
  seeConnected,
  settle,
  startServer,
} from './stage.ts';

needs([...hilPrograms, 'e2fsck', 'dd']);

const killsInPolicies = 20;
const killsInCodes = 14;
const lookEveryMs = 50;

/** What is on the disk of the machine that is off; the disk stays as it is. */
async function look({ system, folder }: Stage) {
  const partition = join(system.folder, 'partition');
  await takePartition(join(folder, 'data.qcow2'), partition);
  const found = await inspect(partition, join(system.folder, 'found'));
  assert.equal(found.wrong, []);
  return found;
}

/** Whether it holds within that time. */
async function within(limitMs: number, holds: () => Promise<boolean>): Promise<boolean> {
  for (const end = performance.now() + limitMs; performance.now() < end; await delay(lookEveryMs))
    if (await holds()) return true;
  return false;
}

/** The first time it is waited for, to know how long it takes; from then on the power goes somewhere on that way. */
function cutter(seed: number) {
  const chance = generator(seed);
  let takesMs: number | null = null;
  return async (happened: () => Promise<boolean>): Promise<boolean> => {
    const began = performance.now();
    const came = await within(takesMs === null ? bootMs : takesMs * (0.2 + 1.1 * chance()), happened);
    takesMs ??= performance.now() - began;
    return came;
  };
}

/** The old policy or the new one, whole; the new one where the server has heard that it is applied. */
async function killInPolicies(stage: Stage, settled: string, before: number): Promise<void> {
  const { image, system, folder, on } = stage;
  const untilCut = cutter(11);
  let applied = 0;
  for (let kill = 0; kill < killsInPolicies; kill++) {
    const next = await publish(system, `Desk ${kill}`);
    const machine = await on(thaw(image, folder, settled));
    const arrived = await untilCut(async () => (await acknowledged(system)) >= next);
    await machine.cut();
    const { revision } = await look(stage);
    const what = `kill ${kill}: ${revision}`;
    assert.ok(revision === before || revision === next, `${what} is neither ${before} nor ${next}`);
    if (arrived) assert.is(revision, next, `${what}, what was acknowledged is there`);
    if (revision === next) applied++;
  }
  assert.ok(applied > 0 && applied < killsInPolicies, `${applied} of ${killsInPolicies} came as far as the disk`);
  const machine = await on(boot(image, folder));
  await seeConnected(machine);
  await machine.see(new RegExp(`Administrator +Desk ${killsInPolicies - 1}`), bootMs);
  await machine.cut();
  process.stdout.write(`policies: ${applied} of ${killsInPolicies} were on the disk\n`);
}

/** A try that was answered on the screen was counted before. */
async function killInCodes(stage: Stage, typed: string): Promise<void> {
  const { image, folder, on } = stage;
  const untilCut = cutter(13);
  const counts: number[] = [];
  for (let kill = 0; kill < killsInCodes; kill++) {
    const machine = await on(thaw(image, folder, typed));
    await machine.press('ret');
    const answered = await untilCut(async () => /Attempts left: 4/.test(await machine.read()));
    await machine.cut();
    const { tries } = await look(stage);
    assert.ok(tries === 1 || (tries === 0 && !answered), `kill ${kill}: ${tries} tries, answered: ${answered}`);
    counts.push(tries);
  }
  const counted = counts.filter((tries) => tries === 1).length;
  assert.ok(counted > 0 && counted < killsInCodes, `${counted} of ${killsInCodes} came as far as the disk`);
  const machine = await on(boot(image, folder));
  await machine.see(codeWanted, bootMs);
  await machine.press('ret');
  await machine.see(new RegExp(`Certificate replacement code[\\s\\S]*Attempts left: ${5 - (counts.at(-1) ?? 0)}`));
  await machine.cut();
  process.stdout.write(`codes: ${counted} of ${killsInCodes} were on the disk\n`);
}

/** The disk takes nothing any more: the screen says so, and what was there is there. */
async function failingDisk(stage: Stage, settled: string, before: number): Promise<void> {
  const { image, system, folder, on } = stage;
  await publish(system, 'Nobody');
  const machine = await on(thaw(image, folder, settled, failing));
  await machine.see(/The storage for settings and certificates cannot be used/, bootMs);
  await keep(machine, '80x25-en-disk-failed');
  await machine.cut();
  const { revision } = await look(stage);
  assert.is(revision, before, 'nothing new, and nothing lost');
}

test('thirty-four times without power while policies arrive and codes are typed, and a disk that fails', () =>
  onStage(async (stage) => {
    const { image, system, folder, on } = stage;
    let server = await startServer(system);
    const first = await on(wake(image, folder));
    await settle(stage, first, 'desk');
    const before = await acknowledged(system);
    // Without its server it tries again at once when it goes on.
    await server.kill('SIGTERM');
    await first.see(/Connection +(no connection|not connected|connecting)/, bootMs);
    const settled = join(system.folder, 'settled');
    await freeze(first, folder, settled);
    server = await startServer(system);
    await killInPolicies(stage, settled, before);
    await failingDisk(stage, settled, before);

    await changeTwice(system);
    const second = await on(thaw(image, folder, settled));
    await second.see(codeWanted, bootMs);
    await second.press('ret');
    await second.see(/Certificate replacement code[\s\S]*Attempts left: 5/);
    await second.type(wrongCodes[0] ?? '');
    const typed = join(system.folder, 'typed');
    await freeze(second, folder, typed);
    await killInCodes(stage, typed);
  }));
