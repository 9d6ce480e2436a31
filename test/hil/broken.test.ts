/**
 * The data partition is there and cannot be read: noise, or a file system that no repair without a person makes whole. The
 * screens come up and say so, nothing is made in its place, and the reset of the boot menu is the way out (B15, F24).
 */
import { randomBytes } from 'node:crypto';
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { assert, needs, test } from '../harness.ts';
import { partitionBytes } from './crash.ts';
import { boot, firstScreen, hilPrograms, makeBlankData, tool } from './image.ts';
import { bootMs, type Machine } from './machine.ts';
import { keep, onStage } from './stage.ts';

needs([...hilPrograms, 'mkfs.ext4', 'dd']);

const storageUnusable = /The storage for settings and certificates cannot be used/;

function write(disk: string, place: number, bytes: Uint8Array): void {
  const file = openSync(disk, 'r+');
  writeSync(file, bytes, 0, bytes.length, place);
  closeSync(file);
}

/** What names the file system is there, what says where everything lies is not. */
async function spoil(disk: string, folder: string): Promise<void> {
  const made = join(folder, 'made');
  await tool('dd', 'if=/dev/zero', `of=${made}`, 'bs=1M', 'count=60');
  await tool('mkfs.ext4', '-q', '-F', '-L', 'thintrust-data', '-b', '4096', made);
  write(disk, partitionBytes, readFileSync(made));
  write(disk, partitionBytes + 4096, randomBytes(4 * 1024 * 1024));
}

async function seeUnusable(machine: Machine, picture: string): Promise<void> {
  const shown = await machine.see(storageUnusable, bootMs);
  await keep(machine, `80x25-en-${picture}`);
  assert.not.match(shown, /not registered|stopped working/);
}

test('noise, then a broken file system on the data partition: the screens say so, nothing is made; a reset does it', () =>
  onStage(async ({ image, system, folder, on }) => {
    const disk = join(system.folder, 'data.img');
    const data = `file=${disk},format=raw`;
    await makeBlankData(disk);
    write(disk, partitionBytes, randomBytes(4 * 1024 * 1024));
    const noise = readFileSync(disk);
    const first = await on(boot(image, folder, { data }));
    await seeUnusable(first, 'noise');
    await first.press('f2');
    await first.see(/Накопитель/);
    await first.cut();
    assert.ok(noise.equals(readFileSync(disk)), 'it is as it was');

    await spoil(disk, system.folder);
    const second = await on(boot(image, folder, { data }));
    await seeUnusable(second, 'broken');
    await second.cut();

    const third = await on(boot(image, folder, { data, words: ['thintrust.reset'] }));
    await third.see(firstScreen, bootMs);
    await third.shell('mountpoint -q /var/lib/thintrust');
    await third.cut();
  }));
