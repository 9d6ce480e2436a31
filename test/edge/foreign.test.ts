/** Certificates of foreign authorities at the server: who is let in, by what, and what no foreign word can do (A5). */
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { makeKey } from '../../agent/edge/csr.ts';
import { spkiOf } from '../../agent/edge/device-key.ts';
import { confirmBundle, fetchBundle } from '../../agent/edge/registration.ts';
import { type Certificate, parseCertificate, toBase64, toPem } from '../../protocol/certificate.ts';
import { dayMs, instant } from '../../protocol/time.ts';
import { type Authority, issueDevice, makeAuthority } from '../../server/edge/authority.ts';
import { makeBackup, recoverFromKit, restoreBackup } from '../../server/edge/backup.ts';
import { embeddedBroker } from '../../server/edge/broker-embedded.ts';
import { readIdentity, writeIdentity } from '../../server/edge/context.ts';
import { serveDevices } from '../../server/edge/device-http.ts';
import { readExact } from '../../server/edge/exact.ts';
import {
  addForeignAuthority,
  bindForeign,
  listForeignAuthorities,
  removeForeignAuthority,
} from '../../server/edge/foreign.ts';
import { invite } from '../../server/edge/invitations.ts';
import { readListenerTls, readPins } from '../../server/edge/pins.ts';
import { removeDevice } from '../../server/edge/places.ts';
import { keepIdentity, noteContact } from '../../server/edge/renewal.ts';
import type { Surroundings } from '../../server/edge/state.ts';
import { moveSuccession, renewAhead, showSuccession } from '../../server/edge/succession.ts';
import {
  auditOf,
  codeOf,
  type FleetServer,
  openFleet,
  proofOf,
  register,
  start,
  temporary,
  value,
  withFleet,
} from '../fakes/fleet-server.ts';
import { issue } from '../fakes/issue.ts';
import { now } from '../fakes/tls-server.ts';
import { assert, rejects, table, test } from '../harness.ts';
import { ended, join as joinBroker, leave } from './broker-cases.ts';

const admin = 'administrator';
const foreign = makeAuthority('Foreign CA', start);
const other = makeAuthority('Other CA', start);
const stranger = '6f1dcf1c-1111-4111-8111-111111111111';

/** A client certificate with any common name. */
async function identityOf(authority: Authority, key = makeKey(), name = 'thin 1') {
  const publicKeyDer = spkiOf(key);
  const { chainDer } = await issueDevice(authority, { publicKeyDer, deviceId: name, days: 30, now: start });
  return proofOf(chainDer);
}
const invited = async ({ server }: FleetServer, name = 'kiosk') => {
  const { invitation, password } = value(await invite(server, admin, { name }));
  return { invitation, password };
};
const pem = (authority: Authority): Uint8Array => Buffer.from(toPem(authority.certificateDer));
const own = (world: FleetServer): Certificate =>
  value(parseCertificate(world.server.keys.clientAuthority.certificateDer));

test('an authority is added, listed, given to the listeners, and removed', () =>
  withFleet(async (world) => {
    const { server } = world;
    const added = value(await addForeignAuthority(server, admin, pem(foreign)));
    assert.is(added.owner, 'Foreign CA');
    assert.equal(await listForeignAuthorities(server.db), [added]);
    const tls = value(await readListenerTls(server));
    assert.is(tls.foreignAuthorities, toPem(foreign.certificateDer));
    assert.is(
      tls.clientAuthorities,
      toPem(server.keys.clientAuthority.certificateDer),
      'a broker trusts names of ours only',
    );
    assert.is(world.served.length, 1);
    value(await removeForeignAuthority(server, admin, added.fingerprint));
    assert.is(value(await readListenerTls(server)).foreignAuthorities, '');
    assert.is(codeOf(await removeForeignAuthority(server, admin, added.fingerprint)), 'not-found');
    const audited = await auditOf(world);
    assert.equal(audited.slice(0, 2), ['authority-removed', 'authority-added']);
  }));

