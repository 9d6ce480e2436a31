/** `counters.json`: replaced as a whole, never in part; what a newer format says is put aside and not lost. */
import { join } from 'node:path';
import { bad, good, type Result } from '../../protocol/fault.ts';
import type { Counters } from '../core/durable.ts';
import type { DiskRead } from '../core/shape.ts';
import { diskFault, type Files } from './files.ts';
import { type Place, readSound } from './generations.ts';
import { formatOf, seal, unseal } from './manifest.ts';
import { writeAnew } from './whole-file.ts';

const format: Counters['format'] = 1;
const maxBytes = 1024 * 1024;

export async function replaceCounters(at: Place, files: Files, counters: Counters): Promise<Result<null>> {
  const next = `${at.counters}.new`;
  await (await writeAnew(files, next, seal(JSON.stringify(counters)))).finish();
  await files.rename(next, at.counters);
  await files.syncDirectory(at.root);
  return good(null);
}

/** After a rollback: the firmware that wrote them may come back. */
export async function keepNewerCounters(at: Place, files: Files): Promise<void> {
  const found = await readSound(files, at.counters, maxBytes);
  if ('wrong' in found || formatOf(Buffer.from(found.bytes).toString('utf8')) <= format) return;
  await (await writeAnew(files, join(at.root, 'counters.newer.json'), found.bytes)).finish();
  await files.syncDirectory(at.root);
}

export async function readCounters(at: Place, files: Files): Promise<DiskRead['counters']> {
  try {
    const found = await readSound(files, at.counters, maxBytes);
    if ('wrong' in found) return found.wrong === 'ENOENT' ? null : bad('counters-damaged', { wrong: found.wrong });
    const body = unseal(found.bytes);
    return body === null ? bad('counters-damaged', { wrong: 'digest' }) : good(Buffer.from(body, 'utf8'));
  } catch (error) {
    return { ok: false, fault: diskFault(error, 'counters') };
  }
}
