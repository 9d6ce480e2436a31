/** What the server's edges offer each other: the seam between the fleet (database, decisions) and its carriers. */
import type { Facts, Fault, Result } from '../../protocol/fault.ts';
import type {
  Announcement,
  CheckinAnswer,
  CheckinRequest,
  CorporateAnswer,
  CorporateRequest,
  EnrolmentSecret,
  RegistrationBundle,
  Rotations,
} from '../../protocol/schema.ts';
import type { Instant } from '../../protocol/time.ts';
import type { Place, Upward } from './access.ts';

/** What a TLS handshake proved: the client certificate, already verified against the authorities that are let in. */
export type ClientProof = {
  readonly issuer: string;
  readonly serial: string;
  readonly fingerprint: string;
  /** Device id, where the certificate is a device identity of our own authority. */
  readonly commonName: string;
  /** The certificate itself. */
  readonly der: Uint8Array;
};

/** The same for renewal, where the dates are the fleet's to judge. */
export type RenewalProof = ClientProof & { readonly notBefore: Instant; readonly notAfter: Instant };

/** Of an invitation or a user, as they were typed. */
export type Credentials = { readonly invitation: string; readonly password: string };
export type Enrolment = Credentials & {
  readonly csrDer: Uint8Array;
  /** Network address of whoever asks. */
  readonly from?: string;
};

/** What the device-facing carriers ask of the fleet. Every change is one transaction with its audit row. */
export type Fleet = {
  /** DER certificates for EST `cacerts` (RFC 7030 §4.1). */
  readonly authorities: () => Promise<readonly Uint8Array[]>;
  /**
   * DER: leaf, then its chain. Same key and same invitation give the same certificate until the bundle is confirmed. A
   * retired device enrols again by its id and secret, while an answered code lets it.
   */
  readonly enrol: (request: Enrolment) => Promise<Result<readonly Uint8Array[]>>;
  /** Which device a client certificate belongs to; `identity-refused` for removed, revoked or unknown ones. */
  readonly deviceOf: (proof: ClientProof) => Promise<Result<string>>;
  /**
   * Which device may renew with a certificate, whose end may be over. Faults: `identity-refused`; `identity-retired` beyond
   * 30 days after the end, from then on for good.
   */
  readonly mayRenew: (proof: RenewalProof) => Promise<Result<string>>;
  /** DER: leaf, then its chain. The same key gets the same certificate until it was used. Faults: as above, `csr-refused`, `busy`. */
  readonly renew: (proof: RenewalProof, csrDer: Uint8Array) => Promise<Result<readonly Uint8Array[]>>;
  /** A certificate of another authority follows the identity in use. Faults: those of `follow`. */
  readonly follow: (proof: RenewalProof, announced: Announcement) => Promise<Result<string>>;
  /** What the other authority in use asks of who enrols there; `not-found` for nothing. */
  readonly enrolmentSecret: (device: string) => Promise<Result<EnrolmentSecret>>;
  /** The certificate revocation lists of device identities, one for each authority of ours that is let in; the issuing one's first. */
  readonly revocations: () => Promise<readonly RevocationList[]>;
  /** The device that a certificate of a foreign authority is for, once an invitation says so. */
  readonly bind: (proof: ClientProof, typed: Credentials) => Promise<Result<string>>;
  readonly bundle: (device: string) => Promise<Result<RegistrationBundle>>;
  readonly confirm: (device: string) => Promise<Result<null>>;
  /** A mail or VPN certificate that the device is told to have. Faults: `not-found`, `csr-refused`, `busy`; on record. */
  readonly certificate: (device: string, request: CorporateRequest) => Promise<Result<CorporateAnswer>>;
  /** Signed links from a certificate of ours (SHA-256) to the main one, for whoever asks; `not-found`. */
  readonly rotations: (from: string) => Promise<Result<Rotations>>;
  readonly checkin: (device: string, request: CheckinRequest) => Promise<Result<CheckinAnswer>>;
  /** Raw MQTT payloads from devices; a bad one is audited and answered with its fault. */
  readonly receive: (device: string, leaf: Upward, payload: Uint8Array) => Promise<Result<null>>;
  /** A carrier has refused something itself: it is on record. Null for a stranger. */
  readonly refused: (device: string | null, what: string, why: Fault) => Promise<void>;
  /** The group whose policy a device may read, or null when it may connect no more. */
  readonly groupOf: (device: string) => Promise<string | null>;
};

/** DER; `authority` is the fingerprint of the certificate of the authority that signed it. */
export type RevocationList = { readonly authority: string; readonly der: Uint8Array };

/** Key and chain (leaf first) in PEM, and the authorities whose client certificates are let in. */
export type ListenerTls = {
  readonly key: string;
  readonly chain: string;
  readonly clientAuthorities: string;
  /** Own ones whose word alone is enough no more: as with foreign ones, the fleet has to know the certificate. */
  readonly retiredAuthorities?: string;
  /** Others than our own; only listeners that ask the fleet whose a certificate is may let these in. */
  readonly foreignAuthorities?: string;
};

/** An MQTT broker, embedded or outside. All topics and payloads are made by the fleet. */
export type Broker = {
  readonly port: number;
  /** QoS 1; resolves when the broker has it. An empty payload with `retain` clears the topic. */
  readonly publish: (topic: string, payload: string | Uint8Array, retain: boolean) => Promise<void>;
  /** A device moved, came or went: access follows at once; a device that lost its place is disconnected. */
  readonly refresh: (devices: readonly Place[]) => Promise<void>;
  readonly disconnect: (device: string) => Promise<void>;
  /** New connections are served with this certificate; the ones that stand stay. */
  readonly setTls: (tls: ListenerTls) => Promise<void>;
  readonly close: () => Promise<void>;
};

export type Clock = () => Instant;

export type Log = (level: 'debug' | 'info' | 'warn' | 'error', message: string, facts?: Facts) => void;
