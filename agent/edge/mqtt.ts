/**
 * MQTT 3.1.1 (what is used exists in 5 too) over a connection that `tls.ts` has judged. One connection at a time, no
 * reconnects of its own: the core decides them. A message is acknowledged (PUBACK) only by `acknowledge`, and the next one
 * is not read before that; `disconnect` destroys the socket without it, so that the broker sends the message again.
 */
import type { TLSSocket } from 'node:tls';
import type { MqttClient as Client, IPublishPacket } from 'mqtt';
import { type Fault, fault } from '../../protocol/fault.ts';
import { deviceLeafTopic } from '../../protocol/topics.ts';
import type { Happening } from '../core/shape.ts';
import { connackFault, makeFrameGuard } from './mqtt-frames.ts';
import type { Credentials, faultOfSocket, openTls } from './tls.ts';

export type ConnectOrder = {
  readonly connection: number;
  readonly address: string;
  readonly device: string;
  readonly credentials: Credentials;
  readonly accept: readonly string[];
  readonly topics: readonly string[];
};
export type PublishOrder = {
  readonly connection: number;
  readonly topic: string;
  readonly payload: string;
  readonly retain: boolean;
  readonly token: number;
};
export type Mqtt = {
  /** Ends in `connected`, `presented` or `closed`; ends any connection before it. */
  readonly connect: (order: ConnectOrder) => Promise<void>;
  readonly disconnect: (connection: number) => void;
  readonly acknowledge: (connection: number, ticket: number) => void;
  readonly publish: (order: PublishOrder) => void;
  /** Publishes presence offline and leaves politely, within `limitMs`. */
  readonly leave: (limitMs: number) => Promise<void>;
};

type Line = {
  readonly order: ConnectOrder;
  readonly client: Client;
  readonly socket: TLSSocket;
  /** Deliveries that wait for `acknowledge`. */
  readonly waiting: Map<number, () => void>;
};

export const offline = '{"format":1,"at":"offline"}';
const handshakeTimeoutMs = 20_000;
const connackTimeoutMs = 20_000;
const keepaliveS = 60;
const maxEarly = 64;
const maxEarlyBytes = 4 * 1024 * 1024;

