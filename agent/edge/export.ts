/**
 * What consumers read: `<runtime>/trust/<purpose>/`, a PEM file for each certificate, named by its fingerprint, and all of
 * them in `bundle.pem`; empty where nothing is trusted. All purposes always exist.
 *
 * `<purpose>` is a link to a hidden directory beside it, named by its content: an export is the old or the new one as a
 * whole, also for a reader that has the old directory open until the export after, and one that changes nothing touches
 * nothing. The runtime directory does not outlive a boot, so nothing is synced and everything is written anew at start.
 */
import { join } from 'node:path';
import { fromBase64, toPem } from '../../protocol/certificate.ts';
import { good, type Result } from '../../protocol/fault.ts';
import type { Purpose } from '../../protocol/schema.ts';
import type { Exported } from '../core/shape.ts';
import { diskFault, errnoOf, type Files } from './files.ts';
import { digestOf } from './manifest.ts';
import { quietly } from './whole-file.ts';

export type ExportTrust = (certificates: readonly Exported[]) => Promise<Result<null>>;
type Content = ReadonlyMap<string, Uint8Array>;

const purposes: readonly Purpose[] = ['ksc', 'rdp', 'broker', 'log'];
/** Public certificates: everybody may read them. */
const folderMode = 0o755;
const exportMode = 0o644;

export function openExport(runtime: string, files: Files): ExportTrust {
  const root = join(runtime, 'trust');
  return async (certificates) => {
    try {
      await makeFolder(files, root);
      for (const purpose of purposes) await exportPurpose(root, purpose, contentFor(purpose, certificates), files);
      return good(null);
    } catch (error) {
      return { ok: false, fault: diskFault(error, 'export') };
    }
  };
}

function contentFor(purpose: Purpose, certificates: readonly Exported[]): Content {
  const chosen = new Map(
    certificates
      .filter((one) => one.purpose === purpose)
      .map(({ der, fingerprint }) => [`${fingerprint}.pem`, toPem(fromBase64(der))] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
  const bundle = [...chosen.values()].join('');
  return new Map([...chosen, ['bundle.pem', bundle] as const].map(([name, text]) => [name, Buffer.from(text, 'utf8')]));
}

async function exportPurpose(root: string, purpose: Purpose, content: Content, files: Files): Promise<void> {
  const digest = digestOf([...content].map(([name, bytes]) => `${name} ${digestOf(bytes)}\n`).join(''));
  const folder = `.${purpose}-${digest.slice(0, 32)}`;
  const link = join(root, purpose);
  if (!(await isWhole(files, join(root, folder), content))) await build(files, join(root, folder), content);
  await quietly(() => files.unlink(`${link}.new`));
  const before = await targetOf(files, link);
  if (before !== folder) {
    await files.link(folder, `${link}.new`);
    await files.rename(`${link}.new`, link);
  }
  for (const name of await files.list(root))
    if (name.startsWith(`.${purpose}-`) && name !== folder && name !== before)
      await files.removeDirectory(join(root, name));
}

async function build(files: Files, folder: string, content: Content): Promise<void> {
  try {
    await files.removeDirectory(folder);
    await files.makeDirectory(folder, folderMode);
    for (const [name, bytes] of content) {
      const file = await files.open(join(folder, name), 'create', exportMode);
      try {
        await file.write(bytes);
      } finally {
        await file.close();
      }
    }
    if (!(await isWhole(files, folder, content)))
      throw Object.assign(new Error('what was exported reads back differently'), { code: 'EIO' });
  } catch (error) {
    await quietly(() => files.removeDirectory(folder));
    throw error;
  }
}

/** Exactly these files with exactly this content. */
async function isWhole(files: Files, folder: string, content: Content): Promise<boolean> {
  try {
    if ((await files.list(folder)).length !== content.size) return false;
    for (const [name, bytes] of content)
      if (!Buffer.from(await files.read(join(folder, name))).equals(bytes)) return false;
    return true;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw error;
  }
}

async function makeFolder(files: Files, folder: string): Promise<void> {
  try {
    await files.makeDirectory(folder, folderMode);
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
  }
}

async function targetOf(files: Files, link: string): Promise<string | null> {
  try {
    return await files.readLink(link);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'EINVAL') await files.removeDirectory(link);
    else if (errno !== 'ENOENT') throw error;
    return null;
  }
}
