/**
 * What comes late. The driver of the screen: the font is ours on it too (F34). The disk of the state, when the daemon had to
 * start without it already: the screens say so, and once it is there they are those of a device as good as new, without
 * anybody doing anything (B15).
 */
import { join } from 'node:path';
import { assert, needs, test } from '../harness.ts';
import { hardware } from './hardware.ts';
import { boot, firstScreen, hilPrograms, makeBlankData } from './image.ts';
import { bootMs } from './machine.ts';
import { keep, onStage } from './stage.ts';

needs(hilPrograms);

/** As if the two minutes were over that a start waits; nothing where they are. */
const giveUp = `systemctl list-jobs --no-legend | awk '/dev-thintrust-data.device/ { print $1 }' | xargs -r systemctl cancel`;

test('the screen comes late, and has our font; the data disk comes late, and the daemon begins anew with it', () =>
  onStage(async ({ image, system, folder, on }) => {
    const disk = join(system.folder, 'late.img');
    await makeBlankData(disk);
    const more = [...hardware.late, '-drive', `file=${disk},format=raw,if=none,id=late`];
    const machine = await on(boot(image, folder, { data: null, more, words: ['modprobe.blacklist=virtio_gpu'] }));
    await machine.says(/Starting .*thintrust-ui/, bootMs);
    await machine.shell(
      'until systemctl is-active --quiet thintrust-ui; do sleep 1; done; modprobe virtio_gpu',
      bootMs,
    );
    // The screens come while the daemon still waits for the disk.
    await machine.see(/Thin client/, bootMs);
    await machine.shell(giveUp);
    // Whose it is nobody knows before its disk is read; the daemon runs all the time.
    await machine.see(/Device +not known[\s\S]*The storage for settings and certificates cannot be used/, bootMs);
    assert.not.match(await keep(machine, '80x25-en-no-disk'), /not registered|stopped working/);
    await machine.press('f2');
    await machine.see(/Накопитель/);
    await keep(machine, '80x25-ru-no-disk');
    await machine.press('f2');
    await machine.qmp('device_add', { driver: 'virtio-blk-pci', drive: 'late', bus: hardware.lateSlot });
    await machine.see(firstScreen, bootMs);
    await machine.shell('mountpoint -q /var/lib/thintrust');
    await machine.cut();
  }));
