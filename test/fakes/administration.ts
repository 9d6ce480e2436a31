/**
 * An Administration Server in memory, for tests that steer time, faults and cuts: it signs real documents with real keys
 * and answers the agent's network effects. What the real server does is proven by the flow tests.
 */
import { createHash, randomUUID } from 'node:crypto';
import type { Identity } from '../../agent/core/durable.ts';
import { leafOf } from '../../agent/core/identity.ts';
import type { Effect, Happening } from '../../agent/core/shape.ts';
import { fingerprintOf, toBase64 } from '../../protocol/certificate.ts';
import { deriveSecret, makeReplacement, parseConfirmation } from '../../protocol/codes.ts';
import { type Fault, type FaultCode, fault } from '../../protocol/fault.ts';
import type { DocumentType } from '../../protocol/jws.ts';
import type {
  AuditEvent,
  DeviceDocument,
  Policy,
  PolicySettings,
  RegistrationBundle,
  Report,
} from '../../protocol/schema.ts';
import { dayMs, type Instant, toNumericDate } from '../../protocol/time.ts';
import { deviceLeafTopic, policyTopic } from '../../protocol/topics.ts';
import { makeSigningKey, type SigningKey, signDocument } from '../../server/edge/sign.ts';
import { clientAuth, type Issued, issue } from './issue.ts';

export type Group = {
  readonly id: string;
  readonly name: string;
  entries: Policy['certificates']['entries'];
  settings?: PolicySettings;
};

const authority = issue({ cn: 'Fleet CA', ca: true });
/** One that is not ours. */
const theirs = issue({ cn: 'Foreign CA', ca: true });
const codeMasterKey = createHash('sha256').update('published test key').digest();
const policyKey = makeSigningKey();
const strangerKey = makeSigningKey();
const nextKey = makeSigningKey();
const recoveryKey = makeSigningKey();
/** Made once: certificates cost more than everything else here. */
export const serverCertificates: readonly Issued[] = ['one', 'two', 'three', 'four'].map((cn) =>
  issue({ cn, by: authority, ips: [Buffer.from([127, 0, 0, 1])] }),
);
export const rdpRoot = issue({ cn: 'RDP root', ca: true });
export const logServer = issue({ cn: 'log.example', by: authority, dns: ['log.example'] });

/** Nothing set; locked is what is named. */
export function settingsWith(
  locked: readonly (keyof PolicySettings)[],
  values: Partial<PolicySettings> = {},
): PolicySettings {
  const lock = (name: keyof PolicySettings) => ({ enforced: locked.includes(name) });
  const setting = (name: keyof PolicySettings) => ({ ...lock(name), value: null });
  return {
    connection: lock('connection'),
    reset: lock('reset'),
    dateTime: lock('dateTime'),
    logServer: setting('logServer'),
    rdp: setting('rdp'),
    broker: setting('broker'),
    ...values,
  };
}

export const base64 = (issued: Issued | undefined): string => toBase64(issued?.der ?? Buffer.alloc(0));
export const print = (issued: Issued | undefined): string => fingerprintOf(issued?.der ?? Buffer.alloc(0));

export type Administration = ReturnType<typeof openAdministration>;
/** All a server knows. It refers to nothing outside itself, so `structuredClone` makes another one. */
type Knowledge = ReturnType<typeof freshKnowledge>;

