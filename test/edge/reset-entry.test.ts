/** The reset of the boot entry: what the script does to a real state directory, cut at every file it removes. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freshCounters } from '../../agent/core/generation.ts';
import { openDisk } from '../../agent/edge/disk.ts';
import { realFiles } from '../../agent/edge/files.ts';
import { instant } from '../../protocol/time.ts';
import { assert, needs, table, test } from '../harness.ts';

needs(['strace']);

const script = fileURLToPath(new URL('../../rootfs-overlay/usr/lib/thintrust/reset-state', import.meta.url));

type Device = {
  readonly state: string;
  /** A start with these words; the exit code. `cutAt`: the power goes when so many files would have been removed. */
  readonly boot: (commandLine: string, cutAt?: number) => number | null;
  readonly live: () => Promise<void>;
  readonly left: () => string;
};

async function onDevice(run: (device: Device) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'thintrust-reset-'));
  const [state, commandLine] = [join(folder, 'state'), join(folder, 'cmdline')];
  mkdirSync(state);
  const device: Device = {
    state,
    boot: (words, cutAt) => {
      writeFileSync(commandLine, `root=/dev/sda1 ro ${words}\n`);
      const cut = cutAt === undefined ? [] : ['strace', '-f', '-qq', '-o', '/dev/null'];
      if (cutAt !== undefined) cut.push('-e', `inject=unlinkat:signal=KILL:when=${cutAt}`, '-e', 'trace=unlinkat');
      const [program = '', ...args] = [...cut, 'sh', script, state, commandLine];
      return spawnSync(program, args, { encoding: 'utf8' }).status;
    },
    live: async () => {
      const disk = await openDisk(state, realFiles);
      const key = await disk.writeKey(Buffer.from('a private key'));
      if (!key.ok) throw new Error(key.fault.code);
      await disk.count(freshCounters(instant(0)));
      const number = (await disk.read()).generations[0]?.number ?? 0;
      const done = await disk.persist(number + 1, [{ name: 'state.json', bytes: Buffer.from('{}') }], [key.value]);
      assert.ok(done.ok);
      writeFileSync(join(state, 'events.log'), '');
      mkdirSync(join(state, 'logs'), { recursive: true });
      writeFileSync(join(state, 'logs', 'event.0000000000000001'), 'what was');
    },
    left: () => readdirSync(state).sort().join(' '),
  };
  await run(device).finally(() => rmSync(folder, { recursive: true }));
}

type Row = { readonly name: string; readonly words: string; readonly resets: boolean };
const commandLines: readonly Row[] = [
  { name: 'the word alone', words: 'quiet thintrust.reset', resets: true },
  { name: 'with a value', words: 'thintrust.reset=1 quiet', resets: true },
  { name: 'switched off', words: 'thintrust.reset=0', resets: false },
  { name: 'another word', words: 'thintrust.resets quiet=thintrust.reset', resets: false },
];

table('which command lines ask for a reset', commandLines, ({ words, resets }) =>
  onDevice(async ({ live, boot, left }) => {
    await live();
    assert.is(boot(words), 0);
    assert.is(left(), resets ? 'logs reset.done' : 'counters.json current events.log generations keys logs objects');
  }),
);

test('all but the logs goes, the agent begins anew, and an entry that stays chosen resets once', () =>
  onDevice(async ({ state, live, boot, left }) => {
    await live();
    assert.is(boot('thintrust.reset'), 0);
    assert.equal(await (await openDisk(state, realFiles)).read(), { generations: [], counters: null });
    assert.ok(existsSync(join(state, 'logs', 'event.0000000000000001')));
    await live();
    assert.is(boot('thintrust.reset'), 0);
    assert.match(left(), /keys/);
    assert.is(boot(''), 0);
    assert.not(existsSync(join(state, 'reset.done')));
    assert.is(boot('thintrust.reset'), 0);
    assert.is(left(), 'logs reset.done');
  }));

test('power goes at each file: the next start, whatever its entry, ends what was begun', () =>
  onDevice(async ({ state, live, boot, left }) => {
    let cuts = 0;
    for (let at = 1; ; at++) {
      await live();
      const ended = boot('thintrust.reset', at) === 0;
      if (!ended) {
        cuts++;
        assert.ok(existsSync(join(state, 'reset.begun')), `cut ${at}: ${left()}`);
        assert.is(boot(''), 0);
      }
      assert.is(left(), 'logs reset.done');
      assert.is(boot(''), 0);
      if (ended) break;
    }
    assert.ok(cuts >= 8, `${cuts} cuts`);
  }));
