/** MQTT against a real mosquitto, and against brokers that lie, stall and send too much (F35, F36, F39). */
import type { Packet } from 'mqtt-packet';
import type { Happening } from '../../agent/core/shape.ts';
import { type Mqtt, offline, openMqtt } from '../../agent/edge/mqtt.ts';
import { connackFault, makeFrameGuard, maxPacketBytes } from '../../agent/edge/mqtt-frames.ts';
import { deviceLeafTopic, policyTopic } from '../../protocol/topics.ts';
import { type Broker, polite, type Script, scriptedBroker, startMosquitto } from '../fakes/broker.ts';
import { authorityOf, authorityPem, deviceId, deviceMaterial, serverMaterial } from '../fakes/tls-server.ts';
import { assert, needs, table, test } from '../harness.ts';

needs(['mosquitto']);

const authority = authorityOf('Local');
const foreign = authorityOf('Foreign');
const material = await serverMaterial(authority, ['127.0.0.1']);
const device = await deviceMaterial(authority);
const stranger = await deviceMaterial(foreign);
const watcher = '8a3d6a0e-3c1f-4f5e-9a51-0c6a7f1d2e3c';
const watcherDevice = await deviceMaterial(authority, watcher);
const group = '0f8fad5b-d9cb-469f-a165-70867728950e';
const patienceMs = 5000;
const topic = policyTopic(group);
const presence = deviceLeafTopic(deviceId, 'presence');

type Heard = {
  readonly mqtt: Mqtt;
  /** Everything told so far. */
  readonly all: Happening[];
  /** The next happening of this kind that has not been waited for. */
  readonly next: <Type extends Happening['type']>(type: Type) => Promise<Extract<Happening, { type: Type }>>;
};

