/** What stays on the device: its control API, the files of its state directory, and `thintrust decide --batch`. All closed. */
import { type Static, Type } from '@sinclair/typebox';
import {
  maxBatchLineBytes,
  maxCertificates,
  maxCrls,
  maxFrontEnds,
  maxImportCharacters,
  maxIntermediates,
  maxMediaFiles,
  maxRepairBytes,
  maxRepairFiles,
  maxRevocationLists,
  maxRotations,
} from './limits.ts';
import { registrationBundle } from './schema.ts';
import {
  address,
  authorityPlace,
  certificateTime,
  clientPurpose,
  closed,
  contacts,
  count,
  der,
  faultShape,
  millis,
  named,
  nullable,
  publicKey,
  purpose,
  revocationMode,
  sha256,
  shortJws,
  source,
  target,
  text,
  uuid,
} from './shapes.ts';

// control API of the agent (Unix sockets)

const keyKind = Type.Union([
  Type.Literal('P-256'),
  Type.Literal('P-384'),
  Type.Literal('RSA-2048'),
  Type.Literal('RSA-3072'),
]);
const foreignEnrolment = Type.Object(
  {
    ...authorityPlace,
    user: text(64),
    password: text(128),
    /** A common name, or a distinguished one (`CN=…,OU=…`). */
    subject: text(512),
    key: keyKind,
  },
  closed,
);
export const registerRequest = Type.Object(
  {
    address,
    /** SHA-256 of the server certificate or of a CA it chains to: 64 hex digits, colons and blanks already removed. */
    fingerprint: sha256,
    /** Or the name of a user: `name`, `name@domain`, `DOMAIN\name`. */
    invitation: Type.String({ pattern: '^[A-Za-z0-9._@\\\\-]{1,64}$' }),
    password: text(64),
    /** An authority that is not the server's own, which issues the identity. */
    enrolment: Type.Optional(foreignEnrolment),
  },
  closed,
);
export const codeRequest = Type.Object({ code: text(64) }, closed);

const certificateFields = {
  fingerprint: sha256,
  owner: text(300),
  subject: text(1000),
  issuer: text(1000),
  serial: text(80),
  notBefore: certificateTime,
  notAfter: certificateTime,
  key: text(60),
  names: Type.Array(text(300)),
  isCa: Type.Boolean(),
};
export const certificateView = Type.Object(
  {
    ...certificateFields,
    purpose,
    source,
    /** File name the administrator uploaded, or empty. */
    file: text(255),
    /** The one server that an entry accepted on a first connection counts for; null: any of its purpose. */
    server: nullable(text(300)),
    /** Slot, for purpose `ksc` only. */
    slot: nullable(
      Type.Union([
        Type.Literal('current'),
        Type.Literal('reserve'),
        Type.Literal('previous'),
        Type.Literal('front-end'),
      ]),
    ),
    addedAt: millis,
  },
  closed,
);

/** A certificate a server showed, or a file held: not in the store. */
export const presentedView = Type.Object(certificateFields, closed);

/** What a connection to this server would come to, and why. */
export const preflight = Type.Object(
  {
    purpose,
    /** `host:port`, as understood. */
    server: text(300),
    /** `unknown`: nothing speaks against it but that nobody has accepted it; the person may. */
    verdict: Type.Union([
      Type.Literal('trusted'),
      Type.Literal('unknown'),
      Type.Literal('refused'),
      Type.Literal('failed'),
    ]),
    /** The entry of the store it is trusted by. */
    by: nullable(Type.Object({ fingerprint: sha256, owner: text(300), source }, closed)),
    /** Why it is refused, or why nothing was shown. */
    fault: nullable(faultShape),
    /** What a person should look at before adding it. */
    warnings: Type.Array(faultShape, { maxItems: 8 }),
    /** As shown, leaf first. */
    chain: Type.Array(presentedView, { maxItems: 16 }),
    tls: nullable(text(20)),
    at: millis,
  },
  closed,
);
/** `POST /preflight`. For `ksc` the server may be left empty: the device's own. */
export const preflightRequest = Type.Object({ purpose, server: text(300) }, closed);

