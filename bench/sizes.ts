/** What lies on the device of ours, laid as image and packages lay it, beside the Node it needs; what a browser loads. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { loadedBytes } from '../scripts/web-bundler.ts';
import type { Row } from './row.ts';

const goalBytes = 15e6;
const goalWebBytes = 100e3;

export async function benchSizes(): Promise<Row[]> {
  const root = mkdtempSync(join(tmpdir(), 'thintrust-sizes-'));
  try {
    execFileSync('packaging/install.sh', ['device', root], { stdio: 'pipe' });
    const bytes = bytesBelow(root);
    return [
      {
        what: 'files of ours on the device',
        figure: megabytes(bytes),
        floor: `node ${megabytes(statSync(process.execPath).size)}`,
        goal: `≤ ${megabytes(goalBytes)}`,
        met: bytes <= goalBytes,
      },
      webRow(),
    ];
  } finally {
    rmSync(root, { recursive: true });
  }
}

function webRow(): Row {
  const packed = (path: string): number => gzipSync(readFileSync(path), { level: 9 }).length;
  const bytes = loadedBytes('dist/web');
  return {
    what: 'Web Console, compressed, with the larger language',
    figure: kilobytes(bytes),
    floor: `preact ${kilobytes(packed('node_modules/preact/dist/preact.mjs'))}`,
    goal: `≤ ${kilobytes(goalWebBytes)}`,
    met: bytes <= goalWebBytes,
  };
}

const bytesBelow = (root: string): number =>
  readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
const kilobytes = (bytes: number): string => `${(bytes / 1e3).toFixed(1)} kB`;
