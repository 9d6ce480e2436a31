/** The rules of issuance, read. */
import { defaultRules, type IssuanceRules } from '../core/issuance.ts';
import type { Database } from './tables.ts';

export const rulesSetting = 'issuance';

/** A release that knew fewer of them wrote fewer. */
export async function readRules(db: Database): Promise<IssuanceRules> {
  const row = await db.selectFrom('settings').select('value').where('name', '=', rulesSetting).executeTakeFirst();
  return { ...defaultRules, ...(row ? (JSON.parse(row.value) as Partial<IssuanceRules>) : {}) };
}
