/** Files that are written once, as a whole. Between writing and `finish` many can be under way, for one common sync. */
import { errnoOf, type FileFacts, type Files, type OpenFile } from './files.ts';
import { isOurs, readSound } from './generations.ts';

export type Written = {
  readonly facts: FileFacts;
  /** Content and size are durable when it answers; the name is its directory's. Where it fails, the file is gone. */
  readonly finish: () => Promise<void>;
  readonly abandon: () => Promise<void>;
};

export const fileMode = 0o600;

/** For a name that nothing durable refers to: what is there is replaced. */
export async function writeAnew(files: Files, path: string, bytes: Uint8Array): Promise<Written> {
  return (await create(files, path, bytes)) ?? (await replace(files, path, bytes));
}

/**
 * For a name made of the content. What is there already and right may be all that an older generation has: it is not
 * rewritten but synced, since nobody knows whether it ever was.
 */
export async function writeImmutable(files: Files, path: string, bytes: Uint8Array, sha256: string): Promise<Written> {
  const created = await create(files, path, bytes);
  if (created) return created;
  const found = await readSound(files, path, bytes.length, sha256);
  if ('wrong' in found || found.facts.mode !== fileMode || !isOurs(found.facts)) return replace(files, path, bytes);
  const file = await files.open(path, 'append', fileMode);
  return { facts: found.facts, finish: () => syncAndClose(file), abandon: () => file.close() };
}

/** For what the next start, or the next sweep, does again. Only the system's errors are forgiven. */
export async function quietly(run: () => Promise<unknown>): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (errnoOf(error) === null) throw error;
  }
}

async function replace(files: Files, path: string, bytes: Uint8Array): Promise<Written> {
  await files.unlink(path);
  const created = await create(files, path, bytes);
  if (!created) throw new Error(`${path} is made by somebody else`);
  return created;
}

/** Null where there is a file already. */
async function create(files: Files, path: string, bytes: Uint8Array): Promise<Written | null> {
  let file: OpenFile;
  try {
    file = await files.open(path, 'create', fileMode);
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return null;
    throw error;
  }
  const removing = async (run: () => Promise<void>): Promise<void> => {
    try {
      await run();
    } catch (error) {
      await quietly(() => files.unlink(path));
      throw error;
    }
  };
  const abandon = async () => {
    await quietly(() => file.close());
    await quietly(() => files.unlink(path));
  };
  try {
    await file.write(bytes);
    const facts = await file.facts();
    return { facts, finish: () => removing(() => syncAndClose(file)), abandon };
  } catch (error) {
    await abandon();
    throw error;
  }
}

async function syncAndClose(file: OpenFile): Promise<void> {
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
