/** What the administration API offers about devices that are to come: in bulk, by approval, in the place of others. */
import { Type } from '@sinclair/typebox';
import { good } from '../../protocol/fault.ts';
import { groupTokenView, imported, invited, requestView } from '../api/onboarding.ts';
import { type AdminRoute, closed, done, name, of, reading, withBody } from './admin-route.ts';
import { decideRequest, listRequests } from './approvals.ts';
import { addToken, endToken, listTokens } from './group-tokens.ts';
import { replaceDevice } from './replacing.ts';
import { importRoster, importWork } from './roster.ts';

export const onboardingRoutes: readonly AdminRoute[] = [
  withBody(
    { method: 'POST', url: '/invitations/import', action: 'invite', answer: imported, work: importWork },
    Type.Object({ csv: Type.String({ maxLength: 1024 * 1024 }) }, closed),
    (server, { csv }, { actor }) => importRoster(server, actor, csv),
  ),
  reading('/group-tokens', Type.Array(groupTokenView), async (server) => good(await listTokens(server))),
  withBody(
    { method: 'POST', url: '/group-tokens', action: 'invite', answer: invited },
    Type.Object(
      {
        group: name,
        most: Type.Integer(),
        days: Type.Optional(Type.Integer()),
        approval: Type.Optional(Type.Boolean()),
      },
      closed,
    ),
    (server, body, { actor }) => addToken(server, actor, body),
  ),
  {
    method: 'DELETE',
    url: '/group-tokens/:token',
    action: 'invite',
    answer: done,
    run: (server, call) => endToken(server, call.actor, of(call, 'token')),
  },
  reading('/enrolment-requests', Type.Array(requestView), async (server) => good(await listRequests(server))),
  withBody(
    { method: 'POST', url: '/enrolment-requests/:number', action: 'invite', answer: done },
    Type.Object(
      { decision: Type.Union([Type.Literal('approved'), Type.Literal('refused')]), name: Type.Optional(name) },
      closed,
    ),
    (server, body, call) => decideRequest(server, call.actor, { number: of(call, 'number'), ...body }),
  ),
  {
    method: 'POST',
    url: '/devices/:device/replace',
    action: 'invite',
    answer: invited,
    run: (server, call) => replaceDevice(server, call.actor, of(call, 'device')),
  },
];
