/**
 * Mail and VPN certificates with the real programs: ordered while the device is off, fetched when it comes back, read by programs of
 * others, renewed, wiped; and gone with a reset.
 */
import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { CertificatePage, Installed } from '../../server/api/certificates.ts';
import { call } from '../../server/cli/client.ts';
import { startOpenVpn } from '../fakes/openvpn.ts';
import { assert, needs, test } from '../harness.ts';
import { register } from './acts.ts';
import { ask, type Device, openSystem, type System, until, whenStatus } from './system.ts';

needs(['openvpn', 'openssl']);

const run = promisify(execFile);
const vpn = { type: 'vpn', kind: 'thin-client', connection: 'with-mobile', source: 'server', alias: 'Office' };

test('a device that was off gets its certificates, other programs use them, and a wipe takes them away', async () => {
  const system = openSystem();
  try {
    await tell(system);
  } catch (error) {
    const logs = ['thintrust-server', 'thintrustd'].map((name) => `--- ${name}\n${system.log(name)}`);
    throw new Error([error instanceof Error ? error.stack : String(error), ...logs].join('\n'));
  } finally {
    await system.close();
  }
});

async function tell(system: System): Promise<void> {
  await system.startServer();
  const device = system.device('reception');
  await system.powerOn(device);
  await register(system, device);
  await system.powerOff(device);
  await post(system, '/certificates/issue', { ...vpn, devices: ['reception'] });
  const mail = { ...vpn, type: 'mail', alias: 'Post', source: 'uploaded', devices: ['reception'] };
  const content = readFileSync('test/vectors/identities/java-ec.p12').toString('base64');
  await post(system, '/certificates/issue', { ...mail, file: { content, password: 'secret' } });
  assert.equal(await statuses(system), ['Office ordered', 'Post ordered']);

  await system.powerOn(device);
  await listed(system, ['Office valid', 'Post valid']);
  const office = join(device.runtime, 'identities/vpn/Office');
  await belongTogether(office);
  await belongTogether(join(device.runtime, 'identities/mail/Post'));
  const page = await ask<Installed>(system, '/devices/reception/certificates');
  const own = page.certificates?.filter(({ userCertificate }) => userCertificate) ?? [];
  const found = own.map(({ name, use }) => `${name} ${use}`).sort();
  assert.equal(found, ['Office vpn', 'Post mail', 'reception mobile']);
  // A VPN that knows the authority lets it in.
  const vpnServer = await startOpenVpn(system.folder, readFileSync(join(office, 'ca.pem'), 'utf8'));
  try {
    assert.match(await vpnServer.connect(office), /Initialization Sequence Completed/);
  } finally {
    await vpnServer.close();
  }

  const first = fingerprintAt(office);
  const [row] = (await pageOf(system)).rows.filter(({ alias }) => alias === 'Office');
  await post(system, '/certificates/renew', { ids: [row?.id] });
  await listed(system, ['Office renewed', 'Post valid']);
  assert.is.not(fingerprintAt(office), first);
  await belongTogether(office);

  // It goes on from its disk, with the server away or not.
  await system.powerOff(device);
  await system.powerOn(device);
  await until('exported again', async () => existsSync(join(office, 'key.pem')), Boolean);

  await system.powerOff(device);
  await post(system, '/devices/reception/wipe', {});
  assert.equal(await statuses(system), ['Office wiping', 'Post wiping']);
  await system.powerOn(device);
  await listed(system, ['Office wiped', 'Post wiped']);
  assert.equal(namesBelow(join(device.runtime, 'identities')), []);
  await whenStatus(device, 'still connected', ({ link }) => link?.at === 'connected');
  assert.is(keysOf(device), 1);
}

const pageOf = async (system: System): Promise<CertificatePage> => {
  const { rows = [], total = 0 } = await ask<CertificatePage>(system, '/certificates?sort=alias');
  return { rows, total };
};
const statuses = async (system: System): Promise<readonly string[]> =>
  (await pageOf(system)).rows.filter(({ type }) => type !== 'mobile').map(({ alias, status }) => `${alias} ${status}`);
const listed = (system: System, wanted: readonly string[]) =>
  until(
    wanted.join(', '),
    () => statuses(system),
    (found) => found.join() === wanted.join(),
  );

async function post({ server }: System, path: string, body: object): Promise<void> {
  const answer = await call(server, 'POST', path, body);
  assert.ok(answer.ok, JSON.stringify(answer));
}

/** Files of root and the daemon alone; the key is the certificate's, as OpenSSL sees it. */
async function belongTogether(folder: string): Promise<void> {
  for (const name of ['cert.pem', 'ca.pem', 'key.pem'])
    assert.is(statSync(join(folder, name)).mode & 0o777, 0o600, name);
  const ofKey = await run('openssl', ['pkey', '-in', join(folder, 'key.pem'), '-pubout']);
  const ofCertificate = await run('openssl', ['x509', '-in', join(folder, 'cert.pem'), '-noout', '-pubkey']);
  assert.is(ofKey.stdout, ofCertificate.stdout);
}

const fingerprintAt = (folder: string): string =>
  new X509Certificate(readFileSync(join(folder, 'cert.pem'))).fingerprint256;
const namesBelow = (folder: string): readonly string[] =>
  ['mail', 'vpn'].flatMap((type) => readdirSync(join(folder, type)));
/** What the disk has of private keys: that of the identity is left. */
const keysOf = (device: Device): number => readdirSync(join(device.state, 'keys')).length;
