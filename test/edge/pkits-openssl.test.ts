/**
 * The engine beside the `openssl verify` command with the same flags over PKITS: nothing is accepted that the command
 * rejects, and nothing rejected that it accepts. Each case is one process, so this takes seconds.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { runBatch } from '../fakes/batch.ts';
import { certificatePem, crlPem, nameOf, type PkitsCase, pkitsCases, pkitsTime, toLine } from '../fakes/pkits.ts';
import { assert, needs, table } from '../harness.ts';

needs(['openssl']);

const run = promisify(execFile);
const flags = (
  '-x509_strict -trusted_first -partial_chain -auth_level 2 -verify_depth 10 -purpose sslserver ' +
  '-crl_check_all -extended_crl -use_deltas -policy_check -no-CAfile -no-CApath -no-CAstore'
).split(' ');
const rows = pkitsCases.map((row) => ({ name: nameOf(row), row }));

table('PKITS as the openssl command has it', rows, async ({ row }) => {
  const [answer] = await runBatch([toLine(row)]);
  assert.is(answer?.trusted, await accepts(row));
});

/** Exit 2 is a verdict; anything else that fails is no answer. */
async function accepts(row: PkitsCase): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), 'thintrust-'));
  try {
    await run('openssl', ['verify', ...flags, ...(await lay(folder, row)), join(folder, 'leaf')]);
    return true;
  } catch (error) {
    if ((error as { code?: unknown }).code !== 2) throw error;
    return false;
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function lay(folder: string, row: PkitsCase): Promise<readonly string[]> {
  const middle = row.certs.slice(1, -1);
  await writeFile(join(folder, 'anchor'), certificatePem(row.certs[0] ?? ''));
  await writeFile(join(folder, 'middle'), middle.map(certificatePem).join(''));
  await writeFile(join(folder, 'leaf'), certificatePem(row.certs.at(-1) ?? ''));
  await writeFile(join(folder, 'crls'), row.crls.map(crlPem).join(''));
  return [
    ...['-attime', String(Date.parse(pkitsTime) / 1000)],
    ...['-CAfile', join(folder, 'anchor'), '-CRLfile', join(folder, 'crls')],
    ...(middle.length > 0 ? ['-untrusted', join(folder, 'middle')] : []),
    ...row.initial_policy_set.flatMap((policy) => ['-policy', policy]),
    ...(row.initial_explicit_policy ? ['-explicit_policy'] : []),
    ...(row.initial_policy_mapping_inhibit ? ['-inhibit_map'] : []),
    ...(row.initial_inhibit_any_policy ? ['-inhibit_any'] : []),
  ];
}
