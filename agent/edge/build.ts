/** What this program is and when it was built. The bundle defines `THINTRUST_VERSION` and `THINTRUST_BUILT`. */
import { type Instant, instant } from '../../protocol/time.ts';

declare const THINTRUST_VERSION: string | undefined;
declare const THINTRUST_BUILT: number | undefined;

/** From source both are unknown: the version says so, and no time is certain to have passed. */
export const version: string = typeof THINTRUST_VERSION === 'string' ? THINTRUST_VERSION : '0.1.0-source';

/** Lowest clock floor: the build, else SOURCE_DATE_EPOCH (seconds), else the first commit of this software. */
export function builtAt(env: { readonly [name: string]: string | undefined }): Instant {
  if (typeof THINTRUST_BUILT === 'number') return instant(THINTRUST_BUILT);
  const epoch = Number(env['SOURCE_DATE_EPOCH']);
  return instant(Number.isSafeInteger(epoch) && epoch > 0 ? epoch * 1000 : firstCommit);
}

/** 2026-01-01T00:00:00Z. */
const firstCommit = 1_767_225_600_000;
