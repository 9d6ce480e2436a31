/** Rules of issuance as the API gives them: of mobile certificates (M1), and of those for mail and VPN (M2). */
import { type Static, Type } from '@sinclair/typebox';
import { nullable } from './list.ts';

const closed = { additionalProperties: false };

export const identityRules = Type.Object(
  {
    /** Of certificates issued from now on. */
    validityDays: Type.Integer(),
    /** Days before the end, where no group says anything. */
    renewBeforeDays: Type.Integer(),
    automaticRenewal: Type.Boolean(),
    /** Letters of a one-time password. */
    passwordLength: Type.Integer(),
    promptPassword: Type.Boolean(),
  },
  closed,
);
export type IdentityRules = Static<typeof identityRules>;

const onConnection = Type.Object({ issue: Type.Boolean(), alias: Type.String({ maxLength: 64 }) }, closed);
export const corporateRule = Type.Object(
  {
    validityDays: Type.Integer(),
    renewBeforeDays: Type.Integer(),
    automaticRenewal: Type.Boolean(),
    /** Name of the template in an integrated PKI; no release integrates one so far. */
    template: nullable(Type.String({ minLength: 1, maxLength: 120 })),
    onConnection: Type.Object({ 'thin-client': onConnection, android: onConnection, ios: onConnection }, closed),
  },
  closed,
);
export const corporateRules = Type.Object({ mail: corporateRule, vpn: corporateRule }, closed);
export type CorporateRule = Static<typeof corporateRule>;
