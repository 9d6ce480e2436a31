/** Commands about the certificates of the server itself. */
import { groupFingerprint } from '../../protocol/certificate.ts';
import { dayMs } from '../../protocol/time.ts';
import { fill } from '../../words/say.ts';
import { serverWords as words } from '../../words/server.ts';
import type { FrontEndCertificateView, LinkView, ServerCertificateView, Switched } from '../api/server-certificates.ts';
import { verdicts } from '../core/absence.ts';
import { namesOf } from '../core/role.ts';
import type { OfflineRisk } from '../edge/absences.ts';
import type { Gate } from '../edge/rotation.ts';
import type { UploadedCertificate } from '../edge/uploading.ts';
import { call, segment } from './client.ts';
import { type Command, misused, numberOption, type Outcome, textOption, type Words } from './command.ts';
import { contentOf, readPasswordLine } from './input.ts';
import { date, lines, table } from './print.ts';
import { doneText, show } from './remote.ts';

const { labels, values } = words;
const maxAfterDays = 396;
const defaultAfterDays = 7;
const roles = ['reserve', 'main'];

export const certificateCommands: readonly Command[] = [
  {
    name: 'certificate show',
    positionals: [],
    options: {},
    run: ({ state }) => show(call<ServerCertificateView[]>(state, 'GET', '/server-certificates'), certificatesText),
  },
  {
    name: 'certificate schedule',
    positionals: [],
    options: { at: { type: 'string', text: 'at' }, 'after-days': { type: 'string', text: 'after-days' } },
    run: schedule,
  },
  {
    name: 'certificate gate',
    positionals: [],
    options: {},
    run: ({ state }) => show(call<Gate>(state, 'GET', '/server-certificates/gate'), gateText),
  },
  {
    name: 'certificate risk',
    positionals: [],
    options: { at: { type: 'string', text: 'risk-at' }, 'after-days': { type: 'string', text: 'risk-after-days' } },
    run: async (given) => {
      const when = activationOf(given);
      if (when.ok !== true) return when;
      const query = when.value === undefined ? '' : `?at=${when.value}`;
      return show(call<OfflineRisk>(given.state, 'GET', `/server-certificates/offline-risk${query}`), riskText);
    },
  },
  {
    name: 'certificate switch',
    positionals: [],
    options: { override: { type: 'boolean', text: 'override' } },
    run: ({ state, options }) => {
      const body = { override: options['override'] === true };
      return show(call<Switched>(state, 'POST', '/server-certificates/switch', body), switchedText);
    },
  },
  {
    name: 'certificate reset-reserve',
    positionals: [],
    options: {},
    run: ({ state }) => show(call(state, 'DELETE', '/server-certificates/reserve'), doneText),
  },
  {
    name: 'certificate links',
    positionals: [],
    options: {},
    run: ({ state }) => show(call<LinkView[]>(state, 'GET', '/server-certificates/links'), linksText),
  },
  {
    name: 'certificate remove-link',
    positionals: ['NUMBER'],
    options: {},
    run: ({ state, positionals: [seq = ''] }) =>
      show(call(state, 'DELETE', `/server-certificates/links/${segment(seq)}`), doneText),
  },
  {
    name: 'certificate statements',
    positionals: [],
    options: {},
    run: ({ state }) =>
      show(call(state, 'GET', '/server-certificates/statements'), (statements) => `${JSON.stringify(statements)}\n`),
  },
  {
    name: 'certificate upload',
    positionals: ['FILE'],
    options: {
      key: { type: 'string', text: 'key' },
      'password-stdin': { type: 'boolean', text: 'password-stdin' },
      role: { type: 'string', text: 'role' },
      at: { type: 'string', text: 'at' },
      'after-days': { type: 'string', text: 'after-days' },
    },
    run: upload,
  },
  {
    name: 'certificate front-ends',
    positionals: [],
    options: {},
    run: ({ state }) => show(call<FrontEndCertificateView[]>(state, 'GET', frontEnds), frontEndsText),
  },
  {
    name: 'certificate add-front-end',
    positionals: ['FILE'],
    options: { address: { type: 'string', text: 'front-end-address', required: true } },
    run: async (given) => {
      const content = contentOf(given.positionals[0] ?? '');
      if (content.ok !== true) return content;
      const body = { address: textOption(given, 'address'), content: content.value };
      return show(
        call<{ fingerprint: string }>(given.state, 'POST', frontEnds, body),
        ({ fingerprint }) => `${fill(values.frontEndAdded, { fingerprint: groupFingerprint(fingerprint) })}\n`,
      );
    },
  },
  {
    name: 'certificate remove-front-end',
    positionals: ['SHA256'],
    options: { override: { type: 'boolean', text: 'front-end-override' } },
    run: ({ state, positionals: [typed = ''], options }) => {
      const path = `${frontEnds}/${segment(typed.replace(/[:\s]/g, '').toLowerCase())}/remove`;
      return show(call(state, 'POST', path, { override: options['override'] === true }), () => `${values.removed}\n`);
    },
  },
];

const frontEnds = '/server-certificates/front-ends';

async function schedule(given: Words): Promise<Outcome> {
  const when = activationOf(given);
  if (when.ok !== true) return when;
  const activateAt = when.value ?? Date.now() + defaultAfterDays * dayMs;
  return show(
    call<ServerCertificateView>(given.state, 'POST', '/server-certificates/reserve', { activateAt }),
    (made) => `${certificatesText([made])}${fill(values.activated, { at: date(made.activateAt) })}\n`,
  );
}

