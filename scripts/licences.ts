/**
 * What licences ask for: the notice of every package of others that is inside a bundle. Read from what esbuild put there, so
 * nothing can be forgotten and nothing is named that was left out.
 */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

type Inside = { readonly program: string; readonly files: readonly string[] };
type Notice = { readonly title: string; readonly text: string; readonly licence: string };
type Manifest = {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
  readonly licenses?: readonly { readonly type: string }[];
  readonly author?: string | { readonly name: string };
};

/** Made at build time, with parts of a package inside. */
const made: Readonly<Record<string, string>> = { 'build/validators.js': 'node_modules/ajv' };
/** Where a package lets its user choose, what we chose. */
const chosen: Readonly<Record<string, string>> = { '(BSD-3-Clause OR GPL-2.0)': 'BSD-3-Clause' };

/** Sorted by name; throws for a package that declares no licence. */
export function licencesOf(inside: readonly Inside[]): string {
  const notices = new Map<string, Notice & { readonly programs: Set<string> }>();
  for (const { program, files } of inside)
    for (const folder of new Set(files.map(folderOf).filter((name) => name !== null))) {
      const notice = readNotice(folder);
      const { programs } = notices.get(notice.title) ?? { programs: new Set() };
      notices.set(notice.title, { ...notice, programs: programs.add(program) });
    }
  const sorted = [...notices.values()].sort((a, b) => (a.title < b.title ? -1 : 1));
  const kinds = [...new Set(sorted.map(({ licence }) => licence))].sort();
  const head = `Packages of others inside the programs of thintrust, and their licences.\n\nLicences: ${kinds.join(' & ')}\n`;
  const parts = sorted.map(({ title, text, programs }) => `${title}, in ${[...programs].join(', ')}\n\n${text}\n`);
  return [head, ...parts].join(`\n${'='.repeat(78)}\n`);
}

/** `node_modules/a/node_modules/@b/c` of a file below it; null for a file of ours. */
const folderOf = (path: string): string | null =>
  made[path] ?? /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? null;

function readNotice(folder: string): Notice {
  const manifest: Manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const declared = manifest.license ?? manifest.licenses?.map(({ type }) => type).join(' AND ');
  if (!declared) throw new Error(`${folder} declares no licence`);
  const licence = chosen[declared] ?? declared;
  const [file] = globSync(['LICEN[CS]E*', 'license*'], { cwd: folder }).sort();
  const author = typeof manifest.author === 'string' ? manifest.author : (manifest.author?.name ?? 'its authors');
  const text = file ? readFileSync(join(folder, file), 'utf8').trim() : `Copyright ${author}. Licence: ${licence}.`;
  return { title: `${manifest.name} ${manifest.version} (${licence})`, text, licence };
}