const weak = issue({ cn: 'Weak', ca: true, key: generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey });
type Refused = {
  readonly name: string;
  readonly file: (world: FleetServer) => Uint8Array;
  readonly twice?: true;
  readonly expected: string;
};
const refusals: readonly Refused[] = [
  { name: 'garbage', file: () => Buffer.from('garbage'), expected: 'certificate-unreadable' },
  { name: 'two in a file', file: () => Buffer.concat([pem(foreign), pem(other)]), expected: 'bad-argument' },
  {
    name: 'a certificate that is no authority',
    file: () => issue({ cn: 'leaf' }).der,
    expected: 'certificate-wrong-kind',
  },
  { name: 'a weak one', file: () => weak.der, expected: 'certificate-weak-key' },
  { name: 'our own', file: (world) => own(world).der, expected: 'bad-argument' },
  { name: 'the same twice', file: () => pem(foreign), twice: true, expected: 'already-exists' },
];

table('addForeignAuthority refuses', refusals, ({ file, twice, expected }) =>
  withFleet(async (world) => {
    if (twice) value(await addForeignAuthority(world.server, admin, file(world)));
    assert.is(codeOf(await addForeignAuthority(world.server, admin, file(world))), expected);
  }),
);

test('an invitation binds a foreign certificate to a new device; from then on it needs none', () =>
  withFleet(async (world) => {
    const { fleet, server } = world;
    const proof = await identityOf(foreign);
    assert.is(codeOf(await fleet.deviceOf(proof)), 'identity-refused');
    const typed = await invited(world);
    const device = value(await fleet.bind(proof, typed));
    assert.is(value(await fleet.deviceOf(proof)), device);
    assert.is(value(await fleet.bundle(device)).deviceName, 'kiosk');
    assert.equal(
      world.refreshed.map(({ id }) => id),
      [device],
    );
    value(await fleet.confirm(device));
    assert.is(codeOf(await fleet.bind(await identityOf(foreign), typed)), 'invitation-refused', 'used');
    assert.ok((await auditOf(world)).includes('enrolled'));
    assert.is((await server.db.selectFrom('identities').selectAll().execute()).length, 1);
  }));

test('a power cut before the bundle is confirmed: the same key gets the same device, with its newest certificate', () =>
  withFleet(async (world) => {
    const { fleet } = world;
    const typed = await invited(world);
    const key = makeKey();
    const first = await identityOf(foreign, key);
    const device = value(await fleet.bind(first, typed));
    assert.is(value(await fleet.bind(await identityOf(foreign, key), typed)), device);
    assert.is(codeOf(await fleet.deviceOf(first)), 'identity-refused', 'the first one is superseded');
    assert.is(codeOf(await fleet.bind(await identityOf(foreign), typed)), 'invitation-refused', 'another key');
  }));

table(
  'bind refuses',
  [
    { name: 'a wrong password', change: { password: 'AAAA-AAAA-AAAA' }, expected: 'invitation-refused' },
    { name: 'an invitation there is not', change: { invitation: 'AAAAAAAA' }, expected: 'invitation-refused' },
  ],
  ({ change, expected }) =>
    withFleet(async (world) => {
      const typed = { ...(await invited(world)), ...change };
      assert.is(codeOf(await world.fleet.bind(await identityOf(foreign), typed)), expected);
      assert.ok((await auditOf(world)).some((row) => row.startsWith('enrolment-refused')));
    }),
);

test('a certificate of ours that nobody knows is bound to nothing, invitation or not', () =>
  withFleet(async (world) => {
    const lost = await identityOf(world.server.keys.clientAuthority, makeKey(), stranger);
    assert.is(codeOf(await bindForeign(world.server, lost, await invited(world))), 'identity-refused');
  }));

test('a certificate with the issuer and the number of another device is not that device', () =>
  withFleet(async (world) => {
    const { fleet } = world;
    const proof = await identityOf(foreign);
    value(await fleet.bind(proof, await invited(world)));
    const forged = await identityOf(other);
    const posing = { ...forged, issuer: proof.issuer, serial: proof.serial };
    assert.is(codeOf(await fleet.deviceOf(posing)), 'identity-refused');
    assert.is(codeOf(await fleet.bind(posing, await invited(world, 'second'))), 'invitation-refused');
  }));

