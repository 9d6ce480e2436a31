/**
 * Our authority of identities gives way to the next one under real agents: over MQTT and over check-in alone, with devices that
 * were off all the while and come back within their grace and after it.
 */
import { freePort } from '../../server/cli/port.ts';
import type { IdentityRow } from '../../server/edge/identities.ts';
import type { SuccessionView } from '../../server/edge/succession.ts';
import { openRelay } from '../fakes/relay.ts';
import { assert, needs, test } from '../harness.ts';
import { connectedByAnother, fingerprintOf, good, json, register, renewalMs, travel } from './acts.ts';
import { ask, type Device, openSystem, type System, statusOf, until, whenStatus } from './system.ts';

needs(['faketime', 'tmux']);

const view = async (system: System) => (await ask<SuccessionView>(system, '/device-authorities')) as SuccessionView;
const roles = async (system: System) => (await view(system)).authorities.map(({ role }) => role).sort();
const rollover = (system: System, ...more: readonly string[]) =>
  system.admin(['authority', 'rollover', ...more, '--json']);

/** Refused in a sentence of its own that names exactly these. */
async function refusedFor(system: System, names: string): Promise<void> {
  const { code, out } = await rollover(system, '--retire');
  assert.is(code, 1);
  const { code: fault, facts } = JSON.parse(out);
  assert.equal([fault, facts.devices], ['identities-not-renewed', names]);
  const { err } = await system.admin(['authority', 'rollover', '--retire']);
  assert.match(err, /Devices still use an identity of the former authority/);
  assert.match(err, new RegExp(`\\(${names}\\)`));
}

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

test('over check-in alone: reports get through after every step, renewed when asked, and the former authority goes without override', async () => {
  const system = openSystem();
  const port = await freePort('127.0.0.1', 0);
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
