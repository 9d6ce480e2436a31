/**
 * Keys at rest: the private key, the device secret and the one-time password lie where they must, and nowhere else; a
 * reset leaves not a piece of them in any file; journal, logs, spool, support bundle and the server's log never had one.
 */
import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { filesBelow, type Secret, secretsIn } from '../fakes/secrets.ts';
import { assert, test } from '../harness.ts';
import { good, json, register } from './acts.ts';
import { type Device, openSystem, type System, statusOf, until, whenStatus } from './system.ts';

const placesOf = (folder: string, secrets: readonly Secret[]): readonly string[] =>
  filesBelow(folder)
    .flatMap(({ path, bytes }) =>
      secretsIn(bytes, secrets).map((found) => `${path.replace(/[0-9a-f]{64}/, '…')}: ${found}`),
    )
    .sort();

/** The state files of all generations that are kept. */
function stateOf({ state }: Device): Record<string, { readonly bundle?: { readonly secret: string } }> {
  const texts = filesBelow(join(state, 'objects')).map(({ bytes }) => bytes.toString('latin1'));
  const registered = texts.find((text) => text.includes('"at":"registered"'));
  return registered ? JSON.parse(registered) : {};
}

function secretsOf(device: Device): readonly Secret[] {
  const [key] = filesBelow(join(device.state, 'keys'));
  if (!key) throw new Error('there is no key');
  const pkcs8 = createPrivateKey({ key: key.bytes, format: 'der', type: 'pkcs8' });
  const secret = stateOf(device)['registration']?.bundle?.secret ?? '';
  assert.match(secret, /^[0-9a-f]{64}$/);
  return [
    { name: 'key', bytes: Buffer.from(pkcs8.export({ format: 'jwk' }).d ?? '', 'base64url') },
    { name: 'device secret', bytes: Buffer.from(secret, 'hex') },
  ];
}

/** What was written beside the state: by the daemon to its journal, by the server to its log. */
const spoken = (system: System): Buffer =>
  Buffer.concat(['thintrustd.log', 'thintrust-server.log'].map((name) => readFileSync(join(system.folder, name))));

test('register, connect, reset: secrets are where they must be, then nowhere, and never told', async () => {
  const system = openSystem();
  const device = system.device('keeper');
  try {
    await system.startServer();
    await system.powerOn(device);
    await register(system, device);
    const secrets = secretsOf(device);
    // So that the search is seen to find.
    assert.equal(placesOf(join(device.state, 'keys'), secrets), ['…: key as bytes']);
    assert.ok(placesOf(join(device.state, 'objects'), secrets).every((found) => found === '…: device secret as hex'));
    const kept = placesOf(device.state, secrets);
    assert.ok(kept.length > 1);
    assert.ok(
      kept.every((found) => /^(keys|objects)\//.test(found)),
      kept.join('\n'),
    );
    const typed = { name: 'password', bytes: Buffer.from('Correct-Horse-Battery-9') };
    await system.thintrust(device, ['connect', 'rdp', '127.0.0.1:1', '--user', 'someone'], `${typed.bytes}\n`);
    const support = await good(system.thintrust(device, ['diagnose', '--state', device.state]));
    assert.equal(secretsIn(Buffer.from(support), [...secrets, typed]), []);
    await good(system.thintrust(device, ['reset', '--yes']));
    await whenStatus(device, 'reset', (status) => status.at === 'unregistered');
    assert.equal(placesOf(device.state, [...secrets, typed]), []);
    assert.equal(placesOf(device.runtime, [...secrets, typed]), []);
    await system.powerOff(device, 'SIGTERM');
    assert.equal(placesOf(device.state, [...secrets, typed]), [], 'nor what a stop writes');
    assert.ok(spoken(system).length > 100);
    assert.equal(secretsIn(spoken(system), [...secrets, typed]), []);
    const after = await good(system.thintrust(device, ['diagnose', '--state', device.state]));
    assert.equal(secretsIn(Buffer.from(after), [...secrets, typed]), []);
  } finally {
    await system.close();
  }
});

test('a one-time password that is not used up yet goes with the reset, and was never told', async () => {
  const system = openSystem();
  const device = system.device('waiter');
  // A server that never answers: the order waits.
  const deaf = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
  try {
    await new Promise((listening) => deaf.once('listening', listening));
    await system.startServer();
    await system.powerOn(device);
    const invited = (await json(system.admin(['invite', '--name', 'waiter', '--json']))) as Record<string, string>;
    const password = { name: 'password', bytes: Buffer.from(`${invited['password']}`) };
    const told = ['--fingerprint', `${invited['fingerprint']}`, '--invitation', `${invited['invitation']}`];
    const where = deaf.address();
    const address = typeof where === 'object' ? `127.0.0.1:${where?.port}` : '';
    await system.thintrust(device, ['register', '--address', address, ...told], `${password.bytes}\n`);
    await until(
      'the order is on the disk',
      async () => placesOf(device.state, [password]),
      (places) => places.length > 0,
    );
    assert.ok(placesOf(device.state, [password]).every((found) => found === 'objects/…: password as bytes'));
    const support = await good(system.thintrust(device, ['diagnose', '--state', device.state]));
    assert.equal(secretsIn(Buffer.from(support), [password]), []);
    await good(system.thintrust(device, ['reset', '--yes']));
    assert.is((await statusOf(device)).at, 'unregistered');
    assert.equal(placesOf(device.state, [password]), []);
    assert.equal(secretsIn(spoken(system), [password]), []);
  } finally {
    deaf.close();
    await system.close();
  }
});
