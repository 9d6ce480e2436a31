/**
 * Our authority of device identities is replaced while devices go on (B12): real handshakes with identities of both, over HTTPS,
 * through a front end and over MQTT; openssl judges certificates and lists; the server is started again, and rebuilt from its
 * kit, after every step.
 */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import mqtt from 'mqtt';
import { makeKey, makeRequest } from '../../agent/edge/csr.ts';
import { spkiOf } from '../../agent/edge/device-key.ts';
import { fingerprintOf, toPem } from '../../protocol/certificate.ts';
import { dayMs, instant } from '../../protocol/time.ts';
import { writeClientCert } from '../../server/core/client-cert.ts';
import type { Step } from '../../server/core/succession.ts';
import { type Authority, issueDevice } from '../../server/edge/authority.ts';
import { recoverFromKit } from '../../server/edge/backup.ts';
import { embeddedBroker } from '../../server/edge/broker-embedded.ts';
import { readIdentity, writeIdentity } from '../../server/edge/context.ts';
import { addFrontEnd } from '../../server/edge/front-end.ts';
import { deleteIdentity } from '../../server/edge/identities.ts';
import { readListenerTls } from '../../server/edge/pins.ts';
import { moveSuccession, renewAhead, showSuccession, type Wanted } from '../../server/edge/succession.ts';
import {
  auditOf,
  codeOf,
  type Enrolled,
  type FleetServer,
  openFleet,
  proofOf,
  register,
  temporary,
  value,
  withFleet,
} from '../fakes/fleet-server.ts';
import { makeAuthorities, makeDevice } from '../fakes/identities.ts';
import { type Answer, type Identity, type Setting, withListeners } from '../fakes/legacy-agent.ts';
import { openssl } from '../fakes/openssl.ts';
import { assert, needs, table, test } from '../harness.ts';

needs(['openssl']);

const admin = 'administrator';
const stranger = '6f1dcf1c-1111-4111-8111-111111111111';

type Running = Setting & { readonly mqttPort: number };

/** Listeners and the embedded broker, told of every step. */
const withAll = (run: (running: Running) => Promise<void>): Promise<void> =>
  withListeners(async (setting) => {
    const { fleet, http, tls } = setting;
    const { server } = fleet;
    const common = { fleet: fleet.fleet, tls, host: '127.0.0.1', log: server.log, clock: server.clock };
    const broker = await embeddedBroker({ ...common, port: 0 });
    const written = server.carriers.current;
    if (written)
      server.carriers.current = {
        ...written,
        setTls: async (next) => {
          await http.setTls(next);
          await broker.setTls(next);
        },
      };
    try {
      await run({ ...setting, mqttPort: broker.port });
    } finally {
      await broker.close();
    }
  });

const identityOf = ({ chain, key }: Pick<Enrolled, 'chain' | 'key'>): Identity => ({
  cert: chain.map((der) => toPem(der)).join(''),
  key: toPem(key, 'PRIVATE KEY'),
});
const leafOf = ({ chain }: Pick<Enrolled, 'chain'>): Uint8Array => chain[0] ?? new Uint8Array();
const codeAt = ({ status, json }: Answer): string => (status < 400 ? 'let in' : String(json['code']));

const overHttps = async ({ ask, http }: Running, device: Pick<Enrolled, 'chain' | 'key'>): Promise<string> =>
  codeAt(await ask({ port: http.port, path: '/v1/bundle', identity: identityOf(device) }));

async function throughFrontEnd({ ask, http }: Running, device: Enrolled, front: Identity): Promise<string> {
  const headers = { 'Client-Cert': writeClientCert(leafOf(device)) };
  return codeAt(await ask({ port: http.port, path: '/v1/bundle', headers, identity: front }));
}

function overMqtt({ mqttPort }: Running, device: Pick<Enrolled, 'id' | 'chain' | 'key'>): Promise<string> {
  const client = mqtt.connect({
    protocol: 'mqtts',
    host: '127.0.0.1',
    port: mqttPort,
    rejectUnauthorized: false,
    ...identityOf(device),
    clientId: device.id,
    protocolVersion: 4,
    reconnectPeriod: 0,
  });
  return new Promise((resolve) => {
    const end = (outcome: string) => {
      client.end(true);
      resolve(outcome);
    };
    client.once('connect', () => end('let in'));
    client.on('error', () => end('refused'));
    client.once('close', () => end('refused'));
  });
}

/** By the identity it has, over TLS. */
const askRenewal = ({ ask, http }: Running, device: Enrolled, key = makeKey()): Promise<Answer> =>
  ask({
    port: http.port,
    path: '/.well-known/est/simplereenroll',
    headers: { 'Content-Type': 'application/pkcs10' },
    body: Buffer.from(makeRequest(key, device.id)).toString('base64'),
    identity: identityOf(device),
  });

