/**
 * What the device must not lose: the content of one generation, and the counters that never fall back.
 * Certificates a policy brought are not repeated here: the signed policy itself is kept, and the store is derived from it.
 */
import type { Addresses, PublicKey, RegistrationBundle, Source } from '../../protocol/schema.ts';
import type { Instant } from '../../protocol/time.ts';

/** Where a private key lies: in that file, or in a token (TPM), wrapped by it in that file and of no use without it. */
export type KeyRef = { readonly kind: 'file' | 'token'; readonly sha256: string };

/** One exact server certificate, base64 of its DER. */
export type Pin = { readonly der: string; readonly source: Source; readonly addedAt: Instant };
export type ReservePin = Pin & { readonly activateAt: Instant };
export type PreviousPin = Pin & { readonly until: Instant };
export type PinSlots = {
  readonly current: Pin;
  readonly reserve: ReservePin | null;
  readonly previous: PreviousPin | null;
  /** What front ends of the server show instead, beside the slots; left out: there is none. */
  readonly frontEnds?: readonly Pin[];
};

export type KeyKind = 'P-256' | 'P-384' | 'RSA-2048' | 'RSA-3072';

/** An authority that is not the server's own, from which the identity comes: by EST (RFC 7030) or SCEP (RFC 8894). */
export type ForeignEnrolment = {
  readonly protocol: 'est' | 'scep';
  readonly address: string;
  /** What the operations hang on: `/.well-known/est`, `/scep`. */
  readonly path: string;
  /** EST: of the certificate of its server or of a CA that leads to. SCEP: of the authority. */
  readonly fingerprint: string;
  /** EST alone. */
  readonly user: string;
  /** SCEP: the challenge. */
  readonly password: string;
  /** Common name; variables (`protocol/subject`) stand in it until there is a key. */
  readonly subject: string;
  readonly key: KeyKind;
  /** A policy has moved the device there, and moves it back; left out: a person told the device at its registration. */
  readonly by?: 'policy' | undefined;
};

/** Whether two orders are for the same authority: what is from the one, the other renews. */
export const isSameAuthority = (one: AuthorityPlace | undefined, other: AuthorityPlace | undefined): boolean =>
  one?.protocol === other?.protocol && one?.fingerprint === other?.fingerprint;
type AuthorityPlace = Pick<ForeignEnrolment, 'protocol' | 'fingerprint'>;

/** What the person typed at registration. `fingerprint` is of the server certificate or of a CA it chains to. */
export type Order = {
  readonly address: string;
  readonly fingerprint: string;
  readonly invitation: string;
  readonly password: string;
  /** Left out: the server's own authority issues the identity, by EST. */
  readonly enrolment?: ForeignEnrolment | undefined;
};

/** Key and certificate chain (base64 DER, leaf first). */
export type Identity = { readonly key: KeyRef; readonly chain: readonly string[] };

/**
 * The identity that is to follow: asked for by the administrator, or with a key of its own, or issued and not proven yet. It
 * is dropped at any place without loss: the one before counts until this one has made a contact.
 */
export type NextIdentity =
  | { readonly at: 'wanted' }
  | { readonly at: 'keyed'; readonly key: KeyRef; readonly enrolment?: ForeignEnrolment | undefined }
  | { readonly at: 'issued'; readonly identity: Identity; readonly enrolment?: ForeignEnrolment | undefined };

/**
 * A certificate for other programs of this device. `order` is the number the server gave it; a higher one in the device document asks
 * for another. `id` and `alias` are the server's.
 */
export type CorporateCertificate = {
  readonly id: string;
  readonly type: 'mail' | 'vpn';
  readonly alias: string;
  readonly order: number;
  readonly identity: Identity;
};

