/** Devices that do not hold the reserve certificate yet, and what is to be expected of them (B2, B10), as a list. */
import { sql } from 'kysely';
import { good, type Result } from '../../protocol/fault.ts';
import { type Instant, instant } from '../../protocol/time.ts';
import type { ListQuery, Page } from '../api/list.ts';
import type { LackingColumn, LackingRow } from '../api/server-certificates.ts';
import { shortestMs, type Verdict } from '../core/absence.ts';
import { withRole } from '../core/role.ts';
import { type OfflineRisk, readOfflineRisk } from './absences.ts';
import type { Server } from './context.ts';
import { readPage } from './listing.ts';
import { isActive } from './lives.ts';
import { readServerCertificates, roleCertificate } from './pins.ts';

/** `at`: when the switch is. */
export type LackingQuery = ListQuery<LackingColumn> & { readonly verdict?: Verdict; readonly at?: number };

/** How many devices are ready for the switch, and what is to be expected of the others. Faults: as `readOfflineRisk`. */
export async function readReadiness(server: Server, at: Instant | null): Promise<Result<Omit<OfflineRisk, 'atRisk'>>> {
  const risk = await readOfflineRisk(server, at);
  if (!risk.ok) return risk;
  const { atRisk: _, ...rest } = risk.value;
  return good(rest);
}

/** Devices that do not hold the reserve: those of the gate. All of them where there is none. */
export async function pageLacking({ db, clock }: Server, query: LackingQuery): Promise<Page<LackingRow>> {
  const reserve = withRole((await readServerCertificates(db)).map(roleCertificate), 'reserve');
  const now = clock();
  const verdict = verdictColumn(now, instant(query.at ?? reserve?.activateAt ?? now));
  let rows = db
    .selectFrom('devices')
    .innerJoin('groups', 'groups.id', 'devices.group_id')
    .leftJoin('reports', 'reports.device_id', 'devices.id')
    .select(['devices.id', 'devices.name', 'groups.name as group', 'last_seen as lastSeen'])
    .select([
      sql<Verdict>`${sql.raw(verdict)}`.as('verdict'),
      sql<number | null>`${sql.raw(longestColumn)}`.as('longestMs'),
      sql<number | null>`${sql.raw(backByColumn)}`.as('backBy'),
    ])
    .where(isActive);
  for (const pin of ['pin_reserve', 'pin_current'] as const)
    if (reserve) rows = rows.where(({ eb, fn, val }) => eb(fn.coalesce(pin, val('')), '!=', reserve.fingerprint));
  if (query.verdict !== undefined) rows = rows.where(sql<boolean>`${sql.raw(verdict)} = ${query.verdict}`);
  const sort = {
    name: 'lower(devices.name)',
    group: 'lower(groups.name)',
    lastSeen: 'last_seen',
    longestMs: longestColumn,
    backBy: backByColumn,
    verdict,
  };
  const search = ['devices.name', 'devices.id', 'groups.name'];
  return readPage(rows, { sort, key: 'devices.id', search, start: { by: 'lastSeen', order: 'asc' } }, query);
}

const longestColumn = "(select max(value) from json_each(coalesce(absences, '[]')))";
const backByColumn = `absent_since + ${longestColumn}`;
/** As `outlookOf` says of a device that does not hold the reserve. */
const verdictColumn = (now: Instant, switchAt: Instant): string => `case
  when absent_since is null or ${now} - absent_since < ${shortestMs} then 'connected'
  when ${longestColumn} is null then 'unknown'
  when ${backByColumn} <= ${now} then 'overdue'
  when ${backByColumn} < ${switchAt} then 'expected'
  else 'late' end`;