function freshKnowledge() {
  const device = { id: '', name: 'thin-1', key: '', confirmed: false, chain: [] as string[] };
  /** Identities issued after the first, by their key; `seen` once it has made a contact. */
  const identities = new Map<string, { readonly chain: string[]; seen: boolean; readonly foreign?: true }>();
  const unassigned: Group = { id: randomUUID(), name: 'Unassigned', entries: [] };
  const office: Group = { id: randomUUID(), name: 'Office', entries: [] };
  const state = {
    main: 0,
    reserve: null as { index: number; activateAt: number } | null,
    group: unassigned,
    blocklist: [] as string[],
    reachable: true,
    mqttBlocked: false,
    /** The highest revision used, for each audience. */
    revisions: new Map<string, number>(),
    retained: new Map<string, string>(),
    report: null as Report | null,
    events: new Map<number, AuditEvent>(),
    /** Numbers that came twice with different content. */
    conflicts: [] as number[],
    presence: '',
    connection: null as number | null,
    /** Tickets not yet acknowledged, with what they carried. */
    unacknowledged: new Map<number, string>(),
    tickets: 0,
    passwordTries: 0,
    /** How long an identity lasts; null: until 2036. */
    identityDays: null as number | null,
    retired: false,
    /** The administrator has answered a code of a retired device. */
    readmits: false,
    /** Of the policies and of the device document. */
    renewBeforeDays: undefined as number | null | undefined,
    renewAt: undefined as number | null | undefined,
    /** Identities are renewed only by order. */
    byOrder: false,
    /** The other authority: whether it answers, and what it refuses with. */
    theirs: { reachable: true, refusal: null as FaultCode | null },
    /** Where policies send devices at their renewal. */
    enrolment: undefined as Policy['enrolment'] | undefined,
    /** Keys of certificates of the other authority that devices have announced. */
    announced: [] as string[],
    /** Mail and VPN certificates the device is told to have, and the keys that any of them ever had. */
    corporate: [] as NonNullable<DeviceDocument['certificates']>,
    corporateKeys: [] as string[],
    commands: [] as string[],
    commandSeq: 0,
    /** Whether policies allow rotation statements, and the changes of the certificate so far, by index. */
    rotation: false,
    /** Whether the next policy key signs, and key statements of check-in answers. */
    rolled: false,
    statements: [] as string[],
    changes: [] as { readonly from: number; readonly to: number }[],
  };
  return { serverId: randomUUID(), device, identities, unassigned, office, state };
}

