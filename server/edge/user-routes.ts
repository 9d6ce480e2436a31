/** What the administration API offers about internal users. */
import { Type } from '@sinclair/typebox';
import { userColumns, userDetails, userMade, userRow } from '../api/users.ts';
import { type AdminRoute, closed, done, name, of, reading, withBody } from './admin-route.ts';
import { listing } from './listing.ts';
import { addUser, changeUser, pageUsers, removeUser, setUserPassword, showUser } from './users.ts';

/** What is too long is refused as weak, by its own fault. */
const password = Type.Optional(Type.String({ maxLength: 1000 }));
const text = Type.Optional(Type.String({ maxLength: 1000 }));
const fields = {
  fullName: text,
  description: text,
  email: text,
  phone: text,
  maxDevices: Type.Optional(Type.Integer()),
};

export const userRoutes: readonly AdminRoute[] = [
  listing({ url: '/users', row: userRow, columns: userColumns, run: pageUsers }),
  reading('/users/:user', userDetails, (server, call) => showUser(server, of(call, 'user'))),
  withBody(
    { method: 'POST', url: '/users', action: 'edit-users', answer: userMade },
    Type.Object({ name, ...fields, group: Type.Optional(name), password }, closed),
    (server, body, { actor }) => addUser(server, actor, body),
  ),
  withBody(
    { method: 'PUT', url: '/users/:user', action: 'edit-users', answer: userDetails },
    // Null: the group of unassigned devices.
    Type.Object({ ...fields, group: Type.Optional(Type.Union([name, Type.Null()])) }, closed),
    (server, body, call) => changeUser(server, call.actor, of(call, 'user'), body),
  ),
  withBody(
    { method: 'PUT', url: '/users/:user/password', action: 'edit-users', answer: userMade },
    Type.Object({ password }, closed),
    (server, body, call) => setUserPassword(server, call.actor, of(call, 'user'), body.password),
  ),
  {
    method: 'DELETE',
    url: '/users/:user',
    action: 'edit-users',
    answer: done,
    run: (server, call) => removeUser(server, call.actor, of(call, 'user')),
  },
];
