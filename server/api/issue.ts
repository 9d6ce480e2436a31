/** What came of an order of certificates, as the API answers it. */
import { type Static, Type } from '@sinclair/typebox';
import { shownFault } from './certificates.ts';
import { instant, nullable, oneOf } from './list.ts';

/** A one-time password was made, the user registers by its own, devices fetch it, or it is on record. */
export const issueOutcomes = ['invitation', 'credentials', 'ordered', 'recorded'] as const;
export type IssueOutcome = (typeof issueOutcomes)[number];

const result = Type.Object({
  /** Of the certificate, else of the user. */
  id: Type.String(),
  as: oneOf(issueOutcomes),
  device: nullable(Type.String()),
  user: nullable(Type.String()),
  /** One-time, shown this once. Empty where there is none, or where it is mailed alone. */
  password: Type.String(),
  expiresAt: nullable(instant),
  mailedTo: Type.Array(Type.String()),
});
export const issued = Type.Object({
  /** Where devices register, and what they find there. */
  server: Type.Object({ address: Type.String(), fingerprint: Type.String() }),
  results: Type.Array(result),
  /** The others are done. */
  refused: Type.Array(Type.Object({ name: Type.String(), fault: shownFault })),
  /** Outdated encryption of the uploaded file. */
  legacy: Type.Array(Type.String()),
});
export type Issued = Static<typeof issued>;
export type IssueResult = Static<typeof result>;