/** `POST /connect`. The password is not kept: it goes to the client's standard input. */
export const connectRequest = Type.Object(
  {
    purpose: Type.Union([Type.Literal('rdp'), Type.Literal('broker')]),
    server: target,
    user: text(256),
    password: text(256),
  },
  closed,
);
/** `started`: the client runs. `stopped`: it does not; `preflight` says why, or asks. */
export const connectAnswer = Type.Union([
  Type.Object({ at: Type.Literal('started'), session: count, preflight }, closed),
  Type.Object({ at: Type.Literal('stopped'), preflight }, closed),
]);

/** `POST /certificates/add`: the certificate this server showed last, and shows again when it is asked once more. */
export const addRequest = Type.Object({ purpose: clientPurpose, server: target, fingerprint: sha256 }, closed);
/** `POST /certificates/remove` */
export const removeRequest = Type.Object({ purpose: clientPurpose, fingerprint: sha256 }, closed);
/**
 * `POST /certificates/import`: files as they are, base64, or with `content` null the file of this name in `GET /media`.
 * `server` null: good for any server of the purpose.
 */
export const importRequest = Type.Object(
  {
    purpose: clientPurpose,
    server: nullable(target),
    files: Type.Array(
      Type.Object({ name: text(255), content: nullable(Type.String({ maxLength: maxImportCharacters })) }, closed),
      { minItems: 1, maxItems: 8 },
    ),
  },
  closed,
);
/** All or nothing: where one is refused, none is added. */
export const importAnswer = Type.Object(
  {
    added: Type.Array(presentedView, { maxItems: maxCertificates }),
    refused: Type.Array(Type.Object({ file: text(255), block: count, fault: faultShape }, closed), {
      maxItems: maxCertificates,
    }),
  },
  closed,
);

const mediaFile = Type.Object({ name: text(255), bytes: count }, closed);
/**
 * `GET /media`: files on sticks that may hold certificates, by their path; `more` where there are too many to list.
 * `repairs`: those that are called a repair file.
 */
export const mediaList = Type.Object(
  {
    files: Type.Array(mediaFile, { maxItems: maxMediaFiles }),
    repairs: Type.Array(mediaFile, { maxItems: maxRepairFiles }),
    more: Type.Boolean(),
  },
  closed,
);

/** The file as it is, base64, or with `content` null the one of this name in `GET /media`. */
const repairFile = {
  name: text(255),
  content: nullable(Type.String({ maxLength: Math.ceil(maxRepairBytes / 3) * 4 })),
};
/** `POST /repair/check`: what the file would do, for the person who is asked. Nothing is changed. */
export const repairCheckRequest = Type.Object(repairFile, closed);
/** `POST /repair`: the file that was looked at, by its revision. */
export const repairRequest = Type.Object({ ...repairFile, rev: count }, closed);
export const repairView = Type.Object(
  {
    rev: count,
    https: address,
    mqtt: address,
    /** Of the Administration Server from then on. */
    certificate: presentedView,
    signedAt: millis,
    validUntil: millis,
    by: Type.Union([Type.Literal('recovery'), Type.Literal('policy')]),
    /** The earliest time it can be from then on; null where the file says nothing about it. */
    time: nullable(millis),
  },
  closed,
);

const language = Type.Union([Type.Literal('en'), Type.Literal('ru')]);
/** `POST /settings`: what is left out stays; null takes the local value away. */
export const settingsRequest = Type.Object(
  {
    logServer: Type.Optional(nullable(target)),
    rdp: Type.Optional(nullable(target)),
    broker: Type.Optional(nullable(target)),
    language: Type.Optional(nullable(language)),
  },
  closed,
);
const addresses = Type.Object({ https: address, mqtt: address }, closed);
/** `POST /connection`: other addresses of the same server. */
export const connectionRequest = addresses;
/** `POST /time`: what the clock shows, set by hand. */
export const timeRequest = Type.Object({ at: millis }, closed);
/** Rotation statements from a stick; as over the network, only their signatures count. */
export const followRequest = Type.Object(
  { statements: Type.Array(shortJws, { minItems: 1, maxItems: maxRotations }) },
  closed,
);
/** `POST /reset` */
export const resetRequest = Type.Object({}, closed);

