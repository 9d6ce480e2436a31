/**
 * What an edge asks the certificate path engine and what it answers: certification path validation (RFC 5280 §6) by
 * OpenSSL. Types only; the engine is `native/`.
 */
import type { Fault } from './fault.ts';

/** RFC 5280 §6.1.1 (c), (e), (f), (g). An empty initial set means any policy. */
export type PolicyInputs = {
  /** Dotted object identifiers. */
  readonly initial: readonly string[];
  readonly explicit: boolean;
  readonly inhibitMapping: boolean;
  readonly inhibitAny: boolean;
};

export type RevocationCheck = 'soft' | 'hard';

export type PathQuestion = {
  /** DER, as are all certificates and CRLs here. */
  readonly leaf: Uint8Array;
  /** In any order; those not needed are not judged. */
  readonly intermediates: readonly Uint8Array[];
  /** Those that are not CAs are left out by the engine: no path ends in them. */
  readonly anchors: readonly Uint8Array[];
  /** Empty, and `revocation` left out: it is not checked. */
  readonly crls: readonly Uint8Array[];
  /**
   * Left out: where there are CRLs, every certificate of the path needs one in force. `soft`: what a CRL lists is `revoked`,
   * and what no CRL covers is not; one past its date still revokes, one that does not verify does not. `hard`: as `soft`, and
   * what no CRL in force covers is `crl-unavailable`. In these two the anchor itself is not looked for, and a path that is
   * bad otherwise is refused for that.
   */
  readonly revocation?: RevocationCheck;
  /** Unix time in whole seconds. */
  readonly atSeconds: number;
  readonly purpose: 'server' | 'client' | 'any';
  /** DNS name in A-labels, as `parseTarget` makes it; null: no DNS name is demanded. */
  readonly host: string | null;
  /** IPv4 or IPv6 literal; null: no address is demanded. */
  readonly ip: string | null;
  readonly policy: PolicyInputs | null;
};

export type PathAnswer =
  | {
      readonly trusted: true;
      /** Index in `anchors` of the anchor the path ended in. */
      readonly anchor: number;
      /** Leaf and anchor included; they may be one. */
      readonly chainLength: number;
    }
  | { readonly trusted: false; readonly fault: Fault };
