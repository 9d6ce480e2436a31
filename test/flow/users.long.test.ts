/** Real agents registered by the name and password of a user: each form of the name, into the user's group, and no more than allowed. */
import { assert, needs, test } from '../harness.ts';
import { good, json } from './acts.ts';
import { type Device, type Outcome, openSystem, statusOf, until, whenStatus } from './system.ts';

needs(['tmux']);

type Invited = { readonly address: string; readonly fingerprint: string; readonly password: string };
type UserRow = { readonly name: string; readonly devices: number };

const password = 'Correct-Horse1';
const isInOffice = (device: Device) =>
  whenStatus(
    device,
    `${device.name} is connected, in the group`,
    ({ device: own, link }) => link?.at === 'connected' && own?.group === 'Office' && own.managed,
  );

test('three forms of a name, one of them by keys; a wrong password, one device too many, and a one-time password beside', async () => {
  const system = openSystem();
  try {
    await system.startServer();
    await good(system.admin(['group', 'add', 'Office']));
    const user = ['users', 'add', 'anna@corp.example', '--group', 'Office', '--devices', '3', '--password-stdin'];
    await good(system.admin(user, `${password}\n`));
    const listed = async (): Promise<readonly UserRow[]> =>
      (await json(system.admin(['users', 'list', '--json']))) as UserRow[];
    // Where the server is, and which; the invitation itself is for nobody here.
    const told = (await json(system.admin(['invite', '--name', 'nobody', '--json']))) as Invited;
    const register = async (device: Device, name: string, typed = password): Promise<Outcome> => {
      const server = ['--address', told.address, '--fingerprint', told.fingerprint];
      return system.thintrust(device, ['register', ...server, '--invitation', name, '--json'], `${typed}\n`);
    };
    const [first, second, third, fourth] = ['first', 'second', 'third', 'fourth'].map(system.device);
    if (!first || !second || !third || !fourth) throw new Error('four devices');
    for (const device of [first, second, third, fourth]) await system.powerOn(device);

    // Nobody is told whether it was the name or the password, and nothing is left behind.
    for (const [name, typed] of [
      ['anna@corp.example', 'Wrong-Horse1'],
      ['boris', password],
    ] as const) {
      const refused = await register(first, name, typed);
      assert.is(refused.code, 1);
      assert.is(JSON.parse(refused.out).code, 'invitation-refused');
      assert.is((await statusOf(first)).at, 'unregistered');
    }
    assert.equal(await json(system.admin(['devices', '--json'])), []);

    await good(register(first, 'Anna@corp.example'));
    await good(register(second, 'CORP\\anna'));
    const screen = system.openConsole(third);
    try {
      await screen.see(/> Server address/);
      for (const text of [told.address, told.fingerprint, 'anna', password]) await screen.type(text, 'Tab');
      assert.not.match(await screen.see(/> Certificate from/), new RegExp(password));
      await screen.reach('Tab', /> \[ Register \]/);
      await screen.type('Enter');
      await screen.see(/Office[\s\S]*Connection +connected/);
    } finally {
      await screen.close();
    }
    for (const device of [first, second, third]) await isInOffice(device);
    assert.equal(
      (await listed()).map(({ name, devices }) => [name, devices]),
      [['anna@corp.example', 3]],
    );

    const tooMany = await register(fourth, 'anna');
    assert.is(JSON.parse(tooMany.out).code, 'too-many-devices');
    const { err } = await system.thintrust(
      fourth,
      ['register', '--address', told.address, '--fingerprint', told.fingerprint, '--invitation', 'anna'],
      `${password}\n`,
    );
    assert.match(err, /This user has registered as many devices as allowed/);
    assert.is((await statusOf(fourth)).at, 'unregistered');

    // A device that goes makes room, and where a one-time password is prompted for, the own one alone does not do.
    const { device: gone } = await statusOf(second);
    await good(system.admin(['device', 'remove', gone?.id ?? '']));
    await good(system.admin(['identity', 'rules', '--prompt-password', 'on']));
    assert.is(JSON.parse((await register(fourth, 'anna')).out).code, 'invitation-refused');
    const made = (await json(system.admin(['invite', '--user', 'anna', '--json']))) as Invited;
    await good(register(fourth, 'anna', `${password} ${made.password}`));
    await isInOffice(fourth);
    await until('three again', listed, ([row]) => row?.devices === 3);
  } catch (error) {
    const logs = ['thintrust-server', 'thintrustd'].map((name) => `--- ${name}\n${system.log(name)}`);
    throw new Error([String(error), ...logs].join('\n'));
  } finally {
    await system.close();
  }
});
