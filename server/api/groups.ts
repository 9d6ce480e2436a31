/** Groups and their policies as the API shows them. Instants are epoch milliseconds. */
import { type Static, type TSchema, Type } from '@sinclair/typebox';
import { policySettings } from '../../protocol/schema.ts';
import type { Settings } from '../core/policy.ts';
import { instant, nullable, oneOf } from './list.ts';

const count = Type.Integer({ minimum: 0 });
export const purposes = ['rdp', 'broker', 'log'] as const;
const purpose = oneOf(purposes);
const kind = oneOf(['ordinary', 'unassigned', 'recovered']);
const mode = oneOf(['off', 'soft', 'hard']);

export const groupRef = Type.Object({ id: Type.String(), name: Type.String() });
export type GroupRef = Static<typeof groupRef>;

export const groupView = Type.Object({
  id: Type.String(),
  name: Type.String(),
  parent: nullable(Type.String()),
  kind,
  /** From the root of the tree. */
  path: Type.String(),
  devices: count,
  /** Fields of the names of its devices, where it has a rule of its own. */
  naming: nullable(Type.Array(Type.String())),
});
export type GroupView = Static<typeof groupView>;

/** What a group says of a block, what devices of it get, and whose word that is. */
const blockOf = <S extends TSchema>(value: S) =>
  Type.Object({
    /** Null: the group says nothing of it. */
    own: nullable(value),
    /** The group locks it for those below it, and for its devices. */
    enforced: Type.Boolean(),
    effective: nullable(value),
    /** The group that `effective` is set in; null where nobody sets it. */
    from: nullable(groupRef),
    /** A group above that locks it: it cannot be changed here. */
    lockedBy: nullable(groupRef),
  });
export type BlockOf<T> = {
  own: T | null;
  enforced: boolean;
  effective: T | null;
  from: GroupRef | null;
  lockedBy: GroupRef | null;
};
const lock = Type.Object({ enforced: Type.Boolean(), lockedBy: nullable(groupRef) });
const contacts = Type.Object({ name: Type.String(), phone: Type.String(), email: Type.String(), note: Type.String() });
/** Null days: the longest window. */
const renewal = Type.Object({ renewBeforeDays: nullable(Type.Integer()) });
const modes = Type.Object({ rdp: mode, broker: mode, log: mode });

/** How far the latest policies of a group and those below it have come. */
export const delivery = Type.Object({
  rev: Type.Integer(),
  signedAt: instant,
  /** Devices that can connect, of the group and of those below it. */
  devices: count,
  /** Those among them that report to have applied what is in force. */
  applied: count,
});
export type Delivery = Static<typeof delivery>;

export const groupDetails = Type.Object({
  id: Type.String(),
  name: Type.String(),
  kind,
  /** The groups above, from the root of the tree. */
  path: Type.Array(groupRef),
  /** Below it. */
  groups: count,
  /** Directly in it, whatever their state. */
  devices: count,
  certificates: lock,
  contacts: blockOf(contacts),
  identity: blockOf(renewal),
  /** Where no group says anything. */
  renewBeforeDays: Type.Integer(),
  rotation: blockOf(Type.Boolean()),
  settings: Type.Object({
    logServer: blockOf(Type.String()),
    rdp: blockOf(Type.String()),
    broker: blockOf(Type.String()),
  }),
  locks: Type.Object({ connection: lock, reset: lock, dateTime: lock }),
  migrateClient: blockOf(Type.Boolean()),
  naming: blockOf(Type.Array(Type.String())),
  /** Of the next device that is named by a rule. */
  nextNumber: Type.Integer(),
  revocation: Type.Object({
    own: modes,
    effective: modes,
    lists: Type.Array(
      Type.Object({
        file: Type.String(),
        issuer: Type.String(),
        fingerprint: Type.String(),
        thisUpdate: instant,
        nextUpdate: nullable(instant),
        /** Certificates that it names; null where it cannot be read. */
        revoked: nullable(count),
        /** Its authority is among the certificates, and has signed it. */
        verified: Type.Boolean(),
        own: Type.Boolean(),
      }),
    ),
  }),
  delivery,
});
export type GroupDetails = Static<typeof groupDetails>;

const saidOf = <S extends TSchema>(value: S) => Type.Object({ enforced: Type.Boolean(), value: nullable(value) });
const said = Type.Unsafe<Settings>(
  Type.Object({
    certificates: Type.Object({
      enforced: Type.Boolean(),
      entries: Type.Array(
        Type.Object({
          purpose,
          file: Type.String(),
          /** Base64 DER. */
          certificate: Type.String(),
          fingerprint: Type.String(),
        }),
      ),
    }),
    contacts: saidOf(contacts),
    identity: saidOf(renewal),
    revocation: Type.Object({
      modes,
      lists: Type.Array(
        Type.Object({
          file: Type.String(),
          /** Base64 DER. */
          list: Type.String(),
          fingerprint: Type.String(),
          series: Type.String(),
          number: nullable(Type.String()),
          thisUpdate: instant,
        }),
      ),
    }),
    /** Fingerprints. */
    blocklist: Type.Array(Type.String()),
    device: policySettings,
    /** Null: as the group above says. */
    rotation: Type.Object({ enforced: Type.Boolean(), allowed: nullable(Type.Boolean()) }),
  }),
);
export const policyView = Type.Object({
  group: groupRef,
  own: said,
  /** What devices of the group get. */
  effective: said,
  rev: Type.Integer(),
  signedAt: instant,
});
export type PolicyView = Static<typeof policyView>;

export const policyCertificateRow = Type.Object({
  file: Type.String(),
  purpose,
  issuer: Type.String(),
  subject: Type.String(),
  notBefore: instant,
  notAfter: instant,
  /** SHA-256, hex. */
  fingerprint: Type.String(),
  /** The group it is in: this one, or one above. */
  group: Type.String(),
  groupId: Type.String(),
  own: Type.Boolean(),
  /** False where a group above locks the certificates. */
  counts: Type.Boolean(),
  blocked: Type.Boolean(),
  addedAt: instant,
  serial: Type.String(),
  key: Type.String(),
  isCa: Type.Boolean(),
  names: Type.Array(Type.String()),
});
export type PolicyCertificateRow = Static<typeof policyCertificateRow>;
export const policyCertificateColumns = [
  'file',
  'purpose',
  'issuer',
  'subject',
  'notBefore',
  'notAfter',
  'fingerprint',
  'group',
  'addedAt',
] as const;
export type PolicyCertificateColumn = (typeof policyCertificateColumns)[number];

export const blockedRow = Type.Object({
  fingerprint: Type.String(),
  /** Of the certificate, where a policy has it. */
  subject: nullable(Type.String()),
  group: Type.String(),
  groupId: Type.String(),
  own: Type.Boolean(),
  addedAt: instant,
});
export type BlockedRow = Static<typeof blockedRow>;
export const blockedColumns = ['fingerprint', 'subject', 'group', 'addedAt'] as const;
export type BlockedColumn = (typeof blockedColumns)[number];

/** What it means to block a certificate everywhere. */
export const blockReach = Type.Object({
  /** Devices that can connect: all of them are told. */
  devices: count,
  groups: count,
  /** Of policies that have it now; of those devices it is trusted no more. */
  policies: Type.Array(groupRef),
  trusting: count,
  everywhere: Type.Boolean(),
});
export type BlockReach = Static<typeof blockReach>;
