/** When this program was built. The bundle defines `THINTRUST_BUILT`. */
import { type Instant, instant } from '../../protocol/time.ts';

declare const THINTRUST_BUILT: number | undefined;

/** Lowest clock floor: the build, else (from source) SOURCE_DATE_EPOCH (seconds), else the first commit of this software. */
export function builtAt(env: { readonly [name: string]: string | undefined }): Instant {
  if (typeof THINTRUST_BUILT === 'number') return instant(THINTRUST_BUILT);
  const epoch = Number(env['SOURCE_DATE_EPOCH']);
  return instant(Number.isSafeInteger(epoch) && epoch > 0 ? epoch * 1000 : firstCommit);
}

/** 2026-01-01T00:00:00Z. */
const firstCommit = 1_767_225_600_000;
