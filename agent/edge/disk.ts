/**
 * The state directory (mode 0700), which a power cut at any moment leaves whole:
 *
 *     objects/<sha256>           content, immutable, 0600
 *     keys/<sha256>              private keys (PKCS#8, or as a TPM has wrapped them), immutable, 0600
 *     generations/<number>.json  manifest: names objects and keys, see `manifest.ts`
 *     current                    symbolic link to the manifest in force
 *     counters.json              counters, replaced as a whole
 *     counters.newer.json        those of a newer format, put aside before we replace them
 *
 * `current` is a link, not a file: its content is made and moved by the same atomic rename, with nothing to sync before.
 * It names number 0 before there is a first generation, so that one which was cut short is told from a lost link.
 * A generation counts once `current` has named it. Objects and manifest, and their names, are durable before that, in no
 * order among themselves; what a cut leaves behind earlier is named by nothing and swept later. The last three generations
 * stay, those of a newer format beside them, and every object and key that their manifests mention. A manifest that cannot
 * be read at all stops sweeping until it is older than the last three: nothing is wiped for being unreadable.
 *
 * A reset forgets: its generation says that all before it count for nothing, and once `current` names it durably they go,
 * with every object and key that it does not mention. What a cut leaves of them goes at the next start.
 *
 * A private key is safe from sweeping until two generations were persisted after it was written, so that one that was on
 * its way already does not cost a registration its key. Keys found at start count as written then.
 *
 * Calls run one after the other. Sweeping goes on after `persist` has answered, before the next call.
 */
import { dirname, join } from 'node:path';
import { bad, type Fault, good, type Result } from '../../protocol/fault.ts';
import type { Counters, KeyRef } from '../core/durable.ts';
import type { DiskRead, GenerationRead, NamedObject } from '../core/shape.ts';
import { keepNewerCounters, readCounters, replaceCounters } from './counters-file.ts';
import { diskFault, errnoOf, type FileFacts, type Files } from './files.ts';
import { forgetOthers, goOnForgetting } from './forgetting.ts';
import {
  findGenerations,
  isOurs,
  listNumbers,
  manifestLink,
  manifestPath,
  type Place,
  placeOf,
  readGeneration,
  readSound,
  type Sound,
} from './generations.ts';
import { digestOf, type Manifest, manifestFormat, seal } from './manifest.ts';
import { makeTurns } from './turns.ts';
import { fileMode, quietly, type Written, writeAnew, writeImmutable } from './whole-file.ts';

export type Disk = {
  /**
   * The kept generations, each verified against its manifest. Repairs nothing and removes nothing. Where the directory
   * itself cannot be read, that fault stands as the only generation, with number 0.
   */
  readonly read: () => Promise<DiskRead>;
  /**
   * Durable when it answers; after a fault the generation before is in force. Numbers only rise. Faults: `disk-full`,
   * `disk-failed`, and `identity-unreadable` for a key that is not there. `forget`: a reset.
   */
  readonly persist: (
    number: number,
    objects: readonly NamedObject[],
    keys: readonly KeyRef[],
    forget?: boolean,
  ) => Promise<Result<null>>;
  readonly count: (counters: Counters) => Promise<Result<null>>;
  /** Written, synced, read back and compared before anyone may use it. */
  readonly writeKey: (bytes: Uint8Array, kind?: KeyRef['kind']) => Promise<Result<KeyRef>>;
  /** Fault `identity-unreadable` for a key that is missing, damaged or open to others. */
  readonly readKey: (ref: KeyRef) => Promise<Result<Uint8Array>>;
};

/** What is known to be durable and right, so that it is neither read nor written again. */
type Known = {
  /** The number in force; 0 before the first generation, null before anyone has looked. */
  current: number | null;
  /** `current` says so, durably. */
  named: boolean;
  /** Generations below are forgotten. */
  oldest: number;
  /** Generations persisted since start. */
  flips: number;
  readonly objects: Map<string, FileFacts>;
  /** The counters on disk are ours to replace. */
  counted: boolean;
  /** Keys on disk, and `flips` when they were written. */
  readonly keys: Map<string, number>;
};
type Store = { readonly at: Place; readonly files: Files; readonly known: Known };
type Next = {
  readonly number: number;
  readonly objects: readonly NamedObject[];
  readonly keys: readonly KeyRef[];
  readonly forget: boolean;
};

const maxKeyBytes = 64 * 1024;
const temporary = '.new';

