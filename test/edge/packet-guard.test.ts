import { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import fc from 'fast-check';
import { generate, writeToStream } from 'mqtt-packet';
import { guardPackets, maxPacketBytes, packetMeter } from '../../server/edge/packet-guard.ts';
import { assert, table, test } from '../harness.ts';

const connect = generate({
  cmd: 'connect',
  clientId: 'x',
  protocolId: 'MQTT',
  protocolVersion: 4,
  clean: true,
  keepalive: 60,
});
const publish = (bytes: number) =>
  generate({ cmd: 'publish', topic: 't', payload: Buffer.alloc(bytes), qos: 0, dup: false, retain: false });
const ping = generate({ cmd: 'pingreq' });
/** A fixed header of this type that announces this length. */
function header(type: number, length: number): Buffer {
  const bytes = [type << 4];
  for (let rest = length; ; rest >>>= 7) {
    bytes.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
    if (rest <= 0x7f) return Buffer.from(bytes);
  }
}

table(
  'packetMeter',
  [
    { name: 'a session', bytes: Buffer.concat([connect, ping, publish(10), ping]), fits: true },
    { name: 'a report of 3 MiB', bytes: Buffer.concat([connect, publish(3 * 1024 * 1024)]), fits: true },
    { name: 'the largest publish', bytes: Buffer.concat([connect, header(3, maxPacketBytes)]), fits: true },
    { name: 'one byte more', bytes: Buffer.concat([connect, header(3, maxPacketBytes + 1)]), fits: false },
    { name: 'the largest MQTT knows', bytes: Buffer.concat([connect, header(3, 268_435_455)]), fits: false },
    { name: 'a large first packet', bytes: header(3, 10_000), fits: false },
    { name: 'a large CONNECT', bytes: header(1, 10_000), fits: false },
    { name: 'a large SUBSCRIBE', bytes: Buffer.concat([connect, header(8, 10_000)]), fits: false },
    {
      name: 'a length of five bytes',
      bytes: Buffer.concat([connect, Buffer.of(0x30, 0xff, 0xff, 0xff, 0xff)]),
      fits: false,
    },
    { name: 'nothing', bytes: Buffer.of(), fits: true },
  ],
  (row) => assert.is(packetMeter(maxPacketBytes)(row.bytes), row.fits),
);

test('how the bytes are cut does not matter (10,000 runs, up to 8 packets)', () => {
  const packet = fc.oneof(
    fc.nat(400).map(publish),
    fc.constant(ping),
    fc
      .tuple(fc.integer({ min: 1, max: 15 }), fc.nat(2000))
      .map(([type, length]) => Buffer.concat([header(type, length), Buffer.alloc(length)])),
  );
  const limit = 300;
  fc.assert(
    fc.property(fc.array(packet, { maxLength: 8 }), fc.array(fc.nat(200), { maxLength: 60 }), (packets, cuts) => {
      const bytes = Buffer.concat([connect, ...packets]);
      const whole = packetMeter(limit)(bytes);
      const meter = packetMeter(limit);
      let fits = true;
      let at = 0;
      for (const cut of [...cuts, bytes.length]) {
        fits &&= meter(bytes.subarray(at, at + cut));
        at += cut;
      }
      assert.is(fits, whole);
      const expected = packets.every(
        (each) => each.readUInt8(0) >> 4 !== 3 || each.length - (each.length > 129 ? 3 : 2) <= limit,
      );
      assert.is(whole, expected);
    }),
    { numRuns: 10_000 },
  );
});

test('any bytes are judged without a throw (10,000 runs, up to 200 bytes)', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      assert.type(packetMeter(1000)(bytes), 'boolean');
    }),
    { numRuns: 10_000 },
  );
});

test('a packet that the library writes in pieces reaches the socket as one write, its bytes as they are', async () => {
  const written: Buffer[] = [];
  const socket = new Duplex({
    read: () => {},
    write: (chunk, _encoding, done) => {
      written.push(chunk);
      done();
    },
  });
  const packet = { cmd: 'publish', topic: 'a/b', payload: Buffer.alloc(3000, 7), qos: 1, messageId: 5 } as const;
  const whole = { ...packet, dup: false, retain: false };
  const guarded = guardPackets(socket as TLSSocket);
  writeToStream(whole, guarded);
  await new Promise((done) => guarded.end(done));
  assert.is(written.length, 1);
  assert.ok(Buffer.concat(written).equals(generate(whole)));
});
