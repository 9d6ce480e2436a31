/** Commands about the certificates of managed devices: the list, those for mail and VPN, and their rules. */

import { longestWindowDays } from '../../protocol/renewal.ts';
import { fill } from '../../words/say.ts';
import { serverWords as words } from '../../words/server.ts';
import type { CertificateOutcome, CertificateRow } from '../api/certificates.ts';
import type { Issued } from '../api/issue.ts';
import type { CorporateRule } from '../api/rules.ts';
import { certificateStatuses, certificateTypes, deviceKinds } from '../core/certificates.ts';
import { maxValidityDays } from '../core/issuance.ts';
import { call, callAll, segment } from './client.ts';
import { type Command, misused, numberOption, type Outcome, textOption, type Words } from './command.ts';
import { contentOf, readPasswordLine } from './input.ts';
import { date, lines, table } from './print.ts';
import { doneText, show } from './remote.ts';

const { labels, values } = words;
const corporateTypes = ['mail', 'vpn'];

export const deviceCertificateCommands: readonly Command[] = [
  {
    name: 'device-certificates',
    positionals: [],
    options: {
      type: { type: 'string', text: 'certificate-type' },
      status: { type: 'string', text: 'certificate-status' },
      'ends-within': { type: 'string', text: 'ends-within' },
      search: { type: 'string', text: 'certificate-search' },
    },
    run: list,
  },
  {
    name: 'device-certificate show',
    positionals: ['ID'],
    options: {},
    run: (given) => show(call<CertificateRow>(given.state, 'GET', pathOf(given)), certificateText),
  },
  {
    name: 'device-certificate issue',
    positionals: ['mail|vpn'],
    options: {
      device: { type: 'string', text: 'certificate-device' },
      user: { type: 'string', text: 'certificate-user' },
      alias: { type: 'string', text: 'alias', required: true },
      kind: { type: 'string', text: 'device-kind' },
      file: { type: 'string', text: 'certificate-file' },
      key: { type: 'string', text: 'key' },
      'password-stdin': { type: 'boolean', text: 'password-stdin' },
    },
    run: issue,
  },
  {
    name: 'device-certificate renew',
    positionals: ['ID'],
    options: {},
    run: ({ state, positionals: [id = ''] }) => orderOf(state, 'renew', { ids: [id] }),
  },
  {
    name: 'device-certificate delete',
    positionals: ['ID'],
    options: { revoke: { type: 'boolean', text: 'certificate-revoke' } },
    run: ({ state, positionals: [id = ''], options }) =>
      orderOf(state, 'delete', { ids: [id], revoke: options['revoke'] === true }),
  },
  {
    name: 'device-certificate alias',
    positionals: ['ID', 'ALIAS'],
    options: {},
    run: ({ state, positionals: [id = '', alias = ''] }) =>
      show(call(state, 'POST', '/certificates/alias', { ids: [id], alias }), doneText),
  },
  {
    name: 'device-certificate rules',
    positionals: ['mail|vpn'],
    options: {
      validity: { type: 'string', text: 'certificate-validity' },
      'renew-before': { type: 'string', text: 'certificate-renew-before' },
      automatic: { type: 'string', text: 'certificate-automatic' },
    },
    run: setRules,
  },
  {
    name: 'device wipe',
    positionals: ['DEVICE'],
    options: {},
    run: ({ state, positionals: [device = ''] }) =>
      show(
        call<{ certificates: number }>(state, 'POST', `/devices/${segment(device)}/wipe`),
        ({ certificates }) => `${fill(values.wipeOrdered, { count: certificates })}\n`,
      ),
  },
];

async function list(given: Words): Promise<Outcome> {
  const days = numberOption(given, 'ends-within', 0, 3650);
  if (days.ok !== true) return days;
  const asked = new URLSearchParams();
  for (const [name, choices] of [
    ['type', certificateTypes],
    ['status', certificateStatuses],
  ] as const) {
    const typed = textOption(given, name);
    const wrong = wrongChoice(name, typed, choices);
    if (wrong) return wrong;
    if (typed !== undefined) asked.set(name, typed);
  }
  if (days.value !== undefined) asked.set('endsWithin', String(days.value));
  const search = textOption(given, 'search');
  if (search !== undefined) asked.set('q', search);
  const path = asked.size === 0 ? '/certificates' : `/certificates?${asked}`;
  return show(callAll<CertificateRow>(given.state, path), certificatesText);
}

