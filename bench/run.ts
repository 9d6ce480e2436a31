/** `make bench`: every figure beside its floor, measured in this one run. Names of benches as arguments choose among them. */
import { benchMemory, benchStart } from './agent.ts';
import { benchApply } from './apply.ts';
import { benchCertificates } from './certificates.ts';
import { benchConnect } from './connect.ts';
import { benchDecide } from './decide.ts';
import { benchExport } from './exports.ts';

import { benchImage } from './image.ts';

import { benchIssue } from './issue.ts';

import { benchLog } from './log.ts';
import { benchPage } from './page.ts';
import { benchPublish } from './publish.ts';
import type { Row } from './row.ts';
import { benchSizes } from './sizes.ts';
import { benchSlots } from './slots.ts';
import { benchUi } from './ui.ts';

const benches: Readonly<Record<string, () => Promise<readonly Row[]>>> = {
  start: benchStart,
  memory: benchMemory,
  apply: benchApply,
  decide: benchDecide,
  export: benchExport,
  connect: benchConnect,
  log: benchLog,
  sizes: benchSizes,
  slots: benchSlots,
  certificates: benchCertificates,
  page: benchPage,
  issue: benchIssue,
  publish: benchPublish,
  console: benchUi,
};

/** Need more than this clone, and take long: only where they are named. */
const benchesByName: typeof benches = { image: benchImage };

const columns = ['what', 'figure', 'floor', 'goal', 'met'] as const;

function print(rows: readonly Row[]): void {
  const table = [columns.map(String), ...rows.map((row) => columns.map((column) => cell(row[column])))];
  const widths = columns.map((_, index) => Math.max(...table.map((line) => line[index]?.length ?? 0)));
  for (const line of table)
    process.stdout.write(
      `${line
        .map((text, index) => text.padEnd(widths[index] ?? 0))
        .join('  ')
        .trimEnd()}\n`,
    );
}

const cell = (value: string | boolean): string => (typeof value === 'boolean' ? (value ? 'yes' : 'NO') : value);

async function main(wanted: readonly string[]): Promise<number> {
  const all = { ...benches, ...benchesByName };
  const unknown = wanted.filter((name) => !(name in all));
  if (unknown.length > 0) {
    process.stderr.write(`no bench ${unknown.join(', ')}; there are ${Object.keys(all).join(', ')}\n`);
    return 2;
  }
  const rows: Row[] = [];
  for (const [name, bench] of Object.entries(wanted.length > 0 ? all : benches)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    process.stderr.write(`measuring ${name} …\n`);
    rows.push(...(await bench()));
  }
  print(rows);
  return 0;
}

main(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});
