/** A broker written by hand that does what a test says, packet by packet; and the real mosquitto. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { generate, type Packet, parser } from 'mqtt-packet';
import { freePort } from '../../server/cli/port.ts';
import { type Served, type ServerMaterial, serveTls } from './tls-server.ts';

export type Script = {
  readonly onPacket: (packet: Packet, reply: (packet: Packet | Uint8Array) => void, socket: TLSSocket) => void;
};
export type Broker = Served & { readonly packets: Packet[] };

export async function scriptedBroker(material: ServerMaterial, clientCa: string, script: Script): Promise<Broker> {
  const packets: Packet[] = [];
  const served = await serveTls(
    { ...material, requestCert: true, rejectUnauthorized: true, ca: clientCa },
    (socket) => {
      const reader = parser({ protocolVersion: 4 });
      const reply = (packet: Packet | Uint8Array): void => {
        socket.write('cmd' in packet ? generate(packet) : packet);
      };
      reader.on('packet', (packet: Packet) => {
        packets.push(packet);
        script.onPacket(packet, reply, socket);
      });
      socket.on('data', (chunk: Buffer) => reader.parse(chunk));
    },
  );
  return { ...served, packets };
}

/** What every broker does; `then` may answer first and says whether it did. */
export const polite =
  (then: (...args: Parameters<Script['onPacket']>) => boolean = () => false): Script['onPacket'] =>
  (packet, reply, socket) => {
    if (then(packet, reply, socket)) return;
    if (packet.cmd === 'connect') reply({ cmd: 'connack', returnCode: 0, sessionPresent: false });
    if (packet.cmd === 'subscribe')
      reply({ cmd: 'suback', messageId: packet.messageId ?? 0, granted: packet.subscriptions.map(() => 1) });
    if (packet.cmd === 'publish' && packet.qos === 1) reply({ cmd: 'puback', messageId: packet.messageId ?? 0 });
    if (packet.cmd === 'pingreq') reply({ cmd: 'pingresp' });
  };

export type Mosquitto = { readonly port: number; readonly stop: () => Promise<void> };

/** Mutual TLS, the certificate's CN as user name, no access list. */
export async function startMosquitto(
  material: Pick<ServerMaterial, 'key' | 'cert'>,
  clientCa: string,
): Promise<Mosquitto> {
  const folder = await mkdtemp(join(tmpdir(), 'thintrust-mosquitto-'));
  const port = await freePort();
  await writeFile(join(folder, 'ca.pem'), clientCa);
  await writeFile(join(folder, 'server.pem'), material.cert);
  await writeFile(join(folder, 'server.key'), material.key);
  await writeFile(
    join(folder, 'mosquitto.conf'),
    [
      `listener ${port} 127.0.0.1`,
      `cafile ${folder}/ca.pem`,
      `certfile ${folder}/server.pem`,
      `keyfile ${folder}/server.key`,
      'require_certificate true',
      'use_identity_as_username true',
      'allow_anonymous false',
      'persistence false',
      'log_dest stderr',
      `user ${process.getuid?.() === 0 ? 'root' : ''}`.trimEnd(),
      '',
    ].join('\n'),
  );
  const child = spawn('mosquitto', ['-c', join(folder, 'mosquitto.conf')], { stdio: ['ignore', 'ignore', 'pipe'] });
  await running(child);
  return {
    port,
    stop: async () => {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
      await rm(folder, { recursive: true });
    },
  };
}

function running(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = '';
    child.on('error', reject);
    child.once('exit', () => reject(new Error(`mosquitto did not start: ${said}`)));
    child.stderr?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (/mosquitto version .* running/.test(said)) resolve();
    });
  });
}
