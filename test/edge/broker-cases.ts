/** What any broker of ours must do, as one table of cases that is run against each of them. */
import { once } from 'node:events';
import { connect as tlsConnect } from 'node:tls';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import { toPem } from '../../protocol/certificate.ts';
import { bad, good } from '../../protocol/fault.ts';
import { deviceLeafTopic, policyTopic } from '../../protocol/topics.ts';
import type { Broker, ListenerTls } from '../../server/core/ports.ts';
import { type FakeFleet, fakeFleet } from '../fakes/fleet.ts';
import {
  type Authorities,
  makeAuthorities,
  makeDevice,
  makeExpiredDevice,
  makeListenerTls,
  makeServerAsClient,
  type TestDevice,
} from '../fakes/identities.ts';
import { assert, rejects, table } from '../harness.ts';

export const groupA = '7d0a8e0e-6f1c-4b8e-9a3e-3a1c4d9d2b11';
export const groupB = 'f2b7c9d4-1e0a-4c55-8d7e-6b5a49382716';

const caseTimeoutMs = 30_000;

export type Given = { readonly fleet: FakeFleet; readonly authorities: Authorities; readonly tls: ListenerTls };
export type Running = {
  readonly broker: Broker;
  /** Stops the broker, and what stands behind it. */
  readonly stop: () => Promise<void>;
};
export type Start = (given: Given) => Promise<Running>;

export type Setting = Given & {
  readonly broker: Broker;
  /** Registered members of group A. */
  readonly one: TestDevice;
  readonly two: TestDevice;
};

/** A connected device, and what came to it, in order. */
export type Connected = {
  readonly client: MqttClient;
  readonly messages: {
    readonly topic: string;
    readonly text: string;
    readonly retain: boolean;
    readonly qos: number;
  }[];
  readonly next: (topic: string, text?: string) => Promise<void>;
  readonly closed: Promise<void>;
};

export async function withBroker(start: Start, check: (setting: Setting) => Promise<void>): Promise<void> {
  const authorities = await makeAuthorities();
  const tls = await makeListenerTls(authorities);
  const fleet = fakeFleet([]);
  const [one, two] = [await makeDevice(authorities.client), await makeDevice(authorities.client)];
  for (const device of [one, two]) fleet.add(device, groupA);
  const { broker, stop } = await start({ fleet, authorities, tls });
  try {
    await broker.refresh([
      { id: one.id, group: groupA },
      { id: two.id, group: groupA },
    ]);
    await inTime(check({ fleet, authorities, tls, broker, one, two }));
  } finally {
    await stop();
  }
}

/** A client that waits for an answer that never comes must not hold up the file. */
async function inTime(work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`not over after ${caseTimeoutMs} ms`)), caseTimeoutMs);
  });
  await Promise.race([work, late]).finally(() => clearTimeout(timer));
}

/** Rejects where the broker does not let it in. */
export async function join(
  { broker, authorities }: Pick<Setting, 'broker' | 'authorities'>,
  identity: { readonly cert: string; readonly key: string } | null,
  clientId: string,
  options: IClientOptions = {},
): Promise<Connected> {
  const client = mqtt.connect({
    protocol: 'mqtts',
    host: '127.0.0.1',
    port: broker.port,
    ca: toPem(authorities.server.certificateDer),
    ...identity,
    clientId,
    clean: false,
    protocolVersion: 4,
    keepalive: 60,
    reconnectPeriod: 0,
    connectTimeout: 5000,
    ...options,
  });
  const messages: Connected['messages'] = [];
  const waiting = new Set<() => void>();
  const closed = new Promise<void>((resolve) => client.once('close', resolve));
  client.on('message', (topic, payload, { retain, qos }) => {
    messages.push({ topic, text: payload.toString(), retain, qos });
    for (const check of [...waiting]) check();
  });
  await new Promise<void>((resolve, reject) => {
    client.once('connect', () => resolve());
    client.once('error', reject);
    client.once('close', () => reject(new Error('closed')));
  }).catch((error) => {
    client.end(true);
    throw error;
  });
  client.on('error', () => {});
  const next = (topic: string, text?: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`nothing came on ${topic}: ${JSON.stringify(messages).slice(0, 500)}`)),
        8000,
      );
      const check = () => {
        if (!messages.some((message) => message.topic === topic && (text === undefined || message.text === text)))
          return;
        waiting.delete(check);
        clearTimeout(timer);
        resolve();
      };
      waiting.add(check);
      check();
    });
  return { client, messages, next, closed };
}

