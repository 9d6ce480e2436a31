/** The reset of the boot entry on a partition of its own: no byte of it has the keys and secrets any more, those of before either. */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openDisk } from '../../agent/edge/disk.ts';
import { realFiles } from '../../agent/edge/files.ts';
import { assert, needs, test } from '../harness.ts';
import { findProgram } from '../programs.ts';

needs(['root', 'mkfs.ext4', 'mount', 'umount', 'losetup', 'shred']);

const script = fileURLToPath(new URL('../../rootfs-overlay/usr/lib/thintrust/reset-state', import.meta.url));
const run = (program: string, ...args: readonly string[]): string =>
  execFileSync(findProgram(program) ?? program, args, { encoding: 'utf8' });
/** What happens nowhere else by chance. */
const secret = (name: string): Buffer => createHash('sha512').update(name).digest();

test('what was kept, what was replaced and what was removed is not on the partition after the reset; the logs are', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'thintrust-overwrites-'));
  const [partition, state, commandLine] = ['partition', 'state', 'cmdline'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  const mounted = async (use: () => Promise<void> | void): Promise<void> => {
    run('mount', '-o', 'loop', partition, state);
    try {
      await use();
    } finally {
      run('umount', state);
    }
  };
  try {
    mkdirSync(state);
    run('truncate', '-s', '48M', partition);
    run('mkfs.ext4', '-q', '-m', '0', '-b', '4096', partition);
    const generations = 6;
    await mounted(async () => {
      const disk = await openDisk(state, realFiles);
      for (let number = 1; number <= generations; number++) {
        const key = await disk.writeKey(secret(`key ${number}`));
        if (!key.ok) throw new Error(key.fault.code);
        const objects = [{ name: 'state.json', bytes: secret(`state ${number}`) }];
        assert.ok((await disk.persist(number, objects, [key.value])).ok);
      }
      mkdirSync(join(state, 'logs'));
      writeFileSync(join(state, 'logs', 'event.0000000000000001'), secret('a line of the log'));
    });
    const all = Array.from({ length: generations }, (_, at) => [`key ${at + 1}`, `state ${at + 1}`]).flat();
    const found = (): readonly string[] => all.filter((name) => readFileSync(partition).includes(secret(name)));
    const before = found();
    // Of those that were removed, blocks may have been used again.
    for (const name of ['key 6', 'state 6']) assert.ok(before.includes(name), `${name} can be read`);
    await mounted(() => {
      writeFileSync(commandLine, 'ro thintrust.reset\n');
      const { status, stderr } = spawnSync('sh', [script, state, commandLine], { encoding: 'utf8' });
      assert.is(status, 0, stderr);
      assert.is(stderr, '');
    });
    assert.equal(found(), []);
    assert.ok(readFileSync(partition).includes(secret('a line of the log')));
  } finally {
    rmSync(folder, { recursive: true });
  }
});
