/** Signing documents: the revision is allocated, the document signed and queued in the transaction of the change. */
import { sql } from 'kysely';
import { deviceAudience, groupAudience } from '../../protocol/audience.ts';
import { bad, good, type Result } from '../../protocol/fault.ts';
import type { DocumentType } from '../../protocol/jws.ts';
import type { DeviceDocument } from '../../protocol/schema.ts';
import { instant } from '../../protocol/time.ts';
import { deviceLeafTopic, policyTopic } from '../../protocol/topics.ts';
import { currentOf, renewBeforeDays } from '../core/identity.ts';
import { newInstallation, policyEnrolment } from '../core/mutual.ts';
import {
  type Composition,
  checkPolicy,
  composePolicy,
  type Entry,
  emptySettings,
  familyOf,
  flatten,
  flattenBlock,
  type Group,
  type IdentitySetting,
  type ListEntry,
  noRevocation,
  pathTo,
  type Settings,
} from '../core/policy.ts';
import { datesAt, nextRevision, raisedRevision } from '../core/revision.ts';
import { slotOf } from '../core/slot.ts';
import { addressesOf, type Identity, readIdentity, type Server } from './context.ts';
import { readWanted } from './corporate-wanted.ts';
import { readLives } from './lives.ts';
import { readPins } from './pins.ts';
import { readRules } from './rules.ts';
import { signDocument } from './sign.ts';
import { newestStatement } from './statements.ts';
import type { Database, Tables } from './tables.ts';

type Draft = { readonly type: DocumentType; readonly aud: string; readonly topic: string; readonly body: object };
export type GroupSettings = Group & { readonly settings: Settings; readonly naming: readonly string[] | null };

/** All groups with their own settings. */
export async function readGroups(trx: Database): Promise<ReadonlyMap<string, GroupSettings>> {
  const groups = await trx.selectFrom('groups').selectAll().orderBy('created_at').execute();
  const entries = await trx.selectFrom('policy_certificates').selectAll().orderBy('added_at').execute();
  const lists = await trx.selectFrom('policy_revocation_lists').selectAll().orderBy('added_at').execute();
  const blocked = await trx.selectFrom('blocked_certificates').selectAll().orderBy('added_at').execute();
  return new Map(
    groups.map((group) => {
      const { id, name, parent, contacts, settings, naming, rotation, revocation } = group;
      return [
        id,
        {
          id,
          name,
          parent,
          naming: naming === null ? null : JSON.parse(naming),
          settings: {
            certificates: {
              enforced: group.certificates_enforced === 1,
              entries: entries.filter((entry) => entry.group_id === id).map(entryOf),
            },
            contacts: {
              enforced: group.contacts_enforced === 1,
              value: contacts === null ? null : JSON.parse(contacts),
            },
            identity: identityBlock(group),
            revocation: {
              modes: revocation === null ? noRevocation : JSON.parse(revocation),
              lists: lists.filter((list) => list.group_id === id).map(listOf),
            },
            blocklist: blocked.filter((entry) => entry.group_id === id).map(({ fingerprint }) => fingerprint),
            device: settings === null ? emptySettings.device : JSON.parse(settings),
            rotation: rotation === null ? emptySettings.rotation : JSON.parse(rotation),
          },
        },
      ];
    }),
  );
}

const entryOf = ({ purpose, file, certificate, fingerprint }: Tables['policy_certificates']): Entry => ({
  purpose,
  file,
  certificate,
  fingerprint,
});

const listOf = ({
  file,
  list,
  fingerprint,
  series,
  number,
  this_update,
}: Tables['policy_revocation_lists']): ListEntry => ({
  file,
  list,
  fingerprint,
  series,
  number,
  thisUpdate: this_update,
});

/**
 * Signs the policies of a group and of all groups below it, since they inherit. Faults: what a device would refuse
 * (`checkPolicy`); nothing is signed then.
 */
export async function signFamily(server: Server, trx: Database, group: string): Promise<Result<null>> {
  const groups = await readGroups(trx);
  return signGroups(server, trx, groups, familyOf(groups, group));
}

/** The policy of one group alone: what those below it inherit is as it was. Faults: as for `signFamily`. */
export const signGroup = async (server: Server, trx: Database, group: string): Promise<Result<null>> =>
  signGroups(server, trx, await readGroups(trx), [group]);

