/**
 * The shape of everything that crosses a wire or lies in a file, once. Types are derived from here with `Static`;
 * `scripts/compile-schemas.ts` compiles the same objects into validators ahead of time, so that neither TypeBox nor the
 * ajv compiler is loaded on the device.
 *
 * Signed documents tolerate unknown fields (see `critical`); everything local is closed.
 */
import { type Static, type TSchema, Type } from '@sinclair/typebox';
import { maxBatchLineBytes, maxCertificates, maxCrls, maxIntermediates } from './limits.ts';

const open = { additionalProperties: true };
const closed = { additionalProperties: false };
const nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);

const uuid = Type.String({ pattern: '^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$' });
const sha256 = Type.String({ pattern: '^[0-9a-f]{64}$' });
/** Standard base64 (RFC 4648 §4) of one DER certificate of at most `maxCertificateBytes`. */
const der = Type.String({ pattern: '^[A-Za-z0-9+/]+={0,2}$', maxLength: 22000 });
/** JWS compact serialization, RFC 7515 §7.1. */
const jws = Type.String({ pattern: '^[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+$', maxLength: 1500000 });
const text = (maxLength: number) => Type.String({ maxLength });
const seconds = Type.Integer({ minimum: 0, maximum: 253402300799 });
const millis = Type.Integer({ minimum: 0, maximum: 253402300799999 });
/** Certificates may begin before 1970 (RFC 5280 §4.1.2.5). */
const certificateTime = Type.Integer({ minimum: -62167219200000, maximum: 253402300799999 });
const count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
/** `host:port`; a literal IPv6 host stands in brackets. */
const address = Type.String({ pattern: '^(\\[[0-9A-Fa-f:.]{2,45}\\]|[A-Za-z0-9._-]{1,253}):[0-9]{1,5}$' });
/** A name that does not fit the pattern is refused: by itself a pattern lets such a name through with any value. */
const named = <T extends TSchema>(maxLength: number, value: T) =>
  Type.Record(Type.String({ pattern: `^[\\s\\S]{0,${maxLength}}$` }), value, closed);
const factsShape = named(40, Type.Union([text(300), Type.Number()]));
const clientPurpose = Type.Union([Type.Literal('rdp'), Type.Literal('broker'), Type.Literal('log')]);
const purpose = Type.Union([Type.Literal('ksc'), Type.Literal('rdp'), Type.Literal('broker'), Type.Literal('log')]);
const source = Type.Union([
  Type.Literal('factory'),
  Type.Literal('policy'),
  Type.Literal('manual'),
  Type.Literal('replacement'),
]);
const publicKey = Type.Object(
  { kty: Type.Literal('EC'), crv: Type.Literal('P-256'), x: text(64), y: text(64) },
  closed,
);
const contacts = Type.Object({ name: text(120), phone: text(60), email: text(120), note: text(200) }, open);
const faultShape = Type.Object(
  {
    code: text(40),
    kind: Type.Union([Type.Literal('rejected'), Type.Literal('unavailable'), Type.Literal('broken')]),
    facts: factsShape,
  },
  closed,
);

// signed documents

const signed = {
  aud: text(200),
  rev: count,
  iat: seconds,
  refreshBefore: seconds,
  critical: Type.Optional(Type.Array(text(60), { maxItems: 32 })),
};
const reservePin = Type.Object({ certificate: der, activateAt: millis }, open);

/** What the device holds about the server's own certificate: the main one and the one that comes next. */
export const serverPins = Type.Object({ main: der, reserve: nullable(reservePin) }, open);
export const addresses = Type.Object({ https: address, mqtt: address }, open);

export const policy = Type.Object(
  {
    ...signed,
    format: Type.Literal(1),
    group: Type.Object({ id: uuid, name: text(120) }, open),
    server: serverPins,
    addresses,
    certificates: Type.Object(
      {
        enforced: Type.Boolean(),
        entries: Type.Array(Type.Object({ purpose: clientPurpose, file: text(255), certificate: der }, open), {
          maxItems: maxCertificates,
        }),
      },
      open,
    ),
    contacts: Type.Object({ enforced: Type.Boolean(), value: nullable(contacts) }, open),
    blocklist: Type.Array(sha256, { maxItems: 4096 }),
  },
  open,
);

