/**
 * Names of devices by rule: the fields of the group, else of its nearest parent that has some, and the number of the device,
 * as in `Moscow-Desk-0042`. The number is given once and stays, so no two devices ever share a name.
 */
import { sql } from 'kysely';
import { good, type Result } from '../../protocol/fault.ts';
import { familyOf, type Group, pathTo } from '../core/policy.ts';
import { type Actor, audit, auditMany, type Server } from './context.ts';
import { transact } from './database.ts';
import { markDevices } from './documents.ts';
import { findGroup } from './lookup.ts';
import type { Database, Tables } from './tables.ts';

type Rules = ReadonlyMap<string, Group & { readonly naming: string | null }>;

const named = ['id', 'name', 'number', 'group_id'] as const;
type Named = Pick<Tables['devices'], (typeof named)[number]>;
type Renamed = { readonly id: string; readonly before: string; readonly name: string; readonly number: number };
type Names = {
  readonly isTaken: (name: string, device: Named) => boolean | Promise<boolean>;
  readonly next: () => number | Promise<number>;
};

const digits = 4;

/** Names every device of the group and of those below it anew; the upkeep tells them. Null ends the rule; names stay. Fault: `not-found`. */
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

/** Every device of a group and of those below it, by the rule that now holds for it. There may be thousands: their documents are due. */
export async function nameFamily(server: Server, trx: Database, actor: Actor, group: string): Promise<void> {
  const rules = await readRules(trx);
  const family = familyOf(rules, group);
  if (family.every((id) => fieldsOf(rules, id) === null)) return;
  const devices = await trx
    .selectFrom('devices')
    .select(named)
    .where('group_id', 'in', family)
    .where('removed_at', 'is', null)
    .where('adopted_at', 'is', null)
    .orderBy('created_at')
    .orderBy('name')
    .execute();
  const names = await readNames(trx);
  const renamed: Renamed[] = [];
  for (const device of devices) {
    const fields = fieldsOf(rules, device.group_id);
    const made = fields && (await nameAnew(device, fields, names));
    if (!made) continue;
    names.take(made);
    renamed.push(made);
  }
  await keepNames(server, trx, actor, renamed);
  await markDevices(
    trx,
    renamed.map(({ id }) => id),
  );
}

/** True where the name changed; the caller signs the device document. */
export async function nameByRule(server: Server, trx: Database, actor: Actor, device: string): Promise<boolean> {
  const row = await trx.selectFrom('devices').select(named).where('id', '=', device).executeTakeFirstOrThrow();
  const fields = fieldsOf(await readRules(trx), row.group_id);
  const names = { isTaken: (name: string) => isTaken(trx, name, device), next: () => nextNumber(trx) };
  const made = fields && (await nameAnew(row, fields, names));
  if (made) await keepNames(server, trx, actor, [made]);
  return made !== null;
}

/** Null where it is called so already. */
async function nameAnew(device: Named, fields: readonly string[], names: Names): Promise<Renamed | null> {
  const { id, name: before } = device;
  let number = device.number ?? (await names.next());
  while (await names.isTaken(nameOf(fields, number), device)) number = Math.max(number + 1, await names.next());
  const name = nameOf(fields, number);
  return name === before && number === device.number ? null : { id, before, name, number };
}

async function keepNames(server: Server, trx: Database, actor: Actor, renamed: readonly Renamed[]): Promise<void> {
  await sql`update devices set name = made.value ->> 'name', number = made.value ->> 'number'
    from json_each(${JSON.stringify(renamed)}) as made where devices.id = made.value ->> 'id'`.execute(trx);
  const rows = renamed.map(({ id, before, name }) => ({ subject: id, facts: { before, name } }));
  await auditMany(server, trx, { actor, action: 'device-renamed' }, rows);
}

/** All of them, to name many: who is called how, and what the numbers have come to. */
async function readNames(trx: Database): Promise<Names & { readonly take: (renamed: Renamed) => void }> {
  const rows = await trx.selectFrom('devices').select('name').where('removed_at', 'is', null).execute();
  const held = new Map<string, number>();
  const count = (name: string, change: 1 | -1) => held.set(name, (held.get(name) ?? 0) + change);
  for (const { name } of rows) count(name, 1);
  let next = await nextNumber(trx);
  return {
    isTaken: (name, device) => (held.get(name) ?? 0) > (device.name === name ? 1 : 0),
    next: () => next,
    take: ({ before, name, number }) => {
      count(before, -1);
      count(name, 1);
      next = Math.max(next, number + 1);
    },
  };
}

/** The rule that holds for devices of a group. */
function fieldsOf(rules: Rules, group: string): readonly string[] | null {
  const path = pathTo(rules, group).map(({ id }) => rules.get(id)?.naming ?? null);
  const naming = path.findLast((each) => each !== null) ?? null;
  return naming === null ? null : JSON.parse(naming);
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
