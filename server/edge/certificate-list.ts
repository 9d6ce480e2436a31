/** The list of certificates of managed devices (M6), sorted, filtered and searched in the database. */
import type { SelectQueryBuilder } from 'kysely';
import { sql } from 'kysely';
import { bad, good, type Result } from '../../protocol/fault.ts';
import { dayMs } from '../../protocol/time.ts';
import type { CertificateColumn, CertificatePage, CertificateRow } from '../api/certificates.ts';
import { searchText } from '../core/certificates.ts';
import { mirrorIdentities } from './certificate-mirror.ts';
import { type Actor, audit, type Server } from './context.ts';
import { transact } from './database.ts';
import type { Database, Tables } from './tables.ts';

type Stored = Tables['certificates'];
/** Texts as they come in an address; what is left out does not filter. */
export type CertificateQuery = {
  readonly q?: string;
  readonly sort?: CertificateColumn;
  readonly order?: 'asc' | 'desc';
  readonly offset?: number;
  readonly limit?: number;
  readonly type?: Stored['type'];
  readonly kind?: Stored['kind'];
  readonly status?: Stored['status'];
  readonly protocol?: Stored['protocol'];
  readonly source?: Stored['source'];
  /** Id of a device. */
  readonly device?: string;
  /** Id of a user. */
  readonly user?: string;
  /** Milliseconds: what ends before. */
  readonly endsBefore?: number;
  /** Days: what ends within them, or has ended. */
  readonly endsWithin?: number;
};

export const columnOf: Readonly<Record<CertificateColumn, keyof Stored>> = {
  type: 'type',
  kind: 'kind',
  device: 'device_name',
  user: 'user_name',
  alias: 'alias',
  status: 'status',
  since: 'status_at',
  protocol: 'protocol',
  source: 'source',
  issuedAt: 'issued_at',
  notAfter: 'not_after',
  thumbprint: 'thumbprint',
  automaticRenewalDisabled: 'renewal_disabled',
};
const equal = ['type', 'kind', 'status', 'protocol', 'source'] as const;
const defaultRows = 50;
const maxSearch = 120;
const maxAlias = 64;
/** What names files and settings on devices: see `docs/certificates.md`. */
const aliasText = /^[\p{L}\p{N}](?:[\p{L}\p{N} ._-]*[\p{L}\p{N}])?$/u;

export async function listCertificates(server: Server, query: CertificateQuery): Promise<CertificatePage> {
  await mirrorIdentities(server);
  const { sort = 'notAfter', order = 'asc', offset = 0, limit = defaultRows } = query;
  const wanted = matching(server, query);
  const sorted = wanted.selectAll().orderBy(columnOf[sort], order).orderBy('id', order).limit(limit).offset(offset);
  const count = async () =>
    Number((await wanted.select(({ fn }) => fn.countAll<number>().as('total')).executeTakeFirstOrThrow()).total);
  if (query.q === undefined) return { rows: (await sorted.execute()).map(viewOf), total: await count() };
  // A search goes through all texts: once, for rows and number.
  const rows = await sorted.select(sql<number>`count(*) over ()`.as('total')).execute();
  return { rows: rows.map(viewOf), total: rows[0] ? Number(rows[0].total) : await count() };
}

/** Fault: `not-found`. */
export async function showCertificate(server: Server, id: string): Promise<Result<CertificateRow>> {
  await mirrorIdentities(server);
  const row = await server.db.selectFrom('certificates').selectAll().where('id', '=', id).executeTakeFirst();
  return row ? good(viewOf(row)) : bad('not-found', { what: id.slice(0, 64) });
}

/**
 * Of one or many mail and VPN certificates, all or none; two of one device and type never share one. Faults: `not-found`,
 * `bad-argument` for an alias that is none, `not-allowed` for a mobile certificate, `already-exists`.
 */
export const setAlias = (
  server: Server,
  actor: Actor,
  { ids, alias }: { readonly ids: readonly string[]; readonly alias: string },
): Promise<Result<{ readonly changed: number }>> =>
  transact(server.db, async (trx) => {
    const named = readAlias(alias);
    if (!named.ok) return named;
    for (const id of new Set(ids)) {
      const set = await setOneAlias(server, trx, actor, id, named.value);
      if (!set.ok) return set;
    }
    return good({ changed: new Set(ids).size });
  });