export const deviceDocument = Type.Object(
  {
    ...signed,
    format: Type.Literal(1),
    name: text(120),
    group: uuid,
    /** Member of an administration group; an unmanaged device reads the policy of the server's own `unassigned` group. */
    managed: Type.Boolean(),
    /** The group policy must be at least this revision before the move to that group applies. */
    groupRev: count,
    secretGeneration: Type.Integer({ minimum: 1, maximum: 1000000 }),
  },
  open,
);

export const command = Type.Object(
  {
    ...signed,
    format: Type.Literal(1),
    seq: count,
    expires: seconds,
    command: Type.Object({ do: text(40) }, open),
  },
  open,
);

/** Signed by the recovery key: adds or revokes a policy key. */
export const keyStatement = Type.Object(
  { ...signed, format: Type.Literal(1), add: nullable(publicKey), revoke: nullable(text(64)) },
  open,
);

/** Signed by the policy key, echoes the device's nonce: the server's time now. */
export const timeStatement = Type.Object(
  { ...signed, format: Type.Literal(1), nonce: Type.String({ pattern: '^[0-9a-f]{32}$' }), time: millis },
  open,
);

// registration

export const registrationBundle = Type.Object(
  {
    format: Type.Literal(1),
    serverId: uuid,
    deviceId: uuid,
    deviceName: text(120),
    secret: Type.String({ pattern: '^[0-9a-f]{64}$' }),
    secretGeneration: Type.Integer({ minimum: 1, maximum: 1000000 }),
    policyKeys: Type.Array(publicKey, { minItems: 1, maxItems: 8 }),
    recoveryKey: publicKey,
    group: uuid,
    managed: Type.Boolean(),
    pins: serverPins,
    addresses,
    contacts: nullable(contacts),
  },
  open,
);

// device to server

const heldCertificate = Type.Object({ fingerprint: sha256, purpose, source }, open);
const pinSummary = Type.Object({ current: sha256, reserve: nullable(sha256), previous: nullable(sha256) }, open);

export const report = Type.Object(
  {
    format: Type.Literal(1),
    device: uuid,
    at: millis,
    applied: Type.Object({ group: nullable(uuid), policy: count, device: count, command: count }, open),
    certificates: Type.Array(heldCertificate, { maxItems: maxCertificates + 64 }),
    pins: nullable(pinSummary),
    identity: nullable(Type.Object({ fingerprint: sha256, notAfter: millis }, open)),
    clock: Type.Object({ at: Type.Union([Type.Literal('known'), Type.Literal('unknown')]), floor: millis }, open),
    codes: Type.Object({ tries: count, lockedForMs: count }, open),
    faults: Type.Array(faultShape, { maxItems: 64 }),
    versions: Type.Object({ agent: text(40), runtime: text(40) }, open),
    accepts: Type.Array(text(40), { maxItems: 32 }),
    /** Signed documents newer than what the server last offered: how a restored server learns its own lost revisions. */
    newer: Type.Array(jws, { maxItems: 2 }),
  },
  open,
);

/** One audit event. `seq` rises by one per device and is never used twice. */
export const auditEvent = Type.Object(
  {
    format: Type.Literal(1),
    seq: count,
    at: millis,
    clock: Type.Union([Type.Literal('known'), Type.Literal('unknown')]),
    event: text(60),
    facts: factsShape,
  },
  open,
);

export const presence = Type.Object(
  { format: Type.Literal(1), at: Type.Union([Type.Literal('online'), Type.Literal('offline')]) },
  open,
);

/** `POST /v1/checkin`: the same documents without MQTT. */
export const checkinRequest = Type.Object(
  {
    format: Type.Literal(1),
    nonce: Type.String({ pattern: '^[0-9a-f]{32}$' }),
    report,
    events: Type.Array(auditEvent, { maxItems: 256 }),
  },
  open,
);
export const checkinAnswer = Type.Object(
  {
    format: Type.Literal(1),
    policy: nullable(jws),
    device: nullable(jws),
    commands: Type.Array(jws, { maxItems: 32 }),
    time: jws,
    /** Audit events up to and including this number are safe on the server. */
    acknowledged: count,
  },
  open,
);

