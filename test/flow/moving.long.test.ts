/**
 * A device of ours is moved by the enrolment setting to an authority of others, and back to ours: micromdm's SCEP server and
 * libest's EST server, each asked by a real agent for a real server. Beside mosquitto it goes on by check-in for as long as its
 * identity is of others (`docs/enrolment.md`), and comes back to MQTT with ours.
 */
import { X509Certificate } from 'node:crypto';
import { fromBase64 } from '../../protocol/certificate.ts';
import type { Status } from '../../protocol/local.ts';
import type { IdentityRow } from '../../server/api/devices.ts';
import { type Peer, withEstServer, withScepServer } from '../fakes/enrolment-peers.ts';
import { filesBelow } from '../fakes/secrets.ts';
import { assert, needs, table } from '../harness.ts';
import { connectedByAnother, fingerprintOf, good, json, register, renewalMs } from './acts.ts';
import { testBroker } from './brokers.ts';
import { type Device, openSystem, type System, statusOf, until, whenStatus } from './system.ts';

needs(['root', 'chroot', 'scepserver', 'estserver']);

type Row = {
  readonly name: string;
  readonly open: (use: (peer: Peer) => Promise<void>) => Promise<void>;
  readonly url: (address: string) => string;
  readonly words: readonly string[];
  readonly password: string;
  /** Of the identity it issues. */
  readonly issuer: RegExp;
  readonly subject: RegExp;
};
const rows: readonly Row[] = [
  {
    name: 'SCEP, micromdm',
    open: (use) => withScepServer(['-challenge', 'Challenge-7', '-crtvalid', '30'], use),
    url: (address) => `http://${address}/scep`,
    words: [],
    password: 'Challenge-7',
    issuer: /O=Ex/,
    subject: /^OU=Kiosks\nCN=[0-9a-f]{16}$/,
  },
  {
    name: 'EST, libest',
    open: withEstServer,
    url: (address) => `https://${address}`,
    words: ['--protocol', 'est', '--user', 'estuser'],
    password: 'estpwd',
    issuer: /CN=EST CA/,
    // Its configuration takes the common name alone.
    subject: /^CN=[0-9a-f]{16}$/,
  },
];

table('moved by the setting, renewed there, and back', rows, async (row) => {
  const system = openSystem();
  try {
    await row.open((peer) => tell(system, peer, row));
  } catch (error) {
    const logs = ['thintrust-server', 'thintrustd'].map((name) => `--- ${name}\n${system.log(name)}`);
    throw new Error([String(error), ...logs].join('\n'));
  } finally {
    await system.close();
  }
});

async function tell(system: System, peer: Peer, { url, words, password, issuer, subject: wanted }: Row): Promise<void> {
  await system.startServer();
  const device = system.device('first');
  await system.powerOn(device);
  await register(system, device);
  const own = await fingerprintOf(device);
  const server = certificateOf(device, own).issuer;
  assert.not.match(server, issuer);

  // The authority is let in, the setting is made and chosen; nothing happens before the device renews.
  await good(system.admin(['authority', 'add', peer.ca]));
  const setting = ['--url', url(peer.address), '--sha256', peer.fingerprint, '--subject', 'CN=$RANDOM_16$,OU=Kiosks'];
  await good(
    system.admin(['mutual', 'enrolment-add', 'theirs', ...setting, ...words, '--password-stdin'], `${password}\n`),
  );
  let elsewhere = false;
  const isTold = (): boolean => !elsewhere || testBroker === 'embedded';
  const restart = async (): Promise<void> => {
    await system.powerOff(device);
    await system.powerOn(device);
  };
  const renewed = async (before: string, to: 'theirs' | 'ours'): Promise<string> => {
    await good(system.admin(['identity', 'renew', 'first']));
    // Whom mosquitto does not let in asks every few minutes, and soon after a start.
    if (!isTold()) await restart();
    elsewhere = to === 'theirs';
    const next = isTold() ? await connectedByAnother(device, before) : await withAnother(device, before);
    await until(
      'the list says so',
      async () => (await json(system.admin(['identities', '--json']))) as IdentityRow[],
      (listed) => listed.some(({ thumbprint, status }) => thumbprint === next && status === 'renewed'),
    );
    return next;
  };
  const chosen = async (name: string): Promise<void> => {
    const policy = (await whenStatus(device, 'it has a policy', (status) => status.policy !== null)).policy?.rev ?? 0;
    await good(system.admin(['mutual', 'enrolment', name]));
    const rises = ({ policy: next }: Status): boolean => (next?.rev ?? 0) > policy;
    // Where it is not told, the check-in that brings the order to renew brings this too.
    if (isTold()) await whenStatus(device, `${name} is in its policy`, rises);
  };
  await chosen('theirs');
  const moved = await renewed(own, 'theirs');
  const { subject } = certificateOf(device, moved);
  assert.match(certificateOf(device, moved).issuer, issuer);
  assert.match(subject, wanted);
  assert.is(filesBelow(device.state).filter(({ bytes }) => bytes.includes(password)).length, 0, 'not kept');

  // It renews there too, under the same name, and is who it is after a power cut.
  const again = await renewed(moved, 'theirs');
  assert.match(certificateOf(device, again).issuer, issuer);
  assert.is(certificateOf(device, again).subject, subject);
  await restart();
  const back = await whenStatus(device, 'it is there again', ({ link, device: own }) =>
    isTold() ? link?.at === 'connected' : (own ?? null) !== null,
  );
  assert.is(back.device?.name, 'first');

  // And home again.
  await chosen('local');
  const home = await renewed(again, 'ours');
  assert.is(certificateOf(device, home).issuer, server);
  await good(system.admin(['authority', 'remove', peer.fingerprint]));
  await restart();
  await whenStatus(
    device,
    'it does without them',
    ({ link, faults }) => link?.at === 'connected' && faults.length === 0,
  );
  assert.is(await fingerprintOf(device), home);
}

async function withAnother(device: Device, before: string): Promise<string> {
  const { identity } = await until(
    'it uses another identity',
    () => statusOf(device),
    ({ identity: own }) => own?.at === 'valid' && own.fingerprint !== before,
    renewalMs,
  );
  return identity?.fingerprint ?? '';
}

/** The identity in use, from the state of the device. */
function certificateOf({ state }: Device, fingerprint: string): X509Certificate {
  const all = filesBelow(`${state}/objects`)
    .map(({ bytes }) => bytes.toString('latin1'))
    .flatMap((text) => [...text.matchAll(/"(MII[A-Za-z0-9+/=]+)"/g)].map(([, der = '']) => fromBase64(der)))
    .map((der) => new X509Certificate(Buffer.from(der)));
  const found = all.find((each) => each.fingerprint256.replaceAll(':', '').toLowerCase() === fingerprint);
  if (!found) throw new Error('the identity in use is not on the disk');
  return found;
}
