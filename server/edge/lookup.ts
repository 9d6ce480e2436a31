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

/**
 * An id is that device or none: what others are called they say themselves. Removed devices are not found. Faults: `not-found`;
 * `bad-argument` for a name that several devices have.
 */
export async function findDevice(trx: Database, wanted: string): Promise<Result<Tables['devices']>> {
  const what = wanted.slice(0, 120);
  const devices = trx.selectFrom('devices').selectAll();
  const own = await devices.where('id', '=', wanted).executeTakeFirst();
  if (own) return own.removed_at === null ? good(own) : bad('not-found', { what });
  const [row, second] = await devices.where('removed_at', 'is', null).where('name', '=', wanted).limit(2).execute();
  if (!row) return bad('not-found', { what });
  return second ? bad('bad-argument', { what: `${what}: several have this name` }) : good(row);
}

/** All groups, by id. */
export async function readTree(
  trx: Database,
): Promise<ReadonlyMap<string, Pick<Tables['groups'], 'id' | 'name' | 'parent'>>> {
  const rows = await trx.selectFrom('groups').select(['id', 'name', 'parent']).execute();
  return new Map(rows.map((row) => [row.id, row]));
}
