/** Invitations for a list of devices to come (B13): all of them or, where anything is wrong with the list, none. */
import { randomBytes } from 'node:crypto';
import { Type } from '@sinclair/typebox';
import { bad, type Fault, fault, good } from '../../protocol/fault.ts';
import type { Imported, Listed } from '../api/onboarding.ts';
import { writeCsv } from '../core/csv.ts';
import { groupPassword, invitationEnd, invitationTries } from '../core/invitation.ts';
import { type Roster, readRoster } from '../core/roster.ts';
import { spell } from '../core/spelling.ts';
import { workOn } from './admin-route.ts';
import { type Actor, addressesOf, audit, readIdentity, type Server } from './context.ts';
import { transact } from './database.ts';
import { endEarlier, idLetters, longPassword, quickHash } from './invitations.ts';
import { readServerCertificates } from './pins.ts';
import type { Database } from './tables.ts';

type Refusal = Exclude<Roster, { readonly ok: true }>;
type Outcome = { readonly ok: true; readonly value: Imported } | Refusal;
type Placed = { readonly name: string; readonly group: { readonly id: string; readonly name: string } };

function csvOf(rows: readonly Listed[], address: string, fingerprint: string): string {
  const heads = ['name', 'group', 'invitation', 'password', 'address', 'fingerprint'];
  return writeCsv([
    heads,
    ...rows.map(({ name, group, invitation, password }) => [name, group, invitation, password, address, fingerprint]),
  ]);
}

/** Their passwords are told once. Faults: those of `readRoster`; `csv-group` for each line whose group is not there. */
export async function importRoster(server: Server, actor: Actor, text: string): Promise<Outcome> {
  const placed = await placeAll(server, text);
  if (!placed.ok) return placed;
  return transact(server.db, async (trx) => {
    const rows: Listed[] = [];
    for (const each of placed.value) rows.push(await inviteListed(server, trx, actor, each));
    return good(await importedOf({ ...server, db: trx }, rows));
  });
}

const importBody = Type.Object({ csv: Type.String({ maxLength: 1024 * 1024 }) });
/** Nothing is made of a list with anything wrong in it here either. */
export const importWork = workOn(importBody, {
  items: ({ csv }) => {
    const read = readRoster(csv);
    return read.ok ? good(read.value.map(({ name }) => name)) : read;
  },
  begin: async (server, actor, { csv }) => {
    const placed = await placeAll(server, csv);
    if (!placed.ok) return placed;
    const byName = new Map(placed.value.map((each) => [each.name, each]));
    return good(async (name, { db }) => {
      const found = byName.get(name);
      if (!found) return bad('not-found', { what: name });
      return transact(db, async (trx) => good(await inviteListed(server, trx, actor, found)));
    });
  },
  together: true,
  answer: (server, tried) =>
    importedOf(
      server,
      tried.flatMap(({ result }) => (result.ok && result.value ? [result.value as Listed] : [])),
    ),
});

async function placeAll(
  { db }: Server,
  text: string,
): Promise<{ readonly ok: true; readonly value: readonly Placed[] } | Refusal> {
  const read = readRoster(text);
  if (!read.ok) return read;
  const identity = await readIdentity(db);
  const groups = await db.selectFrom('groups').select(['id', 'name', 'kind']).execute();
  const own = groups.find(({ id }) => id === identity.unassigned);
  const faults: Fault[] = [];
  const placed = read.value.flatMap(({ row, name, group }) => {
    const found = group === null ? own : groups.find((each) => each.name === group && each.kind !== 'recovered');
    if (!found) faults.push(fault('csv-group', { row, group: (group ?? '').slice(0, 120) }));
    return found ? [{ name, group: found }] : [];
  });
  const [first] = faults;
  return first ? { ok: false, fault: first, faults: faults.slice(0, 100) } : good(placed);
}

async function inviteListed(server: Server, trx: Database, actor: Actor, { name, group }: Placed): Promise<Listed> {
  const [invitation, password, salt] = [spell(randomBytes(idLetters)), longPassword(), randomBytes(16)];
  const now = server.clock();
  await endEarlier(trx, name);
  await trx
    .insertInto('invitations')
    .values({
      id: invitation,
      name,
      group_id: group.id,
      salt: salt.toString('hex'),
      hash: quickHash(password, salt),
      tries_left: invitationTries,
      expires_at: invitationEnd(now),
      bound_to: null,
      device_id: null,
      used_at: null,
      user_id: null,
      token_id: null,
      replaces: null,
      created_at: now,
    })
    .execute();
  await audit(server, trx, { actor, action: 'invited', subject: invitation, facts: { group: group.name } });
  return { name, group: group.name, invitation, password: groupPassword(password) };
}

async function importedOf({ db, clock }: Pick<Server, 'db' | 'clock'>, rows: Listed[]): Promise<Imported> {
  const main = (await readServerCertificates(db)).find(({ role }) => role === 'main');
  const address = addressesOf(await readIdentity(db)).https;
  const fingerprint = main?.fingerprint ?? '';
  return { address, fingerprint, expiresAt: invitationEnd(clock()), rows, csv: csvOf(rows, address, fingerprint) };
}
