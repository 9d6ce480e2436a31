/** Commands about mutual authentication of check-ins, and about front ends. */
import { fill } from '../../words/say.ts';
import { serverWords as words } from '../../words/server.ts';
import type { EnrolmentChanged, FrontEndView, MutualView } from '../api/mutual.ts';
import { call, segment } from './client.ts';
import { type Command, misused, type Outcome, textOption, type Words } from './command.ts';
import { readPasswordLine } from './input.ts';
import { date, lines, table } from './print.ts';
import { doneText, show } from './remote.ts';

const { labels, values } = words;
const none = {};
const states = { on: true, off: false, inherit: null } as const;
const endpoints = ['new', 'legacy'];

export const mutualCommands: readonly Command[] = [
  {
    name: 'mutual show',
    positionals: [],
    options: none,
    run: ({ state }) => show(call<MutualView>(state, 'GET', '/mutual'), mutualText),
  },
  {
    name: 'mutual enable',
    positionals: [],
    options: none,
    run: ({ state }) => show(call(state, 'PUT', '/mutual', { enabled: true }), doneText),
  },
  {
    name: 'mutual migrate',
    positionals: ['GROUP', 'on|off|inherit'],
    options: none,
    run: async ({ state, positionals: [group = '', wanted = ''] }) => {
      if (wanted !== 'on' && wanted !== 'off' && wanted !== 'inherit') return wrong('migrate', Object.keys(states));
      const body = { migrate: states[wanted] };
      return show(call(state, 'PUT', `/groups/${segment(group)}/migrate-client`, body), doneText);
    },
  },
  {
    name: 'mutual endpoint',
    positionals: ['new|legacy', 'on|off'],
    options: {
      confirm: { type: 'boolean', text: 'confirm' },
      'confirm-again': { type: 'boolean', text: 'confirm-again' },
    },
    run: setEndpoint,
  },
  {
    name: 'mutual enrolment',
    positionals: ['NAME|local'],
    options: none,
    run: ({ state, positionals: [name = ''] }) =>
      show(call<EnrolmentChanged>(state, 'PUT', '/mutual/enrolment', { name }), changedText),
  },
  {
    name: 'mutual enrolment-add',
    positionals: ['NAME'],
    options: {
      url: { type: 'string', text: 'url', required: true },
      sha256: { type: 'string', text: 'sha256', required: true },
      subject: { type: 'string', text: 'subject', required: true },
      protocol: { type: 'string', text: 'protocol' },
      user: { type: 'string', text: 'enrolment-user' },
      'password-stdin': { type: 'boolean', text: 'enrolment-password' },
    },
    run: async (given) => {
      const protocol = textOption(given, 'protocol') ?? 'scep';
      if (!protocols.includes(protocol)) return wrong('protocol', protocols);
      const body = {
        name: given.positionals[0] ?? '',
        protocol,
        url: textOption(given, 'url') ?? '',
        fingerprint: plainHex(textOption(given, 'sha256') ?? ''),
        subject: textOption(given, 'subject') ?? '',
        user: textOption(given, 'user') ?? '',
        password: given.options['password-stdin'] === true ? await readPasswordLine() : '',
      };
      return show(call(given.state, 'POST', '/mutual/enrolments', body), doneText);
    },
  },
  {
    name: 'mutual enrolment-remove',
    positionals: ['NAME'],
    options: none,
    run: ({ state, positionals: [name = ''] }) =>
      show(call(state, 'DELETE', `/mutual/enrolments/${segment(name)}`), () => `${values.removed}\n`),
  },
  {
    name: 'mutual port',
    positionals: ['PORT|off'],
    options: { override: { type: 'boolean', text: 'override-cut' } },
    run: movePort,
  },
  {
    name: 'front-ends',
    positionals: [],
    options: none,
    run: ({ state }) => show(call<FrontEndView[]>(state, 'GET', '/front-ends'), frontEndsText),
  },
  {
    name: 'front-end add',
    positionals: ['SHA256'],
    options: { name: { type: 'string', text: 'name' } },
    run: (given) => {
      const name = textOption(given, 'name');
      const body = { fingerprint: plainHex(given.positionals[0] ?? ''), ...(name === undefined ? {} : { name }) };
      return show(call(given.state, 'POST', '/front-ends', body), doneText);
    },
  },
  {
    name: 'front-end remove',
    positionals: ['SHA256'],
    options: none,
    run: ({ state, positionals: [fingerprint = ''] }) =>
      show(call(state, 'DELETE', `/front-ends/${segment(plainHex(fingerprint))}`), () => `${values.removed}\n`),
  },
];

