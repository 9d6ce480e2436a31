/**
 * The running device on a real ext4 whose power is cut: what a person added or removed and what a policy brought is there
 * again once it was answered, and one or the other where the cut came first; exports say the same as the store (F9, F32).
 */
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fingerprintOf, toPem } from '../../protocol/certificate.ts';
import { issue } from '../fakes/issue.ts';
import { withLoopDisk } from '../fakes/loop-disk.ts';
import { assert, needs, test } from '../harness.ts';
import { good, register } from './acts.ts';
import { type Device, openSystem, statusOf, until, whenStatus } from './system.ts';

needs(['root', 'mkfs.ext4', 'losetup', 'xfs_io']);

const held = async (device: Device): Promise<string[]> =>
  (await statusOf(device)).certificates
    .filter(({ purpose }) => purpose === 'rdp')
    .map(({ fingerprint }) => fingerprint)
    .sort();
const exported = ({ runtime }: Device): string[] =>
  readdirSync(join(runtime, 'trust', 'rdp'))
    .flatMap((name) => /^([0-9a-f]{64})\.pem$/.exec(name)?.[1] ?? [])
    .sort();

test('add, remove, and a policy with its exports: a cut after the answer loses nothing, one before it leaves a whole step', () =>
  withLoopDisk(async (disk) => {
    const system = openSystem();
    const device: Device = { ...system.device('cut'), state: join(disk.root, 'state') };
    /** Whatever the runtime directory held is gone as well, as after a boot. */
    const cut = async (): Promise<string[]> => {
      await system.powerOff(device);
      disk.cut();
      rmSync(device.runtime, { recursive: true });
      await system.powerOn(device);
      const found = await held(device);
      assert.equal(exported(device), found);
      return found;
    };
    /** Cut at three moments before the answer, then after it. */
    const step = async (act: () => Promise<unknown>, wanted: readonly string[]): Promise<void> => {
      const before = await held(device);
      const ways = [before, wanted].map((each) => [...each].sort().join());
      for (const afterMs of [60, 120, 180]) {
        const asked = act().catch(() => null);
        await delay(afterMs);
        const found = (await cut()).join();
        await asked;
        assert.ok(ways.includes(found), found);
        if (found === ways[1]) return;
      }
      await act();
      assert.is((await held(device)).join(), ways[1]);
      assert.is((await cut()).join(), ways[1]);
    };
    const [one, two, root] = [issue({ cn: 'one' }), issue({ cn: 'two' }), issue({ cn: 'root', ca: true })];
    const file = (name: string, ...all: readonly { readonly der: Uint8Array }[]): string => {
      const path = join(system.folder, name);
      writeFileSync(path, all.map(({ der }) => toPem(der)).join(''));
      return path;
    };
    const print = ({ der }: { readonly der: Uint8Array }): string => fingerprintOf(der);
    try {
      await system.startServer();
      await system.powerOn(device);
      await register(system, device);
      const both = file('both.pem', one, two);
      await step(
        () => system.thintrust(device, ['certificates', 'add', '--purpose', 'rdp', both]),
        [print(one), print(two)],
      );
      const remove = ['certificates', 'remove', '--purpose', 'rdp', print(two)];
      await step(() => system.thintrust(device, remove), [print(one)]);

      await good(system.admin(['group', 'add', 'Office']));
      await good(system.admin(['policy', 'add-certificate', 'Office', '--purpose', 'rdp', file('root.pem', root)]));
      await good(system.admin(['device', 'move', device.name, '--group', 'Office']));
      const assigned = (): Promise<unknown> =>
        whenStatus(device, 'the policy counts', ({ certificates }) =>
          certificates.some(({ fingerprint }) => fingerprint === print(root)),
        );
      await assigned();
      assert.equal(await cut(), [print(root)]);
      await good(system.admin(['policy', 'remove-certificate', 'Office', print(root)]));
      await good(system.admin(['policy', 'add-certificate', 'Office', '--purpose', 'rdp', file('one.pem', one)]));
      const found = await cut();
      assert.ok(
        [[print(root)], [], [print(one)]].some((each) => each.join() === found.join()),
        found.join(),
      );
      await until(
        'the newest policy counts',
        () => held(device),
        (all) => all.join() === print(one),
      );
      assert.equal(await cut(), [print(one)]);
    } catch (error) {
      throw new Error(`${error}\n--- agent\n${system.log('thintrustd')}`);
    } finally {
      await system.close();
    }
  }));
