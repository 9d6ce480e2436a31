/**
 * Names of devices by rule: the fields of the group, else of its nearest parent that has some, and the number of the device,
 * as in `Moscow-Desk-0042`. The number is given once and stays, so no two devices ever share a name.
 */
import { good, type Result } from '../../protocol/fault.ts';
import { familyOf, type Group, pathTo } from '../core/policy.ts';
import { type Actor, audit, type Server } from './context.ts';
import { transact } from './database.ts';
import { signDevice } from './documents.ts';
import { findGroup } from './lookup.ts';
import type { Database } from './tables.ts';

type Rules = ReadonlyMap<string, Group & { readonly naming: string | null }>;

const digits = 4;

/** Names every device of the group and of those below it anew. Null ends the rule; names stay. Fault: `not-found`. */
export const setNaming = (
  server: Server,
  actor: Actor,
  group: string,
  fields: readonly string[] | null,
): Promise<Result<null>> =>
  transact(server.db, async (trx) => {
    const target = await findGroup(trx, group);
    if (!target.ok) return target;
    const { id, name } = target.value;
    const naming = fields === null ? null : JSON.stringify(fields);
    await trx.updateTable('groups').set({ naming }).where('id', '=', id).execute();
    const facts = { group: name, fields: fields?.join('-') ?? '' };
    await audit(server, trx, { actor, action: 'naming-set', subject: id, facts });
    await nameFamily(server, trx, actor, id);
    return good(null);
  });

/** Every device of a group and of those below it, by the rule that now holds for it. */
export async function nameFamily(server: Server, trx: Database, actor: Actor, group: string): Promise<void> {
  const rules = await readRules(trx);
  const devices = await trx
    .selectFrom('devices')
    .select('id')
    .where('group_id', 'in', familyOf(rules, group))
    .where('removed_at', 'is', null)
    .where('adopted_at', 'is', null)
    .orderBy('created_at')
    .orderBy('name')
    .execute();
  for (const device of devices)
    if (await rename(server, trx, actor, device.id, rules)) await signDevice(server, trx, device.id);
}

/** True where the name changed; the caller signs the device document. */
export const nameByRule = async (server: Server, trx: Database, actor: Actor, device: string): Promise<boolean> =>
  rename(server, trx, actor, device, await readRules(trx));

async function rename(server: Server, trx: Database, actor: Actor, device: string, rules: Rules): Promise<boolean> {
  const row = await trx.selectFrom('devices').selectAll().where('id', '=', device).executeTakeFirstOrThrow();
  const path = pathTo(rules, row.group_id).map(({ id }) => rules.get(id)?.naming ?? null);
  const naming = path.findLast((each) => each !== null) ?? null;
  if (naming === null) return false;
  const fields: readonly string[] = JSON.parse(naming);
  let number = row.number ?? (await nextNumber(trx));
  while (await isTaken(trx, nameOf(fields, number), device)) number = Math.max(number + 1, await nextNumber(trx));
  const name = nameOf(fields, number);
  if (name === row.name && number === row.number) return false;
  await trx.updateTable('devices').set({ name, number }).where('id', '=', device).execute();
  await audit(server, trx, { actor, action: 'device-renamed', subject: device, facts: { before: row.name, name } });
  return true;
}

async function readRules(trx: Database): Promise<Rules> {
  const rows = await trx.selectFrom('groups').select(['id', 'name', 'parent', 'naming']).execute();
  return new Map(rows.map((row) => [row.id, row]));
}

const nameOf = (fields: readonly string[], number: number): string =>
  [...fields, String(number).padStart(digits, '0')].join('-');

export async function nextNumber(trx: Database): Promise<number> {
  const { last } = await trx
    .selectFrom('devices')
    .select(({ fn }) => fn.max<number | null>('number').as('last'))
    .executeTakeFirstOrThrow();
  return (last ?? 0) + 1;
}

/** By a name that was typed. */
async function isTaken(trx: Database, name: string, device: string): Promise<boolean> {
  const found = await trx
    .selectFrom('devices')
    .select('id')
    .where('name', '=', name)
    .where('id', '!=', device)
    .where('removed_at', 'is', null)
    .executeTakeFirst();
  return found !== undefined;
}
