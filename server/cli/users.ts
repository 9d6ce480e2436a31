/** Commands about internal users. A password comes by standard input, or is made by the server and shown once. */
import { fill } from '../../words/say.ts';
import { serverWords as words } from '../../words/server.ts';
import type { UserView } from '../api/devices.ts';
import type { UserMade } from '../edge/users.ts';
import { call, callAll, segment } from './client.ts';
import { type Command, numberOption, type Option, textOption, type Words } from './command.ts';
import { readPasswordLine } from './input.ts';
import { date, table } from './print.ts';
import { doneText, show } from './remote.ts';

const { labels, values } = words;
const mostDevices = 10_000;
const byInput: Option = { type: 'boolean', text: 'user-password-stdin' };

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
    options: {
      'full-name': { type: 'string', text: 'full-name' },
      email: { type: 'string', text: 'email' },
      group: { type: 'string', text: 'user-group' },
      devices: { type: 'string', text: 'user-devices' },
      'password-stdin': byInput,
    },
    run: async (given) => {
      const devices = numberOption(given, 'devices', 1, mostDevices);
      if (devices.ok !== true) return devices;
      const body = {
        name: given.positionals[0] ?? '',
        fullName: textOption(given, 'full-name'),
        email: textOption(given, 'email'),
        group: textOption(given, 'group'),
        maxDevices: devices.value,
        password: await passwordIn(given),
      };
      return show(call<UserMade>(given.state, 'POST', '/users', body), madeText);
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
