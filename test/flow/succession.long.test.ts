/**
 * Our authority of identities gives way to the next one under real agents: one stays connected over MQTT, others were off all
 * the while and come back within their grace and after it.
 */
import type { IdentityRow } from '../../server/api/devices.ts';
import { assert, needs, test } from '../harness.ts';
import { connectedByAnother, fingerprintOf, good, json, register, travel } from './acts.ts';
import { refusedFor, roles, rollover, view } from './rolling.ts';
import { type Device, openSystem, statusOf, until, whenStatus } from './system.ts';

needs(['faketime']);

/** Whoever looks all the time sees it connected, but for the moment in which it comes back by its next identity. */
function watched(device: Device) {
  const lost: string[] = [];
  let over = false;
  const watching = (async () => {
    while (!over) {
      const { link, faults } = await statusOf(device);
      if (link?.at !== 'connected') lost.push(`${link?.at} ${link?.fault?.code ?? ''}`);
      lost.push(...(faults ?? []).map(({ code }) => code));
      await new Promise((wake) => setTimeout(wake, 20));
    }
  })();
  return {
    lost: async () => {
      over = true;
      await watching;
      return lost;
    },
  };
}

test('over MQTT: the connection stands through every step, and who was off comes back, in the grace by itself, later by a code', async () => {
  const system = openSystem();
  try {
    const server = await system.startServer();
    await good(system.admin(['group', 'add', 'Office']));
    const steady = system.device('steady');
    const late = system.device('late');
    const lost = system.device('lost');
    for (const device of [steady, late, lost]) {
      await system.powerOn(device);
      await register(system, device);
      await good(system.admin(['device', 'move', device.name, '--group', 'Office']));
    }
    const first = await fingerprintOf(steady);
    const [lateFirst, lostFirst] = [await fingerprintOf(late), await fingerprintOf(lost)];
    for (const device of [late, lost]) {
      await whenStatus(device, 'in the group', (status) => status.device?.group === 'Office');
      await system.powerOff(device, 'SIGTERM');
    }
    await whenStatus(steady, 'in the group', (status) => status.device?.group === 'Office');
    const { since } = (await statusOf(steady)).link;

    // Each step, and a policy after it that comes over the same connection.
    const still = async (step: string): Promise<void> => {
      await good(system.admin(['policy', 'set-contacts', 'Office', '--name', step]));
      await whenStatus(steady, `told after ${step}`, (status) => status.contacts?.name === step);
    };
    const watch = watched(steady);
    await good(rollover(system));
    assert.equal(await roles(system), ['issuing', 'next']);
    await still('made');
    await good(rollover(system, '--activate', '--days', '90'));
    assert.equal(await roles(system), ['former', 'issuing']);
    await still('activated');
    await refusedFor(system, 'late, lost, steady');
    assert.is((await statusOf(steady)).link.since, since, 'the same connection');
    assert.is(await fingerprintOf(steady), first);
    assert.equal(await watch.lost(), []);

    await good(system.admin(['identity', 'renew', 'steady']));
    const second = await connectedByAnother(steady, first);
    await until(
      'the report says so',
      () => view(system),
      ({ behind }) => behind.join() === 'late,lost',
    );
    await refusedFor(system, 'late, lost');
    const after = (await statusOf(steady)).link.since;
    const more = watched(steady);
    await good(rollover(system, '--retire', '--override'));
    assert.equal(await roles(system), ['issuing', 'retired']);
    await still('retired');
    assert.is((await statusOf(steady)).link.since, after, 'the same connection');
    assert.is(await fingerprintOf(steady), second);
    assert.equal(await more.lost(), []);

    // Five days after the end of what the retired authority had issued.
    await system.powerOff(steady, 'SIGTERM');
    await server.kill('SIGTERM');
    travel(system, 370);
    const again = await system.startServer();
    await system.powerOn(late);
    await connectedByAnother(late, lateFirst);
    assert.is((await statusOf(late)).device?.name, 'late');
    assert.equal((await view(system)).behind, ['lost']);
    await system.powerOff(late, 'SIGTERM');

    // And after the grace, when the certificate of the server has changed as well: one code is for both.
    await again.kill('SIGTERM');
    travel(system, 400);
    await system.startServer();
    await system.powerOn(lost);
    const { replacement } = await whenStatus(
      lost,
      'it asks for a code',
      (status) => status.identity?.at === 'expired' && status.replacement !== null,
    );
    const confirmation = replacement?.confirmationCode ?? '';
    const { replacementCode } = (await json(system.admin(['code', confirmation, '--json']))) as Record<string, string>;
    await good(system.thintrust(lost, ['code', replacementCode ?? '']));
    await connectedByAnother(lost, lostFirst);
    assert.is((await statusOf(lost)).device?.name, 'lost');
    assert.equal((await view(system)).behind, []);
    const listed = (await json(system.admin(['identities', '--json']))) as IdentityRow[];
    assert.not.ok(
      listed.some(({ thumbprint, status }) => thumbprint === lostFirst && status === 'valid'),
      'what the retired authority had issued is over',
    );
  } catch (error) {
    const logs = ['thintrust-server', 'thintrustd'].map((name) => `--- ${name}\n${system.log(name)}`);
    throw new Error([String(error), ...logs].join('\n'));
  } finally {
    await system.close();
  }
});
