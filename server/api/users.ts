/** Internal users as the API shows them, and what it says once of a password it made. */
import { type Static, Type } from '@sinclair/typebox';
import { instant, nullable } from './list.ts';

export const userRow = Type.Object({
  id: Type.String(),
  /** With its domain, where it has one. */
  name: Type.String(),
  fullName: Type.String(),
  description: Type.String(),
  email: Type.String(),
  phone: Type.String(),
  /** Where its devices are put; null: the group of unassigned devices. */
  group: nullable(Type.String()),
  devices: Type.Integer(),
  maxDevices: Type.Integer(),
  createdAt: instant,
});
export type UserView = Static<typeof userRow>;
export const userColumns = [
  'name',
  'fullName',
  'description',
  'email',
  'phone',
  'group',
  'devices',
  'maxDevices',
  'createdAt',
] as const;
export type UserColumn = (typeof userColumns)[number];

/** What goes with a user, beside what stays. */
export const userDetails = Type.Composite([
  userRow,
  Type.Object({
    /** One-time passwords that still hold, and registrations under way: they end. */
    invitations: Type.Integer(),
    /** Mail and VPN certificates issued for it: they stay. */
    certificates: Type.Integer(),
  }),
]);
export type UserDetails = Static<typeof userDetails>;

/** `password` only where the server made it: it is told once. */
export const userMade = Type.Object({ name: Type.String(), password: nullable(Type.String()) });
export type UserMade = Static<typeof userMade>;
