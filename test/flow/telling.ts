/** The main job with the real programs: server, agent, console in a pseudo-terminal driven by typed keys, and a real broker. */
import type { Gate } from '../../server/edge/rotation.ts';
import { assert } from '../harness.ts';
import { clear, good, held, json, register, reported, revisionOf, slot, vector, wrongCodes } from './acts.ts';
import type { BrokerKind } from './brokers.ts';
import { ask, type Device, openSystem, type Screen, type System, statusOf, until, whenStatus } from './system.ts';

/** One way to tell it; `runtime` is the Node of the device's programs. */
export type Telling = { readonly name: string; readonly broker: BrokerKind; readonly runtime: string };

export async function tellStory({ broker, runtime }: Telling): Promise<void> {
  const system = openSystem(runtime, {}, broker);
  try {
    await tell(system);
  } catch (error) {
    const logs = ['thintrust-server', 'thintrustd'].map((name) => `--- ${name}\n${system.log(name)}`);
    throw new Error([String(error), ...logs].join('\n'));
  } finally {
    await system.close();
  }
}

async function tell(system: System): Promise<void> {
  let server = await system.startServer();
  const first = system.device('first');
  const second = system.device('second');
  const absent = system.device('absent');
  for (const device of [first, second, absent]) {
    await system.powerOn(device);
    await register(system, device);
  }

  // A group, a policy, contacts; the screen shows it, the report says so, the command lists it.
  const screen = system.openConsole(first);
  try {
    await screen.see(/in no group/);
    await good(system.admin(['group', 'add', 'Office']));
    for (const { name } of [first, second, absent])
      await good(system.admin(['device', 'move', name, '--group', 'Office']));
    const add = (purpose: string, file: string) =>
      good(system.admin(['policy', 'add-certificate', 'Office', '--purpose', purpose, vector(file)]));
    await add('rdp', 'authority.pem');
    await add('log', 'leaf.pem');
    await good(
      system.admin(['policy', 'set-contacts', 'Office', '--name', 'Service desk', '--phone', '+7 000 000-00-00']),
    );
    await screen.reach('BTab', /> \[ Tools \]/);
    await screen.type('Enter');
    await screen.see(/> Event log/);
    await screen.reach('Down', /> Certificates/);
    await screen.type('Enter');
    await screen.see(/RDP server +authority .*Policy[\s\S]*Log server +leaf .*Policy/);
    await screen.type('Escape');
    await screen.see(/> Certificates/);
    await screen.type('Escape');
    await screen.see(/Service desk/);
    const policy = await json(system.admin(['policy', 'show', 'Office', '--json']));
    await until(
      'the report says that the revision is applied',
      () => reported(system, first),
      (rev) => rev === revisionOf(policy),
    );
    const listed = await good(system.thintrust(first, ['certificates']));
    assert.match(listed, /RDP server +authority[\s\S]*Log server +leaf/);

    // SIGKILL while policies arrive, at moments all over their way, and start again: the same as if nothing had happened.
    const before = held(await statusOf(first));
    for (const [round, afterMs] of [0, 20, 60, 120, 250, 500].entries()) {
      await good(system.admin(['policy', 'set-contacts', 'Office', '--name', `Service desk ${round}`]));
      await new Promise((wake) => setTimeout(wake, afterMs));
      await system.powerOff(first);
      await system.powerOn(first);
    }
    await good(system.admin(['policy', 'set-contacts', 'Office', '--name', 'Service desk']));
    const settled = await whenStatus(
      first,
      'the last policy after many kills',
      (status) => status.contacts?.name === 'Service desk' && status.link.at === 'connected',
    );
    assert.equal(held(settled), before);
    assert.equal(settled.faults, []);
    await screen.see(/Connection +connected/);

    // The reserve comes ahead; the gate names who lacks it; the switch asks no question.
    await system.powerOff(absent);
    await good(system.admin(['certificate', 'schedule']));
    for (const device of [first, second])
      await whenStatus(device, 'the reserve is there', (status) => slot(status, 'reserve') !== null);
    await until(
      'the gate names the absent device alone',
      () => ask<Gate>(system, '/server-certificates/gate'),
      ({ notReady }) => notReady?.map(({ name }) => name).join() === 'absent',
    );
    const gate = await system.admin(['certificate', 'gate']);
    assert.match(gate.out, /absent/);
    assert.not.match(gate.out, /first|second/);
    const refused = await system.admin(['certificate', 'switch', '--json']);
    assert.is(refused.code, 1);
    assert.is(JSON.parse(refused.out).code, 'devices-not-ready');
    const reserve = slot(await statusOf(first), 'reserve');
    await good(system.admin(['certificate', 'switch', '--override']));
    await whenStatus(first, 'the reserve has become the current one', (status) => slot(status, 'current') === reserve);
    await whenStatus(second, 'the second follows', (status) => slot(status, 'current') === reserve);
    const connected = await statusOf(first);
    assert.is(connected.link.at, 'connected');
    assert.is(connected.replacement, null);

    // Off while it changes twice; a code brings it back.
    await system.powerOff(first, 'SIGTERM');
    for (let twice = 0; twice < 2; twice++) {
      await good(system.admin(['certificate', 'schedule']));
      await good(system.admin(['certificate', 'switch', '--override']));
    }
    await system.powerOn(first);
    await replaceByCode(system, first, screen);

    // The new certificate is what it uses from now on, also after the server has been away.
    const main = await json(system.admin(['certificate', 'show', '--json']));
    const current = slot(await statusOf(first), 'current');
    assert.ok(JSON.stringify(main).includes(current ?? '?'));
    await server.kill('SIGTERM');
    server = await system.startServer();
    await good(system.admin(['policy', 'set-contacts', 'Office', '--name', 'Night desk']));
    await whenStatus(first, 'told by the server that came back', (status) => status.contacts?.name === 'Night desk');
    assert.is(slot(await statusOf(first), 'current'), current);
    assert.equal(
      held(await statusOf(first)).filter((each) => !each.startsWith('ksc')),
      before.filter((each) => !each.startsWith('ksc')),
    );
  } finally {
    await screen.close();
  }
}

