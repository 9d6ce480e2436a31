/** A device with the identity of an authority that is not ours, with the real programs of all sides: micromdm's or libest's. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Peer, withEstServer, withScepServer } from '../fakes/enrolment-peers.ts';
import { assert, needs, table } from '../harness.ts';
import { good, json } from './acts.ts';
import { openSystem, type System, whenStatus } from './system.ts';

needs(['root', 'chroot', 'scepserver', 'estserver']);

type Row = {
  readonly name: string;
  readonly open: (use: (peer: Peer) => Promise<void>) => Promise<void>;
  readonly password: string;
  readonly told: readonly string[];
};
const rows: readonly Row[] = [
  {
    name: 'SCEP, micromdm',
    open: (use) => withScepServer(['-challenge', 'secret'], use),
    password: 'secret',
    told: ['--ca', 'scep', '--subject', 'thin-$RANDOM_16$'],
  },
  {
    name: 'EST, libest',
    open: withEstServer,
    password: 'estpwd',
    told: ['--ca', 'est', '--ca-user', 'estuser', '--key', 'P-384'],
  },
];

table('registered through a foreign authority', rows, async ({ open, password, told }) => {
  const system = openSystem();
  try {
    await open((peer) => tell(system, peer, password, told));
  } catch (error) {
    const logs = ['thintrust-server', 'thintrustd'].map((name) => `--- ${name}\n${system.log(name)}`);
    throw new Error([String(error), ...logs].join('\n'));
  } finally {
    await system.close();
  }
});

async function tell(system: System, peer: Peer, password: string, told: readonly string[]): Promise<void> {
  await system.startServer();
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
  assert.match((await register('wrong')).out, /"(challenge|invitation)-refused"/);
  await whenStatus(device, 'the order has ended', (status) => status.at === 'unregistered');

  // The authority is not let in yet: the certificate is there, and nobody here takes it.
  const early = await register(password);
  assert.match(early.out, /"identity-refused"/);
  const added = (await json(system.admin(['authority', 'add', peer.ca, '--json']))) as { fingerprint: string };
  await whenStatus(device, 'the device is connected', (status) => status.link?.at === 'connected');

  // It is who it is after a power cut too.
  await system.powerOff(device);
  await system.powerOn(device);
  const { device: own } = await whenStatus(device, 'it is there again', (status) => status.link?.at === 'connected');
  assert.is(own?.name, 'first');
  assert.match(await good(system.admin(['authorities'])), new RegExp(added.fingerprint));

  // Without the authority it is let in no more.
  await good(system.admin(['authority', 'remove', added.fingerprint]));
  await system.powerOff(device);
  await system.powerOn(device);
  await whenStatus(device, 'it is refused', ({ faults }) => faults.some(({ code }) => code === 'identity-refused'));
}
