/**
 * Every state that the disk can have been left in by a power cut while policies arrive, from the log of its writes: whole, and
 * with the newest policy that was acknowledged or the one after it. A careless writer is caught by the same look (F9, F24).
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generator } from '../fakes/chance.ts';
import { until } from '../flow/system.ts';
import { assert, needs, test } from '../harness.ts';
import { canaryIn, countEntries, inspect, readEntries, rebuild, survivors, takePartition } from './crash.ts';
import { booted, hilPrograms, logged, wake } from './image.ts';
import { bootMs } from './machine.ts';
import { acknowledged, onStage, publish, settle, startServer } from './stage.ts';

needs([...hilPrograms, 'e2fsck', 'dd']);

const rounds = 8;
const states = 500;

/** What counted from a length of the log on: what was acknowledged, what was told, what the careless writer had written. */
type Known = { readonly entries: number; readonly acked: number; readonly told: number; readonly careless: number };

test(`${states} states of the disk while policies arrive: whole, nothing acknowledged is lost; a careless writer is caught`, () =>
  onStage(async (stage) => {
    const { image, system, folder, on } = stage;
    await startServer(system);
    const log = join(system.folder, 'writes');
    writeFileSync(log, '');
    const machine = await on(wake(image, folder, logged(log)));
    await settle(stage, machine, 'desk');
    const known: Known[] = [];
    let acked = await acknowledged(system);
    const note = (told: number, careless: number): void =>
      void known.push({ entries: countEntries(log), acked, told, careless });
    for (let round = 1; round <= rounds; round++) {
      const told = await publish(system, `Desk ${round}`);
      note(told, round - 1);
      await until(
        'the policy is applied',
        () => acknowledged(system),
        (rev) => rev >= told,
        bootMs,
      );
      acked = told;
      // Renames and syncs nothing.
      await machine.shell(`cd /var/lib/thintrust; echo ${round} > canary.new; mv canary.new canary`);
      note(told, round);
    }
    await machine.cut();

    const base = join(system.folder, 'base');
    await takePartition(join(await booted(image), 'data.qcow2'), base);
    const entries = readEntries(log);
    const from = known[0]?.entries ?? 0;
    const chance = generator(7);
    let careless = 0;
    for (let number = 0; number < states; number++) {
      const count = from + Math.floor(((entries.length - from) * number) / (states - 1));
      const left = survivors(entries, count, number % 2 === 0 ? null : () => chance() < 0.5);
      const partition = join(system.folder, 'partition');
      rebuild(base, log, left, partition);
      const found = await inspect(partition, join(system.folder, 'found'));
      const what = `state ${number}, after ${count} of ${entries.length} writes`;
      assert.equal(found.wrong, [], what);
      const then = known.findLast((each) => each.entries <= count);
      assert.ok(then && found.revision !== null, what);
      // What was told while the log grew to the next length may be there already.
      const most = (known.find((each) => each.entries > count) ?? then).told;
      const { revision } = found;
      assert.ok(then.acked <= revision && revision <= most, `${what}: ${then.acked} ≤ ${revision} ≤ ${most}`);
      if (Number(canaryIn(found) ?? 0) < then.careless) careless++;
    }
    assert.ok(careless > 0, 'the careless writer is caught');
    process.stdout.write(
      `${entries.length - from} writes, ${states} states; the careless writer lost in ${careless}\n`,
    );
  }));
