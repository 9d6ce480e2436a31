/** The certificates of managed devices as the API gives them, for the server and the Web Console. Instants are epoch milliseconds. */
import { type Static, Type } from '@sinclair/typebox';
import { purpose, source } from '../../protocol/shapes.ts';
import {
  certificateProtocols,
  certificateSources,
  certificateStatuses,
  certificateTypes,
  deviceKinds,
} from '../core/certificates.ts';
import { instant, nullable, oneOf } from './list.ts';

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
    since: instant,
    protocol: oneOf(certificateProtocols),
    source: oneOf(certificateSources),
    /** Null until there is a certificate, as `notAfter` and `thumbprint` are. */
    issuedAt: nullable(instant),
    notAfter: nullable(instant),
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

export const shownFault = Type.Object({
  code: Type.String(),
  kind: Type.String(),
  facts: Type.Record(Type.String(), Type.Union([Type.String(), Type.Number()])),
});
/** Of what is done to many: what could not be done, each with why; the others are done. */
export const outcome = Type.Object(
  {
    done: Type.Array(Type.String()),
    refused: Type.Array(
      Type.Object(
        {
          id: Type.String(),
          fault: shownFault,
        },
        closed,
      ),
    ),
  },
  closed,
);

export const installedCertificate = Type.Object(
  {
    /** Alias, or the file it came in; empty where the server does not know it. */
    name: Type.String(),
    /** Whether the device shows by it who it is; else it is for judging servers. */
    userCertificate: Type.Boolean(),
    /** SHA-256, hex. */
    thumbprint: Type.String(),
    use: Type.Union([oneOf(certificateTypes), purpose]),
    /** How one for judging servers came to the device. */
    source: nullable(source),
    notAfter: nullable(instant),
  },
  closed,
);
export const installed = Type.Object({ reportedAt: instant, certificates: Type.Array(installedCertificate) }, closed);

export type CertificateOutcome = Static<typeof outcome>;
export type InstalledCertificate = Static<typeof installedCertificate>;
export type Installed = Static<typeof installed>;
export type CertificateRow = Static<typeof certificateRow>;
export type CertificatePage = Static<typeof certificatePage>;
export type CertificateColumn = (typeof certificateColumns)[number];