const protocols: readonly string[] = ['scep', 'est'];

/** As people copy it: with blanks, colons, capitals. */
const plainHex = (typed: string): string => typed.replace(/[\s:]/g, '').toLowerCase();

const wrong = (name: string, choices: readonly string[]): Outcome =>
  misused(fill(words.choice, { name, choices: choices.join(', ') }));

async function setEndpoint({ state, positionals: [endpoint = '', wanted = ''], options }: Words): Promise<Outcome> {
  if (!endpoints.includes(endpoint)) return wrong('endpoint', endpoints);
  if (wanted !== 'on' && wanted !== 'off') return wrong(endpoint, ['on', 'off']);
  const confirmed = { confirm: options['confirm'] === true, confirmAgain: options['confirm-again'] === true };
  const body = { on: states[wanted], ...(endpoint === 'legacy' ? confirmed : {}) };
  return show(call(state, 'PUT', `/mutual/endpoints/${endpoint}`, body), doneText);
}

/** Whom the end of the port cuts off is told before anything is asked. */
async function movePort({ state, positionals: [wanted = ''], options }: Words): Promise<Outcome> {
  const port = wanted === 'off' ? null : /^[1-9][0-9]{0,4}$/.test(wanted) ? Number(wanted) : 0;
  if (port === 0 || (port ?? 1) > 65535) return wrong('port', ['1 – 65535', 'off']);
  const override = options['override'] === true;
  const view = port === null ? await call<MutualView>(state, 'GET', '/mutual') : null;
  const cut = view?.ok === true && view.value.legacyPort !== null ? view.value.waiting : [];
  const outcome = await show(call(state, 'PUT', '/mutual/legacy-port', { port, override }), doneText);
  if (outcome.ok !== false || outcome.fault.code !== 'devices-cut-off') return outcome;
  process.stderr.write(`${values.cutOff}\n${waitingText(cut)}`);
  return outcome;
}

const onOff = (value: boolean): string => (value ? values.on : values.off);

function mutualText(view: MutualView): string {
  const { enabledAt, enrolment, newEndpoint, legacyEndpoint, legacyPort, waiting, scep } = view;
  const head = lines([
    [labels.mutual, enabledAt === null ? values.off : fill(values.since, { at: date(enabledAt) })],
    [labels.enrolment, enrolment.at === 'local' ? 'local' : enrolment.name],
    [labels.newEndpoint, newEndpoint === 'unset' ? values.unset : onOff(newEndpoint === 'on')],
    [labels.legacyEndpoint, onOff(legacyEndpoint)],
    [labels.legacyPort, legacyPort === null ? values.off : String(legacyPort)],
    [labels.waitingDevices, String(waiting.length)],
  ]);
  const settings = scep.map(({ name, url, subject, offered, unknown }) => [
    name,
    url,
    subject,
    offered ? values.yes : fill(values.notOffered, { unknown: unknown.join(', ') }),
  ]);
  const heads = [labels.name, labels.url, labels.subject, labels.offered];
  return [
    head,
    ...(waiting.length > 0 ? [`\n${waitingText(waiting)}`] : []),
    ...(settings.length > 0 ? [`\n${table(heads, settings)}`] : []),
  ].join('');
}

const waitingText = (waiting: MutualView['waiting']): string =>
  table(
    [labels.name, labels.agent, labels.id],
    waiting.map(({ name, agent, id }) => [name, agent ?? '', id]),
  );

const changedText = ({ mustRegisterAgain }: EnrolmentChanged): string =>
  mustRegisterAgain === 0 ? doneText() : `${doneText()}${fill(values.registerAgain, { count: mustRegisterAgain })}\n`;

const frontEndsText = (rows: readonly FrontEndView[]): string =>
  table(
    [labels.name, labels.added, labels.fingerprint],
    rows.map(({ name, addedAt, fingerprint }) => [name, date(addedAt), fingerprint]),
  );
