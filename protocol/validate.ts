/** Bytes to checked plain data: size first, then JSON (RFC 8259), then the compiled schema. */
import { validators } from '../build/validators.js';
import { bad, good, type Result } from './fault.ts';
import type * as local from './local.ts';
import type * as schema from './schema.ts';
import type * as session from './session.ts';

type Shapes = {
  policy: schema.Policy;
  deviceDocument: schema.DeviceDocument;
  command: schema.Command;
  keyStatement: schema.KeyStatement;
  rotationStatement: schema.RotationStatement;
  rotations: schema.Rotations;
  timeStatement: schema.TimeStatement;
  repairBundle: schema.RepairBundle;
  registrationBundle: schema.RegistrationBundle;
  legacyRegistration: schema.LegacyRegistration;
  announcement: schema.Announcement;
  enrolmentSecret: schema.EnrolmentSecret;
  corporateRequest: schema.CorporateRequest;
  corporateAnswer: schema.CorporateAnswer;
  report: schema.Report;
  auditEvent: schema.AuditEvent;
  presence: schema.Presence;
  checkinRequest: schema.CheckinRequest;
  checkinAnswer: schema.CheckinAnswer;
  registerRequest: local.RegisterRequest;
  codeRequest: local.CodeRequest;
  connectRequest: local.ConnectRequest;
  connectAnswer: local.ConnectAnswer;
  preflightRequest: local.PreflightRequest;
  preflight: local.Preflight;
  addRequest: local.AddRequest;
  removeRequest: local.RemoveRequest;
  importRequest: local.ImportRequest;
  importAnswer: local.ImportAnswer;
  mediaList: local.MediaList;
  repairCheckRequest: local.RepairCheckRequest;
  repairRequest: local.RepairRequest;
  repairView: local.RepairView;
  settingsRequest: local.SettingsRequest;
  connectionRequest: local.ConnectionRequest;
  timeRequest: local.TimeRequest;
  followRequest: local.FollowRequest;
  resetRequest: local.ResetRequest;
  logRecord: local.LogRecord;
  logPage: local.LogPage;
  status: local.Status;
  decideLine: local.DecideLine;
  clientFile: session.ClientFile;
  sessionFile: session.SessionFile;
  sessionOrder: session.SessionOrder;
  sessionReport: session.SessionReport;
  agentState: local.AgentState;
  agentCounters: local.AgentCounters;
};
export type ShapeName = keyof Shapes;
export type Shape<Name extends ShapeName> = Shapes[Name];

/** Faults: `too-large`, `not-json`, and those of `check`. */
export function read<Name extends ShapeName>(name: Name, bytes: Uint8Array, limit: number): Result<Shape<Name>> {
  if (bytes.length > limit) return bad('too-large', { bytes: bytes.length, limit });
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return bad('not-json', { what: name });
  }
  return check(name, value);
}

/** Faults: `unknown-version` where the `format` number is not ours, else `bad-shape` with the place. */
export function check<Name extends ShapeName>(name: Name, value: unknown): Result<Shape<Name>> {
  const validate = validators[name];
  if (validate(value)) return good(value as Shape<Name>);
  const error = validate.errors?.[0];
  if (hasForeignFormat(value)) return bad('unknown-version', { what: name });
  return bad('bad-shape', { what: name, at: (error?.instancePath ?? '').slice(0, 200), rule: error?.keyword ?? '' });
}

/** A later format may differ anywhere, so its number speaks before any other difference does. */
const hasForeignFormat = (value: unknown): boolean =>
  value !== null && typeof value === 'object' && 'format' in value && value.format !== 1;
