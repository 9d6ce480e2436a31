/** What the administration API offers about the certificates of managed devices. */
import { type TSchema, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { bad, good } from '../../protocol/fault.ts';
import { certificateColumns } from '../api/certificates.ts';
import {
  certificateProtocols,
  certificateSources,
  certificateStatuses,
  certificateTypes,
  deviceKinds,
} from '../core/certificates.ts';
import { type AdminRoute, closed, of, reading, withBody } from './admin-route.ts';
import { listCertificates, setAlias, showCertificate } from './certificate-list.ts';

const oneOf = <V extends string>(values: readonly V[]) =>
  Type.Optional(Type.Union(values.map((value) => Type.Literal(value))));
const listQuery = Type.Object(
  {
    q: Type.Optional(Type.String({ maxLength: 120 })),
    sort: oneOf(certificateColumns),
    order: oneOf(['asc', 'desc'] as const),
    offset: Type.Optional(Type.Integer({ minimum: 0, maximum: 10_000_000 })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200 })),
    type: oneOf(certificateTypes),
    kind: oneOf(deviceKinds),
    status: oneOf(certificateStatuses),
    protocol: oneOf(certificateProtocols),
    source: oneOf(certificateSources),
    device: Type.Optional(Type.String({ maxLength: 64 })),
    user: Type.Optional(Type.String({ maxLength: 64 })),
    endsBefore: Type.Optional(Type.Integer({ minimum: 0, maximum: 253402300799999 })),
  },
  closed,
);
const ids = Type.Array(Type.String({ minLength: 1, maxLength: 64 }), { minItems: 1, maxItems: 1000 });

export const certificateRoutes: readonly AdminRoute[] = [
  reading('/certificates', async (server, { query }) => {
    const read = readQuery(listQuery, query);
    return read.ok ? good(await listCertificates(server, read.value)) : read;
  }),
  reading('/certificates/:certificate', (server, call) => showCertificate(server, of(call, 'certificate'))),
  withBody(
    { method: 'POST', url: '/certificates/alias', action: 'edit-certificates' },
    Type.Object({ ids, alias: Type.String({ maxLength: 200 }) }, closed),
    (server, body, { actor }) => setAlias(server, actor, body),
  ),
];

/** Texts of an address in the types of a schema. Fault: `bad-argument` with the field. */
function readQuery<S extends TSchema>(schema: S, query: Readonly<Record<string, string>>) {
  const read = Value.Convert(schema, { ...query });
  if (Value.Check(schema, read)) return good(read);
  const [first] = [...Value.Errors(schema, read)];
  return bad('bad-argument', { what: first?.path.slice(1, 60) ?? 'query' });
}
