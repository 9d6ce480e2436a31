/** Commands about the identities of devices. */
import { longestWindowDays } from '../../protocol/renewal.ts';
import { fill } from '../../words/say.ts';
import { serverWords as words } from '../../words/server.ts';
import type { IdentityRow } from '../api/devices.ts';
import { type IssuanceRules, longestPassword, maxValidityDays, shortestPassword } from '../core/issuance.ts';
import { call, segment } from './client.ts';
import { type Command, misused, numberOption, type Outcome, textOption, type Words } from './command.ts';
import { date, lines, table } from './print.ts';
import { doneText, show } from './remote.ts';

const { labels, values } = words;

export const identityCommands: readonly Command[] = [
  {
    name: 'identities',
    positionals: [],
    options: {},
    run: ({ state }) => show(call<IdentityRow[]>(state, 'GET', '/identities'), identitiesText),
  },
  {
    name: 'identity renew',
    positionals: ['DEVICE'],
    options: {},
    run: (given) => show(call(given.state, 'POST', `${pathOf(given)}/renew`), doneText),
  },
  {
    name: 'identity delete',
    positionals: ['DEVICE'],
    options: {},
    run: (given) => show(call(given.state, 'DELETE', pathOf(given)), () => `${values.removed}\n`),
  },
  {
    name: 'identity rules',
    positionals: [],
    options: {
      validity: { type: 'string', text: 'validity' },
      'renew-before': { type: 'string', text: 'rule-renew-before' },
      automatic: { type: 'string', text: 'automatic' },
      'password-length': { type: 'string', text: 'password-length' },
      'prompt-password': { type: 'string', text: 'prompt-password' },
    },
    run: setRules,
  },
];

async function setRules(given: Words): Promise<Outcome> {
  const validity = numberOption(given, 'validity', 1, maxValidityDays);
  if (validity.ok !== true) return validity;
  const before = numberOption(given, 'renew-before', 1, longestWindowDays);
  if (before.ok !== true) return before;
  const letters = numberOption(given, 'password-length', shortestPassword, longestPassword);
  if (letters.ok !== true) return letters;
  const switches: Record<string, boolean | undefined> = {};
  for (const name of ['automatic', 'prompt-password']) {
    const typed = textOption(given, name);
    if (typed !== undefined && typed !== 'on' && typed !== 'off')
      return misused(fill(words.badChoice, { name, choices: 'on, off' }));
    switches[name] = typed === undefined ? undefined : typed === 'on';
  }
  const changes = {
    validityDays: validity.value,
    renewBeforeDays: before.value,
    automaticRenewal: switches['automatic'],
    passwordLength: letters.value,
    promptPassword: switches['prompt-password'],
  };
  return Object.values(changes).every((value) => value === undefined)
    ? show(call<IssuanceRules>(given.state, 'GET', '/identity-rules'), rulesText)
    : show(call<IssuanceRules>(given.state, 'PUT', '/identity-rules', changes), rulesText);
}

const pathOf = ({ positionals: [device = ''] }: Words): string => `/devices/${segment(device)}/identity`;

const rulesText = (rules: IssuanceRules): string =>
  lines([
    [labels.validity, String(rules.validityDays)],
    [labels.renewBeforeDays, String(rules.renewBeforeDays)],
    [labels.automaticRenewal, rules.automaticRenewal ? values.on : values.off],
    [labels.passwordLength, String(rules.passwordLength)],
    [labels.promptPassword, rules.promptPassword ? values.on : values.off],
  ]);

const identitiesText = (rows: readonly IdentityRow[]): string =>
  table(
    [
      labels.device,
      labels.status,
      labels.updated,
      labels.issued,
      labels.expires,
      labels.renewalDisabled,
      labels.serial,
      labels.thumbprint,
    ],
    rows.map(({ device, status, since, issuedAt, notAfter, automaticRenewalDisabled, serial, thumbprint }) => [
      device,
      values.statuses[status],
      date(since),
      date(issuedAt),
      date(notAfter),
      automaticRenewalDisabled ? values.yes : values.no,
      serial,
      thumbprint,
    ]),
  );
