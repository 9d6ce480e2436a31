/** Devices that are to come, as the API shows them. Instants are epoch milliseconds. */
import { type Static, Type } from '@sinclair/typebox';
import { instant, nullable } from './list.ts';

/** Where devices register, and what they find there. */
const entrance = { address: Type.String(), fingerprint: Type.String() };
/** What a device is registered by, told once. */
export const invited = Type.Object({
  ...entrance,
  /** Its id, or the name of the user it is for. */
  invitation: Type.String(),
  ofUser: Type.Boolean(),
  /** Empty where it is mailed, and nobody asked to see it too. */
  password: Type.String(),
  expiresAt: instant,
  /** Where it is mailed to. */
  mailedTo: Type.Array(Type.String()),
});
export type Invited = Static<typeof invited>;

const listed = Type.Object({
  name: Type.String(),
  group: Type.String(),
  invitation: Type.String(),
  password: Type.String(),
});
export type Listed = Static<typeof listed>;
export const imported = Type.Object({
  ...entrance,
  expiresAt: instant,
  rows: Type.Array(listed),
  /** The same with address and fingerprint, for a spreadsheet. */
  csv: Type.String(),
});
export type Imported = Static<typeof imported>;

export const groupTokenView = Type.Object({
  id: Type.String(),
  group: Type.String(),
  most: Type.Integer(),
  /** Devices it has registered, and those that have begun. */
  used: Type.Integer(),
  approval: Type.Boolean(),
  expiresAt: instant,
  endedAt: nullable(instant),
  createdAt: instant,
});
export type GroupTokenView = Static<typeof groupTokenView>;

/** A device that waits for an administrator. */
export const requestView = Type.Object({
  /** What the device shows too: see `protocol/request-number`. */
  number: Type.String(),
  group: Type.String(),
  hardwareId: Type.String(),
  /** Network address it first asked from. */
  address: Type.String(),
  askedAt: instant,
  lastAskedAt: instant,
});
export type RequestView = Static<typeof requestView>;
