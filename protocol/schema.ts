/**
 * The shape of everything that crosses a wire or lies in a file, once: signed
 * documents and the wire here, the control API and the device's files in `local.ts`. Types are derived from here with `Static`;
 * `scripts/compile-schemas.ts` compiles the same objects into validators ahead of time, so that neither TypeBox nor the
 * ajv compiler is loaded on the device.
 *
 * Signed documents tolerate unknown fields (see `critical`); everything local is closed.
 */
import { type Static, Type } from '@sinclair/typebox';
import {
  maxCertificates,
  maxCorporate,
  maxFrontEnds,
  maxKeyStatements,
  maxRevocationLists,
  maxRotations,
} from './limits.ts';
import {
  address,
  authorityPlace,
  clientPurpose,
  contacts,
  count,
  der,
  factsShape,
  faultShape,
  jws,
  listDer,
  millis,
  nullable,
  open,
  publicKey,
  purpose,
  revocationMode,
  seconds,
  sha256,
  shortJws,
  source,
  target,
  text,
  uuid,
} from './shapes.ts';

export type { ClientPurpose, Contacts, PublicKey, Purpose, RevocationMode, Source } from './shapes.ts';

const corporateType = Type.Union([Type.Literal('mail'), Type.Literal('vpn')]);
const x25519 = Type.String({ pattern: '^[A-Za-z0-9+/]{43}=$' });

// signed documents

const signed = {
  aud: text(200),
  rev: count,
  iat: seconds,
  refreshBefore: seconds,
  critical: Type.Optional(Type.Array(text(60), { maxItems: 32 })),
};
const reservePin = Type.Object({ certificate: der, activateAt: millis }, open);

/**
 * What the device holds about the server's own certificate: the main one and the one that comes next. `frontEnds`: what
 * proxies that end TLS before the server show in its place, now or next; left out: there are none.
 */
export const serverPins = Type.Object(
  {
    main: der,
    reserve: nullable(reservePin),
    frontEnds: Type.Optional(Type.Array(der, { maxItems: maxFrontEnds })),
  },
  open,
);
export const addresses = Type.Object({ https: address, mqtt: address }, open);

/** Effective value: locked policy > local > unlocked policy. */
const setting = Type.Object({ enforced: Type.Boolean(), value: nullable(target) }, open);
/** Nothing but whether the person at the device may change it; where it is locked, a code may still open it once. */
const lock = Type.Object({ enforced: Type.Boolean() }, open);
export const policySettings = Type.Object(
  { connection: lock, reset: lock, dateTime: lock, logServer: setting, rdp: setting, broker: setting },
  open,
);

/** For each purpose, and the lists (base64 DER) for all of them. */
const revocation = Type.Object(
  {
    rdp: revocationMode,
    broker: revocationMode,
    log: revocationMode,
    lists: Type.Array(listDer, { maxItems: maxRevocationLists }),
  },
  open,
);

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
    /** Left out by servers that know none: then nothing is locked and nothing is set. */
    settings: Type.Optional(policySettings),
    /**
     * The renewal window of identities, in days before their end; null: the longest. Left out: `protocol/renewal`. Not
     * `automatic`: an identity is renewed only by an administrator's order; left out: it is.
     */
    identity: Type.Optional(
      Type.Object(
        {
          renewBeforeDays: nullable(Type.Integer({ minimum: 1, maximum: 60 })),
          automatic: Type.Optional(Type.Boolean()),
        },
        open,
      ),
    ),
    /** Another authority than the server's own, which devices move to when they renew their identity. No secret is in it. */
    enrolment: Type.Optional(Type.Object({ ...authorityPlace, subject: text(256) }, open)),
    /** Whether missed certificates of the server may be followed by rotation statements; left out: no. */
    rotation: Type.Optional(Type.Object({ allowed: Type.Boolean() }, open)),
    /** Left out: revocation is checked nowhere. */
    revocation: Type.Optional(revocation),
    /** The policy key that will sign next. */
    nextKey: Type.Optional(nullable(publicKey)),
    /** Revision of the newest key statement: a device that has not seen it checks in. */
    keys: Type.Optional(count),
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
    /** When this device should renew its identity, so that a fleet does not do it at once. */
    identity: Type.Optional(Type.Object({ renewAt: nullable(millis) }, open)),
    /**
     * Certificates for other programs of the device, and none of their keys. `order` rises when another one is to be fetched:
     * `request` for a key of the device's own, `delivery` with its key.
     */
    certificates: Type.Optional(
      Type.Array(
        Type.Object(
          {
            id: uuid,
            type: corporateType,
            alias: text(64),
            order: Type.Integer({ minimum: 1, maximum: 1000000 }),
            from: Type.Union([Type.Literal('request'), Type.Literal('delivery')]),
          },
          open,
        ),
        { maxItems: maxCorporate },
      ),
    ),
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

/**
 * Signed by the policy key: who trusts the certificate `from` (SHA-256) may trust `to` (base64 DER), the one the server
 * changed to. `seq` counts the changes. The newest is signed again daily and holds for 30 days.
 */
export const rotationStatement = Type.Object(
  { ...signed, format: Type.Literal(1), seq: count, from: sha256, to: der },
  open,
);

/**
 * `POST /v1/identity`, by the identity in use: the certificate of another authority that follows it, leaf first. `signature`, by
 * the key of that certificate (`protocol/announcement`), shows that it is the device's own.
 */
