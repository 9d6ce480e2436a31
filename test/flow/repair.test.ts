/**
 * A device whose pin has expired while its server changed the certificate twice (F8): the server makes a repair file, a
 * stick brings it, and the device comes back without a code and without TLS to what it held.
 */
import { copyFileSync, mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { fromObjects, keysOf, toObjects } from '../../agent/core/generation.ts';
import { openDisk } from '../../agent/edge/disk.ts';
import { realFiles } from '../../agent/edge/files.ts';
import type { AuditRow } from '../../server/api/devices.ts';
import { base64 } from '../fakes/administration.ts';
import { issue } from '../fakes/issue.ts';
import { assert, needs, test } from '../harness.ts';
import { good, register, slot } from './acts.ts';
import { ask, type Device, openSystem, type System, until, whenStatus } from './system.ts';

needs(['tmux']);

const expired = base64(issue({ cn: 'long ago', from: '2024-01-01T00:00:00Z', to: '2025-01-01T00:00:00Z' }));

/** As if its time had run out in the device's drawer. */
async function letPinExpire({ state }: Device): Promise<void> {
  const disk = await openDisk(state, realFiles);
  const [newest] = (await disk.read()).generations;
  const read = newest?.content.ok ? fromObjects(newest.content.value) : null;
  if (!newest || !read?.ok || !read.value.pins) throw new Error('there is no pin');
  const { pins } = read.value;
  const durable = { ...read.value, pins: { ...pins, current: { ...pins.current, der: expired }, reserve: null } };
  const written = await disk.persist(newest.number + 1, toObjects(durable), keysOf(durable));
  assert.ok(written.ok);
}

/** A stick, all at once, as a mount brings it. */
function plugIn(device: Device, file: string): void {
  const beside = `${device.runtime}.stick`;
  mkdirSync(beside, { recursive: true });
  copyFileSync(file, join(beside, 'repair.thintrust'));
  mkdirSync(join(device.runtime, 'media'), { recursive: true });
  renameSync(beside, join(device.runtime, 'media', 'sdb1'));
}

const byCommand = async (system: System, device: Device): Promise<void> => {
  const shown = await system.thintrust(device, ['repair']);
  assert.is(shown.code, 3, shown.err);
  assert.match(shown.out, /the policy key/);
  assert.match(await good(system.thintrust(device, ['repair', '--yes'])), /The device is repaired/);
};
const byKeys = async (system: System, device: Device): Promise<void> => {
  const screen = system.openConsole(device);
  try {
    await screen.see(/Certificate replacement required/);
    await screen.type('F4');
    await screen.see(/> sdb1\/repair\.thintrust/);
    await screen.type('Enter');
    await screen.see(/the recovery key[\s\S]*> \[ Cancel \]/);
    await screen.type('Tab', 'Enter');
    await screen.see(/The device is repaired/);
  } finally {
    await screen.close();
  }
};

const mainOf = (all: object): string =>
  (Object.values(all) as { role: string; fingerprint: string }[]).find(({ role }) => role === 'main')?.fingerprint ??
  'none';

test('pin expired, server switched twice: a stick leads back, with the command and at the console', async () => {
  const system = openSystem();
  const [near, far] = [system.device('near'), system.device('far')];
  const switchTwice = async (): Promise<void> => {
    for (let twice = 0; twice < 2; twice++) {
      await good(system.admin(['certificate', 'schedule']));
      await good(system.admin(['certificate', 'switch', '--override']));
    }
  };
  try {
    await system.startServer();
    const passphrase = /passphrase of the recovery kit[^:]*: (\S+)/.exec(system.log('thintrust-server'))?.[1] ?? '';
    for (const device of [near, far]) {
      await system.powerOn(device);
      await register(system, device);
      await system.powerOff(device);
    }
    await switchTwice();
    for (const { device, act, kit } of [
      { device: near, act: byCommand, kit: false },
      { device: far, act: byKeys, kit: true },
    ]) {
      await letPinExpire(device);
      await system.powerOn(device);
      await whenStatus(device, 'it knows nobody', (status) => Boolean(status.replacement));
      const file = join(system.folder, `${device.name}.thintrust`);
      const more = kit ? ['--kit', join(system.server, 'recovery-kit.json'), '--set-time'] : [];
      await good(system.admin(['repair-bundle', '--out', file, ...more], `${passphrase}\n`));
      plugIn(device, file);
      await whenStatus(device, 'the file is offered', (status) => status.repair === 'sdb1/repair.thintrust');
      await act(system, device);
      const back = await whenStatus(device, 'connected again', (status) => status.link?.at === 'connected');
      assert.equal([back.replacement, back.repair], [null, null]);
      const all = await ask<{ role: string; fingerprint: string }[]>(system, '/server-certificates');
      assert.is(slot(back, 'current'), mainOf(all));
      const again = await system.thintrust(device, ['repair', file, '--yes', '--json']);
      assert.is(JSON.parse(again.out).code, 'repair-used');
      const rows = await until(
        'both sides have it on record',
        async () => (await ask<{ rows: AuditRow[] }>(system, '/audit?limit=200')).rows ?? [],
        (found) =>
          found.some(({ action, facts }) => action === 'repaired' && facts['by'] === (kit ? 'recovery' : 'policy')),
      );
      const key = kit ? 'recovery' : 'policy';
      assert.ok(rows.some(({ action, facts }) => action === 'repair-file-made' && facts['key'] === key));
    }
  } catch (error) {
    throw new Error(`${error}\n--- server\n${system.log('thintrust-server')}\n--- agent\n${system.log('thintrustd')}`);
  } finally {
    await system.close();
  }
});
