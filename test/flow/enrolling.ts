/** A device with the identity of an authority that is not ours: registered, renewed, and shut out with its authority. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { IdentityRow } from '../../server/api/devices.ts';
import type { Peer } from '../fakes/enrolment-peers.ts';
import { assert } from '../harness.ts';
import { connectedByAnother, fingerprintOf, good, json, renewalMs, travel } from './acts.ts';
import { type Device, openSystem, type Running, type System, statusOf, until, whenStatus } from './system.ts';

export type Row = {
  /** Of the device's programs. */
  readonly runtime: string;
  readonly open: (use: (peer: Peer) => Promise<void>) => Promise<void>;
  readonly password: string;
  readonly told: readonly string[];
  /** Its way once it is registered is the same whoever issued. */
  readonly whole: boolean;
};
/** The story of one row, with the real programs of all sides. */
export async function enrolling({ open, runtime, ...row }: Row): Promise<void> {
  const system = openSystem(runtime);
  try {
    await open((peer) => tell(system, peer, row));
  } catch (error) {
    const logs = ['thintrust-server', 'thintrustd'].map((name) => `--- ${name}\n${system.log(name)}`);
    throw new Error([String(error), ...logs].join('\n'));
  } finally {
    await system.close();
  }
}

async function tell(
  system: System,
  peer: Peer,
  { password, told, whole }: Pick<Row, 'password' | 'told' | 'whole'>,
): Promise<void> {
  const server = await system.startServer();
  const device = system.device('first');
  await system.powerOn(device);
  const file = join(system.folder, 'ca-password');
  const register = async (secret: string) => {
    writeFileSync(file, `${secret}\n`);
    const invited = (await json(system.admin(['invite', '--name', 'first', '--json']))) as Record<string, string>;
    const server = ['--address', invited['address'] ?? '', '--fingerprint', invited['fingerprint'] ?? ''];
    const authority = ['--ca-address', peer.address, '--ca-fingerprint', peer.fingerprint, '--ca-password-file', file];
    const words = ['register', ...server, '--invitation', invited['invitation'] ?? '', ...authority, ...told, '--json'];
    return system.thintrust(device, words, `${invited['password']}\n`);
  };
  const add = async () =>
    (await json(system.admin(['authority', 'add', peer.ca, '--json']))) as { fingerprint: string };
  if (!whole) {
    await add();
    await registerByKeys(system, device, peer, password);
    await whenStatus(device, 'the device is connected', (status) => status.link?.at === 'connected');
    const first = await fingerprintOf(device);
    await good(system.admin(['identity', 'renew', 'first']));
    await followedBy(system, await connectedByAnother(device, first));
    return;
  }
  assert.match((await register('wrong')).out, /"(challenge|invitation)-refused"/);
  await whenStatus(device, 'the order has ended', (status) => status.at === 'unregistered');

  // The authority is not let in yet: the certificate is there, and nobody here takes it.
  const early = await register(password);
  assert.match(early.out, /"identity-refused"/);
  const added = await add();
  await whenStatus(device, 'the device is connected', (status) => status.link?.at === 'connected');

  // It is who it is after a power cut too.
  await system.powerOff(device);
  await system.powerOn(device);
  const { device: own } = await whenStatus(device, 'it is there again', (status) => status.link?.at === 'connected');
  assert.is(own?.name, 'first');
  assert.match(await good(system.admin(['authorities'])), new RegExp(added.fingerprint));

  await renewsByItself(system, server, device);

  // Without the authority it is let in no more.
  await good(system.admin(['authority', 'remove', added.fingerprint]));
  await system.powerOff(device);
  await system.powerOn(device);
  await whenStatus(device, 'it is refused', ({ faults }) => faults.some(({ code }) => code === 'identity-refused'));
}

/** A person does it all on the screen that a new device shows. */
async function registerByKeys(system: System, device: Device, peer: Peer, password: string): Promise<void> {
  const invited = (await json(system.admin(['invite', '--name', 'first', '--json']))) as Record<string, string>;
  const screen = system.openConsole(device);
  const fill = async (...fields: readonly string[]): Promise<void> => {
    for (const text of fields) await screen.type(text.toLowerCase(), 'Tab');
  };
  try {
    await screen.see(/> Server address/);
    await fill(...['address', 'fingerprint', 'invitation', 'password'].map((name) => invited[name] ?? ''));
    await screen.see(/> Certificate from +< this server >/);
    await screen.type('Right');
    await screen.see(/> Certificate from +< another authority, by EST >/);
    await screen.type('Tab', 'Enter');
    await screen.see(/> Authority address/);
    await fill(peer.address, peer.fingerprint, 'estuser', password);
    assert.not.match(await screen.see(/> Subject +\$RANDOM_32\$/), new RegExp(password));
    await screen.type('Enter');
    await screen.see(/Connection +connected/);
  } finally {
    await screen.close();
  }
}

/** The certificates are of thirty days; two days before their end the device has another one, of the same authority, by itself. */
async function renewsByItself(system: System, server: Running, device: Device): Promise<void> {
  const first = await fingerprintOf(device);
  await system.powerOff(device, 'SIGTERM');
  await server.kill('SIGTERM');
  travel(system, 28);
  // A server that comes back so late gives new slots, within a day: the device keeps to the one it has.
  await system.powerOn(device);
  await until(
    'it asks the authority',
    () => statusOf(device),
    ({ identity }) => identity?.at === 'renewing',
    renewalMs,
  );
  await system.startServer();
  await followedBy(system, await connectedByAnother(device, first));
}

/** So the list says, and our own authority has issued nothing. */
async function followedBy(system: System, next: string): Promise<void> {
  await until(
    'the list says so',
    async () => (await json(system.admin(['identities', '--json']))) as IdentityRow[],
    (listed) => listed.some(({ thumbprint, status }) => thumbprint === next && status === 'renewed'),
  );
  const audited = await good(system.admin(['audit', '--json']));
  assert.match(audited, /"identity-announced"/);
  assert.not.match(audited, /"identity-issued"/);
}
