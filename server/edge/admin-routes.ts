/** What the administration API offers: path, right, shape of the body, and the operation behind it. */
import { Type } from '@sinclair/typebox';
import { good } from '../../protocol/fault.ts';
import { codeAnswer } from '../api/code.ts';
import { auditColumns, auditRow, deviceColumns, deviceDetails, deviceRow, identityRow } from '../api/devices.ts';
import { groupView } from '../api/groups.ts';
import { oneOf } from '../api/list.ts';
import { foreignAuthority, policyKeysView, successionView } from '../api/mutual.ts';
import { invited } from '../api/onboarding.ts';
import { identityRules } from '../api/rules.ts';
import { authorityKeys, maxSpreadDays, steps } from '../core/succession.ts';
import { type AdminRoute, closed, done, fingerprint, itself, name, of, reading, withBody } from './admin-route.ts';
import { setAdopting } from './backup.ts';
import { answerCode, lookUpCode } from './codes.ts';
import { addForeignAuthority, listForeignAuthorities, removeForeignAuthority } from './foreign.ts';
import { deleteIdentity, listIdentities, renewIdentity } from './identities.ts';
import { invite } from './invitations.ts';
import { setRules } from './issuance.ts';
import { listing } from './listing.ts';
import { pageAudit } from './overview.ts';
import { addGroup, listGroups, moveDevice, pageDevices, removeDevice, showDevice } from './places.ts';
import { activateKey, announceKey, revokeKey, showPolicyKeys } from './policy-keys.ts';
import { readRules } from './rules.ts';
import { moveSuccession, showSuccession } from './succession.ts';

const nothing = Type.Object({}, closed);

