/** What an administrator sets about mutual authentication, and what follows for the devices that are there. */
import { randomUUID } from 'node:crypto';
import { bad, good, type Result } from '../../protocol/fault.ts';
import type { EnrolmentSecret } from '../../protocol/schema.ts';
import { isOffered, maxSubject, unknownVariables } from '../../protocol/subject.ts';
import { version } from '../../protocol/version.ts';
import type { ListQuery, Page } from '../api/list.ts';
import type { CertlessColumn, CertlessRow, EnrolmentChanged, MutualView } from '../api/mutual.ts';
import { checkPorts, webPortOf } from '../core/listeners.ts';
import {
  answering,
  chosenSetting,
  decideClosing,
  decideEndpoint,
  decideSetting,
  type EndpointChange,
  type Mutual,
  newInstallation,
  type ScepSetting,
  settingState,
} from '../core/mutual.ts';
import { pathTo } from '../core/policy.ts';
import type { Override } from '../core/role.ts';
import { type Actor, audit, readIdentity, type Server, writeIdentity } from './context.ts';
import { transact } from './database.ts';
import { signAllPolicies } from './documents.ts';
import { rewriteKit } from './kit.ts';
import { readPage } from './listing.ts';
import { isActive } from './lives.ts';
import { findGroup } from './lookup.ts';
import { recordGiven } from './refusals.ts';
import { open, seal } from './seal.ts';
import type { Database } from './tables.ts';

/** What an administrator types of a setting. */
export type ScepWish = Omit<ScepSetting, 'id' | 'secret'> & { readonly user?: string; readonly password?: string };
const maxScepSettings = 32;

export const mutualOf = async (trx: Database): Promise<Mutual> => (await readIdentity(trx)).mutual ?? newInstallation;

export async function showMutual({ db }: Server): Promise<MutualView> {
  const { legacyPort = null, httpsPort } = await readIdentity(db);
  const mutual = await mutualOf(db);
  const scep = mutual.scep.map(({ secret, ...each }) => ({
    ...each,
    hasSecret: secret !== undefined,
    offered: isOffered(each.subject),
    unknown: [...unknownVariables(each.subject)],
  }));
  const state = settingState(mutual, version);
  return {
    ...mutual,
    state,
    scep,
    legacyPort,
    httpsPort,
    answers: answering(mutual),
    waiting: [...(await legacyClients(db))],
  };
}

/** Fault: `stays-on`. */
export const setMutual = (server: Server, actor: Actor, on: boolean): Promise<Result<null>> =>
  change(server, async (trx, mutual) => {
    const decided = decideSetting(mutual, on, server.clock(), version);
    if (decided.ok && decided.value !== mutual)
      await audit(server, trx, { actor, action: 'mutual-enabled', subject: 'mutual', facts: { release: version } });
    return decided;
  });

/** Faults: those of `decideEndpoint`. */
export const setEndpoint = (server: Server, actor: Actor, wanted: EndpointChange): Promise<Result<null>> =>
  change(server, async (trx, mutual) => {
    const decided = decideEndpoint(mutual, wanted, await legacyClients(trx));
    const facts = { endpoint: wanted.endpoint, on: wanted.on ? 'yes' : 'no' };
    if (decided.ok) await audit(server, trx, { actor, action: 'endpoint-set', subject: 'mutual', facts });
    return decided;
  });

/** A setting that agents may be told to enrol by. Faults: `already-exists`, `bad-argument`. */
export const addScep = (server: Server, actor: Actor, wanted: ScepWish): Promise<Result<null>> =>
  change(server, async (trx, mutual) => {
    const { user = '', password = '', ...setting } = wanted;
    const { name, url, subject } = setting;
    if (name === 'local' || mutual.scep.some((each) => each.name === name))
      return bad('already-exists', { what: name });
    if (!/^https?:$/.test(URL.canParse(url) ? new URL(url).protocol : '')) return bad('bad-argument', { what: 'url' });
    if (subject.length > maxSubject || /\p{Cc}/u.test(subject + name)) return bad('bad-argument', { what: 'subject' });
    if (mutual.scep.length >= maxScepSettings) return bad('bad-argument', { what: `more than ${maxScepSettings}` });
    const protocol = setting.protocol ?? 'scep';
    await audit(server, trx, { actor, action: 'enrolment-added', subject: name, facts: { protocol, url, subject } });
    const told = { user, password } satisfies Secret;
    const secret = password === '' ? {} : { secret: seal(server.keys.master, Buffer.from(JSON.stringify(told))) };
    return good({ ...mutual, scep: [...mutual.scep, { ...setting, ...secret, id: randomUUID() }] });
  });

