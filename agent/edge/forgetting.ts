/** What a reset leaves of the state directory (its layout: `disk.ts`): one generation, and nothing of the life before. */
import { join } from 'node:path';
import type { Files } from './files.ts';
import { findGenerations, listNumbers, manifestPath, type Place } from './generations.ts';

/**
 * For a generation that is durably in force: every older one goes, and what `kept` does not name. Manifests go first, since
 * without them nobody asks for the rest. Durable when it answers.
 */
export async function forgetOthers(at: Place, files: Files, number: number, kept: ReadonlySet<string>): Promise<void> {
  for (const one of await listNumbers(at, files)) if (one < number) await files.unlink(manifestPath(at, one));
  await files.syncDirectory(at.generations);
  for (const folder of [at.keys, at.objects]) {
    for (const name of await files.list(folder)) if (!kept.has(name)) await files.unlink(join(folder, name));
    await files.syncDirectory(folder);
  }
}

/** At a start after a cut. A key that was made since the reset, and is named by nothing, is of no use to anybody. */
export async function goOnForgetting(at: Place, files: Files): Promise<void> {
  const { current, named, kept } = await findGenerations(at, files);
  const manifest = kept.find(({ number }) => number === current)?.manifest;
  if (!named || current === 0 || !manifest?.ok || manifest.value.oldest !== current) return;
  const { objects, keys } = manifest.value;
  await forgetOthers(at, files, current, new Set([...objects.map(({ sha256 }) => sha256), ...keys]));
}
