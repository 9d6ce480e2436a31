/** Tells what repair files are there whenever a stick comes or goes. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Happening } from '../core/shape.ts';
import { type Media, repairText } from './media.ts';

export type Sticks = { readonly close: () => void };

const lookEveryMs = 3000;
/** A folder with more is not one the system made. */
const mostSticks = 64;

/**
 * Looks at the folder of sticks, not at the sticks: a mount changes the device number of a name there, of which the kernel
 * tells no watcher. Reads nothing while nothing changes.
 */
export function watchSticks(
  runtime: string,
  media: Media,
  tell: (happening: Happening) => void,
  everyMs: number = lookEveryMs,
): Sticks {
  const root = join(runtime, 'media');
  let seen = '';
  let closed = false;
  const look = async (): Promise<void> => {
    const there = await sticksIn(root);
    if (there !== seen) {
      seen = there;
      const repairs = await readRepairs(media);
      if (!closed) tell({ type: 'media-seen', repairs });
    }
  };
  const again = (): void => {
    if (!closed) timer = setTimeout(() => void look().then(again, again), everyMs).unref();
  };
  let timer: NodeJS.Timeout | null = null;
  void look().then(again, again);
  return {
    close: () => {
      closed = true;
      if (timer) clearTimeout(timer);
    },
  };
}

/** Names and device numbers; empty where there are none. */
async function sticksIn(root: string): Promise<string> {
  const names = await readdir(root).catch(() => []);
  const facts = names
    .sort()
    .slice(0, mostSticks)
    .map(async (name) => {
      const found = await stat(join(root, name)).catch(() => null);
      return found?.isDirectory() ? `${name}/${found.dev}/${found.ino}` : '';
    });
  return (await Promise.all(facts)).filter((fact) => fact !== '').join('\n');
}

async function readRepairs(media: Media): Promise<readonly { readonly name: string; readonly jws: string }[]> {
  const found: { readonly name: string; readonly jws: string }[] = [];
  for (const { name } of (await media.list()).repairs) {
    const read = await media.read(name);
    if (read.ok) found.push({ name, jws: repairText(read.value) });
  }
  return found;
}
