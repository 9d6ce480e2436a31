/** What the agent tells others about itself: the console's status, the server's report, the consumers' exports. */
import { fromBase64, parseCertificate, viewCertificate } from '../../protocol/certificate.ts';
import { type Fault, fault } from '../../protocol/fault.ts';
import { thumbprint } from '../../protocol/jws.ts';
import { maxCorporate } from '../../protocol/limits.ts';
import type { CertificateView, Status } from '../../protocol/local.ts';
import type { Report } from '../../protocol/schema.ts';
import { instant } from '../../protocol/time.ts';
import { confirmationOf, live, lockedForMs, triesLeft } from './codes.ts';
import { type Held, isStale, signedAt } from './documents.ts';
import type { Durable, LocalEntry } from './durable.ts';

import { logOf } from './forward-line.ts';
import { identityFault, identityView, leafOf } from './identity.ts';
import { addressesOf, isManaged } from './membership.ts';

import { heldPins } from './pin.ts';
import { isClosed, isRevoked } from './rules.ts';
import { sessionOf } from './session.ts';
import { operationOf, settingsOf } from './settings.ts';
import type { Exported, Now } from './shape.ts';
import { blocklistOf, clockOf, poweredOf, type State } from './state.ts';

const accepts = ['policy/1', 'device/1', 'command/1', 'time/1', 'repair/1', 'corporate/1'];
const maxFaults = 64;
const maxReported = 2 * maxCorporate;

/** The store: what is trusted for what, and where it came from. Derived, so it cannot disagree with the signed policy. */
export function certificatesOf(durable: Durable, held: Held): readonly CertificateView[] {
  const pins = durable.pins ? heldPins(durable.pins) : [];
  const server = pins.map(({ slot, pin, certificate }) =>
    viewCertificate(certificate, { purpose: 'ksc', source: pin.source, file: '', slot, addedAt: pin.addedAt }),
  );
  const policy = held.policy;
  const pushed = (policy?.certificates ?? []).flatMap((certificate, index) => {
    const entry = policy?.policy.certificates.entries[index];
    if (!policy || !entry) return [];
    const addedAt = signedAt(policy.policy);
    const { purpose, file } = entry;
    return [viewCertificate(certificate, { purpose, source: 'policy', file, slot: null, addedAt })];
  });
  return [...server, ...pushed, ...durable.local.flatMap(viewLocal)];
}

/** Consumers know nothing of servers and of lists: what was accepted for one server alone is not for them, nor what was revoked. */
export function exportsOf(durable: Durable, held: Held): readonly Exported[] {
  const pins = durable.pins ? heldPins(durable.pins) : [];
  const blocked = new Set(held.policy?.policy.blocklist ?? []);
  const server = pins.map(({ pin, certificate }) => ({
    purpose: 'ksc' as const,
    source: pin.source,
    fingerprint: certificate.fingerprint as string,
    der: pin.der,
  }));
  const pushed = (held.policy?.certificates ?? []).flatMap((certificate, index) => {
    const entry = held.policy?.policy.certificates.entries[index];
    if (!entry || isRevoked({ held }, entry.purpose, certificate.fingerprint)) return [];
    const { purpose, certificate: der } = entry;
    return [{ purpose, source: 'policy' as const, fingerprint: certificate.fingerprint as string, der }];
  });
  const local = durable.local.flatMap((entry) => {
    const parsed = parseCertificate(fromBase64(entry.der));
    if (!parsed.ok || entry.server !== null) return [];
    return [
      { purpose: entry.purpose, source: entry.source, fingerprint: parsed.value.fingerprint as string, der: entry.der },
    ];
  });
  const counted = isClosed(durable, held) ? [] : local;
  return [...server, ...pushed, ...counted].filter((each) => !blocked.has(each.fingerprint));
}

function faultsOf(state: State, now: Now): Fault[] {
  const clock = clockOf(state, now);
  const policy = state.held.policy?.policy;
  const standing = Object.values(state.faults);
  if (clock.at === 'unknown') standing.push(fault('clock-unknown', { floor: clock.floor }));
  const identity = identityFault(state, now);
  if (identity) standing.push(identity);
  if (policy && isStale(policy, clock)) standing.push(fault('policy-stale', { refreshBefore: policy.refreshBefore }));
  return standing.slice(0, maxFaults);
}

