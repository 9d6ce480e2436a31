/** The server as a client of an outside broker: MQTT 5 over mutual TLS, the broker's certificate pinned exactly. */
import { generateKeyPairSync } from 'node:crypto';
import { type ConnectionOptions, connect } from 'node:tls';
import { type IClientOptions, MqttClient } from 'mqtt';
import { toPem } from '../../protocol/certificate.ts';
import type { Instant } from '../../protocol/time.ts';
import { type Endpoint, serviceName } from '../core/mosquitto.ts';
import { type Authority, issueDevice } from './authority.ts';

export type Credentials = { readonly cert: string; readonly key: string };
export type Door = {
  readonly endpoint: Endpoint;
  readonly credentials: Credentials;
  /** PEM of the certificates the broker may show, nothing else: exact ones, no authorities. */
  readonly accepted: () => readonly string[];
};
export type LinkOptions = {
  readonly door: Door;
  readonly clientId: string;
  /** Whether the broker keeps subscriptions and messages while the link is down. */
  readonly lasting: boolean;
  readonly connected: (link: Link) => Promise<void>;
  /** Resolves to whether the message is to be acknowledged; otherwise the link starts again and gets it again. */
  readonly heard?: (topic: string, payload: Uint8Array, retained: boolean) => Promise<boolean>;
  readonly failed: (error: Error) => void;
};
export type Link = {
  readonly isUp: () => boolean;
  /** QoS 1. Rejects while the link is down, after `answerTimeoutMs`, and where the broker does not allow it. */
  readonly publish: (topic: string, payload: string | Uint8Array, retain: boolean) => Promise<void>;
  readonly subscribe: (filters: readonly string[]) => Promise<void>;
  readonly close: () => Promise<void>;
};

const reconnectMs = 1000;
const connectTimeoutMs = 10_000;
const answerTimeoutMs = 30_000;
const keepAliveSeconds = 30;
/** For ever (MQTT 5 §3.1.2.11.2): what devices say while the server is away is kept, however long that is. */
const foreverSeconds = 0xffff_ffff;
const serviceDays = 397;

/** The server's own client certificate, new at every start. */
export async function makeCredentials(authority: Authority, now: Instant): Promise<Credentials> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const publicKeyDer = publicKey.export({ format: 'der', type: 'spki' });
  const { chainDer } = await issueDevice(authority, { publicKeyDer, deviceId: serviceName, days: serviceDays, now });
  return {
    cert: chainDer.map((der) => toPem(der)).join(''),
    key: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
  };
}

/** Connects for ever: a link that is lost comes back by itself. */
export function openLink({ door, clientId, lasting, connected, heard, failed }: LinkOptions): Link {
  const options: IClientOptions = {
    clientId,
    protocolVersion: 5,
    clean: !lasting,
    keepalive: keepAliveSeconds,
    reconnectPeriod: reconnectMs,
    connectTimeout: connectTimeoutMs,
    resubscribe: false,
    queueQoSZero: false,
    properties: { sessionExpiryInterval: lasting ? foreverSeconds : 0 },
  };
  const client = new MqttClient(() => connect(secured(door)), options);
  const link: Link = {
    isUp: () => client.connected,
    publish: async (topic, payload, retain) => {
      if (!client.connected) throw new Error('no connection to the broker');
      await within(client.publishAsync(topic, Buffer.from(payload), { qos: 1, retain }));
    },
    subscribe: async (filters) => {
      await within(client.subscribeAsync([...filters], { qos: 1, nl: true }));
    },
    close: () => client.endAsync(true),
  };
  client.on('error', failed);
  // What was on its way is the caller's to send again; sent by itself it would come before the marker is looked at.
  client.on('close', () => {
    for (const id of Object.keys(client.outgoing)) client.removeOutgoingMessage(Number(id));
  });
  client.on('connect', () => {
    connected(link).catch((error: Error) => {
      failed(error);
      client.stream.destroy();
    });
  });
  client.handleMessage = ({ topic, payload, retain }, done) => {
    const stream = client.stream;
    const bytes = Buffer.from(payload);
    Promise.resolve(heard ? heard(topic, bytes, retain) : true).then(
      (kept) => (kept ? done() : stream.destroy()),
      (error: Error) => {
        failed(error);
        stream.destroy();
      },
    );
  };
  return link;
}

/**
 * Takes the connection of a client id away (MQTT 3.1.1 §3.1.4) and leaves at once. With `forget` its session goes too:
 * subscriptions and what waited for it.
 */
export async function takeOver(door: Door, clientId: string, forget: boolean): Promise<void> {
  const client = new MqttClient(() => connect(secured(door)), {
    clientId,
    protocolVersion: 4,
    clean: forget,
    reconnectPeriod: 0,
    connectTimeout: connectTimeoutMs,
  });
  try {
    await new Promise<void>((resolve, reject) => {
      client.once('connect', () => resolve());
      client.once('error', reject);
      client.once('close', () => reject(new Error('no connection to the broker')));
    });
    await client.endAsync();
  } finally {
    client.on('error', () => {});
    client.end(true);
  }
}

/** The accepted certificates are anchors themselves (RFC 5280 §6.1 starts there), so the name says nothing more. */
const secured = ({ endpoint, credentials, accepted }: Door): ConnectionOptions => ({
  ...endpoint,
  ...credentials,
  ca: [...accepted()],
  allowPartialTrustChain: true,
  minVersion: 'TLSv1.2',
  checkServerIdentity: () => undefined,
});

async function within<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('the broker does not answer')), answerTimeoutMs);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
