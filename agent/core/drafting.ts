/** What a batch of documents from the server would change: signatures, audience, revision and certificates are judged here. */
import { fromBase64, parseCertificate } from '../../protocol/certificate.ts';
import { type Fault, type FaultCode, fault, type Result } from '../../protocol/fault.ts';
import { fromNumericDate } from '../../protocol/time.ts';
import { withAliases } from './corporate.ts';
import {
  type Admission,
  type Audience,
  admitDevice,
  admitPolicy,
  openCommand,
  openDevice,
  openPolicy,
  raisedBy,
  type Situation,
  signedAt,
} from './documents.ts';
import type { Counters, Durable } from './durable.ts';
import { toldOf } from './entries.ts';
import { withNext } from './identity.ts';
import { toldOf as toldKeys, withAnnounced } from './keys.ts';
import type { Awaited } from './link.ts';
import { formerOf, isManaged } from './membership.ts';
import { afterPolicy, wouldStrand } from './pin.ts';
import type { Now } from './shape.ts';
import { type AuditDraft, audienceOf, clockOf, type State } from './state.ts';

export type Kind = 'policy' | 'device' | 'command';

/** What a batch of documents would change; nothing is in effect before it is durable. */
export type Draft = {
  readonly durable: Durable;
  readonly held: State['held'];
  readonly waiting: State['waiting'];
  readonly counters: Counters;
  readonly newer: readonly string[];
  readonly audit: readonly AuditDraft[];
  readonly fault: Fault | null;
  /** What a document of ours came for, even if we already had it or cannot use it. */
  readonly heard: readonly Awaited[];
  readonly changed: boolean;
  /** Nothing of before stays on the disk. */
  readonly forget: boolean;
};

export const draftOf = (state: State): Draft => ({
  durable: state.durable,
  held: state.held,
  waiting: state.waiting,
  counters: state.counters,
  newer: state.newer,
  audit: [],
  fault: null,
  heard: [],
  changed: false,
  forget: false,
});

/** One document into a draft. */
export function take(draft: Draft, state: State, kind: Kind, jws: string, now: Now): Draft {
  const audience = audienceOf(draft.durable);
  if (!audience) return draft;
  if (kind === 'command') return takeCommand(draft, state, audience, jws, now);
  const admitted =
    kind === 'policy' ? admit(draft, state, now, audience, jws) : admitOwn(draft, state, now, audience, jws);
  const heard = admitted.ok || !forged.has(admitted.fault.code) ? [...draft.heard, kind] : draft.heard;
  if (!admitted.ok) return { ...draft, heard, fault: admitted.fault };
  const admission = admitted.value;
  if (admission.at === 'replay') {
    if (!admission.newer || draft.newer.includes(admission.newer)) return { ...draft, heard };
    // No fault that stands: two carriers may cross. It is on record once for what we hold.
    const told: AuditDraft = { event: 'document-refused', facts: { code: 'replayed', what: kind } };
    return { ...draft, newer: [...draft.newer, admission.newer], audit: [...draft.audit, told], heard };
  }
  if (admission.at === 'apply') return apply({ ...draft, heard }, state, admission.held, now);
  if (admission.device === draft.waiting) return { ...draft, heard };
  const { device, jws: waiting } = admission.device;
  const durable = { ...draft.durable, waiting };
  const counters = raisedBy(draft.counters, [device]);
  return { ...draft, durable, counters, waiting: admission.device, heard, changed: true };
}

/** Faults of what anybody could have sent: it says nothing about whether the server's documents reach us. */
const forged: ReadonlySet<FaultCode> = new Set([
  'too-large',
  'bad-shape',
  'wrong-type',
  'wrong-audience',
  'unknown-key',
  'bad-signature',
]);

function apply(draft: Draft, state: State, held: State['held'], now: Now): Draft {
  const clock = clockOf(state, now);
  const policy = held.policy?.policy;
  const { pins } = draft.durable;
  const changedPolicy = held.policy !== draft.held.policy;
  const slots = pins && policy && changedPolicy ? afterPolicy(pins, policy.server, signedAt(policy)) : pins;
  if (slots && policy && changedPolicy && wouldStrand(slots, policy.blocklist, clock))
    return { ...draft, fault: fault('would-strand') };
  const documents = [policy, held.device?.device].filter((each) => each !== undefined);
  const assigns = (policy?.certificates.entries.length ?? 0) > 0;
  const purge = isManaged(draft.durable, held) || assigns;
  const local = purge ? draft.durable.local.filter((entry) => entry.source !== 'manual') : draft.durable.local;
  const locks = isManaged(draft.durable, held) && policy?.settings?.connection.enforced === true;
  // A newer device document is the one that waited, or takes its place.
  const waiting = held.device === draft.held.device ? draft.waiting : null;
  const { registration } = draft.durable;
  const keys = registration.at === 'registered' ? registration.policyKeys : [];
  const policyKeys = changedPolicy ? withAnnounced(keys, policy?.nextKey) : keys;
  const durable: Durable = {
    ...draft.durable,
    registration:
      registration.at === 'registered' && policyKeys !== keys ? { ...registration, policyKeys } : registration,
    pins: slots,
    policy: held.policy?.jws ?? null,
    device: held.device?.jws ?? null,
    waiting: waiting?.jws ?? null,
    local,
    connection: changedPolicy && locks ? null : draft.durable.connection,
    repaired: changedPolicy ? withoutAddresses(draft.durable.repaired) : draft.durable.repaired,
  };
  return {
    ...draft,
    durable: withAliases(
      { ...durable, former: formerOf(draft.durable, draft.held, durable, held) },
      held.device?.device,
    ),
    held,
    waiting,
    counters: raisedBy(draft.counters, documents),
    newer: [],
    audit: [...draft.audit, ...changesOf(draft, held, slots, local), ...toldKeys(keys, policyKeys)],
    changed: true,
  };
}

