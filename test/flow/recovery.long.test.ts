/** A lost server comes back, from yesterday's backup or from the recovery kit alone, and keeps its devices. */
import { copyFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import type { DeviceDetails } from '../../server/api/devices.ts';
import { assert, table, test } from '../harness.ts';
import { good, held, json, register, reported, revisionOf, slot, vector } from './acts.ts';
import { ask, type Device, openSystem, type Running, type System, statusOf, until, whenStatus } from './system.ts';

const passphrase = 'a passphrase for this test alone';

type Fleet = {
  readonly system: System;
  readonly device: Device;
  readonly server: Running;
  readonly kitPassphrase: string;
};

/** A server with one device that holds the policy of its group. */
async function withFleet(run: (fleet: Fleet) => Promise<void>): Promise<void> {
  const system = openSystem();
  try {
    const server = await system.startServer();
    const kitPassphrase = /passphrase of the recovery kit[^:]*: (\S+)/.exec(system.log('thintrust-server'))?.[1] ?? '';
    const device = system.device('reception');
    await system.powerOn(device);
    await register(system, device);
    await good(system.admin(['group', 'add', 'Office']));
    await good(system.admin(['device', 'move', 'reception', '--group', 'Office']));
    await addCertificate(system, 'rdp', 'authority.pem');
    await whenStatus(device, 'the policy is there', (status) => status.certificates?.length === 2);
    await run({ system, device, server, kitPassphrase });
  } catch (error) {
    throw new Error(`${error}\n--- server\n${system.log('thintrust-server')}\n--- agent\n${system.log('thintrustd')}`);
  } finally {
    await system.close();
  }
}

const addCertificate = (system: System, purpose: string, file: string): Promise<string> =>
  good(system.admin(['policy', 'add-certificate', 'Office', '--purpose', purpose, vector(file)]));

const loseServer = async ({ system, server }: Fleet): Promise<void> => {
  await server.kill('SIGKILL');
  renameSync(system.server, `${system.server}.lost`);
};

test("a server restored from yesterday's backup keeps its devices, and its policies get newer than what they hold", () =>
  withFleet(async (fleet) => {
    const { system, device } = fleet;
    const backup = join(system.folder, 'yesterday.backup');
    await good(system.admin(['backup', backup], `${passphrase}\n`));
    // What happens after the backup is lost to the server, not to the device.
    await addCertificate(system, 'log', 'leaf.pem');
    const newer = await whenStatus(device, 'the newer policy is there', (status) => status.certificates?.length === 3);
    await loseServer(fleet);
    await good(system.admin(['restore', backup], `${passphrase}\n`));
    await system.startServer();
    await whenStatus(device, 'connected to the restored server', (status) => status.link?.at === 'connected');
    // The restored server signs again above what the device holds; the device then has what the server has.
    await addCertificate(system, 'rdp', 'rsa2048.pem');
    const policy = await json(system.admin(['policy', 'show', 'Office', '--json']));
    await until(
      'the restored policy is applied',
      () => reported(system, device),
      (rev) => rev === revisionOf(policy),
    );
    const now = await statusOf(device);
    assert.ok((now.policy?.rev ?? 0) > (newer.policy?.rev ?? 0));
    assert.is(now.device?.id, newer.device?.id);
    assert.is(now.replacement, null);
    assert.ok(held(now).some((each) => each.startsWith('rdp')));
  }));

test('a server rebuilt from the recovery kit alone keeps its devices', () =>
  withFleet(async (fleet) => {
    const { system, device, kitPassphrase } = fleet;
    assert.ok(kitPassphrase.length > 10);
    const before = await statusOf(device);
    const kit = join(system.folder, 'kit.json');
    copyFileSync(join(system.server, 'recovery-kit.json'), kit);
    await loseServer(fleet);
    await good(system.admin(['recover', '--kit', kit], `${kitPassphrase}\n`));
    await system.startServer();
    // Let in by a check-in at first; what got through by that alone tries MQTT again within a minute.
    const after = await until(
      'connected to the rebuilt server',
      () => statusOf(device),
      (status) => status.link?.at === 'connected',
      150_000,
    );
    assert.is(after.replacement, null);
    assert.is(slot(after, 'current'), slot(before, 'current'));
    assert.is(after.device?.id, before.device?.id);
    assert.equal(held(after), held(before), 'nothing is taken from a device that nobody decided about');
    // Name, group and policy come back from what the server itself had signed and the device still holds.
    await until(
      'the rebuilt server knows the device by name and place',
      () => ask<DeviceDetails>(system, '/devices/reception'),
      ({ group, presence }) => group === 'Office' && presence === 'online',
      150_000,
    );
    assert.match(await good(system.admin(['devices'])), /reception +Office +online/);
    await addCertificate(system, 'log', 'leaf.pem');
    await whenStatus(device, 'the rebuilt server is obeyed', (status) => status.certificates?.length === 3);
  }));

table(
  'refused',
  [
    { name: 'a wrong passphrase of a backup', typed: 'not this one', code: 'passphrase-wrong' },
    { name: 'an empty passphrase', typed: '', code: 'passphrase-wrong' },
  ],
  ({ typed, code }) =>
    withFleet(async (fleet) => {
      const { system } = fleet;
      const backup = join(system.folder, 'a.backup');
      await good(system.admin(['backup', backup], `${passphrase}\n`));
      await loseServer(fleet);
      const refused = await system.admin(['restore', backup, '--json'], `${typed}\n`);
      assert.is.not(refused.code, 0);
      if (refused.code === 1) assert.is(JSON.parse(refused.out).code, code);
    }),
);
