/**
 * A generation as files, and back: `state.json` plus the signed documents byte for byte. Which generation a start goes on
 * from is decided here; reading and writing them is the disk's work.
 */
import { bad, type Fault, fault, good, type Result } from '../../protocol/fault.ts';
import { type Instant, instant } from '../../protocol/time.ts';
import { read } from '../../protocol/validate.ts';
import { startLocked } from './codes.ts';
import { type Counters, type Durable, emptyDurable, type KeyRef, type Registered } from './durable.ts';
import type { DiskRead, NamedObject } from './shape.ts';

export type Restored = {
  readonly number: number;
  readonly durable: Durable;
  readonly counters: Counters;
  /** What was found wrong on the way; empty after a clean stop. */
  readonly faults: readonly Fault[];
};

const documents = ['policy', 'device', 'waiting'] as const;
const stateFile = 'state.json';
const maxStateBytes = 32 * 1024 * 1024;
const maxCountersBytes = 1024 * 1024;

export function toObjects(durable: Durable): readonly NamedObject[] {
  const { policy, device, waiting, ...kept } = durable;
  // What the firmware brings is read from it at every start.
  const local = kept.local.filter(({ source }) => source !== 'factory');
  const objects: NamedObject[] = [{ name: stateFile, bytes: Buffer.from(JSON.stringify({ ...kept, local })) }];
  for (const [name, jws] of Object.entries({ policy, device, waiting }))
    if (jws !== null) objects.push({ name: `${name}.jws`, bytes: Buffer.from(jws, 'latin1') });
  return objects;
}

/** Faults: those of `read` over `state.json`, `bad-shape` for anything the format does not know. */
export function fromObjects(objects: readonly NamedObject[]): Result<Durable> {
  const state = objects.find((object) => object.name === stateFile);
  if (!state) return bad('bad-shape', { what: stateFile });
  const checked = read('agentState', state.bytes, maxStateBytes);
  if (!checked.ok) return checked;
  const signed = {
    policy: textOf(objects, 'policy'),
    device: textOf(objects, 'device'),
    waiting: textOf(objects, 'waiting'),
  };
  const known = new Set([stateFile, ...documents.map((name) => `${name}.jws`)]);
  if (objects.some((object) => !known.has(object.name))) return bad('bad-shape', { what: 'generation' });
  // The schema says the same as the type; `millis` and `Instant` differ by their brand alone.
  return good({ ...(checked.value as unknown as Durable), ...signed });
}

/** Key objects a generation needs, so that the disk keeps them. */
export function keysOf(durable: Durable): readonly KeyRef[] {
  const { registration } = durable;
  if (registration.at === 'unregistered') return [];
  if (registration.at === 'ordered') return [registration.key];
  const { key } = registration.identity;
  const next = registration.at === 'registered' ? nextKeyOf(registration) : null;
  const corporate = (durable.corporate ?? []).map(({ identity }) => identity.key);
  return next ? [key, next, ...corporate] : [key, ...corporate];
}

/** The key of the identity that is to follow; null before there is one. */
export const nextKeyOf = ({ next }: Registered): KeyRef | null =>
  next === null || next.at === 'wanted' ? null : next.at === 'keyed' ? next.key : next.identity.key;

/**
 * The newest generation that can be read, and the counters. After a fallback nothing a person accepted by hand counts,
 * since a newer policy may have removed it. Nothing readable although something was there: `identity-unreadable`, never a
 * silent new start (F13). The directory itself cannot be read, as where its partition is missing: `storage-missing`.
 */
export function restore(disk: DiskRead, built: Instant): Result<Restored> {
  const faults: Fault[] = [];
  const counters = restoreCounters(disk, built, faults);
  for (const generation of disk.generations) {
    const decoded = generation.content.ok ? fromObjects(generation.content.value) : generation.content;
    if (!decoded.ok) {
      faults.push(fault(generationFault(decoded.fault), { generation: generation.number, cause: decoded.fault.code }));
      continue;
    }
    const newest = disk.generations[0]?.number ?? generation.number;
    const fellBack = generation.number < newest;
    const local = fellBack ? decoded.value.local.filter((entry) => entry.source !== 'manual') : decoded.value.local;
    return good({ number: newest, durable: { ...decoded.value, local }, counters, faults });
  }
  const [only] = disk.generations;
  if (only?.number === 0 && !only.content.ok) return bad('storage-missing', only.content.fault.facts);
  const lost = disk.generations.length > 0 || faults.length > 0 || hasLived(counters);
  return lost
    ? bad('identity-unreadable', { generations: disk.generations.length })
    : good({ number: 0, durable: emptyDurable, counters, faults });
}

export const freshCounters = (built: Instant): Counters => ({
  format: 1,
  uptimeMs: 0,
  codeCounter: null,
  tries: 0,
  lockedUntilMs: 0,
  highest: {},
  commandSeq: 0,
  eventSeq: 0,
  hardFloor: built,
  softFloor: instant(0),
});

/** Only what was registered counts any of these; audit events it has before. */
const hasLived = ({ highest, commandSeq, codeCounter }: Counters): boolean =>
  Object.keys(highest).length > 0 || commandSeq > 0 || codeCounter !== null;

/**
 * Damaged counters cannot be told from a tampered lock-out, so the codes start locked. Counters are written before the
 * first generation: where there is one, they were lost.
 */
function restoreCounters(disk: DiskRead, built: Instant, faults: Fault[]): Counters {
  const fresh = freshCounters(built);
  if (disk.counters === null && disk.generations.length === 0) return fresh;
  const read = disk.counters ?? bad('counters-damaged', { wrong: 'missing' });
  const parsed = read.ok ? parseCounters(read.value) : read;
  if (parsed.ok) {
    const counters = parsed.value as unknown as Counters;
    return { ...counters, hardFloor: instant(Math.max(counters.hardFloor, built)) };
  }
  faults.push(fault('counters-damaged', { cause: parsed.fault.code }));
  return startLocked(fresh);
}

const parseCounters = (bytes: Uint8Array) => read('agentCounters', bytes, maxCountersBytes);

const generationFault = (cause: Fault) =>
  cause.code === 'generation-newer' ? 'generation-newer' : 'generation-damaged';

function textOf(objects: readonly NamedObject[], name: (typeof documents)[number]): string | null {
  const object = objects.find((each) => each.name === `${name}.jws`);
  return object ? Buffer.from(object.bytes).toString('latin1') : null;
}