/** `alias` as `readAlias` gave it. Faults: those of `setAlias`. */
export async function setOneAlias(
  server: Server,
  trx: Database,
  actor: Actor,
  id: string,
  alias: string,
): Promise<Result<null>> {
  const row = await trx.selectFrom('certificates').selectAll().where('id', '=', id).executeTakeFirst();
  if (!row) return bad('not-found', { what: id.slice(0, 64) });
  if (row.type === 'mobile') return bad('not-allowed', { what: `${row.device_name}: mobile certificate` });
  if (row.alias === alias) return good(null);
  const free = await checkAlias(trx, row, alias);
  if (!free.ok) return free;
  const { device_name, user_name } = row;
  await trx
    .updateTable('certificates')
    .set({ alias, search: searchText(device_name, user_name, alias) })
    .where('id', '=', id)
    .execute();
  const facts = { before: row.alias, alias, deviceId: row.device_id ?? '' };
  await audit(server, trx, { actor, action: 'certificate-alias-set', subject: id, facts });
  return good(null);
}

/** 1 to 64 letters, digits, blanks, `.`, `_` and `-`, none of the last four at its ends. Fault: `bad-argument`. */
export function readAlias(typed: string): Result<string> {
  const alias = typed.normalize('NFC').trim();
  return alias.length <= maxAlias && aliasText.test(alias) ? good(alias) : bad('bad-argument', { what: 'alias' });
}

/** Fault: `already-exists` where another certificate of this type on the device has it. */
export async function checkAlias(
  trx: Database,
  { id, type, device_id }: Pick<Stored, 'id' | 'type' | 'device_id'>,
  alias: string,
): Promise<Result<null>> {
  if (device_id === null) return good(null);
  const same = await trx
    .selectFrom('certificates')
    .select('device_name')
    .where('device_id', '=', device_id)
    .where('type', '=', type)
    .where('alias', '=', alias)
    .where('id', '!=', id)
    .executeTakeFirst();
  return same ? bad('already-exists', { what: `${same.device_name}: ${alias}` }) : good(null);
}

export const viewOf = (row: Stored): CertificateRow => ({
  id: row.id,
  type: row.type,
  kind: row.kind,
  device: row.device_id === null ? null : row.device_name,
  deviceId: row.device_id,
  user: row.user_name === '' ? null : row.user_name,
  userId: row.user_id,
  alias: row.alias,
  status: row.status,
  since: row.status_at,
  protocol: row.protocol,
  source: row.source,
  issuedAt: row.issued_at,
  notAfter: row.not_after,
  thumbprint: row.thumbprint,
  automaticRenewalDisabled: row.renewal_disabled === 1,
});

type Base = SelectQueryBuilder<Tables, 'certificates', object>;

function matching({ db, clock }: Server, query: CertificateQuery): Base {
  let found: Base = db.selectFrom('certificates');
  for (const column of equal) {
    const value = query[column];
    if (value !== undefined) found = found.where(column, '=', value);
  }
  if (query.device !== undefined) found = found.where('device_id', '=', query.device);
  if (query.user !== undefined) found = found.where('user_id', '=', query.user);
  if (query.endsBefore !== undefined) found = found.where('not_after', '<', query.endsBefore);
  if (query.endsWithin !== undefined) found = found.where('not_after', '<', clock() + query.endsWithin * dayMs);
  const text = query.q?.trim().toLowerCase().slice(0, maxSearch) ?? '';
  if (text === '') return found;
  // Found in the index of the texts alone; the rows are looked up for what is found.
  const like = sql<boolean>`search like ${`%${text.replace(/[\\%_]/g, '\\$&')}%`} escape '\\'`;
  const named = db.selectFrom('certificates').select('id').where(like);
  const print = text.replace(/[: ]/g, '');
  if (!/^[0-9a-f]{6,64}$/.test(print)) return found.where('id', 'in', named);
  const printed = db.selectFrom('certificates').select('id').where('thumbprint', '>=', print);
  return found.where('id', 'in', named.union(printed.where('thumbprint', '<', `${print}g`)));
}