export function reportOf(state: State, now: Now): Report | null {
  const { registration, pins } = state.durable;
  if (registration.at !== 'registered') return null;
  const clock = clockOf(state, now);
  const slots = new Map((pins ? heldPins(pins) : []).map((held) => [held.slot, held.certificate.fingerprint]));
  const leaf = leafOf(registration.identity);
  const current = slots.get('current');
  return {
    format: 1,
    device: registration.bundle.deviceId,
    at: clock.now,
    applied: {
      group: state.held.policy?.policy.group.id ?? null,
      policy: state.held.policy?.policy.rev ?? 0,
      device: state.held.device?.device.rev ?? 0,
      command: state.counters.commandSeq,
    },
    certificates: state.views.map(({ fingerprint, purpose, source }) => ({ fingerprint, purpose, source })),
    pins: current ? { current, reserve: slots.get('reserve') ?? null, previous: slots.get('previous') ?? null } : null,
    identity: leaf && { fingerprint: leaf.fingerprint, notAfter: leaf.notAfter },
    clock: { at: clock.at, floor: clock.floor },
    codes: { tries: state.counters.tries, lockedForMs: Math.ceil(lockedForMs(state.counters, poweredOf(state, now))) },
    faults: faultsOf(state, now),
    versions: state.versions,
    accepts,
    newer: state.newer.slice(0, 2),
    policyKeys: registration.policyKeys.map(thumbprint),
    corporate: corporateOf(state.durable),
  };
}

const corporateOf = ({ corporate = [] }: Durable): NonNullable<Report['corporate']> =>
  corporate.slice(-maxReported).flatMap(({ id, type, alias, order, identity }) => {
    const leaf = leafOf(identity);
    return leaf ? [{ id, type, alias, order, fingerprint: leaf.fingerprint, notAfter: leaf.notAfter }] : [];
  });

export function statusOf(state: State, now: Now): Status {
  const { registration } = state.durable;
  const clock = clockOf(state, now);
  const policy = state.held.policy?.policy ?? null;
  const bundle = registration.at === 'registered' ? registration.bundle : null;
  const name = state.held.device?.device.name ?? bundle?.deviceName ?? '';
  return {
    version: state.versions.agent,
    at: standing(state),
    device: bundle && {
      id: bundle.deviceId,
      name,
      group: policy?.group.name ?? '',
      managed: isManaged(state.durable, state.held),
    },
    server: addressesOf(state.durable, state.held),
    link: {
      at: state.link.at === 'calling' ? 'connecting' : state.link.at,
      since: state.link.since,
      retryInMs: state.link.at === 'waiting' ? Math.max(0, Math.ceil(state.link.untilMs - now.uptimeMs)) : null,
      fault: state.faults.link ?? null,
    },
    clock,
    policy: policy && { rev: policy.rev, iat: signedAt(policy), stale: isStale(policy, clock) },
    identity: identityView(state, now),
    replacement: replacementOf(state, now),
    contacts: policy?.contacts.value ?? bundle?.contacts ?? null,
    certificates: [...state.views],
    blocked: blockedOf(state),
    mayAdd: !isClosed(state.durable, state.held),
    revocation: revocationOf(state),
    settings: settingsOf(state.durable, state.held),
    operation: operationOf(state, now),
    session: sessionOf(state),
    log: logOf(state.forwarding),
    repair: state.offered,
    faults: faultsOf(state, now),
  };
}

function replacementOf(state: State, now: Now): Status['replacement'] {
  const { registration } = state.durable;
  const powered = poweredOf(state, now);
  if (clockOf(state, now).at === 'unknown') return null;
  const request = live(state.durable.requests, powered).findLast((each) => each.action === 1);
  if (registration.at !== 'registered' || !request?.certificate) return null;
  const presented = parseCertificate(fromBase64(request.certificate));
  const { pins } = state.durable;
  const held = [pins?.current, pins?.reserve].some((pin) => pin?.der === request.certificate);
  if (!presented.ok) return null;
  const { deviceId, secret } = registration.bundle;
  return {
    confirmationCode: confirmationOf(request, { deviceId, secretHex: secret }),
    presented: viewCertificate(presented.value, {
      purpose: 'ksc',
      source: 'replacement',
      file: '',
      slot: null,
      addedAt: instant(0),
    }),
    about: registration.standing === 'retired' && held ? 'device' : 'server',
    lockedForMs: Math.ceil(lockedForMs(state.counters, powered)),
    triesLeft: triesLeft(state.counters),
  };
}

function blockedOf(state: State): string[] {
  const blocked = new Set(blocklistOf(state));
  return [...new Set(state.views.map(({ fingerprint }) => fingerprint))].filter((each) => blocked.has(each));
}

function revocationOf({ held: { policy } }: State): Status['revocation'] {
  const said = policy?.policy.revocation;
  if (!policy || !said) return null;
  const { rdp, broker, log } = said;
  const lists = policy.lists.map(({ owner, thisUpdate, nextUpdate }) => ({ issuer: owner, thisUpdate, nextUpdate }));
  return { modes: { rdp, broker, log }, lists, revoked: [...policy.revoked] };
}

function standing(state: State): Status['at'] {
  if (state.at === 'broken') return 'broken';
  const { registration } = state.durable;
  if (registration.at === 'unregistered') return 'unregistered';
  return registration.at === 'registered' && registration.confirmed ? 'registered' : 'registering';
}

function viewLocal(entry: LocalEntry): readonly CertificateView[] {
  const parsed = parseCertificate(fromBase64(entry.der));
  if (!parsed.ok) return [];
  const { purpose, source, file, server, addedAt } = entry;
  return [viewCertificate(parsed.value, { purpose, source, file, server, slot: null, addedAt })];
}
