/** The figures of the fleet, gathered (B11). */
import { metricsOf } from '../core/metrics.ts';
import type { Server } from './context.ts';
import { showDashboard } from './dashboard.ts';
import { readServerCertificates } from './pins.ts';

export async function showMetrics(server: Server): Promise<string> {
  const { db } = server;
  const { devices, risk, blocked, unpublished, policies } = await showDashboard(server);
  const certificates = await readServerCertificates(db);
  const mails = await db.selectFrom('mails').select('id').where('state', '=', 'waiting').execute();
  const requests = await db.selectFrom('enrolment_requests').select('key').where('decision', 'is', null).execute();
  return metricsOf({
    devices,
    risk,
    blocked,
    unpublished,
    certificates: certificates
      .filter(({ role }) => role === 'main' || role === 'reserve')
      .map(({ role, not_after: notAfter }) => ({ role, notAfter })),
    policiesEnding: policies.length,
    mails: mails.length,
    requests: requests.length,
  });
}
