/** Accounts of the Web Console, sessions and tokens, as the API shows them. Instants are epoch milliseconds. */
import { type Static, Type } from '@sinclair/typebox';
import { actions, roleNames } from '../core/permission.ts';
import { instant } from './list.ts';

export const role = Type.Union(roleNames.map((name) => Type.Literal(name)));
export const rolesGiven = Type.Array(role, { minItems: 1, maxItems: roleNames.length, uniqueItems: true });
export const language = Type.Union([Type.Literal('en'), Type.Literal('ru')]);

export const accountView = Type.Object({
  id: Type.String(),
  name: Type.String(),
  fullName: Type.String(),
  email: Type.String(),
  roles: Type.Array(role),
  language,
  /** Whether signing in takes a code beside the password. */
  secondFactor: Type.Boolean(),
  disabled: Type.Boolean(),
  createdAt: instant,
});
export type AccountView = Static<typeof accountView>;
export const accountColumns = ['name', 'fullName', 'email', 'roles', 'disabled', 'secondFactor', 'createdAt'] as const;
export type AccountColumn = (typeof accountColumns)[number];

export const sessionView = Type.Object({
  account: Type.Composite([
    accountView,
    /** What the roles come to. */
    Type.Object({ actions: Type.Array(Type.Union(actions.map((action) => Type.Literal(action)))) }),
  ]),
  /** Goes with every request that changes something, as `x-csrf-token`. */
  csrf: Type.String(),
});
export type SessionView = Static<typeof sessionView>;
/** Whether there is no account yet, so that only the setup link helps. */
export const setupView = Type.Object({ needed: Type.Boolean() });

/** A password that the server made, told once; null for one that was given. */
export const accountMade = Type.Object({
  id: Type.String(),
  name: Type.String(),
  password: Type.Union([Type.String(), Type.Null()]),
});
export type AccountMade = Static<typeof accountMade>;

/** To be typed or scanned into an authenticator. It counts from its first right code on. */
export const secondFactorOffer = Type.Object({ secret: Type.String(), uri: Type.String() });
export type SecondFactorOffer = Static<typeof secondFactorOffer>;
/** Each stands for one code of the authenticator; told once. */
export const secondFactorSet = Type.Composite([sessionView, Type.Object({ recoveryCodes: Type.Array(Type.String()) })]);
export type SecondFactorSet = Static<typeof secondFactorSet>;

/** What each role may do. */
export const rolesView = Type.Array(
  Type.Object({ role, actions: Type.Array(Type.Union(actions.map((action) => Type.Literal(action)))) }),
);
export type RolesView = Static<typeof rolesView>;

export const tokenView = Type.Object({
  id: Type.String(),
  name: Type.String(),
  roles: Type.Array(role),
  /** Name of the account that made it; null for the command line. */
  madeBy: Type.Union([Type.String(), Type.Null()]),
  madeAt: instant,
  expiresAt: instant,
});
export type TokenView = Static<typeof tokenView>;
export const tokenColumns = ['name', 'roles', 'madeBy', 'madeAt', 'expiresAt'] as const;
export type TokenColumn = (typeof tokenColumns)[number];
/** The token itself, told once. */
export const tokenMade = Type.Object({ id: Type.String(), name: Type.String(), token: Type.String() });
export type TokenMade = Static<typeof tokenMade>;
/** Makes one account, once. */
export const setupLink = Type.Object({ url: Type.String(), expiresAt: instant });
export type SetupLink = Static<typeof setupLink>;

export const consoleCertificate = Type.Object({
  source: Type.Union([Type.Literal('own'), Type.Literal('uploaded')]),
  /** SHA-256. */
  fingerprint: Type.String(),
  owner: Type.String(),
  issuer: Type.String(),
  notBefore: instant,
  notAfter: instant,
});
export type ConsoleCertificate = Static<typeof consoleCertificate>;