/** The new one is used once. */
async function renewed(running: Running, device: Enrolled): Promise<Enrolled> {
  const { fleet } = running;
  const key = makeKey();
  const answer = await askRenewal(running, device, key);
  assert.is(answer.status, 200, answer.body);
  const printed = openssl(['pkcs7', '-inform', 'der', '-in', 'p7', '-print_certs'], {
    p7: Buffer.from(answer.body, 'base64'),
  }).toString();
  const chain = (printed.match(/-----BEGIN[\s\S]+?-----END CERTIFICATE-----\n/g) ?? []).map((pem) =>
    Buffer.from(pem.split('\n').slice(1, -2).join(''), 'base64'),
  );
  const proof = proofOf(chain);
  value(await fleet.fleet.deviceOf(proof));
  return { ...device, key, chain, proof };
}

/** What whoever has the key of an authority can make. */
async function forged(authority: Authority, id: string): Promise<Enrolled> {
  const key = makeKey();
  const request = { publicKeyDer: spkiOf(key), deviceId: id, days: 30, now: instant(Date.now()) };
  const { chainDer } = await issueDevice(authority, request);
  return { id, key, chain: chainDer, proof: proofOf(chainDer) };
}

const step = async ({ server }: FleetServer, wanted: Step | Wanted) =>
  moveSuccession(server, admin, typeof wanted === 'string' ? { step: wanted } : wanted);
const roles = async ({ server }: FleetServer) =>
  Object.fromEntries((await showSuccession(server)).authorities.map(({ role, fingerprint }) => [role, fingerprint]));
const asked = async ({ server }: FleetServer) =>
  (await server.db.selectFrom('commands').select('device_id').execute()).map(({ device_id }) => device_id);

/** The server is killed and started again: it is where it was. */
async function startedAgain(world: FleetServer): Promise<void> {
  const again = await openFleet({ directory: world.directory, now: world.time.now });
  try {
    assert.equal(await showSuccession(again.server), await showSuccession(world.server));
    assert.equal(await readListenerTls(again.server), await readListenerTls(world.server));
  } finally {
    await again.close();
  }
}

/** A server that has nothing but the kit of now takes all of these in. */
async function rebuiltFor(world: FleetServer, devices: readonly Enrolled[], expected = 'taken in'): Promise<void> {
  const root = temporary();
  const directory = join(root, 'state');
  const { now } = world.time;
  const kit = readFileSync(join(world.directory, 'recovery-kit.json'), 'utf8');
  value(await recoverFromKit({ directory, clock: () => now, log: () => {} }, kit, world.passphrase));
  const again = await openFleet({ directory, now });
  try {
    assert.equal(await roles(again), await roles(world));
    for (const { id, proof } of devices) {
      const known = await again.fleet.deviceOf(proof);
      assert.is(known.ok && known.value === id ? 'taken in' : codeOf(known), expected, id);
    }
    assert.is(
      codeOf(await again.fleet.deviceOf((await forged((await makeAuthorities()).client, stranger)).proof)),
      'identity-refused',
    );
  } finally {
    await again.close();
    rmSync(root, { recursive: true });
  }
}

