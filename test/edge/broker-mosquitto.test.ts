import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toPem } from '../../protocol/certificate.ts';
import { deviceLeafTopic, policyTopic } from '../../protocol/topics.ts';
import { freePort } from '../../server/cli/port.ts';
import type { Broker, ListenerTls } from '../../server/core/ports.ts';
import { makeCrl } from '../../server/edge/authority.ts';
import { type MosquittoFiles, mosquittoBroker, writeMosquittoFiles } from '../../server/edge/broker-mosquitto.ts';
import { makeCredentials, takeOver } from '../../server/edge/mosquitto-link.ts';
import { makeDevice, makeListenerTls, now } from '../fakes/identities.ts';
import { type Mosquitto, startMosquitto } from '../fakes/mosquitto.ts';
import { assert, needs, rejects, test } from '../harness.ts';
import {
  brokerCases,
  type Given,
  groupA,
  groupB,
  joinAs,
  leave,
  type Running,
  type Setting,
  type Start,
  withBroker,
} from './broker-cases.ts';

needs(['mosquitto']);

/** A mosquitto that can be killed, emptied and started again, and a server that can leave and come back. */
type Stand = Running & {
  mosquitto: Mosquitto;
  readonly files: MosquittoFiles;
  readonly startAgain: () => Promise<void>;
  readonly serverAgain: () => Promise<Broker>;
  readonly forgotten: () => number;
  readonly warnings: string[];
};

const untilTrue = async (what: string, holds: () => boolean): Promise<void> => {
  for (const until = performance.now() + 15_000; !holds(); await new Promise((resolve) => setTimeout(resolve, 20)))
    if (performance.now() > until) throw new Error(`never came true: ${what}`);
};

async function makeStand({ fleet, tls, authorities }: Given): Promise<Stand> {
  const directory = await mkdtemp(join(tmpdir(), 'thintrust-'));
  const [pidFile, storeDirectory] = [join(directory, 'pid'), join(directory, 'store')];
  await mkdir(storeDirectory);
  let lists = 0;
  let forgotten = 0;
  const warnings: string[] = [];
  const files: MosquittoFiles = {
    tls,
    directory,
    devices: { host: '127.0.0.1', port: await freePort() },
    service: { host: '127.0.0.1', port: await freePort() },
    authority: authorities.server,
    crl: async () => {
      const revoked = fleet.removed();
      return toPem(makeCrl(authorities.client, { revoked, number: ++lists, now: now(), days: 30 }), 'X509 CRL');
    },
    alone: { pidFile, storeDirectory },
  };
  const startAgain = () => startMosquitto(join(directory, 'mosquitto.conf'), files.devices.port);
  const serverAgain = () =>
    mosquittoBroker({
      ...files,
      fleet,
      reload: { pidFile },
      forgotten: async () => {
        forgotten++;
      },
      log: (_level, message) => warnings.push(message),
      clock: now,
    });
  await writeMosquittoFiles(files);
  const stand: Stand = {
    mosquitto: await startAgain(),
    broker: await serverAgain(),
    files,
    startAgain: async () => {
      stand.mosquitto = await startAgain();
    },
    serverAgain,
    forgotten: () => forgotten,
    warnings,
    stop: async () => {
      await stand.broker.close();
      await stand.mosquitto.stop();
      await rm(directory, { recursive: true });
    },
  };
  return stand;
}

brokerCases('mosquitto', makeStand);

async function withStand(check: (setting: Setting, stand: Stand) => Promise<void>): Promise<void> {
  let stand: Stand | null = null;
  const start: Start = async (given) => {
    stand = await makeStand(given);
    return stand;
  };
  await withBroker(start, async (setting) => {
    if (stand) await check(setting, stand);
  });
}

// what only mosquitto does

test('a mosquitto that comes back empty is found out, and given everything again', () =>
  withStand(async (setting, stand) => {
    await setting.broker.publish(policyTopic(groupA), 'policy', true);
    await stand.mosquitto.stop('SIGKILL');
    await rm(join(stand.files.directory, 'store', 'mosquitto.db'), { force: true });
    await stand.startAgain();
    await untilTrue('forgotten', () => stand.forgotten() === 1);
    await setting.broker.publish(policyTopic(groupA), 'policy', true);
    const one = await joinAs(setting, setting.one);
    await one.client.subscribeAsync(policyTopic(groupA), { qos: 1 });
    await one.next(policyTopic(groupA), 'policy');
    await leave(one);
  }));

test('a mosquitto that comes back from an older store is found out too', () =>
  withStand(async (setting, stand) => {
    await setting.broker.publish(policyTopic(groupA), 'old', true);
    await stand.mosquitto.stop();
    await stand.startAgain();
    await publishWhenUp(setting.broker, policyTopic(groupA), 'new');
    await stand.mosquitto.stop('SIGKILL');
    await stand.startAgain();
    await untilTrue('forgotten', () => stand.forgotten() === 1);
  }));

test('a mosquitto that stopped in order has forgotten nothing', () =>
  withStand(async (setting, stand) => {
    await setting.broker.publish(policyTopic(groupA), 'kept', true);
    // Comes after the marker, so the marker is there when this is.
    await setting.broker.publish(deviceLeafTopic(setting.one.id, 'command'), 'after it', false);
    await stand.mosquitto.stop();
    await stand.startAgain();
    await publishWhenUp(setting.broker, policyTopic(groupB), 'other');
    assert.is(stand.forgotten(), 0);
    const one = await joinAs(setting, setting.one);
    await one.client.subscribeAsync(policyTopic(groupA), { qos: 1 });
    await one.next(policyTopic(groupA), 'kept');
    await leave(one);
  }));

