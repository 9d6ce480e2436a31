/**
 * What consumers read: `<runtime>/trust/<purpose>/`, a PEM file for each certificate, named by its fingerprint, and all of
 * them in `bundle.pem`; empty where nothing is trusted. Links named by the hash of the subject make it a directory for
 * OpenSSL (`-CApath`), and so for syslog-ng (`ca-dir`); `log` has configuration fragments beside them. All purposes always
 * exist.
 *
 * `<purpose>` is a link to a hidden directory beside it, named by its content: an export is the old or the new one as a
 * whole, also for a reader that has the old directory open until the export after, and one that changes nothing touches
 * nothing. The runtime directory does not outlive a boot, so nothing is synced and everything is written anew at start.
 */
import { join } from 'node:path';
import { fromBase64, toPem } from '../../protocol/certificate.ts';
import { good, type Result } from '../../protocol/fault.ts';
import type { Purpose } from '../../protocol/schema.ts';
import { subjectHash } from '../../protocol/subject-hash.ts';
import type { Exported } from '../core/shape.ts';
import { diskFault, errnoOf, type Files } from './files.ts';
import { logFragments } from './log-fragments.ts';
import { digestOf } from './manifest.ts';
import { quietly } from './whole-file.ts';

export type ExportTrust = (certificates: readonly Exported[]) => Promise<Result<null>>;
/** By name: the bytes of a file, or where a link points. */
type Content = ReadonlyMap<string, Uint8Array | string>;
export type Modes = { readonly folder: number; readonly file: number };

const purposes: readonly Purpose[] = ['ksc', 'rdp', 'broker', 'log'];
/** Public certificates: everybody may read them. */
const modes: Modes = { folder: 0o755, file: 0o644 };

export function openExport(runtime: string, files: Files): ExportTrust {
  const root = join(runtime, 'trust');
  return async (certificates) => {
    try {
      await makeFolder(files, root, modes.folder);
      for (const purpose of purposes)
        await exportFolder(root, purpose, contentFor(root, purpose, certificates), files, modes);
      return good(null);
    } catch (error) {
      return { ok: false, fault: diskFault(error, 'export') };
    }
  };
}

function contentFor(root: string, purpose: Purpose, certificates: readonly Exported[]): Content {
  const chosen = new Map(
    certificates
      .filter((one) => one.purpose === purpose)
      .map(({ der, fingerprint }) => [`${fingerprint}.pem`, fromBase64(der)] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
  const texts = new Map([...chosen].map(([name, der]) => [name, toPem(der)]));
  const plain = new Map<string, string>([...texts, ['bundle.pem', [...texts.values()].join('')]]);
  if (purpose === 'log') for (const [name, text] of logFragments(join(root, purpose))) plain.set(name, text);
  return new Map<string, Uint8Array | string>([
    ...[...plain].map(([name, text]) => [name, Buffer.from(text, 'utf8')] as const),
    ...hashLinks(chosen),
  ]);
}

/** `<hash>.<n>`, as `openssl rehash` numbers those of one subject: in the order of the file names. */
function hashLinks(chosen: ReadonlyMap<string, Uint8Array>): readonly (readonly [string, string])[] {
  const counts = new Map<string, number>();
  const links: (readonly [string, string])[] = [];
  for (const [name, der] of chosen) {
    const hash = subjectHash(der);
    if (hash === null) continue;
    const count = counts.get(hash) ?? 0;
    counts.set(hash, count + 1);
    links.push([`${hash}.${count}`, name]);
  }
  return links;
}

/** `<root>/<name>` as a link to a hidden directory with this content; the directory before stays for who has it open. */
export async function exportFolder(
  root: string,
  name: string,
  content: Content,
  files: Files,
  modes: Modes,
): Promise<void> {
  const digest = digestOf([...content].map(([file, each]) => `${file} ${digestOf(each)}\n`).join(''));
  const folder = `.${name}-${digest.slice(0, 32)}`;
  const link = join(root, name);
  if (!(await isWhole(files, join(root, folder), content))) await build(files, join(root, folder), content, modes);
  await quietly(() => files.unlink(`${link}.new`));
  const before = await targetOf(files, link);
  if (before !== folder) {
    await files.link(folder, `${link}.new`);
    await files.rename(`${link}.new`, link);
  }
  for (const other of await files.list(root))
    if (isVersionOf(other, name) && other !== folder && other !== before)
      await files.removeDirectory(join(root, other));
}

/** Of a name that begins with this one, more than digits follows. */
const isVersionOf = (folder: string, name: string): boolean =>
  folder.startsWith(`.${name}-`) && /^[0-9a-f]+$/.test(folder.slice(name.length + 2));

async function build(files: Files, folder: string, content: Content, modes: Modes): Promise<void> {
  try {
    await files.removeDirectory(folder);
    await files.makeDirectory(folder, modes.folder);
    for (const [name, each] of content)
      if (typeof each === 'string') await files.link(each, join(folder, name));
      else await writeFile(files, join(folder, name), each, modes.file);
    if (!(await isWhole(files, folder, content)))
      throw Object.assign(new Error('what was exported reads back differently'), { code: 'EIO' });
  } catch (error) {
    await quietly(() => files.removeDirectory(folder));
    throw error;
  }
}

async function writeFile(files: Files, path: string, bytes: Uint8Array, mode: number): Promise<void> {
  const file = await files.open(path, 'create', mode);
  try {
    await file.write(bytes);
  } finally {
    await file.close();
  }
}

/** Exactly these files with exactly this content. */
async function isWhole(files: Files, folder: string, content: Content): Promise<boolean> {
  try {
    if ((await files.list(folder)).length !== content.size) return false;
    for (const [name, each] of content) {
      const path = join(folder, name);
      const same =
        typeof each === 'string'
          ? (await files.readLink(path)) === each
          : Buffer.from(await files.read(path)).equals(each);
      if (!same) return false;
    }
    return true;
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOENT' || errno === 'EINVAL') return false;
    throw error;
  }
}

export async function makeFolder(files: Files, folder: string, mode: number): Promise<void> {
  try {
    await files.makeDirectory(folder, mode);
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
