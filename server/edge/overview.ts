/** What an administrator looks at first, and the audit log. */
import { addressesOf, readIdentity, type Server } from './context.ts';
import { readServerCertificates } from './pins.ts';

export type StatusView = {
  readonly serverId: string;
  readonly name: string;
  readonly https: string;
  readonly mqtt: string;
  readonly fingerprint: string;
  readonly notAfter: number;
  readonly reserve: string | null;
  readonly devices: number;
  readonly online: number;
  readonly groups: number;
  /** Documents the broker has not been given yet. */
  readonly unpublished: number;
  /** Devices that wait for an administrator after a recovery. */
  readonly waiting: number;
  readonly adopting: boolean;
};
export type AuditRow = {
  readonly id: number;
  readonly at: number;
  readonly actor: string;
  readonly action: string;
  readonly subject: string;
  readonly facts: Readonly<Record<string, string | number>>;
};

export async function showStatus({ db }: Server): Promise<StatusView> {
  const identity = await readIdentity(db);
  const certificates = await readServerCertificates(db);
  const main = certificates.find(({ role }) => role === 'main');
  const devices = await db
    .selectFrom('devices')
    .select(['presence', 'adopted_at'])
    .where('removed_at', 'is', null)
    .execute();
  const groups = await db.selectFrom('groups').select('id').execute();
  const outbox = await db.selectFrom('outbox').select('topic').execute();
  return {
    serverId: identity.serverId,
    name: identity.name,
    ...addressesOf(identity),
    fingerprint: main?.fingerprint ?? '',
    notAfter: main?.not_after ?? 0,
    reserve: certificates.find(({ role }) => role === 'reserve')?.fingerprint ?? null,
    devices: devices.length,
    online: devices.filter(({ presence }) => presence === 'online').length,
    groups: groups.length,
    unpublished: outbox.length,
    waiting: devices.filter(({ adopted_at }) => adopted_at !== null).length,
    adopting: identity.adopting,
  };
}

/** Newest first. */
export async function listAudit({ db }: Server, limit: number): Promise<readonly AuditRow[]> {
  const rows = await db.selectFrom('audit').selectAll().orderBy('id', 'desc').limit(limit).execute();
  return rows.map(({ id, at, actor, action, subject, facts }) => ({
    id,
    at,
    actor,
    action,
    subject,
    facts: JSON.parse(facts),
  }));
}
