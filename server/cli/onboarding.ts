/** Commands about devices that are to come: in bulk, by approval, in the place of others. */
import { groupFingerprint } from '../../protocol/certificate.ts';
import { fill } from '../../words/say.ts';
import { serverWords as words } from '../../words/server.ts';
import type { GroupTokenView, Imported, Invited, RequestView } from '../api/onboarding.ts';
import { maxTokenDays, mostOfToken } from '../core/token.ts';
import { readBounded } from '../edge/files.ts';
import { call, order, segment } from './client.ts';
import { type Command, numberOption, textOption } from './command.ts';
import { date, lines, table } from './print.ts';
import { doneText, invitationText, show } from './remote.ts';

const { labels, values } = words;
const maxFileBytes = 1024 * 1024;
const sayEarly = (): void => void process.stderr.write(`${values.endedEarly}\n`);

export const onboardingCommands: readonly Command[] = [
  {
    name: 'invitations import',
    positionals: ['FILE'],
    options: {},
    run: ({ state, positionals: [file = ''] }) => {
      const read = readBounded(file, maxFileBytes);
      if (read.ok) {
        const csv = Buffer.from(read.value).toString('utf8');
        return show(order<Imported>(state, '/invitations/import', { csv }, sayEarly), importedText);
      }
      const noFile = read.fault.code === 'not-found';
      return Promise.resolve(noFile ? { ...read, text: fill(words.noFile, { file }) } : read);
    },
  },
  {
    name: 'group-tokens list',
    positionals: [],
    options: {},
    run: ({ state }) => show(call<GroupTokenView[]>(state, 'GET', '/group-tokens'), tokensText),
  },
  {
    name: 'group-tokens add',
    positionals: ['GROUP'],
    options: {
      devices: { type: 'string', text: 'group-token-devices', required: true },
      days: { type: 'string', text: 'group-token-days' },
      approval: { type: 'boolean', text: 'group-token-approval' },
    },
    run: async (given) => {
      const [most, days] = [
        numberOption(given, 'devices', 1, mostOfToken),
        numberOption(given, 'days', 1, maxTokenDays),
      ];
      if (most.ok !== true) return most;
      if (days.ok !== true) return days;
      const approval = given.options['approval'] === true;
      const body = { group: given.positionals[0] ?? '', most: most.value, days: days.value, approval };
      return show(call<Invited>(given.state, 'POST', '/group-tokens', body), (made) =>
        tokenText(made, most.value ?? 0),
      );
    },
  },
  {
    name: 'group-tokens end',
    positionals: ['TOKEN'],
    options: {},
    run: ({ state, positionals: [token = ''] }) =>
      show(call(state, 'DELETE', `/group-tokens/${segment(token)}`), doneText),
  },
  {
    name: 'requests list',
    positionals: [],
    options: {},
    run: ({ state }) => show(call<RequestView[]>(state, 'GET', '/enrolment-requests'), requestsText),
  },
  {
    name: 'requests approve',
    positionals: ['REQUEST'],
    options: { name: { type: 'string', text: 'name' } },
    run: (given) => {
      const body = { decision: 'approved', name: textOption(given, 'name') };
      return show(call(given.state, 'POST', pathOf(given.positionals[0]), body), doneText);
    },
  },
  {
    name: 'requests refuse',
    positionals: ['REQUEST'],
    options: {},
    run: ({ state, positionals: [number] }) =>
      show(call(state, 'POST', pathOf(number), { decision: 'refused' }), doneText),
  },
  {
    name: 'device replace',
    positionals: ['DEVICE'],
    options: {},
    run: ({ state, positionals: [device = ''] }) =>
      show(call<Invited>(state, 'POST', `/devices/${segment(device)}/replace`), invitationText),
  },
];

const pathOf = (number = ''): string => `/enrolment-requests/${segment(number)}`;

/** A table for a spreadsheet. */
const importedText = ({ csv }: Imported): string => csv;

function tokenText({ address, fingerprint, invitation: id, password, expiresAt }: Invited, most: number): string {
  const { invitation } = words;
  const rows = lines([
    [invitation.address, address],
    [invitation.fingerprint, groupFingerprint(fingerprint)],
    [invitation.invitation, id],
    [labels.password, password],
  ]);
  return `${fill(invitation.leadToken, { most, expires: date(expiresAt) })}\n\n${rows}`;
}

const tokensText = (rows: readonly GroupTokenView[]): string =>
  table(
    [labels.token, labels.group, labels.devices, labels.approval, labels.added, labels.to, labels.status],
    rows.map(({ id, group, used, most, approval, createdAt, expiresAt, endedAt }) => [
      id,
      group,
      `${used}/${most}`,
      approval ? values.yes : values.no,
      date(createdAt),
      date(expiresAt),
      endedAt === null ? '' : values.ended,
    ]),
  );

const requestsText = (rows: readonly RequestView[]): string =>
  table(
    [labels.request, labels.group, labels.hardware, labels.address, labels.asked, labels.askedLast],
    rows.map(({ number, group, hardwareId, address, askedAt, lastAskedAt }) => [
      number,
      group,
      hardwareId,
      address,
      date(askedAt),
      date(lastAskedAt),
    ]),
  );
