/** The list of certificates of managed devices as the API gives it, for the server and the Web Console. Instants are epoch milliseconds. */
import { type Static, type TSchema, Type } from '@sinclair/typebox';
import {
  certificateProtocols,
  certificateSources,
  certificateStatuses,
  certificateTypes,
  deviceKinds,
} from '../core/certificates.ts';

const oneOf = <V extends string>(values: readonly V[]) => Type.Union(values.map((value) => Type.Literal(value)));
const nullable = <S extends TSchema>(schema: S) => Type.Union([schema, Type.Null()]);
const closed = { additionalProperties: false };

export const certificateRow = Type.Object(
  {
    id: Type.String(),
    type: oneOf(certificateTypes),
    kind: oneOf(deviceKinds),
    /** Null where it is only recorded. */
    device: nullable(Type.String()),
    deviceId: nullable(Type.String()),
    user: nullable(Type.String()),
    userId: nullable(Type.String()),
    alias: Type.String(),
    status: oneOf(certificateStatuses),
    /** Latest status update. */
    since: Type.Integer(),
    protocol: oneOf(certificateProtocols),
    source: oneOf(certificateSources),
    /** Null until there is a certificate, as `notAfter` and `thumbprint` are. */
    issuedAt: nullable(Type.Integer()),
    notAfter: nullable(Type.Integer()),
    /** SHA-256, hex. */
    thumbprint: nullable(Type.String()),
    automaticRenewalDisabled: Type.Boolean(),
  },
  closed,
);
export const certificatePage = Type.Object({ rows: Type.Array(certificateRow), total: Type.Integer() }, closed);
export const certificateColumns = [
  'type',
  'kind',
  'device',
  'user',
  'alias',
  'status',
  'since',
  'protocol',
  'source',
  'issuedAt',
  'notAfter',
  'thumbprint',
  'automaticRenewalDisabled',
] as const;

export type CertificateRow = Static<typeof certificateRow>;
export type CertificatePage = Static<typeof certificatePage>;
export type CertificateColumn = (typeof certificateColumns)[number];
