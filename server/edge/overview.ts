/** What an administrator looks at first, and the audit log. */
import { type Selectable, type SelectQueryBuilder, sql } from 'kysely';
import { good, type Result } from '../../protocol/fault.ts';
import type { AuditRow } from '../api/devices.ts';
import type { ListQuery, Page } from '../api/list.ts';
import type { StatusView } from '../api/overview.ts';
import { addressesOf, readIdentity, type Server } from './context.ts';
import { type ListSpec, mapPage, readPage } from './listing.ts';
import { findDevice } from './lookup.ts';
import { deviceInFacts } from './migrations.ts';
import { readServerCertificates } from './pins.ts';
import type { Database, Tables } from './tables.ts';

export type AuditQuery = ListQuery<'at'> & {
  readonly actor?: string;
  readonly action?: string;
  /** From this moment on, and before that one. */
  readonly from?: number;
  readonly to?: number;
};

const auditList: ListSpec<'at'> = {
  sort: { at: 'id' },
  key: 'id',
  search: ['actor', 'action', 'subject', 'facts'],
  start: { by: 'at', order: 'desc' },
};

export async function showStatus({ db }: Server): Promise<StatusView> {
  const identity = await readIdentity(db);
  const certificates = await readServerCertificates(db);
  const main = certificates.find(({ role }) => role === 'main');
  const devices = await db
    .selectFrom('devices')
    .select(['presence', 'adopted_at'])
    .where('removed_at', 'is', null)
    .execute();
  const groups = await db.selectFrom('groups').select('id').execute();
  const outbox = await db.selectFrom('outbox').select('topic').execute();
  return {
    serverId: identity.serverId,
    name: identity.name,
    ...addressesOf(identity),
    fingerprint: main?.fingerprint ?? '',
    notAfter: main?.not_after ?? 0,
    reserve: certificates.find(({ role }) => role === 'reserve')?.fingerprint ?? null,
    devices: devices.length,
    online: devices.filter(({ presence }) => presence === 'online').length,
    groups: groups.length,
    unpublished: outbox.length,
    waiting: devices.filter(({ adopted_at }) => adopted_at !== null).length,
    adopting: identity.adopting,
  };
}

/** Newest first, unless asked otherwise. */
export async function pageAudit({ db }: Server, query: AuditQuery): Promise<Page<AuditRow>> {
  const { actor, action, from, to } = query;
  let rows = db.selectFrom('audit').selectAll();
  if (actor !== undefined) rows = rows.where('actor', '=', actor);
  if (action !== undefined) rows = rows.where('action', '=', action);
  if (from !== undefined) rows = rows.where('at', '>=', from);
  if (to !== undefined) rows = rows.where('at', '<', to);
  return pageOfAudit(rows, query);
}

/** What was done to the device, what it did, and what names it in `deviceId` or `by`. Faults: `not-found`, `bad-argument`. */
export async function pageDeviceEvents(
  { db }: Server,
  device: string,
  query: ListQuery<'at'>,
): Promise<Result<Page<AuditRow>>> {
  const found = await findDevice(db, device);
  if (!found.ok) return found;
  const { id } = found.value;
  return good(await pageOfAudit(eventsOf(db, id), query));
}

/** Each of the three has an index. */
export const eventsOf = (db: Database, id: string) =>
  db
    .selectFrom('audit')
    .selectAll()
    .where(({ or, eb }) =>
      or([eb('subject', '=', id), eb('actor', '=', id), sql<boolean>`${sql.raw(deviceInFacts)} = ${id}`]),
    );

const pageOfAudit = async (
  rows: SelectQueryBuilder<Tables, 'audit', Selectable<Tables['audit']>>,
  query: ListQuery<'at'>,
): Promise<Page<AuditRow>> =>
  mapPage(await readPage(rows, auditList, query), (row) => ({
    id: row.id,
    at: row.at,
    actor: row.actor,
    action: row.action,
    subject: row.subject,
    facts: JSON.parse(row.facts),
  }));

export const listAudit = async (server: Server, limit: number): Promise<readonly AuditRow[]> =>
  (await pageAudit(server, { limit })).rows;
