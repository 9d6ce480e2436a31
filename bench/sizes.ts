/** What lies on the device of ours, laid as image and packages lay it, beside the Node it needs. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Row } from './row.ts';

const goalBytes = 15e6;

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
    ];
  } finally {
    rmSync(root, { recursive: true });
  }
}

const bytesBelow = (root: string): number =>
  readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
