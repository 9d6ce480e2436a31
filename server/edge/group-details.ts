/** One group as a person looks at it: what is set, whose word counts, and how far it has come. */
import { sql } from 'kysely';
import { groupAudience } from '../../protocol/audience.ts';
import { fromBase64 } from '../../protocol/certificate.ts';
import { good, type Result } from '../../protocol/fault.ts';
import { countOf, isMadeBy, parseRevocationList } from '../../protocol/revocation-list.ts';
import type { BlockOf, Delivery, GroupDetails } from '../api/groups.ts';
import { explainBlock, explainLock } from '../core/inheritance.ts';
import { familyOf, flatten, pathTo, type ServerSetting, type Settings } from '../core/policy.ts';
import { readIdentity, type Server } from './context.ts';
import { type GroupSettings, readDocument, readGroups } from './documents.ts';
import { isActive } from './lives.ts';
import { findGroup } from './lookup.ts';
import { nextNumber } from './naming.ts';
import { readRules } from './rules.ts';
import type { Database } from './tables.ts';

/** Fault: `not-found`. */
export async function showGroup({ db }: Server, wanted: string): Promise<Result<GroupDetails>> {
  const found = await findGroup(db, wanted);
  if (!found.ok) return found;
  const { id, name, kind } = found.value;
  const groups = await readGroups(db);
  const path = pathTo(groups, id).flatMap((group) => groups.get(group.id) ?? []);
  const family = familyOf(groups, id);
  const migrate = new Map(
    (await db.selectFrom('groups').select(['id', 'migrate_client']).execute()).map((row) => [
      row.id,
      row.migrate_client,
    ]),
  );
  const explain = <T>(
    say: (group: GroupSettings) => { readonly enforced: boolean; readonly value: T | null },
  ): BlockOf<T> => explainBlock(path.map((group) => ({ group, ...say(group) })));
  const lock = (name: 'connection' | 'reset' | 'dateTime') => lockOf(path, ({ device }) => device[name].enforced);
  const setting = (name: ServerSetting) => explain(({ settings }) => settings.device[name]);
  const devices = await db
    .selectFrom('devices')
    .select((select) => select.fn.countAll<number>().as('count'))
    .where('group_id', '=', id)
    .where('removed_at', 'is', null)
    .executeTakeFirstOrThrow();
  const own = path.at(-1)?.settings;
  const effective = flatten(path.map(({ settings }) => settings));
  return good({
    id,
    name,
    kind,
    path: path.slice(0, -1).map((group) => ({ id: group.id, name: group.name })),
    groups: family.length - 1,
    devices: Number(devices.count),
    certificates: lockOf(path, ({ certificates }) => certificates.enforced),
    contacts: explain(({ settings }) => settings.contacts),
    identity: explain(({ settings }) => settings.identity),
    renewBeforeDays: (await readRules(db)).renewBeforeDays,
    rotation: explain(({ settings: { rotation } }) => ({ enforced: rotation.enforced, value: rotation.allowed })),
    settings: { logServer: setting('logServer'), rdp: setting('rdp'), broker: setting('broker') },
    locks: { connection: lock('connection'), reset: lock('reset'), dateTime: lock('dateTime') },
    migrateClient: explain((group) => {
      const said = migrate.get(group.id) ?? null;
      return { enforced: false, value: said === null ? null : said === 1 };
    }),
    naming: explain(({ naming }) => ({ enforced: false, value: naming === null ? null : [...naming] })),
    nextNumber: await nextNumber(db),
    revocation: revocationOf(own ?? effective, effective),
    delivery: await deliveryOf(db, id, family),
  });
}

/** How far what is in force has come. Fault: `not-found`. */
export async function readDelivery({ db }: Server, wanted: string): Promise<Result<Delivery>> {
  const found = await findGroup(db, wanted);
  if (!found.ok) return found;
  const rows = await db.selectFrom('groups').select(['id', 'name', 'parent']).execute();
  const { id } = found.value;
  return good(await deliveryOf(db, id, familyOf(new Map(rows.map((row) => [row.id, row])), id)));
}

async function deliveryOf(db: Database, group: string, family: readonly string[]): Promise<Delivery> {
  const { serverId } = await readIdentity(db);
  const document = await readDocument(db, groupAudience(serverId, group));
  const counted = await db
    .selectFrom('devices')
    .innerJoin('documents', (join) =>
      join.on('documents.aud', '=', sql<string>`${groupAudience(serverId, '')} || devices.group_id`),
    )
    .leftJoin('reports', 'reports.device_id', 'devices.id')
    .select([
      sql<number>`count(*)`.as('devices'),
      sql<number>`count(case when applied_group = devices.group_id and applied_policy >= documents.rev then 1 end)`.as(
        'applied',
      ),
    ])
    .where('devices.group_id', 'in', family)
    .where(isActive)
    .where('devices.adopted_at', 'is', null)
    .executeTakeFirstOrThrow();
  return {
    rev: document?.rev ?? 0,
    signedAt: document?.signed_at ?? 0,
    devices: Number(counted.devices),
    applied: Number(counted.applied),
  };
}

const lockOf = (path: readonly GroupSettings[], isEnforced: (settings: Settings) => boolean) => {
  const locks = path.map((group) => ({ group, enforced: isEnforced(group.settings) }));
  return { enforced: locks.at(-1)?.enforced ?? false, lockedBy: explainLock(locks) };
};

function revocationOf(own: Settings, { certificates, revocation }: Settings): GroupDetails['revocation'] {
  const mine = new Set(own.revocation.lists.map(({ fingerprint }) => fingerprint));
  return {
    own: own.revocation.modes,
    effective: revocation.modes,
    lists: revocation.lists.map(({ file, list, fingerprint, thisUpdate }) => {
      const read = parseRevocationList(fromBase64(list));
      return {
        file,
        issuer: read.ok ? read.value.owner : '',
        fingerprint,
        thisUpdate,
        nextUpdate: read.ok ? read.value.nextUpdate : null,
        revoked: read.ok ? countOf(read.value) : null,
        verified:
          read.ok &&
          certificates.entries.some(({ certificate }) => isMadeBy(read.value, fromBase64(certificate)) === true),
        own: mine.has(fingerprint),
      };
    }),
  };
}
