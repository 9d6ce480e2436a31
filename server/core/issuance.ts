/** The rules by which device identities are issued and renewed (M1), for the whole server. */
import { bad, good, type Result } from '../../protocol/fault.ts';
import { defaultWindowDays, longestWindowDays } from '../../protocol/renewal.ts';

export type IssuanceRules = {
  readonly validityDays: number;
  /** Days before the end, where no group says anything. */
  readonly renewBeforeDays: number;
  /** Off: a device renews only what an administrator has ordered it to renew. */
  readonly automaticRenewal: boolean;
  /** Letters of a generated one-time password, five bits each: never below 40 bits. */
  readonly passwordLength: number;
  /** On: who registers a device by the name and password of a user needs a one-time password for it too. */
  readonly promptPassword: boolean;
};

export const maxValidityDays = 397;
export const shortestPassword = 8;
export const longestPassword = 16;
export const defaultRules: IssuanceRules = {
  validityDays: 365,
  renewBeforeDays: defaultWindowDays,
  automaticRenewal: true,
  passwordLength: 12,
  promptPassword: false,
};

/** Fault: `bad-argument` with the bounds. */
export function judgeRules(rules: IssuanceRules): Result<IssuanceRules> {
  const { validityDays, renewBeforeDays, passwordLength } = rules;
  if (!isWithin(validityDays, 1, maxValidityDays))
    return bad('bad-argument', { what: `validity: 1 to ${maxValidityDays} days` });
  if (!isWithin(renewBeforeDays, 1, longestWindowDays))
    return bad('bad-argument', { what: `renewal before the end: 1 to ${longestWindowDays} days` });
  if (!isWithin(passwordLength, shortestPassword, longestPassword))
    return bad('bad-argument', { what: `password length: ${shortestPassword} to ${longestPassword}` });
  return good(rules);
}

const isWithin = (value: number, least: number, most: number): boolean =>
  Number.isInteger(value) && value >= least && value <= most;
