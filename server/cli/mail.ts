/** Commands about e-mail. The password of the SMTP server comes by standard input. */
import { readFile } from 'node:fs/promises';
import { bad } from '../../protocol/fault.ts';
import { fill } from '../../words/say.ts';
import { serverWords as words } from '../../words/server.ts';
import type { MailRow, MailTextView, MailView } from '../api/mail.ts';
import type { MailText } from '../core/mail-text.ts';
import { call, callAll, segment } from './client.ts';
import { type Command, misused, numberOption, type Option, type Outcome, textOption, type Words } from './command.ts';
import { readPasswordLine } from './input.ts';
import { date, lines, table } from './print.ts';
import { doneText, show } from './remote.ts';

const { labels, values } = words;
const securities = ['starttls', 'tls', 'none'];
const languages = ['en', 'ru'];
const language: Option = { type: 'string', text: 'text-language' };

export const mailCommands: readonly Command[] = [
  {
    name: 'mail show',
    positionals: [],
    options: {},
    run: ({ state }) => show(call<MailView>(state, 'GET', '/mail'), settingText),
  },
  {
    name: 'mail set',
    positionals: [],
    options: {
      host: { type: 'string', text: 'mail-host' },
      port: { type: 'string', text: 'mail-port' },
      security: { type: 'string', text: 'mail-security' },
      user: { type: 'string', text: 'mail-user' },
      'password-stdin': { type: 'boolean', text: 'mail-password' },
      from: { type: 'string', text: 'mail-from' },
      'reply-to': { type: 'string', text: 'mail-reply-to' },
      helo: { type: 'string', text: 'mail-helo' },
      ca: { type: 'string', text: 'mail-ca' },
      administrators: { type: 'string', text: 'mail-administrators' },
      console: { type: 'string', text: 'mail-console' },
      language: { type: 'string', text: 'mail-language' },
    },
    run: setMail,
  },
  {
    name: 'mail off',
    positionals: [],
    options: {},
    run: ({ state }) => show(call(state, 'DELETE', '/mail'), doneText),
  },
  {
    name: 'mail test',
    positionals: ['ADDRESS'],
    options: {},
    run: ({ state, positionals: [address = ''] }) =>
      show(
        call<{ address: string }>(state, 'POST', '/mail/test', { address }, testMs),
        (sent) => `${fill(words.mailTested, sent)}\n`,
      ),
  },
  {
    name: 'mail outbox',
    positionals: [],
    options: {},
    run: ({ state }) => show(callAll<MailRow>(state, '/mail/outbox'), outboxText),
  },
  {
    name: 'mail texts',
    positionals: [],
    options: {},
    run: ({ state }) => show(call<MailTextView[]>(state, 'GET', '/mail/texts'), textsText),
  },
  {
    name: 'mail text',
    positionals: ['KIND'],
    options: { language },
    run: (given) =>
      inLanguage(given, (path) => show(call<MailText>(given.state, 'POST', `${path}/preview`, {}), textText)),
  },
  {
    name: 'mail set-text',
    positionals: ['KIND', 'FILE'],
    options: { language },
    run: (given) =>
      inLanguage(given, async (path) => {
        const file = given.positionals[1] ?? '';
        const read = await readText(file);
        if (read === null) return { ...bad('not-found', { what: file }), text: fill(words.noFile, { file }) };
        const [subject = '', ...rest] = read.replace(/^\uFEFF/, '').split(/\r?\n/);
        const body = { subject, text: rest.join('\n').replace(/^\n+/, '') };
        return show(call<MailTextView>(given.state, 'PUT', path, body), doneText);
      }),
  },
  {
    name: 'mail reset-text',
    positionals: ['KIND'],
    options: { language },
    run: (given) => inLanguage(given, (path) => show(call(given.state, 'DELETE', path), doneText)),
  },
];

/** The server waits for the SMTP server. */
const testMs = 180_000;

async function setMail(given: Words): Promise<Outcome> {
  const port = numberOption(given, 'port', 1, 65535);
  if (port.ok !== true) return port;
  for (const [name, choices] of [
    ['security', securities],
    ['language', languages],
  ] as const) {
    const chosen = textOption(given, name);
    if (chosen !== undefined && !choices.includes(chosen))
      return misused(fill(words.badChoice, { name, choices: choices.join(', ') }));
  }
  const file = textOption(given, 'ca');
  const authorities = file === undefined ? undefined : file === 'system' ? '' : await readText(file);
  if (authorities === null)
    return { ...bad('not-found', { what: file ?? '' }), text: fill(words.noFile, { file: file ?? '' }) };
  const administrators = textOption(given, 'administrators');
  const body = {
    host: textOption(given, 'host'),
    port: port.value,
    security: textOption(given, 'security'),
    user: textOption(given, 'user'),
    password: given.options['password-stdin'] === true ? await readPasswordLine() : undefined,
    from: textOption(given, 'from'),
    replyTo: textOption(given, 'reply-to'),
    helo: textOption(given, 'helo'),
    authorities,
    administrators: administrators?.split(',').filter((each) => each.trim() !== ''),
    console: textOption(given, 'console'),
    language: textOption(given, 'language'),
  };
  return show(call<MailView>(given.state, 'PUT', '/mail', body), settingText);
}

async function inLanguage(given: Words, run: (path: string) => Promise<Outcome>): Promise<Outcome> {
  const chosen = textOption(given, 'language') ?? 'en';
  if (!languages.includes(chosen))
    return misused(fill(words.badChoice, { name: 'language', choices: languages.join(', ') }));
  return run(`/mail/texts/${segment(given.positionals[0] ?? '')}/${chosen}`);
}

const readText = (file: string): Promise<string | null> => readFile(file, 'utf8').catch(() => null);

function settingText(setting: MailView): string {
  const or = (text: string): string => text || values.none;
  return lines([
    [labels.server, `${setting.host.includes(':') ? `[${setting.host}]` : setting.host}:${setting.port}`],
    [labels.security, setting.security],
    [labels.authorities, setting.authorities === '' ? values.systemRoots : values.ownRoots],
    [labels.user, or(setting.user)],
    [labels.password, setting.password ? values.passwordKept : values.none],
    [labels.sender, setting.from],
    [labels.replyTo, or(setting.replyTo)],
    [labels.helo, or(setting.helo)],
    [labels.administrators, or(setting.administrators.join(', '))],
    [labels.console, or(setting.console)],
    [labels.language, setting.language],
  ]);
}

const outboxText = (rows: readonly MailRow[]): string =>
  table(
    [labels.time, labels.kind, labels.address, labels.state, labels.tries, labels.nextTry, labels.reason],
    rows.map(({ madeAt, kind, address, state, tries, nextAt, doneAt, reason }) => [
      date(madeAt),
      kind,
      address,
      state === 'waiting' ? values.mailStates.waiting : `${values.mailStates[state]} ${date(doneAt)}`,
      String(tries),
      state === 'waiting' ? date(nextAt) : '',
      reason,
    ]),
  );

const textsText = (rows: readonly MailTextView[]): string =>
  table(
    [labels.kind, labels.language, labels.own, labels.subjectLine, labels.placeholders],
    rows.map(({ kind, language: of, own, subject, placeholders }) => [
      kind,
      of,
      own ? values.yes : values.no,
      subject,
      placeholders.map((name) => `{${name}}`).join(' '),
    ]),
  );

const textText = ({ subject, text }: MailText): string => `${subject}\n\n${text}`;
