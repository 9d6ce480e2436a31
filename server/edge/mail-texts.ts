/** Texts of mails: those that come along, and those an administrator wrote in their place. */
import { good, type Result } from '../../protocol/fault.ts';
import { mailEn } from '../../words/mail-en.ts';
import { mailRu } from '../../words/mail-ru.ts';
import { formatInstant, type Language, wordsOf } from '../../words/say.ts';
import type { MailTextView } from '../api/mail.ts';
import {
  type Facts,
  fillText,
  judgeText,
  type MailKind,
  type MailText,
  mailKinds,
  placeholders,
} from '../core/mail-text.ts';
import { type Actor, addressesOf, audit, readIdentity, type Server } from './context.ts';
import { transact } from './database.ts';
import { readMailSetting } from './mail-setting.ts';
import type { Database } from './tables.ts';

type Own = { readonly [language in Language]?: { readonly [kind in MailKind]?: MailText } };

const name = 'mail-texts';
export const mailWords = { en: mailEn, ru: mailRu } as const;
export const languages: readonly Language[] = ['en', 'ru'];

export async function listTexts({ db }: Server): Promise<readonly MailTextView[]> {
  const own = await readOwn(db);
  return languages.flatMap((language) => mailKinds.map((kind) => viewOf(own, kind, language)));
}

/** Faults: those of `judgeText`. */
export const setText = (
  server: Server,
  actor: Actor,
  { kind, language }: Pick<MailTextView, 'kind' | 'language'>,
  wanted: MailText,
): Promise<Result<MailTextView>> =>
  transact(server.db, async (trx) => {
    const judged = judgeText(kind, wanted);
    if (!judged.ok) return judged;
    const before = await readOwn(trx);
    const own = { ...before, [language]: { ...before[language], [kind]: judged.value } };
    await write(trx, own);
    await audit(server, trx, { actor, action: 'mail-text-set', subject: `${kind} ${language}` });
    return good(viewOf(own, kind, language));
  });

/** That of this release again. */
export const resetText = (
  server: Server,
  actor: Actor,
  { kind, language }: Pick<MailTextView, 'kind' | 'language'>,
): Promise<Result<MailTextView>> =>
  transact(server.db, async (trx) => {
    const before = await readOwn(trx);
    const { [kind]: _gone, ...rest } = before[language] ?? {};
    const own = { ...before, [language]: rest };
    await write(trx, own);
    await audit(server, trx, { actor, action: 'mail-text-reset', subject: `${kind} ${language}` });
    return good(viewOf(own, kind, language));
  });

/** What a person would read, with examples for facts. Faults: those of `judgeText`. */
export async function previewText(
  server: Server,
  { kind, language }: Pick<MailTextView, 'kind' | 'language'>,
  wanted?: MailText,
): Promise<Result<MailText>> {
  const kept = viewOf(await readOwn(server.db), kind, language);
  const judged = judgeText(kind, wanted ?? kept);
  if (!judged.ok) return judged;
  return good(fillText(judged.value, { ...(await commonFacts(server.db)), ...(await examples(server, language)) }));
}

/** Ready to be sent. */
export async function makeText(trx: Database, kind: MailKind, facts: Facts): Promise<MailText> {
  const language = (await readMailSetting(trx))?.language ?? 'en';
  return fillText(viewOf(await readOwn(trx), kind, language), { ...(await commonFacts(trx)), ...facts });
}

/** Date, time and zone: the zone is that of the server. */
export const sayInstant = (at: number, language: Language): string =>
  formatInstant(wordsOf[language], at, -new Date(at).getTimezoneOffset());

async function commonFacts(trx: Database): Promise<Facts> {
  return { server: (await readIdentity(trx)).name, console: (await readMailSetting(trx))?.console ?? '' };
}

async function examples({ db, clock }: Server, language: Language): Promise<Facts> {
  return {
    address: addressesOf(await readIdentity(db)).https,
    fingerprint: '0123 4567 89ab cdef '.repeat(4).trim(),
    invitation: 'ABCD2345',
    name: 'reception',
    user: 'anna@example.com',
    fullName: 'Anna K',
    password: 'ABCD-EFGH-JKMN',
    expires: sayInstant(clock(), language),
    count: '1',
    notices: '…',
  };
}

function viewOf(own: Own, kind: MailKind, language: Language): MailTextView {
  const written = own[language]?.[kind];
  const { subject, text } = written ?? mailWords[language].texts[kind];
  return { kind, language, own: written !== undefined, subject, text, placeholders: [...placeholders[kind].known] };
}

async function readOwn(db: Database): Promise<Own> {
  const row = await db.selectFrom('settings').select('value').where('name', '=', name).executeTakeFirst();
  return row ? (JSON.parse(row.value) as Own) : {};
}

async function write(trx: Database, own: Own): Promise<void> {
  const value = JSON.stringify(own);
  await trx
    .insertInto('settings')
    .values({ name, value })
    .onConflict((conflict) => conflict.column('name').doUpdateSet({ value }))
    .execute();
}
