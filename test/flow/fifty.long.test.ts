/**
 * Fifty devices in three groups: an officer blocks a compromised remote desktop in the Web Console, and no device connects to it
 * again; then the server's own certificate changes while two are away, and the officer brings them back over the telephone.
 */
import { fingerprintOf, toPem } from '../../protocol/certificate.ts';
import type { StatusView } from '../../server/api/overview.ts';
import type { Gate } from '../../server/edge/rotation.ts';
import { type Issued, issue } from '../fakes/issue.ts';
import { memoryOf, type Peer } from '../fakes/processes.ts';
import { startXrdp } from '../fakes/remote-desktop.ts';
import { assert, figure, needs, test } from '../harness.ts';
import { good, slot } from './acts.ts';
import { enrol, lookAt, watch, whenTold, withEach } from './fleet.ts';
import { type Officer, openOfficer } from './officer.ts';
import { ask, type Device, openSystem, type System, statusOf, until, whenStatus } from './system.ts';

needs(['root', 'tmux', 'xrdp', 'chromium']);

const many = 50;
const groups = ['Office', 'Warehouse', 'Reception'];
const groupOf = (index: number): string => groups[index % groups.length] ?? '';

const dayMs = 86_400_000;
const dates = { from: new Date(Date.now() - dayMs).toISOString(), to: new Date(Date.now() + 90 * dayMs).toISOString() };
const root = issue({ cn: 'Company', ca: true, ...dates });
const compromised = issue({ cn: 'compromised', by: root, dns: ['localhost'], ...dates });
const clean = issue({ cn: 'clean', by: root, dns: ['localhost'], ...dates });
const material = ({ der, key }: Issued) => ({
  key: String(key.export({ type: 'pkcs8', format: 'pem' })),
  cert: toPem(der),
});

test('fifty devices: blocked everywhere at once; a change that two missed ends by codes from the Web Console', async () => {
  const system = openSystem(process.execPath, { MALLOC_ARENA_MAX: '1' });
  const peers: Peer[] = [];
  let officer: Officer | null = null;
  try {
    await system.startServer();
    const [bad, fine] = [
      await startXrdp(system.folder, material(compromised), 'tls'),
      await startXrdp(system.folder, material(clean), 'tls'),
    ];
    peers.push(bad, fine);
    officer = await openOfficer(system);
    await officer.order('POST', '/groups', { name: 'Clients' });
    for (const name of groups) await officer.order('POST', '/groups', { name, parent: 'Clients' });
    const content = Buffer.from(toPem(root.der)).toString('base64');
    const entry = { purpose: 'rdp', file: 'company.pem', content };
    await officer.order('POST', '/groups/Clients/policy/certificates', entry);

    const devices = Array.from({ length: many }, (_, index) => system.device(`client-${index}`));
    const began = performance.now();
    await withEach([...devices.entries()], async ([index, device]) => {
      await system.powerOn(device);
      await enrol(system, device, groupOf(index));
    });
    figure(`${many} devices registered and connected in ${seconds(performance.now() - began)}`);

    await blockEverywhere(officer, devices, [`localhost:${bad.port}`, `localhost:${fine.port}`]);
    const pss = devices.map(({ daemon }) => memoryOf(daemon?.child.pid ?? 0).pssKiB).sort((a, b) => a - b);
    const all = pss.reduce((sum, each) => sum + each, 0);
    figure(`memory of ${many} agents: ${mebibytes(all)} PSS, the largest ${mebibytes(pss.at(-1) ?? 0)}`);

    await changeWhileAway(system, officer, devices);
    assert.equal(officer.complaints, []);
  } catch (error) {
    const logs = ['thintrust-server', 'thintrustd'].map((name) => `--- ${name}\n${system.log(name)}`);
    throw new Error([String(error), ...logs].join('\n'));
  } finally {
    await officer?.close();
    for (const peer of peers) await peer.stop();
    await system.close();
  }
});