export function openAdministration(now: () => Instant, knowledge: Knowledge = freshKnowledge()) {
  const { serverId, device, identities, unassigned, office, state } = knowledge;

  /** Contacts by an identity: SHA-256 of its leaf, and what for. Not part of what the server knows. */
  const contacts: { readonly fingerprint: string; readonly by: string; readonly at: number }[] = [];

  const nextRevision = (audience: string): number => {
    const rev = Math.max((state.revisions.get(audience) ?? 0) + 1, now());
    state.revisions.set(audience, rev);
    return rev;
  };
  const dates = () => ({ iat: toNumericDate(now()), refreshBefore: toNumericDate(now()) + 14 * 86400 });
  const sign = (type: DocumentType, payload: object, key: SigningKey = state.rolled ? nextKey : policyKey): string =>
    signDocument(type, key.keyPkcs8, key.publicKey, payload);
  const pins = () => ({
    main: base64(serverCertificates[state.main]),
    reserve: state.reserve && {
      certificate: base64(serverCertificates[state.reserve.index]),
      activateAt: state.reserve.activateAt,
    },
  });
  const addresses = { https: '127.0.0.1:443', mqtt: '127.0.0.1:8883' };
  const policyOf = (group: Group, more: object = {}) => {
    const aud = `${serverId}/group/${group.id}`;
    return {
      aud,
      rev: nextRevision(aud),
      ...dates(),
      format: 1,
      group: { id: group.id, name: group.name },
      server: pins(),
      addresses,
      certificates: { enforced: true, entries: group.entries },
      contacts: { enforced: true, value: { name: 'Service desk', phone: '+7 000 000-00-00', email: '', note: '' } },
      blocklist: state.blocklist,
      ...(group.settings && { settings: group.settings }),
      ...(state.renewBeforeDays !== undefined && { identity: { renewBeforeDays: state.renewBeforeDays } }),
      ...(state.byOrder && { identity: { renewBeforeDays: state.renewBeforeDays ?? 30, automatic: false } }),
      ...(state.enrolment && { enrolment: state.enrolment }),
      ...(state.rotation && { rotation: { allowed: true } }),
      ...more,
    };
  };
  /** Link `seq`, counted from 1; signed now. */
  const rotation = (seq: number, more: object = {}) => {
    const aud = `${serverId}/server`;
    const { from, to } = state.changes[seq - 1] ?? { from: 0, to: 0 };
    return {
      aud,
      rev: nextRevision(aud),
      ...dates(),
      format: 1,
      seq,
      from: print(serverCertificates[from]),
      to: base64(serverCertificates[to]),
      ...more,
    };
  };
  const rotationsFrom = (from: string): string[] => {
    const first = state.changes.findIndex((change) => print(serverCertificates[change.from]) === from);
    return first < 0 ? [] : state.changes.slice(first).map((_, index) => sign('rotation', rotation(first + index + 1)));
  };
  /** Signed by the recovery key. */
  const keyStatement = (more: object, key: SigningKey = recoveryKey): string => {
    const aud = `${serverId}/keys`;
    return sign('key', { aud, rev: nextRevision(aud), ...dates(), format: 1, add: null, revoke: null, ...more }, key);
  };
  const deviceDocument = (more: object = {}) => {
    const aud = `${serverId}/device/${device.id}`;
    return {
      aud,
      rev: nextRevision(aud),
      ...dates(),
      format: 1,
      name: device.name,
      group: state.group.id,
      managed: state.group !== unassigned,
      groupRev: state.revisions.get(`${serverId}/group/${state.group.id}`) ?? 0,
      secretGeneration: 1,
      ...(state.renewAt !== undefined && { identity: { renewAt: state.renewAt } }),
      ...(state.corporate.length > 0 && { certificates: state.corporate }),
      ...more,
    };
  };
  /** What a stick brings, by the recovery key where no other is named. */
  const repairFile = (more: object = {}, key: SigningKey = recoveryKey): string => {
    const aud = `${serverId}/repair`;
    const iat = toNumericDate(now());
    const dates = { iat, refreshBefore: iat + 30 * 86400 };
    return sign('repair', { aud, rev: nextRevision(aud), ...dates, format: 1, pins: pins(), addresses, ...more }, key);
  };
  const deliver = (topic: string): Happening[] => {
    const payload = state.retained.get(topic);
    return payload === undefined || state.connection === null ? [] : [deliverRaw(topic, payload)];
  };
  const deliverRaw = (topic: string, payload: string | Uint8Array): Happening => {
    const ticket = ++state.tickets;
    state.unacknowledged.set(ticket, topic);
    return { type: 'message', connection: state.connection ?? 0, ticket, topic, payload: Buffer.from(payload) };
  };
  const retain = (topic: string, payload: string): Happening[] => {
    state.retained.set(topic, payload);
    const subscribed = topic === policyTopic(state.group.id) || !topic.endsWith('/policy');
    return subscribed ? deliver(topic) : [];
  };
  const publishPolicies = (more: object = {}): Happening[] =>
    [unassigned, office].flatMap((group) => retain(policyTopic(group.id), sign('policy', policyOf(group, more))));

  const bundle = (): RegistrationBundle => ({
    format: 1,
    serverId,
    deviceId: device.id,
    deviceName: device.name,
    secret: Buffer.from(deriveSecret(codeMasterKey, device.id, 1)).toString('hex'),
    secretGeneration: 1,
    policyKeys: [policyKey.publicKey],
    recoveryKey: recoveryKey.publicKey,
    group: state.group.id,
    managed: state.group !== unassigned,
    pins: pins(),
    addresses,
    contacts: null,
  });
  const presented = (accept: readonly string[], orAuthority = false): string | null => {
    const main = serverCertificates[state.main];
    const known = accept.includes(print(main)) || (orAuthority && accept.includes(print(authority)));
    return known ? print(main) : null;
  };
  const newChain = (cn: string = device.id, by: Issued = authority): string[] => {
    const days = state.identityDays;
    const iso = (at: number): string => new Date(at).toISOString();
    // Whole seconds, as certificates have them.
    const from = Math.floor(now() / 1000) * 1000;
    const dates = days === null ? {} : { from: iso(from - 600_000), to: iso(from + days * dayMs) };
    return [base64(issue({ cn, by, eku: [clientAuth], ...dates })), base64(by)];
  };
  /** A contact by an identity: refused where it has ended. Renewal is not one of these. */
  const admit = (identity: Identity, by: string): Fault | null => {
    const leaf = leafOf(identity);
    if (!leaf) return fault('identity-refused');
    if (leaf.notAfter < now()) return fault(by === 'mqtt' ? 'identity-refused' : 'expired');
    if (state.retired) return fault(by === 'mqtt' ? 'identity-refused' : 'identity-retired');
    const next = identities.get(identity.key.sha256);
    if (next?.foreign && !state.announced.includes(identity.key.sha256)) return fault('identity-refused');
    if (next) next.seen = true;
    contacts.push({ fingerprint: leaf.fingerprint, by, at: now() });
    return null;
  };
  const issueNext = (key: string): string[] => {
    const known = identities.get(key);
    if (known && !known.seen) return known.chain;
    const chain = newChain();
    identities.set(key, { chain, seen: false });
    return chain;
  };
  /** The other authority; the same key gets the same certificate. */
  const issueThere = (key: string, subject: string): string[] | Fault => {
    if (!state.theirs.reachable) return fault('server-unreachable');
    if (state.theirs.refusal) return fault(state.theirs.refusal);
    const chain = identities.get(key)?.chain ?? newChain(subject, theirs);
    if (!identities.has(key)) identities.set(key, { chain, seen: false, foreign: true });
    return chain;
  };
  /** By the identity in use: from now on the next one is let in. */
  const announce = (by: Identity, next: Identity): Fault | null => {
    if (now() > (leafOf(by)?.notAfter ?? 0) + 30 * dayMs) state.retired = true;
    if (state.retired) return fault('identity-retired');
    const own = identities.get(by.key.sha256);
    if (own?.foreign && !state.announced.includes(by.key.sha256)) return fault('identity-refused');
    if (!state.announced.includes(next.key.sha256)) state.announced.push(next.key.sha256);
    return null;
  };
  const answerCall = (
    call: 'enrol' | 'fetch-bundle' | 'confirm-bundle' | 'renew' | 'enrol-again',
    fingerprint: string | null,
  ): Happening[] | null => {
    if (!state.reachable) return [{ type: 'call-failed', call, fault: fault('server-unreachable') }];
    return fingerprint ? null : [{ type: 'call-failed', call, fault: fault('fingerprint-mismatch') }];
  };

  /** Until a report covers them. */
  const uncounted = (): string[] =>
    state.commands.filter((jws) => {
      const payload = JSON.parse(Buffer.from(jws.split('.')[1] ?? '', 'base64url').toString());
      return payload.seq > (state.report?.applied.command ?? 0);
    });

  const keep = (event: AuditEvent): void => {
    const known = state.events.get(event.seq);
    if (known && JSON.stringify(known) !== JSON.stringify(event)) state.conflicts.push(event.seq);
    state.events.set(event.seq, event);
  };

  /** The network effects; null for those that are not the network's. */
  const perform = (effect: Effect): Happening[] | null => {
    switch (effect.do) {
      case 'enrol': {
        const { enrolment } = effect.order;
        if (enrolment) {
          const chain = issueThere(effect.key.sha256, enrolment.subject);
          if ('code' in chain) return [{ type: 'call-failed', call: 'enrol', fault: chain }];
          if (device.key !== effect.key.sha256) {
            Object.assign(device, { id: randomUUID(), key: effect.key.sha256, chain });
            // By the invitation, when the bundle is fetched.
            state.announced.push(effect.key.sha256);
            retain(deviceLeafTopic(device.id, 'device'), sign('device', deviceDocument()));
          }
          return [{ type: 'enrolled', chain }];
        }
        const failed = answerCall('enrol', presented([effect.order.fingerprint], true));
        if (failed) return failed;
        const sameKey = device.key === effect.key.sha256;
        const spent = device.key !== '' && (!sameKey || device.confirmed);
        if (effect.order.password !== 'right' || spent)
          return [{ type: 'call-failed', call: 'enrol', fault: fault('invitation-refused') }];
        if (!sameKey) {
          device.id = randomUUID();
          device.key = effect.key.sha256;
          device.chain = newChain();
          retain(deviceLeafTopic(device.id, 'device'), sign('device', deviceDocument()));
        }
        return [{ type: 'enrolled', chain: device.chain }];
      }
      case 'fetch-bundle': {
        const failed = answerCall('fetch-bundle', presented(effect.accept, true));
        return failed ?? [{ type: 'bundle-fetched', bytes: Buffer.from(JSON.stringify(bundle())) }];
      }
      case 'confirm-bundle': {
        const failed = answerCall('confirm-bundle', presented(effect.accept));
        if (failed) return failed;
        device.confirmed = true;
        return [{ type: 'bundle-confirmed' }];
      }
      case 'renew': {
        if (effect.elsewhere) {
          const chain = issueThere(effect.key.sha256, effect.elsewhere.enrolment.subject);
          if ('code' in chain) return [{ type: 'call-failed', call: 'renew', fault: chain }];
          return [{ type: 'renewed', key: effect.key, chain }];
        }
        if (!state.reachable) return answerCall('renew', null);
        const fingerprint = presented(effect.accept);
        if (!fingerprint) return [{ type: 'presented', der: base64(serverCertificates[state.main]), call: 'renew' }];
        if (now() > (leafOf(effect.identity)?.notAfter ?? 0) + 30 * dayMs) state.retired = true;
        if (state.retired) return [{ type: 'call-failed', call: 'renew', fault: fault('identity-retired') }];
        return [{ type: 'renewed', key: effect.key, chain: issueNext(effect.key.sha256) }];
      }
      case 'enrol-again': {
        if (!state.reachable) return answerCall('enrol-again', null);
        const fingerprint = presented(effect.accept);
        if (!fingerprint)
          return [{ type: 'presented', der: base64(serverCertificates[state.main]), call: 'enrol-again' }];
        const again = identities.get(effect.key.sha256);
        if (!state.readmits && (!again || again.seen))
          return [{ type: 'call-failed', call: 'enrol-again', fault: fault('invitation-refused') }];
        Object.assign(state, { readmits: false, retired: false });
        return [{ type: 'renewed', key: effect.key, chain: issueNext(effect.key.sha256) }];
      }
      case 'fetch-corporate': {
        const { id, order } = effect;
        const named = state.corporate.some((each) => each.id === id && each.order === order);
        const why = state.reachable ? (named ? null : fault('not-found')) : fault('server-unreachable');
        if (why) return [{ type: 'call-failed', call: 'fetch-corporate', fault: why }];
        return [
          { type: 'corporate-fetched', id, order, key: { kind: 'file', sha256: '' }, chain: newChain('somebody') },
        ];
      }
      case 'fetch-rotations': {
        if (!state.reachable)
          return [{ type: 'call-failed', call: 'fetch-rotations', fault: fault('server-unreachable') }];
        const statements = rotationsFrom(effect.from);
        return [{ type: 'rotations-fetched', bytes: Buffer.from(JSON.stringify({ format: 1, statements })) }];
      }
      case 'connect': {
        const { connection } = effect;
        if (!state.reachable || state.mqttBlocked)
          return [{ type: 'closed', connection, fault: fault('server-unreachable') }];
        const fingerprint = presented(effect.accept);
        if (!fingerprint) return [{ type: 'presented', der: base64(serverCertificates[state.main]) }];
        const refused = admit(effect.identity, 'mqtt');
        if (refused) return [{ type: 'closed', connection, fault: refused }];
        state.connection = connection;
        state.unacknowledged.clear();
        const allowed = effect.topics.filter(
          (topic) => !topic.endsWith('/policy') || topic === policyTopic(state.group.id),
        );
        const commands = uncounted().map((jws) => deliverRaw(deviceLeafTopic(device.id, 'command'), jws));
        return [{ type: 'connected', connection, fingerprint }, ...allowed.flatMap(deliver), ...commands];
      }
      case 'disconnect':
        if (state.connection === effect.connection) state.connection = null;
        return [];
      case 'acknowledge':
        state.unacknowledged.delete(effect.ticket);
        return [];
      case 'publish': {
        if (effect.connection !== state.connection) return [];
        const body = JSON.parse(effect.payload);
        if (effect.topic.endsWith('/report')) state.report = body;
        if (effect.topic.endsWith('/presence')) state.presence = body.at;
        if (effect.topic.endsWith('/event')) keep(body);
        return [{ type: 'published', connection: effect.connection, token: effect.token }];
      }
      case 'prove':
      case 'checkin': {
        const { do: call } = effect;
        if (!state.reachable) return [{ type: 'call-failed', call, fault: fault('server-unreachable') }];
        const fingerprint = presented(effect.accept);
        if (!fingerprint)
          return [
            {
              type: 'presented',
              der: base64(serverCertificates[state.main]),
              ...(call === 'prove' && { call }),
            },
          ];
        const by = effect.announcedBy;
        const refused = (by && announce(by, effect.identity)) ?? admit(effect.identity, call);
        if (refused) return [{ type: 'call-failed', call, fault: refused }];
        const body = JSON.parse(effect.body);
        state.report = body.report;
        for (const event of body.events) keep(event);
        const answer = {
          format: 1,
          policy: state.retained.get(policyTopic(state.group.id)) ?? null,
          device: state.retained.get(deviceLeafTopic(device.id, 'device')) ?? null,
          commands: uncounted(),
          time: signTime(body.nonce),
          acknowledged: Math.max(0, ...state.events.keys()),
          ...(state.statements.length > 0 && { keys: state.statements }),
        };
        const type = call === 'prove' ? 'proven' : 'checked-in';
        return [{ type, fingerprint, bytes: Buffer.from(JSON.stringify(answer)) }];
      }
      default:
        return null;
    }
  };
  const signTime = (nonce: string, time: number = now()): string =>
    sign('time', { aud: `${serverId}/device/${device.id}`, rev: 1, ...dates(), format: 1, nonce, time });

  return {
    knowledge,
    contacts,
    identities,
    state,
    device,
    office,
    unassigned,
    serverId,
    keys: { policy: policyKey, next: nextKey, recovery: recoveryKey, stranger: strangerKey },
    keyStatement,
    perform,
    sign,
    policyOf,
    rotation,
    rotationsFrom,
    /** The main certificate becomes another one; nobody is told. */
    changeTo: (to: number): void => {
      state.changes.push({ from: state.main, to });
      state.main = to;
    },
    deviceDocument,
    repairFile,
    deliverRaw,
    publishPolicies,
    moveTo: (group: Group): Happening[] => {
      state.group = group;
      return retain(deviceLeafTopic(device.id, 'device'), sign('device', deviceDocument()));
    },
    /** A signed command, as it lies on the topic. */
    commandOf: (what: string): string =>
      sign('command', {
        aud: `${serverId}/device/${device.id}`,
        rev: nextRevision(`${serverId}/device/${device.id}`),
        ...dates(),
        format: 1,
        seq: ++state.commandSeq,
        expires: toNumericDate(now()) + 86400,
        command: { do: what },
      }),
    /** What `thintrust-server code` answers. */
    answerCode: (shown: string): string => {
      const confirmation = parseConfirmation(shown);
      if (!confirmation.ok) throw new Error(`not a confirmation code: ${shown}`);
      if (confirmation.value.action === 1) state.readmits = true;
      return makeReplacement({
        secret: deriveSecret(codeMasterKey, device.id, 1),
        deviceId: device.id,
        question: confirmation.value.question,
        certificateDer: confirmation.value.action === 1 ? (serverCertificates[state.main]?.der ?? null) : null,
      });
    },
  };
}
