/**
 * A change of a policy told to a whole group, from the order until the last has it, beside bare mosquitto delivering the same bytes
 * to as many. Both sides serve the same subscribers over mutual TLS, each with a certificate of its own, and keep nothing on a
 * disk but what the server does for itself: it composes, signs and records. `THINTRUST_BENCH_DEVICES` for another number of them.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { connect } from 'node:tls';
import { generate, parser } from 'mqtt-packet';
import { toBase64, toPem } from '../protocol/certificate.ts';
import { locatorOf } from '../protocol/codes.ts';
import { policyTopic } from '../protocol/topics.ts';
import { issueDevice } from '../server/edge/authority.ts';
import { embeddedBroker } from '../server/edge/broker-embedded.ts';
import { allDevices } from '../server/edge/fleet.ts';
import { readListenerTls } from '../server/edge/pins.ts';
import { addGroup } from '../server/edge/places.ts';
import { addCertificates, setContacts } from '../server/edge/policies.ts';
import { startMosquitto } from '../test/fakes/broker.ts';
import { type FleetServer, proofOf, start, value, withFleet } from '../test/fakes/fleet-server.ts';
import { memoryOf } from '../test/fakes/processes.ts';
import type { Row } from './row.ts';
import type { Crowd } from './subscribers.ts';

const many = Number(process.env['THINTRUST_BENCH_DEVICES'] ?? 10_000);
const rounds = 5;
const rowsAtOnce = 500;
const actor = 'bench';

export async function benchPublish(): Promise<Row[]> {
  const rows: Row[] = [];
  await withFleet(async (world) => {
    const { server, publish, directory } = world;
    const group = value(await addGroup(server, actor, { name: 'Office' })).id;
    const content = readFileSync('test/vectors/certificates/authority.pem');
    value(await addCertificates(server, actor, 'Office', { purpose: 'rdp', file: 'root.pem', content }));
    const devices = await fill(world, group);
    const topic = policyTopic(group);
    const tls = value(await readListenerTls(server));

    const broker = await embeddedBroker({ fleet: world.fleet, tls, host: '127.0.0.1', port: 0, log: () => {} });
    const { carriers } = server;
    if (carriers.current) carriers.current = { ...carriers.current, ...broker };
    await broker.refresh(await allDevices(server));
    const order = async (name: string): Promise<void> => {
      value(await setContacts(server, actor, 'Office', { name, phone: '', email: '', note: '' }));
      await publish();
    };
    await order('Service desk');
    const crowd = join(directory, 'crowd.json');
    const ours = await deliver(crowd, { ...devices, topic, port: broker.port }, (round) => order(`Desk ${round}`));
    const memory = memoryOf(process.pid).pssKiB / 1024;
    await broker.close();

    const { jws } = await server.db
      .selectFrom('documents')
      .select('jws')
      .where('topic', '=', topic)
      .executeTakeFirstOrThrow();
    const mosquitto = await startMosquitto({ cert: tls.chain, key: tls.key }, tls.clientAuthorities);
    const bare = await openPublisher(mosquitto.port, devices, topic);
    bare.publish(jws);
    const floor = await deliver(crowd, { ...devices, topic, port: mosquitto.port }, async () => bare.publish(jws));
    bare.close();
    await mosquitto.stop();

    rows.push({
      what: `policy of ${Buffer.byteLength(jws)} bytes to ${many} connected devices, from the order to the last`,
      figure: `${ours.toFixed(0)} ms (server and broker ${memory.toFixed(0)} MiB)`,
      floor: `mosquitto ${floor.toFixed(0)} ms, without order, signature, record`,
      goal: `none named; ${(ours / floor).toFixed(1)} times the floor`,
      met: true,
    });
  });
  return rows;
}

/** Devices of the group as if they had registered, each with an identity of ours over one key. */
async function fill({ server }: FleetServer, group: string): Promise<Pick<Crowd, 'key' | 'devices'>> {
  const { db, keys } = server;
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const publicKeyDer = publicKey.export({ format: 'der', type: 'spki' });
  const devices: { id: string; certificate: string }[] = [];
  for (let first = 0; first < many; first += rowsAtOnce) {
    const places = [];
    const identities = [];
    for (let index = first; index < Math.min(many, first + rowsAtOnce); index++) {
      const id = randomUUID();
      const { chainDer } = await issueDevice(keys.clientAuthority, {
        deviceId: id,
        publicKeyDer,
        days: 365,
        now: start,
      });
      const [leaf = new Uint8Array()] = chainDer;
      const { issuer, serial, fingerprint } = proofOf(chainDer);
      devices.push({ id, certificate: toPem(leaf) });
      places.push({
        id,
        name: `station-${index}`,
        hardware_id: '',
        group_id: group,
        secret_generation: 1,
        locator: locatorOf(id),
        presence: 'offline' as const,
        confirmed_at: start,
        created_at: start,
      });
      const chain = JSON.stringify([toBase64(leaf)]);
      const dates = { not_after: start + 365 * 86_400_000, issued_at: start, first_contact_at: start };
      identities.push({ issuer, serial, fingerprint, device_id: id, chain, ...dates });
    }
    await db.insertInto('devices').values(places).execute();
    await db.insertInto('identities').values(identities).execute();
  }
  return { key: String(privateKey.export({ format: 'pem', type: 'pkcs8' })), devices };
}

