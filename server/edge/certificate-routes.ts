/** What the administration API offers about the certificates of managed devices. */
import { Type } from '@sinclair/typebox';
import { certificateColumns, certificateRow } from '../api/certificates.ts';
import { oneOf } from '../api/list.ts';
import {
  certificateProtocols,
  certificateSources,
  certificateStatuses,
  certificateTypes,
  deviceKinds,
} from '../core/certificates.ts';
import { type AdminRoute, closed, of, reading, withBody } from './admin-route.ts';
import { listCertificates, setAlias, showCertificate } from './certificate-list.ts';
import { listing } from './listing.ts';

const id = Type.String({ maxLength: 64 });
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
    },
    run: listCertificates,
  }),
  reading('/certificates/:certificate', (server, call) => showCertificate(server, of(call, 'certificate'))),
  withBody(
    { method: 'POST', url: '/certificates/alias', action: 'edit-certificates' },
    Type.Object({ ids, alias: Type.String({ maxLength: 200 }) }, closed),
    (server, body, { actor }) => setAlias(server, actor, body),
  ),
];
