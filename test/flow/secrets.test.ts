/**
 * Keys at rest: the private key, the device secret and the one-time password lie where they must, and nowhere else; a
 * reset leaves not a piece of them in any file; journal, logs, spool, support bundle and the server's log never had one.
 */
import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { filesBelow, type Secret, secretsIn } from '../fakes/secrets.ts';
import { assert, test } from '../harness.ts';
import { good, json, register } from './acts.ts';
import { type Device, openSystem, type System, until, whenStatus } from './system.ts';

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

const supportOf = async (system: System, device: Device): Promise<Buffer> =>
  Buffer.from(await good(system.thintrust(device, ['diagnose', '--state', device.state])));

/** What was written beside the state: by the daemon to its journal, by the server to its log. */
const spoken = (system: System): Buffer =>
  Buffer.concat(['thintrustd.log', 'thintrust-server.log'].map((name) => readFileSync(join(system.folder, name))));

test('secrets are where they must be, nowhere after a reset, and never told', async () => {
  const system = openSystem();
  const device = system.device('keeper');
  // A server that never answers: an order to it waits, with its password.
  const deaf = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
  try {
    await new Promise((listening) => deaf.once('listening', listening));
    await system.startServer();
    await system.powerOn(device);
    const invited = (await json(system.admin(['invite', '--name', 'waiter', '--json']))) as Record<string, string>;
    const oneTime = { name: 'one-time password', bytes: Buffer.from(`${invited['password']}`) };
    const told = ['--fingerprint', `${invited['fingerprint']}`, '--invitation', `${invited['invitation']}`];
    const { port } = deaf.address() as AddressInfo;
    await system.thintrust(device, ['register', '--address', `127.0.0.1:${port}`, ...told], `${oneTime.bytes}\n`);
    const ordered = await until(
      'the order is on the disk',
      async () => placesOf(device.state, [oneTime]),
      (places) => places.length > 0,
    );
    assert.ok(
      ordered.every((found) => found === 'objects/…: one-time password as bytes'),
      ordered.join('\n'),
    );
    assert.equal(secretsIn(await supportOf(system, device), [oneTime]), []);
    await good(system.thintrust(device, ['reset', '--yes']));
    assert.equal(placesOf(device.state, [oneTime]), []);

    await register(system, device);
    const secrets = secretsOf(device);
    const kept = placesOf(device.state, secrets);
    assert.ok(
      kept.includes('keys/…: key as bytes') && kept.includes('objects/…: device secret as hex'),
      kept.join('\n'),
    );
    assert.ok(
      kept.every((found) => /^keys\/…: key |^objects\/…: device secret /.test(found)),
      kept.join('\n'),
    );
    const typed = { name: 'password', bytes: Buffer.from('Correct-Horse-Battery-9') };
    await system.thintrust(device, ['connect', 'rdp', '127.0.0.1:1', '--user', 'someone'], `${typed.bytes}\n`);
    const all = [...secrets, typed, oneTime];
    assert.equal(secretsIn(await supportOf(system, device), all), []);
    await good(system.thintrust(device, ['reset', '--yes']));
    await whenStatus(device, 'reset', (status) => status.at === 'unregistered');
    await system.powerOff(device, 'SIGTERM');
    assert.equal(placesOf(device.state, all), []);
    assert.equal(placesOf(device.runtime, all), []);
    assert.ok(spoken(system).length > 100);
    assert.equal(secretsIn(spoken(system), all), []);
    assert.equal(secretsIn(await supportOf(system, device), all), []);
  } finally {
    deaf.close();
    await system.close();
  }
});