/** Faults: `not-found`; `not-allowed` for the one in use. */
export const removeScep = (server: Server, actor: Actor, name: string): Promise<Result<null>> =>
  change(server, async (trx, mutual) => {
    if (!mutual.scep.some((each) => each.name === name)) return bad('not-found', { what: name.slice(0, 120) });
    if (mutual.enrolment.at === 'scep' && mutual.enrolment.name === name) return bad('not-allowed', { what: name });
    await audit(server, trx, { actor, action: 'enrolment-removed', subject: name });
    return good({ ...mutual, scep: mutual.scep.filter((each) => each.name !== name) });
  });

/**
 * `local`, or the name of a setting whose subject uses none but the five variables. Faults: `not-found`, also for a setting
 * that is not offered. `look`: only says what a change would come to.
 */
export async function chooseEnrolment(
  server: Server,
  actor: Actor,
  name: string,
  look = false,
): Promise<Result<EnrolmentChanged>> {
  if (look) return foresee(server.db, name);
  let mustRegisterAgain = 0;
  const changed = await change(
    server,
    async (trx, mutual) => {
      const setting = offeredOf(mutual, name);
      if (name !== 'local' && !setting) return bad('not-found', { what: name.slice(0, 120) });
      const before = nameInUse(mutual);
      if (before === name) return good(mutual);
      mustRegisterAgain = await countMutual(trx);
      const facts = { before, mustRegisterAgain };
      await audit(server, trx, { actor, action: 'enrolment-chosen', subject: name, facts });
      return good({ ...mutual, enrolment: setting ? { at: 'scep' as const, name } : { at: 'local' as const } });
    },
    signAllPolicies,
  );
  return changed.ok ? good({ mustRegisterAgain }) : changed;
}

async function foresee(db: Database, name: string): Promise<Result<EnrolmentChanged>> {
  const mutual = await mutualOf(db);
  if (name !== 'local' && !offeredOf(mutual, name)) return bad('not-found', { what: name.slice(0, 120) });
  return good({ mustRegisterAgain: nameInUse(mutual) === name ? 0 : await countMutual(db) });
}

const nameInUse = ({ enrolment }: Mutual): string => (enrolment.at === 'scep' ? enrolment.name : 'local');

const offeredOf = ({ scep }: Mutual, name: string): ScepSetting | undefined =>
  scep.find((each) => each.name === name && isOffered(each.subject));

/**
 * What the authority in use asks of who enrols there, for a device of ours that is about to; on record. Documents carry no
 * secrets. Fault: `not-found` where it asks for nothing, and after a rebuild from the recovery kit, which does not open it.
 */
export const enrolmentSecret = (server: Server, device: string): Promise<Result<EnrolmentSecret>> =>
  transact(server.db, async (trx) => {
    const setting = chosenSetting(await mutualOf(trx));
    const opened = setting?.secret === undefined ? null : open(server.keys.master, setting.secret);
    if (!setting || !opened?.ok) return bad('not-found', { what: 'secret' });
    const { user, password } = JSON.parse(Buffer.from(opened.value).toString()) as Secret;
    const { protocol = 'scep', fingerprint, name } = setting;
    await recordGiven(server, trx, { actor: device, action: 'enrolment-secret-given', subject: name });
    return good({ format: 1, protocol, fingerprint, user, password });
  });

type Secret = Pick<EnrolmentSecret, 'user' | 'password'>;

/** Null: as the parent group has it. Fault: `not-found`. */
export const setMigrateClient = (
  server: Server,
  actor: Actor,
  group: string,
  migrate: boolean | null,
): Promise<Result<null>> =>
  transact(server.db, async (trx) => {
    const target = await findGroup(trx, group);
    if (!target.ok) return target;
    const { id, name } = target.value;
    const value = migrate === null ? null : migrate ? 1 : 0;
    await trx.updateTable('groups').set({ migrate_client: value }).where('id', '=', id).execute();
    const facts = { group: name, migrate: migrate === null ? 'as the parent' : migrate ? 'yes' : 'no' };
    await audit(server, trx, { actor, action: 'migrate-client-set', subject: id, facts });
    return good(null);
  });

