/**
 * A whole device in memory: the real core in the real loop over the real state directory and spool on a disk that forgets
 * what was not synced, with time that moves only when nothing else can. Cuts and faults are steered from outside.
 */

import { createHash } from 'node:crypto';
import { serialize } from 'node:v8';
import { initial, type State, step } from '../../agent/core/agent.ts';
import type { Ask, Effect, Exported, Happening, Now, Reply } from '../../agent/core/shape.ts';
import { type Disk, openDisk } from '../../agent/edge/disk.ts';
import { type Keys, openKeys } from '../../agent/edge/keys.ts';
import { openPerform } from '../../agent/edge/perform.ts';
import { openSpool, type Spool } from '../../agent/edge/spool.ts';
import { run } from '../../agent/loop.ts';
import { type Fault, good, type Result } from '../../protocol/fault.ts';
import type { Status } from '../../protocol/local.ts';
import { dayMs, instant } from '../../protocol/time.ts';
import { type Administration, openAdministration } from './administration.ts';
import { type FakeDisk, fakeDisk } from './disk.ts';

export const noon = instant(Date.parse('2026-11-22T12:00:00Z'));
export const built = instant(Date.parse('2026-06-01T00:00:00Z'));

export type World = {
  readonly server: Administration;
  disk: FakeDisk;
  /** True time; the device's clock is off by `clockErrorMs`. */
  readonly time: { trueMs: number; clockErrorMs: number; synced: boolean };
  readonly chance: { seed: number };
};

/** What ends a run of the device. */
export type Ending = 'goal' | 'cut' | 'out of time' | 'stopped';

export type Plan = {
  /** Performs this many effects (those that only show or wait are not counted), then the power goes. */
  readonly cutAfter?: number;
  /** Lets this many disk operations happen, then the power goes in the middle of one. */
  readonly cutDiskAfter?: number;
  /** The administrator and the person at the console: called when the device is at rest. */
  readonly whenQuiet?: (device: Device) => readonly Happening[];
  readonly goal: (device: Device) => boolean;
  readonly longestMs?: number;
  /** Stands in the way of an effect: gives what it leads to instead. */
  readonly instead?: (effect: Effect) => readonly Happening[] | null;
  /** Called after each effect that counts, before anything it leads to: the moment of `cutAfter`. */
  readonly afterEffect?: (performed: number) => void;
};

export type Device = {
  state: State;
  status: Status | null;
  exported: readonly Exported[];
  effects: Effect[];
  readonly answers: Map<number, Result<Reply>>;
  readonly log: (Fault | null)[];
};

export function openWorld(): World {
  const time = { trueMs: noon as number, clockErrorMs: 0, synced: false };
  return { server: openAdministration(() => instant(time.trueMs)), disk: fakeDisk(), time, chance: { seed: 1 } };
}

/** A loop of effects without end is a defect, and would hang the test. */
const maxEffects = 20_000;
const silent = new Set(['show', 'wake', 'log', 'notify']);
export const counts = (effect: Effect): boolean => !silent.has(effect.do);

/** Powers the device on and lets it live until the goal, the cut, or the end of its time. */
export async function live(world: World, plan: Plan): Promise<{ ending: Ending; device: Device }> {
  const disk = await openDisk('/state', world.disk.files);
  const spool = await openSpool('/state', world.disk.files);
  const startedMs = world.time.trueMs;
  const limitMs = startedMs + (plan.longestMs ?? dayMs);
  const device: Device = { state: initial, status: null, exported: [], effects: [], answers: new Map(), log: [] };
  let performed = 0;
  let alarm: { atMs: number; ring: () => void } | null = null;
  let ending: Ending | null = null;

  const powerGoes =
    plan.cutDiskAfter === undefined
      ? new Promise<never>(() => {})
      : world.disk.cutAfter(plan.cutDiskAfter).then(() => {
          ending = 'cut';
          return null;
        });
  const stamp = (): Now => ({
    wall: instant(world.time.trueMs + world.time.clockErrorMs),
    uptimeMs: world.time.trueMs - startedMs,
    synced: world.time.synced,
    random: draw(world),
    nonce: Math.floor(draw(world) * 1e12)
      .toString(16)
      .padStart(32, '0'),
  });
  const perform = async (effect: Effect): Promise<readonly Happening[]> => {
    if (ending === 'cut') return new Promise(() => {});
    device.effects.push(effect);
    if (device.effects.length > maxEffects) throw new Error('the device does not come to rest');
    const outcome = plan.instead?.(effect) ?? (await performOne(effect));
    if (!counts(effect)) return outcome;
    performed += 1;
    plan.afterEffect?.(performed);
    if (performed !== plan.cutAfter) return outcome;
    ending = 'cut';
    return new Promise(() => {});
  };
  const performOne = async (effect: Effect): Promise<readonly Happening[]> => {
    const network = world.server.perform(effect);
    if (network) await layKeys(world, disk, network);
    if (network) {
      for (const each of network) loop.send(each);
      return [];
    }
    return local(effect);
  };
  const loop = run<State>({
    initial,
    step: (state, event) => {
      const next = step(state, event);
      device.state = next.state;
      return next;
    },
    perform,
    stamp,
    alarm: (inMs, ring) => {
      alarm = inMs === null ? null : { atMs: world.time.trueMs + inMs, ring };
    },
  });
  const local = localEdges(disk, spool, device, loop.send);
  loop.done.then(() => {
    ending ??= 'stopped';
  });
  const read = await Promise.race([disk.read(), powerGoes]);
  if (!read) return { ending: 'cut', device };
  loop.send({
    type: 'started',
    disk: read,
    lastEvent: spool.last(),
    damagedEvents: spool.damaged,
    built,
    hardware: 'machine-1',
    factory: { entries: [], faults: [] },
    versions: { agent: '0', runtime: 'test' },
  });
  for (;;) {
    await quiet();
    if (ending) return { ending, device };
    if (plan.goal(device)) return { ending: 'goal', device };
    const outside = plan.whenQuiet?.(device) ?? [];
    for (const each of outside) loop.send(each);
    if (outside.length > 0) continue;
    const next = alarm as { atMs: number; ring: () => void } | null;
    if (!next || next.atMs > limitMs) return { ending: 'out of time', device };
    world.time.trueMs = Math.max(world.time.trueMs + 1, Math.ceil(next.atMs));
    alarm = null;
    next.ring();
  }
}

