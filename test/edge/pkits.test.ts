/** NIST PKITS 1.0.1 through the batch command, in this process and in its own, CRLs and policy inputs included. Known divergences pass only as written. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { FaultCode } from '../../protocol/fault.ts';
import { runBatch } from '../fakes/batch.ts';
import { nameOf, type PkitsCase, pkitsCases, pkitsDivergences, toLine } from '../fakes/pkits.ts';
import { assert, table, test } from '../harness.ts';

/** What a section of the suite is about. */
const sections: readonly (readonly [string, FaultCode])[] = [
  ['4.1.', 'path-invalid'],
  ['4.2.', 'expired'],
  ['4.3.', 'issuer-unknown'],
  ['4.4.', 'crl-unavailable'],
  ['4.5.', 'revoked'],
  ['4.6.', 'path-too-long'],
  ['4.7.', 'path-invalid'],
  ['4.8.', 'policy-constraint'],
  ['4.9.', 'policy-constraint'],
  ['4.10.', 'policy-constraint'],
  ['4.11.', 'policy-constraint'],
  ['4.12.', 'policy-constraint'],
  ['4.13.', 'name-constraint'],
  ['4.14.', 'crl-unavailable'],
  ['4.15.', 'revoked'],
  ['4.16.', 'path-invalid'],
];
const exceptions: ReadonlyMap<string, FaultCode> = new Map(
  Object.entries({
    'certificate-weak-key': '4.1.6',
    'not-yet-valid': '4.2.1 4.2.2',
    revoked:
      '4.4.2 4.4.3 4.4.15 4.4.18 4.4.20 4.14.2 4.14.6 4.14.15 4.14.16 4.14.20 4.14.21 4.14.23 4.14.31 4.14.32 4.14.34',
    'path-invalid': '4.5.8 4.6.1 4.6.2 4.6.3',
    'crl-unavailable': '4.7.4 4.7.5 4.15.1 4.15.10',
  } satisfies Partial<Record<FaultCode, string>>).flatMap(([fault, ids]) =>
    ids.split(' ').map((id): [string, FaultCode] => [id, fault as FaultCode]),
  ),
);
const divergences = new Map(pkitsDivergences.map((one) => [one.id, one]));
const rows = pkitsCases.map((row) => ({ name: nameOf(row), row }));

table('PKITS', rows, async ({ name, row }) => {
  assert.equal(await runBatch([toLine(row)]), [{ id: name, ...expected(row) }]);
});

test('PKITS through the program itself, all cases in one process', () => {
  const program = fileURLToPath(new URL('../../dist/thintrust.cjs', import.meta.url));
  const input = rows.map(({ row }) => `${toLine(row)}\n`).join('');
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, 'decide', '--batch'], {
    input,
    encoding: 'utf8',
  });
  assert.equal([status, stderr], [0, '']);
  assert.equal(
    stdout
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line)),
    rows.map(({ name, row }) => ({ id: name, ...expected(row) })),
  );
});

table('PKITS, without a name the same for whatever purpose a path is asked for', rows, async ({ name, row }) => {
  const purposes = ['rdp', 'broker', 'log', 'client'];
  const answers = await runBatch(purposes.map((purpose) => `${toLine(row, purpose)}\n`));
  assert.equal(
    answers,
    purposes.map(() => ({ id: name, ...expected(row) })),
  );
});

test('PKITS: a divergence is only ever a refusal, has a reason, and names one case', () => {
  for (const { id, reason } of pkitsDivergences) {
    const named = pkitsCases.filter((row) => row.id === id);
    assert.is(named.length, 1, id);
    assert.ok(named[0]?.should_validate, id);
    assert.ok(reason.length > 20, id);
  }
  assert.is(divergences.size, pkitsDivergences.length);
});

test('PKITS is whole: 247 cases, 135 of them invalid', () => {
  assert.is(pkitsCases.length, 247);
  assert.is(pkitsCases.filter((row) => !row.should_validate).length, 135);
});

function expected(row: PkitsCase): { trusted: boolean; fault?: string } {
  const known = divergences.get(row.id);
  if (known) return { trusted: false, fault: known.fault };
  return row.should_validate ? { trusted: true } : { trusted: false, fault: faultOf(row) };
}

function faultOf({ id }: PkitsCase): FaultCode {
  const found = exceptions.get(id) ?? sections.find(([prefix]) => id.startsWith(prefix))?.[1];
  if (!found) throw new Error(`no fault is known for ${id}`);
  return found;
}
