/** A person at a new device: registration typed by hand, and five wrong codes that lock, also across a restart. */
import { assert, needs, test } from '../harness.ts';
import { clear, good, json, register, wrongCodes } from './acts.ts';
import { openSystem, statusOf, whenStatus } from './system.ts';

needs(['tmux']);

test('first run: what the administrator told is typed, mistakes are explained, the device is registered', async () => {
  const system = openSystem();
  const device = system.device('typed');
  await system.startServer();
  await system.powerOn(device);
  const screen = system.openConsole(device);
  try {
    const invited = (await json(system.admin(['invite', '--name', 'typed', '--json']))) as Record<string, string>;
    // On a new device the form opens by itself.
    await screen.see(/Registration[\s\S]*Server address/);
    await screen.type(
      `${invited['address']}`,
      'Tab',
      `${invited['fingerprint']}`,
      'Tab',
      `${invited['invitation']}`,
      'Tab',
    );
    await screen.type('AAAA-AAAA-AAAA', 'Enter');
    const refused = await screen.see(/wrong, already used or out of date/);
    assert.not.match(refused, /AAAA-AAAA-AAAA/, 'the password is not shown');
    assert.is((await statusOf(device)).at, 'unregistered');
    await screen.type('BTab', 'BTab');
    await screen.reach('Tab', /> One-time password/);
    await clear(screen);
    await clear(screen);
    await screen.type(`${invited['password']}`, 'Enter');
    await whenStatus(device, 'registered and connected', (status) => status.link?.at === 'connected');
    await screen.see(/typed, in no group|is registered/);
  } finally {
    await screen.close();
    await system.close();
  }
});

test('five wrong codes lock; the lock stands across a power cut, and the right code waits', async () => {
  const system = openSystem();
  const device = system.device('guessed');
  await system.startServer();
  await system.powerOn(device);
  try {
    await register(system, device);
    await system.powerOff(device);
    for (let twice = 0; twice < 2; twice++) {
      await good(system.admin(['certificate', 'schedule']));
      await good(system.admin(['certificate', 'switch', '--override']));
    }
    await system.powerOn(device);
    const asked = await whenStatus(device, 'a code is wanted', (status) => Boolean(status.replacement));
    for (const [index, wrong] of wrongCodes.entries()) {
      const answer = await system.thintrust(device, ['code', wrong, '--json']);
      assert.is(JSON.parse(answer.out).code, index < 4 ? 'code-wrong' : 'code-locked');
    }
    await system.powerOff(device);
    await system.powerOn(device);
    const locked = await whenStatus(device, 'still locked', (status) => (status.replacement?.lockedForMs ?? 0) > 0);
    assert.ok((locked.replacement?.lockedForMs ?? 0) > 13 * 60_000);
    assert.is(locked.replacement?.confirmationCode, asked.replacement?.confirmationCode);
    const told = (await json(system.admin(['code', locked.replacement?.confirmationCode ?? '', '--json']))) as Record<
      string,
      string
    >;
    const right = await system.thintrust(device, ['code', `${told['replacementCode']}`, '--json']);
    assert.is(JSON.parse(right.out).code, 'code-locked');
  } finally {
    await system.close();
  }
});
