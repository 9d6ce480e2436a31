/** Settings, the server's other address and the reset, on real programs: by code where the group locks them, else not (T13, T14, T19). */
import { assert, test } from '../harness.ts';
import { good, json, register } from './acts.ts';
import { type Device, openSystem, type System, statusOf, until, whenStatus } from './system.ts';

const elsewhere = (address: string | undefined): string => `${address}`.replace('127.0.0.1', 'localhost');
const faultOf = (out: string): string => JSON.parse(out).code;

/** The device is asked for an action, is told to need a code, and gets it from the administrator. */
async function openByCode(system: System, device: Device, words: readonly string[], names: RegExp): Promise<void> {
  const refused = await system.thintrust(device, [...words, '--json']);
  assert.is(faultOf(refused.out), 'code-needed');
  const shown = (await statusOf(device)).operation?.confirmationCode ?? '';
  const told = await good(system.admin(['code', shown]));
  assert.match(told, names);
  assert.match(told, /Device +desk/);
  await good(system.thintrust(device, ['code', /Replacement code +([\d ]+)/.exec(told)?.[1]?.trim() ?? '']));
  assert.ok(((await statusOf(device)).operation?.openForMs ?? 0) > 9 * 60_000);
}

test('a managed device: locks, a code for one other address, a code for the reset', async () => {
  const system = openSystem(process.execPath, { THINTRUST_SET_CLOCK: '' });
  const device = system.device('desk');
  await system.startServer();
  await system.powerOn(device);
  try {
    await register(system, device);
    await good(system.admin(['group', 'add', 'Office']));
    await good(system.admin(['policy', 'set', 'Office', 'rdp', 'farm.example', '--enforced']));
    await good(system.admin(['policy', 'set', 'Office', 'broker', 'broker.example']));
    for (const block of ['connection', 'reset', 'dateTime'])
      await good(system.admin(['policy', 'lock', 'Office', block]));
    await good(system.admin(['device', 'move', 'desk', '--group', 'Office']));
    const managed = await whenStatus(device, 'the locks are there', (status) => status.settings.reset.locked);
    assert.equal(managed.settings.rdp, { value: 'farm.example', source: 'policy', locked: true });
    assert.equal(managed.settings.broker, { value: 'broker.example', source: 'policy', locked: false });

    const locked = await system.thintrust(device, ['settings', 'set', 'rdp', 'own.example', '--json']);
    assert.is(faultOf(locked.out), 'setting-locked');
    await good(system.thintrust(device, ['settings', 'set', 'broker', 'own.example']));
    assert.is((await statusOf(device)).settings.broker.value, 'own.example:443');
    const time = await system.thintrust(device, ['time', 'set', '2031-01-01T00:00:00Z', '--json']);
    assert.is(faultOf(time.out), 'setting-locked');

    const addresses = { https: elsewhere(managed.server?.https), mqtt: elsewhere(managed.server?.mqtt) };
    const change = ['connection', 'set', '--https', addresses.https, '--mqtt', addresses.mqtt];
    await openByCode(system, device, change, /Request +change the connection settings/);
    await good(system.thintrust(device, change));
    const moved = await whenStatus(
      device,
      'connected by the other address',
      (status) => status.link.at === 'connected' && status.server?.mqtt === addresses.mqtt,
    );
    assert.is(moved.operation, null);
    const back = ['connection', 'set', '--https', `${managed.server?.https}`, '--mqtt', `${managed.server?.mqtt}`];
    assert.is(faultOf((await system.thintrust(device, [...back, '--json'])).out), 'code-needed');

    // The next policy locks the connection, so its addresses count again; the name by rule comes with it.
    await good(system.admin(['policy', 'set-contacts', 'Office', '--name', 'Service desk']));
    await whenStatus(
      device,
      'back at the address of the policy',
      (status) => status.link.at === 'connected' && status.server?.mqtt === managed.server?.mqtt,
    );

    await openByCode(system, device, ['reset', '--yes'], /Request +reset the device/);
    await good(system.admin(['group', 'naming', 'Office', '--fields', 'Moscow,Desk']));
    await whenStatus(device, 'named by rule', (status) => status.device?.name === 'Moscow-Desk-0001');
    await good(system.thintrust(device, ['reset', '--yes']));
    const reset = await statusOf(device);
    assert.equal([reset.at, reset.device, reset.server, reset.certificates], ['unregistered', null, null, []]);
    assert.equal(reset.settings.broker, { value: null, source: 'none', locked: false });
    await until(
      'the server has heard of the reset',
      async () => (await json(system.admin(['audit', '--json', '--limit', '50']))) as { action: string }[],
      (rows) => rows.some(({ action }) => /reset/.test(action)),
    );
    await system.powerOff(device);
    await system.powerOn(device);
    assert.is((await statusOf(device)).at, 'unregistered');
  } catch (error) {
    throw new Error(`${error}\n--- server\n${system.log('thintrust-server')}\n--- agent\n${system.log('thintrustd')}`);
  } finally {
    await system.close();
  }
});

test('a device in no group needs no code, and registers anew after a reset', async () => {
  const system = openSystem(process.execPath, { THINTRUST_SET_CLOCK: '' });
  const device = system.device('kiosk');
  await system.startServer();
  await system.powerOn(device);
  try {
    await register(system, device);
    const { server } = await statusOf(device);
    const words = ['connection', 'set', '--https', elsewhere(server?.https), '--mqtt', elsewhere(server?.mqtt)];
    await good(system.thintrust(device, words));
    await whenStatus(
      device,
      'connected by the other address',
      (status) => status.link.at === 'connected' && status.server?.mqtt === elsewhere(server?.mqtt),
    );
    await good(system.thintrust(device, ['reset', '--yes']));
    const { id } = (await statusOf(device)).device ?? { id: null };
    assert.is(id, null);
    await register(system, { ...device, name: 'kiosk again' });
  } finally {
    await system.close();
  }
});