/** What a group blocks, with what those above it block. */
export async function readBlocklist(trx: Database, group: string): Promise<readonly string[]> {
  const groups = await readGroups(trx);
  return flatten(pathTo(groups, group).flatMap(({ id }) => groups.get(id)?.settings ?? [])).blocklist;
}

/** Every policy again: the server's certificates or addresses changed. Faults: as for `signFamily`. */
export async function signAllPolicies(server: Server, trx: Database): Promise<Result<null>> {
  const groups = await readGroups(trx);
  return signGroups(server, trx, groups, [...groups.keys()]);
}

/**
 * The document that tells a device its place. It applies together with a policy of at least the group's present revision.
 * Throws for unknown devices. None for one that waits for adoption: it would be moved.
 */
export async function signDevice(server: Server, trx: Database, device: string): Promise<void> {
  const { serverId } = await readIdentity(trx);
  const row = await trx
    .selectFrom('devices')
    .innerJoin('groups', 'groups.id', 'devices.group_id')
    .select(['devices.id', 'devices.name', 'group_id', 'secret_generation', 'adopted_at', 'groups.kind'])
    .where('devices.id', '=', device)
    .executeTakeFirstOrThrow();
  if (row.adopted_at !== null) return;
  const policy = await trx
    .selectFrom('documents')
    .select('rev')
    .where('aud', '=', groupAudience(serverId, row.group_id))
    .executeTakeFirstOrThrow();
  const body: Omit<DeviceDocument, 'aud' | 'rev' | 'iat' | 'refreshBefore'> = {
    format: 1,
    name: row.name,
    group: row.group_id,
    managed: row.kind === 'ordinary',
    groupRev: policy.rev,
    secretGeneration: row.secret_generation,
    identity: { renewAt: await renewAt(server, trx, { device, group: row.group_id }) },
    certificates: await readWanted(trx, device),
  };
  const aud = deviceAudience(serverId, device);
  await store(server, trx, { type: 'device', aud, topic: deviceLeafTopic(device, 'device'), body });
}

/** When a group has its devices renew: days before the end. */
export async function readRenewBeforeDays(trx: Database, group: string): Promise<number> {
  const rows = await trx
    .selectFrom('groups')
    .select(['id', 'name', 'parent', 'identity', 'identity_enforced'])
    .execute();
  const groups = new Map(rows.map((row) => [row.id, { ...row, block: identityBlock(row) }]));
  const path = pathTo(groups, group).flatMap(({ id }) => groups.get(id)?.block ?? []);
  return renewBeforeDays(flattenBlock(path).value, (await readRules(trx)).renewBeforeDays);
}

/** The slot of a device for the identity it uses; null where its end is over or not known. */
async function renewAt(
  { clock }: Server,
  trx: Database,
  { device, group }: { readonly device: string; readonly group: string },
): Promise<number | null> {
  const current = currentOf(await readLives(trx, device));
  return current && slotOf(device, current, await readRenewBeforeDays(trx, group), clock());
}

const identityBlock = ({ identity, identity_enforced }: Pick<Tables['groups'], 'identity'> & BlockFlag) => ({
  enforced: identity_enforced === 1,
  value: identity === null ? null : (JSON.parse(identity) as IdentitySetting),
});

type BlockFlag = { readonly identity_enforced: number | null };

/** Documents of the devices in these groups are due: the upkeep signs them, a few at a time. */
export async function markDevicesOf(trx: Database, groups: readonly string[]): Promise<void> {
  const rows = await trx.selectFrom('devices').select('id').where('group_id', 'in', groups).execute();
  await markDevices(
    trx,
    rows.map(({ id }) => id),
  );
}

/** As `markDevicesOf`. */
export async function markDevices(trx: Database, ids: readonly string[]): Promise<void> {
  const { serverId } = await readIdentity(trx);
  const audiences = sql<string>`(select value from json_each(${JSON.stringify(ids.map((id) => deviceAudience(serverId, id)))}))`;
  await trx.updateTable('documents').set({ signed_at: 0 }).where('aud', 'in', audiences).execute();
}

