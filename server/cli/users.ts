/** Commands about internal users. A password comes by standard input, or is made by the server and shown once. */
import { fill } from '../../words/say.ts';
import { serverWords as words } from '../../words/server.ts';
import type { UserMade, UserView } from '../api/users.ts';
import { call, callAll, segment } from './client.ts';
import { type Command, numberOption, type Option, textOption, type Words } from './command.ts';
import { readPasswordLine } from './input.ts';
import { date, table } from './print.ts';
import { doneText, show } from './remote.ts';

const { labels, values } = words;
const mostDevices = 10_000;
const byInput: Option = { type: 'boolean', text: 'user-password-stdin' };
const fieldOptions = {
  'full-name': { type: 'string', text: 'full-name' },
  description: { type: 'string', text: 'user-description' },
  email: { type: 'string', text: 'email' },
  phone: { type: 'string', text: 'user-phone' },
  group: { type: 'string', text: 'user-group' },
  devices: { type: 'string', text: 'user-devices' },
} as const satisfies Command['options'];

export const userCommands: readonly Command[] = [
  {
    name: 'users list',
    positionals: [],
    options: {},
    run: ({ state }) => show(callAll<UserView>(state, '/users'), usersText),
  },
  {
    name: 'users add',
    positionals: ['NAME'],
    options: { ...fieldOptions, 'password-stdin': byInput },
    run: async (given) => {
      const fields = fieldsIn(given);
      if (fields.ok !== true) return fields;
      const body = { name: given.positionals[0] ?? '', ...fields.value, password: await passwordIn(given) };
      return show(call<UserMade>(given.state, 'POST', '/users', body), madeText);
    },
  },
  {
    name: 'users set',
    positionals: ['NAME'],
    options: fieldOptions,
    run: async (given) => {
      const fields = fieldsIn(given);
      if (fields.ok !== true) return fields;
      return show(call<UserView>(given.state, 'PUT', pathOf(given), fields.value), doneText);
    },
  },
  {
    name: 'users set-password',
    positionals: ['NAME'],
    options: { 'password-stdin': byInput },
    run: async (given) => {
      const body = { password: await passwordIn(given) };
      return show(call<UserMade>(given.state, 'PUT', `${pathOf(given)}/password`, body), madeText);
    },
  },
  {
    name: 'users remove',
    positionals: ['NAME'],
    options: {},
    run: (given) => show(call(given.state, 'DELETE', pathOf(given)), () => `${values.removed}\n`),
  },
];

const pathOf = ({ positionals: [name = ''] }: Words): string => `/users/${segment(name)}`;

function fieldsIn(given: Words) {
  const devices = numberOption(given, 'devices', 1, mostDevices);
  if (devices.ok !== true) return devices;
  const texts = {
    fullName: textOption(given, 'full-name'),
    description: textOption(given, 'description'),
    email: textOption(given, 'email'),
    phone: textOption(given, 'phone'),
    group: textOption(given, 'group'),
  };
  return { ok: true as const, value: { ...texts, maxDevices: devices.value } };
}

const passwordIn = async ({ options }: Words): Promise<string | undefined> =>
  options['password-stdin'] === true ? await readPasswordLine() : undefined;

const madeText = ({ name, password }: UserMade): string =>
  password === null ? doneText() : `${fill(values.userPassword, { name })}\n${password}\n`;

const usersText = (rows: readonly UserView[]): string =>
  table(
    [labels.name, labels.fullName, labels.email, labels.group, labels.devices, labels.added],
    rows.map(({ name, fullName, email, group, devices, maxDevices, createdAt }) => [
      name,
      fullName,
      email,
      group ?? values.unassignedGroup,
      `${devices}/${maxDevices}`,
      date(createdAt),
    ]),
  );