async function replaceByCode(system: System, device: Device, screen: Screen): Promise<void> {
  const shown = await screen.see(/Certificate replacement required[\s\S]*Service desk/);
  assert.match(shown, /█▀▀▀▀▀█.*█▀▀▀▀▀█/, 'the finder patterns of a QR code');
  const confirmation = /\b\d{4} \d{4} \d{4} \d{4}\b/.exec(shown)?.[0] ?? '';
  const answered = await json(system.admin(['code', confirmation, '--json']));
  const replacement = String((answered as Record<string, unknown>)['replacementCode']).replaceAll(' ', '');
  await screen.type('Enter');
  await screen.see(/Certificate replacement code[\s\S]*Attempts left: 5/);

  // A mistyped digit costs nothing.
  await screen.type(mistyped(replacement), 'Enter');
  await screen.see(/mistyped|typing/i);
  assert.is((await statusOf(device)).replacement?.triesLeft, 5);

  // Wrong codes are counted, also across a restart.
  await clear(screen);
  await screen.type(wrongCodes[0] ?? '', 'Enter');
  await screen.see(/Attempts left: 4/);
  await system.powerOff(device);
  await system.powerOn(device);
  await whenStatus(device, 'the try is remembered', (status) => status.replacement?.triesLeft === 4);
  assert.is((await statusOf(device)).replacement?.confirmationCode, confirmation);

  await screen.see(/Certificate replacement code|Certificate replacement required/);
  if (/required/.test(await screen.read())) await screen.type('Enter');
  await screen.see(/Certificate replacement code/);
  await clear(screen);
  await screen.type(replacement, 'Enter');
  await whenStatus(device, 'connected by the new certificate', (status) => status.link?.at === 'connected');
  assert.is((await statusOf(device)).replacement, null);
}

const mistyped = (code: string): string => `${(Number(code[0]) + 1) % 10}${code.slice(1)}`;
