/**
 * The broker inside the server: aedes (MQTT 3.1.1) behind mutual TLS. A connection is its certificate's device or nobody;
 * the fleet is asked who that is, and what it reads and says follows `core/access`. What devices say is handed to the
 * fleet before it is acknowledged, so an acknowledged message is a safe one; retained reports are the fleet's to keep.
 */
import type { Duplex } from 'node:stream';
import { createServer, type TLSSocket } from 'node:tls';
import { Aedes, type AuthenticateError, type Client, type PublishPacket } from 'aedes';
import { type Fault, fault } from '../../protocol/fault.ts';
import { instant } from '../../protocol/time.ts';
import { policyTopic } from '../../protocol/topics.ts';
import { mayRead, spokenLeaf } from '../core/access.ts';
import type { Broker, ClientProof, Clock, Fleet, ListenerTls, Log } from '../core/ports.ts';
import { brokerMemory } from './broker-memory.ts';
import {
  type Bounds,
  boundConnections,
  contextOptions,
  defaultBounds,
  handshakeTimeoutMs,
  proofOf,
} from './listener.ts';
import { guardPackets, tooLarge } from './packet-guard.ts';

export type EmbeddedBrokerOptions = {
  readonly fleet: Fleet;
  readonly tls: ListenerTls;
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly log: Log;
  readonly clock?: Clock;
  readonly bounds?: Bounds;
};

/** One connection. `id` is empty until the fleet has said whose certificate it is. */
type Session = {
  readonly proof: ClientProof;
  readonly stream: Duplex;
  id: string;
  group: string | null;
  will: { readonly topic: string; readonly qos: number } | null;
  /** What the device says is received one after the other. */
  turn: Promise<void>;
};

/** What Node names the certificate of a client whose time is over. */
const expired = 'CERT_HAS_EXPIRED';
const connectTimeoutMs = 10_000;
const maxKeepAliveSeconds = 600;
/** A policy of 1 MiB on a line of 64 kbit/s takes three minutes. */
const drainTimeoutMs = 300_000;
/** What may wait for a slow reader: two full policies. */
const maxWaitingBytes = 4 * 1024 * 1024;
/** How the library and we end connections that did nothing wrong. */
const passing =
  /^(keep alive timeout|connect did not arrive in time|drain timeout|connection closed|Client queue limit reached|reads too slowly|not kept)$/;
/** CONNACK return codes, MQTT 3.1.1 §3.2.2.3. */
const refused = { identifier: 2, unavailable: 3, notAuthorized: 5 } as const;

