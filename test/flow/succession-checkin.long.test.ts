/** Our authority of identities gives way to the next one under a real agent that checks in alone, since MQTT does not come through. */
import { freePort } from '../../server/cli/port.ts';
import { openRelay } from '../fakes/relay.ts';
import { assert, test } from '../harness.ts';
import { fingerprintOf, good, json, renewalMs } from './acts.ts';
import { refusedFor, roles, rollover, view } from './rolling.ts';
import { ask, openSystem, statusOf, until } from './system.ts';

test('over check-in alone: reports get through after every step, renewed when asked, and the former authority goes without override', async () => {
  const system = openSystem();
  const port = await freePort();
  const relay = await openRelay({ host: '127.0.0.1', port }, { host: '127.0.0.2', port });
  try {
    // Nobody listens where devices look for MQTT.
    const places = ['--host', '127.0.0.2', '--name', '127.0.0.1', '--https-port', `${port}`, '--legacy-port', 'off'];
    await system.startServer(places);
    const device = system.device('polling');
    await system.powerOn(device);
    const invited = (await json(system.admin(['invite', '--name', 'polling', '--json']))) as Record<string, string>;
    const told = ['--address', `127.0.0.1:${port}`, '--fingerprint', invited['fingerprint'] ?? ''];
    await good(
      system.thintrust(
        device,
        ['register', ...told, '--invitation', invited['invitation'] ?? ''],
        `${invited['password']}\n`,
      ),
    );
    const reportedAt = async () => (await ask<{ reportedAt: number }>(system, '/devices/polling')).reportedAt ?? 0;
    /** Off and on again, since it reports at once then. */
    const still = async (step: string): Promise<void> => {
      const before = await reportedAt();
      await system.powerOff(device);
      await system.powerOn(device);
      await until(`a report after ${step}`, reportedAt, (at) => at > before);
      assert.not.ok((await statusOf(device)).faults.some(({ code }) => code.startsWith('identity')));
    };
    await until('a first report', reportedAt, (at) => at > 0);
    const first = await fingerprintOf(device);
    await good(rollover(system));
    await still('made');
    await good(rollover(system, '--activate', '--days', '90'));
    await still('activated');
    assert.is(await fingerprintOf(device), first);
    await refusedFor(system, 'polling');
    await good(system.admin(['identity', 'renew', 'polling']));
    await system.powerOff(device);
    await system.powerOn(device);
    await until(
      'renewed',
      () => statusOf(device),
      ({ identity }) => identity?.at === 'valid' && identity.fingerprint !== first,
      renewalMs,
    );
    await good(rollover(system, '--retire'));
    assert.equal(await roles(system), ['issuing', 'retired']);
    assert.equal((await view(system)).behind, []);
    await still('retired');
  } catch (error) {
    const logs = ['thintrust-server', 'thintrustd'].map((name) => `--- ${name}\n${system.log(name)}`);
    throw new Error([String(error), ...logs].join('\n'));
  } finally {
    relay.close();
    await system.close();
  }
});