// control API of the agent (Unix sockets)

export const registerRequest = Type.Object(
  {
    address,
    /** SHA-256 of the server certificate or of a CA it chains to: 64 hex digits, colons and blanks already removed. */
    fingerprint: sha256,
    invitation: Type.String({ pattern: '^[A-Za-z0-9-]{1,64}$' }),
    password: text(64),
  },
  closed,
);
export const codeRequest = Type.Object({ code: text(64) }, closed);

export const certificateView = Type.Object(
  {
    fingerprint: sha256,
    purpose,
    source,
    /** File name the administrator uploaded, or empty. */
    file: text(255),
    owner: text(300),
    subject: text(1000),
    issuer: text(1000),
    serial: text(80),
    notBefore: certificateTime,
    notAfter: certificateTime,
    key: text(60),
    names: Type.Array(text(300)),
    isCa: Type.Boolean(),
    /** Slot, for purpose `ksc` only. */
    slot: nullable(Type.Union([Type.Literal('current'), Type.Literal('reserve'), Type.Literal('previous')])),
    addedAt: millis,
  },
  closed,
);

/** One picture of the agent: answer of `GET /api/v1/status`, data of every server-sent event of `GET /api/v1/changes`. */
export const status = Type.Object(
  {
    version: text(40),
    at: Type.Union([
      Type.Literal('unregistered'),
      Type.Literal('registering'),
      Type.Literal('registered'),
      Type.Literal('broken'),
    ]),
    device: nullable(Type.Object({ id: uuid, name: text(120), group: text(120), managed: Type.Boolean() }, closed)),
    server: nullable(Type.Object({ https: address, mqtt: address }, closed)),
    link: Type.Object(
      {
        at: Type.Union([
          Type.Literal('idle'),
          Type.Literal('connecting'),
          Type.Literal('connected'),
          Type.Literal('waiting'),
        ]),
        /** Epoch milliseconds of the last change of `at`. */
        since: millis,
        retryInMs: nullable(count),
        fault: nullable(faultShape),
      },
      closed,
    ),
    clock: Type.Object(
      { at: Type.Union([Type.Literal('known'), Type.Literal('unknown')]), now: millis, floor: millis },
      closed,
    ),
    policy: nullable(Type.Object({ rev: count, iat: millis, stale: Type.Boolean() }, closed)),
    replacement: nullable(
      Type.Object(
        {
          /** 16 digits in groups of four. */
          confirmationCode: text(19),
          presented: certificateView,
          lockedForMs: count,
          triesLeft: count,
        },
        closed,
      ),
    ),
    contacts: nullable(contacts),
    certificates: Type.Array(certificateView),
    faults: Type.Array(faultShape),
  },
  closed,
);

// files of the agent

const keyRef = Type.Object({ kind: Type.Literal('file'), sha256 }, closed);
const identity = Type.Object({ key: keyRef, chain: Type.Array(der, { minItems: 1, maxItems: 16 }) }, closed);
const order = Type.Object({ ...registerRequest.properties }, closed);
const pin = { der, source, addedAt: millis };