test('a rebuilt server adopts by certificates of its own authority alone', () =>
  withFleet(async (world) => {
    const { fleet, server } = world;
    const identity = await readIdentity(server.db);
    await writeIdentity(server.db, { ...identity, adopting: true, recovered: identity.unassigned });
    assert.is(codeOf(await fleet.deviceOf(await identityOf(foreign, makeKey(), stranger))), 'identity-refused');
    const ours = await identityOf(server.keys.clientAuthority, makeKey(), stranger);
    assert.is(value(await fleet.deviceOf(ours)), stranger);
  }));

table(
  'a server that comes back knows foreign authorities and whose their certificates are',
  [
    {
      name: 'from the kit alone',
      bring: async (world: FleetServer) => {
        const kit = readFileSync(join(world.directory, 'recovery-kit.json'), 'utf8');
        return (around: Surroundings) => recoverFromKit(around, kit, world.passphrase);
      },
    },
    {
      name: 'from a backup',
      bring: async (world: FleetServer) => {
        const backup = value(await makeBackup(world.around, 'a passphrase'));
        return (around: Surroundings) => restoreBackup(around, backup, 'a passphrase');
      },
    },
  ],
  ({ bring }) =>
    withFleet(async (world) => {
      const { server, fleet } = world;
      value(await addForeignAuthority(server, admin, pem(other)));
      const added = value(await addForeignAuthority(server, admin, pem(foreign)));
      value(await removeForeignAuthority(server, admin, value(parseCertificate(other.certificateDer)).fingerprint));
      const [held, gone] = [await identityOf(foreign), await identityOf(foreign, makeKey(), stranger)];
      const device = value(await fleet.bind(held, await invited(world)));
      value(await fleet.confirm(device));
      value(await removeDevice(server, admin, value(await fleet.bind(gone, await invited(world, 'gone')))));
      const again = await bring(world);
      const root = temporary();
      const directory = join(root, 'state');
      value<unknown>(await again({ directory, clock: () => start, log: () => {} }));
      const back = await openFleet({ directory, now: start });
      try {
        assert.equal(await listForeignAuthorities(back.server.db), [added]);
        assert.is(value(await readListenerTls(back.server)).foreignAuthorities, toPem(foreign.certificateDer));
        assert.is(value(await back.fleet.deviceOf(held)), device);
        assert.is(codeOf(await back.fleet.deviceOf(gone)), 'identity-refused', 'it was removed');
        // Taking in goes by our own word, never by that of others.
        assert.is(codeOf(await back.fleet.deviceOf(await identityOf(foreign, makeKey(), device))), 'identity-refused');
        assert.is(value(await back.fleet.bundle(device)).secret, value(await fleet.bundle(device)).secret);
      } finally {
        await back.close();
        rmSync(root, { recursive: true });
      }
    }),
);

test('over TLS: let in with the authority alone, bound at the bundle alone, and refused with a wrong password', () =>
  withFleet(async (world) => {
    const { fleet, server } = world;
    const key = makeKey();
    const issued = await issueDevice(foreign, {
      publicKeyDer: spkiOf(key),
      deviceId: 'thin 1',
      days: 30,
      now: now(),
    });
    const credentials = { key, chain: issued.chainDer.map(toBase64) };
    const tls = async () => value(await readListenerTls(server));
    const { fingerprint } = value(parseCertificate(Buffer.from((await readPins(server.db)).main, 'base64')));
    const log = () => {};
    world.time.now = now();
    const http = await serveDevices({ fleet, tls: await tls(), host: '127.0.0.1', port: 0, clock: now, log });
    const place = { address: `127.0.0.1:${http.port}`, credentials, accept: [fingerprint], judging: { at: now } };
    const codeAt = async (call: typeof fetchBundle, typed?: Awaited<ReturnType<typeof invited>>): Promise<string> => {
      const outcome = await call({ ...place, invited: typed });
      return outcome.at === 'answered' ? 'answered' : outcome.at === 'failed' ? outcome.fault.code : outcome.at;
    };
    try {
      const typed = await invited(world);
      assert.is(await codeAt(fetchBundle, typed), 'identity-refused', 'nobody knows the authority');
      value(await addForeignAuthority(server, admin, pem(foreign)));
      await http.setTls(await tls());
      assert.is(await codeAt(fetchBundle), 'identity-refused', 'no invitation');
      assert.is(await codeAt(confirmBundle, typed), 'identity-refused', 'no other call binds');
      assert.is(await codeAt(fetchBundle, { ...typed, password: 'AAAA-AAAA-AAAA' }), 'invitation-refused');
      assert.is(await codeAt(fetchBundle, typed), 'answered');
      assert.is(await codeAt(confirmBundle), 'answered', 'from now on it needs no invitation');
    } finally {
      await http.close();
    }
  }));

