/** The server moves to another address under a real agent, which is told over the old one and follows without a visit (B12). */
import { freePort } from '../../server/cli/port.ts';
import { openRelay, type Relay } from '../fakes/relay.ts';
import { assert, test } from '../harness.ts';
import { fingerprintOf, good, register, slot } from './acts.ts';
import { openSystem, statusOf, whenStatus } from './system.ts';

test('told while the old address still answers; then that is gone, and a start finds the new one too', async () => {
  const system = openSystem();
  const relays: Relay[] = [];
  const [https, mqtt] = [await freePort(), await freePort()];
  const places = ['--https-port', `${https}`, '--mqtt-port', `${mqtt}`, '--legacy-port', 'off'];
  try {
    const before = await system.startServer(places);
    await good(system.admin(['group', 'add', 'Office']));
    const device = system.device('reception');
    await system.powerOn(device);
    await register(system, device);
    await good(system.admin(['device', 'move', 'reception', '--group', 'Office']));
    const { server, identity, ...status } = await whenStatus(
      device,
      'in the group',
      ({ device: own, link }) => own?.group === 'Office' && link.at === 'connected',
    );
    assert.is(server?.https, `127.0.0.1:${https}`);

    // The new place, and for a while a way to it from the old one.
    await before.kill('SIGTERM');
    await system.startServer([...places, '--host', '127.0.0.2', '--name', '127.0.0.2']);
    for (const port of [https, mqtt])
      relays.push(await openRelay({ host: '127.0.0.1', port }, { host: '127.0.0.2', port }));
    await whenStatus(device, 'it knows the new address', ({ server }) => server?.https === `127.0.0.2:${https}`);

    for (const relay of relays) relay.close();
    await good(system.admin(['policy', 'set-contacts', 'Office', '--name', 'New house']));
    // Pauses that grew while the server was away, at the old address, are not waited out at the new one.
    await whenStatus(
      device,
      'told at the new address',
      ({ contacts, link }) => contacts?.name === 'New house' && link?.at === 'connected',
    );
    await system.powerOff(device);
    await system.powerOn(device);
    await whenStatus(device, 'there after a start', ({ link }) => link?.at === 'connected');
    const after = await statusOf(device);
    assert.equal([after.server?.https, after.server?.mqtt], [`127.0.0.2:${https}`, `127.0.0.2:${mqtt}`]);
    assert.is(await fingerprintOf(device), identity?.fingerprint);
    assert.is(slot(after, 'current'), slot({ ...status, server, identity }, 'current'));
    assert.is(after.replacement, null);
  } catch (error) {
    const logs = ['thintrust-server', 'thintrustd'].map((name) => `--- ${name}\n${system.log(name)}`);
    throw new Error([String(error), ...logs].join('\n'));
  } finally {
    for (const relay of relays) relay.close();
    await system.close();
  }
});