/** The next revision of an audience, used up in the transaction. */
export async function takeRevision({ clock }: Pick<Server, 'clock'>, trx: Database, aud: string): Promise<number> {
  const rev = nextRevision(await lastRevision(trx, aud), clock());
  await keepRevision(trx, aud, rev);
  return rev;
}

/** The counter after a verified document of ours showed a higher revision. True when it rose. */
export async function raiseRevision(trx: Database, aud: string, shown: number): Promise<boolean> {
  const last = await lastRevision(trx, aud);
  const raised = raisedRevision(last, shown);
  if (raised > last) await keepRevision(trx, aud, raised);
  return raised > last;
}

/** Takes a document off its topic for good. */
export async function withdraw(server: Server, trx: Database, topic: string): Promise<void> {
  await trx.deleteFrom('documents').where('topic', '=', topic).execute();
  await queue(server, trx, topic, null);
}

export async function queue(
  { clock }: Pick<Server, 'clock'>,
  trx: Database,
  topic: string,
  aud: string | null,
): Promise<void> {
  const row = { topic, aud, queued_at: clock() };
  await trx
    .insertInto('outbox')
    .values(row)
    .onConflict((conflict) => conflict.column('topic').doUpdateSet(row))
    .execute();
}

/** The facts of a device's `documents` row by audience, or undefined. */
export const readDocument = (trx: Database, aud: string): Promise<Tables['documents'] | undefined> =>
  trx.selectFrom('documents').selectAll().where('aud', '=', aud).executeTakeFirst();

async function signGroups(
  server: Server,
  trx: Database,
  groups: ReadonlyMap<string, GroupSettings>,
  ids: readonly string[],
): Promise<Result<null>> {
  const identity = await readIdentity(trx);
  const pins = await readPins(trx);
  const nextKey = server.keys.next?.publicKey ?? null;
  const keys = await newestStatement(trx);
  const rules = await readRules(trx);
  const enrolment = policyEnrolment(identity.mutual ?? newInstallation);
  for (const id of ids) {
    const draft = draftPolicy(identity, { server: pins, nextKey, keys, rules, enrolment }, groups, id);
    const [refused] = checkPolicy(draft.body);
    if (refused) return bad(refused.code, { ...refused.facts, group: groups.get(id)?.name.slice(0, 120) ?? id });
    await store(server, trx, draft);
  }
  return good(null);
}

function draftPolicy(
  identity: Identity,
  content: Pick<Composition, 'server' | 'nextKey' | 'keys' | 'rules' | 'enrolment'>,
  groups: ReadonlyMap<string, GroupSettings>,
  id: string,
) {
  const path = pathTo(groups, id).flatMap((group) => groups.get(group.id) ?? []);
  const group = groups.get(id) ?? { id, name: id };
  const settings = flatten(path.map((each) => each.settings));
  const body = composePolicy({ group, settings, ...content, addresses: addressesOf(identity) });
  return { type: 'policy' as const, aud: groupAudience(identity.serverId, id), topic: policyTopic(id), body };
}

async function store(server: Server, trx: Database, { type, aud, topic, body }: Draft): Promise<void> {
  const now = server.clock();
  const rev = await takeRevision(server, trx, aud);
  const { keyPkcs8, publicKey } = server.keys.policy;
  const jws = signDocument(type, keyPkcs8, publicKey, { aud, rev, ...datesAt(now), ...body });
  const row = { aud, type, topic, rev, jws, signed_at: instant(now), published_at: null };
  await trx
    .insertInto('documents')
    .values(row)
    .onConflict((conflict) => conflict.column('aud').doUpdateSet(row))
    .execute();
  await queue(server, trx, topic, aud);
}

/** 0 where nothing was signed for this audience. */
export async function lastRevision(trx: Database, aud: string): Promise<number> {
  const row = await trx.selectFrom('revisions').select('rev').where('aud', '=', aud).executeTakeFirst();
  return row?.rev ?? 0;
}

export async function keepRevision(trx: Database, aud: string, rev: number): Promise<void> {
  await trx
    .insertInto('revisions')
    .values({ aud, rev })
    .onConflict((conflict) => conflict.column('aud').doUpdateSet({ rev }))
    .execute();
}