const severity = Type.Union([
  Type.Literal('trace'),
  Type.Literal('debug'),
  Type.Literal('info'),
  Type.Literal('warn'),
  Type.Literal('error'),
  Type.Literal('fatal'),
]);
/** A line of the event log. */
export const logRecord = Type.Object(
  { seq: count, at: millis, severity, component: text(40), text: text(2000) },
  closed,
);
/** `GET /log?severity=warn&before=SEQ&limit=N`: newest first, of this severity and above. */
export const logPage = Type.Object(
  { records: Type.Array(logRecord, { maxItems: 1000 }), more: Type.Boolean() },
  closed,
);

const settingView = Type.Object(
  {
    value: nullable(text(300)),
    source: Type.Union([Type.Literal('policy'), Type.Literal('local'), Type.Literal('none')]),
    locked: Type.Boolean(),
  },
  closed,
);
const lockView = Type.Object({ locked: Type.Boolean() }, closed);
const settingsView = Type.Object(
  {
    connection: lockView,
    reset: lockView,
    dateTime: lockView,
    logServer: settingView,
    rdp: settingView,
    broker: settingView,
    language: nullable(language),
  },
  closed,
);
/** The client of a remote desktop: one at a time. */
const sessionView = Type.Object(
  {
    number: count,
    purpose: Type.Union([Type.Literal('rdp'), Type.Literal('broker')]),
    server: text(300),
    at: Type.Union([Type.Literal('starting'), Type.Literal('running'), Type.Literal('ended')]),
    since: millis,
    fault: nullable(faultShape),
  },
  closed,
);
const logView = Type.Object(
  {
    at: Type.Union([
      Type.Literal('off'),
      Type.Literal('connecting'),
      Type.Literal('connected'),
      Type.Literal('waiting'),
      /** The server showed a certificate that is not trusted; `preflight` says why, or asks. */
      Type.Literal('refused'),
    ]),
    server: nullable(text(300)),
    fault: nullable(faultShape),
    preflight: nullable(preflight),
    /** Records that are not sent yet, and those that gave way since the daemon started. */
    unsent: count,
    dropped: count,
  },
  closed,
);
/** An action the policy locked: the code that asks for it, or how long it is open. */
const operationView = Type.Object(
  {
    action: Type.Union([Type.Literal('connection'), Type.Literal('reset')]),
    /** 16 digits in groups of four; empty once it is open. */
    confirmationCode: text(19),
    openForMs: count,
    lockedForMs: count,
    triesLeft: count,
  },
  closed,
);

/** One picture of the agent: answer of `GET /api/v1/status`, data of every server-sent event of `GET /api/v1/changes`. */
const revocationView = Type.Object(
  {
    modes: Type.Object({ rdp: revocationMode, broker: revocationMode, log: revocationMode }, closed),
    lists: Type.Array(
      Type.Object({ issuer: text(200), thisUpdate: certificateTime, nextUpdate: certificateTime }, closed),
      { maxItems: maxRevocationLists },
    ),
    /** Fingerprints of certificates of the policy that a list names: they count for no purpose whose mode is not off. */
    revoked: Type.Array(sha256),
  },
  closed,
);

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
    server: nullable(addresses),
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
          /** `device`: its own certificate has ended for good and a code lets it have a new one; `server`: it showed a new one. */
          about: Type.Union([Type.Literal('server'), Type.Literal('device')]),
          lockedForMs: count,
          triesLeft: count,
        },
        closed,
      ),
    ),
    /** The device's own certificate, which it shows to the server. */
    identity: nullable(
      Type.Object(
        {
          fingerprint: sha256,
          notAfter: certificateTime,
          at: Type.Union([
            Type.Literal('valid'),
            Type.Literal('renewing'),
            Type.Literal('expired'),
            /** The server's word: it is not renewed any more. */
            Type.Literal('retired'),
          ]),
        },
        closed,
      ),
    ),
    contacts: nullable(contacts),
    certificates: Type.Array(certificateView),
    /** Fingerprints among them that the administrator has blocked: they count for nothing. */
    blocked: Type.Array(sha256),
    /** Whether the person may accept certificates: not on a managed device, nor where the policy assigns any. */
    mayAdd: Type.Boolean(),
    /** What the policy says of revoked certificates, and the lists it brought; null: they are not looked up. */
    revocation: nullable(revocationView),
    settings: settingsView,
    operation: nullable(operationView),
    session: nullable(sessionView),
    log: logView,
    /** A repair file on a stick that holds for this device. */
    repair: nullable(text(255)),
    faults: Type.Array(faultShape),
  },
  closed,
);