/** Of `--at` or `--after-days`; undefined where neither is given. */
function activationOf(
  given: Words,
): { readonly ok: true; readonly value: number | undefined } | { readonly ok: 'misused'; readonly text: string } {
  const [at, days] = [textOption(given, 'at'), numberOption(given, 'after-days', 0, maxAfterDays)];
  if (days.ok !== true) return days;
  if (at !== undefined && days.value !== undefined) return { ok: 'misused', text: words.oneOf };
  const rfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/i;
  const instant = at !== undefined && rfc3339.test(at) ? Date.parse(at) : Number.NaN;
  if (at !== undefined && Number.isNaN(instant)) return { ok: 'misused', text: words.badDate };
  if (at !== undefined) return { ok: true, value: instant };
  return { ok: true, value: days.value === undefined ? undefined : Date.now() + days.value * dayMs };
}

async function upload(given: Words): Promise<Outcome> {
  const role = textOption(given, 'role') ?? 'reserve';
  if (!roles.includes(role)) return misused(fill(words.badChoice, { name: 'role', choices: roles.join(', ') }));
  const when = activationOf(given);
  if (when.ok !== true) return when;
  const files = [given.positionals[0] ?? '', ...[textOption(given, 'key') ?? []].flat()];
  const contents: string[] = [];
  for (const file of files) {
    const content = contentOf(file);
    if (content.ok !== true) return content;
    contents.push(content.value);
  }
  const [content, key] = contents;
  const body = {
    content,
    ...(key === undefined ? {} : { key }),
    password: given.options['password-stdin'] === true ? await readPasswordLine() : '',
    role,
    ...(when.value === undefined ? {} : { activateAt: when.value }),
  };
  return show(call<UploadedCertificate>(given.state, 'POST', '/server-certificates/upload', body), uploadedText);
}

function uploadedText({ certificate, legacy }: UploadedCertificate): string {
  const { role, activateAt } = certificate;
  return [
    certificatesText([certificate]).trimEnd(),
    role === 'main' ? values.uploadedMain : fill(values.activated, { at: date(activateAt) }),
    ...(legacy.length > 0 ? [fill(values.legacy, { methods: legacy.join(', ') })] : []),
    '',
  ].join('\n');
}

const certificatesText = (rows: readonly ServerCertificateView[]): string =>
  table(
    [labels.role, labels.source, labels.owner, labels.from, labels.to, labels.activeFrom, labels.fingerprint],
    rows.map((row) => [
      row.role,
      values.sources[row.source],
      row.owner,
      date(row.notBefore),
      date(row.notAfter),
      row.activateAt === null ? '' : date(row.activateAt),
      row.fingerprint,
    ]),
  );

const linksText = (rows: readonly LinkView[]): string =>
  table(
    [labels.number, labels.time, labels.signed, labels.from, labels.to, labels.counts],
    rows.map(({ seq, madeAt, signedAt, from, to, counts }) => [
      String(seq),
      date(madeAt),
      date(signedAt),
      from,
      to,
      counts ? values.yes : values.no,
    ]),
  );

function gateText({ open, notReady, frontEnds: shown }: Gate): string {
  const others = shown.map(
    ({ address, fingerprint, known }) =>
      `${fill(fingerprint === null ? values.frontEndSilent : known ? values.frontEndKnown : values.frontEndUnknown, { address, fingerprint: fingerprint ?? '' })}\n`,
  );
  return [openText(open, notReady), ...others].join('');
}

function riskText({ switchAt, counts, atRisk }: OfflineRisk): string {
  const lead = fill(values.riskLead, { at: date(switchAt), count: atRisk.length });
  const counted = lines(verdicts.map((verdict) => [values.risk[verdict], String(counts[verdict])]));
  const rows = atRisk.map(({ name, group, lastSeen, longestMs, backBy, verdict }) => [
    name,
    group,
    date(lastSeen),
    longestMs === null ? values.never : fill(values.days, { days: (longestMs / dayMs).toFixed(1) }),
    date(backBy),
    values.risk[verdict],
  ]);
  const heads = [labels.name, labels.group, labels.lastSeen, labels.longestAway, labels.backBy, labels.status];
  return `${lead}\n${counted}${atRisk.length === 0 ? '' : `\n${table(heads, rows)}`}`;
}

function openText(open: boolean, notReady: Gate['notReady']): string {
  if (open) return `${values.gateOpen}\n`;
  const rows = notReady.map(({ name, lastSeen, id }) => [name, date(lastSeen), id]);
  const lead = fill(values.gateClosed, { count: notReady.length });
  return `${lead}\n${table([labels.name, labels.lastSeen, labels.id], rows)}`;
}

const frontEndsText = (rows: readonly FrontEndCertificateView[]): string =>
  table(
    [labels.address, labels.shown, labels.to, labels.lacking, labels.owner, labels.fingerprint],
    rows.map(({ address, shown, notAfter, lacking, owner, fingerprint }) => [
      address,
      shown === null ? values.noAnswer : shown ? values.yes : values.no,
      date(notAfter),
      lackingText(lacking),
      owner,
      fingerprint,
    ]),
  );

const lackingText = (lacking: FrontEndCertificateView['lacking']): string =>
  lacking.length === 0 ? '0' : `${lacking.length}: ${namesOf(lacking.map(({ name }) => name))}`;

function switchedText({ main, listeners }: Switched): string {
  const told = listeners.map(({ listener, right }) =>
    fill(right ? values.listenerRight : values.listenerWrong, { listener }),
  );
  return [fill(values.switched, { fingerprint: main }), ...told, ''].join('\n');
}
