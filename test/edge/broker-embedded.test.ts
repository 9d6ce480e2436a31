import { once } from 'node:events';
import { connect as tcpConnect } from 'node:net';
import { type TLSSocket, connect as tlsConnect } from 'node:tls';
import { generate, type Packet } from 'mqtt-packet';
import { toPem } from '../../protocol/certificate.ts';
import { deviceLeafTopic, policyTopic } from '../../protocol/topics.ts';
import { embeddedBroker } from '../../server/edge/broker-embedded.ts';
import { makeAuthorities, makeDevice, makeExpiredDevice, makeServerAsClient } from '../fakes/identities.ts';
import { assert, rejects, table, test } from '../harness.ts';
import { brokerCases, groupA, groupB, joinAs, leave, type Setting, type Start, withBroker } from './broker-cases.ts';

const started =
  (bounds?: { maxConnections: number; maxHandshakes: number }): Start =>
  async ({ fleet, tls }) => {
    const common = { fleet, tls, host: '127.0.0.1', port: 0, log: () => {} };
    const broker = await embeddedBroker(bounds ? { ...common, bounds } : common);
    return { broker, stop: broker.close };
  };
const start = started();

brokerCases('embedded broker', start);

// what only the embedded broker answers

/** A TLS connection of a device that speaks raw packets. */
async function raw({ broker, authorities, one }: Setting): Promise<TLSSocket> {
  const socket = tlsConnect({
    host: '127.0.0.1',
    port: broker.port,
    ca: toPem(authorities.server.certificateDer),
    cert: one.cert,
    key: one.key,
  });
  socket.on('error', () => {});
  await once(socket, 'secureConnect');
  return socket;
}

const connectPacket = (clientId: string, more: object = {}): Packet => ({
  cmd: 'connect',
  protocolId: 'MQTT',
  protocolVersion: 4,
  clean: true,
  keepalive: 60,
  clientId,
  ...more,
});

async function untilClosed(socket: TLSSocket): Promise<void> {
  socket.resume();
  if (!socket.closed) await once(socket, 'close', { signal: AbortSignal.timeout(8000) });
}

/** What went to the audit log, without whose it was. */
const recorded = ({ fleet }: Setting): readonly string[] => fleet.refusals.map((each) => each.replace(/^\S+ /, ''));

const will = (topic: string, qos = 1) => ({ will: { topic, payload: Buffer.from('x'), qos, retain: false } });
table(
  'CONNACK (MQTT 3.1.1 §3.2.2.3)',
  [
    { name: 'the device itself', packet: ({ one }: Setting) => connectPacket(one.id), code: 0 },
    { name: 'another’s client id', packet: ({ two }: Setting) => connectPacket(two.id), code: 2 },
    { name: 'a made-up client id', packet: () => connectPacket('anything'), code: 2 },
    { name: 'no client id', packet: () => connectPacket(''), code: 2 },
    { name: 'MQTT 5', packet: ({ one }: Setting) => connectPacket(one.id, { protocolVersion: 5 }), code: 1 },
    {
      name: 'a will for another',
      packet: ({ one, two }: Setting) => connectPacket(one.id, will(deviceLeafTopic(two.id, 'presence'))),
      code: 5,
    },
    {
      name: 'a will that is no presence',
      packet: ({ one }: Setting) => connectPacket(one.id, will(deviceLeafTopic(one.id, 'report'))),
      code: 5,
    },
    {
      name: 'a will of QoS 2',
      packet: ({ one }: Setting) => connectPacket(one.id, will(deviceLeafTopic(one.id, 'presence'), 2)),
      code: 5,
    },
    { name: 'no keep-alive', packet: ({ one }: Setting) => connectPacket(one.id, { keepalive: 0 }), code: 6 },
    {
      name: 'a keep-alive of hours',
      packet: ({ one }: Setting) => connectPacket(one.id, { keepalive: 10_000 }),
      code: 6,
    },
    {
      name: 'a device the fleet does not know',
      packet: ({ one, fleet }: Setting) => {
        fleet.remove(one.id);
        return connectPacket(one.id);
      },
      code: 5,
    },
  ],
  (row) =>
    withBroker(start, async (setting) => {
      const socket = await raw(setting);
      const packet = row.packet(setting);
      const version = 'protocolVersion' in packet && packet.protocolVersion === 5 ? 5 : 4;
      socket.write(generate(packet, { protocolVersion: version }));
      let answer = Buffer.of();
      socket.on('data', (chunk: Buffer) => {
        answer = Buffer.concat([answer, chunk]);
        if (row.code === 0 && answer.length >= 4) socket.write(generate({ cmd: 'disconnect' }));
      });
      await once(socket, 'close', { signal: AbortSignal.timeout(8000) });
      assert.equal([...answer.subarray(0, 4)], [0x20, 2, 0, row.code]);
      assert.equal(recorded(setting), row.code === 0 ? [] : ['MQTT: identity-refused']);
    }),
);