test('made, activated, renewed ahead, retired: both are let in meanwhile, and every cut and every rebuild goes on', () =>
  withAll(async (running) => {
    const { fleet: world, ask, http } = running;
    const { server, fleet, time } = world;
    const front = await makeDevice((await makeAuthorities()).client);
    value(await addFrontEnd(server, admin, { fingerprint: front.fingerprint, name: 'proxy' }));
    const [one, three] = [await register(world, 'one'), await register(world, 'three')];
    const gone = await register(world, 'gone');
    const lost = await register(world, 'lost for years');
    value(await deleteIdentity(server, admin, gone.id));
    const oldRoot = server.keys.clientAuthority;

    value(await step(world, 'prepare'));
    assert.is(codeOf(await step(world, 'prepare')), 'already-exists');
    await startedAgain(world);
    await rebuiltFor(world, [one, three]);
    assert.is(await overHttps(running, one), 'let in');
    const two = await register(world, 'two');
    assert.is(
      fingerprintOf(two.chain[1] ?? new Uint8Array()),
      fingerprintOf(oldRoot.certificateDer),
      'the old one issues',
    );

    const activated = value(await step(world, { step: 'activate', days: 10 }));
    assert.equal(activated.behind, ['lost for years', 'one', 'three', 'two']);
    assert.is(activated.renewedBy, time.now + 10 * dayMs);
    await startedAgain(world);
    const newRoot = server.keys.clientAuthority;
    assert.not.equal(newRoot, oldRoot);
    const four = await register(world, 'four');
    await rebuiltFor(world, [one, two, three, four]);
    for (const device of [one, two, three, four]) {
      const outcomes = [
        await overHttps(running, device),
        await throughFrontEnd(running, device, front),
        await overMqtt(running, device),
      ];
      assert.equal(outcomes, ['let in', 'let in', 'let in'], device.id);
    }

    // RFC 7030 §4.1.3: both roots and each certified by the other.
    const cacerts = Buffer.from((await ask({ port: http.port, path: '/.well-known/est/cacerts' })).body, 'base64');
    const printed = openssl(['pkcs7', '-inform', 'der', '-in', 'p7', '-print_certs'], { p7: cacerts }).toString();
    assert.is(printed.match(/subject=O = thintrust, CN = thintrust device authority/g)?.length, 4);
    const [newWithOld, oldWithNew] = server.keys.succession.crosses;
    const lists = (await ask({ port: http.port, path: '/v1/crl.pem' })).body;
    const crlAt = async (authority: Authority) => {
      const path = `/v1/crl?authority=${fingerprintOf(authority.certificateDer)}`;
      return (await ask({ port: http.port, path })).status;
    };
    assert.equal([await crlAt(oldRoot), await crlAt(newRoot)], [200, 200]);
    assert.is((await ask({ port: http.port, path: `/v1/crl?authority=${'0'.repeat(64)}` })).status, 404);
    const files = {
      old: toPem(oldRoot.certificateDer),
      new: toPem(newRoot.certificateDer),
      both: toPem(oldRoot.certificateDer) + toPem(newRoot.certificateDer),
      newWithOld: toPem(newWithOld ?? new Uint8Array()),
      oldWithNew: toPem(oldWithNew ?? new Uint8Array()),
      lists,
      one: toPem(leafOf(one)),
      four: toPem(leafOf(four)),
      chain: four.chain.map((der) => toPem(der)).join(''),
      gone: toPem(leafOf(gone)),
    };
    const verify = (...args: readonly string[]): string => {
      try {
        return openssl(['verify', '-x509_strict', '-purpose', 'sslclient', ...args], files)
          .toString()
          .trim();
      } catch (error) {
        return /verification failed|revoked/.exec(String(error))?.[0] ?? String(error);
      }
    };
    const checked = ['-crl_check', '-CRLfile', 'lists'];
    assert.is(verify('-CAfile', 'both', ...checked, 'one'), 'one: OK');
    assert.is(verify('-CAfile', 'both', ...checked, 'four'), 'four: OK');
    assert.is(verify('-CAfile', 'both', ...checked, 'gone'), 'revoked');
    assert.is(verify('-CAfile', 'old', '-untrusted', 'chain', ...checked, 'four'), 'four: OK', 'by what comes with it');
    assert.is(verify('-CAfile', 'new', '-untrusted', 'oldWithNew', ...checked, 'one'), 'one: OK');
    assert.is(verify('-CAfile', 'old', 'four'), 'verification failed');

    // Each in its turn, asked once.
    await renewAhead(server);
    assert.equal(await asked(world), []);
    time.now = instant(time.now + 10 * dayMs);
    await renewAhead(server);
    assert.equal((await asked(world)).sort(), [one.id, two.id, three.id, lost.id].sort());
    time.now = instant(time.now - 10 * dayMs);
    const [oneNow, twoNow] = [await renewed(running, one), await renewed(running, two)];
    time.now = instant(time.now + 10 * dayMs);
    await server.db.deleteFrom('commands').execute();
    await renewAhead(server);
    assert.equal(await asked(world), []);
    time.now = instant(time.now - 10 * dayMs);
    assert.equal((await showSuccession(server)).behind, ['lost for years', 'three']);

    const held = await step(world, 'retire');
    assert.equal(held.ok ? null : [held.fault.code, held.fault.facts], [
      'identities-not-renewed',
      { count: 2, devices: 'lost for years, three' },
    ]);
    value(await step(world, { step: 'retire', override: true }));
    await startedAgain(world);
    assert.equal(Object.keys(await roles(world)).sort(), ['issuing', 'retired']);
    const keys = await server.db.selectFrom('keys').select(['name', 'sealed']).execute();
    assert.is(keys.find(({ name }) => name.includes('retired'))?.sealed, '', 'its key is gone');
    await rebuiltFor(world, [oneNow, twoNow, three, four]);

    // The one that was left behind is on record, so it may come and renew; what its authority says counts for nobody else.
    assert.is(await overHttps(running, three), 'let in');
    assert.is(await throughFrontEnd(running, three, front), 'let in');
    assert.is(await overMqtt(running, three), 'let in');
    const identity = await readIdentity(server.db);
    await writeIdentity(server.db, { ...identity, adopting: true, recovered: identity.unassigned });
    for (const id of [three.id, stranger]) {
      const posing = await forged(oldRoot, id);
      assert.is(await overHttps(running, posing), 'identity-refused');
      assert.is(await overMqtt(running, posing), 'refused');
      assert.is(codeAt(await askRenewal(running, posing)), 'identity-refused');
    }
    assert.is(await overHttps(running, await forged(newRoot, stranger)), 'let in', 'a trusted one adopts');
    assert.is((await ask({ port: http.port, path: '/v1/crl.pem' })).body.match(/BEGIN/g)?.length, 1);
    const threeNow = await renewed(running, three);
    assert.is(await overMqtt(running, threeNow), 'let in');
    assert.equal((await showSuccession(server)).behind, ['lost for years']);
    time.now = instant(time.now + 500 * dayMs);
    assert.is(codeAt(await askRenewal(running, lost)), 'identity-retired', 'so it asks for a code');
    assert.equal((await showSuccession(server)).behind, []);
    const told = (await auditOf(world)).filter((action) => action.startsWith('device-authority-'));
    assert.equal(told, ['device-authority-retired', 'device-authority-activated', 'device-authority-made']);
    assert.ok(await fleet.groupOf(one.id));
  }));

