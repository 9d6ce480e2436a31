/** A server with an RSA authority and a certificate of the company's own: a device registers, follows to the next, asks nothing. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fingerprintOf, toPem } from '../../protocol/certificate.ts';
import { dayMs } from '../../protocol/time.ts';
import type { Gate } from '../../server/edge/rotation.ts';
import { type Issued, issue, rsaKey } from '../fakes/issue.ts';
import { assert, test } from '../harness.ts';
import { good, json, register, slot } from './acts.ts';
import { openSystem, statusOf, until, whenStatus } from './system.ts';

const days = (count: number): string => new Date(Date.now() + count * dayMs).toISOString();
const ips = [Buffer.of(127, 0, 0, 1)];
const root = issue({ cn: 'company root', ca: true, key: rsaKey(2048), from: days(-9), to: days(999) });
const middle = issue({ cn: 'company servers', ca: true, by: root, key: rsaKey(2048), from: days(-9), to: days(999) });
const first = issue({ cn: 'first', by: middle, key: rsaKey(2048), ips, from: days(-1), to: days(390) });
const second = issue({ cn: 'second', by: middle, ips, from: days(-1), to: days(390) });

test('an uploaded RSA certificate is pinned, and its uploaded successor comes through the gate without a question', async () => {
  const system = openSystem();
  const file = (issued: Issued): string => {
    const path = join(system.folder, `${fingerprintOf(issued.der)}.pem`);
    const key = issued.key.export({ type: 'pkcs8', format: 'pem' });
    writeFileSync(path, `${key}${[issued, middle, root].map(({ der }) => toPem(der)).join('')}`, { mode: 0o600 });
    return path;
  };
  try {
    await system.startServer(['--authority-key', 'rsa-3072']);
    await good(system.admin(['certificate', 'upload', file(first), '--role', 'main']));
    const device = system.device('reception');
    await system.powerOn(device);
    await register(system, device);
    assert.is(slot(await statusOf(device), 'current'), fingerprintOf(first.der));
    assert.match((await system.admin(['certificate', 'upload', file(second), '--role', 'main'])).err, /as reserve/);
    await good(system.admin(['certificate', 'upload', file(second), '--after-days', '0']));
    await whenStatus(device, 'the reserve is there', (status) => slot(status, 'reserve') === fingerprintOf(second.der));
    await until(
      'the gate opens',
      async () => (await json(system.admin(['certificate', 'gate', '--json']))) as Gate,
      ({ open }) => open,
    );
    await good(system.admin(['certificate', 'switch']));
    const now = await whenStatus(
      device,
      'the successor is pinned',
      (status) => slot(status, 'current') === fingerprintOf(second.der) && status.link.at === 'connected',
    );
    assert.is(now.replacement, null);
  } catch (error) {
    throw new Error(`${error}\n--- server\n${system.log('thintrust-server')}\n--- agent\n${system.log('thintrustd')}`);
  } finally {
    await system.close();
  }
});