/** Listens; rejects where the port cannot be had. */
export async function embeddedBroker(options: EmbeddedBrokerOptions): Promise<Broker> {
  const { fleet, host, port, log, clock = () => instant(Date.now()) } = options;
  const sessions = new WeakMap<Client, Session>();
  const live = new Map<Client, Session>();
  const memory = brokerMemory();
  /** Rises with every change of access: an answer of the fleet from before it is asked for again. */
  let changes = 0;

  const aedes = await Aedes.createBroker({
    persistence: memory,
    concurrency: 0,
    connectTimeout: connectTimeoutMs,
    keepaliveLimit: maxKeepAliveSeconds,
    drainTimeout: drainTimeoutMs,
    preConnect: (client, { will }, done) => {
      const session = sessions.get(client);
      if (session) session.will = will ? { topic: will.topic, qos: will.qos ?? 0 } : null;
      done(null, session !== undefined);
    },
    authenticate: (client, _username, _password, done) => {
      admit(client).then(
        (code) => done(code === 0 ? null : refusal(code), code === 0),
        (error) => {
          log('error', 'device not admitted', { error: String(error).slice(0, 300) });
          done(refusal(refused.unavailable), false);
        },
      );
    },
    authorizePublish: (client, packet, done) => {
      hear(client, packet).then(
        () => done(),
        (error) => done(error),
      );
    },
    authorizeSubscribe: (client, subscription, done) => {
      const session = sessions.get(client);
      const allowed = session !== undefined && mayRead(session, subscription.topic);
      if (!allowed) void fleet.refused(session?.id || null, 'MQTT', fault('not-allowed', { what: subscription.topic }));
      done(null, allowed ? subscription : null);
    },
    authorizeForward: (client, packet) => {
      const session = sessions.get(client);
      if (!session || !mayRead(session, packet.topic)) return null;
      if (session.stream.writableLength <= maxWaitingBytes) return packet;
      session.stream.destroy(new Error('reads too slowly'));
      return null;
    },
  });
  for (const event of ['clientError', 'connectionError'] as const)
    aedes.on(event, (client, error) => {
      const session = sessions.get(client);
      const why = refusalOf(error);
      const name = session?.proof.commonName.slice(0, 100) ?? '';
      if (why) void fleet.refused(session?.id || null, 'MQTT', { ...why, facts: { ...why.facts, name } });
      else log('info', 'device connection lost', factsOf(session, error));
    });

  async function admit(client: Client): Promise<number> {
    const session = sessions.get(client);
    if (!session) return refused.notAuthorized;
    for (let asked = -1; asked !== changes; ) {
      asked = changes;
      const device = await fleet.deviceOf(session.proof);
      session.id = device.ok ? device.value : '';
      session.group = device.ok ? await fleet.groupOf(device.value) : null;
    }
    if (session.id === '' || session.group === null) return refused.notAuthorized;
    if (client.id !== session.id) return refused.identifier;
    const { will } = session;
    return will && (spokenLeaf(session, will.topic) !== 'presence' || will.qos === 2) ? refused.notAuthorized : 0;
  }

  /** Rejects where the connection has to end: a topic of others, or a fleet that cannot take the message now. */
  function hear(client: Client | null, packet: PublishPacket): Promise<void> {
    const session = client ? sessions.get(client) : undefined;
    const leaf = session ? spokenLeaf(session, packet.topic) : null;
    if (!session || !leaf || packet.qos === 2)
      return Promise.reject(new Error(`no place to publish: ${packet.topic.slice(0, 200)}`));
    packet.retain = false;
    const turn = session.turn.then(async () => {
      const received = await fleet.receive(session.id, leaf, Buffer.from(packet.payload));
      if (received.ok) return;
      log('warn', 'message refused', { device: session.id, leaf, code: received.fault.code });
      if (received.fault.kind !== 'rejected') throw new Error('not kept');
    });
    session.turn = turn.catch(() => {});
    return turn;
  }

  const server = createServer({
    ...contextOptions(options.tls),
    requestCert: true,
    rejectUnauthorized: true,
    handshakeTimeout: handshakeTimeoutMs,
  });
  const connections = boundConnections(server, options.bounds ?? defaultBounds, log);
  server.on('tlsClientError', (error, { authorizationError }) => {
    // Who shows no certificate only looks, as our own probes do.
    const reason = authorizationError ? String(authorizationError) : '';
    if (reason === '') log('info', 'handshake failed', { error: String(error).slice(0, 200) });
    else void fleet.refused(null, 'MQTT', fault(reason === expired ? 'expired' : 'identity-refused', { reason }));
  });
  server.on('secureConnection', (socket: TLSSocket) => {
    const proof = proofOf(socket, clock());
    if (!proof.ok) {
      void fleet.refused(null, 'MQTT', proof.fault);
      socket.destroy();
      return;
    }
    const stream = guardPackets(socket);
    const client = aedes.handle(stream);
    const session = { proof: proof.value, stream, id: '', group: null, will: null, turn: Promise.resolve() };
    sessions.set(client, session);
    live.set(client, session);
    stream.once('close', () => live.delete(client));
  });

  const sessionsOf = (device: string) => [...live].filter(([, session]) => session.id === device);

  const disconnect = async (device: string): Promise<void> => {
    changes++;
    for (const [, session] of sessionsOf(device)) session.stream.destroy();
  };

  const endBroker = () => new Promise<void>((resolve) => aedes.close(resolve));
  const bound = await listen(server, host, port).catch(async (error) => {
    await endBroker();
    throw error;
  });
  return {
    port: bound,
    publish: async (topic, payload, retain) => {
      aedes.publish({ cmd: 'publish', topic, payload: Buffer.from(payload), qos: 1, retain, dup: false }, (error) => {
        if (error) log('error', 'publish failed', { topic, error: String(error).slice(0, 200) });
      });
    },
    refresh: async (devices) => {
      changes++;
      for (const { id, group } of devices) {
        for (const [client, session] of sessionsOf(id)) {
          const left = session.group;
          session.group = group;
          if (group === null) session.stream.destroy();
          else if (left !== null && left !== group) unsubscribe(client, policyTopic(left));
        }
        if (group === null) memory.forget(id);
      }
    },
    disconnect,
    setTls: async (tls) => server.setSecureContext(contextOptions(tls)),
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      connections.end();
      await endBroker();
      await closed;
    },
  };
}

const refusal = (returnCode: number): AuthenticateError =>
  Object.assign(new Error('not admitted'), { returnCode }) as AuthenticateError;

/** Delivery is stopped by `authorizeForward` already; this frees the subscription. aedes calls back in any case. */
const unsubscribe = (client: Client, topic: string): void =>
  client.unsubscribe({ cmd: 'unsubscribe', unsubscriptions: [topic] }, () => {});

/** What a device sent that is wrong; null where a connection only ended. */
function refusalOf(error: Error & { readonly code?: string; readonly errorCode?: number }): Fault | null {
  const { code, errorCode, message } = error;
  if (code !== undefined || errorCode === refused.unavailable || passing.test(message)) return null;
  if (errorCode !== undefined) return fault('identity-refused', { reason: message });
  return message === tooLarge
    ? fault('too-large', { what: 'MQTT' })
    : fault('bad-shape', { what: 'MQTT', reason: message });
}

const factsOf = (session: Session | undefined, error: Error) => ({
  device: session?.id || session?.proof.commonName.slice(0, 100) || '',
  error: error.message.slice(0, 200),
});

function listen(server: ReturnType<typeof createServer>, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      const bound = server.address();
      resolve(typeof bound === 'object' && bound ? bound.port : port);
    });
  });
}
