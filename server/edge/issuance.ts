/** The rules of issuance as they lie in the database, and their change. */
import { bad, good, type Result } from '../../protocol/fault.ts';
import { type IssuanceRules, judgeRules } from '../core/issuance.ts';
import { type Actor, audit, type Server } from './context.ts';
import { transact } from './database.ts';
import { markDevicesOf, readGroups, signAllPolicies } from './documents.ts';
import { readRules, rulesSetting } from './rules.ts';

/**
 * What is left out stays as it is. Validity and password length count for what is made from now on; the others are told to
 * all devices. Faults: `bad-argument`, what `checkPolicy` says.
 */
export const setRules = (
  server: Server,
  actor: Actor,
  changes: Partial<IssuanceRules>,
): Promise<Result<IssuanceRules>> =>
  transact(server.db, async (trx) => {
    if (Object.keys(changes).length === 0) return bad('bad-argument', { what: 'rules' });
    const before = await readRules(trx);
    const judged = judgeRules({ ...before, ...changes });
    if (!judged.ok) return judged;
    const after = judged.value;
    const value = JSON.stringify(after);
    await trx
      .insertInto('settings')
      .values({ name: rulesSetting, value })
      .onConflict((conflict) => conflict.column('name').doUpdateSet({ value }))
      .execute();
    const onOff = (value: boolean) => (value ? 'on' : 'off');
    const { automaticRenewal, promptPassword } = after;
    const facts = { ...after, automaticRenewal: onOff(automaticRenewal), promptPassword: onOff(promptPassword) };
    await audit(server, trx, { actor, action: 'identity-rules-set', subject: 'identities', facts });
    if (before.automaticRenewal !== automaticRenewal)
      await trx
        .updateTable('certificates')
        .set({ renewal_disabled: automaticRenewal ? 0 : 1 })
        .where('type', '=', 'mobile')
        .execute();
    const told = (rules: IssuanceRules) => `${rules.renewBeforeDays} ${rules.automaticRenewal}`;
    if (told(before) === told(after)) return good(after);
    const signed = await signAllPolicies(server, trx);
    if (!signed.ok) return signed;
    await markDevicesOf(trx, [...(await readGroups(trx)).keys()]);
    return good(after);
  });