/** Of the group itself, else of its nearest parent that says something. */
export async function migrateClient(trx: Database, group: string): Promise<boolean> {
  const rows = await trx.selectFrom('groups').select(['id', 'name', 'parent', 'migrate_client']).execute();
  const groups = new Map(rows.map((row) => [row.id, row]));
  const said = pathTo(groups, group).map(({ id }) => groups.get(id)?.migrate_client ?? null);
  return said.findLast((each) => each !== null) === 1;
}

/**
 * Another port for agents without an identity, or none. Where a server runs, it moves at once. Faults: `devices-cut-off`
 * unless overridden, `ports-collide`, `bad-argument` for a port that cannot be had.
 */
export async function moveLegacyPort(
  server: Server,
  actor: Actor,
  { port, override }: { readonly port: number | null; readonly override: Override },
): Promise<Result<null>> {
  const before = (await readIdentity(server.db)).legacyPort ?? null;
  if (before === port) return good(null);
  const moved = await transact(server.db, async (trx) => {
    const identity = await readIdentity(trx);
    const { httpsPort: https, mqttPort: mqtt } = identity;
    const free = checkPorts({ https, mqtt, legacy: port, web: webPortOf(identity) });
    if (!free.ok) return free;
    const cut = before === null ? [] : await legacyClients(trx);
    const decided = port === null ? decideClosing(cut, override) : good(null);
    if (!decided.ok) return decided;
    await writeIdentity(trx, { ...identity, legacyPort: port });
    const facts = { before: before ?? 'off', port: port ?? 'off', cutOff: port === null ? cut.length : 0 };
    await audit(server, trx, { actor, action: 'legacy-port-set', subject: identity.serverId, facts });
    try {
      await server.carriers.current?.moveLegacy?.(port);
    } catch (error) {
      return bad('bad-argument', { what: `port ${port}: ${String((error as NodeJS.ErrnoException).code)}` });
    }
    return good(null);
  });
  if (moved.ok) await rewriteKit(server);
  return moved;
}

/** Devices that registered without an identity and have not proven one. */
export const legacyClients = (trx: Database): Promise<MutualView['waiting']> =>
  certless(trx).select(['devices.id', 'devices.name', 'devices.agent']).orderBy('devices.name').execute();

/** The same, as a list. */
export const pageCertless = ({ db }: Server, query: ListQuery<CertlessColumn>): Promise<Page<CertlessRow>> =>
  readPage(
    certless(db)
      .innerJoin('groups', 'groups.id', 'devices.group_id')
      .select(['devices.id', 'devices.name', 'groups.name as group', 'agent', 'migration', 'last_seen as lastSeen']),
    {
      sort: {
        name: 'lower(devices.name)',
        group: 'lower(groups.name)',
        agent: 'agent',
        migration: "coalesce(migration, '')",
        lastSeen: 'last_seen',
      },
      key: 'devices.id',
      search: ['devices.name', 'devices.id', 'groups.name'],
      start: { by: 'name', order: 'asc' },
    },
    query,
  );

const certless = (trx: Database) =>
  trx
    .selectFrom('device_tokens')
    .innerJoin('devices', 'devices.id', 'device_tokens.device_id')
    .where('ended_at', 'is', null)
    .where(isActive);

/** Devices that got their identity by the enrolment setting and use it. */
async function countMutual(trx: Database): Promise<number> {
  const rows = await trx
    .selectFrom('device_tokens')
    .innerJoin('devices', 'devices.id', 'device_tokens.device_id')
    .select('devices.id')
    .where('ended_at', 'is not', null)
    .where(isActive)
    .execute();
  return rows.length;
}

/** The setting lies with what the recovery kit carries, so that a rebuilt server does not fall back behind it. */
async function change(
  server: Server,
  decide: (trx: Database, mutual: Mutual) => Promise<Result<Mutual>>,
  /** In the same transaction. */
  then: (server: Server, trx: Database) => Promise<Result<null>> = async () => good(null),
): Promise<Result<null>> {
  const changed = await transact(server.db, async (trx) => {
    const identity = await readIdentity(trx);
    const decided = await decide(trx, identity.mutual ?? newInstallation);
    if (!decided.ok) return decided;
    await writeIdentity(trx, { ...identity, mutual: decided.value });
    return then(server, trx);
  });
  if (changed.ok) await rewriteKit(server);
  return changed;
}
