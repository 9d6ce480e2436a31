/** Commands about who may use the Web Console and the API: accounts, tokens, and the console's own certificate. */
import { groupFingerprint } from '../../protocol/certificate.ts';
import { fill } from '../../words/say.ts';
import { serverWords as words } from '../../words/server.ts';
import type { AccountMade, AccountView, ConsoleCertificate, SetupLink, TokenMade, TokenView } from '../api/account.ts';
import { roleNames } from '../core/permission.ts';
import { readBounded } from '../edge/files.ts';
import { call, callAll, segment } from './client.ts';
import { type Command, misused, numberOption, type Option, type Outcome, textOption, type Words } from './command.ts';
import { readPasswordLine } from './input.ts';
import { date, lines, table } from './print.ts';
import { doneText, show } from './remote.ts';

const { labels, values } = words;
/** As the server takes it. */
const maxFileBytes = 1024 * 1024;
const defaultTokenDays = 90;
const maxTokenDays = 3660;
const roles: Option = { type: 'string', text: 'roles' };
const byInput: Option = { type: 'boolean', text: 'account-password-stdin' };
const texts: Readonly<Record<string, Option>> = {
  'full-name': { type: 'string', text: 'full-name' },
  email: { type: 'string', text: 'email' },
};

export const accountCommands: readonly Command[] = [
  {
    name: 'accounts list',
    positionals: [],
    options: {},
    run: ({ state }) => show(callAll<AccountView>(state, '/accounts'), accountsText),
  },
  {
    name: 'accounts add',
    positionals: ['NAME'],
    options: { roles: { ...roles, required: true }, ...texts, 'password-stdin': byInput },
    run: (given) =>
      withRoles(given, async (chosen) => {
        const body = { ...textsOf(given), name: nameOf(given), roles: chosen, password: await passwordIn(given) };
        return show(call<AccountMade>(given.state, 'POST', '/accounts', body), madeText);
      }),
  },
  {
    name: 'accounts set',
    positionals: ['NAME'],
    options: {
      roles,
      ...texts,
      disable: { type: 'boolean', text: 'disable' },
      enable: { type: 'boolean', text: 'enable' },
    },
    run: (given) =>
      withRoles(given, async (chosen) => {
        const { disable = false, enable = false } = given.options;
        const disabled = disable === enable ? undefined : disable === true;
        const body = { ...textsOf(given), roles: chosen, disabled };
        return show(call(given.state, 'PUT', pathOf(given), body), doneText);
      }),
  },
  {
    name: 'accounts set-password',
    positionals: ['NAME'],
    options: { 'password-stdin': byInput },
    run: async (given) => {
      const body = { password: await passwordIn(given) };
      return show(call<AccountMade>(given.state, 'PUT', `${pathOf(given)}/password`, body), madeText);
    },
  },
  {
    name: 'accounts reset-second-factor',
    positionals: ['NAME'],
    options: {},
    run: (given) => show(call(given.state, 'DELETE', `${pathOf(given)}/second-factor`), doneText),
  },
  {
    name: 'accounts remove',
    positionals: ['NAME'],
    options: {},
    run: (given) => show(call(given.state, 'DELETE', pathOf(given)), () => `${values.removed}\n`),
  },
  {
    name: 'accounts setup-link',
    positionals: [],
    options: {},
    run: ({ state }) =>
      show(
        call<SetupLink>(state, 'POST', '/setup-link', {}),
        ({ url, expiresAt }) => `${fill(values.setupLink, { expires: date(expiresAt) })}\n${url}\n`,
      ),
  },
  {
    name: 'tokens list',
    positionals: [],
    options: {},
    run: ({ state }) => show(callAll<TokenView>(state, '/tokens'), tokensText),
  },
  {
    name: 'tokens add',
    positionals: ['NAME'],
    options: { roles: { ...roles, required: true }, days: { type: 'string', text: 'token-days' } },
    run: async (given) => {
      const days = numberOption(given, 'days', 1, maxTokenDays);
      if (days.ok !== true) return days;
      return withRoles(given, (chosen) => {
        const body = { name: nameOf(given), roles: chosen, days: days.value ?? defaultTokenDays };
        return show(call<TokenMade>(given.state, 'POST', '/tokens', body), tokenText);
      });
    },
  },
  {
    name: 'tokens remove',
    positionals: ['NAME'],
    options: {},
    run: (given) => show(call(given.state, 'DELETE', `/tokens/${segment(nameOf(given))}`), () => `${values.removed}\n`),
  },
  {
    name: 'console show',
    positionals: [],
    options: {},
    run: ({ state }) => show(call<ConsoleCertificate>(state, 'GET', '/console-certificate'), certificateText),
  },
  {
    name: 'console upload',
    positionals: ['FILE'],
    options: {
      key: { type: 'string', text: 'key' },
      'password-stdin': { type: 'boolean', text: 'password-stdin' },
      host: { type: 'string', text: 'console-host' },
    },
    run: async (given) => {
      const content = readBounded(given.positionals[0] ?? '', maxFileBytes);
      if (!content.ok) return content;
      const keyFile = textOption(given, 'key');
      const key = keyFile === undefined ? null : readBounded(keyFile, maxFileBytes);
      if (key && !key.ok) return key;
      const body = {
        content: content.value.toString('base64'),
        key: key?.value.toString('base64'),
        password: (await passwordIn(given)) ?? '',
        host: textOption(given, 'host'),
      };
      return show(call<ConsoleCertificate>(given.state, 'POST', '/console-certificate', body), certificateText);
    },
  },
  {
    name: 'console reset',
    positionals: [],
    options: {},
    run: ({ state }) => show(call<ConsoleCertificate>(state, 'DELETE', '/console-certificate'), certificateText),
  },
];

