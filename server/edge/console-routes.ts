/** What the administration API offers about the certificate of the Web Console. */
import { Type } from '@sinclair/typebox';
import { consoleCertificate } from '../api/account.ts';
import { type AdminRoute, closed, reading, withBody } from './admin-route.ts';
import { resetConsoleCertificate, showConsoleCertificate, uploadConsoleCertificate } from './console-certificate.ts';

const url = '/console-certificate';
const action = 'edit-server-certificates';
const file = Type.String({ maxLength: 1_500_000, pattern: '^[A-Za-z0-9+/]*={0,2}$' });

export const consoleRoutes: readonly AdminRoute[] = [
  reading(url, consoleCertificate, (server) => showConsoleCertificate(server)),
  withBody(
    { method: 'POST', url, action, answer: consoleCertificate },
    Type.Object(
      {
        content: file,
        key: Type.Optional(file),
        password: Type.String({ maxLength: 1000 }),
        host: Type.Optional(Type.String({ minLength: 1, maxLength: 253 })),
      },
      closed,
    ),
    (server, { content, key, password, host }, { actor }) =>
      uploadConsoleCertificate(server, actor, {
        content: Buffer.from(content, 'base64'),
        key: key === undefined ? null : Buffer.from(key, 'base64'),
        password,
        ...(host === undefined ? {} : { host }),
      }),
  ),
  {
    method: 'DELETE',
    url,
    action,
    answer: consoleCertificate,
    run: (server, { actor }) => resetConsoleCertificate(server, actor),
  },
];