/** One order, to the group above all of them; each device is asked before it, and again the moment it has been told. */
async function blockEverywhere(
  officer: Officer,
  devices: readonly Device[],
  [bad, fine]: readonly [string, string],
): Promise<void> {
  const before = await withEach(devices, (device) => lookAt(device, bad));
  assert.equal([...new Set(before.map(({ verdict }) => verdict))], ['trusted']);
  const watches = await Promise.all(
    devices.map(async (device) => {
      const rev = (await statusOf(device)).policy?.rev ?? 0;
      const watching = watch(device, 'told of the order', (status) => (status.policy?.rev ?? 0) > rev);
      await watching.listening;
      return watching;
    }),
  );
  const ordered = performance.now();
  const fingerprint = fingerprintOf(compromised.der);
  await officer.order('PUT', '/groups/Clients/policy/blocklist', { fingerprint, blocked: true });
  const answered = performance.now();
  const after = await Promise.all(
    watches.map(async ({ told }, index) => {
      const { at } = await told;
      return { at, looked: await lookAt(devices[index] as Device, bad) };
    }),
  );
  const outcomes = after.map(({ looked: { verdict, fault } }) => `${verdict} ${fault?.code}`);
  assert.equal([...new Set(outcomes)], ['refused blocklisted']);
  const took = after.map(({ at }) => at - ordered).sort((a, b) => a - b);
  const [first = 0, last = 0] = [took[0], took.at(-1)];
  figure(
    `from the order to the first of ${many} devices blocked ${milliseconds(first)}, to the last ${milliseconds(last)}` +
      `; the Web Console had its answer after ${milliseconds(answered - ordered)}`,
  );
  const others = await withEach(devices, (device) => lookAt(device, fine));
  assert.equal([...new Set(others.map(({ verdict }) => verdict))], ['trusted'], 'what was not blocked');
}

/** Two are off while the certificate of the server is made, told and switched to. */
async function changeWhileAway(system: System, officer: Officer, devices: readonly Device[]): Promise<void> {
  const [one, other, ...rest] = devices;
  const away = [one, other] as readonly Device[];
  for (const device of away) await system.powerOff(device, 'SIGTERM');
  await good(system.admin(['certificate', 'schedule']));
  await Promise.all(
    rest.map((device) => whenTold(device, 'it holds the reserve', (status) => slot(status, 'reserve') !== null)),
  );
  const names = away.map(({ name }) => name).join();
  await until(
    'the gate names the two alone',
    () => ask<Gate>(system, '/server-certificates/gate'),
    ({ notReady }) =>
      notReady
        ?.map(({ name }) => name)
        .sort()
        .join() === names,
  );
  const reserve = slot(await statusOf(rest[0] as Device), 'reserve');
  const began = performance.now();
  await good(system.admin(['certificate', 'switch', '--override']));
  const followed = await Promise.all(
    rest.map((device) => whenTold(device, 'it follows', (status) => slot(status, 'current') === reserve)),
  );
  figure(`${rest.length} devices followed the new certificate of the server in ${seconds(performance.now() - began)}`);
  for (const { link, replacement, faults } of followed)
    assert.equal([link?.at, replacement, faults], ['connected', null, []]);

  for (const device of away) {
    await system.powerOn(device);
    const screen = system.openConsole(device);
    try {
      const shown = await screen.see(/Certificate replacement required/);
      const confirmation = /\b\d{4} \d{4} \d{4} \d{4}\b/.exec(shown)?.[0] ?? '';
      const digits = await officer.answer(device.name, confirmation);
      await screen.type('Enter');
      await screen.see(/Certificate replacement code/);
      await screen.type(digits, 'Enter');
      const back = await whenStatus(
        device,
        `${device.name} is back`,
        (status) => status.link?.at === 'connected' && slot(status, 'current') === reserve,
      );
      assert.is(back.replacement, null);
      await screen.see(/Connection +connected/);
    } finally {
      await screen.close();
    }
  }
  await until(
    'the server has all of them connected',
    () => ask<StatusView>(system, '/status'),
    ({ online }) => online === devices.length,
  );
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
const milliseconds = (ms: number): string => `${ms.toFixed(0)} ms`;
const mebibytes = (kibibytes: number): string => `${(kibibytes / 1024).toFixed(0)} MiB`;
