/** Mutual authentication, authorities and policy keys as the API shows them. Instants are epoch milliseconds. */
import { type Static, Type } from '@sinclair/typebox';
import { instant, nullable, oneOf } from './list.ts';

const agent = oneOf(['thin-client', 'no-migration', 'always-mutual']);
const port = nullable(Type.Integer());

export const scepView = Type.Object({
  name: Type.String(),
  protocol: Type.Optional(oneOf(['est', 'scep'])),
  url: Type.String(),
  fingerprint: Type.String(),
  subject: Type.String(),
  id: Type.String(),
  /** Not where it uses variables we do not know. */
  offered: Type.Boolean(),
  unknown: Type.Array(Type.String()),
  /** Whether a password or challenge is known, which is never shown. */
  hasSecret: Type.Boolean(),
});
export type ScepView = Static<typeof scepView>;
export const mutualView = Type.Object({
  /** Null: never turned on. */
  enabledAt: nullable(instant),
  enabledBy: nullable(Type.String()),
  /** Which column of Table 88 holds now. */
  state: oneOf(['off', 'on', 'on-before-upgrade']),
  enrolment: Type.Union([
    Type.Object({ at: Type.Literal('local') }),
    Type.Object({ at: Type.Literal('scep'), name: Type.String() }),
  ]),
  scep: Type.Array(scepView),
  newEndpoint: oneOf(['unset', 'on', 'off']),
  legacyEndpoint: Type.Boolean(),
  legacyPort: port,
  httpsPort: Type.Integer(),
  /** What answers now (Table 89). */
  answers: Type.Object({ new: Type.Boolean(), legacy: Type.Boolean() }),
  /** Devices that closing the legacy port would cut off. */
  waiting: Type.Array(Type.Object({ id: Type.String(), name: Type.String(), agent: nullable(agent) })),
});
export type MutualView = Static<typeof mutualView>;

/** A device that goes without a certificate of its own. */
export const certlessRow = Type.Object({
  id: Type.String(),
  name: Type.String(),
  group: Type.String(),
  agent: nullable(agent),
  migration: nullable(oneOf(['pending', 'success'])),
  lastSeen: nullable(instant),
});
export type CertlessRow = Static<typeof certlessRow>;
export const certlessColumns = ['name', 'group', 'agent', 'migration', 'lastSeen'] as const;
export type CertlessColumn = (typeof certlessColumns)[number];

/** Devices whose identity came by the setting before: to have one by the new setting, they must register again. */
export const enrolmentChanged = Type.Object({ mustRegisterAgain: Type.Integer() });
export type EnrolmentChanged = Static<typeof enrolmentChanged>;

export const frontEndView = Type.Object({ fingerprint: Type.String(), name: Type.String(), addedAt: instant });
export type FrontEndView = Static<typeof frontEndView>;

export const foreignAuthority = Type.Object({
  fingerprint: Type.String(),
  owner: Type.String(),
  notAfter: instant,
  addedAt: instant,
});
export type ForeignAuthority = Static<typeof foreignAuthority>;

export const successionView = Type.Object({
  authorities: Type.Array(
    Type.Object({
      role: oneOf(['issuing', 'next', 'former', 'retired']),
      fingerprint: Type.String(),
      key: Type.String(),
      notAfter: instant,
    }),
  ),
  /** Devices whose identity in use is not of the issuing one. */
  behind: Type.Array(Type.String()),
  /** Until when devices have been given their turn to renew ahead; null where none does. */
  renewedBy: nullable(instant),
});
export type SuccessionView = Static<typeof successionView>;

export const policyKeysView = Type.Object({
  serverId: Type.String(),
  /** Thumbprints (RFC 7638). */
  active: Type.String(),
  next: nullable(Type.String()),
  former: Type.Array(Type.String()),
  /** Devices that do not hold the next key; with none announced, the active one. */
  notReady: Type.Array(Type.String()),
  /** The least revision of the next key statement. */
  nextRevision: Type.Integer(),
});
export type PolicyKeysView = Static<typeof policyKeysView>;
