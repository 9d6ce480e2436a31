/** Groups and devices by what an administrator types: an id, or a name that only one of them has. */
import { bad, good, type Result } from '../../protocol/fault.ts';
import type { Database, Tables } from './tables.ts';

/** Faults: `not-found`. */
export async function findGroup(trx: Database, wanted: string): Promise<Result<Tables['groups']>> {
  const row = await trx
    .selectFrom('groups')
    .selectAll()
    .where((where) => where.or([where('id', '=', wanted), where('name', '=', wanted)]))
    .executeTakeFirst();
  return row ? good(row) : bad('not-found', { what: wanted.slice(0, 120) });
}

/** Removed devices are not found. Faults: `not-found`; `bad-argument` for a name that several devices have. */
export async function findDevice(trx: Database, wanted: string): Promise<Result<Tables['devices']>> {
  const rows = await trx
    .selectFrom('devices')
    .selectAll()
    .where('removed_at', 'is', null)
    .where((where) => where.or([where('id', '=', wanted), where('name', '=', wanted)]))
    .limit(2)
    .execute();
  const [row] = rows;
  if (!row) return bad('not-found', { what: wanted.slice(0, 120) });
  return rows.length === 1
    ? good(row)
    : bad('bad-argument', { what: `${wanted.slice(0, 120)}: several have this name` });
}

/** All groups, by id. */
export async function readTree(
  trx: Database,
): Promise<ReadonlyMap<string, Pick<Tables['groups'], 'id' | 'name' | 'parent'>>> {
  const rows = await trx.selectFrom('groups').select(['id', 'name', 'parent']).execute();
  return new Map(rows.map((row) => [row.id, row]));
}
