/**
 * The text of the small files of the state directory: JSON whose last member is the SHA-256 of all before it, so that a
 * torn, emptied or edited file is told from a whole one.
 */
import { createHash } from 'node:crypto';
import { bad, good, type Result } from '../../protocol/fault.ts';

export type ManifestObject = {
  readonly name: string;
  readonly sha256: string;
  readonly size: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
};

/** `generations/<number>.json`. A change of meaning raises `format`; digests stay written as 64 hex digits in any format. */
export type Manifest = {
  readonly format: 1;
  readonly number: number;
  /** Generations below were forgotten by a reset: they count for nothing, whether or not they are still there. */
  readonly oldest: number;
  readonly objects: readonly ManifestObject[];
  /** SHA-256 of the private keys its objects refer to. */
  readonly keys: readonly string[];
};

export const manifestFormat = 1;
const sealLength = ',"sha256":""}\n'.length + 64;
const hexDigest = /^[0-9a-f]{64}$/;

export const digestOf = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex');

/** `body` is the JSON text of an object that is not empty. */
export const seal = (body: string): Uint8Array =>
  Buffer.from(`${body.slice(0, -1)},"sha256":"${digestOf(body)}"}\n`, 'utf8');

/** The body that was sealed, or null where so much as a bit differs. */
export function unseal(bytes: Uint8Array): string | null {
  const text = Buffer.from(bytes).toString('utf8');
  if (text.length <= sealLength) return null;
  const body = `${text.slice(0, -sealLength)}}`;
  return Buffer.from(seal(body)).equals(bytes) ? body : null;
}

/**
 * Faults: `generation-newer` for what a later version of this software wrote, `generation-damaged` for what nobody wrote so.
 * Whether the objects are there is not looked at.
 */
export function readManifest(bytes: Uint8Array, number: number): Result<Manifest> {
  const format = formatOf(Buffer.from(bytes).toString('utf8'));
  if (format > manifestFormat) return bad('generation-newer', { number, format });
  const body = unseal(bytes);
  const manifest = body === null ? null : parse(body);
  return isManifest(manifest) && manifest.number === number && manifest.oldest <= number
    ? good(manifest)
    : bad('generation-damaged', { number, what: 'manifest' });
}

/** Every digest a manifest of any format, whole or not, may refer to. */
export const digestsIn = (bytes: Uint8Array): readonly string[] =>
  Buffer.from(bytes)
    .toString('latin1')
    .match(/[0-9a-f]{64}/g) ?? [];

/** 0 where it says none. */
export function formatOf(text: string): number {
  const value = parse(text);
  return value !== null && typeof value === 'object' && 'format' in value && typeof value.format === 'number'
    ? value.format
    : 0;
}

/** Null for what is no JSON: a digest can be right over anything. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function isManifest(value: unknown): value is Manifest {
  if (value === null || typeof value !== 'object') return false;
  const { format, number, oldest, objects, keys } = value as Record<string, unknown>;
  return (
    format === manifestFormat &&
    Number.isSafeInteger(number) &&
    Number.isSafeInteger(oldest) &&
    Array.isArray(objects) &&
    objects.every(isManifestObject) &&
    Array.isArray(keys) &&
    keys.every((key) => typeof key === 'string' && hexDigest.test(key))
  );
}

function isManifestObject(value: unknown): value is ManifestObject {
  if (value === null || typeof value !== 'object') return false;
  const { name, sha256, ...rest } = value as Record<string, unknown>;
  return (
    typeof name === 'string' &&
    typeof sha256 === 'string' &&
    hexDigest.test(sha256) &&
    ['size', 'mode', 'uid', 'gid'].every((fact) => Number.isSafeInteger(rest[fact]))
  );
}
