/** Orders about many certificates, done one by one: what is refused of one leaves the others done. */
import { type Static, Type } from '@sinclair/typebox';
import { good } from '../../protocol/fault.ts';
import { oneOf } from '../api/list.ts';
import { certificateTypes, deviceKinds } from '../core/certificates.ts';
import { authentications, connectionMethods, issueSources } from '../core/issue-order.ts';
import { mostOfJob } from '../core/job.ts';
import { closed, name, type Tried, workOn } from './admin-route.ts';
import { readAlias, setOneAlias } from './certificate-list.ts';
import { beginIssue, type IssuedTo, type Named, sumUp } from './corporate-issue.ts';
import { deleteCertificate, outcomeOf, renewCertificate } from './corporate-orders.ts';
import { transact } from './database.ts';
import type { IdentityFile } from './identity-file.ts';

const base64File = Type.String({ maxLength: 1_500_000, pattern: '^[A-Za-z0-9+/]*={0,2}$' });
/** PKCS#12 (P12, PFX), or certificates (CER, CRT, CERT) with their key in the same file or in another (PRK, PEM). */
const uploadedFile = Type.Object(
  { content: base64File, key: Type.Optional(base64File), password: Type.Optional(Type.String({ maxLength: 1000 })) },
  closed,
);
const names = Type.Optional(Type.Array(name, { maxItems: mostOfJob }));
const ids = Type.Array(Type.String({ minLength: 1, maxLength: 64 }), { minItems: 1, maxItems: mostOfJob });

export const issueBody = Type.Object(
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
export const renewBody = Type.Object({ ids }, closed);
export const deleteBody = Type.Object({ ids, revoke: Type.Optional(Type.Boolean()) }, closed);
export const aliasBody = Type.Object({ ids, alias: Type.String({ maxLength: 200 }) }, closed);

/** Each once, in the order they were named. */
const idsOf = (body: { readonly ids: readonly string[] }) => good([...new Set(body.ids)]);
const outcome = (_server: unknown, tried: readonly Tried[]) => outcomeOf(tried);

export const renewWork = workOn(renewBody, {
  items: idsOf,
  begin: async (_server, actor) => good((id, server) => renewCertificate(server, actor, id)),
  together: true,
  answer: outcome,
});

export const deleteWork = workOn(deleteBody, {
  items: idsOf,
  begin: async (_server, actor, { revoke = false }) =>
    good((id, server) => deleteCertificate(server, actor, id, revoke)),
  answer: outcome,
});

export const aliasWork = workOn(aliasBody, {
  items: idsOf,
  begin: async (_server, actor, { alias }) => {
    const read = readAlias(alias);
    if (!read.ok) return read;
    return good((id, server) => transact(server.db, (trx) => setOneAlias(server, trx, actor, id, read.value)));
  },
  together: true,
  answer: outcome,
});

const [ofUser, ofDevice] = ['user:', 'device:'];

export const issueWork = workOn(issueBody, {
  items: ({ users = [], devices = [] }) =>
    good([...new Set([...users.map((each) => ofUser + each), ...devices.map((each) => ofDevice + each)])]),
  begin: async (server, actor, { file, ...order }) => {
    const issue = await beginIssue(server, actor, order, file ? identityFile(file) : null);
    if (!issue.ok) return issue;
    return good((item) => issue.value(namedBy(item)));
  },
  answer: (server, tried) =>
    sumUp(
      server,
      tried.map(({ item, result }): IssuedTo => {
        if (result.ok) return result.value as IssuedTo;
        return { results: [], refused: [{ name: item.slice(item.indexOf(':') + 1), fault: result.fault }], legacy: [] };
      }),
    ),
});

const namedBy = (item: string): Named =>
  item.startsWith(ofUser) ? { user: item.slice(ofUser.length) } : { device: item.slice(ofDevice.length) };

export const identityFile = ({ content, key, password = '' }: Static<typeof uploadedFile>): IdentityFile => ({
  content: Buffer.from(content, 'base64'),
  key: key === undefined ? null : Buffer.from(key, 'base64'),
  password,
});
