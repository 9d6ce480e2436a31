/**
 * Bare subscribers in a process of their own: MQTT 3.1.1 over mutual TLS, QoS 1, each with a certificate of its own. Reads a
 * `Crowd` from the file it is given; says `ready` when all have their subscription and what is retained. For each line
 * on standard input it counts anew and says `all MS`, the time (Unix) when the last has one more message.
 */
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { connect, createSecureContext } from 'node:tls';
import { generate, parser } from 'mqtt-packet';

export type Crowd = {
  readonly port: number;
  readonly topic: string;
  /** PEM; one key for all, so that making keys is no part of it. */
  readonly key: string;
  readonly devices: readonly { readonly id: string; readonly certificate: string }[];
};

const atOnce = 64;
const keepalive = 600;

const crowd = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as Crowd;
let heard = 0;

const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** Resolves when it is subscribed and has what is retained. */
function subscribe({ id, certificate }: Crowd['devices'][number]): Promise<void> {
  return new Promise((ready, failed) => {
    const secureContext = createSecureContext({ key: crowd.key, cert: certificate });
    const socket = connect({ host: '127.0.0.1', port: crowd.port, secureContext, rejectUnauthorized: false });
    const packets = parser({ protocolVersion: 4 });
    let first = true;
    socket.once('secureConnect', () => {
      socket.setNoDelay(true);
      socket.write(generate({ cmd: 'connect', clientId: id, clean: true, keepalive, protocolVersion: 4 }));
    });
    socket.on('data', (bytes: Buffer) => packets.parse(bytes));
    packets.on('packet', (packet) => {
      if (packet.cmd === 'connack') {
        if (packet.returnCode !== 0) return failed(new Error(`refused ${packet.returnCode}`));
        const subscriptions = [{ topic: crowd.topic, qos: 1 as const }];
        socket.write(generate({ cmd: 'subscribe', messageId: 1, subscriptions }));
      }
      if (packet.cmd !== 'publish') return;
      if (packet.qos === 1) socket.write(generate({ cmd: 'puback', messageId: packet.messageId ?? 0 }));
      if (first) {
        first = false;
        ready();
      } else if (++heard === crowd.devices.length) say(`all ${performance.timeOrigin + performance.now()}`);
    });
    const lost = (why: unknown): void => {
      failed(new Error(String(why)));
      say(`lost ${id}: ${why}`);
    };
    socket.on('error', lost);
    socket.on('close', () => lost('closed'));
  });
}

async function main(): Promise<void> {
  const queue = [...crowd.devices];
  const work = async (): Promise<void> => {
    for (let next = queue.pop(); next; next = queue.pop()) await subscribe(next);
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  say('ready');
  createInterface({ input: process.stdin })
    .on('line', () => {
      heard = 0;
      say('counting');
    })
    .on('close', () => process.exit(0));
}

main().catch((error) => {
  say(`failed ${error}`);
  process.exit(1);
});