export const joinAs = (setting: Setting, device: TestDevice, options: IClientOptions = {}): Promise<Connected> =>
  join(setting, device, device.id, options);

/** The broker ends it, within half a minute. */
export const ended = ({ closed }: Connected): Promise<void> => inTime(closed);

export async function leave({ client }: Connected): Promise<void> {
  if (client.connected) await client.endAsync();
  else client.end(true);
}

const drop = ({ client }: Connected): void => {
  client.stream.destroy();
};

/** A message on the device's own command topic that everything published before it has overtaken or never comes. */
async function settle({ broker }: Setting, device: TestDevice, connected: Connected): Promise<void> {
  const text = `settled ${Math.random()}`;
  await connected.client.subscribeAsync(deviceLeafTopic(device.id, 'command'), { qos: 1 });
  await broker.publish(deviceLeafTopic(device.id, 'command'), text, false);
  await connected.next(deviceLeafTopic(device.id, 'command'), text);
}

/** Publishes and waits for the acknowledgement or for the end of the connection: a broker may answer either way. */
async function tryPublish(
  { client, closed }: Connected,
  topic: string,
  payload: string | Buffer,
  retain = false,
): Promise<void> {
  await Promise.race([client.publishAsync(topic, payload, { qos: 1, retain }).catch(() => {}), closed]);
}

const policyA = policyTopic(groupA);
const own = (device: TestDevice, leaf: 'device' | 'command' | 'report' | 'event' | 'presence') =>
  deviceLeafTopic(device.id, leaf);

type Case = { readonly name: string; readonly check: (setting: Setting) => Promise<void> };

