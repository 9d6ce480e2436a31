/**
 * One effect to one edge. Disk and local effects are awaited and give their events; the network is only begun here, and its
 * events come from outside through `emit`: a server that hangs must not keep a code from being typed.
 */
import { bad, type Fault, fault, good, type Result } from '../../protocol/fault.ts';
import type { AuditEvent } from '../../protocol/schema.ts';
import type { Identity, KeyRef, Order } from '../core/durable.ts';
import type { Call, Effect, Happening } from '../core/shape.ts';
import type { Clock } from './clock.ts';
import type { Control } from './control.ts';
import { type DeviceKey, isInFile, TokenError } from './device-key.ts';
import type { Disk } from './disk.ts';
import type { AtServer } from './elsewhere.ts';
import type { Issued } from './enrol.ts';
import type { ExportTrust } from './export.ts';
import type { ExportCorporate } from './export-corporate.ts';
import type { Forwarder } from './forward.ts';
import type { Journal } from './journal.ts';
import type { Keys } from './keys.ts';
import type { Launcher } from './launcher.ts';
import type { Mqtt } from './mqtt.ts';
import type { Notify } from './notify.ts';
import type { Judging } from './registration.ts';
import type { Spool } from './spool.ts';
import type { Credentials } from './tls.ts';

type Storage = Omit<Disk, 'read'>;
export type Edges = {
  readonly storage: Storage;
  readonly keys: Keys;
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
  readonly judging: Judging;
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
        return begin(effect.do, () => fetchCorporateBy(effect, edges, withRoom));
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

const callFailed = (call: Call, why: Fault): Happening => ({ type: 'call-failed', call, fault: why });

/** For X.224, TLS and the judgement together. */
const probeTimeoutMs = 10_000;

async function probeBy({ place, request, rules }: Extract<Effect, { do: 'probe' }>): Promise<Happening> {
  try {
    const { probe } = await import('./probe.ts');
    return { type: 'probed', request, outcome: await probe({ place, rules, timeoutMs: probeTimeoutMs }) };
  } catch (error) {
    const why = fault('internal', { what: String(error).slice(0, 200) });
    return { type: 'probed', request, outcome: { at: 'failed', fault: why } };
  }
}

const faultOfThrown = (error: unknown): Fault =>
  error instanceof TokenError ? error.fault : fault('internal', { what: String(error).slice(0, 200) });

type KeyEdges = Pick<Edges, 'storage' | 'keys'>;

async function keyOf(ref: KeyRef, { keys, storage }: KeyEdges): Promise<Result<DeviceKey>> {
  const bytes = await storage.readKey(ref);
  return bytes.ok ? keys.open(ref, bytes.value) : bytes;
}

async function credentialsOf({ key: ref, chain }: Identity, edges: KeyEdges): Promise<Result<Credentials>> {
  const key = await keyOf(ref, edges);
  return key.ok ? good({ key: key.value, chain }) : key;
}

async function enrolBy(
  { key: ref, order, subject }: Extract<Effect, { do: 'enrol' }>,
  edges: Edges,
): Promise<readonly Happening[]> {
  const key = await keyOf(ref, edges);
  if (!key.ok) return [callFailed('enrol', key.fault)];
  const chain = await enrolWith(order, key.value, subject, edges.judging);
  return [chain.ok ? { type: 'enrolled', chain: chain.value } : callFailed('enrol', chain.fault)];
}

/** SCEP is loaded where it is asked for, and gone with the next start. */
async function enrolWith(order: Order, key: DeviceKey, subject: string, judging: Judging) {
  const { enrolment } = order;
  if (enrolment?.protocol === 'scep') {
    const { enrolByScep } = await import('./scep.ts');
    if (!isInFile(key)) return bad('capability-missing', { what: 'RSA' });
    return enrolByScep({ ...enrolment, challenge: enrolment.password }, key, subject, judging);
  }
  const { enrol } = await import('./enrol.ts');
  return enrol(enrolment ? { ...enrolment, invitation: enrolment.user } : order, key, subject, judging);
}

async function callBy(
  effect: Extract<Effect, { do: 'fetch-bundle' | 'confirm-bundle' }>,
  edges: Edges,
): Promise<readonly Happening[]> {
  const { judging } = edges;
  const credentials = await credentialsOf(effect.identity, edges);
  if (!credentials.ok) return [callFailed(effect.do, credentials.fault)];
  const { confirmBundle, fetchBundle } = await import('./registration.ts');
  const { accept, address } = effect;
  const call = effect.do === 'fetch-bundle' ? fetchBundle : confirmBundle;
  const invited = 'invited' in effect ? { invited: effect.invited } : {};
  const outcome = await call({ accept, address, credentials: credentials.value, judging, ...invited });
  if (outcome.at === 'failed') return [callFailed(effect.do, outcome.fault)];
  if (outcome.at === 'presented') return [callFailed(effect.do, fault('fingerprint-mismatch', { address }))];
  return [
    effect.do === 'fetch-bundle'
      ? { type: 'bundle-fetched', bytes: outcome.answer.body }
      : { type: 'bundle-confirmed' },
  ];
}

async function askRotations({
  address,
  from,
}: Extract<Effect, { do: 'fetch-rotations' }>): Promise<readonly Happening[]> {
  const { fetchRotations } = await import('./rotations.ts');
  const fetched = await fetchRotations(address, from);
  return [
    fetched.ok ? { type: 'rotations-fetched', bytes: fetched.value } : callFailed('fetch-rotations', fetched.fault),
  ];
}

async function checkInBy(
  { accept, address, announcedBy, body, do: call, identity }: Extract<Effect, { do: 'checkin' | 'prove' }>,
  edges: Edges,
): Promise<readonly Happening[]> {
  const credentials = await credentialsOf(identity, edges);
  if (!credentials.ok)
    return [call === 'prove' ? nextLost(call, credentials.fault) : callFailed(call, credentials.fault)];
  const announcer = announcedBy ? await credentialsOf(announcedBy, edges) : null;
  if (announcer && !announcer.ok) return [callFailed(call, announcer.fault)];
  const { checkIn } = await import('./checkin.ts');
  const place = { accept, address };
  const announced = announcer && (await announceBy({ ...place, credentials: announcer.value }, credentials.value));
  const known = announced === null || announced.at === 'answered';
  const outcome = known ? await checkIn({ ...place, body, credentials: credentials.value }) : announced;
  if (outcome.at === 'failed') return [callFailed(call, outcome.fault)];
  if (outcome.at === 'presented') return [{ type: 'presented', der: outcome.der, ...(call === 'prove' && { call }) }];
  const { body: bytes, fingerprint } = outcome.answer;
  return [{ type: call === 'prove' ? 'proven' : 'checked-in', fingerprint, bytes }];
}

async function fetchCorporateBy(
  effect: Extract<Effect, { do: 'fetch-corporate' }>,
  edges: Edges,
  withRoom: <T>(write: () => Promise<Result<T>>) => Promise<Result<T>>,
): Promise<readonly Happening[]> {
  const credentials = await credentialsOf(effect.identity, edges);
  if (!credentials.ok) return [callFailed(effect.do, credentials.fault)];
  const { fetchCorporate } = await import('./corporate.ts');
  const fetched = await fetchCorporate({ ...effect, credentials: credentials.value });
  if (!fetched.ok) return [callFailed(effect.do, fetched.fault)];
  const { pkcs8, chain } = fetched.value;
  const key = await withRoom(() => edges.storage.writeKey(pkcs8));
  const { id, order } = effect;
  return [key.ok ? { type: 'corporate-fetched', id, order, key: key.value, chain } : callFailed(effect.do, key.fault)];
}

async function announceBy(server: AtServer, next: Credentials) {
  const { announce } = await import('./elsewhere.ts');
  return announce(server, next);
}

/** What may pass, as a TPM that does not answer, costs no key. */
const nextLost = (call: Call, why: Fault): Happening =>
  why.kind === 'unavailable' ? callFailed(call, why) : { type: 'next-unreadable', fault: why };

async function followBy(
  effect: Extract<Effect, { do: 'renew' | 'enrol-again' }>,
  edges: Edges,
): Promise<readonly Happening[]> {
  const { do: call } = effect;
  const { judging } = edges;
  const key = await keyOf(effect.key, edges);
  if (!key.ok) return [nextLost(call, key.fault)];
  const credentials = effect.do === 'renew' ? await credentialsOf(effect.identity, edges) : null;
  if (credentials && !credentials.ok) return [callFailed(call, credentials.fault)];
  const { accept, address, device } = effect;
  const { enrolAgain, renew } = await import('./enrol.ts');
  const ask = async (): Promise<Issued> => {
    if (effect.do === 'enrol-again') return enrolAgain({ accept, address, device, secret: effect.secret }, key.value);
    if (!credentials) return { at: 'failed', fault: fault('internal') };
    const server = { accept, address, credentials: credentials.value };
    if (!effect.elsewhere) return renew({ ...server, device }, key.value);
    const { enrolElsewhere } = await import('./elsewhere.ts');
    return enrolElsewhere(effect.elsewhere, server, key.value, judging);
  };
  const outcome = await ask();
  if (outcome.at === 'failed') return [callFailed(call, outcome.fault)];
  return [
    outcome.at === 'issued'
      ? { type: 'renewed', key: effect.key, chain: outcome.chain }
      : { type: 'presented', der: outcome.der, call },
  ];
}
