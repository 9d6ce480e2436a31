/** What an administrator looks at first, as the API shows it. Instants are epoch milliseconds. */
import { type Static, Type } from '@sinclair/typebox';
import { clientPurpose } from '../../protocol/shapes.ts';
import { instant, nullable, oneOf } from './list.ts';
import { riskCounts } from './server-certificates.ts';

const count = Type.Integer({ minimum: 0 });

export const statusView = Type.Object({
  serverId: Type.String(),
  name: Type.String(),
  https: Type.String(),
  mqtt: Type.String(),
  /** Of the main certificate. */
  fingerprint: Type.String(),
  notAfter: instant,
  reserve: nullable(Type.String()),
  devices: count,
  online: count,
  groups: count,
  /** Documents the broker has not been given yet. */
  unpublished: count,
  /** Devices that wait for an administrator after a recovery. */
  waiting: count,
  adopting: Type.Boolean(),
});
export type StatusView = Static<typeof statusView>;

/** What needs an administrator's eye, counted over the whole fleet. */
export const dashboardView = Type.Object({
  devices: Type.Object({
    /** Those that can connect; the next two are among them. */
    active: count,
    online: count,
    /** They wait for an administrator after a recovery. */
    waiting: count,
    retired: count,
    inactive: count,
    /** By the last report of those that can connect. */
    clockUnknown: count,
    locked: count,
    faulty: count,
    /** Their identity ends within the horizon. */
    ending: count,
  }),
  /** What ends within the horizon, or has ended, the nearest first. */
  server: Type.Array(Type.Object({ role: oneOf(['main', 'reserve']), fingerprint: Type.String(), notAfter: instant })),
  policies: Type.Array(
    Type.Object({
      group: Type.String(),
      purpose: clientPurpose,
      file: Type.String(),
      fingerprint: Type.String(),
      notAfter: instant,
    }),
  ),
  /** Certificates on the blocklists of policies. */
  blocked: count,
  /** Null where no reserve is there. */
  risk: nullable(riskCounts),
  /** Documents that the broker has not been given yet. */
  unpublished: count,
});
export type DashboardView = Static<typeof dashboardView>;
