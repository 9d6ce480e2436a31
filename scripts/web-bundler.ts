/** The Web Console as static files: Vite, hashed names, nothing inlined. The server compresses them. */
import { globSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build, type Plugin } from 'vite';

export type WebBundle = {
  /** What is inside, relative to the repository. */
  readonly files: readonly string[];
  /** Of all that a browser loads. */
  readonly gzipBytes: number;
};

const root = fileURLToPath(new URL('..', import.meta.url));
/** Not older: `light-dark()`, nesting, `:has()`. */
const browsers = ['chrome123', 'firefox128', 'safari17.5'];

/** Writes `folder` anew: `index.html`, `favicon.svg`, `assets/*`. The same source gives the same bytes. */
export async function bundleWeb(folder: string): Promise<WebBundle> {
  const inside = new Set<string>();
  await build({
    configFile: false,
    root: join(root, 'server/web'),
    publicDir: join(root, 'server/web/public'),
    cacheDir: join(root, 'build/vite'),
    logLevel: 'warn',
    plugins: [splitLanguages, listModules(inside)],
    oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
    build: {
      outDir: resolve(root, folder),
      emptyOutDir: true,
      target: browsers,
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      reportCompressedSize: false,
      rolldownOptions: { treeshake: { propertyReadSideEffects: false } },
    },
  });
  return { files: [...inside].sort(), gzipBytes: loadedBytes(resolve(root, folder)) };
}

/** Of what was built, each file by itself, as the server sends them; of languages the larger one. */
export function loadedBytes(folder: string): number {
  const sizes = globSync('**/*.{html,js,css,svg}', { cwd: folder }).map((path) => ({
    isLanguage: languageFile.test(path),
    bytes: gzipSync(readFileSync(join(folder, path)), { level: 9 }).length,
  }));
  const ofAll = sizes.filter(({ isLanguage }) => !isLanguage).reduce((total, { bytes }) => total + bytes, 0);
  return ofAll + Math.max(...sizes.map(({ isLanguage, bytes }) => (isLanguage ? bytes : 0)));
}

/** The chunk of one language. */
const languageFile = /words-(en|ru)-[\w-]+\.js$/;
const languageRoot = /\/server\/web\/words-(en|ru)\.ts$/;
const ofLanguage = /\/words\/[\w/-]+\.ts\?(en|ru)$/;

/**
 * Words of a page stand in one file in both languages, so that a translator sees them side by side. Each language gets such files as
 * modules of its own (`?en`, `?ru`), from which what belongs to the other is dropped; a browser loads one of them.
 */
const splitLanguages: Plugin = {
  name: 'split-languages',
  enforce: 'pre',
  async resolveId(source, importer, options) {
    const [, language] = languageRoot.exec(importer ?? '') ?? ofLanguage.exec(importer ?? '') ?? [];
    if (language === undefined || !source.startsWith('.')) return null;
    const found = await this.resolve(source, importer, { ...options, skipSelf: true });
    return found && /\/words\/[\w/-]+\.ts$/.test(found.id) ? { ...found, id: `${found.id}?${language}` } : found;
  },
};

/** Modules of which something is left after what is not used was dropped. */
const listModules = (inside: Set<string>): Plugin => ({
  name: 'list-modules',
  generateBundle(_options, bundle) {
    for (const part of Object.values(bundle))
      if (part.type === 'chunk')
        for (const [id, { renderedLength }] of Object.entries(part.modules))
          if (renderedLength > 0 && !id.startsWith('\0')) inside.add(relative(root, id.replace(/\?\w+$/, '')));
  },
});
