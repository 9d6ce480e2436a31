/**
 * A policy made durable, beside the same bytes in as many files, written and synced raw one after the other. Both in turns
 * in one run, since a disk that others use is seldom as fast twice.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { NamedObject } from '../agent/core/shape.ts';
import { openDisk } from '../agent/edge/disk.ts';
import { realFiles } from '../agent/edge/files.ts';
import type { Row } from './row.ts';

type Load = { readonly what: string; readonly changed: readonly number[] };

const goal = 1.3;
const rounds = 200;
const warmUp = 20;
/** Of a generation: what does not change is not written again, but named. */
const unchangedBytes = 4_000;
const manifestBytes = 900;
const loads: readonly Load[] = [
  { what: 'a policy of 64 certificates', changed: [120_000] },
  { what: 'a policy of 512 certificates', changed: [960_000] },
  { what: 'a policy and a device document', changed: [120_000, 2_000] },
];

export async function benchApply(): Promise<Row[]> {
  const rows: Row[] = [];
  for (const load of loads) rows.push(await measure(load));
  return rows;
}

async function measure({ what, changed }: Load): Promise<Row> {
  // Not the temporary directory of the system: it is often in memory, where nothing is slow.
  const folder = mkdtempSync('/var/tmp/thintrust-bench-');
  try {
    const raw = join(folder, 'raw');
    mkdirSync(raw);
    const disk = await openDisk(join(folder, 'state'), realFiles);
    const unchanged = { name: 'state.json', bytes: randomBytes(unchangedBytes) };
    const ours: number[] = [];
    const floor: number[] = [];
    const lowest: number[] = [];
    for (let round = 1; round <= rounds + warmUp; round++) {
      const parts = changed.map((size) => randomBytes(size));
      const named = parts.map((bytes, index): NamedObject => ({ name: `document.${index}`, bytes }));
      const persisting = await timed(async () => {
        const result = await disk.persist(round, [unchanged, ...named], []);
        if (!result.ok) throw new Error(result.fault.code);
      });
      // Sweeping, which no policy waits for, is over when the next call answers.
      await disk.readKey({ kind: 'file', sha256: '' });
      const [some, others] = [likeness(changed), likeness(changed)];
      const waiting = await timed(() => writeWaiting(join(raw, `waiting.${round}`), some));
      const blocking = await timed(async () => writeBlocking(join(raw, `blocking.${round}`), others));
      if (round <= warmUp) continue;
      ours.push(persisting);
      floor.push(waiting);
      lowest.push(blocking);
    }
    const ratio = median(ours) / median(floor);
    return {
      what: `apply: ${what} to durable`,
      figure: `${median(ours).toFixed(2)} ms (${ratio.toFixed(2)} × raw)`,
      floor: `${median(floor).toFixed(2)} ms for ${changed.length + 1} raw files (${median(lowest).toFixed(2)} ms when all else waits)`,
      goal: `≤ ${goal} × raw`,
      met: ratio <= goal,
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** As a program does that has other things to do meanwhile: what ours is held against. */
async function writeWaiting(path: string, parts: readonly Uint8Array[]): Promise<void> {
  for (const [index, bytes] of parts.entries()) {
    const file = await open(`${path}.${index}`, 'wx');
    await file.writeFile(bytes);
    await file.sync();
    await file.close();
  }
}

function writeBlocking(path: string, parts: readonly Uint8Array[]): void {
  for (const [index, bytes] of parts.entries()) {
    const descriptor = openSync(`${path}.${index}`, 'wx');
    writeSync(descriptor, bytes);
    fsyncSync(descriptor);
    closeSync(descriptor);
  }
}

/** As many bytes in as many files as what is persisted and its manifest. */
const likeness = (changed: readonly number[]): readonly Uint8Array[] =>
  [...changed, manifestBytes].map((size) => randomBytes(size));

async function timed(run: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await run();
  return performance.now() - started;
}

function median(figures: readonly number[]): number {
  const sorted = [...figures].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}
