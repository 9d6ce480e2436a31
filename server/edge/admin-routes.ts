/** What the administration API offers: path, right, shape of the body, and the operation behind it. */
import { type Static, type TSchema, Type } from '@sinclair/typebox';
import { bad, good, type Result } from '../../protocol/fault.ts';
import { instant } from '../../protocol/time.ts';
import { maxValidityDays } from '../core/identity.ts';
import type { Action } from '../core/permission.ts';
import { setAdopting } from './backup.ts';
import { answerCode } from './codes.ts';
import type { Actor, Server } from './context.ts';
import { addForeignAuthority, listForeignAuthorities, removeForeignAuthority } from './foreign.ts';
import { deleteIdentity, listIdentities, renewIdentity } from './identities.ts';
import { invite } from './invitations.ts';
import { readValidityDays, setValidityDays } from './issuance.ts';
import { allStatements, listLinks, removeLink } from './links.ts';
import { setNaming } from './naming.ts';
import { listAudit, showStatus } from './overview.ts';
import { addGroup, listDevices, listGroups, moveDevice, removeDevice, showDevice } from './places.ts';
import {
  addCertificates,
  removeCertificate,
  setBlocked,
  setContacts,
  setIdentity,
  setLock,
  setRotation,
  setSetting,
  showPolicy,
} from './policies.ts';
import { activateKey, announceKey, revokeKey, showPolicyKeys } from './policy-keys.ts';
import { draftRepair } from './repair.ts';
import { listServerCertificates, readGate, resetReserve, scheduleReserve, switchCertificate } from './rotation.ts';
import { uploadCertificate } from './uploading.ts';

export type Call = {
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  /** Checked against the route's schema. */
  readonly body: unknown;
  readonly actor: Actor;
};
export type AdminRoute = {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly url: string;
  readonly action: Action;
  readonly body?: TSchema;
  /** `run` records itself what it refuses. */
  readonly records?: true;
  readonly run: (server: Server, call: Call) => Promise<Result<unknown>>;
};

export const closed = { additionalProperties: false };
const nothing = Type.Object({}, closed);
export const name = Type.String({ minLength: 1, maxLength: 120 });
export const fingerprint = Type.String({ pattern: '^[0-9a-f]{64}$' });
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
/** Four characters for three bytes of a mebibyte, and a little more: the operation says what is too large. */
const base64File = Type.String({ maxLength: 1_500_000, pattern: '^[A-Za-z0-9+/]*={0,2}$' });
const serverSetting = Type.Union([Type.Literal('logServer'), Type.Literal('rdp'), Type.Literal('broker')]);
const days = (most: number) => Type.Integer({ minimum: 1, maximum: most });
/** Part of a device name. */
const field = Type.String({ pattern: '^[\\p{L}\\p{N}]{1,10}$' });
const defaultAuditRows = 50;
const maxAuditRows = 1000;

/** A route whose body was checked against `body` before `run` sees it. */
export const withBody = <S extends TSchema>(
  route: Omit<AdminRoute, 'body' | 'run'>,
  body: S,
  run: (server: Server, body: Static<S>, call: Call) => Promise<Result<unknown>>,
): AdminRoute => ({ ...route, body, run: (server, call) => run(server, call.body as Static<S>, call) });

export const reading = (url: string, run: AdminRoute['run'], action: Action = 'read'): AdminRoute => ({
  method: 'GET',
  url,
  action,
  run,
});

export const of = ({ params }: Call, param: string): string => params[param] ?? '';