/** `state.json` of a generation: everything but the signed documents, which are objects of their own. */
export const agentState = Type.Object(
  {
    registration: Type.Union([
      Type.Object({ at: Type.Literal('unregistered') }, closed),
      Type.Object({ at: Type.Literal('ordered'), order, key: keyRef }, closed),
      Type.Object({ at: Type.Literal('enrolled'), order, identity }, closed),
      Type.Object(
        {
          at: Type.Literal('registered'),
          confirmed: Type.Boolean(),
          address,
          bundle: registrationBundle,
          identity,
          policyKeys: Type.Array(publicKey, { minItems: 1, maxItems: 8 }),
          hardware: text(200),
        },
        closed,
      ),
    ]),
    pins: nullable(
      Type.Object(
        {
          current: Type.Object(pin, closed),
          reserve: nullable(Type.Object({ ...pin, activateAt: millis }, closed)),
          previous: nullable(Type.Object({ ...pin, until: millis }, closed)),
        },
        closed,
      ),
    ),
    local: Type.Array(
      Type.Object(
        {
          purpose: clientPurpose,
          source: Type.Union([Type.Literal('manual'), Type.Literal('factory')]),
          file: text(255),
          der,
          addedAt: millis,
        },
        closed,
      ),
      { maxItems: maxCertificates },
    ),
    requests: Type.Array(
      Type.Object(
        {
          action: Type.Union([Type.Literal(1), Type.Literal(2), Type.Literal(3)]),
          counter: Type.Integer({ minimum: 0, maximum: 99999 }),
          certificate: nullable(der),
          askedAtMs: Type.Number({ minimum: 0 }),
        },
        closed,
      ),
      { maxItems: 8 },
    ),
  },
  closed,
);

export const agentCounters = Type.Object(
  {
    format: Type.Literal(1),
    uptimeMs: Type.Number({ minimum: 0 }),
    codeCounter: nullable(Type.Integer({ minimum: 0, maximum: 99999 })),
    tries: count,
    lockedUntilMs: Type.Number({ minimum: 0 }),
    highest: named(200, count),
    commandSeq: count,
    eventSeq: count,
    hardFloor: millis,
    softFloor: millis,
  },
  closed,
);

// thintrust decide --batch

/** PEM, RFC 7468; how many bytes of DER are too many is judged after decoding. */
const pem = text(maxBatchLineBytes);
const oid = Type.String({ pattern: '^[0-2](\\.[0-9]{1,40}){1,32}$', maxLength: 200 });

/** One line in. Closed: a misspelt `host` must not turn the name check off. Null is the same as left out. */
export const decideLine = Type.Object(
  {
    id: Type.Union([text(200), Type.Number()]),
    purpose: Type.Union([Type.Literal('server'), Type.Literal('client'), ...purpose.anyOf]),
    host: Type.Optional(nullable(text(1000))),
    ip: Type.Optional(nullable(text(60))),
    /** RFC 3339, UTC. */
    at: text(40),
    anchors: Type.Array(pem, { maxItems: maxCertificates }),
    intermediates: Type.Array(pem, { maxItems: maxIntermediates }),
    leaf: pem,
    /** Without CRLs revocation is not checked. */
    crls: Type.Optional(nullable(Type.Array(pem, { maxItems: maxCrls }))),
    policy: Type.Optional(
      nullable(
        Type.Object(
          {
            initial: Type.Array(oid, { maxItems: 64 }),
            explicit: Type.Boolean(),
            inhibitMapping: Type.Boolean(),
            inhibitAny: Type.Boolean(),
          },
          closed,
        ),
      ),
    ),
  },
  closed,
);

export type Purpose = Static<typeof purpose>;
export type ClientPurpose = Static<typeof clientPurpose>;
export type Source = Static<typeof source>;
export type PublicKey = Static<typeof publicKey>;
export type Contacts = Static<typeof contacts>;
export type ServerPins = Static<typeof serverPins>;
export type Addresses = Static<typeof addresses>;
export type Policy = Static<typeof policy>;
export type DeviceDocument = Static<typeof deviceDocument>;
export type Command = Static<typeof command>;
export type KeyStatement = Static<typeof keyStatement>;
export type TimeStatement = Static<typeof timeStatement>;
export type RegistrationBundle = Static<typeof registrationBundle>;
export type Report = Static<typeof report>;
export type AuditEvent = Static<typeof auditEvent>;
export type Presence = Static<typeof presence>;
export type CheckinRequest = Static<typeof checkinRequest>;
export type CheckinAnswer = Static<typeof checkinAnswer>;
export type RegisterRequest = Static<typeof registerRequest>;
export type CodeRequest = Static<typeof codeRequest>;
export type CertificateView = Static<typeof certificateView>;
export type Status = Static<typeof status>;
export type DecideLine = Static<typeof decideLine>;
export type AgentState = Static<typeof agentState>;
export type AgentCounters = Static<typeof agentCounters>;
