/**
 * The life of a device's identity with the real programs, years in a minute: server and device are told another date by
 * libfaketime. Renewed when the administrator asks, in the days of grace after its end, and, later than that, only after a code.
 */
import type { IdentityRow } from '../../server/api/devices.ts';
import { assert, needs, table } from '../harness.ts';
import { connectedByAnother, fingerprintOf, good, json, register, travel } from './acts.ts';
import { ofBroker, testBroker } from './brokers.ts';
import { openSystem, type System, statusOf, until, whenStatus } from './system.ts';

needs(['faketime', 'mosquitto', 'tmux']);

const rows = ofBroker([
  { name: 'embedded broker', broker: 'embedded' },
  { name: 'mosquitto', broker: 'mosquitto' },
]);

table('an identity is renewed when asked, in its grace, and later by a code', rows, async ({ broker }) => {
  const system = openSystem(process.execPath, {}, broker);
  try {
    // The years are the same with both: they are told with the one that all stories have.
    await tell(system, broker === testBroker);
  } catch (error) {
    const logs = ['thintrust-server', 'thintrustd'].map((name) => `--- ${name}\n${system.log(name)}`);
    throw new Error([String(error), ...logs].join('\n'));
  } finally {
    await system.close();
  }
});

async function tell(system: System, mayTravel: boolean): Promise<void> {
  let server = await system.startServer();
  const device = system.device('reception');
  await system.powerOn(device);
  await register(system, device);
  const first = await fingerprintOf(device);

  // The administrator asks for it: a new certificate, proven, in use over MQTT.
  await good(system.admin(['identity', 'renew', 'reception']));
  const second = await connectedByAnother(device, first);
  await until(
    'the list says so',
    async () => (await json(system.admin(['identities', '--json']))) as IdentityRow[],
    (listed) => listed.some(({ thumbprint, status }) => thumbprint === second && status === 'renewed'),
  );
  await system.powerOff(device);
  await system.powerOn(device);
  await whenStatus(device, 'connected after the cable was pulled', ({ link }) => link?.at === 'connected');
  assert.is(await fingerprintOf(device), second);
  if (!mayTravel) return;

  // Off until five days after the end of it.
  await system.powerOff(device, 'SIGTERM');
  await server.kill('SIGTERM');
  travel(system, 370);
  server = await system.startServer();
  await system.powerOn(device);
  const third = await connectedByAnother(device, second);

  // Off for longer than the grace: the server retires it, a code lets it in again.
  await system.powerOff(device, 'SIGTERM');
  await server.kill('SIGTERM');
  travel(system, 370 + 365 + 31);
  await system.startServer();
  await system.powerOn(device);
  const screen = system.openConsole(device);
  try {
    const shown = await screen.see(/New device certificate required[\s\S]*\d{4} \d{4} \d{4} \d{4}/);
    assert.is((await statusOf(device)).identity?.at, 'retired');
    const confirmation = /\b\d{4} \d{4} \d{4} \d{4}\b/.exec(shown)?.[0] ?? '';
    const answered = await json(system.admin(['code', confirmation, '--json']));
    await screen.type('Enter');
    await screen.see(/Attempts left: 5/);
    const { replacementCode } = answered as { readonly replacementCode: string };
    await screen.type(replacementCode.replaceAll(' ', ''), 'Enter');
    const fourth = await connectedByAnother(device, third);
    const status = await statusOf(device);
    assert.is(status.device?.name, 'reception');
    assert.is(status.identity?.fingerprint, fourth);
    await screen.see(/Connection +connected/);
  } finally {
    await screen.close();
  }
}
