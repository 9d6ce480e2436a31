/** What a confirmation code asks for, as the server shows it before and with its answer. Instants are epoch milliseconds. */
import { type Static, Type } from '@sinclair/typebox';
import { actions } from '../../protocol/codes.ts';
import { certificateView } from '../../protocol/local.ts';
import { instant, nullable, oneOf } from './list.ts';

const offeredRole = oneOf(['main', 'reserve', 'previous', 'retired', 'front-end']);

export const codeAsked = Type.Object({
  action: oneOf(Object.keys(actions) as (keyof typeof actions)[]),
  device: Type.Object({
    id: Type.String(),
    name: Type.String(),
    group: Type.String(),
    presence: oneOf(['online', 'offline']),
    lastSeen: nullable(instant),
  }),
  /** The one the device was shown; null for actions that name none. */
  certificate: nullable(Type.Object({ role: offeredRole, view: certificateView })),
  /** When the server was asked, by its clock. */
  at: instant,
});
export type CodeAsked = Static<typeof codeAsked>;

export const codeAnswer = Type.Composite([
  codeAsked,
  /** Twelve digits in groups of four; left out where it was only looked at. */
  Type.Object({ replacementCode: Type.Optional(Type.String()) }),
]);
export type CodeAnswer = CodeAsked & { readonly replacementCode: string };

/** One of several that a code fits; with fault `code-ambiguous`. */
export const codeCandidate = Type.Object({
  device: Type.Object({ id: Type.String(), name: Type.String(), group: Type.String() }),
  certificate: nullable(Type.Object({ role: offeredRole, fingerprint: Type.String() })),
});
export type CodeCandidate = Static<typeof codeCandidate>;