test('distrusted at once: another issues, the devices on record come by HTTPS and are renewed within a day, and nobody by a forged one', () =>
  withAll(async (running) => {
    const { fleet: world } = running;
    const { server, time } = world;
    const one = await register(world, 'one');
    const leaked = server.keys.clientAuthority;
    value(await step(world, 'prepare'));
    const beside = server.keys.succession.next;
    const view = value(await step(world, 'distrust'));
    assert.equal(view.behind, ['one']);
    assert.is(view.renewedBy, time.now + dayMs);
    assert.not.ok(
      view.authorities.some(
        ({ fingerprint }) => fingerprint === fingerprintOf(beside?.certificateDer ?? Uint8Array.of()),
      ),
      'what lay beside the key is nothing',
    );
    await startedAgain(world);
    await rebuiltFor(world, [one]);
    assert.is(await overHttps(running, one), 'let in');
    assert.is(await overHttps(running, await forged(leaked, one.id)), 'identity-refused');
    time.now = instant(time.now + dayMs);
    await renewAhead(server);
    assert.equal(await asked(world), [one.id]);
    time.now = instant(time.now - dayMs);
    const now = await renewed(running, one);
    assert.is(await overMqtt(running, now), 'let in');
    assert.not.match(
      value(await readListenerTls(server)).clientAuthorities,
      new RegExp(toPem(leaked.certificateDer).split('\n')[1] ?? ''),
      'mosquitto is not given it',
    );
  }));

test('a kit of before the rollover says of whom a newer identity is, and does not let it in', () =>
  withFleet(async (world) => {
    const kit = readFileSync(join(world.directory, 'recovery-kit.json'), 'utf8');
    value(await step(world, 'prepare'));
    value(await step(world, 'activate'));
    const one = await register(world, 'one');
    const root = temporary();
    const directory = join(root, 'state');
    const { now } = world.time;
    value(await recoverFromKit({ directory, clock: () => now, log: () => {} }, kit, world.passphrase));
    const again = await openFleet({ directory, now });
    const refused = await again.fleet.deviceOf(one.proof);
    assert.is(codeOf(refused), 'identity-refused');
    assert.match(refused.ok ? '' : String(refused.fault.facts['reason']), /later authority/);
    await again.close();
    rmSync(root, { recursive: true });
  }));

table(
  'keys of the next authority',
  [
    { name: 'ec-p256', key: 'ec-p256', expected: 'EC P-256' },
    { name: 'rsa-3072', key: 'rsa-3072', expected: 'RSA 3072' },
  ] as const,
  ({ key, expected }) =>
    withFleet(async (world) => {
      const { authorities } = value(await step(world, { step: 'prepare', key }));
      assert.equal(
        authorities.map((each) => [each.role, each.key]),
        [
          ['issuing', 'EC P-256'],
          ['next', expected],
        ],
      );
      value(await step(world, 'cancel'));
      assert.equal(Object.keys(await roles(world)), ['issuing']);
      assert.equal(world.server.keys.succession, { next: null, former: null, retired: [], crosses: [] });
      await startedAgain(world);
    }),
);

test('bad days are refused', () =>
  withFleet(async (world) => {
    for (const days of [0, 91, 1.5]) assert.is(codeOf(await step(world, { step: 'prepare', days })), 'bad-argument');
  }));