export function openMqtt(emit: (happening: Happening) => void): Mqtt {
  let wanted = 0;
  let line: Line | null = null;
  let tickets = 0;

  const on = (connection: number): Line | null => (line?.order.connection === connection ? line : null);
  const drop = (): void => {
    const old = line;
    line = null;
    old?.waiting.clear();
    old?.socket.destroy();
  };
  /** At most one `closed` a connection, and none for one that `disconnect` ended or a newer one replaced. */
  const close = (connection: number, why: Fault): void => {
    if (wanted !== connection) return;
    wanted = 0;
    drop();
    emit({ type: 'closed', connection, fault: why });
  };

  const begin = (
    order: ConnectOrder,
    socket: TLSSocket,
    fingerprint: string,
    { client: library, faultOfSocket, sendPuback }: Library,
  ): void => {
    const { address, connection, device, topics } = order;
    const current = (): boolean => wanted === connection;
    const guard = makeFrameGuard();
    // Before the library's own listener: what the guard refuses must not be collected.
    socket.on('data', (chunk: Uint8Array) => {
      const judged = guard(chunk);
      if (!judged.ok) close(connection, judged.fault);
    });
    socket.on('error', (error) => close(connection, faultOfSocket(error, address, true)));
    socket.on('close', () => close(connection, fault('server-refused', { address, reason: 'connection closed' })));
    const client = new library(() => socket, {
      protocolVersion: 4,
      clientId: device,
      clean: false,
      keepalive: keepaliveS,
      reconnectPeriod: 0,
      resubscribe: false,
      writeCache: false,
      connectTimeout: connackTimeoutMs,
      will: { topic: deviceLeafTopic(device, 'presence'), payload: Buffer.from(offline), qos: 1, retain: true },
    });
    const waiting = new Map<number, () => void>();
    line = { order, client, socket, waiting };
    client.on('error', (error) =>
      close(connection, faultOfClient(error, address) ?? faultOfSocket(error, address, true)),
    );
    client.on('close', () => close(connection, fault('server-refused', { address, reason: 'connection closed' })));
    /** Messages of the kept session may come before SUBACK; they are told once the core knows of the connection. */
    let early: IPublishPacket[] | null = [];
    let earlyBytes = 0;
    const tell = (packet: IPublishPacket, done: () => void): void => {
      const ticket = ++tickets;
      waiting.set(ticket, done);
      const payload = typeof packet.payload === 'string' ? Buffer.from(packet.payload) : packet.payload;
      emit({ type: 'message', connection, ticket, topic: packet.topic, payload });
    };
    client.handleMessage = (packet, done) => {
      if (!current()) return;
      if (!early) return tell(packet, done);
      early.push(packet);
      earlyBytes += packet.length ?? 0;
      if (early.length > maxEarly || earlyBytes > maxEarlyBytes)
        return close(connection, fault('too-large', { limit: maxEarlyBytes }));
      // With an error the library reads on and sends no PUBACK; ours goes out with `acknowledge`.
      done(new Error('not yet'));
    };
    // We subscribe with QoS 1: a broker sends nothing above it (MQTT 3.1.1 §3.8.4).
    client.on('packetreceive', (packet) => {
      if (packet.cmd === 'publish' && packet.qos === 2)
        close(connection, fault('server-answer', { status: 'mqtt qos' }));
    });
    client.once('connect', () => {
      client.subscribe([...topics], { qos: 1 }, (error, granted) => {
        if (!current()) return;
        const denied = granted?.find((grant) => grant.qos === 128);
        if (error || denied) {
          close(connection, fault('server-refused', { address, reason: `subscribe ${denied?.topic ?? ''}`.trim() }));
          return;
        }
        emit({ type: 'connected', connection, fingerprint });
        const kept = early ?? [];
        early = null;
        for (const packet of kept) tell(packet, () => sendPuback(packet, socket));
      });
    });
  };

  return {
    connect: async (order) => {
      wanted = order.connection;
      drop();
      const library = await loadLibrary();
      const { address, accept, credentials, connection } = order;
      const opened = await library.openTls({
        address,
        accept,
        credentials,
        authority: null,
        timeoutMs: handshakeTimeoutMs,
      });
      if (wanted !== connection) {
        if (opened.at === 'open') opened.socket.destroy();
        return;
      }
      if (opened.at === 'open') return begin(order, opened.socket, opened.fingerprint, library);
      if (opened.at === 'failed') return close(connection, opened.fault);
      wanted = 0;
      emit({ type: 'presented', der: opened.der });
    },
    disconnect: (connection) => {
      if (wanted !== connection) return;
      wanted = 0;
      drop();
    },
    acknowledge: (connection, ticket) => {
      const waiting = on(connection)?.waiting;
      const done = waiting?.get(ticket);
      waiting?.delete(ticket);
      done?.();
    },
    publish: ({ connection, topic, payload, retain, token }) => {
      on(connection)?.client.publish(topic, payload, { qos: 1, retain }, (error) => {
        if (!error && wanted === connection) emit({ type: 'published', connection, token });
      });
    },
    leave: async (limitMs) => {
      const last = line;
      wanted = 0;
      if (last?.client.connected) await farewell(last, limitMs);
      drop();
    },
  };
}

type Library = {
  readonly client: new (build: () => TLSSocket, options: ConstructorParameters<typeof Client>[1]) => Client;
  readonly openTls: typeof openTls;
  readonly faultOfSocket: typeof faultOfSocket;
  readonly sendPuback: (packet: IPublishPacket, socket: TLSSocket) => void;
};

/** Loaded at the first connection: a device that is not registered needs none of it, and start-up does not wait for it. */
async function loadLibrary(): Promise<Library> {
  const [{ default: client }, { writeToStream }, { faultOfSocket, openTls }] = await Promise.all([
    import('mqtt/lib/client'),
    import('mqtt-packet'),
    import('./tls.ts'),
  ]);
  // 64 Ki small buffers, made at the first write otherwise.
  writeToStream.cacheNumbers = false;
  return {
    client: client.default,
    faultOfSocket,
    openTls,
    sendPuback: ({ messageId, qos }, socket) => {
      if (qos === 1 && messageId !== undefined && socket.writable) writeToStream({ cmd: 'puback', messageId }, socket);
    },
  };
}

/** What the library itself says; null for an error of the socket. */
function faultOfClient(error: Error, address: string): Fault | null {
  if (error.message.startsWith('Connection refused') && 'code' in error && typeof error.code === 'number')
    return connackFault(error.code, address);
  if (error.message === 'connack timeout' || /keepalive/i.test(error.message)) return fault('timed-out', { address });
  if ('code' in error && typeof error.code === 'string') return null;
  return fault('server-answer', { status: 'mqtt' });
}

function farewell({ client, order, waiting }: Line, limitMs: number): Promise<void> {
  waiting.clear();
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, limitMs);
    const end = (): void => {
      clearTimeout(timer);
      resolve();
    };
    client.publish(deviceLeafTopic(order.device, 'presence'), offline, { qos: 1, retain: true }, () =>
      client.end(false, end),
    );
  });
}
