/** The same addon and the bundled batch on the oldest Node of the device, with its older OpenSSL: the same verdicts. */
import { spawn } from 'node:child_process';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { bundleProgram } from '../../scripts/bundler.ts';
import { runBatch } from '../fakes/batch.ts';
import { pkitsCases, toLine } from '../fakes/pkits.ts';
import { assert, needs, test } from '../harness.ts';
import { findProgram } from '../programs.ts';

needs(['node20']);

const root = fileURLToPath(new URL('../..', import.meta.url));
const program = `
  import { decideBatch } from '${root}agent/cli/decide.ts';
  import { openJudge } from '${root}agent/edge/judge.ts';
  process.stdin.setEncoding('utf8');
  decideBatch(process.stdin, (line) => { process.stdout.write(line); }, openJudge());`;

test('PKITS on Node 20 is what it is on this Node', async () => {
  await withBundle(async (folder) => {
    await copyFile(join(root, 'build/native/thintrust.node'), join(folder, 'thintrust.node'));
    const lines = pkitsCases.map((row) => `${toLine(row)}\n`);
    const here = (await runBatch(lines)).map((answer) => `${JSON.stringify(answer)}\n`).join('');
    assert.is(await runOn20(join(folder, 'decide.cjs'), lines.join('')), here);
  });
});

test('a bundle without the addon beside it does not start', async () => {
  await withBundle(async (folder) => {
    assert.match(await runOn20(join(folder, 'decide.cjs'), '').catch(String), /certificate path engine is missing/);
  });
});

async function withBundle(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'thintrust-'));
  try {
    await writeFile(join(folder, 'decide.ts'), program);
    await bundleProgram({ entry: join(folder, 'decide.ts'), out: 'decide', target: 'node20' }, folder);
    await run(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function runOn20(script: string, input: string): Promise<string> {
  const child = spawn(findProgram('node20') ?? '', [script], { stdio: 'pipe' });
  const closed = new Promise<number | null>((resolve) => child.on('close', resolve));
  // The child may end before it has read everything; its exit code says so.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const code = await closed;
  if (code !== 0) throw new Error(errors);
  return output;
}
