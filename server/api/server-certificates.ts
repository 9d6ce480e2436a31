/** The server's own certificates as the API shows them. Instants are epoch milliseconds, fingerprints SHA-256 in hex. */
import { type Static, Type } from '@sinclair/typebox';
import { repairBundle } from '../../protocol/schema.ts';
import { type Verdict, verdicts } from '../core/absence.ts';
import { authorityKeys } from '../core/succession.ts';
import { instant, nullable, oneOf } from './list.ts';

/** Of a reserve that the server makes. */
export const serverKey = oneOf(authorityKeys);

export const serverCertificateView = Type.Object({
  role: oneOf(['main', 'reserve', 'previous', 'retired']),
  source: oneOf(['own', 'uploaded']),
  fingerprint: Type.String(),
  owner: Type.String(),
  issuer: Type.String(),
  names: Type.Array(Type.String()),
  /** For people: `EC P-256`, `RSA 3072`. */
  key: Type.String(),
  notBefore: instant,
  notAfter: instant,
  /** Of a reserve: when it takes over by itself. */
  activateAt: nullable(instant),
  /** Of the main one: since when; of others: when they were made. */
  since: instant,
  /** Blocked for all devices. */
  compromised: Type.Boolean(),
});
export type ServerCertificateView = Static<typeof serverCertificateView>;

const deviceView = Type.Object({
  id: Type.String(),
  name: Type.String(),
  lastSeen: nullable(instant),
  pins: Type.Object({ current: nullable(Type.String()), reserve: nullable(Type.String()) }),
});
/** What a front end shows now. `known`: devices were told of it. */
export const frontEndProbe = Type.Object({
  address: Type.String(),
  fingerprint: nullable(Type.String()),
  known: Type.Boolean(),
});
export type FrontEndProbe = Static<typeof frontEndProbe>;
export const gateView = Type.Object({
  reserve: Type.String(),
  open: Type.Boolean(),
  notReady: Type.Array(deviceView),
  /** Front ends are changed by others: what each shows now. */
  frontEnds: Type.Array(frontEndProbe),
});
export type GateView = Static<typeof gateView>;

export const riskCounts = Type.Unsafe<Readonly<Record<Verdict, number>>>(Type.Record(oneOf(verdicts), Type.Integer()));
const away = {
  id: Type.String(),
  name: Type.String(),
  group: Type.String(),
  lastSeen: nullable(instant),
  verdict: oneOf(verdicts),
  /** Its longest absence so far. */
  longestMs: nullable(Type.Integer()),
  backBy: nullable(instant),
};
export const readinessView = Type.Object({
  switchAt: instant,
  /** Fingerprint of the reserve that devices should hold by then; null where none is there yet. */
  reserve: nullable(Type.String()),
  counts: riskCounts,
});
export type ReadinessView = Static<typeof readinessView>;
export const offlineRisk = Type.Composite([
  readinessView,
  /** Who would miss it, the longest away first. */
  Type.Object({ atRisk: Type.Array(Type.Object(away)) }),
]);
export type OfflineRiskView = Static<typeof offlineRisk>;
/** A device that does not hold the reserve, with what is to be expected of it. */
export const lackingRow = Type.Object(away);
export type LackingRow = Static<typeof lackingRow>;
export const lackingColumns = ['name', 'group', 'lastSeen', 'longestMs', 'backBy', 'verdict'] as const;
export type LackingColumn = (typeof lackingColumns)[number];

export const switchedView = Type.Object({
  main: Type.String(),
  previous: nullable(Type.String()),
  /** Each listener, and whether it serves the new certificate. */
  listeners: Type.Array(
    Type.Object({ listener: Type.String(), fingerprint: nullable(Type.String()), right: Type.Boolean() }),
  ),
});
export type Switched = Static<typeof switchedView>;
export const uploadedView = Type.Object({
  certificate: serverCertificateView,
  /** Outdated encryption of the file: it should be made again before it is kept. */
  legacy: Type.Array(Type.String()),
});
export type UploadedView = Static<typeof uploadedView>;
/** Devices whose last report still has it as the one they accept. */
export const compromisedView = Type.Object({ fingerprint: Type.String(), devices: Type.Integer() });
export type Compromised = Static<typeof compromisedView>;

export const linkView = Type.Object({
  seq: Type.Integer(),
  from: Type.String(),
  to: Type.String(),
  madeAt: instant,
  signedAt: instant,
  /** Whether it is part of what devices are given. */
  counts: Type.Boolean(),
  removed: Type.Boolean(),
});
export type LinkView = Static<typeof linkView>;
export const statementsView = Type.Object({ format: Type.Literal(1), statements: Type.Array(Type.String()) });

export const frontEndCertificateView = Type.Object({
  address: Type.String(),
  fingerprint: Type.String(),
  owner: Type.String(),
  notAfter: instant,
  addedAt: instant,
  /** Whether the front end shows it now; null where nothing answers there. */
  shown: nullable(Type.Boolean()),
  /** Devices whose last report does not have it. */
  lacking: Type.Array(Type.Object({ id: Type.String(), name: Type.String(), lastSeen: nullable(instant) })),
});
export type FrontEndCertificateView = Static<typeof frontEndCertificateView>;

/** `jws` null: for the recovery key to sign. */
export const repairDraft = Type.Object({ payload: repairBundle, jws: nullable(Type.String()) });
export type RepairDraft = Static<typeof repairDraft>;
