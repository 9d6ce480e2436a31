/** The rules of mail and VPN certificates as they lie in the database, and their change. */
import { good, type Result } from '../../protocol/fault.ts';
import { type CorporateRules, firstCorporateRules, judgeCorporateRules, type TypeRules } from '../core/corporate.ts';
import { type Actor, audit, type Server } from './context.ts';
import { transact } from './database.ts';
import type { Database } from './tables.ts';

const setting = 'corporate-rules';
const types = ['mail', 'vpn'] as const;

export async function readCorporateRules(db: Database): Promise<CorporateRules> {
  const row = await db.selectFrom('settings').select('value').where('name', '=', setting).executeTakeFirst();
  return row ? (JSON.parse(row.value) as CorporateRules) : firstCorporateRules;
}

/** What is left out stays as it is. Faults: those of `judgeCorporateRules`. */
export const setCorporateRules = (
  server: Server,
  actor: Actor,
  changes: { readonly mail?: Partial<TypeRules> | undefined; readonly vpn?: Partial<TypeRules> | undefined },
): Promise<Result<CorporateRules>> =>
  transact(server.db, async (trx) => {
    const before = await readCorporateRules(trx);
    const judged = judgeCorporateRules({
      mail: { ...before.mail, ...changes.mail },
      vpn: { ...before.vpn, ...changes.vpn },
    });
    if (!judged.ok) return judged;
    const after = judged.value;
    const value = JSON.stringify(after);
    await trx
      .insertInto('settings')
      .values({ name: setting, value })
      .onConflict((conflict) => conflict.column('name').doUpdateSet({ value }))
      .execute();
    for (const type of types) {
      const { validityDays, renewBeforeDays, automaticRenewal } = after[type];
      await trx
        .updateTable('certificates')
        .set({ renewal_disabled: automaticRenewal ? 0 : 1 })
        .where('type', '=', type)
        .where('source', '=', 'server')
        .execute();
      const facts = { type, validityDays, renewBeforeDays, automaticRenewal: automaticRenewal ? 'on' : 'off' };
      await audit(server, trx, { actor, action: 'corporate-rules-set', subject: type, facts });
    }
    return good(after);
  });
