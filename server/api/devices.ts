/** Devices and the audit log as the API lists them. */
import { type Static, Type } from '@sinclair/typebox';
import { verdicts } from '../core/absence.ts';
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
