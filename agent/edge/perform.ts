/**
 * One effect to one edge. Disk and local effects are awaited and give their events; the network is only begun here, and its
 * events come from outside through `emit`: a server that hangs must not keep a code from being typed.
 */
import { good, type Result } from '../../protocol/fault.ts';
import type { AuditEvent } from '../../protocol/schema.ts';
import type { Call, Effect, Happening } from '../core/shape.ts';
import {
  askRotations,
  type CallEdges,
  callBy,
  callFailed,
  checkInBy,
  credentialsOf,
  enrolBy,
  faultOfThrown,
  fetchCorporateBy,
  followBy,
  probeBy,
} from './calls.ts';
import type { Clock } from './clock.ts';
import type { Control } from './control.ts';
import type { Disk } from './disk.ts';
import type { ExportTrust } from './export.ts';
import type { ExportCorporate } from './export-corporate.ts';
import type { Forwarder } from './forward.ts';
import type { Journal } from './journal.ts';
import type { Launcher } from './launcher.ts';
import type { Mqtt } from './mqtt.ts';
import type { Notify } from './notify.ts';
import type { Spool } from './spool.ts';

type Storage = Omit<Disk, 'read'>;
export type Edges = CallEdges & {
  readonly storage: Storage;
  readonly spool: Pick<Spool, 'append' | 'read' | 'drop'>;
  readonly logs: {
    readonly audited: (event: AuditEvent) => Promise<Result<null>>;
    readonly giveWay: () => Promise<boolean>;
  };
  readonly forwarder: Pick<Forwarder, 'forward' | 'stop'>;
  readonly exportTrust: ExportTrust;
  readonly exportCorporate: ExportCorporate;
  readonly mqtt: Mqtt;
  readonly control: Pick<Control, 'show' | 'answer'>;
  readonly notify: Notify;
  readonly journal: Journal;
  readonly setClock: Clock['set'];
  readonly launch: Launcher;
  readonly emit: (happening: Happening) => void;
};
export type Perform = (effect: Effect) => Promise<readonly Happening[]>;

const nothing: readonly Happening[] = [];

/** The loop performs `wake` itself. */
export function openPerform(edges: Edges): Perform {
  const { control, emit, journal, logs, mqtt, notify, spool, storage } = edges;
  const begin = (call: Call, run: () => Promise<readonly Happening[]>): readonly Happening[] => {
    run().then(
      (happenings) => happenings.forEach(emit),
      (error) => emit(callFailed(call, faultOfThrown(error))),
    );
    return nothing;
  };
  /** Logs give way before certificates and counters do (F12). */
  const withRoom = async <T>(write: () => Promise<Result<T>>): Promise<Result<T>> => {
    const done = await write();
    return !done.ok && done.fault.code === 'disk-full' && (await logs.giveWay()) ? write() : done;
  };
  /** Audit events give way before trust does: a spool that cannot be written is told, and stops nothing. */
  const warn = (done: Result<null>): void => {
    if (!done.ok) journal('warning', 'an audit event could not be kept', done.fault);
  };
  return async (effect) => {
    switch (effect.do) {
      case 'persist': {
        const done = await withRoom(() => storage.persist(effect.number, effect.objects, effect.keys, effect.forget));
        const { number } = effect;
        return [done.ok ? { type: 'persisted', number } : { type: 'persist-failed', number, fault: done.fault }];
      }
      case 'count': {
        const done = await withRoom(() => storage.count(effect.counters));
        return [done.ok ? { type: 'counted' } : { type: 'count-failed', fault: done.fault }];
      }
      case 'export': {
        const done = await edges.exportTrust(effect.certificates);
        return done.ok ? nothing : [{ type: 'export-failed', fault: done.fault }];
      }
      case 'export-corporate': {
        const done = await edges.exportCorporate(effect.certificates);
        return done.ok ? nothing : [{ type: 'export-failed', fault: done.fault }];
      }
      case 'fetch-corporate':
        return begin(effect.do, () =>
          fetchCorporateBy(effect, edges, (pkcs8) => withRoom(() => storage.writeKey(pkcs8))),
        );
      case 'make-key': {
        const made = await edges.keys.make(effect.kind ?? 'P-256');
        if (!made.ok) return [{ type: 'key-failed', fault: made.fault }];
        const { bytes, kind } = made.value;
        const written = await withRoom(() => storage.writeKey(bytes, kind));
        return [written.ok ? { type: 'key-made', key: written.value } : { type: 'key-failed', fault: written.fault }];
      }
      case 'enrol':
        return begin('enrol', () => enrolBy(effect, edges));
      case 'fetch-bundle':
      case 'confirm-bundle':
        return begin(effect.do, () => callBy(effect, edges));
      case 'fetch-rotations':
        return begin(effect.do, () => askRotations(effect));
      case 'checkin':
      case 'prove':
        return begin(effect.do, () => checkInBy(effect, edges));
      case 'renew':
      case 'enrol-again':
        return begin(effect.do, () => followBy(effect, edges));
      case 'connect': {
        const credentials = await credentialsOf(effect.identity, edges);
        if (!credentials.ok) return [{ type: 'closed', connection: effect.connection, fault: credentials.fault }];
        void mqtt.connect({ ...effect, credentials: credentials.value });
        return nothing;
      }
      case 'disconnect':
        mqtt.disconnect(effect.connection);
        return nothing;
      case 'acknowledge':
        mqtt.acknowledge(effect.connection, effect.ticket);
        return nothing;
      case 'publish':
        mqtt.publish(effect);
        return nothing;
      case 'spool':
        for (const done of await Promise.all([spool.append(effect.event), logs.audited(effect.event)])) warn(done);
        return nothing;
      case 'read-events':
        return [{ type: 'events-read', events: await spool.read(effect.above) }];
      case 'drop-events':
        warn(await spool.drop(effect.upTo));
        return nothing;
      case 'probe':
        void probeBy(effect).then(emit);
        return nothing;
      case 'launch':
        void edges.launch(effect);
        return nothing;
      case 'forward': {
        const credentials = effect.identity ? await credentialsOf(effect.identity, edges) : good(null);
        const { connection } = effect;
        if (!credentials.ok) return [{ type: 'forward-ended', connection, fault: credentials.fault, shown: null }];
        void edges.forwarder.forward({ ...effect, credentials: credentials.value });
        return nothing;
      }
      case 'stop-forwarding':
        edges.forwarder.stop();
        return nothing;
      case 'set-clock':
        void edges.setClock(effect.at).then((why) => {
          if (why !== null) journal('warning', `the system clock was not set: ${why}`, null);
        });
        return nothing;
      case 'answer':
        control.answer(effect.request, effect.result);
        return nothing;
      case 'show':
        control.show(effect.status);
        return nothing;
      case 'notify':
        await notify.send(effect.ready, effect.status);
        return nothing;
      case 'log':
        journal(effect.level, effect.text, effect.fault);
        return nothing;
      case 'stop':
        journal('error', 'stopping on a broken invariant', effect.fault);
        return nothing;
      case 'wake':
        return nothing;
    }
  };
}
