/** What the administration API offers about the accounts of administrators, and tokens of programs. */
import { Type } from '@sinclair/typebox';
import { good } from '../../protocol/fault.ts';
import {
  accountColumns,
  accountMade,
  accountView,
  language,
  rolesGiven,
  rolesView,
  setupLink,
  tokenColumns,
  tokenMade,
  tokenView,
} from '../api/account.ts';
import { actionsOf, roleNames } from '../core/permission.ts';
import {
  addAccount,
  changeAccount,
  findAccount,
  makeSetupLink,
  pageAccounts,
  removeAccount,
  resetPassword,
  resetSecondFactor,
  viewOf,
} from './accounts.ts';
import { type AdminRoute, closed, done, name, of, reading, withBody } from './admin-route.ts';
import { listing } from './listing.ts';
import { addToken, listTokens, removeToken } from './tokens.ts';

/** What is too long is refused as weak, by its own fault. */
const password = Type.Optional(Type.String({ maxLength: 1000 }));
const text = Type.Optional(Type.String({ maxLength: 1000 }));
const action = 'edit-accounts';
const maxTokenDays = 3660;

export const accountRoutes: readonly AdminRoute[] = [
  listing({ url: '/accounts', row: accountView, columns: accountColumns, run: pageAccounts }),
  reading('/accounts/:account', accountView, async ({ db }, call) => {
    const found = await findAccount(db, of(call, 'account'));
    return found.ok ? good(viewOf(found.value)) : found;
  }),
  reading('/roles', rolesView, async () => good(roleNames.map((role) => ({ role, actions: actionsOf(role) })))),
  withBody(
    { method: 'POST', url: '/accounts', action, answer: accountMade },
    Type.Object(
      { name, fullName: text, email: text, roles: rolesGiven, language: Type.Optional(language), password },
      closed,
    ),
    (server, body, call) => addAccount(server, call, body),
  ),
  withBody(
    { method: 'PUT', url: '/accounts/:account', action, answer: done },
    Type.Object(
      {
        fullName: text,
        email: text,
        roles: Type.Optional(rolesGiven),
        language: Type.Optional(language),
        disabled: Type.Optional(Type.Boolean()),
      },
      closed,
    ),
    (server, body, call) => changeAccount(server, call, of(call, 'account'), body),
  ),
  withBody(
    { method: 'PUT', url: '/accounts/:account/password', action, answer: accountMade },
    Type.Object({ password }, closed),
    (server, body, call) => resetPassword(server, call, of(call, 'account'), body.password),
  ),
  {
    method: 'DELETE',
    url: '/accounts/:account/second-factor',
    action,
    answer: done,
    run: (server, call) => resetSecondFactor(server, call, of(call, 'account')),
  },
  {
    method: 'DELETE',
    url: '/accounts/:account',
    action,
    answer: done,
    run: (server, call) => removeAccount(server, call, of(call, 'account')),
  },
  withBody(
    { method: 'POST', url: '/setup-link', action: 'recover-accounts', answer: setupLink },
    Type.Object({}, closed),
    (server, _body, { actor }) => makeSetupLink(server, actor),
  ),
  listing({ url: '/tokens', row: tokenView, columns: tokenColumns, filters: { madeBy: name }, run: listTokens }),
  withBody(
    { method: 'POST', url: '/tokens', action, answer: tokenMade },
    Type.Object({ name, roles: rolesGiven, days: Type.Integer({ minimum: 1, maximum: maxTokenDays }) }, closed),
    (server, body, call) => addToken(server, call, body),
  ),
  {
    method: 'DELETE',
    url: '/tokens/:token',
    action,
    answer: done,
    run: (server, call) => removeToken(server, call, of(call, 'token')),
  },
];
