/** The built Web Console: read once, compressed once, served from memory. Hashed names stay for good, pages never. */
import { existsSync, globSync, readFileSync, statSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

export type WebFile = {
  readonly type: string;
  readonly content: Buffer;
  /** Null where compression gains nothing. */
  readonly gzip: Buffer | null;
  readonly cache: string;
};
/** By the path of an address. What is no file is the page itself, which knows its own paths; null where nothing was built. */
export type WebFiles = (path: string) => WebFile | null;

const page = '/index.html';
const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.json': 'application/json; charset=utf-8',
  '.txt': 'text/plain; charset=utf-8',
};
const compressed = /^(text|application)\/|svg/;
/** As Vite names what it builds. */
const hashed = /^\/assets\/.+-[A-Za-z0-9_-]{8}\.[a-z0-9]+$/;

/** Beside the program, or where `make build` puts it. */
export function webDirectory(): string {
  const here = dirname(fileURLToPath(import.meta.url));
  const beside = join(here, 'web');
  return existsSync(join(beside, page)) ? beside : join(here, '../../dist/web');
}

export function readWebFiles(directory: string): WebFiles {
  const files = new Map<string, WebFile>();
  for (const name of existsSync(directory) ? globSync('**/*', { cwd: directory }) : []) {
    const type = types[extname(name)];
    if (type === undefined || !statSync(join(directory, name)).isFile()) continue;
    const content = readFileSync(join(directory, name));
    const small = compressed.test(type) ? gzipSync(content, { level: 9 }) : null;
    const path = `/${name}`;
    const cache = hashed.test(path) ? 'public, max-age=31536000, immutable' : 'no-cache';
    files.set(path, { type, content, gzip: small && small.length < content.length ? small : null, cache });
  }
  return (path) => {
    const found = files.get(path);
    if (found) return found;
    // A file of another version that is gone is gone, and no page.
    return path.startsWith('/assets/') ? null : (files.get(page) ?? null);
  };
}
