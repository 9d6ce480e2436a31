/** The ports of one server, which must all differ. */
import { bad, good, type Result } from '../../protocol/fault.ts';

export type ListenerPorts = {
  readonly https: number;
  readonly mqtt: number;
  /** Null: closed. */
  readonly legacy: number | null;
  /** Null: closed. */
  readonly web: number | null;
};

export const legacyPort = 9997;
/** Of the Web Console. */
export const webPort = 8080;

/** Left out by releases that had no Web Console; null: closed. */
export const webPortOf = ({ webPort: port = webPort }: { readonly webPort?: number | null }): number | null => port;

/** 0 is a port that will be picked. Fault: `ports-collide` with the port and both listeners. */
export function checkPorts({ https, mqtt, legacy, web }: ListenerPorts): Result<null> {
  const all: readonly (readonly [string, number | null])[] = [
    ['HTTPS', https],
    ['MQTT', mqtt],
    ['legacy HTTPS', legacy],
    ['Web Console', web],
  ];
  for (const [index, [one, port]] of all.entries()) {
    const [other] = all.slice(index + 1).find(([, taken]) => taken === port) ?? [];
    if (other !== undefined && port !== null && port !== 0) return bad('ports-collide', { port, one, other });
  }
  return good(null);
}
