/** State directories for tests: three generations that share an object, and what became of them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Counters } from '../../agent/core/durable.ts';
import { type Disk, openDisk } from '../../agent/edge/disk.ts';
import { realFiles } from '../../agent/edge/files.ts';
import { digestOf } from '../../agent/edge/manifest.ts';
import { instant } from '../../protocol/time.ts';

export const sharedText = 'the same in all';

export async function threeGenerations(at: string): Promise<Disk> {
  const disk = await openDisk(at, realFiles);
  for (let number = 1; number <= 3; number++) await disk.persist(number, contentOf(number), []);
  await disk.read();
  return disk;
}

export async function verdicts(disk: Disk): Promise<readonly (readonly [number, string])[]> {
  const { generations } = await disk.read();
  return generations.map(({ number, content }) => [number, content.ok ? 'good' : content.fault.code] as const);
}

export async function inDirectory(run: (at: string) => Promise<void>): Promise<void> {
  const at = mkdtempSync(join(tmpdir(), 'thintrust-disk-'));
  try {
    await run(at);
  } finally {
    rmSync(at, { recursive: true });
  }
}

export const contentOf = (number: number) => [
  { name: 'shared', bytes: Buffer.from(sharedText) },
  { name: 'policy', bytes: Buffer.from(`policy of ${number}`) },
];
export const objectOf = (at: string, number: number): string => join(at, 'objects', digestOf(`policy of ${number}`));
export const manifest = (at: string, number: number): string => join(at, 'generations', `${number}.json`);

export const counters = (uptimeMs: number): Counters => ({
  format: 1,
  uptimeMs,
  codeCounter: null,
  tries: 0,
  lockedUntilMs: 0,
  highest: { 'server/group/a': 7 },
  commandSeq: 0,
  eventSeq: 0,
  hardFloor: instant(0),
  softFloor: instant(0),
});
