/** Commands about the identities of devices. */
import { serverWords as words } from '../../words/server.ts';
import { maxValidityDays } from '../core/identity.ts';
import type { IdentityRow } from '../edge/identities.ts';
import type { IssuanceRules } from '../edge/issuance.ts';
import { call, segment } from './client.ts';
import { type Command, numberOption, type Words } from './command.ts';
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
    options: { validity: { type: 'string', text: 'validity' } },
    run: async (given) => {
      const validity = numberOption(given, 'validity', 1, maxValidityDays);
      if (validity.ok !== true) return validity;
      const { value: validityDays } = validity;
      return validityDays === undefined
        ? show(call<IssuanceRules>(given.state, 'GET', '/identity-rules'), rulesText)
        : show(call(given.state, 'PUT', '/identity-rules', { validityDays }), doneText);
    },
  },
];

const pathOf = ({ positionals: [device = ''] }: Words): string => `/devices/${segment(device)}/identity`;

const rulesText = ({ validityDays }: IssuanceRules): string => lines([[labels.validity, String(validityDays)]]);

const identitiesText = (rows: readonly IdentityRow[]): string =>
  table(
    [labels.device, labels.status, labels.updated, labels.issued, labels.expires, labels.serial, labels.thumbprint],
    rows.map(({ device, status, since, issuedAt, notAfter, serial, thumbprint }) => [
      device,
      values.statuses[status],
      date(since),
      date(issuedAt),
      notAfter === null ? '' : date(notAfter),
      serial,
      thumbprint,
    ]),
  );
