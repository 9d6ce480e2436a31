/** A fleet in memory, for tests of the carriers: it knows what it is told and remembers what came. */
import { randomUUID } from 'node:crypto';
import { bad, good, type Result } from '../../protocol/fault.ts';
import type { CheckinAnswer, RegistrationBundle } from '../../protocol/schema.ts';
import type { Enrolment, Fleet, RenewalProof } from '../../server/core/ports.ts';
import type { Revoked } from '../../server/edge/authority.ts';
import { now, type TestDevice } from './identities.ts';

export type Received = { readonly device: string; readonly leaf: string; readonly payload: Uint8Array };
export type FakeFleet = Fleet & {
  readonly add: (device: TestDevice, group: string) => void;
  readonly move: (device: string, group: string) => void;
  readonly remove: (device: string) => void;
  /** Certificates of removed devices, for a revocation list. */
  readonly removed: () => readonly Revoked[];
  /** From now on this answers `groupOf`. */
  readonly holdGroupOf: (answer: Fleet['groupOf']) => void;
  readonly received: Received[];
  readonly confirmed: string[];
  readonly enrolments: Enrolment[];
  readonly renewals: RenewalProof[];
  readonly refusals: string[];
  /** What `receive` answers; good until told otherwise. */
  readonly answers: {
    receive: Result<null>;
    enrol: Result<readonly Uint8Array[]>;
    /** Null lets everybody renew. */
    mayRenew: Result<string> | null;
    renew: Result<readonly Uint8Array[]>;
    bind: Result<string>;
    checkin: (() => Promise<never>) | null;
  };
  /** Resolves when something that fits has been received. */
  readonly arrival: (fits: (received: Received) => boolean) => Promise<Received>;
};

export function fakeFleet(authorities: readonly Uint8Array[]): FakeFleet {
  const devices = new Map<string, { readonly id: string; readonly group: string }>();
  const bySerial = new Map<string, string>();
  const received: Received[] = [];
  const waiting = new Set<(arrived: Received) => void>();
  const confirmed: string[] = [];
  const enrolments: Enrolment[] = [];
  const renewals: RenewalProof[] = [];
  const refusals: string[] = [];
  let groupOf: Fleet['groupOf'] = async (device) => devices.get(device)?.group ?? null;
  const answers: FakeFleet['answers'] = {
    receive: good(null),
    enrol: bad('invitation-refused'),
    mayRenew: null,
    renew: bad('csr-refused'),
    bind: bad('invitation-refused'),
    checkin: null,
  };
  return {
    received,
    confirmed,
    enrolments,
    renewals,
    refusals,
    answers,
    add: (device, group) => {
      devices.set(device.id, { id: device.id, group });
      bySerial.set(`${device.issuer} ${device.serial}`, device.id);
    },
    move: (id, group) => devices.set(id, { id, group }),
    remove: (id) => devices.delete(id),
    removed: () =>
      [...bySerial].flatMap(([name, id]) =>
        devices.has(id) ? [] : [{ serial: name.slice(name.lastIndexOf(' ') + 1), at: now() }],
      ),
    arrival: (fits) =>
      new Promise((resolve) => {
        const seen = received.find(fits);
        if (seen) return resolve(seen);
        const check = (arrived: Received) => {
          if (!fits(arrived)) return;
          waiting.delete(check);
          resolve(arrived);
        };
        waiting.add(check);
      }),
    authorities: async () => authorities,
    enrol: async (request) => {
      enrolments.push(request);
      return answers.enrol;
    },
    deviceOf: async (proof) => {
      const id = bySerial.get(`${proof.issuer} ${proof.serial}`);
      return id && devices.has(id) ? good(id) : bad('identity-refused');
    },
    mayRenew: async (proof) => {
      renewals.push(proof);
      return answers.mayRenew ?? good(proof.commonName);
    },
    renew: async () => answers.renew,
    follow: async () => bad('identity-refused'),
    enrolmentSecret: async () => bad('not-found'),
    revocations: async () => [{ authority: '', der: Uint8Array.of(0x30, 0) }],
    bind: async () => answers.bind,
    bundle: async (device) => good(bundleOf(device)),
    confirm: async (device) => {
      confirmed.push(device);
      return good(null);
    },
    certificate: async () => bad('not-found'),
    rotations: async (from) => (from === known ? good({ format: 1, statements: ['a.b.c'] }) : bad('not-found')),
    checkin: async (_device, { events }) => {
      if (answers.checkin) await answers.checkin();
      return good({ ...nothing, acknowledged: events.at(-1)?.seq ?? 0 });
    },
    receive: async (device, leaf, payload) => {
      const arrived = { device, leaf, payload: Buffer.from(payload) };
      if (answers.receive.ok) received.push(arrived);
      for (const check of [...waiting]) check(arrived);
      return answers.receive;
    },
    refused: async (device, what, why) => {
      refusals.push(`${device ?? 'stranger'}: ${what}: ${why.code}`);
    },
    groupOf: (device) => groupOf(device),
    holdGroupOf: (answer) => {
      groupOf = answer;
    },
  };
}

/** The one fingerprint that statements lead on from. */
export const known = 'c0'.repeat(32);

const nothing: CheckinAnswer = { format: 1, policy: null, device: null, commands: [], time: 'a.b.c', acknowledged: 0 };

function bundleOf(deviceId: string): RegistrationBundle {
  const key = { kty: 'EC', crv: 'P-256', x: 'x', y: 'y' } as const;
  return {
    format: 1,
    serverId: randomUUID(),
    deviceId,
    deviceName: 'thin client 1',
    secret: '00'.repeat(32),
    secretGeneration: 1,
    policyKeys: [key],
    recoveryKey: key,
    group: randomUUID(),
    managed: true,
    pins: { main: 'MAo=', reserve: null },
    addresses: { https: '127.0.0.1:1', mqtt: '127.0.0.1:2' },
    contacts: null,
  };
}