test('what devices say while the server is away is heard when it is back', () =>
  withStand(async (setting, stand) => {
    await setting.broker.close();
    const one = await joinAs(setting, setting.one);
    await one.client.publishAsync(deviceLeafTopic(setting.one.id, 'event'), 'while away', { qos: 1 });
    assert.equal(setting.fleet.received, []);
    const back = await stand.serverAgain();
    await setting.fleet.arrival(({ payload }) => String(payload) === 'while away');
    await leave(one);
    await back.close();
  }));

test('a server that starts shuts no device out before it has said who is who', () =>
  withStand(async (setting, stand) => {
    await setting.broker.close();
    const back = await stand.serverAgain();
    await stand.mosquitto.stop();
    await stand.startAgain();
    const one = await joinAs(setting, setting.one);
    await one.client.publishAsync(deviceLeafTopic(setting.one.id, 'event'), 'still in', { qos: 1 });
    await setting.fleet.arrival(({ payload }) => String(payload) === 'still in');
    await leave(one);
    await back.close();
  }));

test('while mosquitto is away nothing is said to be published, and a removal holds when it is back', () =>
  withStand(async (setting, stand) => {
    await stand.mosquitto.stop();
    await rejects(() => setting.broker.publish(policyTopic(groupA), 'lost', true));
    setting.fleet.remove(setting.one.id);
    await setting.broker.refresh([{ id: setting.one.id, group: null }]);
    await stand.startAgain();
    await rejects(() => joinAs(setting, setting.one));
    await leave(await joinAs(setting, setting.two));
  }));

test('devices removed within one second are all revoked', () =>
  withStand(async (setting, stand) => {
    for (const device of [setting.one, setting.two]) {
      setting.fleet.remove(device.id);
      await setting.broker.refresh([{ id: device.id, group: null }]);
      await rejects(() => joinAs(setting, device));
    }
    await untilTrue('two refusals', () => stand.mosquitto.log().match(/certificate verify failed/g)?.length === 2);
  }));

// 2.0.11 crashes here within seconds when sessions may expire.
test('a mosquitto that is told to read its files again and again while devices come and go lives on', () =>
  withStand(async (setting, { files }) => {
    const fleet = [setting.one, setting.two];
    for (let more = 0; more < 2; more++) fleet.push(await makeDevice(setting.authorities.client));
    const reload = async () => {
      process.kill(Number(await readFile(join(files.directory, 'pid'), 'utf8')), 'SIGHUP');
      await new Promise((resolve) => setTimeout(resolve, 20));
    };
    for (let round = 0; round < 40; round++) {
      const joining = fleet.map((device) => joinAs(setting, device, { will: lastWill(device.id) }));
      for (const { client } of await Promise.all(joining)) client.stream.destroy();
      await reload();
      await reload();
    }
    await leave(await joinAs(setting, setting.one));
  }));

test('the service listener takes no device, and the listener of devices no server', () =>
  withStand(async (setting, { files }) => {
    const accepted = () => [leafOf(files.tls)];
    const credentials = await makeCredentials(files.authority, now());
    await rejects(() => takeOver({ endpoint: files.service, credentials: setting.one, accepted }, 'x', true));
    await rejects(() => takeOver({ endpoint: files.devices, credentials, accepted }, 'x', true));
    await takeOver({ endpoint: files.service, credentials, accepted }, 'x', true);
  }));

test('the server talks to no broker that shows another certificate', () =>
  withStand(async (setting, { files }) => {
    const other = await makeListenerTls(setting.authorities);
    const credentials = await makeCredentials(files.authority, now());
    await rejects(() => takeOver({ endpoint: files.service, credentials, accepted: () => [leafOf(other)] }, 'x', true));
  }));

test('another client authority is written; that mosquitto must be restarted is said where one is taken away', () =>
  withStand(async (setting, { files, warnings }) => {
    const clientAuthorities = `${setting.tls.clientAuthorities}${toPem(setting.authorities.server.certificateDer)}`;
    await setting.broker.setTls({ ...setting.tls, clientAuthorities });
    assert.not.ok(warnings.some((text) => text.includes('must be restarted')));
    assert.is(await readFile(join(files.directory, 'clients.crt'), 'utf8'), clientAuthorities);
    await setting.broker.setTls(setting.tls);
    assert.ok(warnings.some((text) => text.includes('must be restarted')));
  }));

const lastWill = (id: string) => ({
  topic: deviceLeafTopic(id, 'presence'),
  payload: Buffer.from('offline'),
  qos: 1 as const,
  retain: true,
});

const leafOf = ({ chain }: ListenerTls): string => `${chain.split('-----END', 1)}-----END CERTIFICATE-----\n`;

async function publishWhenUp(broker: Broker, topic: string, text: string): Promise<void> {
  for (let tries = 0; ; tries++) {
    const done = await broker.publish(topic, text, true).then(
      () => true,
      () => false,
    );
    if (done) return;
    if (tries > 200) throw new Error('mosquitto does not come back');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
