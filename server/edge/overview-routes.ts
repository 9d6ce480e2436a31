/** What the administration API offers to whoever wants to see how the fleet fares. */
import { bad, good } from '../../protocol/fault.ts';
import { metricsType } from '../../protocol/open-metrics.ts';
import { instant } from '../../protocol/time.ts';
import { readOfflineRisk } from './absences.ts';
import { type AdminRoute, reading } from './admin-route.ts';
import { showDashboard } from './dashboard.ts';
import { showMetrics } from './figures.ts';
import { showStatus } from './overview.ts';

export const overviewRoutes: readonly AdminRoute[] = [
  reading('/status', async (server) => good(await showStatus(server))),
  { ...reading('/metrics', async (server) => good(await showMetrics(server))), type: metricsType },
  reading('/dashboard', async (server) => good(await showDashboard(server))),
  reading('/server-certificates/offline-risk', async (server, { query }) => {
    const { at } = query;
    if (at === undefined) return readOfflineRisk(server, null);
    return /^[0-9]{1,15}$/.test(at)
      ? readOfflineRisk(server, instant(Number(at)))
      : bad('bad-argument', { what: 'at: milliseconds since 1970' });
  }),
];