const cases: readonly Case[] = [
  {
    name: 'no certificate is refused',
    check: (setting) => rejects(() => join(setting, null, setting.one.id)),
  },
  {
    name: 'a certificate of a foreign authority is refused',
    check: async (setting) => {
      const stranger = await makeDevice((await makeAuthorities()).client, setting.one.id);
      await rejects(() => joinAs(setting, stranger));
    },
  },
  {
    name: 'an expired certificate is refused',
    check: async (setting) => {
      const expired = await makeExpiredDevice(setting.authorities.client);
      setting.fleet.add(expired, groupA);
      await setting.broker.refresh([{ id: expired.id, group: groupA }]);
      await rejects(() => joinAs(setting, expired));
    },
  },
  {
    name: 'a server certificate of our client authority is refused',
    check: async (setting) => {
      await rejects(async () => join(setting, await makeServerAsClient(setting.authorities.client), setting.one.id));
    },
  },
  {
    name: 'a certificate of ours that no device has reads and says nothing',
    check: async (setting) => {
      const unknown = await makeDevice(setting.authorities.client);
      await setting.broker.publish(policyA, 'policy', true);
      const joined = await joinAs(setting, unknown).catch(() => null);
      if (!joined) return;
      await joined.client.subscribeAsync(policyA, { qos: 1 }).catch(() => {});
      await tryPublish(joined, own(unknown, 'event'), 'unknown');
      const one = await joinAs(setting, setting.one);
      await settle(setting, setting.one, one);
      assert.equal(joined.messages, []);
      assert.equal(setting.fleet.received, []);
      await Promise.all([leave(one), leave(joined)]);
    },
  },
  {
    name: 'a removed device is disconnected and refused',
    check: async (setting) => {
      const joined = await joinAs(setting, setting.one);
      setting.fleet.remove(setting.one.id);
      await setting.broker.refresh([{ id: setting.one.id, group: null }]);
      await joined.closed;
      await rejects(() => joinAs(setting, setting.one));
      await leave(await joinAs(setting, setting.two));
    },
  },
  {
    name: 'a device takes no other’s place by its client id',
    check: async (setting) => {
      const one = await joinAs(setting, setting.one);
      const intruder = await join(setting, setting.two, setting.one.id).catch(() => null);
      await settle(setting, setting.one, one);
      assert.ok(one.client.connected);
      await Promise.all([leave(one), intruder ? leave(intruder) : null]);
    },
  },
  {
    name: 'a device says its own: report, event, presence',
    check: async (setting) => {
      const joined = await joinAs(setting, setting.one);
      await joined.client.publishAsync(own(setting.one, 'presence'), 'p', { qos: 1, retain: true });
      await joined.client.publishAsync(own(setting.one, 'report'), 'r', { qos: 1, retain: true });
      for (const text of ['1', '2', '3', '4', '5'])
        void joined.client.publishAsync(own(setting.one, 'event'), text, { qos: 1 });
      await setting.fleet.arrival(({ payload }) => String(payload) === '5');
      const heard = setting.fleet.received.map(({ device, leaf, payload }) => `${device} ${leaf} ${payload}`);
      assert.equal(
        heard.sort(),
        ['event 1', 'event 2', 'event 3', 'event 4', 'event 5', 'presence p', 'report r'].map(
          (text) => `${setting.one.id} ${text}`,
        ),
      );
      await leave(joined);
    },
  },
  {
    name: 'a report of 3 MiB and a policy of 1.4 MB arrive',
    check: async (setting) => {
      const joined = await joinAs(setting, setting.one);
      const report = Buffer.alloc(3 * 1024 * 1024, 'r');
      await joined.client.publishAsync(own(setting.one, 'report'), report, { qos: 1, retain: true });
      const { payload } = await setting.fleet.arrival(({ leaf }) => leaf === 'report');
      assert.ok(report.equals(payload));
      const policy = 'p'.repeat(1_400_000);
      await joined.client.subscribeAsync(policyA, { qos: 1 });
      await setting.broker.publish(policyA, policy, true);
      await joined.next(policyA, policy);
      await leave(joined);
    },
  },
  ...['event', 'report', 'presence', 'device', 'command'].map((leaf) => ({
    name: `a device does not say the ${leaf} of another`,
    check: async (setting: Setting) => {
      const two = await joinAs(setting, setting.two);
      await two.client.subscribeAsync([own(setting.two, 'device'), own(setting.two, 'command')], { qos: 1 });
      const one = await joinAs(setting, setting.one);
      await tryPublish(one, deviceLeafTopic(setting.two.id, leaf as 'event'), 'forged');
      await settle(setting, setting.two, two);
      await two.client.publishAsync(own(setting.two, 'event'), 'mine', { qos: 1 });
      await setting.fleet.arrival(({ payload }) => String(payload) === 'mine');
      assert.equal(setting.fleet.received.length, 1);
      assert.not(two.messages.some(({ text }) => text === 'forged'));
      await Promise.all([leave(one), leave(two)]);
    },
  })),
  {
    name: 'a device does not say its own documents, nor a policy, nor anything else',
    check: async (setting) => {
      const two = await joinAs(setting, setting.two);
      await two.client.subscribeAsync(policyA, { qos: 1 });
      const topics = [
        own(setting.one, 'device'),
        own(setting.one, 'command'),
        policyA,
        'thintrust/v1/server/marker',
        'x',
        '$SYS/x',
      ];
      for (const topic of topics) {
        const one = await joinAs(setting, setting.one);
        await one.client.subscribeAsync([own(setting.one, 'device'), own(setting.one, 'command')], { qos: 1 });
        await tryPublish(one, topic, 'forged', true);
        await leave(one);
      }
      const one = await joinAs(setting, setting.one);
      await one.client.subscribeAsync([own(setting.one, 'device'), own(setting.one, 'command'), policyA], { qos: 1 });
      await settle(setting, setting.one, one);
      await settle(setting, setting.two, two);
      assert.not([...one.messages, ...two.messages].some(({ text }) => text === 'forged'));
      assert.equal(setting.fleet.received, []);
      await Promise.all([leave(one), leave(two)]);
    },
  },
  {
    name: 'a device reads nothing of others, with or without wildcards',
    check: async (setting) => {
      const filters = [
        own(setting.two, 'device'),
        own(setting.two, 'command'),
        own(setting.two, 'report'),
        policyTopic(groupB),
        '#',
        'thintrust/#',
        'thintrust/v1/device/+/command',
        'thintrust/v1/group/+/policy',
        '$SYS/#',
      ];
      const two = await joinAs(setting, setting.two);
      await setting.broker.publish(own(setting.two, 'device'), 'of two', true);
      await setting.broker.publish(policyTopic(groupB), 'of B', true);
      const one = await joinAs(setting, setting.one);
      for (const filter of filters) await one.client.subscribeAsync(filter, { qos: 1 }).catch(() => {});
      await two.client.publishAsync(own(setting.two, 'report'), 'report of two', { qos: 1, retain: true });
      await setting.broker.publish(own(setting.two, 'command'), 'order to two', false);
      await setting.broker.publish(policyTopic(groupB), 'of B again', true);
      await settle(setting, setting.one, one);
      assert.ok(one.messages.every(({ topic }) => topic === own(setting.one, 'command')));
      await Promise.all([leave(one), leave(two)]);
    },
  },
  {
    name: 'a retained policy comes with the subscription, the latest only, until it is cleared',
    check: async (setting) => {
      await setting.broker.publish(policyA, 'first', true);
      await setting.broker.publish(policyA, 'second', true);
      const one = await joinAs(setting, setting.one);
      await one.client.subscribeAsync(policyA, { qos: 1 });
      await one.next(policyA, 'second');
      assert.equal(one.messages, [{ topic: policyA, text: 'second', retain: true, qos: 1 }]);
      await setting.broker.publish(policyA, 'third', true);
      await one.next(policyA, 'third');
      await setting.broker.publish(policyA, '', true);
      const two = await joinAs(setting, setting.two);
      await two.client.subscribeAsync(policyA, { qos: 1 });
      await settle(setting, setting.two, two);
      assert.not(two.messages.some(({ topic }) => topic === policyA));
      await Promise.all([leave(one), leave(two)]);
    },
  },
  {
    name: 'one publish serves every member of the group',
    check: async (setting) => {
      const members = [await joinAs(setting, setting.one), await joinAs(setting, setting.two)];
      for (const { client } of members) await client.subscribeAsync(policyA, { qos: 1 });
      await setting.broker.publish(policyA, 'for all', true);
      for (const { next } of members) await next(policyA, 'for all');
      await Promise.all(members.map(leave));
    },
  },
  {
    name: 'a lost connection says offline, an orderly end does not',
    check: async (setting) => {
      const will = {
        topic: own(setting.one, 'presence'),
        payload: Buffer.from('offline'),
        qos: 1,
        retain: true,
      } as const;
      await leave(await joinAs(setting, setting.one, { will }));
      const lost = await joinAs(setting, setting.one, { will });
      await lost.client.publishAsync(own(setting.one, 'presence'), 'online', { qos: 1, retain: true });
      await setting.fleet.arrival(({ payload }) => String(payload) === 'online');
      assert.is(setting.fleet.received.length, 1);
      drop(lost);
      await setting.fleet.arrival(({ leaf, payload }) => leaf === 'presence' && String(payload) === 'offline');
    },
  },
  {
    name: 'no will reaches the topics of another',
    check: async (setting) => {
      const will = {
        topic: own(setting.two, 'presence'),
        payload: Buffer.from('forged'),
        qos: 1,
        retain: true,
      } as const;
      const joined = await joinAs(setting, setting.one, { will }).catch(() => null);
      if (joined) drop(joined);
      const again = await joinAs(setting, setting.one);
      await again.client.publishAsync(own(setting.one, 'event'), 'here', { qos: 1 });
      await setting.fleet.arrival(({ payload }) => String(payload) === 'here');
      assert.is(setting.fleet.received.length, 1);
      await leave(again);
    },
  },
  {
    name: 'a command for a device that is away comes when it is back, once',
    check: async (setting) => {
      const before = await joinAs(setting, setting.one);
      await before.client.subscribeAsync(own(setting.one, 'command'), { qos: 1 });
      await leave(before);
      await setting.broker.publish(own(setting.one, 'command'), 'wake up', false);
      const back = await joinAs(setting, setting.one);
      await back.next(own(setting.one, 'command'), 'wake up');
      await settle(setting, setting.one, back);
      await leave(back);
      const third = await joinAs(setting, setting.one);
      await settle(setting, setting.one, third);
      assert.not(third.messages.some(({ text }) => text === 'wake up'));
      await leave(third);
    },
  },
  {
    name: 'a command that was not acknowledged comes again',
    check: async (setting) => {
      const first = await joinAs(setting, setting.one);
      await first.client.subscribeAsync(own(setting.one, 'command'), { qos: 1 });
      const came = new Promise<void>((resolve) => {
        first.client.handleMessage = () => resolve();
      });
      await setting.broker.publish(own(setting.one, 'command'), 'once more', false);
      await came;
      drop(first);
      const again = await joinAs(setting, setting.one);
      await again.next(own(setting.one, 'command'), 'once more');
      await leave(again);
    },
  },
  {
    name: 'what the fleet cannot take now is not lost',
    check: async (setting) => {
      setting.fleet.answers.receive = bad('busy');
      const first = await joinAs(setting, setting.one, { reconnectPeriod: 100 });
      const tried = setting.fleet.arrival(({ leaf }) => leaf === 'event');
      void first.client.publishAsync(own(setting.one, 'event'), 'keep me', { qos: 1 }).catch(() => {});
      await tried;
      setting.fleet.answers.receive = good(null);
      const kept = setting.fleet.arrival(({ payload }) => String(payload) === 'keep me');
      await kept;
      assert.is(String(setting.fleet.received[0]?.payload), 'keep me');
      await leave(first);
    },
  },
  {
    name: 'what the fleet refuses is acknowledged and gone',
    check: async (setting) => {
      setting.fleet.answers.receive = bad('bad-shape');
      const joined = await joinAs(setting, setting.one);
      const seen = setting.fleet.arrival(({ payload }) => String(payload) === 'nonsense');
      await joined.client.publishAsync(own(setting.one, 'event'), 'nonsense', { qos: 1 });
      await seen;
      setting.fleet.answers.receive = good(null);
      await joined.client.publishAsync(own(setting.one, 'event'), 'sense', { qos: 1 });
      await setting.fleet.arrival(({ payload }) => String(payload) === 'sense');
      assert.is(setting.fleet.received.length, 1);
      await leave(joined);
    },
  },
  {
    name: 'a move changes the policy that is read',
    check: async (setting) => {
      await setting.broker.publish(policyTopic(groupB), 'of B', true);
      const one = await joinAs(setting, setting.one);
      await one.client.subscribeAsync(policyA, { qos: 1 });
      setting.fleet.move(setting.one.id, groupB);
      await setting.broker.refresh([{ id: setting.one.id, group: groupB }]);
      await setting.broker.publish(policyA, 'of A, not for one', true);
      await one.client.subscribeAsync(policyTopic(groupB), { qos: 1 });
      await one.next(policyTopic(groupB), 'of B');
      await settle(setting, setting.one, one);
      assert.not(one.messages.some(({ topic }) => topic === policyA));
      await leave(one);
      const again = await joinAs(setting, setting.one);
      await again.client.subscribeAsync(policyA, { qos: 1 }).catch(() => {});
      await settle(setting, setting.one, again);
      assert.not(again.messages.some(({ topic }) => topic === policyA));
      await leave(again);
    },
  },
  {
    name: 'a device added later gets in',
    check: async (setting) => {
      const third = await makeDevice(setting.authorities.client);
      setting.fleet.add(third, groupA);
      await setting.broker.refresh([{ id: third.id, group: groupA }]);
      await setting.broker.publish(policyA, 'policy', true);
      const joined = await joinAs(setting, third);
      await joined.client.subscribeAsync(policyA, { qos: 1 });
      await joined.next(policyA, 'policy');
      await leave(joined);
    },
  },
  {
    name: 'a disconnected device may come back',
    check: async (setting) => {
      const joined = await joinAs(setting, setting.one);
      const other = await joinAs(setting, setting.two);
      await setting.broker.disconnect(setting.one.id);
      await joined.closed;
      assert.ok(other.client.connected);
      await Promise.all([leave(await joinAs(setting, setting.one)), leave(other)]);
    },
  },
  {
    name: 'a new server certificate is served to new connections, and the old ones stand',
    check: async (setting) => {
      const one = await joinAs(setting, setting.one);
      const next = await makeListenerTls(setting.authorities);
      await setting.broker.setTls(next);
      const socket = tlsConnect({
        host: '127.0.0.1',
        port: setting.broker.port,
        ca: toPem(setting.authorities.server.certificateDer),
        cert: setting.two.cert,
        key: setting.two.key,
      });
      await once(socket, 'secureConnect');
      assert.ok(next.chain.startsWith(toPem(socket.getPeerX509Certificate()?.raw ?? Buffer.of())));
      socket.destroy();
      const two = await joinAs(setting, setting.two);
      for (const { client } of [one, two]) await client.subscribeAsync(policyA, { qos: 1 });
      await setting.broker.publish(policyA, 'after the switch', true);
      for (const { next } of [one, two]) await next(policyA, 'after the switch');
      await Promise.all([leave(one), leave(two)]);
    },
  },
  {
    name: 'a packet too large gets nowhere, and the broker stands',
    check: async (setting) => {
      const one = await joinAs(setting, setting.one);
      await tryPublish(one, own(setting.one, 'report'), Buffer.alloc(4 * 1024 * 1024));
      const two = await joinAs(setting, setting.two);
      await two.client.publishAsync(own(setting.two, 'event'), 'alive', { qos: 1 });
      await setting.fleet.arrival(({ payload }) => String(payload) === 'alive');
      assert.is(setting.fleet.received.length, 1);
      await Promise.all([leave(one), leave(two)]);
    },
  },
];

export const brokerCases = (title: string, start: Start): void =>
  table(title, cases, ({ check }) => withBroker(start, check));