/** Resting places of registration; a power cut goes on from the last one. */
export type Registration =
  | { readonly at: 'unregistered' }
  | { readonly at: 'ordered'; readonly order: Order; readonly key: KeyRef }
  | { readonly at: 'enrolled'; readonly order: Order; readonly identity: Identity }
  | {
      readonly at: 'registered';
      /** False until the server knows that the bundle is safe here. */
      readonly confirmed: boolean;
      /** Where the bundle was fetched, for its confirmation. */
      readonly address: string;
      readonly bundle: RegistrationBundle;
      readonly identity: Identity;
      /** The authority the identity in use is from; left out: the server's own. */
      readonly enrolment?: ForeignEnrolment | undefined;
      readonly next: NextIdentity | null;
      /**
       * Retired by the server's word, never by a clock; readmitted by a code, until a new identity has been proven. Returning: by a
       * code too, and so late by our own clock that the server will call it retired; refused, it is active as before.
       */
      readonly standing: 'active' | 'retired' | 'readmitted' | 'returning';
      readonly policyKeys: readonly PublicKey[];
      readonly hardware: string;
    };

export type Registered = Extract<Registration, { readonly at: 'registered' }>;

/** A pending request for an administrator's code. At most `maxRequests`, one per certificate. */
export type CodeRequest = {
  readonly action: 1 | 2 | 3;
  readonly counter: number;
  /** Base64 DER of the certificate the server presented; null for actions 2 and 3. */
  readonly certificate: string | null;
  /** Powered-on time. */
  readonly askedAtMs: number;
};

/** A certificate a person accepted or the firmware brought, for the purposes `rdp`, `broker` and `log`. */
export type LocalEntry = {
  readonly purpose: 'rdp' | 'broker' | 'log';
  readonly source: 'manual' | 'factory';
  readonly file: string;
  readonly der: string;
  readonly addedAt: Instant;
  /** `host:port` it was accepted for; null: any server of the purpose. */
  readonly server: string | null;
};

/** What the person at the device has set; null where nothing. A locked policy value goes before it. */
export type LocalSettings = {
  readonly logServer: string | null;
  readonly rdp: string | null;
  readonly broker: string | null;
  readonly language: 'en' | 'ru' | null;
};

/** The last repair file that was applied: it and older ones are none any more, not even after a reset. */
export type Repaired = {
  readonly aud: string;
  readonly rev: number;
  /** Where it said the server is; null once the server itself has said more. */
  readonly addresses: Addresses | null;
};

export type Durable = {
  readonly registration: Registration;
  readonly pins: PinSlots | null;
  /** Signed documents as they came (JWS compact). */
  readonly policy: string | null;
  readonly device: string | null;
  /** A newer group policy or device document that waits for the other half of a group move. */
  readonly waiting: string | null;
  readonly local: readonly LocalEntry[];
  readonly requests: readonly CodeRequest[];
  readonly settings: LocalSettings;
  /** Other addresses of the server, typed by the person; gone with the next policy where that locks them. */
  readonly connection: Addresses | null;
  readonly repaired: Repaired | null;
  /** Where the server was last reached, until it is reached at the addresses that took their place. */
  readonly former: Addresses | null;
  /** Left out where there never was one. */
  readonly corporate?: readonly CorporateCertificate[];
};

/** Small, atomic, of their own file; they only rise. Times are powered-on milliseconds unless said otherwise. */
export type Counters = {
  readonly format: 1;
  readonly uptimeMs: number;
  /** Number shown in the last confirmation code, mod 10^5; null before the first. */
  readonly codeCounter: number | null;
  readonly tries: number;
  readonly lockedUntilMs: number;
  /** Highest revision accepted, per audience. */
  readonly highest: { readonly [audience: string]: number };
  readonly commandSeq: number;
  readonly eventSeq: number;
  /** Hard and soft clock floors, wall time. */
  readonly hardFloor: Instant;
  readonly softFloor: Instant;
};

export const emptyDurable: Durable = {
  registration: { at: 'unregistered' },
  pins: null,
  policy: null,
  device: null,
  waiting: null,
  local: [],
  requests: [],
  settings: { logServer: null, rdp: null, broker: null, language: null },
  connection: null,
  repaired: null,
  former: null,
};
