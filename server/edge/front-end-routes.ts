/** What the administration API offers about certificates that front ends show to devices. */
import { Type } from '@sinclair/typebox';
import { good } from '../../protocol/fault.ts';
import { frontEndCertificateView } from '../api/server-certificates.ts';
import { type AdminRoute, closed, of, reading, withBody } from './admin-route.ts';
import {
  addFrontEndCertificate,
  listFrontEndCertificates,
  removeFrontEndCertificate,
} from './front-end-certificates.ts';

const url = '/server-certificates/front-ends';
const told = Type.Object({ fingerprint: Type.String() }, closed);
const content = Type.String({ pattern: '^[A-Za-z0-9+/]*={0,2}$', maxLength: 128 * 1024 });

export const frontEndRoutes: readonly AdminRoute[] = [
  reading(url, Type.Array(frontEndCertificateView), async (server) => good(await listFrontEndCertificates(server))),
  withBody(
    { method: 'POST', url, action: 'edit-server-certificates', answer: told },
    Type.Object({ address: Type.String({ minLength: 1, maxLength: 300 }), content }, closed),
    (server, body, { actor }) =>
      addFrontEndCertificate(server, actor, { address: body.address, content: Buffer.from(body.content, 'base64') }),
  ),
  withBody(
    { method: 'POST', url: `${url}/:fingerprint/remove`, action: 'edit-server-certificates', answer: told },
    Type.Object({ override: Type.Boolean() }, closed),
    (server, { override }, call) =>
      removeFrontEndCertificate(server, call.actor, { fingerprint: of(call, 'fingerprint'), override }),
  ),
];