const publishPacket = (topic: string, qos: 0 | 1 | 2): Packet => ({
  cmd: 'publish',
  topic,
  payload: 'x',
  qos,
  messageId: 1,
  dup: false,
  retain: false,
});
table(
  'the connection ends on',
  [
    { name: 'a packet before CONNECT', packets: () => [publishPacket('x', 0)] },
    { name: 'a second CONNECT', packets: ({ one }: Setting) => [connectPacket(one.id), connectPacket(one.id)] },
    {
      name: 'QoS 2',
      packets: ({ one }: Setting) => [connectPacket(one.id), publishPacket(deviceLeafTopic(one.id, 'event'), 2)],
    },
    {
      name: 'a topic of another',
      packets: ({ one, two }: Setting) => [connectPacket(one.id), publishPacket(deviceLeafTopic(two.id, 'event'), 1)],
    },
    { name: 'garbage', packets: () => [Buffer.from('GET / HTTP/1.1\r\n\r\n')] },
    {
      name: 'a packet that announces 256 MiB',
      code: 'too-large',
      packets: ({ one }: Setting) => [connectPacket(one.id), Buffer.of(0x30, 0xff, 0xff, 0xff, 0x7f)],
    },
  ],
  (row: {
    readonly name: string;
    readonly code?: string;
    readonly packets: (setting: Setting) => readonly (Packet | Buffer)[];
  }) =>
    withBroker(start, async (setting) => {
      const socket = await raw(setting);
      for (const packet of row.packets(setting)) socket.write(Buffer.isBuffer(packet) ? packet : generate(packet));
      await untilClosed(socket);
      assert.equal(setting.fleet.received, []);
      assert.equal(recorded(setting), [`MQTT: ${row.code ?? 'bad-shape'}`]);
      await leave(await joinAs(setting, setting.two));
    }),
);

table(
  'a handshake is on record with',
  [
    {
      name: 'a certificate of a foreign authority',
      who: async () => makeDevice((await makeAuthorities()).client),
      expected: ['stranger: MQTT: identity-refused'],
    },
    {
      name: 'a certificate of our server authority',
      who: async ({ authorities }: Setting) => makeServerAsClient(authorities.server),
      expected: ['stranger: MQTT: identity-refused'],
    },
    {
      name: 'an expired certificate',
      who: async ({ authorities }: Setting) => makeExpiredDevice(authorities.client),
      expected: ['stranger: MQTT: expired'],
    },
    { name: 'no certificate: nothing', who: async () => ({}), expected: [] },
  ],
  ({ who, expected }) =>
    withBroker(start, async (setting) => {
      const { broker, fleet } = setting;
      const socket = tlsConnect({
        host: '127.0.0.1',
        port: broker.port,
        rejectUnauthorized: false,
        ...(await who(setting)),
      });
      await untilClosed(socket).catch(() => {});
      await leave(await joinAs(setting, setting.two));
      assert.equal(fleet.refusals, expected);
    }),
);

test('a subscription to what is another’s is on record', () =>
  withBroker(start, async (setting) => {
    const { client, ...joined } = await joinAs(setting, setting.one);
    await client.subscribeAsync(policyTopic(groupB), { qos: 1 }).catch(() => {});
    assert.equal(setting.fleet.refusals, [`${setting.one.id}: MQTT: not-allowed`]);
    await leave({ client, ...joined });
  }));

test('stray acknowledgements of any kind hurt nobody', () =>
  withBroker(start, async (setting) => {
    const socket = await raw(setting);
    socket.write(generate(connectPacket(setting.one.id, { clean: false })));
    for (const cmd of ['puback', 'pubrec', 'pubrel', 'pubcomp'] as const) socket.write(generate({ cmd, messageId: 7 }));
    socket.write(
      generate({
        cmd: 'unsubscribe',
        messageId: 8,
        unsubscriptions: ['x', deviceLeafTopic(setting.one.id, 'command')],
      }),
    );
    socket.write(generate(publishPacket(deviceLeafTopic(setting.one.id, 'event'), 1)));
    await setting.fleet.arrival(({ leaf }) => leaf === 'event');
    socket.write(generate({ cmd: 'disconnect' }));
    await untilClosed(socket);
  }));