/**
 * Makes what is missing, removes what a cut left half-made, and makes sure that the generation in force cannot fall back
 * any more. A directory that cannot be made or written is no fault here: `read` and the first write say what is wrong.
 */
export async function openDisk(directory: string, files: Files): Promise<Disk> {
  const store: Store = {
    at: placeOf(directory),
    files,
    known: { current: null, named: false, oldest: 0, flips: 0, counted: false, objects: new Map(), keys: new Map() },
  };
  const inTurn = makeTurns();
  /** Nothing is written over a state that cannot be read. */
  const writing = <T>(what: string, write: () => Promise<Result<T>>): Promise<Result<T>> =>
    inTurn(async () => {
      try {
        if (store.known.current === null) await look(store);
        return await write();
      } catch (error) {
        return { ok: false, fault: diskFault(error, what) };
      }
    });

  await settle(store);
  await quietly(() => goOnForgetting(store.at, store.files));
  return {
    read: () => inTurn(() => readAll(store)),
    persist: (number, objects, keys, forget = false) => {
      const done = writing(`generation ${number}`, () => persist(store, { number, objects, keys, forget }));
      inTurn(() => quietly(() => sweep(store)));
      return done;
    },
    count: (counters) => writing('counters', () => count(store, counters)),
    writeKey: (bytes, kind = 'file') => writing('key', () => writeKey(store, bytes, kind)),
    readKey: (ref) => inTurn(() => readKey(store, ref)),
  };
}

async function settle({ at, files }: Store): Promise<void> {
  for (const folder of [at.root, at.objects, at.keys, at.generations])
    await quietly(() => files.makeDirectory(folder, 0o700));
  await quietly(async () => {
    for (const name of await files.list(at.root)) if (name.endsWith(temporary)) await files.unlink(join(at.root, name));
  });
  await quietly(() => files.syncDirectory(dirname(at.root)));
  await quietly(() => files.syncDirectory(at.root));
}

async function readAll(store: Store): Promise<DiskRead> {
  const counters = await readCounters(store.at, store.files);
  try {
    return { generations: await look(store), counters };
  } catch (error) {
    const content = { ok: false, fault: diskFault(error, 'state') } as const;
    return { generations: [{ number: 0, content }], counters };
  }
}

async function look({ at, files, known }: Store): Promise<readonly GenerationRead[]> {
  const { current, named, oldest, kept } = await findGenerations(at, files);
  const objects = new Map<string, Promise<Sound>>();
  const generations: GenerationRead[] = [];
  for (const one of kept) generations.push(await readGeneration(at, files, one, objects));
  for (const key of await files.list(at.keys)) if (!known.keys.has(key)) known.keys.set(key, known.flips);
  known.objects.clear();
  if (named)
    for (const [sha256, reading] of objects) {
      const object = await reading;
      if (!('wrong' in object) && object.facts.mode === fileMode && isOurs(object.facts))
        known.objects.set(sha256, object.facts);
    }
  // After a flip that failed, what was acknowledged counts, whatever the link says.
  if (known.current === null) {
    known.named = named;
    known.current = current;
    known.oldest = oldest;
  }
  return generations;
}

const isDamage = ({ code }: Fault): boolean => code === 'generation-damaged';

