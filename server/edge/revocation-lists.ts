/**
 * Certificates of servers that their authorities revoked: for which purposes devices of a group look them up, and the lists
 * they look in. Lists come from administrators and go with the signed policy.
 */
import { fromBase64, toBase64 } from '../../protocol/certificate.ts';
import { bad, type Fault, fault, good, type Result } from '../../protocol/fault.ts';
import { maxDocumentBytes } from '../../protocol/limits.ts';
import { readPem } from '../../protocol/pem.ts';
import { countOf, isMadeBy, parseRevocationList, type RevocationList } from '../../protocol/revocation-list.ts';
import type { ClientPurpose, RevocationMode } from '../../protocol/schema.ts';
import { flatten, isLater, noRevocation, pathTo, type RevocationModes, type Settings } from '../core/policy.ts';
import { type Actor, audit, type Server } from './context.ts';
import { readGroups } from './documents.ts';
import { editPolicy } from './policies.ts';
import type { Database, Tables } from './tables.ts';

export type ListUpload = { readonly file: string; readonly content: Uint8Array };

const maxFileName = 255;

/**
 * Whether devices of the group refuse what the lists revoke (`soft`), and what no list in force covers as well (`hard`). The
 * strictest of the group and those above it counts. Faults: `not-found`, `not-allowed`, and those of `checkPolicy`.
 */
export const setRevocation = (
  server: Server,
  actor: Actor,
  group: string,
  { purpose, mode }: { readonly purpose: ClientPurpose; readonly mode: RevocationMode },
): Promise<Result<null>> =>
  editPolicy(server, group, 'certificates', async (trx, target) => {
    const modes: RevocationModes = target.revocation === null ? noRevocation : JSON.parse(target.revocation);
    const revocation = JSON.stringify({ ...modes, [purpose]: mode });
    await trx.updateTable('groups').set({ revocation }).where('id', '=', target.id).execute();
    const facts = { group: target.name, purpose, mode };
    await audit(server, trx, { actor, action: 'revocation-set', subject: target.id, facts });
    return good(null);
  });

/**
 * Adds every list of a DER or PEM file, or none; each takes the place of the one before it. Where its authority is among the
 * certificates of the group, the signature must hold. Answers with fingerprints. Faults: `crl-unreadable`, `crl-partial`,
 * `too-large`, `crl-older` (not newer than the one devices have), `crl-forged`, `not-found`, `not-allowed`, and those of `checkPolicy`.
 */
export const addRevocationLists = (
  server: Server,
  actor: Actor,
  group: string,
  { file, content }: ListUpload,
): Promise<Result<readonly string[]>> =>
  editPolicy(server, group, 'certificates', async (trx, target) => {
    const read = readLists(content);
    if (!read.ok) return read;
    for (const list of read.value) {
      const wrong = judge(await effective(trx, target.id), list, file);
      if (wrong) return { ok: false, fault: wrong };
      const row = rowOf(list, file.slice(-maxFileName));
      await trx
        .insertInto('policy_revocation_lists')
        .values({ group_id: target.id, ...row, added_at: server.clock() })
        .onConflict((conflict) => conflict.columns(['group_id', 'series']).doUpdateSet(row))
        .execute();
      const facts = { group: target.name, file: row.file, issuer: list.owner, revoked: countOf(list) ?? 0 };
      await audit(server, trx, { actor, action: 'revocation-list-added', subject: list.fingerprint, facts });
    }
    return good(read.value.map(({ fingerprint }) => fingerprint));
  });

/** Faults: `not-found` for group and list, `not-allowed`. */
export const removeRevocationList = (
  server: Server,
  actor: Actor,
  group: string,
  fingerprint: string,
): Promise<Result<null>> =>
  editPolicy(server, group, 'certificates', async (trx, target) => {
    const { numDeletedRows } = await trx
      .deleteFrom('policy_revocation_lists')
      .where('group_id', '=', target.id)
      .where('fingerprint', '=', fingerprint)
      .executeTakeFirstOrThrow();
    if (numDeletedRows === 0n) return bad('not-found', { what: fingerprint });
    const facts = { group: target.name };
    await audit(server, trx, { actor, action: 'revocation-list-removed', subject: fingerprint, facts });
    return good(null);
  });

/** All of a row but its group and its time. */
export const rowOf = (
  list: RevocationList,
  file: string,
): Omit<Tables['policy_revocation_lists'], 'group_id' | 'added_at'> => ({
  series: list.series,
  fingerprint: list.fingerprint,
  file,
  list: toBase64(list.der),
  number: list.number === null ? null : String(list.number),
  this_update: list.thisUpdate,
});

/** One DER list, or the PEM blocks of a text. */
function readLists(content: Uint8Array): Result<readonly RevocationList[]> {
  if (content.length > maxDocumentBytes) return bad('too-large', { bytes: content.length, limit: maxDocumentBytes });
  const text = Buffer.from(content).toString('latin1');
  const blocks = text.includes('-----BEGIN') ? readPem(text, 'X509 CRL') : good([content]);
  if (!blocks.ok) return bad('crl-unreadable', blocks.fault.facts);
  const found: RevocationList[] = [];
  for (const der of blocks.value) {
    const read = parseRevocationList(der);
    if (!read.ok) return read;
    if (countOf(read.value) === null) return bad('crl-unreadable');
    found.push(read.value);
  }
  return good(found);
}

/** What devices of the group get. */
async function effective(trx: Database, group: string): Promise<Settings> {
  const groups = await readGroups(trx);
  return flatten(pathTo(groups, group).flatMap(({ id }) => groups.get(id)?.settings ?? []));
}

function judge({ certificates, revocation }: Settings, list: RevocationList, file: string): Fault | null {
  const held = revocation.lists.find(({ series }) => series === list.series);
  const row = rowOf(list, file);
  if (held && !isLater({ ...row, thisUpdate: row.this_update }, held)) {
    const date = new Date(held.thisUpdate).toISOString().slice(0, 10);
    return fault('crl-older', { date });
  }
  const signatures = certificates.entries.map(({ certificate }) => isMadeBy(list, fromBase64(certificate)));
  return signatures.includes(false) && !signatures.includes(true) ? fault('crl-forged', { issuer: list.owner }) : null;
}