/** Milliseconds from an order until the last subscriber has it; the median. */
async function deliver(file: string, crowd: Crowd, order: (round: number) => Promise<void>): Promise<number> {
  writeFileSync(file, JSON.stringify(crowd));
  const child = spawn(process.execPath, [join(import.meta.dirname, 'subscribers.ts'), file], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const hear = listenTo(child);
  try {
    await hear('ready');
    const took: number[] = [];
    for (let round = 0; round < rounds; round++) {
      child.stdin.write('count\n');
      await hear('counting');
      const began = performance.timeOrigin + performance.now();
      const over = hear('all');
      await order(round);
      took.push(Number(await over) - began);
    }
    return took.sort((a, b) => a - b)[Math.floor(rounds / 2)] ?? Number.NaN;
  } finally {
    child.stdin.end();
    child.kill();
  }
}

/** The next line that begins with this word, and what follows it. Rejects where a subscriber is lost. */
function listenTo(child: ChildProcess): (word: string) => Promise<string> {
  let waiting: { word: string; resolve: (rest: string) => void; reject: (why: Error) => void } | null = null;
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  lines.on('line', (line) => {
    const [word = '', rest = ''] = line.split(/ (.*)/s);
    if (word === waiting?.word) waiting.resolve(rest);
    else if (word === 'lost' || word === 'failed') waiting?.reject(new Error(line));
  });
  return (word) =>
    new Promise((resolve, reject) => {
      waiting = { word, resolve, reject };
    });
}

/** What publishes at mosquitto: one more connection, by the certificate of a device. */
function openPublisher(port: number, { key, devices }: Pick<Crowd, 'key' | 'devices'>, topic: string) {
  return new Promise<{ readonly publish: (payload: string) => void; readonly close: () => void }>((opened, failed) => {
    const cert = devices[0]?.certificate ?? '';
    const socket = connect({ host: '127.0.0.1', port, key, cert, rejectUnauthorized: false });
    const packets = parser({ protocolVersion: 4 });
    let messageId = 0;
    socket.once('secureConnect', () =>
      socket.write(
        generate({ cmd: 'connect', clientId: 'publisher', clean: true, keepalive: 600, protocolVersion: 4 }),
      ),
    );
    socket.on('data', (bytes: Buffer) => packets.parse(bytes));
    socket.once('error', failed);
    packets.on('packet', ({ cmd }) => {
      if (cmd !== 'connack') return;
      opened({
        publish: (payload) =>
          void socket.write(
            generate({ cmd: 'publish', topic, payload, qos: 1, retain: true, dup: false, messageId: ++messageId }),
          ),
        close: () => socket.destroy(),
      });
    });
  });
}
