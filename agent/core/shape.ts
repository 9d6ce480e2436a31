/**
 * The one shape: `step(state, event) → { state, effects }`. Events say what happened, with the time and the randomness of
 * that moment; effects say what to do. An edge performs one effect and answers with events. Effects run one after the
 * other, and the events an effect gives are decided before anything from outside is.
 */
import type { Fault, Result } from '../../protocol/fault.ts';
import type {
  AddRequest,
  ConnectAnswer,
  ConnectionRequest,
  FollowRequest,
  ImportAnswer,
  ImportRequest,
  Preflight,
  RemoveRequest,
  RepairView,
  SettingsRequest,
  Status,
  TimeRequest,
} from '../../protocol/local.ts';
import type { AuditEvent, Purpose, Source } from '../../protocol/schema.ts';
import type { Place } from '../../protocol/target.ts';
import type { Instant } from '../../protocol/time.ts';
import type { TrustRequest, Verdict } from './decide.ts';
import type {
  CorporateCertificate,
  Counters,
  ForeignEnrolment,
  Identity,
  KeyKind,
  KeyRef,
  LocalEntry,
  Order,
} from './durable.ts';

export type Now = {
  /** What the system clock says. */
  readonly wall: Instant;
  /** Monotonic milliseconds since the daemon started. */
  readonly uptimeMs: number;
  /** The system clock is disciplined by NTP. */
  readonly synced: boolean;
  /** Uniform in [0, 1). */
  readonly random: number;
  /** 16 random bytes, hex. */
  readonly nonce: string;
};

/** A file of a generation. Names are lower-case words with dots; all are mode 0600 inside a 0700 directory. */
export type NamedObject = { readonly name: string; readonly bytes: Uint8Array };
export type GenerationRead = { readonly number: number; readonly content: Result<readonly NamedObject[]> };
export type DiskRead = {
  /** Newest first: the one `current` names, then older ones. Damaged and newer-format ones are listed with their fault. */
  readonly generations: readonly GenerationRead[];
  /** Null when there is no counters file (a new device). */
  readonly counters: Result<Uint8Array> | null;
};

/** Rights follow the socket of the control API. */
export type Socket = 'console' | 'read';
/** What a person asks for. The password of a connection never comes here: the edge keeps it for the launch. */
export type Ask =
  | { readonly do: 'register'; readonly order: Order }
  | { readonly do: 'code'; readonly code: string }
  | { readonly do: 'preflight'; readonly purpose: Purpose; readonly server: string }
  | { readonly do: 'connect'; readonly purpose: SessionPurpose; readonly server: string; readonly user: string }
  | ({ readonly do: 'add' } & AddRequest)
  | ({ readonly do: 'remove' } & RemoveRequest)
  | ({ readonly do: 'import' } & ImportOrder)
  | ({ readonly do: 'settings' } & SettingsRequest)
  | ({ readonly do: 'connection' } & ConnectionRequest)
  | ({ readonly do: 'time' } & TimeRequest)
  | ({ readonly do: 'follow' } & FollowRequest)
  | { readonly do: 'reset' }
  /** A repair file as it came: what it would do, and that it be done. */
  | { readonly do: 'check-repair'; readonly jws: string }
  | { readonly do: 'repair'; readonly jws: string; readonly rev: number }
  /** What the control API has refused itself, for the record. */
  | { readonly do: 'record'; readonly socket: Socket; readonly fault: Fault };
/** An import whose files are all there, base64. */
export type ImportOrder = Omit<ImportRequest, 'files'> & {
  readonly files: readonly { readonly name: string; readonly content: string }[];
};
export type SessionPurpose = 'rdp' | 'broker';
/** Null answers with the status. */
export type Reply = null | Preflight | ConnectAnswer | ImportAnswer | RepairView;