export const adminRoutes: readonly AdminRoute[] = [
  withBody(
    { method: 'POST', url: '/invitations', action: 'invite', answer: invited },
    Type.Object(
      {
        name: Type.Optional(name),
        group: Type.Optional(name),
        user: Type.Optional(name),
        mail: Type.Optional(
          Type.Object({ copy: Type.Optional(Type.String()), show: Type.Optional(Type.Boolean()) }, closed),
        ),
      },
      closed,
    ),
    (server, body, { actor }) => invite(server, actor, body),
  ),
  listing({
    url: '/devices',
    row: deviceRow,
    columns: deviceColumns,
    filters: {
      presence: oneOf(['online', 'offline']),
      standing: oneOf(['active', 'retired', 'inactive']),
      migration: oneOf(['none', 'pending', 'success']),
      group: name,
      within: Type.String({ maxLength: 64 }),
      waiting: Type.Boolean(),
    },
    run: pageDevices,
  }),
  reading('/devices/:device', deviceDetails, (server, call) => showDevice(server, of(call, 'device'))),
  withBody(
    { method: 'POST', url: '/devices/:device/move', action: 'edit-devices', answer: itself },
    Type.Object({ group: name }, closed),
    (server, { group }, call) => moveDevice(server, call.actor, { device: of(call, 'device'), group }),
  ),
  {
    method: 'DELETE',
    url: '/devices/:device',
    action: 'edit-identities',
    answer: itself,
    run: (server, call) => removeDevice(server, call.actor, of(call, 'device')),
  },
  reading('/identities', Type.Array(identityRow), async (server) => good(await listIdentities(server))),
  {
    method: 'POST',
    url: '/devices/:device/identity/renew',
    action: 'edit-identities',
    answer: itself,
    run: (server, call) => renewIdentity(server, call.actor, of(call, 'device')),
  },
  {
    method: 'DELETE',
    url: '/devices/:device/identity',
    action: 'edit-identities',
    answer: itself,
    run: (server, call) => deleteIdentity(server, call.actor, of(call, 'device')),
  },
  reading('/identity-rules', identityRules, async ({ db }) => good(await readRules(db))),
  withBody(
    { method: 'PUT', url: '/identity-rules', action: 'edit-identity-rules', answer: identityRules },
    Type.Partial(identityRules),
    (server, changes, { actor }) => setRules(server, actor, changes),
  ),
  reading('/groups', Type.Array(groupView), async (server) => good(await listGroups(server))),
  withBody(
    { method: 'POST', url: '/groups', action: 'edit-groups', answer: itself },
    Type.Object({ name, parent: Type.Optional(name) }, closed),
    (server, body, { actor }) => addGroup(server, actor, body),
  ),
  reading('/authorities', Type.Array(foreignAuthority), async (server) =>
    good(await listForeignAuthorities(server.db)),
  ),
  withBody(
    { method: 'POST', url: '/authorities', action: 'edit-authorities', answer: foreignAuthority },
    Type.Object({ content: Type.String({ pattern: '^[A-Za-z0-9+/]*={0,2}$', maxLength: 128 * 1024 }) }, closed),
    (server, { content }, { actor }) => addForeignAuthority(server, actor, Buffer.from(content, 'base64')),
  ),
  {
    method: 'DELETE',
    url: '/authorities/:fingerprint',
    action: 'edit-authorities',
    answer: done,
    run: (server, call) => removeForeignAuthority(server, call.actor, of(call, 'fingerprint')),
  },
  reading('/device-authorities', successionView, async (server) => good(await showSuccession(server))),
  withBody(
    { method: 'POST', url: '/device-authorities/rollover', action: 'edit-authorities', answer: successionView },
    Type.Object(
      {
        step: Type.Union(steps.map((step) => Type.Literal(step))),
        key: Type.Optional(Type.Union(authorityKeys.map((kind) => Type.Literal(kind)))),
        override: Type.Optional(Type.Boolean()),
        days: Type.Optional(Type.Integer({ minimum: 1, maximum: maxSpreadDays })),
      },
      closed,
    ),
    (server, body, { actor }) => moveSuccession(server, actor, body),
  ),
  reading('/policy-keys', policyKeysView, async (server) => good(await showPolicyKeys(server))),
  withBody(
    { method: 'POST', url: '/policy-keys/announce', action: 'edit-authorities', answer: policyKeysView },
    nothing,
    (server, _body, { actor }) => announceKey(server, actor),
  ),
  withBody(
    { method: 'POST', url: '/policy-keys/activate', action: 'edit-authorities', answer: policyKeysView },
    Type.Object({ override: Type.Boolean() }, closed),
    (server, { override }, { actor }) => activateKey(server, actor, override),
  ),
  withBody(
    { method: 'POST', url: '/policy-keys/revoke', action: 'edit-authorities', answer: policyKeysView },
    Type.Object({ statement: Type.String({ maxLength: 4000 }), base: Type.String({ maxLength: 65536 }) }, closed),
    (server, body, { actor }) => revokeKey(server, actor, body),
  ),
  withBody(
    { method: 'POST', url: '/codes', action: 'answer-codes', records: true, answer: codeAnswer },
    Type.Object(
      {
        code: Type.String({ maxLength: 64 }),
        device: Type.Optional(name),
        certificate: Type.Optional(fingerprint),
        /** Only shows what is asked; nothing is answered or opened. */
        look: Type.Optional(Type.Boolean()),
      },
      closed,
    ),
    (server, { look, ...question }, { actor }) => (look ? lookUpCode : answerCode)(server, actor, question),
  ),
  listing({
    url: '/audit',
    row: auditRow,
    columns: auditColumns,
    filters: {
      actor: Type.String({ maxLength: 64 }),
      action: Type.String({ maxLength: 64 }),
      from: Type.Integer({ minimum: 0, maximum: 253402300799999 }),
      to: Type.Integer({ minimum: 0, maximum: 253402300799999 }),
    },
    action: 'read-audit',
    run: pageAudit,
  }),
  withBody(
    { method: 'PUT', url: '/adopting', action: 'edit-server', answer: done },
    Type.Object({ adopting: Type.Boolean() }, closed),
    (server, { adopting }, { actor }) => setAdopting(server, actor, adopting),
  ),
];
