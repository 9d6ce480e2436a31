/** The device's edge and the real server on renewal and on enrolling again: they mean the same by the same bytes (A7, B8, F30). */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkIn } from '../../agent/edge/checkin.ts';
import { makeKey } from '../../agent/edge/csr.ts';
import { enrolAgain, type Issued, renew } from '../../agent/edge/enrol.ts';
import { fingerprintOf, fromBase64, parseCertificate, toBase64 } from '../../protocol/certificate.ts';
import { deriveSecret, makeConfirmation } from '../../protocol/codes.ts';
import { dayMs, instant } from '../../protocol/time.ts';
import { answerCode } from '../../server/edge/codes.ts';
import { type DeviceHttp, serveDevices } from '../../server/edge/device-http.ts';
import { readListenerTls, readServerCertificates } from '../../server/edge/pins.ts';
import { removeDevice } from '../../server/edge/places.ts';
import { initialise } from '../../server/edge/state.ts';
import { type Enrolled, type FleetServer, openFleet, register, report, value } from '../fakes/fleet-server.ts';
import { now } from '../fakes/identities.ts';
import { assert, table, test } from '../harness.ts';

type World = { readonly world: FleetServer; readonly http: DeviceHttp; readonly pin: string };

/** Begun long ago, so that identities can have ended; TLS judges by the time of this machine. */
async function withServer(run: (world: World) => Promise<void>): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), 'thintrust-both-'));
  const directory = join(root, 'state');
  const begun = instant(now() - 600 * dayMs);
  const choices = { name: '127.0.0.1', host: '127.0.0.1', httpsPort: 4430, mqttPort: 8830 };
  value(await initialise({ directory, clock: () => begun, log: () => {} }, choices, () => {}));
  const world = await openFleet({ directory, now: now() });
  const { fleet, server, time } = world;
  const tls = value(await readListenerTls(server));
  const http = await serveDevices({ fleet, tls, host: '127.0.0.1', port: 0, clock: () => time.now, log: () => {} });
  const [main] = await readServerCertificates(server.db);
  try {
    await run({ world, http, pin: fingerprintOf(fromBase64(JSON.parse(main?.chain ?? '[]')[0])) });
  } finally {
    await http.close();
    await world.close();
    rmSync(root, { recursive: true });
  }
}

async function registered({ world }: World, daysAgo: number): Promise<Enrolled> {
  world.time.now = instant(now() - daysAgo * dayMs);
  const device = await register(world, `device of ${daysAgo} days`);
  world.time.now = now();
  return device;
}
const placeOf = ({ http, pin }: World) => ({ address: `127.0.0.1:${http.port}`, accept: [pin] });
const renewBy = (world: World, { id, key, chain }: Enrolled, next: Uint8Array): Promise<Issued> =>
  renew({ ...placeOf(world), device: id, credentials: { key, chain: chain.map(toBase64) } }, next);
const outcomeOf = (issued: Issued): string => (issued.at === 'failed' ? issued.fault.code : issued.at);
const chainOf = (issued: Issued): readonly string[] => (issued.at === 'issued' ? issued.chain : []);

/** The proof, as the core asks for it. */
async function prove(world: World, id: string, pkcs8: Uint8Array, chain: readonly string[]): Promise<string> {
  const body = JSON.stringify({ format: 1, nonce: 'ab'.repeat(16), report: report(id), events: [] });
  const outcome = await checkIn({ ...placeOf(world), body, credentials: { key: pkcs8, chain } });
  return outcome.at === 'answered' ? 'answered' : outcome.at === 'failed' ? outcome.fault.code : outcome.at;
}

table(
  'renewal, by how long ago the identity was issued for a year',
  [
    { name: 'in the window', daysAgo: 350, outcome: 'issued', old: 'answered' },
    { name: 'in its grace', daysAgo: 380, outcome: 'issued', old: 'expired' },
    { name: 'beyond its grace', daysAgo: 396, outcome: 'identity-retired', old: 'expired' },
  ],
  ({ daysAgo, old, outcome }) =>
    withServer(async (world) => {
      const device = await registered(world, daysAgo);
      const next = makeKey();
      const first = await renewBy(world, device, next);
      assert.is(outcomeOf(first), outcome);
      assert.is(await prove(world, device.id, device.key, device.chain.map(toBase64)), old, 'by the old one');
      if (first.at !== 'issued') return;
      assert.equal(chainOf(await renewBy(world, device, next)), first.chain, 'the same key, the same answer');
      const leaf = value(parseCertificate(fromBase64(first.chain[0] ?? '')));
      assert.is(leaf.owner, device.id);
      assert.ok(leaf.notAfter > now() + 300 * dayMs);
      assert.is(await prove(world, device.id, next, first.chain), 'answered', 'by the new one');
    }),
);

test('a removed device is not renewed (F30)', () =>
  withServer(async (world) => {
    const device = await registered(world, 350);
    value(await removeDevice(world.world.server, 'administrator', device.id));
    assert.is(outcomeOf(await renewBy(world, device, makeKey())), 'identity-refused');
  }));

test('a retired device enrols again by its secret once a code was answered', () =>
  withServer(async (world) => {
    const { server } = world.world;
    const device = await registered(world, 400);
    assert.is(outcomeOf(await renewBy(world, device, makeKey())), 'identity-retired');
    const secret = deriveSecret(server.keys.codeMaster, device.id, 1);
    const next = makeKey();
    const again = (): Promise<Issued> =>
      enrolAgain({ ...placeOf(world), device: device.id, secret: Buffer.from(secret).toString('hex') }, next);
    assert.is(outcomeOf(await again()), 'invitation-refused', 'nobody has answered');
    const [main] = await readServerCertificates(server.db);
    const certificateDer = fromBase64(JSON.parse(main?.chain ?? '[]')[0]);
    const code = makeConfirmation({ secret, deviceId: device.id, action: 1, counter: 7, certificateDer });
    value(await answerCode(server, 'administrator', { code }));
    const issued = await again();
    assert.is(outcomeOf(issued), 'issued');
    assert.equal(chainOf(await again()), chainOf(issued), 'the same key, the same answer');
    assert.is(await prove(world, device.id, next, chainOf(issued)), 'answered');
    assert.is(outcomeOf(await again()), 'invitation-refused', 'once');
  }));
