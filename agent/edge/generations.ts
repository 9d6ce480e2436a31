/** Reading the state directory (its layout: `disk.ts`): which generations are there, and whether each is whole. */
import { join } from 'node:path';
import { bad, good, type Result } from '../../protocol/fault.ts';
import type { GenerationRead, NamedObject } from '../core/shape.ts';
import { errnoOf, type FileFacts, type Files } from './files.ts';
import { digestOf, digestsIn, type Manifest, type ManifestObject, readManifest } from './manifest.ts';

export type Place = {
  readonly root: string;
  readonly objects: string;
  readonly keys: string;
  readonly generations: string;
  readonly current: string;
  readonly counters: string;
};

export type Kept = {
  readonly number: number;
  readonly manifest: Result<Manifest>;
  /** Digests it may refer to, as far as it can be read. */
  readonly mentions: readonly string[];
};
export type Found = {
  /** The number in force; 0 when there is none. */
  readonly current: number;
  /** `current` says so; else it was lost, and the highest number stands for it. */
  readonly named: boolean;
  /** The first that a reset has not forgotten. */
  readonly oldest: number;
  /** Newest first: the last three and those of a newer format, and none that was forgotten. */
  readonly kept: readonly Kept[];
  /** Every manifest in the directory. */
  readonly numbers: readonly number[];
};
/** A file as it is, or why it does not count: the errno, or what is wrong with it. */
export type Sound = { readonly bytes: Uint8Array; readonly facts: FileFacts } | { readonly wrong: string };

const keptGenerations = 3;
const maxManifestBytes = 4 * 1024 * 1024;
/** What a damaged file or file system says; anything else says nothing about the content. */
const damage: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'EISDIR', 'ELOOP', 'EIO', 'EUCLEAN', 'EBADMSG']);

export const placeOf = (directory: string): Place => ({
  root: directory,
  objects: join(directory, 'objects'),
  keys: join(directory, 'keys'),
  generations: join(directory, 'generations'),
  current: join(directory, 'current'),
  counters: join(directory, 'counters.json'),
});

export const manifestPath = (at: Place, number: number): string => join(at.generations, `${number}.json`);
export const manifestLink = (number: number): string => `generations/${number}.json`;

/** Rejects where the directory itself cannot be read: that is not the same as an empty one. */
export async function findGenerations(at: Place, files: Files): Promise<Found> {
  const numbers = await listNumbers(at, files);
  const named = await currentNumber(at, files);
  const current = named ?? numbers[0] ?? 0;
  const candidates = numbers.filter((number) => number <= current);
  if (named !== null && named > 0 && !numbers.includes(named)) candidates.unshift(named);
  const kept: Kept[] = [];
  let older = 0;
  let oldest = 0;
  for (const number of candidates) {
    if (number < oldest) break;
    const file = await readSound(files, manifestPath(at, number), maxManifestBytes);
    const manifest = 'wrong' in file ? damaged(number, 'manifest', file.wrong) : readManifest(file.bytes, number);
    if (manifest.ok) oldest = Math.max(oldest, manifest.value.oldest);
    const newer = !manifest.ok && manifest.fault.code === 'generation-newer';
    if (!newer) older += 1;
    if (newer || older <= keptGenerations)
      kept.push({ number, manifest, mentions: 'wrong' in file ? [] : digestsIn(file.bytes) });
  }
  return { current, named: named !== null, oldest, kept, numbers };
}

/** Of every manifest in the directory, newest first. */
export const listNumbers = async (at: Place, files: Files): Promise<readonly number[]> =>
  (await files.list(at.generations))
    .filter((name) => /^[1-9][0-9]{0,15}\.json$/.test(name))
    .map((name) => Number.parseInt(name, 10))
    .sort((a, b) => b - a);

/** The number that `current` names, 0 for no generation yet, or null where it is lost. */
async function currentNumber(at: Place, files: Files): Promise<number | null> {
  try {
    const number = /^generations\/(0|[1-9][0-9]{0,15})\.json$/.exec(await files.readLink(at.current))?.[1];
    return number === undefined ? null : Number(number);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'EINVAL' || (errno !== null && damage.has(errno))) return null;
    throw error;
  }
}

/**
 * Content of a generation. `objects` keeps what was read for others of the same disk. Fault: `generation-damaged` when an
 * object is missing, of another size, digest, mode or owner.
 */
export async function readGeneration(
  at: Place,
  files: Files,
  { number, manifest }: Kept,
  objects: Map<string, Promise<Sound>>,
): Promise<GenerationRead> {
  if (!manifest.ok) return { number, content: manifest };
  const content: NamedObject[] = [];
  for (const object of manifest.value.objects) {
    const { name, sha256, size } = object;
    const reading = objects.get(sha256) ?? readSound(files, join(at.objects, sha256), size, sha256);
    objects.set(sha256, reading);
    const found = await reading;
    const wrong = 'wrong' in found ? found.wrong : differs(object, found.facts);
    if (wrong !== null) return { number, content: damaged(number, name, wrong) };
    if (!('wrong' in found)) content.push({ name, bytes: found.bytes });
  }
  return { number, content: good(content) };
}

/**
 * A regular file of at most `maxBytes` and, where one is given, of this digest. Rejects with errors that say nothing about
 * the file, as too many open ones.
 */
export async function readSound(files: Files, path: string, maxBytes: number, sha256?: string): Promise<Sound> {
  try {
    const facts = await files.stat(path);
    if (facts.kind !== 'file') return { wrong: facts.kind };
    if (facts.size > maxBytes) return { wrong: 'size' };
    const bytes = await files.read(path);
    return sha256 !== undefined && digestOf(bytes) !== sha256 ? { wrong: 'digest' } : { bytes, facts };
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === null || !damage.has(errno)) throw error;
    return { wrong: errno };
  }
}

/**
 * Owned by us counts as much as by the recorded owner: the service manager hands the directory over when the number of our
 * user changes.
 */
export function differs(wanted: Omit<ManifestObject, 'name' | 'sha256'>, found: FileFacts): string | null {
  if (found.size !== wanted.size) return 'size';
  if (found.mode !== wanted.mode) return 'mode';
  return isOurs(found) || (found.uid === wanted.uid && found.gid === wanted.gid) ? null : 'owner';
}

export const isOurs = ({ uid, gid }: FileFacts): boolean => uid === process.geteuid?.() && gid === process.getegid?.();

const damaged = (number: number, what: string, wrong: string) => bad('generation-damaged', { number, what, wrong });
