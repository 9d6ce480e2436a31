/** What the administration API offers about mutual authentication and front ends. */
import { Type } from '@sinclair/typebox';
import { good } from '../../protocol/fault.ts';
import { certlessColumns, certlessRow, enrolmentChanged, frontEndView, mutualView } from '../api/mutual.ts';
import { type AdminRoute, closed, done, fingerprint, name, of, reading, withBody } from './admin-route.ts';
import { addFrontEnd, frontEndName, listFrontEnds, removeFrontEnd } from './front-end.ts';
import { listing } from './listing.ts';
import {
  addScep,
  chooseEnrolment,
  moveLegacyPort,
  pageCertless,
  removeScep,
  setEndpoint,
  setMigrateClient,
  setMutual,
  showMutual,
} from './mutual.ts';

const port = Type.Integer({ minimum: 1, maximum: 65535 });

export const mutualRoutes: readonly AdminRoute[] = [
  reading('/mutual', mutualView, async (server) => good(await showMutual(server))),
  listing({ url: '/mutual/devices', row: certlessRow, columns: certlessColumns, run: pageCertless }),
  withBody(
    { method: 'PUT', url: '/mutual', action: 'edit-server', answer: done },
    Type.Object({ enabled: Type.Boolean() }, closed),
    (server, { enabled }, { actor }) => setMutual(server, actor, enabled),
  ),
  withBody(
    { method: 'PUT', url: '/mutual/endpoints/new', action: 'edit-server', answer: done },
    Type.Object({ on: Type.Boolean() }, closed),
    (server, { on }, { actor }) => setEndpoint(server, actor, { endpoint: 'new', on }),
  ),
  withBody(
    { method: 'PUT', url: '/mutual/endpoints/legacy', action: 'edit-server', answer: done },
    Type.Object(
      { on: Type.Boolean(), confirm: Type.Optional(Type.Boolean()), confirmAgain: Type.Optional(Type.Boolean()) },
      closed,
    ),
    (server, { on, confirm, confirmAgain }, { actor }) => {
      const confirmations = [confirm, confirmAgain].filter((each) => each === true).length;
      return setEndpoint(server, actor, { endpoint: 'legacy', on, confirmations });
    },
  ),
  withBody(
    { method: 'PUT', url: '/mutual/legacy-port', action: 'edit-server', answer: done },
    Type.Object(
      { port: Type.Union([port, Type.Null()]), override: Type.Union([Type.Boolean(), Type.Integer({ minimum: 0 })]) },
      closed,
    ),
    (server, body, { actor }) => moveLegacyPort(server, actor, body),
  ),
  withBody(
    { method: 'POST', url: '/mutual/enrolments', action: 'edit-server', answer: done },
    Type.Object(
      {
        name,
        protocol: Type.Optional(Type.Union([Type.Literal('est'), Type.Literal('scep')])),
        url: Type.String({ maxLength: 300 }),
        fingerprint,
        subject: Type.String(),
        user: Type.Optional(Type.String({ maxLength: 64 })),
        password: Type.Optional(Type.String({ maxLength: 128 })),
      },
      closed,
    ),
    (server, body, { actor }) => addScep(server, actor, body),
  ),
  withBody(
    { method: 'PUT', url: '/mutual/enrolment', action: 'edit-server', answer: enrolmentChanged },
    Type.Object({ name, look: Type.Optional(Type.Boolean()) }, closed),
    (server, { name: chosen, look }, { actor }) => chooseEnrolment(server, actor, chosen, look),
  ),
  {
    method: 'DELETE',
    url: '/mutual/enrolments/:name',
    action: 'edit-server',
    answer: done,
    run: (server, call) => removeScep(server, call.actor, of(call, 'name')),
  },
  withBody(
    { method: 'PUT', url: '/groups/:group/migrate-client', action: 'edit-policies', answer: done },
    Type.Object({ migrate: Type.Union([Type.Boolean(), Type.Null()]) }, closed),
    (server, { migrate }, call) => setMigrateClient(server, call.actor, of(call, 'group'), migrate),
  ),
  reading('/front-ends', Type.Array(frontEndView), async (server) => good(await listFrontEnds(server))),
  withBody(
    { method: 'POST', url: '/front-ends', action: 'edit-server', answer: done },
    Type.Object({ fingerprint, name: Type.Optional(name) }, closed),
    (server, { fingerprint: own, name: given }, { actor }) =>
      addFrontEnd(server, actor, { fingerprint: own, name: given ?? frontEndName(own) }),
  ),
  {
    method: 'DELETE',
    url: '/front-ends/:fingerprint',
    action: 'edit-server',
    answer: done,
    run: (server, call) => removeFrontEnd(server, call.actor, of(call, 'fingerprint')),
  },
];
