/**
 * Yesterday's backup on an empty machine, and a fleet that has moved on: the certificate of the server was changed, and each device
 * has something of its own that the backup does not know. Every one is connected again, by itself or in the way that the guide names.
 */
import { copyFileSync, mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { fingerprintOf, toPem } from '../../protocol/certificate.ts';
import type { Status } from '../../protocol/local.ts';
import type { DeviceDetails } from '../../server/api/devices.ts';
import type { StatusView } from '../../server/api/overview.ts';
import { call as askServer } from '../../server/cli/client.ts';
import { type Issued, issue } from '../fakes/issue.ts';
import { startXrdp } from '../fakes/remote-desktop.ts';
import { assert, needs, test } from '../harness.ts';
import { connectedByAnother, good, fingerprintOf as identityOf, json, slot } from './acts.ts';
import { enrol, lookAt, whenTold, withEach } from './fleet.ts';
import { ask, type Device, openSystem, type Running, type System, statusOf, until } from './system.ts';

needs(['xrdp']);

const passphrase = 'a passphrase for this test alone';
const dayMs = 86_400_000;
const dates = { from: new Date(Date.now() - dayMs).toISOString(), to: new Date(Date.now() + 90 * dayMs).toISOString() };
const root = issue({ cn: 'Company', ca: true, ...dates });
const compromised = issue({ cn: 'compromised', by: root, dns: ['localhost'], ...dates });
const material = ({ der, key }: Issued) => ({
  key: String(key.export({ type: 'pkcs8', format: 'pem' })),
  cert: toPem(der),
});

const isConnected = (status: Status): boolean => status.link?.at === 'connected';
const isLost = (status: Status): boolean => status.replacement !== null;

type Fleet = Readonly<Record<'steady' | 'renewed' | 'moved' | 'coded' | 'asleep' | 'late' | 'newest', Device>>;

test("yesterday's backup on an empty machine strands nobody of a fleet that has moved on", async () => {
  const system = openSystem();
  const rdp = await startXrdp(system.folder, material(compromised), 'tls');
  const desktop = `localhost:${rdp.port}`;
  try {
    const server = await system.startServer();
    const names = ['steady', 'renewed', 'moved', 'coded', 'asleep', 'late', 'newest'] as const;
    const fleet = Object.fromEntries(names.map((name) => [name, system.device(name)])) as Fleet;
    const { steady, renewed, moved, coded, asleep } = fleet;
    const send = sending(system);
    for (const name of ['Office', 'Warehouse']) await send('POST', '/groups', { name });
    const content = Buffer.from(toPem(root.der)).toString('base64');
    for (const name of ['Office', 'Warehouse'])
      await send('POST', `/groups/${name}/policy/certificates`, { purpose: 'rdp', file: 'company.pem', content });
    await withEach([steady, renewed, moved, coded, asleep], async (device) => {
      await system.powerOn(device);
      await enrol(system, device, 'Office');
    });
    assert.is((await lookAt(steady, desktop)).verdict, 'trusted');
    const backup = join(system.folder, 'yesterday.backup');
    await good(system.admin(['backup', backup], `${passphrase}\n`));

    const { shown, held } = await liveOn(system, fleet, desktop);
    await restoreElsewhere(system, server, backup, shown);
    await system.powerOn(asleep);

    // Back by themselves: what they held before is their previous certificate, and their identities are of our authority.
    const back = await Promise.all(
      [steady, renewed, moved, asleep, fleet.late].map((device) =>
        whenTold(
          device,
          'back by itself, obedient',
          (status) => isConnected(status) && slot(status, 'current') === shown && (status.policy?.rev ?? 0) > held,
        ),
      ),
    );
    for (const { replacement, faults } of back) assert.equal([replacement, faults], [null, []]);
    // Over the telephone, with a counter that has moved since.
    const lost = await whenTold(coded, 'it asks for a code', isLost);
    const { replacementCode } = (await json(
      system.admin(['code', lost.replacement?.confirmationCode ?? '', '--json']),
    )) as Record<string, string>;
    await good(system.thintrust(coded, ['code', replacementCode ?? '']));
    await whenTold(coded, 'connected by the code', isConnected);
    await byRepairFile(system, fleet.newest);

    await everyoneIsKnown(system, names);
    await whatIsLost(system, steady);
    // What was blocked after the backup was not let go for a moment: the devices told the server.
    const outcomes = await withEach(Object.values(fleet), async (device) => {
      const { verdict, fault } = await lookAt(device, desktop);
      return `${device.name} ${verdict} ${fault?.code}`;
    });
    assert.equal(
      outcomes,
      Object.keys(fleet).map((name) => `${name} refused blocklisted`),
    );
    const { total } = await ask<{ total: number }>(system, '/audit?action=certificate-blocked-again');
    assert.is(total, 1, 'once for the group');
  } catch (error) {
    const logs = ['thintrust-server', 'thintrustd'].map((name) => `--- ${name}\n${system.log(name)}`);
    throw new Error([String(error instanceof Error ? error.stack : error), ...logs].join('\n'));
  } finally {
    await rdp.stop();
    await system.close();
  }
});

/** What the backup does not know. Gives the certificate it has, and the lowest revision that a device holds now. */
async function liveOn(system: System, fleet: Fleet, desktop: string): Promise<{ shown: string; held: number }> {
  const { steady, renewed, moved, coded, asleep, late, newest } = fleet;
  const send = sending(system);
  const shown = slot(await statusOf(steady), 'current') ?? '';
  await good(system.admin(['accounts', 'add', 'anna', '--roles', 'officer']));
  await good(system.admin(['users', 'add', 'boris']));
  await system.powerOn(late);
  await enrol(system, late, 'Office');
  const first = await identityOf(renewed);
  await good(system.admin(['identity', 'renew', 'renewed']));
  await connectedByAnother(renewed, first);
  await send('POST', '/devices/moved/move', { group: 'Warehouse' });
  await whenTold(moved, 'in the other group', (status) => status.device?.group === 'Warehouse');
  const fingerprint = fingerprintOf(compromised.der);
  for (const name of ['Office', 'Warehouse'])
    await send('PUT', `/groups/${name}/policy/blocklist`, { fingerprint, blocked: true });
  await until(
    'blocked',
    () => lookAt(asleep, desktop),
    ({ fault }) => fault?.code === 'blocklisted',
  );
  const held = (await statusOf(asleep)).policy?.rev ?? 0;
  // One sleeps through the change; one misses it and needs a code; one comes after it and never knew another.
  await system.powerOff(asleep, 'SIGTERM');
  await system.powerOff(coded, 'SIGTERM');
  await good(system.admin(['certificate', 'schedule']));
  await good(system.admin(['certificate', 'switch', '--override']));
  await Promise.all(
    [steady, renewed, moved, late].map((device) =>
      whenTold(
        device,
        'it follows the change',
        (status) => ![null, shown].includes(slot(status, 'current')) && isConnected(status),
      ),
    ),
  );
  await system.powerOn(coded);
  const { replacement } = await whenTold(coded, 'it asks for a code', isLost);
  const answered = await json(system.admin(['code', replacement?.confirmationCode ?? '', '--json']));
  await good(system.thintrust(coded, ['code', (answered as Record<string, string>)['replacementCode'] ?? '']));
  await whenTold(coded, 'connected by the code', isConnected);
  await system.powerOn(newest);
  await enrol(system, newest, 'Office');
  return { shown, held };
}

/** Nothing of the old machine is left. The command says what it cannot know. */
async function restoreElsewhere(system: System, server: Running, backup: string, shown: string): Promise<void> {
  await server.kill('SIGKILL');
  renameSync(system.server, `${system.server}.lost`);
  const said = await good(system.admin(['restore', backup], `${passphrase}\n`));
  assert.match(said, /The backup was made 20\d\d-[^:]*:\d\d/);
  for (const word of ['blocked', 'removed', 'accounts', shown]) assert.ok(said.includes(word), `${word}: ${said}`);
  await system.startServer();
}

/** It has only ever seen a certificate that the backup does not know, and the backup does not know it. */
async function byRepairFile(system: System, device: Device): Promise<void> {
  const { replacement } = await whenTold(device, 'it asks for a code', isLost);
  const { code, out } = await system.admin(['code', replacement?.confirmationCode ?? '', '--json']);
  assert.equal([code, JSON.parse(out).code], [1, 'code-not-ours']);
  const file = join(system.folder, 'repair.thintrust');
  await good(system.admin(['repair-bundle', '--out', file]));
  const beside = `${device.runtime}.stick`;
  mkdirSync(beside, { recursive: true });
  copyFileSync(file, join(beside, 'repair.thintrust'));
  mkdirSync(join(device.runtime, 'media'), { recursive: true });
  renameSync(beside, join(device.runtime, 'media', 'sdb1'));
  await whenTold(device, 'the file is offered', (status) => status.repair !== null);
  await good(system.thintrust(device, ['repair', '--yes']));
  await whenTold(device, 'connected by the file', (status) => isConnected(status) && !isLost(status));
}

/** By name, in the group of the backup or, where it knows none, of the device itself. */
async function everyoneIsKnown(system: System, names: readonly string[]): Promise<void> {
  for (const name of names)
    await until(
      `${name} is known and online`,
      () => ask<DeviceDetails>(system, `/devices/${name}`),
      ({ group, presence }) => group === 'Office' && presence === 'online',
      150_000,
    );
  const { devices, waiting } = await ask<StatusView>(system, '/status');
  assert.equal([devices, waiting], [names.length, 0]);
}

/** People are not in a device's memory. */
async function whatIsLost(system: System, obedient: Device): Promise<void> {
  for (const list of ['accounts', 'users']) assert.equal(await json(system.admin([list, 'list', '--json'])), [], list);
  await good(system.admin(['policy', 'set-contacts', 'Office', '--name', 'Restored desk']));
  await whenTold(obedient, 'obedient', (status) => status.contacts?.name === 'Restored desk');
}

const sending =
  ({ server }: System) =>
  async (method: 'POST' | 'PUT', path: string, body: object): Promise<void> => {
    const answer = await askServer(server, method, path, body);
    if (!answer.ok) throw new Error(`${path}: ${answer.fault.code}`);
  };