/** What a server may be trusted by, as a probe, the forwarder of logs and a file are judged: all but what it shows. */
export type Rules = Omit<TrustRequest, 'leaf' | 'intermediates'>;
/** What a server showed (DER, leaf first) and what the trust decision says of it; not one byte was sent. */
export type Probed =
  | {
      readonly at: 'shown';
      readonly chain: readonly Uint8Array[];
      readonly verdict: Verdict;
      /** Whether the leaf names the target, whatever else is wrong with it. */
      readonly named: boolean;
      readonly tls: string;
    }
  | { readonly at: 'failed'; readonly fault: Fault };

export type Factory = { readonly entries: readonly LocalEntry[]; readonly faults: readonly Fault[] };

export type Happening =
  | {
      readonly type: 'started';
      readonly disk: DiskRead;
      /** Highest number in the audit spool, 0 when it is empty. */
      readonly lastEvent: number;
      /** What of the spool could not be read: lines, or 1 for the whole file. */
      readonly damagedEvents: number;
      /** Build time of the software: the lowest clock floor. */
      readonly built: Instant;
      readonly hardware: string;
      /** What the firmware brings, read at every start, and what is wrong with it. */
      readonly factory: Factory;
      readonly versions: { readonly agent: string; readonly runtime: string };
    }
  | { readonly type: 'tick' }
  | { readonly type: 'persisted'; readonly number: number }
  | { readonly type: 'persist-failed'; readonly number: number; readonly fault: Fault }
  | { readonly type: 'counted' }
  | { readonly type: 'count-failed'; readonly fault: Fault }
  | { readonly type: 'export-failed'; readonly fault: Fault }
  | { readonly type: 'asked'; readonly request: number; readonly ask: Ask }
  | { readonly type: 'key-made'; readonly key: KeyRef }
  | { readonly type: 'key-failed'; readonly fault: Fault }
  | { readonly type: 'enrolled'; readonly chain: readonly string[] }
  | { readonly type: 'bundle-fetched'; readonly bytes: Uint8Array }
  | { readonly type: 'bundle-confirmed' }
  /** A certificate for the next key, proven against it: by renewal, or by enrolling again. */
  | { readonly type: 'renewed'; readonly key: KeyRef; readonly chain: readonly string[] }
  /** A check-in by the next identity was answered. */
  | { readonly type: 'proven'; readonly fingerprint: string; readonly bytes: Uint8Array }
  /** A certificate for other programs; its key is on the disk and belongs to it. */
  | {
      readonly type: 'corporate-fetched';
      readonly id: string;
      readonly order: number;
      readonly key: KeyRef;
      readonly chain: readonly string[];
    }
  /** The key of the next identity cannot be read back. */
  | { readonly type: 'next-unreadable'; readonly fault: Fault }
  /** A registration step, a check-in or a step towards the next identity did not work. */
  | { readonly type: 'call-failed'; readonly call: Call; readonly fault: Fault }
  /**
   * The TLS handshake showed a certificate outside the accepted ones; not one byte was sent. Base64 DER of the leaf. `call`
   * where it was a step towards the next identity.
   */
  | { readonly type: 'presented'; readonly der: string; readonly call?: 'renew' | 'enrol-again' | 'prove' }
  /** Rotation statements as anybody may have sent them (`rotations`), unjudged. */
  | { readonly type: 'rotations-fetched'; readonly bytes: Uint8Array }
  /** MQTT is up: CONNACK and all SUBACKs are there. `fingerprint` is of the certificate the server proved. */
  | { readonly type: 'connected'; readonly connection: number; readonly fingerprint: string }
  | { readonly type: 'closed'; readonly connection: number; readonly fault: Fault }
  | {
      readonly type: 'message';
      readonly connection: number;
      /** Names this delivery; the PUBACK waits for `acknowledge`. */
      readonly ticket: number;
      readonly topic: string;
      readonly payload: Uint8Array;
    }
  /** The broker has acknowledged a publish that carried this token. */
  | { readonly type: 'published'; readonly connection: number; readonly token: number }
  | { readonly type: 'checked-in'; readonly fingerprint: string; readonly bytes: Uint8Array }
  /** Spooled events that wait for the server, oldest first; answer to `read-events`. */
  | { readonly type: 'events-read'; readonly events: readonly AuditEvent[] }
  | { readonly type: 'probed'; readonly request: number; readonly outcome: Probed }
  /** The client of a remote desktop runs, or has ended; a fault where it could not do its work. */
  | { readonly type: 'session-running'; readonly session: number }
  | { readonly type: 'session-ended'; readonly session: number; readonly fault: Fault | null }
  /** The log server is trusted and records go there. */
  | { readonly type: 'forwarding'; readonly connection: number }
  /** `shown` where the connection ended because its certificate is not trusted. */
  | {
      readonly type: 'forward-ended';
      readonly connection: number;
      readonly fault: Fault;
      readonly shown: Probed | null;
    }
  /** Records of both logs that wait, and that gave way. */
  | { readonly type: 'log-counted'; readonly unsent: number; readonly dropped: number }
  /** The repair files on all sticks that are there now. */
  | { readonly type: 'media-seen'; readonly repairs: readonly { readonly name: string; readonly jws: string }[] }
  | { readonly type: 'stopping' };