test('a message is acknowledged only when the fleet has it', () =>
  withBroker(start, async (setting) => {
    const joined = await joinAs(setting, setting.one);
    let acknowledged = false;
    const sent = joined.client.publishAsync(deviceLeafTopic(setting.one.id, 'event'), 'x', { qos: 1 }).then(() => {
      acknowledged = true;
    });
    await setting.fleet.arrival(() => true);
    assert.not(acknowledged);
    await sent;
    await leave(joined);
  }));

test('a device removed while it is being let in does not get in', () =>
  withBroker(start, async (setting) => {
    const { broker, fleet, one } = setting;
    let removing: Promise<void> | null = null;
    fleet.holdGroupOf(async () => {
      if (removing) return null;
      fleet.remove(one.id);
      removing = broker.refresh([{ id: one.id, group: null }]);
      await removing;
      return groupA;
    });
    await rejects(() => joinAs(setting, one));
  }));

test('a move while a device is being let in counts', () =>
  withBroker(start, async (setting) => {
    const { broker, fleet, one } = setting;
    let moved = false;
    fleet.holdGroupOf(async () => {
      if (moved) return groupB;
      moved = true;
      await broker.refresh([{ id: one.id, group: groupB }]);
      return groupA;
    });
    const joined = await joinAs(setting, one);
    await rejects(() => joined.client.subscribeAsync(policyTopic(groupA), { qos: 1 }));
    await joined.client.subscribeAsync(policyTopic(groupB), { qos: 1 });
    await leave(joined);
  }));

test('a flood of half-open connections shuts nobody out', () =>
  withBroker(started({ maxConnections: 100, maxHandshakes: 10 }), async (setting) => {
    const flood = await Promise.all(
      Array.from({ length: 40 }, async () => {
        const socket = tcpConnect(setting.broker.port, '127.0.0.1');
        socket.on('error', () => {}).resume();
        await once(socket, 'connect');
        return socket;
      }),
    );
    const joined = await joinAs(setting, setting.one);
    for (const socket of flood) socket.destroy();
    await leave(joined);
  }));

test('connections beyond the bound are closed, and the ones within stand', () =>
  withBroker(started({ maxConnections: 1, maxHandshakes: 10 }), async (setting) => {
    const one = await joinAs(setting, setting.one);
    await rejects(() => joinAs(setting, setting.two));
    assert.ok(one.client.connected);
    await leave(one);
  }));

test('a device that does not read loses its connection, not the broker its memory', () =>
  withBroker(start, async (setting) => {
    const socket = await raw(setting);
    const topic = policyTopic(groupA);
    socket.write(generate(connectPacket(setting.one.id)));
    socket.write(generate({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic, qos: 1 }] }));
    await once(socket, 'data');
    socket.pause();
    const closed = once(socket, 'close');
    const policy = Buffer.alloc(1024 * 1024);
    const other = await joinAs(setting, setting.two);
    await other.client.subscribeAsync(topic, { qos: 1 });
    for (let sent = 0; sent < 12; sent++) {
      await setting.broker.publish(topic, Buffer.concat([policy, Buffer.from(String(sent))]), true);
      await other.next(topic, `${policy}${sent}`);
    }
    socket.resume();
    await closed;
    await leave(other);
  }));

test('a queue for a device that is away holds the newest 32 commands', () =>
  withBroker(start, async (setting) => {
    const topic = deviceLeafTopic(setting.one.id, 'command');
    const before = await joinAs(setting, setting.one);
    await before.client.subscribeAsync(topic, { qos: 1 });
    await leave(before);
    for (let sent = 1; sent <= 40; sent++) await setting.broker.publish(topic, String(sent), false);
    const back = await joinAs(setting, setting.one);
    await back.next(topic, '40');
    assert.equal(
      back.messages.map(({ text }) => Number(text)),
      Array.from({ length: 32 }, (_, index) => index + 9),
    );
    await leave(back);
  }));

test('a broker that starts holds nothing: everything is published again', () =>
  withBroker(start, async (setting) => {
    await setting.broker.publish(policyTopic(groupA), 'before', true);
    await withBroker(start, async (fresh) => {
      const one = await joinAs(fresh, fresh.one);
      await one.client.subscribeAsync(policyTopic(groupA), { qos: 1 });
      await fresh.broker.publish(policyTopic(groupA), 'again', true);
      await one.next(policyTopic(groupA), 'again');
      assert.equal(
        one.messages.map(({ text }) => text),
        ['again'],
      );
      await leave(one);
    });
  }));

test('a port that is taken is an error at the start', () =>
  withBroker(start, async ({ broker, fleet, tls }) => {
    await rejects(
      () => embeddedBroker({ fleet, tls, host: '127.0.0.1', port: broker.port, log: () => {} }),
      /EADDRINUSE/,
    );
  }));
