/** The Web Console as static files: Vite, hashed names, nothing inlined. The server compresses them. */
import { globSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build, type Plugin } from 'vite';

export type WebBundle = {
  /** What is inside, relative to the repository. */
  readonly files: readonly string[];
  /** Of all files, each by itself, as the server sends them. */
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
    plugins: [listModules(inside)],
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
  const gzipBytes = globSync('**/*.{html,js,css,svg}', { cwd: resolve(root, folder) })
    .map((path) => gzipSync(readFileSync(resolve(root, folder, path)), { level: 9 }).length)
    .reduce((total, bytes) => total + bytes, 0);
  return { files: [...inside].sort(), gzipBytes };
}

/** Modules of which something is left after what is not used was dropped. */
const listModules = (inside: Set<string>): Plugin => ({
  name: 'list-modules',
  generateBundle(_options, bundle) {
    for (const part of Object.values(bundle))
      if (part.type === 'chunk')
        for (const [id, { renderedLength }] of Object.entries(part.modules))
          if (renderedLength > 0 && !id.startsWith('\0')) inside.add(relative(root, id));
  },
});
