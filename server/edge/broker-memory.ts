/**
 * What the embedded broker remembers, in memory: the retained documents, which the server publishes again at every
 * start, and for each device with a persistent session the commands it has not acknowledged. Nothing else is queued:
 * devices subscribe at every connect, and a retained document comes with the subscription. Written for aedes, which asks
 * for a persistence of this form; devices use no wildcards and no QoS 2, so topics are looked up as they are.
 */
import { Readable } from 'node:stream';
import { deviceLeafTopic, parseTopic } from '../../protocol/topics.ts';

type Remembered = {
  readonly topic: string;
  readonly payload: string | Uint8Array;
  readonly retain: boolean;
  readonly brokerId?: string;
  readonly brokerCounter?: number;
  messageId?: number | undefined;
};
type Subscriber = { readonly clientId: string; readonly topic: string; readonly qos: number };
type Named = { readonly id: string };
type Filter = { readonly topic: string; readonly qos: number };

/** Commands kept for a device that is away; beyond it the oldest goes. Commands expire, and the fleet sends them again. */
const maxQueued = 32;

export function brokerMemory() {
  const retained = new Map<string, Remembered>();
  const queues = new Map<string, Remembered[]>();

  return {
    /** A removed device leaves nothing behind. */
    forget: (device: string): void => {
      queues.delete(device);
    },

    setup: async (): Promise<void> => {},
    storeRetained: async (packet: Remembered): Promise<void> => {
      if (packet.payload.length === 0) retained.delete(packet.topic);
      else retained.set(packet.topic, { ...packet });
    },
    createRetainedStreamCombi: (topics: readonly string[]): Readable =>
      Readable.from(topics.flatMap((topic) => retained.get(topic) ?? [])),

    addSubscriptions: async ({ id }: Named, filters: readonly Filter[]): Promise<void> => {
      if (filters.some(({ topic, qos }) => qos > 0 && topic === commandsOf(id)) && !queues.has(id)) queues.set(id, []);
    },
    removeSubscriptions: async ({ id }: Named, topics: readonly string[]): Promise<void> => {
      if (topics.includes(commandsOf(id))) queues.delete(id);
    },
    cleanSubscriptions: async ({ id }: Named): Promise<void> => {
      queues.delete(id);
    },
    subscriptionsByClient: async ({ id }: Named): Promise<readonly Filter[]> =>
      queues.has(id) ? [{ topic: commandsOf(id), qos: 1 }] : [],
    subscriptionsByTopic: async (topic: string): Promise<readonly Subscriber[]> => {
      const parsed = parseTopic(topic);
      return parsed?.leaf === 'command' && queues.has(parsed.id) ? [{ clientId: parsed.id, topic, qos: 1 }] : [];
    },

    outgoingEnqueueCombi: async (subscribers: readonly Subscriber[], packet: Remembered): Promise<void> => {
      for (const { clientId } of subscribers) {
        const queue = queues.get(clientId) ?? [];
        queue.push({ ...packet });
        if (queue.length > maxQueued) queue.shift();
      }
    },
    /** Which number a queued packet travels under now; packets that are not queued have none to keep. */
    outgoingUpdate: async ({ id }: Named, packet: Remembered): Promise<void> => {
      const queued = queues.get(id)?.find((kept) => kept.brokerCounter === packet.brokerCounter);
      if (queued) queued.messageId = packet.messageId;
    },
    outgoingClearMessageId: async ({ id }: Named, { messageId }: Remembered): Promise<Remembered | undefined> => {
      const queue = queues.get(id) ?? [];
      const index = messageId === undefined ? -1 : queue.findIndex((kept) => kept.messageId === messageId);
      return index < 0 ? undefined : queue.splice(index, 1)[0];
    },
    outgoingStream: ({ id }: Named): Readable => Readable.from([...(queues.get(id) ?? [])]),

    /** QoS 2 is refused before it gets here; a stray PUBREL has nothing to release. */
    incomingStorePacket: async (): Promise<void> => {},
    incomingGetPacket: (): Promise<never> => Promise.reject(new Error('no such packet')),
    incomingDelPacket: (): Promise<never> => Promise.reject(new Error('no such packet')),

    /** Wills die with the process that holds them: there is no other broker to publish them. */
    putWill: async (): Promise<void> => {},
    delWill: async (): Promise<void> => {},
    streamWill: (): Readable => Readable.from([]),
  };
}

const commandsOf = (device: string): string => deviceLeafTopic(device, 'command');
