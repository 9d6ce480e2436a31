/** What the administration API offers about e-mail. */
import { Type } from '@sinclair/typebox';
import { bad, good, type Result } from '../../protocol/fault.ts';
import type { Language } from '../../words/say.ts';
import { oneOf } from '../api/list.ts';
import { mailColumns, mailContent, mailRow, mailStates, mailTextView, mailView } from '../api/mail.ts';
import { securities } from '../core/mail.ts';
import { type MailKind, mailKinds } from '../core/mail-text.ts';
import { type AdminRoute, type Call, closed, done, of, reading, withBody } from './admin-route.ts';
import { listing } from './listing.ts';
import { pageMails } from './mail-outbox.ts';
import { setMail, unsetMail, viewMailSetting } from './mail-setting.ts';
import { languages, listTexts, previewText, resetText, setText } from './mail-texts.ts';
import { sendTest } from './mailer.ts';

const text = Type.String({ maxLength: 1000 });
const content = { subject: text, text: Type.String({ maxLength: 50_000 }) };

export const mailRoutes: readonly AdminRoute[] = [
  reading('/mail', mailView, async ({ db }) => {
    const view = await viewMailSetting(db);
    return view ? good(view) : bad('mail-off');
  }),
  withBody(
    { method: 'PUT', url: '/mail', action: 'edit-server', answer: mailView },
    Type.Partial(
      Type.Object(
        {
          host: text,
          port: Type.Integer(),
          security: Type.Union(securities.map((each) => Type.Literal(each))),
          user: text,
          password: text,
          from: text,
          replyTo: text,
          helo: text,
          authorities: Type.String({ maxLength: 200_000 }),
          administrators: Type.Array(text, { maxItems: 100 }),
          console: text,
          language: Type.Union(languages.map((each) => Type.Literal(each))),
        },
        closed,
      ),
    ),
    (server, change, { actor }) => setMail(server, actor, change),
  ),
  {
    method: 'DELETE',
    url: '/mail',
    action: 'edit-server',
    answer: done,
    run: (server, { actor }) => unsetMail(server, actor),
  },
  withBody(
    { method: 'POST', url: '/mail/test', action: 'edit-server', answer: Type.Object({ address: Type.String() }) },
    Type.Object({ address: text }, closed),
    (server, { address }) => sendTest(server, address),
  ),
  listing({
    url: '/mail/outbox',
    row: mailRow,
    columns: mailColumns,
    filters: { state: oneOf(mailStates) },
    run: pageMails,
  }),
  reading('/mail/texts', Type.Array(mailTextView), async (server) => good(await listTexts(server))),
  withBody(
    { method: 'PUT', url: '/mail/texts/:kind/:language', action: 'edit-server', answer: mailTextView },
    Type.Object(content, closed),
    (server, body, call) => named(call, (which) => setText(server, call.actor, which, body)),
  ),
  {
    method: 'DELETE',
    url: '/mail/texts/:kind/:language',
    action: 'edit-server',
    answer: mailTextView,
    run: (server, call) => named(call, (which) => resetText(server, call.actor, which)),
  },
  withBody(
    { method: 'POST', url: '/mail/texts/:kind/:language/preview', action: 'read', answer: mailContent },
    Type.Union([Type.Object(content, closed), Type.Object({}, closed)]),
    (server, body, call) => named(call, (which) => previewText(server, which, 'text' in body ? body : undefined)),
  ),
];

/** Fault: `not-found` for what is no kind of mail, or no language of ours. */
function named<T>(
  call: Call,
  run: (which: { readonly kind: MailKind; readonly language: Language }) => Promise<Result<T>>,
): Promise<Result<T>> {
  const kind = mailKinds.find((each) => each === of(call, 'kind'));
  const language = languages.find((each) => each === of(call, 'language'));
  if (!kind || !language)
    return Promise.resolve(bad('not-found', { what: `${of(call, 'kind')} ${of(call, 'language')}`.slice(0, 80) }));
  return run({ kind, language });
}
