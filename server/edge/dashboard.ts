/** What needs an administrator's eye, counted over the whole fleet. */
import { fromBase64, parseCertificate } from '../../protocol/certificate.ts';
import type { Report } from '../../protocol/schema.ts';
import { dayMs } from '../../protocol/time.ts';
import type { DashboardView } from '../api/overview.ts';
import { readOfflineRisk } from './absences.ts';
import type { Server } from './context.ts';
import { standingOf } from './lives.ts';
import { readServerCertificates } from './pins.ts';

const horizonMs = 30 * dayMs;

export async function showDashboard(server: Server): Promise<DashboardView> {
  const { db } = server;
  const until = server.clock() + horizonMs;
  const certificates = (await readServerCertificates(db)).flatMap(({ role, fingerprint, not_after: notAfter }) =>
    (role === 'main' || role === 'reserve') && notAfter <= until ? [{ role, fingerprint, notAfter }] : [],
  );
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

async function countDevices({ db }: Server, until: number): Promise<DashboardView['devices']> {
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

async function endingOfPolicies({ db }: Server, until: number): Promise<DashboardView['policies']> {
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
