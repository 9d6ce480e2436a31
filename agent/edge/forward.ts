/**
 * The line to the log server: TLS with the certificate of the device, the server judged by what counts for `log` before the
 * first byte, then both logs. One connection at a time, no reconnects of its own: the core decides them.
 */
import { hostname } from 'node:os';
import { type Fault, fault } from '../../protocol/fault.ts';
import type { Place } from '../../protocol/target.ts';
import type { Happening, Probed, Rules } from '../core/shape.ts';
import type { Pump } from './forward-pump.ts';
import type { Logs, Sent } from './logs.ts';
import type { Credentials } from './tls.ts';
import { makeTurns } from './turns.ts';

export type ForwardOrder = {
  readonly connection: number;
  readonly place: Place;
  readonly rules: Rules;
  readonly credentials: Credentials | null;
  readonly device: string | null;
};
export type Forwarder = {
  /** Ends in `forwarding` or `forward-ended`; ends any connection before it. */
  readonly forward: (order: ForwardOrder) => Promise<void>;
  /** At once, without another byte; no `forward-ended` follows. */
  readonly stop: () => void;
  /** In order, within `limitMs`, so that nothing is sent twice. */
  readonly leave: (limitMs: number) => Promise<void>;
};

const handshakeTimeoutMs = 20_000;
/** Where it is sent from is kept at most as often, and the count told. */
const keepEveryMs = 2000;
const countEveryMs = 1000;

export function openForwarder(logs: Logs, emit: (happening: Happening) => void): Forwarder {
  let wanted = 0;
  let pump: Pump | null = null;
  let from: Sent = logs.sent;
  let kept: Sent = logs.sent;
  let keeping: NodeJS.Timeout | undefined;
  let counting = false;
  const inTurn = makeTurns();
  let told = { unsent: 0, dropped: 0 };

  const keep = (): Promise<unknown> => {
    clearTimeout(keeping);
    keeping = undefined;
    return inTurn(async () => {
      if (kept.event === from.event && kept.audit === from.audit) return;
      kept = from;
      // What cannot be kept is sent again after a start: twice is better than never.
      await logs.keepSent(from);
    });
  };
  const count = (): void => {
    counting = false;
    const unsent = logs.event.unsent() + logs.audit.unsent();
    const dropped = logs.event.dropped() + logs.audit.dropped();
    if (unsent === told.unsent && dropped === told.dropped) return;
    told = { unsent, dropped };
    emit({ type: 'log-counted', unsent, dropped });
  };
  const changed = (): void => {
    pump?.wake();
    if (!counting) setTimeout(count, countEveryMs).unref();
    counting = true;
  };
  const drop = (): void => {
    const old = pump;
    pump = null;
    old?.stop();
  };
  /** At most one `forward-ended` a connection, and none for one that was stopped or replaced. */
  const end = (connection: number, why: Fault, shown: Probed | null): void => {
    if (wanted !== connection) return;
    wanted = 0;
    pump = null;
    emit({ type: 'forward-ended', connection, fault: why, shown });
  };

  const begin = async ({ connection, credentials, device, place, rules }: ForwardOrder): Promise<void> => {
    const [{ shakeHands }, { judgeShown }, { startPump }] = await load();
    const address = place.text;
    const secured = await shakeHands({ address, credentials, carrier: null, timeoutMs: handshakeTimeoutMs });
    const shown =
      secured.at === 'secured'
        ? await judgeShown(secured.chain, secured.protocol, rules)
        : secured.shown.length > 0
          ? await judgeShown(secured.shown, 'TLSv1.2', rules)
          : null;
    const refused = shown?.at === 'shown' && !shown.verdict.trusted ? shown.verdict.fault : null;
    if (secured.at === 'failed') return end(connection, refused ?? secured.fault, refused && shown);
    if (wanted !== connection || refused) {
      secured.socket.destroy();
      if (refused) end(connection, refused, shown);
      return;
    }
    if (secured.socket.destroyed) return end(connection, fault('server-refused', { address }), null);
    emit({ type: 'forwarding', connection });
    pump = startPump({
      socket: secured.socket,
      address,
      withIdentity: credentials !== null,
      logs,
      from,
      device: device ?? hostname(),
      moved: (next) => {
        from = next;
        keeping ??= setTimeout(() => void keep(), keepEveryMs).unref();
        changed();
      },
      ended: (why, next) => {
        from = next;
        void keep();
        changed();
        if (why) end(connection, why, null);
      },
    });
  };

  return {
    forward: async (order) => {
      drop();
      wanted = order.connection;
      logs.event.listen(changed);
      logs.audit.listen(changed);
      changed();
      try {
        await begin(order);
      } catch (error) {
        end(order.connection, fault('internal', { what: String(error).slice(0, 200) }), null);
      }
    },
    stop: () => {
      wanted = 0;
      drop();
    },
    leave: async (limitMs) => {
      wanted = 0;
      await logs.sync();
      await pump?.leave(limitMs);
      await keep();
    },
  };
}

/** Loaded at the first log server there is. */
const load = () => Promise.all([import('./tls.ts'), import('./probe.ts'), import('./forward-pump.ts')]);