test('over MQTT: bound, it connects; once its authority is removed the connection that stands ends, and there is no other', () =>
  withFleet(async (world) => {
    const { fleet, server } = world;
    world.time.now = now();
    value(await addForeignAuthority(server, admin, pem(foreign)));
    const tls = value(await readListenerTls(server));
    const broker = await embeddedBroker({ fleet, tls, host: '127.0.0.1', port: 0, log: () => {}, clock: now });
    server.carriers.current = { ...broker, probe: async () => [] };
    const { serverAuthority, clientAuthority: client } = server.keys;
    const key = makeKey();
    const request = { publicKeyDer: spkiOf(key), deviceId: 'thin 1', days: 30, now: now() };
    const { chainDer } = await issueDevice(foreign, request);
    const identity = { cert: chainDer.map((der) => toPem(der)).join(''), key: toPem(key, 'PRIVATE KEY') };
    const connect = (id: string) =>
      joinBroker({ broker, authorities: { server: serverAuthority, client } }, identity, id);
    try {
      await rejects(() => connect('thin 1'));
      const device = value(await fleet.bind(proofOf(chainDer), await invited(world)));
      await rejects(() => connect('thin 1'));
      const joined = await connect(device);
      const own = await register(world, 'own');
      const other = await joinBroker(
        { broker, authorities: { server: serverAuthority, client } },
        { cert: own.chain.map((der) => toPem(der)).join(''), key: toPem(own.key, 'PRIVATE KEY') },
        own.id,
      );
      const [added] = await listForeignAuthorities(server.db);
      value(await removeForeignAuthority(server, admin, added?.fingerprint ?? ''));
      await ended(joined);
      await rejects(() => connect(device));
      assert.ok(other.client.connected);
      await leave(other);
    } finally {
      await broker.close();
    }
  }));

test('a device of ours that has moved to another authority: the kit holds its newest identity there, and a rollover of ours asks it nothing', () =>
  withFleet(async (world) => {
    const { server } = world;
    const one = await register(world, 'one');
    const moveOn = async (renews: string) => {
      world.time.now = instant(world.time.now + dayMs);
      const proof = await identityOf(foreign);
      const issued = { ...proof, chainDer: [proof.der], notAfter: instant(start + 30 * dayMs), authority: null };
      await keepIdentity(server, server.db, { device: one.id, issued, renews });
      const offered = (await readExact(server)).map(({ fingerprint }) => fingerprint);
      await noteContact(server, server.db, one.id, proof.fingerprint);
      return { offered, fingerprint: proof.fingerprint };
    };
    const first = await moveOn(one.proof.fingerprint);
    const second = await moveOn(first.fingerprint);
    assert.equal(second.offered.sort(), [first.fingerprint, second.fingerprint].sort(), 'until the second was used');
    assert.equal(
      (await readExact(server)).map(({ fingerprint }) => fingerprint),
      [second.fingerprint],
    );
    for (const step of ['prepare', 'activate'] as const) value(await moveSuccession(server, admin, { step }));
    assert.equal((await showSuccession(server)).behind, []);
    world.time.now = instant(world.time.now + 8 * dayMs);
    await renewAhead(server);
    assert.equal(await server.db.selectFrom('commands').select('device_id').execute(), []);
    value(await moveSuccession(server, admin, { step: 'retire' }));
    assert.equal((await readExact(server)).length, 1);
  }));
