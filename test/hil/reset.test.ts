/**
 * What a person does at the boot menu. The other slot holds an older release: it goes on from what it can read, and leaves
 * what the newer one wrote. The reset: the device belongs to nobody, and no byte of the partition has its keys and secrets any
 * more (F24, B15).
 */
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { assert, needs, test } from '../harness.ts';
import { inspect, partitionBytes, takePartition } from './crash.ts';
import { boot, firstScreen, hilPrograms, tool, wake } from './image.ts';
import { bootMs } from './machine.ts';
import { invite, keep, onStage, type Stage, seeConnected, settle, startServer, typeRegistration } from './stage.ts';

needs([...hilPrograms, 'e2fsck', 'dd']);

const ofNewer = '{"format":2,"anything":["of tomorrow"]}';

/** The partition of the machine that is off, and its files laid out in a folder. */
async function open({ system, folder }: Stage) {
  const partition = join(system.folder, 'partition');
  await takePartition(join(folder, 'data.qcow2'), partition);
  const found = await inspect(partition, join(system.folder, 'found'));
  return { partition, found: found.folder, manifest: readlinkSync(join(found.folder, 'current')) };
}

/** What must not be there after a reset: private keys, and the state with its secrets, as far as one block has them. */
const secretsIn = (found: string): readonly Buffer[] =>
  ['keys', 'objects'].flatMap((folder) =>
    readdirSync(join(found, folder)).map((name) => readFileSync(join(found, folder, name)).subarray(0, 4096)),
  );

test('the slot of an older release goes on and takes nothing away; the reset leaves no key on the partition', () =>
  onStage(async (stage) => {
    const { image, system, folder, on } = stage;
    const whole = join(system.folder, 'data.raw');
    const fromRaw = { data: `file=${whole},format=raw` };
    await startServer(system);
    const first = await on(wake(image, folder));
    await settle(stage, first, 'desk');
    await first.shell('sync');
    await first.cut();

    const before = await open(stage);
    const manifest = join(system.folder, 'manifest');
    writeFileSync(manifest, ofNewer);
    for (const command of [`rm /${before.manifest}`, `write ${manifest} /${before.manifest}`])
      await tool('debugfs', '-w', '-R', command, before.partition);
    await tool('qemu-img', 'convert', '-O', 'raw', join(folder, 'data.qcow2'), whole);
    await tool(
      'dd',
      `if=${before.partition}`,
      `of=${whole}`,
      `seek=${partitionBytes}`,
      'oflag=seek_bytes',
      'conv=notrunc',
    );
    const older = await on(boot(image, folder, fromRaw));
    await seeConnected(older, bootMs);
    await older.see(/written by a newer version/, bootMs);
    await keep(older, '80x25-en-older-release');
    const kept = await older.shell(`cat /var/lib/thintrust/${before.manifest}`);
    assert.is(kept, ofNewer);
    await older.shell('sync');
    await older.cut();

    await tool('qemu-img', 'convert', '-O', 'qcow2', whole, join(folder, 'data.qcow2'));
    const { partition, found } = await open(stage);
    const secrets = secretsIn(found);
    const bytes = readFileSync(partition);
    assert.ok(
      secrets.length >= 3 && secrets.every((secret) => bytes.includes(secret)),
      'they are found where they are',
    );
    const reset = await on(boot(image, folder, { ...fromRaw, words: ['thintrust.reset'] }));
    await reset.see(firstScreen, bootMs);
    await reset.shell('sync');
    const raw = readFileSync(whole);
    assert.equal(
      secrets.filter((secret) => raw.includes(secret)).map((secret) => secret.toString('latin1').slice(0, 40)),
      [],
    );
    await typeRegistration(reset, await invite(system, 'again', 'Office'));
    await reset.see(/Device +again, group “Office”[\s\S]*Connection +connected/, bootMs);
    await reset.cut();
  }));
