/** The TypeScript sources of this repository, and what they import. */
import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export type Source = { readonly path: string; readonly text: string };
export type Import = {
  readonly from: string;
  /** Erased before the program runs: `import type`, `export type … from`. */
  readonly typeOnly: boolean;
  /** What is taken by name; null for anything else (default, namespace, side effect, dynamic). */
  readonly names: readonly string[] | null;
};

const root = fileURLToPath(new URL('../..', import.meta.url));
const folders = 'protocol agent ui server native words scripts test bench'.split(' ');

/** Paths are relative to the repository, with `/`. */
export const readSources = (): readonly Source[] =>
  folders
    .flatMap((folder) =>
      globSync(`${folder}/**/*.{ts,tsx}`, { cwd: root, exclude: (path) => path.endsWith('node_modules') }),
    )
    .sort()
    .map((path) => ({ path, text: readFileSync(`${root}/${path}`, 'utf8') }));

/** Reads the forms the formatter leaves: a statement starts its line, a specifier stands in single quotes. */
export function importsOf(text: string): readonly Import[] {
  const statements = [...text.matchAll(/^(?:import|export)\b(\s+type\b)?([^;'"]*?)\bfrom\s+['"]([^'"]+)['"]/gm)];
  const bare = [...text.matchAll(/^import\s+['"]([^'"]+)['"]/gm)];
  const dynamic = [...text.matchAll(/\b(?:import|require)\s*\(\s*['"]([^'"]+)['"]/g)];
  return [
    ...statements.map(([, type, what = '', from = '']) => ({
      from,
      typeOnly: type !== undefined,
      names: namesOf(what),
    })),
    ...[...bare, ...dynamic].map(([, from = '']) => ({ from, typeOnly: false, names: null })),
  ];
}

function namesOf(what: string): readonly string[] | null {
  const list = /^\s*\{([^}]*)\}\s*$/.exec(what)?.[1];
  if (list === undefined) return null;
  const names = list.split(',').map((name) => name.trim());
  return names.filter((name) => name && !name.startsWith('type ')).map((name) => name.split(' ')[0] ?? name);
}