/** The edge has them on the disk before it tells of a certificate. */
async function layKeys(world: World, disk: Disk, happenings: Happening[]): Promise<void> {
  for (const [index, each] of happenings.entries()) {
    if (each.type !== 'corporate-fetched') continue;
    const written = await disk.writeKey(Buffer.from(`key ${world.server.state.corporateKeys.length} of ${each.id}`));
    if (written.ok) world.server.state.corporateKeys.push(written.value.sha256);
    happenings[index] = written.ok
      ? { ...each, key: written.value }
      : { type: 'call-failed', call: 'fetch-corporate', fault: written.fault };
  }
}

/** The power goes, and comes back to a disk in one of the states it may be in. */
export function cutPower(world: World, seed: number): void {
  world.disk = world.disk.crash(seed);
  world.server.state.connection = null;
}

/** What `cutPower` would leave at this moment, as a world of its own; this one goes on. */
export function worldAfterCut(world: World, seed: number): World {
  const time = { ...world.time };
  const server = openAdministration(() => instant(time.trueMs), structuredClone(world.server.knowledge));
  const { state } = server;
  Object.assign(state, { connection: null, tickets: 0 });
  state.unacknowledged.clear();
  return { server, disk: world.disk.crash(seed), time, chance: { ...world.chance } };
}

/** The same for two worlds after a cut whose futures differ by nothing but luck. */
export const worldIdentity = ({ server, disk, time }: World): string =>
  createHash('sha256')
    .update(serialize(server.knowledge))
    .update(JSON.stringify(time))
    .update(disk.inventory())
    .digest('hex');

let requests = 0;
export const ask = (what: Ask): Happening => ({ type: 'asked', request: ++requests, ask: what });

/** The edges that stay on the device. */
function localEdges(disk: Disk, spool: Spool, device: Device, emit: (happening: Happening) => void) {
  return openPerform({
    ...localParts(),
    storage: disk,
    spool,
    exportTrust: async (certificates) => {
      device.exported = certificates;
      return good(null);
    },
    control: {
      show: (status) => {
        device.status = status;
      },
      answer: (request, result) => {
        device.answers.set(request, result);
      },
    },
    journal: (_level, _text, fault) => {
      device.log.push(fault ?? null);
    },
    emit,
  });
}

/** As a device with a TPM has them: what the disk, a cut and a restart make of such keys is what they make of those in files. */
const tokenKeys: Keys = {
  make: async (kind) => {
    const made = await openKeys('file', '').make(kind);
    return made.ok ? good({ ...made.value, kind: 'token' }) : made;
  },
  open: async (_ref, bytes) => good(bytes),
};

/** Edges that do nothing, but for the disk. */
export const localParts = (): Omit<Parameters<typeof openPerform>[0], 'storage'> => ({
  keys: tokenKeys,
  spool: { append: async () => good(null), read: async () => [], drop: async () => good(null) },
  logs: { audited: async () => good(null), giveWay: async () => false },
  forwarder: { forward: nowhere, stop: nowhere },
  exportTrust: async () => good(null),
  exportCorporate: async () => good(null),
  mqtt: { connect: nowhere, disconnect: nowhere, acknowledge: nowhere, publish: nowhere, leave: async () => {} },
  control: { show: () => {}, answer: () => {} },
  notify: { send: async () => {}, stopping: async () => {}, close: () => {} },
  journal: () => {},
  judging: { at: () => noon },
  setClock: async () => null,
  launch: async () => {},
  emit: () => {},
});

const nowhere = (): never => {
  throw new Error('the network is the fake administration');
};

function draw({ chance }: World): number {
  chance.seed = (chance.seed * 1103515245 + 12345) % 2147483648;
  return chance.seed / 2147483648;
}

/** Everything that can happen without the clock moving has happened: the loop uses promises only, no timers. */
async function quiet(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
}
