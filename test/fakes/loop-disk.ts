/** A real ext4 in a file, whose power can be cut: what was not committed to its journal is lost. Needs root. */
import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, truncateSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Files, type OpenFile, realFiles } from '../../agent/edge/files.ts';

export type LoopDisk = {
  /** Where it is mounted. */
  readonly root: string;
  /** Cuts the power and starts again. */
  readonly cut: () => void;
};

const imageBytes = 64 * 1024 * 1024;

/** `commit=60`: the journal is written by fsync, and by nothing else while a test runs. */
export async function withLoopDisk(run: (disk: LoopDisk) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'thintrust-loop-'));
  let image = join(folder, 'image');
  const images = [image];
  const root = join(folder, 'mounted');
  const mount = () => execFileSync('mount', ['-t', 'ext4', '-o', 'loop,commit=60', image, root]);
  mkdirSync(root);
  closeSync(openSync(image, 'w'));
  truncateSync(image, imageBytes);
  execFileSync('mkfs.ext4', ['-q', image]);
  try {
    mount();
    await run({
      root,
      cut: () => {
        execFileSync('xfs_io', ['-x', '-c', 'shutdown', root]);
        execFileSync('umount', [root]);
        // A file of its own: whoever made a mount namespace meanwhile has the file system of before in it, shut down as it is.
        const next = join(folder, `image-${images.length}`);
        execFileSync('cp', ['--sparse=always', image, next]);
        image = next;
        images.push(next);
        mount();
      },
    });
  } finally {
    // Lazily: what a failed test still holds open must not keep the device.
    quietly('umount', '-l', root);
    for (const device of images.flatMap(attached)) quietly('losetup', '-d', device);
    rmSync(folder, { recursive: true });
  }
}

/** Loop devices that still hold the image: none, where unmounting let go of it. */
export const attached = (image: string): readonly string[] =>
  execFileSync('losetup', ['-j', image, '-O', 'NAME', '-n'], { encoding: 'utf8' }).split(/\s+/).filter(Boolean);

/** Truncate, write, no fsync: what no `Files` offers. */
export async function overwriteReal(path: string, bytes: Uint8Array): Promise<void> {
  const descriptor = openSync(path, 'w');
  try {
    writeSync(descriptor, bytes);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Real files that stop answering after n operations that change or sync something, counted as `fakes/disk.ts` does. `release`
 * lets go of what was under way and open.
 */
export function cutFiles(operations: number): {
  readonly files: Files;
  readonly off: Promise<void>;
  readonly release: () => Promise<void>;
} {
  let left = operations;
  let tell = () => {};
  const off = new Promise<void>((done) => {
    tell = done;
  });
  const underWay = new Set<Promise<unknown>>();
  const open = new Set<OpenFile>();
  const counted =
    <Arguments extends readonly unknown[], T>(run: (...args: Arguments) => Promise<T>) =>
    async (...args: Arguments): Promise<T> => {
      if (left === 0) {
        tell();
        await new Promise(() => {});
      }
      left -= 1;
      const running = run(...args);
      underWay.add(running);
      return running.finally(() => underWay.delete(running));
    };
  const files: Files = {
    ...realFiles,
    open: counted(async (path, how, mode) => {
      const file = await realFiles.open(path, how, mode);
      open.add(file);
      const close = async () => {
        if (open.delete(file)) await file.close();
      };
      return { facts: file.facts, write: counted(file.write), sync: counted(file.sync), close };
    }),
    makeDirectory: counted(realFiles.makeDirectory),
    link: counted(realFiles.link),
    rename: counted(realFiles.rename),
    unlink: counted(realFiles.unlink),
    removeDirectory: counted(realFiles.removeDirectory),
    syncDirectory: counted(realFiles.syncDirectory),
  };
  const release = async () => {
    await Promise.allSettled(underWay);
    for (const file of open) await file.close();
    open.clear();
  };
  return { files, off, release };
}

function quietly(program: string, ...args: readonly string[]): void {
  try {
    execFileSync(program, args, { stdio: 'ignore' });
  } catch {
    // It was unmounted or detached before.
  }
}
