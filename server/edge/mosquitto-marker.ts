/**
 * Whether an outside broker still has what it was given. After everything retained a new marker is published, retained as
 * well; a broker that comes back with another one, or none, has restarted from an older store or an empty one.
 */
import { randomUUID } from 'node:crypto';
import { markerTopic } from '../core/mosquitto.ts';
import type { Link } from './mosquitto-link.ts';

export type Marker = {
  /** At every new connection, before anything is published. */
  readonly check: (link: Link) => Promise<void>;
  /** The retained marker the broker holds. */
  readonly saw: (text: string) => void;
  /** Something retained was published. */
  readonly move: (link: Link) => void;
};

/** `forgotten` is called again at the next connection where it rejects. */
export function makeMarker(forgotten: () => Promise<void>): Marker {
  /** Null until the first is published: a server that starts publishes everything anyway. */
  let expected: string | null = null;
  let seen: string | null = null;
  let owed = false;
  let writing = false;
  let stale = false;

  const write = async (link: Link): Promise<void> => {
    const text = randomUUID();
    expected = text;
    await link.publish(markerTopic, text, true);
  };

  return {
    check: async (link) => {
      seen = null;
      await link.subscribe([markerTopic]);
      const before = expected;
      // The broker answers in order: a retained marker comes before this is acknowledged.
      await write(link);
      owed ||= before !== null && seen !== before;
      if (!owed) return;
      await forgotten();
      owed = false;
    },
    saw: (text) => {
      seen = text;
    },
    move: (link) => {
      stale = true;
      if (writing) return;
      writing = true;
      const follow = async () => {
        while (stale) {
          stale = false;
          await write(link);
        }
      };
      // A marker that was not published differs from the one expected, so the next connection finds it out.
      follow().then(
        () => {
          writing = false;
        },
        () => {
          writing = false;
        },
      );
    },
  };
}
