/** E-mail as the API shows it. Instants are epoch milliseconds. */
import { type Static, Type } from '@sinclair/typebox';
import { securities } from '../core/mail.ts';
import { mailKinds } from '../core/mail-text.ts';
import { language } from './account.ts';
import { instant, nullable, oneOf } from './list.ts';

export const mailStates = ['waiting', 'sent', 'undeliverable', 'withdrawn'] as const;
export type MailState = (typeof mailStates)[number];

/** The setting without its secret. Empty texts are left out things. */
export const mailView = Type.Object({
  host: Type.String(),
  port: Type.Integer(),
  security: oneOf(securities),
  user: Type.String(),
  /** Whether one is kept. */
  password: Type.Boolean(),
  from: Type.String(),
  replyTo: Type.String(),
  helo: Type.String(),
  /** PEM. */
  authorities: Type.String(),
  administrators: Type.Array(Type.String()),
  console: Type.String(),
  language,
});
export type MailView = Static<typeof mailView>;

export const mailRow = Type.Object({
  id: Type.String(),
  kind: oneOf(mailKinds),
  address: Type.String(),
  state: oneOf(mailStates),
  tries: Type.Integer(),
  madeAt: instant,
  nextAt: instant,
  endsAt: instant,
  doneAt: nullable(instant),
  /** What the last try met. */
  reason: Type.String(),
});
export type MailRow = Static<typeof mailRow>;
export const mailColumns = ['kind', 'address', 'state', 'tries', 'madeAt', 'nextAt', 'doneAt'] as const;
export type MailColumn = (typeof mailColumns)[number];

export const mailContent = Type.Object({ subject: Type.String(), text: Type.String() });
export const mailTextView = Type.Object({
  kind: oneOf(mailKinds),
  language,
  subject: Type.String(),
  text: Type.String(),
  /** Written by an administrator. */
  own: Type.Boolean(),
  placeholders: Type.Array(Type.String()),
});
export type MailTextView = Static<typeof mailTextView>;