/** A file is uploaded; without one the server's own authority issues. */
async function issue(given: Words): Promise<Outcome> {
  const [type = ''] = given.positionals;
  const kind = textOption(given, 'kind') ?? 'thin-client';
  const wrong = wrongChoice('type', type, corporateTypes) ?? wrongChoice('kind', kind, deviceKinds);
  if (wrong) return wrong;
  const [device, user] = [textOption(given, 'device'), textOption(given, 'user')];
  const paths = ['file', 'key'].map((name) => textOption(given, name));
  const contents: (string | undefined)[] = [];
  for (const path of paths) {
    const content = path === undefined ? undefined : contentOf(path);
    if (content && content.ok !== true) return content;
    contents.push(content?.value);
  }
  const [content, key] = contents;
  const password = given.options['password-stdin'] === true ? { password: await readPasswordLine() } : {};
  const body = {
    type,
    kind,
    ...(kind === 'ios' ? {} : { connection: 'with-mobile' }),
    ...(device === undefined ? {} : { devices: [device] }),
    ...(user === undefined ? {} : { users: [user] }),
    alias: textOption(given, 'alias'),
    source: content === undefined ? 'server' : 'uploaded',
    ...(content === undefined ? {} : { file: { content, ...(key === undefined ? {} : { key }), ...password } }),
  };
  const answer = await call<Issued>(given.state, 'POST', '/certificates/issue', body);
  return toldOf(answer, ({ results }) => `${results.map(({ id }) => id).join('\n')}\n`);
}

/** One certificate: what was refused of it is the answer. */
async function orderOf(state: string, what: 'renew' | 'delete', body: object): Promise<Outcome> {
  return toldOf(await call<CertificateOutcome>(state, 'POST', `/certificates/${what}`, body), doneText);
}

function toldOf<T extends { readonly refused: readonly { readonly fault: unknown }[] }>(
  answer: Awaited<ReturnType<typeof call<T>>>,
  text: (value: T) => string,
): Outcome | Promise<Outcome> {
  if (!answer.ok) return show(Promise.resolve(answer), text);
  const [refused] = answer.value.refused;
  if (refused) return { ok: false, fault: refused.fault as Extract<Outcome, { ok: false }>['fault'], asked: true };
  return { ok: true, text: text(answer.value), data: answer.value };
}

async function setRules(given: Words): Promise<Outcome> {
  const [type = ''] = given.positionals;
  const automatic = textOption(given, 'automatic');
  const wrong = wrongChoice('type', type, corporateTypes) ?? wrongChoice('automatic', automatic, ['on', 'off']);
  if (wrong) return wrong;
  const validity = numberOption(given, 'validity', 1, maxValidityDays);
  if (validity.ok !== true) return validity;
  const before = numberOption(given, 'renew-before', 1, longestWindowDays);
  if (before.ok !== true) return before;
  const changes = {
    validityDays: validity.value,
    renewBeforeDays: before.value,
    automaticRenewal: automatic === undefined ? undefined : automatic === 'on',
  };
  const asked = Object.values(changes).every((value) => value === undefined)
    ? call<Record<string, CorporateRule>>(given.state, 'GET', '/corporate-rules')
    : call<Record<string, CorporateRule>>(given.state, 'PUT', '/corporate-rules', { [type]: changes });
  return show(asked, (rules) => rulesText(rules[type]));
}

const pathOf = ({ positionals: [id = ''] }: Words): string => `/certificates/${segment(id)}`;

function wrongChoice(name: string, typed: string | undefined, choices: readonly string[]): Outcome | null {
  return typed === undefined || choices.includes(typed)
    ? null
    : misused(fill(words.badChoice, { name, choices: choices.join(', ') }));
}

const rulesText = (rule: CorporateRule | undefined): string =>
  rule
    ? lines([
        [labels.validity, String(rule.validityDays)],
        [labels.renewBeforeDays, String(rule.renewBeforeDays)],
        [labels.automaticRenewal, rule.automaticRenewal ? values.on : values.off],
      ])
    : '';

const certificatesText = (rows: readonly CertificateRow[]): string =>
  table(
    [labels.type, labels.device, labels.user, labels.alias, labels.status, labels.expires, labels.source, labels.id],
    rows.map(({ type, device, user, alias, status, notAfter, source, id }) => [
      type,
      device ?? '',
      user ?? '',
      alias,
      values.statuses[status],
      date(notAfter),
      source,
      id,
    ]),
  );

const certificateText = (row: CertificateRow): string =>
  lines([
    [labels.user, row.user ?? values.none],
    [labels.status, values.statuses[row.status]],
    [labels.type, row.type],
    [labels.protocol, row.protocol],
    [labels.source, row.source],
    [labels.expires, date(row.notAfter)],
    [labels.issued, date(row.issuedAt)],
    [labels.updated, date(row.since)],
    [labels.alias, row.alias || values.none],
    [labels.renewalDisabled, row.automaticRenewalDisabled ? values.yes : values.no],
    [labels.thumbprint, row.thumbprint ?? values.none],
    [labels.device, row.device ?? values.none],
    [labels.kind, row.kind],
  ]);
