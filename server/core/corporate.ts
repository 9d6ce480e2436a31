/** Rules of mail and VPN certificates (M2), and when one of them is due for renewal. */
import { bad, good, type Result } from '../../protocol/fault.ts';
import { type DeviceKind, deviceKinds } from './certificates.ts';
import { maxValidityDays } from './issuance.ts';

export type TypeRules = {
  readonly validityDays: number;
  readonly renewBeforeDays: number;
  readonly automaticRenewal: boolean;
  /** Name of the template in an integrated PKI. */
  readonly template: string | null;
  /** Issued by itself when a device connects; by an integrated PKI. */
  readonly onConnection: { readonly [kind in DeviceKind]: { readonly issue: boolean; readonly alias: string } };
};
export type CorporateRules = { readonly mail: TypeRules; readonly vpn: TypeRules };

const never = { issue: false, alias: '' };
const first: TypeRules = {
  validityDays: 365,
  renewBeforeDays: 30,
  automaticRenewal: true,
  template: null,
  onConnection: { 'thin-client': never, android: never, ios: never },
};
export const firstCorporateRules: CorporateRules = { mail: first, vpn: first };

/** Faults: `bad-argument` with the bounds; `pki-not-integrated` for what an integrated PKI alone could do. */
export function judgeCorporateRules(rules: CorporateRules): Result<CorporateRules> {
  for (const { validityDays, renewBeforeDays, template, onConnection } of [rules.mail, rules.vpn]) {
    if (template !== null || deviceKinds.some((kind) => onConnection[kind].issue)) return bad('pki-not-integrated');
    if (!isWithin(validityDays, 1, maxValidityDays))
      return bad('bad-argument', { what: `validity: 1 to ${maxValidityDays} days` });
    if (!isWithin(renewBeforeDays, 1, 60)) return bad('bad-argument', { what: 'renewal before the end: 1 to 60 days' });
  }
  return good(rules);
}

const isWithin = (value: number, least: number, most: number): boolean =>
  Number.isInteger(value) && value >= least && value <= most;
