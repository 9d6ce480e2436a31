/**
 * A real mosquitto behind a real server: whose identity has ended is refused by it and loses the connection that stands; and our
 * authority of identities is replaced under it.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join as at } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { makeKey, makeRequest } from '../../agent/edge/csr.ts';
import { spkiOf } from '../../agent/edge/device-key.ts';
import { fromBase64, toBase64, toPem } from '../../protocol/certificate.ts';
import { dayMs, instant } from '../../protocol/time.ts';
import { deviceLeafTopic } from '../../protocol/topics.ts';
import { freePort } from '../../server/cli/port.ts';
import { serviceName } from '../../server/core/mosquitto.ts';
import type { Broker } from '../../server/core/ports.ts';
import { issueDevice, makeAuthority } from '../../server/edge/authority.ts';
import { writeMosquittoFiles } from '../../server/edge/broker-mosquitto.ts';
import { readIdentity, writeIdentity } from '../../server/edge/context.ts';
import { issueCertificates } from '../../server/edge/corporate-issue.ts';
import { addForeignAuthority } from '../../server/edge/foreign.ts';
import { deleteIdentity } from '../../server/edge/identities.ts';
import { invite } from '../../server/edge/invitations.ts';
import { enrolByToken } from '../../server/edge/legacy-enrolment.ts';
import { keepServicePort, mosquittoFilesOf, startMosquitto as serveBy } from '../../server/edge/mosquitto-service.ts';
import { readListenerTls } from '../../server/edge/pins.ts';
import { removeDevice } from '../../server/edge/places.ts';
import { moveSuccession } from '../../server/edge/succession.ts';
import {
  type Enrolled,
  type FleetServer,
  proofOf,
  register,
  temporary,
  value,
  withFleet,
} from '../fakes/fleet-server.ts';
import { now } from '../fakes/identities.ts';
import { type Mosquitto, startMosquitto } from '../fakes/mosquitto.ts';
import { assert, needs, rejects, test } from '../harness.ts';
import { type Connected, ended, join, leave } from './broker-cases.ts';

needs(['mosquitto']);

const admin = 'administrator';

type Stand = { readonly world: FleetServer; readonly broker: Broker; readonly restart: () => Promise<void> };

/** On the real clock, which the handshakes go by. */
const withStand = (run: (stand: Stand) => Promise<void>): Promise<void> =>
  withFleet(async (world) => {
    const { server, fleet, publish } = world;
    Object.defineProperty(world.time, 'now', { get: now });
    const directory = at(temporary(), 'broker');
    mkdirSync(at(directory, 'store'), { recursive: true });
    const identity = { ...(await readIdentity(server.db)), mqttPort: await freePort() };
    await writeIdentity(server.db, identity);
    await keepServicePort(server.db, freePort);
    const tls = value(await readListenerTls(server));
    await writeMosquittoFiles(await mosquittoFilesOf(server, tls, directory));
    const begin = (): Promise<Mosquitto> => startMosquitto(at(directory, 'mosquitto.conf'), identity.mqttPort);
    let mosquitto = await begin();
    const broker = await serveBy(directory)({ server, fleet, tls, identity, publish });
    server.carriers.current = { ...broker, probe: async () => [] };
    try {
      await run({
        world,
        broker,
        restart: async () => {
          await mosquitto.stop();
          mosquitto = await begin();
        },
      });
    } finally {
      await broker.close();
      await mosquitto.stop();
      rmSync(at(directory, '..'), { recursive: true });
    }
  });

const connect = ({ world, broker }: Stand, { id, chain, key }: Omit<Enrolled, 'proof'>): Promise<Connected> => {
  const { serverAuthority: server, clientAuthority: client } = world.server.keys;
  const cert = chain.map((der) => toPem(der)).join('');
  return join({ broker, authorities: { server, client } }, { cert, key: toPem(key, 'PRIVATE KEY') }, id);
};

test('removed, deleted, retired: the connection that stands ends, and there is no other', () =>
  withStand(async (stand) => {
    const { server, fleet } = stand.world;
    const other = await register(stand.world, 'other');
    const standing = await connect(stand, other);
    const ends: Readonly<Record<string, (device: Enrolled) => Promise<unknown>>> = {
      removed: async ({ id }) => value(await removeDevice(server, admin, id)),
      deleted: async ({ id }) => value(await deleteIdentity(server, admin, id)),
      retired: async ({ proof }) => {
        const [notBefore, notAfter] = [instant(now() - 400 * dayMs), instant(now() - 40 * dayMs)];
        assert.not((await fleet.mayRenew({ ...proof, notBefore, notAfter })).ok);
      },
    };
    for (const [name, end] of Object.entries(ends)) {
      const device = await register(stand.world, name);
      const joined = await connect(stand, device);
      await end(device);
      await ended(joined);
      // Retired alone leaves a certificate that is not revoked, and a place where nothing may be said or read.
      if (name === 'retired') await saysNothing(stand, device);
      else await rejects(() => connect(stand, device));
    }
    assert.ok(standing.client.connected);
    await leave(standing);
  }));