export const adminRoutes: readonly AdminRoute[] = [
  reading('/status', async (server) => good(await showStatus(server))),
  withBody(
    { method: 'POST', url: '/invitations', action: 'invite' },
    Type.Object({ name: Type.Optional(name), group: Type.Optional(name) }, closed),
    (server, body, { actor }) => invite(server, actor, body),
  ),
  reading('/devices', async (server, { query }) => {
    const { migration } = query;
    if (migration === undefined || migration === 'none' || migration === 'pending' || migration === 'success')
      return good(await listDevices(server, migration));
    return bad('bad-argument', { what: 'migration: none, pending or success' });
  }),
  reading('/devices/:device', (server, call) => showDevice(server, of(call, 'device'))),
  withBody(
    { method: 'POST', url: '/devices/:device/move', action: 'edit-devices' },
    Type.Object({ group: name }, closed),
    (server, { group }, call) => moveDevice(server, call.actor, { device: of(call, 'device'), group }),
  ),
  {
    method: 'DELETE',
    url: '/devices/:device',
    action: 'edit-devices',
    run: (server, call) => removeDevice(server, call.actor, of(call, 'device')),
  },
  reading('/identities', async (server) => good(await listIdentities(server))),
  {
    method: 'POST',
    url: '/devices/:device/identity/renew',
    action: 'edit-devices',
    run: (server, call) => renewIdentity(server, call.actor, of(call, 'device')),
  },
  {
    method: 'DELETE',
    url: '/devices/:device/identity',
    action: 'edit-devices',
    run: (server, call) => deleteIdentity(server, call.actor, of(call, 'device')),
  },
  reading('/identity-rules', async ({ db }) => good({ validityDays: await readValidityDays(db) })),
  withBody(
    { method: 'PUT', url: '/identity-rules', action: 'edit-server' },
    Type.Object({ validityDays: days(maxValidityDays) }, closed),
    (server, { validityDays }, { actor }) => setValidityDays(server, actor, validityDays),
  ),
  reading('/groups', async (server) => good(await listGroups(server))),
  withBody(
    { method: 'POST', url: '/groups', action: 'edit-groups' },
    Type.Object({ name, parent: Type.Optional(name) }, closed),
    (server, body, { actor }) => addGroup(server, actor, body),
  ),
  reading('/groups/:group/policy', (server, call) => showPolicy(server, of(call, 'group'))),
  withBody(
    { method: 'POST', url: '/groups/:group/policy/certificates', action: 'edit-policies' },
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
    { method: 'POST', url: '/groups/:group/policy/certificates/remove', action: 'edit-policies' },
    Type.Object({ fingerprint, purpose: Type.Optional(purpose) }, closed),
    (server, body, call) => removeCertificate(server, call.actor, of(call, 'group'), body),
  ),
  withBody(
    { method: 'PUT', url: '/groups/:group/policy/contacts', action: 'edit-policies' },
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
    { method: 'PUT', url: '/groups/:group/policy/blocklist', action: 'edit-policies' },
    Type.Object({ fingerprint, blocked: Type.Boolean() }, closed),
    (server, body, call) => setBlocked(server, call.actor, of(call, 'group'), body),
  ),
  withBody(
    { method: 'PUT', url: '/groups/:group/policy/lock', action: 'edit-policies' },
    Type.Object({ block, enforced: Type.Boolean() }, closed),
    (server, body, call) => setLock(server, call.actor, of(call, 'group'), body),
  ),
  withBody(
    { method: 'PUT', url: '/groups/:group/policy/settings', action: 'edit-policies' },
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
    { method: 'PUT', url: '/groups/:group/policy/identity', action: 'edit-policies' },
    Type.Union([Type.Object({ renewBeforeDays: Type.Union([days(60), Type.Null()]) }, closed), Type.Null()]),
    (server, body, call) => setIdentity(server, call.actor, of(call, 'group'), body),
  ),
  withBody(
    { method: 'PUT', url: '/groups/:group/policy/rotation', action: 'edit-policies' },
    Type.Object({ allowed: Type.Union([Type.Boolean(), Type.Null()]) }, closed),
    (server, { allowed }, call) => setRotation(server, call.actor, of(call, 'group'), allowed),
  ),
  withBody(
    { method: 'PUT', url: '/groups/:group/naming', action: 'edit-groups' },
    Type.Object({ fields: Type.Union([Type.Array(field, { minItems: 1, maxItems: 4 }), Type.Null()]) }, closed),
    (server, { fields }, call) => setNaming(server, call.actor, of(call, 'group'), fields),
  ),
  reading('/authorities', async (server) => good(await listForeignAuthorities(server.db))),
  withBody(
    { method: 'POST', url: '/authorities', action: 'edit-server' },
    Type.Object({ content: Type.String({ pattern: '^[A-Za-z0-9+/]*={0,2}$', maxLength: 128 * 1024 }) }, closed),
    (server, { content }, { actor }) => addForeignAuthority(server, actor, Buffer.from(content, 'base64')),
  ),
  {
    method: 'DELETE',
    url: '/authorities/:fingerprint',
    action: 'edit-server',
    run: (server, call) => removeForeignAuthority(server, call.actor, of(call, 'fingerprint')),
  },
  reading('/server-certificates', async (server) => good(await listServerCertificates(server))),
  reading('/server-certificates/gate', (server) => readGate(server)),
  withBody(
    { method: 'POST', url: '/server-certificates/reserve', action: 'edit-server-certificates' },
    Type.Object({ activateAt: Type.Integer({ minimum: 0, maximum: 253402300799999 }) }, closed),
    (server, { activateAt }, { actor }) => scheduleReserve(server, actor, instant(activateAt)),
  ),
  withBody(
    { method: 'POST', url: '/server-certificates/upload', action: 'edit-server-certificates' },
    Type.Object(
      {
        content: base64File,
        key: Type.Optional(base64File),
        password: Type.String({ maxLength: 1000 }),
        role: Type.Union([Type.Literal('main'), Type.Literal('reserve')]),
        activateAt: Type.Optional(Type.Integer({ minimum: 0, maximum: 253402300799999 })),
      },
      closed,
    ),
    (server, { content, key, password, role, activateAt }, { actor }) =>
      uploadCertificate(server, actor, {
        content: Buffer.from(content, 'base64'),
        key: key === undefined ? null : Buffer.from(key, 'base64'),
        password,
        role,
        ...(activateAt === undefined ? {} : { activateAt: instant(activateAt) }),
      }),
  ),
  {
    method: 'DELETE',
    url: '/server-certificates/reserve',
    action: 'edit-server-certificates',
    run: (server, { actor }) => resetReserve(server, actor),
  },
  withBody(
    { method: 'POST', url: '/server-certificates/switch', action: 'edit-server-certificates' },
    Type.Object({ override: Type.Boolean() }, closed),
    (server, { override }, { actor }) => switchCertificate(server, actor, override),
  ),
  reading('/server-certificates/links', async (server) => good(await listLinks(server))),
  reading('/server-certificates/statements', (server) => allStatements(server)),
  {
    method: 'DELETE',
    url: '/server-certificates/links/:seq',
    action: 'edit-server-certificates',
    run: (server, call) => {
      const seq = of(call, 'seq');
      return /^[0-9]{1,9}$/.test(seq)
        ? removeLink(server, call.actor, Number(seq))
        : Promise.resolve(bad('bad-argument', { what: 'link' }));
    },
  },
  reading('/policy-keys', async (server) => good(await showPolicyKeys(server))),
  withBody(
    { method: 'POST', url: '/policy-keys/announce', action: 'edit-server' },
    nothing,
    (server, _body, { actor }) => announceKey(server, actor),
  ),
  withBody(
    { method: 'POST', url: '/policy-keys/activate', action: 'edit-server' },
    Type.Object({ override: Type.Boolean() }, closed),
    (server, { override }, { actor }) => activateKey(server, actor, override),
  ),
  withBody(
    { method: 'POST', url: '/policy-keys/revoke', action: 'edit-server' },
    Type.Object({ statement: Type.String({ maxLength: 4000 }), base: Type.String({ maxLength: 65536 }) }, closed),
    (server, body, { actor }) => revokeKey(server, actor, body),
  ),
  withBody(
    { method: 'POST', url: '/repair-files', action: 'edit-server-certificates' },
    Type.Object(
      {
        days: Type.Integer({ minimum: 1, maximum: 90 }),
        key: Type.Union([Type.Literal('policy'), Type.Literal('recovery')]),
        time: Type.Boolean(),
      },
      closed,
    ),
    (server, body, { actor }) => draftRepair(server, actor, body),
  ),
  withBody(
    { method: 'POST', url: '/codes', action: 'answer-codes', records: true },
    Type.Object(
      { code: Type.String({ maxLength: 64 }), device: Type.Optional(name), certificate: Type.Optional(fingerprint) },
      closed,
    ),
    (server, body, { actor }) => answerCode(server, actor, body),
  ),
  reading(
    '/audit',
    async (server, { query }) => {
      const limit = query['limit'] === undefined ? defaultAuditRows : Number(query['limit']);
      const right = Number.isInteger(limit) && limit >= 1 && limit <= maxAuditRows;
      return right
        ? good(await listAudit(server, limit))
        : bad('bad-argument', { what: `limit: 1 to ${maxAuditRows}` });
    },
    'read-audit',
  ),
  withBody(
    { method: 'PUT', url: '/adopting', action: 'edit-server' },
    Type.Object({ adopting: Type.Boolean() }, closed),
    (server, { adopting }, { actor }) => setAdopting(server, actor, adopting),
  ),
];