const nameOf = ({ positionals: [name = ''] }: Words): string => name;
const pathOf = (given: Words): string => `/accounts/${segment(nameOf(given))}`;
const textsOf = (given: Words) => ({ fullName: textOption(given, 'full-name'), email: textOption(given, 'email') });

const passwordIn = async ({ options }: Words): Promise<string | undefined> =>
  options['password-stdin'] === true ? await readPasswordLine() : undefined;

async function withRoles(
  given: Words,
  run: (chosen: readonly string[] | undefined) => Promise<Outcome>,
): Promise<Outcome> {
  const chosen = textOption(given, 'roles')
    ?.split(',')
    .map((each) => each.trim());
  const known: readonly string[] = roleNames;
  if (chosen?.some((each) => !known.includes(each)))
    return misused(fill(words.badChoice, { name: 'roles', choices: roleNames.join(', ') }));
  return run(chosen);
}

const madeText = ({ name, password }: AccountMade): string =>
  password === null ? doneText() : `${fill(values.userPassword, { name })}\n${password}\n`;

const tokenText = ({ name, token }: TokenMade): string => `${fill(values.token, { name })}\n${token}\n`;

const accountsText = (rows: readonly AccountView[]): string =>
  table(
    [labels.name, labels.fullName, labels.email, labels.roles, labels.secondFactor, labels.state, labels.added],
    rows.map(({ name, fullName, email, roles: held, secondFactor, disabled, createdAt }) => [
      name,
      fullName,
      email,
      held.join(', '),
      secondFactor ? values.yes : values.no,
      disabled ? values.disabled : '',
      date(createdAt),
    ]),
  );

const tokensText = (rows: readonly TokenView[]): string =>
  table(
    [labels.name, labels.roles, labels.madeBy, labels.added, labels.expires],
    rows.map(({ name, roles: held, madeBy, madeAt, expiresAt }) => [
      name,
      held.join(', '),
      madeBy ?? 'root',
      date(madeAt),
      date(expiresAt),
    ]),
  );

const certificateText = ({ source, fingerprint, owner, issuer, notBefore, notAfter }: ConsoleCertificate): string =>
  lines([
    [labels.source, values.sources[source]],
    [labels.owner, owner],
    [labels.issuer, issuer],
    [labels.from, date(notBefore)],
    [labels.to, date(notAfter)],
    [labels.fingerprint, groupFingerprint(fingerprint)],
  ]);
