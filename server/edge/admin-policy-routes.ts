/** What the administration API offers for the policies and the naming of groups. */
import { Type } from '@sinclair/typebox';
import { policyView } from '../api/groups.ts';
import type { Action } from '../core/permission.ts';
import { type AdminRoute, closed, done, fingerprint, of, reading, withBody } from './admin-route.ts';
import { setBlocked } from './blocking.ts';
import { setNaming } from './naming.ts';
import {
  addCertificates,
  removeCertificates,
  setContacts,
  setIdentity,
  setLock,
  setRotation,
  setSetting,
  showPolicy,
} from './policies.ts';
import { addRevocationLists, removeRevocationList, setRevocation } from './revocation-lists.ts';

const purpose = Type.Union([Type.Literal('rdp'), Type.Literal('broker'), Type.Literal('log')]);
const block = Type.Union([
  Type.Literal('certificates'),
  Type.Literal('contacts'),
  Type.Literal('identity'),
  Type.Literal('connection'),
  Type.Literal('reset'),
  Type.Literal('dateTime'),
  Type.Literal('rotation'),
]);
const revocationMode = Type.Union([Type.Literal('off'), Type.Literal('soft'), Type.Literal('hard')]);
const serverSetting = Type.Union([Type.Literal('logServer'), Type.Literal('rdp'), Type.Literal('broker')]);
/** Fingerprints. */
const added = Type.Array(fingerprint);
const removal = Type.Object({ fingerprint, purpose: Type.Optional(purpose) }, closed);
/** Part of a device name. */
const field = Type.String({ pattern: '^[\\p{L}\\p{N}]{1,10}$' });

/** Locks on what concerns certificates are the Security Officer's. */
const certificateBlocks: readonly unknown[] = ['certificates', 'identity', 'rotation'];
const lockAction = (body: unknown): Action =>
  certificateBlocks.includes((body as { readonly block?: unknown } | null)?.block)
    ? 'edit-policy-certificates'
    : 'edit-policies';

export const policyRoutes: readonly AdminRoute[] = [
  reading('/groups/:group/policy', policyView, (server, call) => showPolicy(server, of(call, 'group'))),
  withBody(
    { method: 'POST', url: '/groups/:group/policy/certificates', action: 'edit-policy-certificates', answer: added },
    Type.Object(
      { purpose, file: Type.String({ maxLength: 255 }), content: Type.String({ pattern: '^[A-Za-z0-9+/]*={0,2}$' }) },
      closed,
    ),
    (server, body, call) =>
      addCertificates(server, call.actor, of(call, 'group'), {
        ...body,
        content: Buffer.from(body.content, 'base64'),
      }),
  ),
  withBody(
    {
      method: 'POST',
      url: '/groups/:group/policy/certificates/remove',
      action: 'edit-policy-certificates',
      answer: done,
    },
    Type.Union([removal, Type.Object({ certificates: Type.Array(removal, { minItems: 1, maxItems: 4096 }) }, closed)]),
    (server, body, call) =>
      removeCertificates(server, call.actor, of(call, 'group'), 'certificates' in body ? body.certificates : [body]),
  ),
  withBody(
    { method: 'PUT', url: '/groups/:group/policy/contacts', action: 'edit-policies', answer: done },
    Type.Union([
      Type.Object(
        {
          name: Type.String({ maxLength: 120 }),
          phone: Type.String({ maxLength: 60 }),
          email: Type.String({ maxLength: 120 }),
          note: Type.String({ maxLength: 200 }),
        },
        closed,
      ),
      Type.Null(),
    ]),
    (server, body, call) => setContacts(server, call.actor, of(call, 'group'), body),
  ),
  withBody(
    { method: 'PUT', url: '/groups/:group/policy/blocklist', action: 'edit-policy-certificates', answer: done },
    Type.Object({ fingerprint, blocked: Type.Boolean() }, closed),
    (server, body, call) => setBlocked(server, call.actor, of(call, 'group'), body),
  ),
  withBody(
    { method: 'PUT', url: '/groups/:group/policy/revocation', action: 'edit-policy-certificates', answer: done },
    Type.Object({ purpose, mode: revocationMode }, closed),
    (server, body, call) => setRevocation(server, call.actor, of(call, 'group'), body),
  ),
  withBody(
    {
      method: 'POST',
      url: '/groups/:group/policy/revocation-lists',
      action: 'edit-policy-certificates',
      answer: added,
    },
    Type.Object(
      { file: Type.String({ maxLength: 255 }), content: Type.String({ pattern: '^[A-Za-z0-9+/]*={0,2}$' }) },
      closed,
    ),
    (server, { file, content }, call) =>
      addRevocationLists(server, call.actor, of(call, 'group'), { file, content: Buffer.from(content, 'base64') }),
  ),
  withBody(
    {
      method: 'POST',
      url: '/groups/:group/policy/revocation-lists/remove',
      action: 'edit-policy-certificates',
      answer: done,
    },
    Type.Object({ fingerprint }, closed),
    (server, body, call) => removeRevocationList(server, call.actor, of(call, 'group'), body.fingerprint),
  ),
  withBody(
    { method: 'PUT', url: '/groups/:group/policy/lock', action: lockAction, answer: done },
    Type.Object({ block, enforced: Type.Boolean() }, closed),
    (server, body, call) => setLock(server, call.actor, of(call, 'group'), body),
  ),
  withBody(
    { method: 'PUT', url: '/groups/:group/policy/settings', action: 'edit-policies', answer: done },
    Type.Object(
      {
        name: serverSetting,
        value: Type.Union([Type.String({ minLength: 1, maxLength: 300 }), Type.Null()]),
        enforced: Type.Boolean(),
      },
      closed,
    ),
    (server, body, call) => setSetting(server, call.actor, of(call, 'group'), body),
  ),
  withBody(
    { method: 'PUT', url: '/groups/:group/policy/identity', action: 'edit-policy-certificates', answer: done },
    Type.Union([
      Type.Object({ renewBeforeDays: Type.Union([Type.Integer({ minimum: 1, maximum: 60 }), Type.Null()]) }, closed),
      Type.Null(),
    ]),
    (server, body, call) => setIdentity(server, call.actor, of(call, 'group'), body),
  ),
  withBody(
    { method: 'PUT', url: '/groups/:group/policy/rotation', action: 'edit-policy-certificates', answer: done },
    Type.Object({ allowed: Type.Union([Type.Boolean(), Type.Null()]) }, closed),
    (server, { allowed }, call) => setRotation(server, call.actor, of(call, 'group'), allowed),
  ),
  withBody(
    { method: 'PUT', url: '/groups/:group/naming', action: 'edit-groups', answer: done },
    Type.Object({ fields: Type.Union([Type.Array(field, { minItems: 1, maxItems: 4 }), Type.Null()]) }, closed),
    (server, { fields }, call) => setNaming(server, call.actor, of(call, 'group'), fields),
  ),
];
