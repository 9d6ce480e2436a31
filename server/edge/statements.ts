/** Key statements as they lie in the database. */
import { maxKeyStatements } from '../../protocol/limits.ts';
import type { Database } from './tables.ts';

/** Oldest first, as many as an answer takes. */
export async function readStatements(trx: Database): Promise<readonly string[]> {
  const rows = await trx
    .selectFrom('key_statements')
    .select('jws')
    .orderBy('rev', 'desc')
    .limit(maxKeyStatements)
    .execute();
  return rows.map(({ jws }) => jws).reverse();
}

/** Revision of the newest, null where there is none. */
export async function newestStatement(trx: Database): Promise<number | null> {
  const row = await trx
    .selectFrom('key_statements')
    .select((select) => select.fn.max('rev').as('rev'))
    .executeTakeFirst();
  return row?.rev ?? null;
}
