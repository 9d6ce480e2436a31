/** Certificates and blocklist of a group's policy as lists: those of the group and those it has from the groups above. */
import { sql } from 'kysely';
import { type Certificate, fromBase64, parseCertificate } from '../../protocol/certificate.ts';
import { good, type Result } from '../../protocol/fault.ts';
import type { ClientPurpose } from '../../protocol/schema.ts';
import type { BlockedColumn, BlockedRow, PolicyCertificateColumn, PolicyCertificateRow } from '../api/groups.ts';
import type { ListQuery, Page } from '../api/list.ts';
import { pathTo } from '../core/policy.ts';
import type { Server } from './context.ts';
import { type ListSpec, mapPage, readPage } from './listing.ts';
import { findGroup } from './lookup.ts';
import type { Database, Tables } from './tables.ts';

type Own = { readonly own?: boolean };
export type PolicyCertificateQuery = ListQuery<PolicyCertificateColumn> & Own & { readonly purpose?: ClientPurpose };
export type BlockedQuery = ListQuery<BlockedColumn> & Own;

const certificateList: ListSpec<PolicyCertificateColumn> = {
  sort: {
    file: 'lower(file)',
    purpose: 'purpose',
    issuer: 'lower(issuer)',
    subject: 'lower(subject)',
    notBefore: 'not_before',
    notAfter: 'not_after',
    fingerprint: 'fingerprint',
    group: 'lower(groups.name)',
    addedAt: 'added_at',
  },
  key: 'groups.id || purpose || fingerprint',
  search: ['file', 'issuer', 'subject', 'fingerprint', 'groups.name'],
  start: { by: 'file', order: 'asc' },
};
const blockedList: ListSpec<BlockedColumn> = {
  sort: {
    fingerprint: 'blocked.fingerprint',
    subject: 'lower(known.subject)',
    group: 'lower(groups.name)',
    addedAt: 'added_at',
  },
  key: 'groups.id || blocked.fingerprint',
  search: ['blocked.fingerprint', 'known.subject', 'groups.name'],
  start: { by: 'addedAt', order: 'desc' },
};

/** What lists sort and search by, beside the certificate itself. */
export const listedFacts = ({
  issuer,
  subject,
  notBefore,
  notAfter,
}: Certificate): Pick<Tables['policy_certificates'], 'issuer' | 'subject' | 'not_before' | 'not_after'> => ({
  issuer,
  subject,
  not_before: notBefore,
  not_after: notAfter,
});

/** Fault: `not-found`. */
export async function pagePolicyCertificates(
  { db }: Server,
  group: string,
  query: PolicyCertificateQuery,
): Promise<Result<Page<PolicyCertificateRow>>> {
  const found = await pathOf(db, group);
  if (!found.ok) return found;
  const { id, path } = found.value;
  const lock = path.findIndex(({ certificates_enforced }) => certificates_enforced === 1);
  const counting = new Set((lock < 0 ? path : path.slice(0, lock + 1)).map((each) => each.id));
  const above = path.map((each) => each.id);
  const shown = above.filter((each) =>
    query.own === undefined
      ? each === id || counting.has(each)
      : query.own
        ? each === id
        : each !== id && counting.has(each),
  );
  let rows = db
    .selectFrom('policy_certificates')
    .innerJoin('groups', 'groups.id', 'group_id')
    .selectAll('policy_certificates')
    .select([
      'groups.name as group',
      sql<number>`exists (select 1 from blocked_certificates b where b.fingerprint = policy_certificates.fingerprint and b.group_id in (${sql.join(above)}))`.as(
        'blocked',
      ),
    ])
    .where('group_id', 'in', shown);
  if (query.purpose !== undefined) rows = rows.where('purpose', '=', query.purpose);
  return good(
    mapPage(await readPage(rows, certificateList, query), (row) => ({
      ...factsOf(row.certificate),
      file: row.file,
      purpose: row.purpose,
      issuer: row.issuer,
      subject: row.subject,
      notBefore: row.not_before,
      notAfter: row.not_after,
      fingerprint: row.fingerprint,
      group: row.group,
      groupId: row.group_id,
      own: row.group_id === id,
      counts: counting.has(row.group_id),
      blocked: Boolean(row.blocked),
      addedAt: row.added_at,
    })),
  );
}

/** Fault: `not-found`. */
export async function pageBlocked(
  { db }: Server,
  group: string,
  query: BlockedQuery,
): Promise<Result<Page<BlockedRow>>> {
  const found = await pathOf(db, group);
  if (!found.ok) return found;
  const { id, path } = found.value;
  const shown = path.map((each) => each.id).filter((each) => query.own === undefined || query.own === (each === id));
  const known = db
    .selectFrom('policy_certificates')
    .select(({ fn }) => ['fingerprint', fn.max<string>('subject').as('subject')])
    .groupBy('fingerprint')
    .as('known');
  const rows = db
    .selectFrom('blocked_certificates as blocked')
    .innerJoin('groups', 'groups.id', 'group_id')
    .leftJoin(known, 'known.fingerprint', 'blocked.fingerprint')
    .select(['blocked.fingerprint', 'added_at', 'group_id', 'groups.name as group', 'known.subject'])
    .where('group_id', 'in', shown);
  return good(
    mapPage(await readPage(rows, blockedList, query), ({ fingerprint, subject, group: name, group_id, added_at }) => ({
      fingerprint,
      subject,
      group: name,
      groupId: group_id,
      own: group_id === id,
      addedAt: added_at,
    })),
  );
}

function factsOf(certificate: string): Pick<PolicyCertificateRow, 'serial' | 'key' | 'isCa' | 'names'> {
  const read = parseCertificate(fromBase64(certificate));
  if (!read.ok) return { serial: '', key: '', isCa: false, names: [] };
  const { serial, key, isCa, names } = read.value;
  return { serial, key, isCa, names: [...names] };
}

type Step = Pick<Tables['groups'], 'id' | 'name' | 'parent' | 'certificates_enforced'>;

/** From the root of the tree to the group itself. */
async function pathOf(
  db: Database,
  wanted: string,
): Promise<Result<{ readonly id: string; readonly path: readonly Step[] }>> {
  const found = await findGroup(db, wanted);
  if (!found.ok) return found;
  const rows = await db.selectFrom('groups').select(['id', 'name', 'parent', 'certificates_enforced']).execute();
  const groups = new Map(rows.map((row) => [row.id, row]));
  const { id } = found.value;
  return good({ id, path: pathTo(groups, id).flatMap((each) => groups.get(each.id) ?? []) });
}