function listen(): Heard {
  const all: Happening[] = [];
  const unseen: Happening[] = [];
  let look = (): void => {};
  const mqtt = openMqtt((happening) => {
    all.push(happening);
    unseen.push(happening);
    look();
  });
  const next = <Type extends Happening['type']>(type: Type) =>
    new Promise<Extract<Happening, { type: Type }>>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no ${type}, but ${JSON.stringify(all)}`)), patienceMs);
      look = () => {
        const index = unseen.findIndex((happening) => happening.type === type);
        if (index < 0) return;
        clearTimeout(timer);
        resolve(unseen.splice(index, 1)[0] as Extract<Happening, { type: Type }>);
        look = () => {};
      };
      look();
    });
  return { mqtt, all, next };
}

const orderFor = (port: number, connection: number, topics: readonly string[] = [topic]) => ({
  connection,
  address: `127.0.0.1:${port}`,
  device: deviceId,
  credentials: device,
  accept: [material.fingerprint],
  topics,
});
const message = (payload: string, extra: { qos?: 2; messageId?: number } = {}): Packet => ({
  cmd: 'publish',
  topic,
  payload,
  qos: 1,
  messageId: 7,
  dup: false,
  retain: false,
  ...extra,
});

async function withBroker(onPacket: Script['onPacket'], run: (broker: Broker, heard: Heard) => Promise<void>) {
  const broker = await scriptedBroker(material, authorityPem(authority), { onPacket });
  const heard = listen();
  try {
    await run(broker, heard);
  } finally {
    await heard.mqtt.leave(10);
    await broker.close();
  }
}
const sent = (broker: Broker, cmd: Packet['cmd']): Packet[] => broker.packets.filter((packet) => packet.cmd === cmd);
const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 60));

test('mosquitto: connect, publish, be told, acknowledge, redelivery, will', async () => {
  const mosquitto = await startMosquitto(material, authorityPem(authority));
  const server = listen();
  const heard = listen();
  const { mqtt, next } = heard;
  try {
    await server.mqtt.connect({
      ...orderFor(mosquitto.port, 1, [presence]),
      device: watcher,
      credentials: watcherDevice,
    });
    await server.next('connected');
    const say = (payload: string, token: number) =>
      server.mqtt.publish({ connection: 1, topic, payload, retain: true, token });

    await mqtt.connect(orderFor(mosquitto.port, 1));
    const connected = await next('connected');
    assert.equal(connected, { type: 'connected', connection: 1, fingerprint: material.fingerprint });
    mqtt.publish({ connection: 1, topic: presence, payload: '{"format":1,"at":"online"}', retain: true, token: 42 });
    assert.equal(await next('published'), { type: 'published', connection: 1, token: 42 });
    const online = await server.next('message');
    assert.is(Buffer.from(online.payload).toString(), '{"format":1,"at":"online"}');
    server.mqtt.acknowledge(1, online.ticket);

    say('first', 1);
    const first = await next('message');
    assert.is(first.topic, topic);
    assert.is(Buffer.from(first.payload).toString(), 'first');

    // Not acknowledged: the socket is destroyed, the will tells, and the next connection gets it again.
    mqtt.disconnect(1);
    const gone = await server.next('message');
    assert.is(Buffer.from(gone.payload).toString(), offline);
    server.mqtt.acknowledge(1, gone.ticket);
    await mqtt.connect(orderFor(mosquitto.port, 2));
    await next('connected');
    const again = await next('message');
    assert.is(again.connection, 2);
    assert.is(Buffer.from(again.payload).toString(), 'first');
    mqtt.acknowledge(2, again.ticket);
    const retained = await next('message');
    mqtt.acknowledge(2, retained.ticket);

    say('second', 2);
    const second = await next('message');
    mqtt.acknowledge(2, second.ticket);
    mqtt.publish({ connection: 2, topic: presence, payload: 'x', retain: false, token: 43 });
    await next('published');
    server.mqtt.acknowledge(1, (await server.next('message')).ticket);

    // Leaving politely says so, and what was acknowledged does not come again.
    await mqtt.leave(2000);
    assert.is(Buffer.from((await server.next('message')).payload).toString(), offline);
    await mqtt.connect(orderFor(mosquitto.port, 3, [deviceLeafTopic(deviceId, 'device')]));
    await next('connected');
    await settled();
    assert.is(heard.all.filter((happening) => happening.type === 'message').length, 4);
    assert.is(heard.all.filter((happening) => happening.type === 'closed').length, 0);
  } finally {
    await mqtt.leave(100);
    await server.mqtt.leave(100);
    await mosquitto.stop();
  }
});

test('mosquitto refuses our certificate: told by its alert, after the handshake', async () => {
  const mosquitto = await startMosquitto(material, authorityPem(authority));
  const { mqtt, next } = listen();
  await mqtt.connect({ ...orderFor(mosquitto.port, 1), credentials: stranger });
  assert.is((await next('closed')).fault.code, 'identity-refused');
  await mosquitto.stop();
});

test('the connect packet: our id, a kept session, keepalive, and the will', () =>
  withBroker(polite(), async (broker, { mqtt, next }) => {
    await mqtt.connect(orderFor(broker.port, 1, [topic, deviceLeafTopic(deviceId, 'command')]));
    await next('connected');
    const [connect] = sent(broker, 'connect');
    assert.ok(connect?.cmd === 'connect');
    if (connect?.cmd !== 'connect') return;
    assert.equal(
      [connect.clientId, connect.clean, connect.keepalive, connect.protocolVersion, connect.username],
      [deviceId, false, 60, 4, undefined],
    );
    const { will } = connect;
    assert.equal([will?.topic, will?.payload.toString(), will?.qos, will?.retain], [presence, offline, 1, true]);
    const [subscribe] = sent(broker, 'subscribe');
    const asked =
      subscribe?.cmd === 'subscribe' ? subscribe.subscriptions.map(({ topic, qos }) => `${topic} ${qos}`) : [];
    assert.equal(asked, [`${topic} 1`, `${deviceLeafTopic(deviceId, 'command')} 1`]);
  }));

test('a broker with another certificate hears not one byte', () =>
  withBroker(polite(), async (broker, { mqtt, next, all }) => {
    await mqtt.connect({ ...orderFor(broker.port, 1), accept: ['ab'.repeat(32)] });
    assert.is((await next('presented')).der, Buffer.from(material.leaf).toString('base64'));
    assert.is(broker.received(), 0);
    assert.is(all.length, 1);
  }));

const oversize = Buffer.from([0x30, ...lengthOf(maxPacketBytes + 1)]);
const refusals: { name: string; onPacket: Script['onPacket']; expected: string }[] = [
  {
    name: 'CONNACK not authorized',
    onPacket: (packet, reply) =>
      packet.cmd === 'connect' && reply({ cmd: 'connack', returnCode: 5, sessionPresent: false }),
    expected: 'identity-refused',
  },
  {
    name: 'CONNACK server unavailable',
    onPacket: (packet, reply) =>
      packet.cmd === 'connect' && reply({ cmd: 'connack', returnCode: 3, sessionPresent: false }),
    expected: 'server-refused',
  },
  {
    name: 'SUBACK 0x80',
    onPacket: polite((packet, reply) => {
      if (packet.cmd !== 'subscribe') return false;
      reply({ cmd: 'suback', messageId: packet.messageId ?? 0, granted: [128] });
      return true;
    }),
    expected: 'server-refused',
  },
  {
    name: 'a packet above the limit, by its header alone',
    onPacket: polite((packet, reply) => {
      if (packet.cmd === 'subscribe') reply(oversize);
      return packet.cmd === 'subscribe';
    }),
    expected: 'too-large',
  },
  {
    name: 'garbage for CONNACK',
    onPacket: (_packet, reply) => reply(Buffer.from('HTTP/1.1 400 Bad\r\n\r\n')),
    expected: 'server-answer',
  },
  {
    name: 'a length of five bytes',
    onPacket: (_packet, reply) => reply(Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff, 0x7f])),
    expected: 'bad-shape',
  },
  {
    name: 'a reserved packet type',
    onPacket: polite((packet, reply) => {
      if (packet.cmd === 'subscribe') reply(Buffer.from([0xf0, 0x00]));
      return packet.cmd === 'subscribe';
    }),
    expected: 'server-answer',
  },
  {
    name: 'a message with QoS 2',
    onPacket: polite((packet, reply) => {
      if (packet.cmd === 'subscribe') reply(message('x', { qos: 2 }));
      return packet.cmd === 'subscribe';
    }),
    expected: 'server-answer',
  },
  {
    name: 'a second CONNACK',
    onPacket: polite((packet, reply) => {
      if (packet.cmd === 'subscribe') reply({ cmd: 'connack', returnCode: 0, sessionPresent: false });
      return packet.cmd === 'subscribe';
    }),
    expected: 'server-answer',
  },
  {
    name: 'closing instead of CONNACK',
    onPacket: (_packet, _reply, socket) => socket.destroy(),
    expected: 'server-refused',
  },
];
table('a hostile broker ends in one closed', refusals, ({ onPacket, expected }) =>
  withBroker(onPacket, async (broker, { mqtt, next, all }) => {
    await mqtt.connect(orderFor(broker.port, 1));
    const closed = await next('closed');
    assert.is(closed.fault.code, expected);
    assert.is(closed.connection, 1);
    await settled();
    assert.equal(all, [closed]);
  }),
);

test('no PUBACK before acknowledge, none after disconnect', () =>
  withBroker(
    polite((packet, reply) => {
      if (packet.cmd === 'subscribe') {
        reply({ cmd: 'suback', messageId: packet.messageId ?? 0, granted: [1] });
        reply(message('one'));
        reply(message('two', { messageId: 8 }));
      }
      return packet.cmd === 'subscribe';
    }),
    async (broker, { mqtt, next, all }) => {
      await mqtt.connect(orderFor(broker.port, 1));
      const one = await next('message');
      await settled();
      assert.is(sent(broker, 'puback').length, 0);
      assert.is(all.filter((happening) => happening.type === 'message').length, 1);
      mqtt.acknowledge(1, one.ticket);
      mqtt.acknowledge(1, one.ticket);
      const two = await next('message');
      await settled();
      assert.equal(
        sent(broker, 'puback').map((packet) => packet.messageId),
        [7],
      );
      mqtt.disconnect(1);
      mqtt.acknowledge(1, two.ticket);
      await settled();
      assert.is(sent(broker, 'puback').length, 1);
      assert.is(all.filter((happening) => happening.type === 'closed').length, 0);
    },
  ));

test('messages of the kept session that come before SUBACK are told after connected, acknowledged alike', () =>
  withBroker(
    polite((packet, reply) => {
      if (packet.cmd === 'connect') {
        reply({ cmd: 'connack', returnCode: 0, sessionPresent: true });
        reply(message('early', { messageId: 21 }));
        reply(message('early too', { messageId: 22 }));
      }
      return packet.cmd === 'connect';
    }),
    async (broker, { mqtt, next, all }) => {
      await mqtt.connect(orderFor(broker.port, 1));
      const first = await next('message');
      const second = await next('message');
      assert.equal(
        all.map((happening) => happening.type),
        ['connected', 'message', 'message'],
      );
      await settled();
      assert.is(sent(broker, 'puback').length, 0);
      mqtt.acknowledge(1, second.ticket);
      mqtt.acknowledge(1, first.ticket);
      mqtt.publish({ connection: 1, topic: presence, payload: 'x', retain: false, token: 1 });
      await next('published');
      assert.equal(
        sent(broker, 'puback').map((packet) => packet.messageId),
        [22, 21],
      );
    },
  ));

test('a flood before SUBACK is cut', () =>
  withBroker(
    polite((packet, reply) => {
      if (packet.cmd !== 'connect') return packet.cmd === 'subscribe';
      reply({ cmd: 'connack', returnCode: 0, sessionPresent: true });
      for (let id = 1; id <= 65; id++) reply(message('x', { messageId: id }));
      return true;
    }),
    async (broker, { mqtt, next }) => {
      await mqtt.connect(orderFor(broker.port, 1));
      assert.is((await next('closed')).fault.code, 'too-large');
    },
  ));

test('a message with QoS 0 is told too, and needs no PUBACK', () =>
  withBroker(
    polite((packet, reply) => {
      if (packet.cmd === 'subscribe') {
        reply({ cmd: 'suback', messageId: packet.messageId ?? 0, granted: [0] });
        reply({ cmd: 'publish', topic, payload: 'zero', qos: 0, dup: false, retain: false });
      }
      return packet.cmd === 'subscribe';
    }),
    async (broker, { mqtt, next }) => {
      await mqtt.connect(orderFor(broker.port, 1));
      const zero = await next('message');
      mqtt.acknowledge(1, zero.ticket);
      mqtt.publish({ connection: 1, topic: presence, payload: 'x', retain: false, token: 1 });
      await next('published');
      assert.is(sent(broker, 'puback').length, 0);
    },
  ));

test('a broker that withholds PUBACK: nothing is told published, and the loss is told once', () =>
  withBroker(
    polite((packet, _reply, socket) => {
      if (packet.cmd === 'publish') socket.destroy();
      return packet.cmd === 'publish';
    }),
    async (broker, { mqtt, next, all }) => {
      await mqtt.connect(orderFor(broker.port, 1));
      await next('connected');
      mqtt.publish({ connection: 1, topic: presence, payload: 'x', retain: false, token: 1 });
      assert.is((await next('closed')).fault.code, 'server-refused');
      await settled();
      assert.equal(
        all.map((happening) => happening.type),
        ['connected', 'closed'],
      );
    },
  ));

test('one connection at a time: what the older one still says is dropped', () =>
  withBroker(polite(), async (broker, { mqtt, next, all }) => {
    const both = [mqtt.connect(orderFor(broker.port, 1)), mqtt.connect(orderFor(broker.port, 2))];
    await Promise.all(both);
    assert.is((await next('connected')).connection, 2);
    mqtt.publish({ connection: 1, topic: presence, payload: 'old', retain: false, token: 1 });
    mqtt.disconnect(1);
    mqtt.acknowledge(1, 1);
    await settled();
    assert.equal(
      all.map((happening) => happening.type),
      ['connected'],
    );
    assert.is(sent(broker, 'publish').length, 0);
  }));

test('the frame guard sees every length, however the stream is cut', () => {
  const stream = Buffer.concat([
    Buffer.from([0xd0, 0x00]),
    Buffer.from([0x30, ...lengthOf(200)]),
    Buffer.alloc(200, 0xff),
    Buffer.from([0x30, ...lengthOf(300)]),
    Buffer.alloc(300, 0xff),
    Buffer.from([0x30, ...lengthOf(301)]),
  ]);
  for (let size = 1; size <= stream.length; size++) {
    const guard = makeFrameGuard(300);
    const found: string[] = [];
    for (let at = 0; at < stream.length; at += size) {
      const judged = guard(stream.subarray(at, at + size));
      found.push(judged.ok ? 'ok' : judged.fault.code);
    }
    assert.is(found.at(-1), 'too-large', `pieces of ${size}`);
    assert.ok(
      found.slice(0, -1).every((each) => each === 'ok'),
      `pieces of ${size}`,
    );
  }
});

table(
  'connackFault',
  [
    { name: 'version', code: 1, expected: 'server-refused' },
    { name: 'identifier', code: 2, expected: 'identity-refused' },
    { name: 'unavailable', code: 3, expected: 'server-refused' },
    { name: 'user name', code: 4, expected: 'identity-refused' },
    { name: 'not authorized', code: 5, expected: 'identity-refused' },
    { name: 'unknown', code: 77, expected: 'server-refused' },
  ],
  ({ code, expected }) => assert.is(connackFault(code, 'a:1').code, expected),
);

function lengthOf(length: number): number[] {
  const bytes: number[] = [];
  for (let rest = length; ; rest = Math.floor(rest / 128)) {
    bytes.push((rest % 128) | (rest >= 128 ? 0x80 : 0));
    if (rest < 128) return bytes;
  }
}
