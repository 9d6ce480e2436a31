/** What needs an administrator's eye, counted over the whole fleet. */
import { fromBase64, parseCertificate } from '../../protocol/certificate.ts';
import type { Report } from '../../protocol/schema.ts';
import { dayMs } from '../../protocol/time.ts';
import type { Role } from '../core/role.ts';
import { type OfflineRisk, readOfflineRisk } from './absences.ts';
import type { Server } from './context.ts';
import { standingOf } from './lives.ts';
import { readServerCertificates } from './pins.ts';

export type ServerEnding = { readonly role: Role; readonly fingerprint: string; readonly notAfter: number };
export type PolicyEnding = {
  readonly group: string;
  readonly purpose: string;
  readonly file: string;
  readonly fingerprint: string;
  readonly notAfter: number;
};
export type Dashboard = {
  readonly devices: {
    /** Those that can connect; the next two are among them. */
    readonly active: number;
    readonly online: number;
    /** They wait for an administrator after a recovery. */
    readonly waiting: number;
    readonly retired: number;
    readonly inactive: number;
    /** By the last report of those that can connect. */
    readonly clockUnknown: number;
    readonly locked: number;
    readonly faulty: number;
    /** Their identity ends within the horizon. */
    readonly ending: number;
  };
  /** What ends within the horizon, or has ended, the nearest first. */
  readonly server: readonly ServerEnding[];
  readonly policies: readonly PolicyEnding[];
  /** Certificates on the blocklists of policies. */
  readonly blocked: number;
  /** Null where no reserve is there. */
  readonly risk: OfflineRisk['counts'] | null;
  /** Documents that the broker has not been given yet. */
  readonly unpublished: number;
};

const horizonMs = 30 * dayMs;

export async function showDashboard(server: Server): Promise<Dashboard> {
  const { db } = server;
  const until = server.clock() + horizonMs;
  const certificates = (await readServerCertificates(db))
    .filter(({ role, not_after }) => (role === 'main' || role === 'reserve') && not_after <= until)
    .map(({ role, fingerprint, not_after: notAfter }) => ({ role, fingerprint, notAfter }));
  const blocked = await db.selectFrom('blocked_certificates').select('fingerprint').distinct().execute();
  const outbox = await db.selectFrom('outbox').select('topic').execute();
  const risk = await readOfflineRisk(server, null);
  return {
    devices: await countDevices(server, until),
    server: certificates.sort((one, other) => one.notAfter - other.notAfter),
    policies: await endingOfPolicies(server, until),
    blocked: blocked.length,
    risk: risk.ok ? risk.value.counts : null,
    unpublished: outbox.length,
  };
}

async function countDevices({ db }: Server, until: number): Promise<Dashboard['devices']> {
  const rows = await db
    .selectFrom('devices')
    .leftJoin('reports', 'reports.device_id', 'devices.id')
    .select(['presence', 'adopted_at', 'retired_at', 'deactivated_at', 'removed_at', 'body'])
    .where('removed_at', 'is', null)
    .execute();
  const counts = { active: 0, online: 0, waiting: 0, retired: 0, inactive: 0, clockUnknown: 0, locked: 0, faulty: 0 };
  let ending = 0;
  for (const row of rows) {
    const standing = standingOf(row);
    if (standing === 'retired') counts.retired += 1;
    if (standing === 'inactive') counts.inactive += 1;
    if (standing !== 'active') continue;
    counts.active += 1;
    if (row.presence === 'online') counts.online += 1;
    if (row.adopted_at !== null) counts.waiting += 1;
    if (row.body === null) continue;
    const report = JSON.parse(row.body) as Omit<Report, 'newer'>;
    if (report.clock.at === 'unknown') counts.clockUnknown += 1;
    if (report.codes.lockedForMs > 0) counts.locked += 1;
    if (report.faults.length > 0) counts.faulty += 1;
    if (report.identity !== null && report.identity.notAfter <= until) ending += 1;
  }
  return { ...counts, ending };
}

async function endingOfPolicies({ db }: Server, until: number): Promise<readonly PolicyEnding[]> {
  const rows = await db
    .selectFrom('policy_certificates')
    .innerJoin('groups', 'groups.id', 'group_id')
    .select(['groups.name as group', 'purpose', 'file', 'fingerprint', 'certificate'])
    .execute();
  return rows
    .flatMap(({ certificate, ...row }) => {
      const parsed = parseCertificate(fromBase64(certificate));
      return parsed.ok && parsed.value.notAfter <= until ? [{ ...row, notAfter: parsed.value.notAfter }] : [];
    })
    .sort((one, other) => one.notAfter - other.notAfter);
}
