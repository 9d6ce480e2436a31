/** What the administration API offers about the certificates of managed devices. */
import { Type } from '@sinclair/typebox';
import { good } from '../../protocol/fault.ts';
import { certificateColumns, certificateRow, installed, outcome } from '../api/certificates.ts';
import { issued } from '../api/issue.ts';
import { oneOf } from '../api/list.ts';
import { corporateRule, corporateRules } from '../api/rules.ts';
import {
  certificateProtocols,
  certificateSources,
  certificateStatuses,
  certificateTypes,
  deviceKinds,
} from '../core/certificates.ts';
import { type AdminRoute, closed, of, reading, withBody } from './admin-route.ts';
import { listCertificates, setAlias, showCertificate } from './certificate-list.ts';
import {
  aliasBody,
  aliasWork,
  deleteBody,
  deleteWork,
  identityFile,
  issueBody,
  issueWork,
  renewBody,
  renewWork,
} from './certificate-work.ts';
import { issueCertificates } from './corporate-issue.ts';
import { deleteCertificates, renewCertificates, wipeDevice } from './corporate-orders.ts';
import { readCorporateRules, setCorporateRules } from './corporate-rules.ts';
import { listInstalled } from './installed.ts';
import { listing } from './listing.ts';

const id = Type.String({ maxLength: 64 });
const typeRules = Type.Partial(corporateRule);
const changed = Type.Object({ changed: Type.Integer() }, closed);

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
  reading('/certificates/:certificate', certificateRow, (server, call) =>
    showCertificate(server, of(call, 'certificate')),
  ),
  withBody(
    { method: 'POST', url: '/certificates/alias', action: 'edit-certificates', answer: changed, work: aliasWork },
    aliasBody,
    (server, body, { actor }) => setAlias(server, actor, body),
  ),
  withBody(
    { method: 'POST', url: '/certificates/issue', action: 'edit-certificates', answer: issued, work: issueWork },
    issueBody,
    (server, { file, ...order }, { actor }) =>
      issueCertificates(server, actor, order, file ? identityFile(file) : null),
  ),
  withBody(
    { method: 'POST', url: '/certificates/renew', action: 'edit-certificates', answer: outcome, work: renewWork },
    renewBody,
    async (server, body, { actor }) => good(await renewCertificates(server, actor, body.ids)),
  ),
  withBody(
    { method: 'POST', url: '/certificates/delete', action: 'edit-certificates', answer: outcome, work: deleteWork },
    deleteBody,
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
  reading('/devices/:device/certificates', installed, (server, call) => listInstalled(server, of(call, 'device'))),
  reading('/corporate-rules', corporateRules, async ({ db }) => good(await readCorporateRules(db))),
  withBody(
    { method: 'PUT', url: '/corporate-rules', action: 'edit-certificates', answer: corporateRules },
    Type.Object({ mail: Type.Optional(typeRules), vpn: Type.Optional(typeRules) }, closed),
    (server, body, { actor }) => setCorporateRules(server, actor, body),
  ),
];
