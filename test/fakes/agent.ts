/**
 * The core alone, driven synchronously: effects are performed in the loop's order by a disk that never fails and by the
 * administration in memory, unless a test stands in the way. Where the disk itself matters, see `device.ts`.
 */
import { initial, type State, step } from '../../agent/core/agent.ts';
import type { Ask, Effect, Event, Factory, Happening, NamedObject, Now } from '../../agent/core/shape.ts';
import type { AuditEvent, PolicySettings } from '../../protocol/schema.ts';
import { instant } from '../../protocol/time.ts';
import { type Administration, openAdministration, print, serverCertificates, settingsWith } from './administration.ts';
import { generator } from './chance.ts';

export const noon = instant(Date.parse('2026-11-22T12:00:00Z'));
export const built = instant(Date.parse('2026-06-01T00:00:00Z'));
export const keyDigest = '1'.repeat(64);

export type Bench = {
  readonly server: Administration;
  /** Device and server share the monotonic clock; the wall clock of the device is off by `wallErrorMs`. */
  readonly time: { uptimeMs: number; wallErrorMs: number; synced: boolean };
  state: State;
  readonly spool: Map<number, AuditEvent>;
  readonly effects: Effect[];
  /** What stands on the disk. */
  objects: readonly NamedObject[];
  counters: Uint8Array | null;
  /** Stands in the way of an effect: gives what it leads to instead. */
  instead: (effect: Effect) => readonly Happening[] | null;
  /** Sees every decision. */
  watch: (before: State, event: Event, after: State, effects: readonly Effect[]) => void;
};

const maxDecisions = 2000;

export function openBench(): Bench {
  const time = { uptimeMs: 0, wallErrorMs: 0, synced: false };
  const server = openAdministration(() => instant(noon + time.uptimeMs));
  return {
    server,
    time,
    state: initial,
    spool: new Map(),
    effects: [],
    objects: [],
    counters: null,
    instead: () => null,
    watch: () => {},
  };
}

export const nowOf = ({ time }: Bench, random: number = 0.5): Now => ({
  wall: instant(noon + time.uptimeMs + time.wallErrorMs),
  uptimeMs: time.uptimeMs,
  synced: time.synced,
  random,
  nonce: time.uptimeMs.toString(16).padStart(32, '0'),
});

/** Decides an event and all that follows from it without time passing. Gives the effects of it all. */
export function send(bench: Bench, ...happenings: readonly Happening[]): readonly Effect[] {
  const from = bench.effects.length;
  let inner: Happening[] = [];
  const outer = [...happenings];
  for (let decisions = 0; inner.length + outer.length > 0; decisions++) {
    if (decisions > maxDecisions) throw new Error('the agent does not come to rest');
    const happening = inner.shift() ?? outer.shift();
    if (!happening) break;
    const event: Event = { ...happening, now: nowOf(bench) };
    const next = step(bench.state, event);
    bench.watch(bench.state, event, next.state, next.effects);
    bench.state = next.state;
    const given: Happening[] = [];
    for (const effect of next.effects) {
      bench.effects.push(effect);
      const stood = bench.instead(effect);
      const network = stood ? null : bench.server.perform(effect);
      if (network) outer.push(...network);
      else given.push(...(stood ?? performLocal(bench, effect)));
    }
    inner = [...given, ...inner];
  }
  return bench.effects.slice(from);
}

function performLocal(bench: Bench, effect: Effect): readonly Happening[] {
  switch (effect.do) {
    case 'persist':
      bench.objects = effect.objects;
      return [{ type: 'persisted', number: effect.number }];
    case 'count':
      bench.counters = Buffer.from(JSON.stringify(effect.counters));
      return [{ type: 'counted' }];
    case 'make-key':
      return [{ type: 'key-made', key: { kind: 'file', sha256: nextKeyDigest(bench) } }];
    case 'spool':
      bench.spool.set(effect.event.seq, effect.event);
      return [];
    case 'read-events':
      return [{ type: 'events-read', events: [...bench.spool.values()].filter(({ seq }) => seq > effect.above) }];
    case 'drop-events':
      for (const seq of bench.spool.keys()) if (seq <= effect.upTo) bench.spool.delete(seq);
      return [];
    default:
      return [];
  }
}

/** The first is `keyDigest`; one after the other they differ. */
const nextKeyDigest = ({ effects }: Bench): string =>
  effects
    .filter((effect) => effect.do === 'make-key')
    .length.toString(16)
    .padStart(64, keyDigest);

