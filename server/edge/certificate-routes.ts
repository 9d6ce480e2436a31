/** What the administration API offers about the certificates of managed devices. */
import { type Static, Type } from '@sinclair/typebox';
import { good } from '../../protocol/fault.ts';
import { certificateColumns, certificateRow, installed, outcome } from '../api/certificates.ts';
import { oneOf } from '../api/list.ts';
import { corporateRule, corporateRules } from '../api/rules.ts';
import {
  certificateProtocols,
  certificateSources,
  certificateStatuses,
  certificateTypes,
  deviceKinds,
} from '../core/certificates.ts';
import { authentications, connectionMethods, issueSources } from '../core/issue-order.ts';
import { type AdminRoute, closed, name, of, reading, withBody } from './admin-route.ts';
import { listCertificates, setAlias, showCertificate } from './certificate-list.ts';
import { issueCertificates } from './corporate-issue.ts';
import { deleteCertificates, renewCertificates, wipeDevice } from './corporate-orders.ts';
import { readCorporateRules, setCorporateRules } from './corporate-rules.ts';
import type { IdentityFile } from './identity-file.ts';
import { listInstalled } from './installed.ts';
import { listing } from './listing.ts';

const id = Type.String({ maxLength: 64 });
const base64File = Type.String({ maxLength: 1_500_000, pattern: '^[A-Za-z0-9+/]*={0,2}$' });
/** PKCS#12 (P12, PFX), or certificates (CER, CRT, CERT) with their key in the same file or in another (PRK, PEM). */
const uploadedFile = Type.Object(
  { content: base64File, key: Type.Optional(base64File), password: Type.Optional(Type.String({ maxLength: 1000 })) },
  closed,
);
const names = Type.Optional(Type.Array(name, { maxItems: 1000 }));
const issueBody = Type.Object(
  {
    type: oneOf(certificateTypes),
    kind: oneOf(deviceKinds),
    connection: Type.Optional(oneOf(connectionMethods)),
    users: names,
    devices: names,
    alias: Type.Optional(Type.String({ maxLength: 200 })),
    source: Type.Optional(oneOf(issueSources)),
    authentication: Type.Optional(oneOf(authentications)),
    reuse: Type.Optional(Type.Boolean()),
    mail: Type.Optional(
      Type.Object(
        { copy: Type.Optional(Type.String({ maxLength: 254 })), show: Type.Optional(Type.Boolean()) },
        closed,
      ),
    ),
    file: Type.Optional(uploadedFile),
  },
  closed,
);
const typeRules = Type.Partial(corporateRule);
const changed = Type.Object({ changed: Type.Integer() }, closed);
const ids = Type.Array(Type.String({ minLength: 1, maxLength: 64 }), { minItems: 1, maxItems: 1000 });

export const certificateRoutes: readonly AdminRoute[] = [
  listing({
    url: '/certificates',
    row: certificateRow,
    columns: certificateColumns,
    filters: {
      type: oneOf(certificateTypes),
      kind: oneOf(deviceKinds),
      status: oneOf(certificateStatuses),
      protocol: oneOf(certificateProtocols),
      source: oneOf(certificateSources),
      device: id,
      user: id,
      endsBefore: Type.Integer({ minimum: 0, maximum: 253402300799999 }),
      endsWithin: Type.Integer({ minimum: 0, maximum: 3650 }),
    },
    run: listCertificates,
  }),
  {
    ...reading('/certificates/:certificate', (server, call) => showCertificate(server, of(call, 'certificate'))),
    answer: certificateRow,
  },
  withBody(
    { method: 'POST', url: '/certificates/alias', action: 'edit-certificates', answer: changed },
    Type.Object({ ids, alias: Type.String({ maxLength: 200 }) }, closed),
    (server, body, { actor }) => setAlias(server, actor, body),
  ),
  withBody(
    { method: 'POST', url: '/certificates/issue', action: 'edit-certificates' },
    issueBody,
    (server, { file, ...order }, { actor }) =>
      issueCertificates(server, actor, order, file ? identityFile(file) : null),
  ),
  withBody(
    { method: 'POST', url: '/certificates/renew', action: 'edit-certificates', answer: outcome },
    Type.Object({ ids }, closed),
    async (server, body, { actor }) => good(await renewCertificates(server, actor, body.ids)),
  ),
  withBody(
    { method: 'POST', url: '/certificates/delete', action: 'edit-certificates', answer: outcome },
    Type.Object({ ids, revoke: Type.Optional(Type.Boolean()) }, closed),
    async (server, { ids: deleted, revoke = false }, { actor }) =>
      good(await deleteCertificates(server, actor, { ids: deleted, revoke })),
  ),
  {
    method: 'POST',
    url: '/devices/:device/wipe',
    action: 'edit-certificates',
    answer: Type.Object({ id: Type.String(), certificates: Type.Integer() }, closed),
    run: (server, call) => wipeDevice(server, call.actor, of(call, 'device')),
  },
  {
    ...reading('/devices/:device/certificates', (server, call) => listInstalled(server, of(call, 'device'))),
    answer: installed,
  },
  { ...reading('/corporate-rules', async ({ db }) => good(await readCorporateRules(db))), answer: corporateRules },
  withBody(
    { method: 'PUT', url: '/corporate-rules', action: 'edit-certificates', answer: corporateRules },
    Type.Object({ mail: Type.Optional(typeRules), vpn: Type.Optional(typeRules) }, closed),
    (server, body, { actor }) => setCorporateRules(server, actor, body),
  ),
];

const identityFile = ({ content, key, password = '' }: Static<typeof uploadedFile>): IdentityFile => ({
  content: Buffer.from(content, 'base64'),
  key: key === undefined ? null : Buffer.from(key, 'base64'),
  password,
});
