/** What the administration API offers to whoever wants to see how the fleet fares. */
import { Type } from '@sinclair/typebox';
import { good } from '../../protocol/fault.ts';
import { metricsType } from '../../protocol/open-metrics.ts';
import { auditColumns, auditRow, deviceRisk } from '../api/devices.ts';
import { type ListQuery, listQuery, pageOf } from '../api/list.ts';
import { dashboardView, statusView } from '../api/overview.ts';
import { readDeviceRisk } from './absences.ts';
import { type AdminRoute, of, reading } from './admin-route.ts';
import { showDashboard } from './dashboard.ts';
import { showMetrics } from './figures.ts';
import { pageDeviceEvents, showStatus } from './overview.ts';

export const overviewRoutes: readonly AdminRoute[] = [
  reading('/status', statusView, async (server) => good(await showStatus(server))),
  { ...reading('/metrics', Type.String(), async (server) => good(await showMetrics(server))), type: metricsType },
  reading('/dashboard', dashboardView, async (server) => good(await showDashboard(server))),
  reading('/devices/:device/offline-risk', deviceRisk, (server, call) => readDeviceRisk(server, of(call, 'device'))),
  {
    method: 'GET',
    url: '/devices/:device/events',
    action: 'read-audit',
    query: listQuery(auditColumns),
    answer: pageOf(auditRow),
    list: auditRow,
    run: (server, call) => pageDeviceEvents(server, of(call, 'device'), call.query as ListQuery<'at'>),
  },
];