const withoutAddresses = (repaired: Durable['repaired']): Durable['repaired'] =>
  repaired && { ...repaired, addresses: null };

function changesOf(draft: Draft, held: State['held'], slots: Durable['pins'], local: Durable['local']): AuditDraft[] {
  const found: AuditDraft[] = [];
  const purged = draft.durable.local.filter((entry) => !local.includes(entry));
  const before = new Set(draft.held.policy?.certificates.map((each) => each.fingerprint));
  const after = new Set(held.policy?.certificates.map((each) => each.fingerprint));
  const added = [...after].filter((each) => !before.has(each)).length;
  const removed = [...before].filter((each) => !after.has(each)).length + purged.length;
  const policy = held.policy?.policy;
  if (policy && held.policy !== draft.held.policy)
    found.push({ event: 'policy-applied', facts: { rev: policy.rev, group: policy.group.id, added, removed } });
  if (held.device && held.device !== draft.held.device)
    found.push({
      event: 'device-document-applied',
      facts: { rev: held.device.device.rev, group: held.device.device.group },
    });
  found.push(...purged.map((entry) => toldOf('certificate-removed', entry)));
  const reserve = slots?.reserve?.der;
  if (reserve && reserve !== draft.durable.pins?.reserve?.der) {
    const parsed = parseCertificate(fromBase64(reserve));
    found.push({ event: 'reserve-received', facts: { fingerprint: parsed.ok ? parsed.value.fingerprint : '' } });
  }
  return found;
}

const situationOf = (draft: Draft): Situation => ({
  held: draft.held,
  waiting: draft.waiting,
  highest: draft.counters.highest,
  group: draft.durable.registration.at === 'registered' ? draft.durable.registration.bundle.group : '',
});

function admit(draft: Draft, state: State, now: Now, audience: Audience, jws: string): Result<Admission> {
  const opened = openPolicy(jws, audience, clockOf(state, now), draft.held.policy);
  return opened.ok ? admitPolicy(situationOf(draft), opened.value) : opened;
}

function admitOwn(draft: Draft, state: State, now: Now, audience: Audience, jws: string): Result<Admission> {
  const opened = openDevice(jws, audience, clockOf(state, now));
  return opened.ok ? admitDevice(situationOf(draft), opened.value) : opened;
}

/** Commands rise by number, expire, and are never run by a clock we do not trust. */
function takeCommand(draft: Draft, state: State, audience: Audience, jws: string, now: Now): Draft {
  const clock = clockOf(state, now);
  const opened = openCommand(jws, audience, clock);
  if (!opened.ok) return { ...draft, fault: opened.fault };
  const { seq, expires, command } = opened.value;
  if (seq <= draft.counters.commandSeq) return draft;
  if (clock.at === 'unknown') return { ...draft, fault: fault('clock-unknown', { command: command.do }) };
  const counters = { ...draft.counters, commandSeq: seq };
  if (clock.now > fromNumericDate(expires))
    return { ...draft, counters, fault: fault('command-expired', { command: command.do }) };
  const told = { ...draft, counters, audit: [...draft.audit, { event: 'command', facts: { do: command.do } }] };
  if (command.do === 'report') return told;
  if (command.do === 'wipe') return wipe(told);
  if (command.do !== 'renew') return { ...draft, counters, fault: fault('bad-argument', { command: command.do }) };
  const { registration } = draft.durable;
  // Durable, since it is acknowledged. What is on its way already is what the administrator wants.
  if (registration.at !== 'registered' || registration.next !== null) return told;
  return { ...told, durable: withNext(draft.durable, { at: 'wanted' }), changed: true };
}

/** Corporate data goes with its keys, also from older generations; the connection to the server stays. */
function wipe(draft: Draft): Draft {
  const { corporate = [] } = draft.durable;
  const audit: AuditDraft = { event: 'corporate-data-wiped', facts: { certificates: corporate.length } };
  return {
    ...draft,
    durable: { ...draft.durable, corporate: [] },
    audit: [...draft.audit, audit],
    changed: true,
    forget: true,
  };
}