export const announcement = Type.Object(
  {
    format: Type.Literal(1),
    chain: Type.Array(der, { minItems: 1, maxItems: 10 }),
    signature: Type.String({ pattern: '^[A-Za-z0-9+/]+={0,2}$', maxLength: 2048 }),
  },
  open,
);
/** Answer to `GET /v1/enrolment`: what an authority asks of who enrols there. Empty where it asks for nothing. */
export const enrolmentSecret = Type.Object(
  {
    format: Type.Literal(1),
    protocol: authorityPlace.protocol,
    fingerprint: sha256,
    user: text(64),
    password: text(128),
  },
  open,
);

/** `POST /v1/certificate`: either a request (PKCS#10, base64), or the X25519 key that the answer is for. */
export const corporateRequest = Type.Object(
  {
    format: Type.Literal(1),
    id: uuid,
    order: count,
    csr: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9+/]+={0,2}$', maxLength: 24_000 })),
    key: Type.Optional(x25519),
  },
  open,
);
/** Leaf first. `sealed`: PKCS#8 by AES-256-GCM, nonce before and tag behind it (`protocol/delivery`). */
export const corporateAnswer = Type.Object(
  {
    format: Type.Literal(1),
    chain: Type.Array(der, { minItems: 1, maxItems: 10 }),
    sealed: nullable(
      Type.Object({ key: x25519, data: Type.String({ pattern: '^[A-Za-z0-9+/]+={0,2}$', maxLength: 24_000 }) }, open),
    ),
  },
  open,
);

/** Answer to `GET /v1/rotations?from=<sha256>`: from that certificate to the main one, oldest first. */
export const rotations = Type.Object(
  { format: Type.Literal(1), statements: Type.Array(shortJws, { maxItems: maxRotations }) },
  open,
);

/** Signed by the policy key, echoes the device's nonce: the server's time now. */
export const timeStatement = Type.Object(
  { ...signed, format: Type.Literal(1), nonce: Type.String({ pattern: '^[0-9a-f]{32}$' }), time: millis },
  open,
);

/**
 * Signed by the recovery key, or by a policy key: what leads a device back to its server without the certificate it holds.
 * A file on a stick, for every device of the server.
 */
export const repairBundle = Type.Object(
  {
    ...signed,
    format: Type.Literal(1),
    pins: serverPins,
    addresses,
    /** Recovery key only: the earliest time it can be, where devices took a wrong one for proven. */
    time: Type.Optional(nullable(millis)),
    /** Recovery key only: policy keys to be taken for good beside those that are. */
    policyKeys: Type.Optional(Type.Array(publicKey, { maxItems: 4 })),
  },
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

/** `POST /v1/register`: an agent that has no identity yet, on the port that asks for none. */
export const legacyRegistration = Type.Object(
  {
    format: Type.Literal(1),
    /** Chosen by the agent: with the same one an answer that was lost is given again. */
    nonce: Type.String({ pattern: '^[0-9a-f]{32}$' }),
    hardwareId: text(200),
    /** `mutual-migration`: can get an identity later; `mutual-only`: never checks in without one. */
    accepts: Type.Array(text(40), { maxItems: 32 }),
  },
  open,
);
/** Where an agent gets the identity it is told to get. */
const enrolmentOrder = Type.Union([
  /** `url` and what goes with it where it is another server than ours. */
  Type.Object(
    {
      at: Type.Literal('est'),
      path: text(200),
      url: Type.Optional(text(300)),
      fingerprint: Type.Optional(sha256),
      subject: Type.Optional(text(4000)),
    },
    open,
  ),
  Type.Object({ at: Type.Literal('scep'), url: text(300), fingerprint: sha256, subject: text(4000) }, open),
]);
const migrationOrder = Type.Object(
  { port: Type.Integer({ minimum: 1, maximum: 65535 }), enrolment: enrolmentOrder },
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
    /** Thumbprints of the policy keys it holds. */
    policyKeys: Type.Optional(Type.Array(text(64), { maxItems: 16 })),
    /** Mail and VPN certificates it holds, also those the server names no more. */
    corporate: Type.Optional(
      Type.Array(
        Type.Object(
          { id: uuid, type: corporateType, alias: text(64), order: count, fingerprint: sha256, notAfter: millis },
          open,
        ),
        { maxItems: 2 * maxCorporate },
      ),
    ),
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
    /** To an agent that checked in without an identity and can get one: from now on it checks in with one, on this port. */
    migrate: Type.Optional(migrationOrder),
    /** Key statements, oldest first. */
    keys: Type.Optional(Type.Array(shortJws, { maxItems: maxKeyStatements })),
  },
  open,
);

export type ServerPins = Static<typeof serverPins>;
export type Addresses = Static<typeof addresses>;
export type Policy = Static<typeof policy>;
export type PolicySettings = Static<typeof policySettings>;
export type PolicyRevocation = Static<typeof revocation>;
export type DeviceDocument = Static<typeof deviceDocument>;
export type Command = Static<typeof command>;
export type KeyStatement = Static<typeof keyStatement>;
export type RotationStatement = Static<typeof rotationStatement>;
export type Rotations = Static<typeof rotations>;
export type TimeStatement = Static<typeof timeStatement>;
export type RepairBundle = Static<typeof repairBundle>;
export type RegistrationBundle = Static<typeof registrationBundle>;
export type LegacyRegistration = Static<typeof legacyRegistration>;
export type EnrolmentOrder = Static<typeof enrolmentOrder>;
export type Announcement = Static<typeof announcement>;
export type EnrolmentSecret = Static<typeof enrolmentSecret>;
export type CorporateRequest = Static<typeof corporateRequest>;
export type CorporateAnswer = Static<typeof corporateAnswer>;
export type Report = Static<typeof report>;
export type AuditEvent = Static<typeof auditEvent>;
export type Presence = Static<typeof presence>;
export type CheckinRequest = Static<typeof checkinRequest>;
export type CheckinAnswer = Static<typeof checkinAnswer>;
