/** Devices and the audit log as the API lists them. */
import { type Static, Type } from '@sinclair/typebox';
import { report } from '../../protocol/schema.ts';
import { verdicts } from '../core/absence.ts';
import { identityStatuses } from '../core/identity.ts';
import { instant, nullable, oneOf } from './list.ts';

export const deviceRow = Type.Object({
  id: Type.String(),
  name: Type.String(),
  group: Type.String(),
  groupId: Type.String(),
  presence: oneOf(['online', 'offline']),
  lastSeen: nullable(instant),
  confirmed: Type.Boolean(),
  /** For an administrator, after a recovery. */
  waiting: Type.Boolean(),
  /** `inactive`: its identity was deleted. */
  standing: oneOf(['active', 'retired', 'inactive', 'removed']),
  /** Of an agent that registered without an identity; null for all others. */
  agent: nullable(oneOf(['thin-client', 'no-migration', 'always-mutual'])),
  migration: nullable(oneOf(['pending', 'success'])),
});
export type DeviceRow = Static<typeof deviceRow>;
export const deviceColumns = ['name', 'group', 'presence', 'lastSeen', 'standing', 'migration'] as const;
export type DeviceColumn = (typeof deviceColumns)[number];

export const deviceDetails = Type.Composite([
  deviceRow,
  Type.Object({
    hardwareId: Type.String(),
    identities: Type.Array(Type.Object({ serial: Type.String(), fingerprint: Type.String(), notAfter: instant })),
    /** The last one, without the documents it carried. */
    report: nullable(Type.Omit(report, ['newer'])),
    reportedAt: nullable(instant),
  }),
]);
export type DeviceDetails = Static<typeof deviceDetails>;

export const identityRow = Type.Object({
  device: Type.String(),
  deviceId: Type.String(),
  serial: Type.String(),
  /** SHA-256 of the certificate. */
  thumbprint: Type.String(),
  issuedAt: instant,
  notAfter: instant,
  status: oneOf(identityStatuses),
  /** Latest status update. */
  since: instant,
  /** It is renewed only by an administrator's order (M6). */
  automaticRenewalDisabled: Type.Boolean(),
});
export type IdentityRow = Static<typeof identityRow>;

/** Whether it would miss the coming switch of the server's certificate (B10). */
export const deviceRisk = Type.Object({
  /** Null where no switch is to come. */
  switchAt: nullable(instant),
  /** Null with `switchAt`, and for a device that does not synchronize any more. */
  verdict: nullable(oneOf(verdicts)),
  absentSince: nullable(instant),
  /** How many absences of an hour and more are known. */
  absences: Type.Integer(),
  longestMs: nullable(Type.Integer()),
  /** When it would be back if it is away as long as it ever was. */
  backBy: nullable(instant),
});
export type DeviceRisk = Static<typeof deviceRisk>;

export const auditRow = Type.Object({
  id: Type.Integer(),
  at: instant,
  actor: Type.String(),
  action: Type.String(),
  subject: Type.String(),
  facts: Type.Record(Type.String(), Type.Union([Type.String(), Type.Number()])),
});
export type AuditRow = Static<typeof auditRow>;
export const auditColumns = ['at'] as const;