// files of the agent

const keyRef = Type.Object({ kind: Type.Union([Type.Literal('file'), Type.Literal('token')]), sha256 }, closed);
const identity = Type.Object({ key: keyRef, chain: Type.Array(der, { minItems: 1, maxItems: 16 }) }, closed);
const order = Type.Object({ ...registerRequest.properties }, closed);
/** `by`: a policy has moved the device there. */
const keptEnrolment = Type.Optional(
  Type.Object({ ...foreignEnrolment.properties, by: Type.Optional(Type.Literal('policy')) }, closed),
);
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
          /** Left out for identities of the server's own authority. */
          enrolment: keptEnrolment,
          next: nullable(
            Type.Union([
              Type.Object({ at: Type.Literal('wanted') }, closed),
              Type.Object({ at: Type.Literal('keyed'), key: keyRef, enrolment: keptEnrolment }, closed),
              Type.Object({ at: Type.Literal('issued'), identity, enrolment: keptEnrolment }, closed),
            ]),
          ),
          standing: Type.Union([
            Type.Literal('active'),
            Type.Literal('retired'),
            Type.Literal('readmitted'),
            Type.Literal('returning'),
          ]),
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
          frontEnds: Type.Optional(Type.Array(Type.Object(pin, closed), { maxItems: maxFrontEnds })),
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
          server: nullable(text(300)),
        },
        closed,
      ),
      { maxItems: maxCertificates },
    ),
    settings: Type.Object(
      {
        logServer: nullable(target),
        rdp: nullable(target),
        broker: nullable(target),
        language: nullable(language),
      },
      closed,
    ),
    connection: nullable(addresses),
    repaired: nullable(Type.Object({ aud: text(200), rev: count, addresses: nullable(addresses) }, closed)),
    former: nullable(addresses),
    corporate: Type.Optional(
      Type.Array(
        Type.Object(
          {
            id: uuid,
            type: Type.Union([Type.Literal('mail'), Type.Literal('vpn')]),
            alias: text(64),
            order: Type.Integer({ minimum: 1, maximum: 1000000 }),
            identity,
          },
          closed,
        ),
        { maxItems: 1024 },
      ),
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

export type RegisterRequest = Static<typeof registerRequest>;
export type CodeRequest = Static<typeof codeRequest>;
export type CertificateView = Static<typeof certificateView>;
export type Status = Static<typeof status>;
export type DecideLine = Static<typeof decideLine>;
export type AgentState = Static<typeof agentState>;
export type AgentCounters = Static<typeof agentCounters>;
export type PresentedView = Static<typeof presentedView>;
export type Preflight = Static<typeof preflight>;
export type PreflightRequest = Static<typeof preflightRequest>;
export type ConnectRequest = Static<typeof connectRequest>;
export type ConnectAnswer = Static<typeof connectAnswer>;
export type AddRequest = Static<typeof addRequest>;
export type RemoveRequest = Static<typeof removeRequest>;
export type ImportRequest = Static<typeof importRequest>;
export type ImportAnswer = Static<typeof importAnswer>;
export type MediaList = Static<typeof mediaList>;
export type RepairCheckRequest = Static<typeof repairCheckRequest>;
export type RepairRequest = Static<typeof repairRequest>;
export type RepairView = Static<typeof repairView>;
export type SettingsRequest = Static<typeof settingsRequest>;
export type ConnectionRequest = Static<typeof connectionRequest>;
export type TimeRequest = Static<typeof timeRequest>;
export type FollowRequest = Static<typeof followRequest>;
export type ResetRequest = Static<typeof resetRequest>;
export type Severity = Static<typeof severity>;
export type LogRecord = Static<typeof logRecord>;
export type LogPage = Static<typeof logPage>;
