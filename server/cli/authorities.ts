/** Commands about authorities of device certificates: foreign ones that are let in, and our own, which gives way to the next. */
import { toBase64 } from '../../protocol/certificate.ts';
import { fill } from '../../words/say.ts';
import { serverWords as words } from '../../words/server.ts';
import type { ForeignAuthority, SuccessionView } from '../api/mutual.ts';
import { namesOf } from '../core/role.ts';
import { authorityKeys, maxSpreadDays } from '../core/succession.ts';
import { readBounded } from '../edge/files.ts';
import { call, segment } from './client.ts';
import { type Command, misused, numberOption, type Outcome, textOption, type Words } from './command.ts';
import { date, lines, table } from './print.ts';
import { show } from './remote.ts';

const { labels, values } = words;
const stepOf = { activate: 'activate', retire: 'retire', cancel: 'cancel', now: 'distrust' } as const;
const maxFileBytes = 64 * 1024;

export const authorityCommands: readonly Command[] = [
  {
    name: 'authorities',
    positionals: [],
    options: {},
    run: ({ state }) => show(call<ForeignAuthority[]>(state, 'GET', '/authorities'), authoritiesText),
  },
  { name: 'authority add', positionals: ['FILE'], options: {}, run: add },
  {
    name: 'authority remove',
    positionals: ['SHA256'],
    options: {},
    run: ({ state, positionals: [typed = ''] }) => {
      const fingerprint = typed.replace(/[\s:]/g, '').toLowerCase();
      return show(call(state, 'DELETE', `/authorities/${segment(fingerprint)}`), () => `${values.removed}\n`);
    },
  },
  {
    name: 'authority show',
    positionals: [],
    options: {},
    run: ({ state }) => show(call<SuccessionView>(state, 'GET', '/device-authorities'), successionText),
  },
  {
    name: 'authority rollover',
    positionals: [],
    options: {
      key: { type: 'string', text: 'next-key' },
      activate: { type: 'boolean', text: 'authority-activate' },
      retire: { type: 'boolean', text: 'authority-retire' },
      cancel: { type: 'boolean', text: 'authority-cancel' },
      now: { type: 'boolean', text: 'authority-now' },
      override: { type: 'boolean', text: 'authority-override' },
      days: { type: 'string', text: 'authority-days' },
    },
    run: rollover,
  },
];

async function rollover(given: Words): Promise<Outcome> {
  const { state, options } = given;
  const chosen = Object.entries(stepOf).filter(([name]) => options[name] === true);
  const [, step = 'prepare'] = chosen[0] ?? [];
  if (chosen.length > 1) return misused(words.oneStep);
  const wanted = textOption(given, 'key');
  const key = authorityKeys.find((kind) => kind === wanted);
  if (wanted !== key) return misused(fill(words.badChoice, { name: 'key', choices: authorityKeys.join(', ') }));
  const days = numberOption(given, 'days', 1, maxSpreadDays);
  if (days.ok !== true) return days;
  const body = {
    step,
    override: options['override'] === true,
    ...(key === undefined ? {} : { key }),
    ...(days.value === undefined ? {} : { days: days.value }),
  };
  const asked = call<SuccessionView>(state, 'POST', '/device-authorities/rollover', body);
  return show(asked, (view) => `${successionText(view)}\n${values.copyKit}\n`);
}

async function add({ state, positionals: [path = ''] }: Words): Promise<Outcome> {
  const content = readBounded(path, maxFileBytes);
  if (!content.ok)
    return content.fault.code === 'not-found' ? { ...content, text: fill(words.noFile, { file: path }) } : content;
  const asked = call<ForeignAuthority>(state, 'POST', '/authorities', { content: toBase64(content.value) });
  return show(asked, (added) => authoritiesText([added]));
}

function successionText({ authorities, behind, renewedBy }: SuccessionView): string {
  const rows = authorities.map(({ role, key, notAfter, fingerprint }) => [
    values.authorityRoles[role],
    key,
    date(notAfter),
    fingerprint,
  ]);
  const head = table([labels.role, labels.key, labels.to, labels.fingerprint], rows);
  const left = lines([
    [labels.behind, behind.length === 0 ? values.none : `${behind.length}: ${namesOf(behind)}`],
    ...(renewedBy === null ? [] : [[labels.renewedBy, date(renewedBy)] as const]),
  ]);
  return `${head}\n${left}`;
}

const authoritiesText = (authorities: readonly ForeignAuthority[]): string =>
  table(
    [labels.owner, labels.to, labels.fingerprint],
    authorities.map(({ owner, notAfter, fingerprint }) => [owner, date(notAfter), fingerprint]),
  );