/** It may connect as long as its certificate lasts, and its word reaches nobody. */
async function saysNothing(stand: Stand, device: Enrolled): Promise<void> {
  const { world } = stand;
  const seen = async (id: string) =>
    (await world.server.db.selectFrom('devices').select('presence').where('id', '=', id).executeTakeFirst())?.presence;
  const online = JSON.stringify({ format: 1, at: 'online' });
  const live = await register(world, 'live');
  const joined = [await connect(stand, device), await connect(stand, live)];
  for (const [index, id] of [device.id, live.id].entries())
    await joined[index]?.client.publishAsync(deviceLeafTopic(id, 'presence'), online, { qos: 1 });
  await untilTrue('the other is heard', async () => (await seen(live.id)) === 'online');
  assert.is(await seen(device.id), 'offline');
  await Promise.all(joined.map(leave));
}

test('an identity that was never used and gave way to another: its connection ends, it is refused, and the other is let in', () =>
  withStand(async (stand) => {
    const { server, fleet } = stand.world;
    const { invitation, password } = value(await invite(server, admin, { name: 'agent' }));
    const key = makeKey();
    const chain = value(await fleet.enrol({ invitation, password, csrDer: makeRequest(key, 'agent') }));
    const id = proofOf(chain).commonName;
    const token = { device_id: id, hash: 'h', enrol_only: 1, made_at: now(), bound_to: null, ended_at: null };
    await server.db.insertInto('device_tokens').values(token).execute();
    const joined = await connect(stand, { id, chain, key });
    const other = makeKey();
    const next = value(await enrolByToken(server, token, makeRequest(other, 'agent')));
    await ended(joined);
    await rejects(() => connect(stand, { id, chain, key }));
    await leave(await connect(stand, { id, chain: next, key: other }));
  }));

test('the next authority is let in without a restart, its list counts, and the retired one is out after a restart', () =>
  withStand(async (stand) => {
    const { server } = stand.world;
    const step = async (...steps: readonly Parameters<typeof moveSuccession>[2][]) => {
      for (const each of steps) value(await moveSuccession(server, admin, each));
    };
    const before = await register(stand.world, 'before');
    const standing = await connect(stand, before);
    await step({ step: 'prepare' }, { step: 'activate' });
    const [after, gone] = [await register(stand.world, 'after'), await register(stand.world, 'gone')];
    for (const device of [before, after, gone]) await leave(await connect(stand, device));
    value(await deleteIdentity(server, admin, gone.id));
    await rejects(() => connect(stand, gone));
    await leave(await connect(stand, before));
    await stand.restart();
    for (const device of [before, after]) await leave(await connect(stand, device));
    await rejects(() => connect(stand, gone));
    await step({ step: 'retire', override: true });
    await stand.restart();
    await rejects(() => connect(stand, before));
    await leave(await connect(stand, after));
    await leave(await connect(stand, await register(stand.world, 'later')));
    await leave(standing);
  }));

test('a certificate of a foreign authority is refused, also where it has the name of a device of ours', () =>
  withStand(async (stand) => {
    const { server, fleet } = stand.world;
    const foreign = makeAuthority('Foreign CA', now());
    value(await addForeignAuthority(server, admin, Buffer.from(toPem(foreign.certificateDer))));
    const own = await register(stand.world, 'own');
    const standing = await connect(stand, own);
    for (const name of [own.id, 'thin 1']) {
      const key = makeKey();
      const request = { publicKeyDer: spkiOf(key), deviceId: name, days: 30, now: now() };
      const { chainDer: chain } = await issueDevice(foreign, request);
      const { invitation, password } = value(await invite(server, admin, {}));
      const device = value(await fleet.bind(proofOf(chain), { invitation, password }));
      for (const id of [device, own.id, name]) await rejects(() => connect(stand, { id, chain, key }));
    }
    assert.ok(standing.client.connected);
    await leave(standing);
  }));

test('a device that calls itself what the server is called here gets no certificate by that name', () =>
  withStand(async (stand) => {
    const { server, fleet } = stand.world;
    const victim = await register(stand.world, 'victim');
    const { invitation, password } = value(await invite(server, admin, {}));
    const chain = value(await fleet.enrol({ invitation, password, csrDer: makeRequest(makeKey(), serviceName) }));
    const device = value(await fleet.deviceOf(proofOf(chain)));
    const order = { type: 'vpn', kind: 'thin-client', connection: 'with-mobile', source: 'server' } as const;
    const wish = { ...order, alias: 'Office', devices: [device] };
    const [made] = value(await issueCertificates(server, admin, wish, null)).results;
    const key = makeKey();
    const request = { format: 1, id: made?.id ?? '', order: 1, csr: toBase64(makeRequest(key, 'x')) } as const;
    const given = value(await fleet.certificate(device, request)).chain.map(fromBase64);
    await saysNothing(stand, { id: victim.id, proof: proofOf(given), chain: given, key });
  }));

async function untilTrue(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (const until = performance.now() + 15_000; !(await holds()); await delay(20))
    if (performance.now() > until) throw new Error(`never came true: ${what}`);
}
