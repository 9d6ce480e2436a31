/** What the administration API offers about internal users. */
import { Type } from '@sinclair/typebox';
import { userColumns, userRow } from '../api/devices.ts';
import { type AdminRoute, closed, name, of, withBody } from './admin-route.ts';
import { listing } from './listing.ts';
import { addUser, pageUsers, removeUser, setUserPassword } from './users.ts';

/** What is too long is refused as weak, by its own fault. */
const password = Type.Optional(Type.String({ maxLength: 1000 }));

export const userRoutes: readonly AdminRoute[] = [
  listing({ url: '/users', row: userRow, columns: userColumns, run: pageUsers }),
  withBody(
    { method: 'POST', url: '/users', action: 'edit-users' },
    Type.Object(
      {
        name,
        fullName: Type.Optional(Type.String()),
        email: Type.Optional(Type.String()),
        group: Type.Optional(name),
        maxDevices: Type.Optional(Type.Integer()),
        password,
      },
      closed,
    ),
    (server, body, { actor }) => addUser(server, actor, body),
  ),
  withBody(
    { method: 'PUT', url: '/users/:user/password', action: 'edit-users' },
    Type.Object({ password }, closed),
    (server, body, call) => setUserPassword(server, call.actor, of(call, 'user'), body.password),
  ),
  {
    method: 'DELETE',
    url: '/users/:user',
    action: 'edit-users',
    run: (server, call) => removeUser(server, call.actor, of(call, 'user')),
  },
];
