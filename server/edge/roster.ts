/** Invitations for a list of devices to come (B13): all of them or, where anything is wrong with the list, none. */
import { randomBytes } from 'node:crypto';
import { type Fault, fault, good } from '../../protocol/fault.ts';
import { writeCsv } from '../core/csv.ts';
import { groupPassword, invitationEnd, invitationTries } from '../core/invitation.ts';
import { type Roster, readRoster } from '../core/roster.ts';
import { spell } from '../core/spelling.ts';
import { type Actor, addressesOf, audit, readIdentity, type Server } from './context.ts';
import { transact } from './database.ts';
import { endEarlier, idLetters, longPassword, quickHash } from './invitations.ts';
import { readServerCertificates } from './pins.ts';

export type Listed = {
  readonly name: string;
  readonly group: string;
  readonly invitation: string;
  readonly password: string;
};
export type Imported = {
  readonly address: string;
  readonly fingerprint: string;
  readonly expiresAt: number;
  readonly rows: readonly Listed[];
  /** The same with address and fingerprint, for a spreadsheet. */
  readonly csv: string;
};
type Outcome = { readonly ok: true; readonly value: Imported } | Exclude<Roster, { readonly ok: true }>;

function csvOf(rows: readonly Listed[], address: string, fingerprint: string): string {
  const heads = ['name', 'group', 'invitation', 'password', 'address', 'fingerprint'];
  return writeCsv([
    heads,
    ...rows.map(({ name, group, invitation, password }) => [name, group, invitation, password, address, fingerprint]),
  ]);
}

/** Their passwords are told once. Faults: those of `readRoster`; `csv-group` for each line whose group is not there. */
export async function importRoster(server: Server, actor: Actor, text: string): Promise<Outcome> {
  const read = readRoster(text);
  if (!read.ok) return read;
  const identity = await readIdentity(server.db);
  const groups = await server.db.selectFrom('groups').select(['id', 'name', 'kind']).execute();
  const own = groups.find(({ id }) => id === identity.unassigned);
  const faults: Fault[] = [];
  const placed = read.value.flatMap(({ row, name, group }) => {
    const found = group === null ? own : groups.find((each) => each.name === group && each.kind !== 'recovered');
    if (!found) faults.push(fault('csv-group', { row, group: (group ?? '').slice(0, 120) }));
    return found ? [{ name, group: found }] : [];
  });
  const [first] = faults;
  if (first) return { ok: false, fault: first, faults: faults.slice(0, 100) };
  const now = server.clock();
  const expiresAt = invitationEnd(now);
  return transact(server.db, async (trx) => {
    const rows: Listed[] = [];
    for (const { name, group } of placed) {
      const [invitation, password, salt] = [spell(randomBytes(idLetters)), longPassword(), randomBytes(16)];
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
          expires_at: expiresAt,
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
      rows.push({ name, group: group.name, invitation, password: groupPassword(password) });
    }
    const main = (await readServerCertificates(trx)).find(({ role }) => role === 'main');
    const address = addressesOf(identity).https;
    const fingerprint = main?.fingerprint ?? '';
    return good({ address, fingerprint, expiresAt, rows, csv: csvOf(rows, address, fingerprint) });
  });
}
