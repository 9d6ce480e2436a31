/** What becomes of groups later: another name, another place, the end. */
import { bad, good, type Result } from '../../protocol/fault.ts';
import { policyTopic } from '../../protocol/topics.ts';
import { familyOf, pathTo } from '../core/policy.ts';
import { blockAsEverywhere } from './blocking.ts';
import { type Actor, audit, readIdentity, type Server } from './context.ts';
import { transact } from './database.ts';
import { markDevicesOf, signFamily, signGroup, withdraw } from './documents.ts';
import { findGroup, readTree } from './lookup.ts';
import { nameFamily } from './naming.ts';
import { maxGroupDepth, readGroupName } from './places.ts';
import type { Database, Tables } from './tables.ts';

/** Faults: `not-found`, `not-allowed` for the server's own groups, `bad-argument`, `already-exists`. */
export const renameGroup = (server: Server, actor: Actor, group: string, wanted: string): Promise<Result<null>> =>
  transact(server.db, async (trx) => {
    const target = await findOrdinary(trx, group);
    if (!target.ok) return target;
    const { id, name: before } = target.value;
    if (wanted.trim() === before) return good(null);
    const name = await readGroupName(trx, wanted);
    if (!name.ok) return name;
    await trx.updateTable('groups').set({ name: name.value }).where('id', '=', id).execute();
    await audit(server, trx, { actor, action: 'group-renamed', subject: id, facts: { before, name: name.value } });
    return signGroup(server, trx, id);
  });

/**
 * Below another group, or below none. From then on it has from above what that group says: certificates, blocklist, locks, names.
 * Faults: `not-found`, `not-allowed` for the server's own groups, `bad-argument` for a place below itself or too deep, and those
 * of `checkPolicy`.
 */
export const moveGroup = (server: Server, actor: Actor, group: string, wanted: string | null): Promise<Result<null>> =>
  transact(server.db, async (trx) => {
    const target = await findOrdinary(trx, group);
    if (!target.ok) return target;
    const parent = wanted === null ? null : await findOrdinary(trx, wanted);
    if (parent && !parent.ok) return parent;
    const { id, name } = target.value;
    const place = parent?.value.id ?? null;
    const tree = await readTree(trx);
    const family = familyOf(tree, id);
    if (place !== null && family.includes(place)) return bad('bad-argument', { what: 'parent' });
    const above = pathTo(tree, id).length - 1;
    const height = Math.max(...family.map((each) => pathTo(tree, each).length)) - above;
    if ((place === null ? 0 : pathTo(tree, place).length) + height > maxGroupDepth)
      return bad('bad-argument', { what: `parent: more than ${maxGroupDepth} levels` });
    await trx.updateTable('groups').set({ parent: place }).where('id', '=', id).execute();
    if (place === null) await blockAsEverywhere(server, trx, id);
    const facts = { name, parent: parent?.value.name ?? '' };
    await audit(server, trx, { actor, action: 'group-moved', subject: id, facts });
    const signed = await signFamily(server, trx, id);
    if (!signed.ok) return signed;
    await nameFamily(server, trx, actor, id);
    await markDevicesOf(trx, family);
    return good(null);
  });

/**
 * Of a group that nothing is in. Its invitations and group tokens end, users whose devices would be put there have no group any
 * more. Faults: `not-found`, `not-allowed` for the server's own groups, `group-not-empty`.
 */
export const removeGroup = (server: Server, actor: Actor, group: string): Promise<Result<null>> =>
  transact(server.db, async (trx) => {
    const target = await findOrdinary(trx, group);
    if (!target.ok) return target;
    const { id, name } = target.value;
    const devices = await trx
      .selectFrom('devices')
      .select('id')
      .where('group_id', '=', id)
      .where('removed_at', 'is', null)
      .execute();
    const groups = await trx.selectFrom('groups').select('id').where('parent', '=', id).execute();
    if (devices.length + groups.length > 0)
      return bad('group-not-empty', { name: name.slice(0, 120), devices: devices.length, groups: groups.length });
    await detach(server, trx, id);
    await withdraw(server, trx, policyTopic(id));
    await trx.deleteFrom('groups').where('id', '=', id).execute();
    await audit(server, trx, { actor, action: 'group-removed', subject: id, facts: { name } });
    return good(null);
  });

/** What is over and refers to the group goes to the group of unassigned devices. */
async function detach({ clock }: Server, trx: Database, id: string): Promise<void> {
  const { unassigned } = await readIdentity(trx);
  const now = clock();
  await trx.updateTable('devices').set({ group_id: unassigned }).where('group_id', '=', id).execute();
  await trx
    .updateTable('invitations')
    .set({ expires_at: now })
    .where('group_id', '=', id)
    .where('used_at', 'is', null)
    .where('expires_at', '>', now)
    .execute();
  await trx.updateTable('invitations').set({ group_id: unassigned }).where('group_id', '=', id).execute();
  await trx
    .updateTable('group_tokens')
    .set({ ended_at: now })
    .where('group_id', '=', id)
    .where('ended_at', 'is', null)
    .execute();
  await trx.updateTable('group_tokens').set({ group_id: unassigned }).where('group_id', '=', id).execute();
  await trx.updateTable('users').set({ group_id: null }).where('group_id', '=', id).execute();
  for (const table of ['policy_certificates', 'policy_revocation_lists', 'blocked_certificates'] as const)
    await trx.deleteFrom(table).where('group_id', '=', id).execute();
}

async function findOrdinary(trx: Database, wanted: string): Promise<Result<Tables['groups']>> {
  const found = await findGroup(trx, wanted);
  if (!found.ok) return found;
  return found.value.kind === 'ordinary' ? found : bad('not-allowed', { what: found.value.name });
}
