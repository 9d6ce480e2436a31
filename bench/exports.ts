/** Exports of a large store, beside `openssl rehash` over a directory of the same certificates. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Exported } from '../agent/core/shape.ts';
import { openExport } from '../agent/edge/export.ts';
import { realFiles } from '../agent/edge/files.ts';
import { fingerprintOf, toBase64, toPem } from '../protocol/certificate.ts';
import { issue } from '../test/fakes/issue.ts';
import type { Row } from './row.ts';

const certificates = 500;
const rounds = 5;

/** `openssl rehash` writes no certificate, checks nothing and knows one purpose; it only makes the links. */
export async function benchExport(): Promise<Row[]> {
  const made = Array.from({ length: certificates }, (_, number) => issue({ cn: `Root ${number}`, ca: true }).der);
  const exported = made.map(
    (der): Exported => ({
      purpose: 'rdp',
      source: 'policy',
      fingerprint: fingerprintOf(der),
      der: toBase64(der),
    }),
  );
  const folder = mkdtempSync(join(tmpdir(), 'thintrust-'));
  try {
    const ours: number[] = [];
    const theirs: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const runtime = join(folder, `runtime-${round}`);
      mkdirSync(runtime);
      ours.push(await took(() => openExport(runtime, realFiles)(exported)));
      const plain = join(folder, `plain-${round}`);
      mkdirSync(plain);
      made.forEach((der, number) => {
        writeFileSync(join(plain, `${number}.pem`), toPem(der));
      });
      theirs.push(await took(() => execFileSync('openssl', ['rehash', plain], { stdio: 'ignore' })));
    }
    const [figure, floor] = [median(ours), median(theirs)];
    return [
      {
        what: `export of ${certificates} certificates, written, read back and hashed, beside \`openssl rehash\``,
        figure: `${figure.toFixed(0)} ms`,
        floor: `${floor.toFixed(0)} ms`,
        goal: 'none named',
        met: true,
      },
    ];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function took(run: () => unknown): Promise<number> {
  const started = performance.now();
  await run();
  return performance.now() - started;
}

const median = (values: readonly number[]): number =>
  [...values].sort((one, other) => one - other)[Math.floor(values.length / 2)] ?? 0;
