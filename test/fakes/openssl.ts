/** The `openssl` command, in a folder of its own that lives for one call. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export type Files = { readonly [name: string]: string | Uint8Array };

/**
 * What it prints, or the file `out` where it wrote one; throws where it refuses, and where a signature does not hold:
 * `openssl req -verify` says so and leaves with 0.
 */
export function openssl(args: readonly string[], files: Files = {}): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'thintrust-openssl-'));
  try {
    for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
    const { status, stdout, stderr } = spawnSync('openssl', args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
    if (status !== 0 || stderr.includes('verify failure')) throw new Error(`openssl ${args.join(' ')}: ${stderr}`);
    return args.includes('-out') ? readFileSync(join(folder, 'out')) : stdout;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