/** Power on, with what stands on the disk. */
export function start(
  bench: Bench,
  more: { readonly hardware?: string; readonly factory?: Factory } = {},
): readonly Effect[] {
  bench.state = initial;
  bench.server.state.connection = null;
  const number = Math.max(0, ...bench.effects.map((each) => (each.do === 'persist' ? each.number : 0)));
  return send(bench, {
    type: 'started',
    disk: {
      generations: number === 0 ? [] : [{ number, content: { ok: true, value: bench.objects } }],
      counters: bench.counters && { ok: true, value: bench.counters },
    },
    lastEvent: Math.max(0, ...bench.spool.keys()),
    damagedEvents: 0,
    built,
    hardware: more.hardware ?? 'machine-1',
    factory: more.factory ?? { entries: [], faults: [] },
    versions: { agent: '0', runtime: 'test' },
  });
}

/** Lets time pass; the agent is woken when it wished to be. */
export function pass(bench: Bench, forMs: number): readonly Effect[] {
  const from = bench.effects.length;
  const endMs = bench.time.uptimeMs + forMs;
  while (bench.time.uptimeMs < endMs) {
    const wake = bench.effects.findLast((effect) => effect.do === 'wake');
    const inMs = wake?.do === 'wake' ? wake.inMs : forMs;
    bench.time.uptimeMs = Math.min(endMs, bench.time.uptimeMs + Math.max(1, Math.ceil(inMs)));
    send(bench, { type: 'tick' });
  }
  return bench.effects.slice(from);
}

let requests = 0;
/** Asks through the control API and gives the answer, or null when there is none yet. */
export function askNow(bench: Bench, ask: Ask): Extract<Effect, { do: 'answer' }>['result'] | null {
  const request = ++requests;
  const effects = send(bench, { type: 'asked', request, ask });
  const answered = effects.find((effect) => effect.do === 'answer' && effect.request === request);
  return answered?.do === 'answer' ? answered.result : null;
}

export const orderOf = (bench: Bench) => ({
  address: '127.0.0.1:443',
  fingerprint: print(serverCertificates[bench.server.state.main]),
  invitation: 'invitation-1',
  password: 'right',
});

/** A device that is registered, connected, and has its policy. */
export function openRegistered(prepare: (bench: Bench) => void = () => {}): Bench {
  const bench = openBench();
  prepare(bench);
  start(bench);
  bench.server.publishPolicies();
  askNow(bench, { do: 'register', order: orderOf(bench) });
  pass(bench, 3000);
  if (bench.state.link.at !== 'connected') throw new Error(`not connected but ${bench.state.link.at}`);
  return bench;
}

/** The same in an administration group, whose policy has these settings. */
export function openManaged(settings: PolicySettings): Bench {
  const bench = openRegistered();
  const { server } = bench;
  server.office.settings = settings;
  send(bench, ...server.publishPolicies(), ...server.moveTo(server.office));
  pass(bench, 3000);
  const { device, link } = lastStatus(bench);
  if (device?.managed !== true || link.at !== 'connected') throw new Error('not managed');
  return bench;
}

/** Managed, everything locked, and a code asked for the other address of the server. */
export function openLocked(): Bench {
  const bench = openManaged(settingsWith(['connection', 'reset', 'dateTime', 'rdp', 'broker', 'logServer']));
  askNow(bench, { do: 'connection', ...elsewhere });
  return bench;
}
export const elsewhere = { https: '127.0.0.2:443', mqtt: '127.0.0.2:8883' };

/** The server has changed its certificate while the device was away; the device asks for a code. */
export function openAsking(): Bench {
  const bench = openRegistered();
  loseConnection(bench);
  bench.server.state.main = 3;
  pass(bench, 60_000);
  if (bench.state.durable.requests.length !== 1) throw new Error('no request for a code');
  return bench;
}

/** Registered, allowed to follow, and away while the server changes its certificate as told. */
export function openMissing(...changes: readonly number[]): Bench {
  const bench = openRegistered();
  const { server } = bench;
  server.state.rotation = true;
  send(bench, ...server.publishPolicies());
  loseConnection(bench);
  for (const each of changes) server.changeTo(each);
  return bench;
}

export function loseConnection(bench: Bench): void {
  const { connection } = bench.server.state;
  bench.server.state.connection = null;
  if (connection === null) throw new Error('there is no connection');
  send(bench, {
    type: 'closed',
    connection,
    fault: { code: 'server-unreachable', kind: 'unavailable', facts: {} },
  });
}

export const lastStatus = ({ effects }: Bench) => {
  const shown = effects.findLast((effect) => effect.do === 'show');
  if (shown?.do !== 'show') throw new Error('nothing was shown');
  return shown.status;
};

/** Seeded nonsense. */
export const chance = generator;