async function persist({ at, files, known }: Store, { number, objects, keys, forget }: Next): Promise<Result<null>> {
  const before = known.current ?? 0;
  if (!Number.isSafeInteger(number) || number <= before) throw new RangeError('generation numbers rise');
  if (new Set(objects.map(({ name }) => name)).size < objects.length) throw new RangeError('two objects of one name');
  for (const { sha256 } of keys)
    if (!known.keys.has(sha256)) return bad('identity-unreadable', { what: 'key', wrong: 'ENOENT' });
  const named = objects.map(({ name, bytes }) => ({ name, bytes, sha256: digestOf(bytes) }));
  const fresh = new Map(
    named.flatMap(({ sha256, bytes }) => (known.objects.has(sha256) ? [] : [[sha256, bytes] as const])),
  );
  if (!known.named) {
    await pointTo({ at, files }, before);
    await files.syncDirectory(at.root);
    known.named = true;
  }
  // What was never in force must not become one of the last three.
  for (const one of await listNumbers(at, files)) if (one > before) await files.unlink(manifestPath(at, one));
  const written: Written[] = [];
  const facts = new Map(known.objects);
  try {
    for (const [sha256, bytes] of fresh) {
      const object = await writeImmutable(files, join(at.objects, sha256), bytes, sha256);
      written.push(object);
      facts.set(sha256, object.facts);
    }
    const manifest: Manifest = {
      format: manifestFormat,
      number,
      oldest: forget ? number : known.oldest,
      objects: named.flatMap(({ name, sha256 }) => {
        const found = facts.get(sha256);
        return found ? [{ name, sha256, size: found.size, mode: found.mode, uid: found.uid, gid: found.gid }] : [];
      }),
      keys: keys.map(({ sha256 }) => sha256),
    };
    written.push(await writeAnew(files, manifestPath(at, number), seal(JSON.stringify(manifest))));
  } catch (error) {
    for (const one of written) await one.abandon();
    throw error;
  }
  // Together, so that the file system makes one transaction of them. All have ended before a fault is handled.
  const folders = fresh.size > 0 ? [at.objects, at.generations] : [at.generations];
  const ended = await Promise.allSettled([
    ...written.map((one) => one.finish()),
    ...folders.map((folder) => files.syncDirectory(folder)),
  ]);
  for (const one of ended) if (one.status === 'rejected') throw one.reason;

  await pointTo({ at, files }, number);
  try {
    await files.syncDirectory(at.root);
  } catch (error) {
    known.named = false;
    await quietly(() => pointTo({ at, files }, before));
    throw error;
  }
  known.current = number;
  known.flips += 1;
  for (const [sha256, found] of facts) known.objects.set(sha256, found);
  if (!forget) return good(null);
  const kept = new Set([...named, ...keys].map(({ sha256 }) => sha256));
  known.oldest = number;
  for (const one of [known.objects, known.keys]) for (const name of one.keys()) if (!kept.has(name)) one.delete(name);
  await quietly(() => forgetOthers(at, files, number, kept));
  return good(null);
}

async function pointTo({ at, files }: Pick<Store, 'at' | 'files'>, number: number): Promise<void> {
  const next = `${at.current}${temporary}`;
  const link = () => files.link(manifestLink(number), next);
  await link().catch(async (error: unknown) => {
    if (errnoOf(error) !== 'EEXIST') throw error;
    await files.unlink(next);
    await link();
  });
  await files.rename(next, at.current);
}

/** Removes what no kept generation mentions. Where `current` may not be what we think, nothing is removed. */
async function sweep({ at, files, known }: Store): Promise<void> {
  if (!known.named) return;
  const { kept, numbers } = await findGenerations(at, files);
  const stay = new Set(kept.map(({ number }) => number));
  for (const number of numbers) if (!stay.has(number)) await files.unlink(manifestPath(at, number));
  if (kept.some(({ manifest }) => !manifest.ok && isDamage(manifest.fault))) return;
  const mentioned = new Set(kept.flatMap(({ mentions }) => mentions));
  for (const name of await files.list(at.objects)) {
    if (mentioned.has(name)) continue;
    known.objects.delete(name);
    await files.unlink(join(at.objects, name));
  }
  for (const [name, flips] of known.keys) {
    if (mentioned.has(name) || known.flips < flips + 2) continue;
    await files.unlink(join(at.keys, name));
    known.keys.delete(name);
  }
}

async function count({ at, files, known }: Store, counters: Counters): Promise<Result<null>> {
  if (!known.counted) await keepNewerCounters(at, files);
  known.counted = true;
  return replaceCounters(at, files, counters);
}

async function writeKey({ at, files, known }: Store, bytes: Uint8Array, kind: KeyRef['kind']): Promise<Result<KeyRef>> {
  const sha256 = digestOf(bytes);
  const path = join(at.keys, sha256);
  await (await writeImmutable(files, path, bytes, sha256)).finish();
  const found = await readSound(files, path, maxKeyBytes, sha256);
  if ('wrong' in found) throw Object.assign(new Error('the key read back is another'), { code: 'EIO' });
  await files.syncDirectory(at.keys);
  known.keys.set(sha256, known.flips);
  return good({ kind, sha256 });
}

async function readKey({ at, files }: Store, { sha256 }: KeyRef): Promise<Result<Uint8Array>> {
  const broken = (wrong: string): { ok: false; fault: Fault } => bad('identity-unreadable', { what: 'key', wrong });
  try {
    const found = await readSound(files, join(at.keys, sha256), maxKeyBytes, sha256);
    if ('wrong' in found) return broken(found.wrong);
    if (found.facts.mode !== fileMode) return broken('mode');
    return isOurs(found.facts) ? good(found.bytes) : broken('owner');
  } catch (error) {
    return { ok: false, fault: diskFault(error, 'key') };
  }
}
