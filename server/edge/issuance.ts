/** The rules by which device identities are issued (M1), as far as they hold for the whole server. */
import { bad, good, type Result } from '../../protocol/fault.ts';
import { defaultValidityDays, maxValidityDays } from '../core/identity.ts';
import { type Actor, audit, type Server } from './context.ts';
import { transact } from './database.ts';
import type { Database } from './tables.ts';

export type IssuanceRules = { readonly validityDays: number };

const setting = 'issuance';

export async function readValidityDays(db: Database): Promise<number> {
  const row = await db.selectFrom('settings').select('value').where('name', '=', setting).executeTakeFirst();
  return row ? (JSON.parse(row.value) as IssuanceRules).validityDays : defaultValidityDays;
}

/** For identities issued from now on. Fault: `bad-argument`. */
export const setValidityDays = (server: Server, actor: Actor, validityDays: number): Promise<Result<null>> =>
  transact(server.db, async (trx) => {
    if (!Number.isInteger(validityDays) || validityDays < 1 || validityDays > maxValidityDays)
      return bad('bad-argument', { what: `validity: 1 to ${maxValidityDays} days` });
    const value = JSON.stringify({ validityDays } satisfies IssuanceRules);
    await trx
      .insertInto('settings')
      .values({ name: setting, value })
      .onConflict((conflict) => conflict.column('name').doUpdateSet({ value }))
      .execute();
    await audit(server, trx, { actor, action: 'validity-set', subject: 'identities', facts: { days: validityDays } });
    return good(null);
  });