export type Event = Happening & { readonly now: Now };

export type Call =
  | 'enrol'
  | 'fetch-bundle'
  | 'confirm-bundle'
  | 'checkin'
  | 'renew'
  | 'enrol-again'
  | 'prove'
  | 'fetch-rotations'
  | 'fetch-corporate';

/** One certificate for consumers, below `<runtime>/trust/<purpose>/`. */
export type Exported = {
  readonly purpose: 'ksc' | 'rdp' | 'broker' | 'log';
  readonly source: Source;
  readonly fingerprint: string;
  readonly der: string;
};

export type Effect =
  /** A new generation, durable when `persisted` comes. `keys` are the key objects it refers to. */
  | {
      readonly do: 'persist';
      readonly number: number;
      readonly objects: readonly NamedObject[];
      readonly keys: readonly KeyRef[];
      /** A reset: older generations and their keys go as soon as this one is durable. */
      readonly forget: boolean;
    }
  /** Replaces the counters file atomically and durably: `counted` or `count-failed`. */
  | { readonly do: 'count'; readonly counters: Counters }
  | { readonly do: 'export'; readonly certificates: readonly Exported[] }
  /** Below `<runtime>/identities/`. */
  | { readonly do: 'export-corporate'; readonly certificates: readonly CorporateCertificate[] }
  /** A certificate for other programs, by the identity in use: `corporate-fetched`. `secret` is the device secret, hex. */
  | {
      readonly do: 'fetch-corporate';
      readonly address: string;
      readonly accept: readonly string[];
      readonly identity: Identity;
      readonly device: string;
      readonly secret: string;
      readonly id: string;
      readonly order: number;
      readonly from: 'request' | 'delivery';
    }
  /** P-256 where no kind is said. */
  | { readonly do: 'make-key'; readonly kind?: KeyKind }
  | { readonly do: 'enrol'; readonly order: Order; readonly key: KeyRef; readonly subject: string }
  | {
      readonly do: 'fetch-bundle' | 'confirm-bundle';
      readonly address: string;
      readonly identity: Identity;
      /** SHA-256 of server certificates (or, before the bundle, a CA of the served chain) that may be talked to. */
      readonly accept: readonly string[];
      /** The server does not know an identity of a foreign authority yet: the invitation says whose it is. */
      readonly invited?: Pick<Order, 'invitation' | 'password'>;
    }
  /**
   * A certificate for the next key, by the identity in use: `renewed`. From the server by EST (RFC 7030 §4.2.2), or from another
   * authority: `renews` where the identity is that one's. `accept` are leaf certificates of the server alone.
   */
  | {
      readonly do: 'renew';
      readonly address: string;
      readonly accept: readonly string[];
      readonly key: KeyRef;
      readonly device: string;
      readonly identity: Identity;
      readonly elsewhere?: { readonly enrolment: ForeignEnrolment; readonly renews: boolean };
    }
  /** EST for a retired device that a code has readmitted, by its secret (hex) and without an identity: `renewed`. */
  | {
      readonly do: 'enrol-again';
      readonly address: string;
      readonly accept: readonly string[];
      readonly key: KeyRef;
      readonly device: string;
      readonly secret: string;
    }
  /** `prove`: by the next identity, which this shows to work: `proven`. */
  | {
      readonly do: 'checkin' | 'prove';
      readonly address: string;
      readonly identity: Identity;
      readonly accept: readonly string[];
      readonly body: string;
      /** The identity in use: by it the server is told first that the next one, of another authority, is this device's. */
      readonly announcedBy?: Identity;
    }
  /**
   * Asks the address, whoever answers, for the statements that lead on from this certificate: `rotations-fetched`. Without our
   * identity, and once.
   */
  | { readonly do: 'fetch-rotations'; readonly address: string; readonly from: string }
  /** Opens TLS, compares the proved certificate with `accept` before the first MQTT byte, connects, subscribes. */
  | {
      readonly do: 'connect';
      readonly connection: number;
      readonly address: string;
      readonly device: string;
      readonly identity: Identity;
      readonly accept: readonly string[];
      readonly topics: readonly string[];
    }
  | { readonly do: 'disconnect'; readonly connection: number }
  | { readonly do: 'acknowledge'; readonly connection: number; readonly ticket: number }
  | {
      readonly do: 'publish';
      readonly connection: number;
      readonly topic: string;
      readonly payload: string;
      readonly retain: boolean;
      readonly token: number;
    }
  /** Appends an audit event to the spool, durably. */
  | { readonly do: 'spool'; readonly event: AuditEvent }
  /** Gives at most 256 events above `above`. */
  | { readonly do: 'read-events'; readonly above: number }
  | { readonly do: 'drop-events'; readonly upTo: number }
  /** TLS (behind X.224 for `rdp`), the shown certificate judged, closed again: `probed`. */
  | { readonly do: 'probe'; readonly request: number; readonly place: Place; readonly rules: Rules }
  /**
   * Starts the client of a remote desktop as the session user: `session-running`, `session-ended`. It trusts exactly these
   * certificates (SHA-256), or a path to these anchors; the password is the one the request brought.
   */
  | {
      readonly do: 'launch';
      readonly session: number;
      readonly request: number;
      readonly purpose: SessionPurpose;
      readonly place: Place;
      readonly user: string;
      readonly fingerprints: readonly string[];
      /** DER: the exact certificates of the store among them, and the authorities. */
      readonly exact: readonly Uint8Array[];
      readonly anchors: readonly Uint8Array[];
    }
  /** Sends what waits in both logs to this server, and all that comes, once it is trusted; ends any forwarding before. */
  | {
      readonly do: 'forward';
      readonly connection: number;
      readonly place: Place;
      readonly rules: Rules;
      readonly identity: Identity | null;
      /** What the records are said to come from, printable ASCII; null: the name of the machine. */
      readonly device: string | null;
    }
  | { readonly do: 'stop-forwarding' }
  /** Sets the system clock, where the platform lets us. */
  | { readonly do: 'set-clock'; readonly at: Instant }
  /** Answers a request of the control API. */
  | { readonly do: 'answer'; readonly request: number; readonly result: Result<Reply> }
  /** The picture the control API serves; sent only when it changed. */
  | { readonly do: 'show'; readonly status: Status }
  | { readonly do: 'notify'; readonly ready: boolean; readonly status: string }
  | {
      readonly do: 'log';
      readonly level: 'info' | 'warning' | 'error';
      readonly text: string;
      readonly fault: Fault | null;
    }
  /** Give a `tick` after this long at the latest; replaces the wake before. */
  | { readonly do: 'wake'; readonly inMs: number }
  /** An invariant or our disk is broken: leave, the service manager starts us again. */
  | { readonly do: 'stop'; readonly fault: Fault };

export type Step<State> = { readonly state: State; readonly effects: readonly Effect[] };
