/** Commands that ask the running server over its administration socket. */
import { basename } from 'node:path';
import { groupFingerprint } from '../../protocol/certificate.ts';
import { fill } from '../../words/say.ts';
import { serverWords as words } from '../../words/server.ts';
import type { AuditRow, DeviceDetails, DeviceRow } from '../api/devices.ts';
import type { GroupView } from '../api/groups.ts';
import type { Invited } from '../api/onboarding.ts';
import type { StatusView } from '../api/overview.ts';
import { type Answer, call, callAll, segment } from './client.ts';
import { type Command, misused, numberOption, type Outcome, textOption } from './command.ts';
import { date, lines, table } from './print.ts';

const { labels, values } = words;
const maxAuditRows = 1000;
const migrations = ['none', 'pending', 'success'];

/** What was refused stays refused; what was answered becomes text. */
export async function show<T>(asked: Promise<Answer<T>>, text: (value: T) => string): Promise<Outcome> {
  const answer = await asked;
  if (answer.ok) return { ok: true, text: text(answer.value), data: answer.value };
  const { fault, faults } = answer;
  return { ok: false, fault, ...(faults ? { faults } : {}), asked: true };
}

export const doneText = (): string => `${words.done}\n`;
const none = {};

export const fleetCommands: readonly Command[] = [
  {
    name: 'status',
    positionals: [],
    options: none,
    run: ({ state }) => show(call<StatusView>(state, 'GET', '/status'), statusText),
  },
  {
    name: 'invite',
    positionals: [],
    options: {
      name: { type: 'string', text: 'name' },
      group: { type: 'string', text: 'group' },
      user: { type: 'string', text: 'user' },
      mail: { type: 'boolean', text: 'mail' },
      copy: { type: 'string', text: 'copy' },
      show: { type: 'boolean', text: 'show-password' },
    },
    run: (given) => {
      const copy = textOption(given, 'copy');
      const mail = given.options['mail'] === true || copy !== undefined;
      const body = {
        name: textOption(given, 'name'),
        group: textOption(given, 'group'),
        user: textOption(given, 'user'),
        ...(mail ? { mail: { copy, show: given.options['show'] === true } } : {}),
      };
      return show(call<Invited>(given.state, 'POST', '/invitations', body), invitationText);
    },
  },
  {
    name: 'devices',
    positionals: [],
    options: { migration: { type: 'string', text: 'migration' } },
    run: async (given) => {
      const wanted = textOption(given, 'migration');
      if (wanted !== undefined && !migrations.includes(wanted))
        return misused(fill(words.badChoice, { name: 'migration', choices: migrations.join(', ') }));
      const query = wanted === undefined ? '' : `?migration=${wanted}`;
      return show(callAll<DeviceRow>(given.state, `/devices${query}`), devicesText);
    },
  },
  {
    name: 'device show',
    positionals: ['DEVICE'],
    options: none,
    run: ({ state, positionals: [device = ''] }) =>
      show(call<DeviceDetails>(state, 'GET', `/devices/${segment(device)}`), deviceText),
  },
  {
    name: 'device move',
    positionals: ['DEVICE'],
    options: { group: { type: 'string', text: 'group', required: true } },
    run: (given) => {
      const path = `/devices/${segment(given.positionals[0] ?? '')}/move`;
      return show(call(given.state, 'POST', path, { group: textOption(given, 'group') }), doneText);
    },
  },
  {
    name: 'device remove',
    positionals: ['DEVICE'],
    options: none,
    run: ({ state, positionals: [device = ''] }) =>
      show(call(state, 'DELETE', `/devices/${segment(device)}`), () => `${values.removed}\n`),
  },
  {
    name: 'groups',
    positionals: [],
    options: none,
    run: ({ state }) => show(call<GroupView[]>(state, 'GET', '/groups'), groupsText),
  },
  {
    name: 'group add',
    positionals: ['NAME'],
    options: { parent: { type: 'string', text: 'parent' } },
    run: (given) => {
      const parent = textOption(given, 'parent');
      const body = { name: given.positionals[0] ?? '', ...(parent === undefined ? {} : { parent }) };
      return show(call<{ id: string }>(given.state, 'POST', '/groups', body), ({ id }) => `${id}\n`);
    },
  },
  {
    name: 'group rename',
    positionals: ['GROUP', 'NAME'],
    options: none,
    run: ({ state, positionals: [group = '', name = ''] }) =>
      show(call(state, 'PUT', `/groups/${segment(group)}/name`, { name }), doneText),
  },
  {
    name: 'group move',
    positionals: ['GROUP'],
    options: { parent: { type: 'string', text: 'parent' } },
    run: (given) => {
      const path = `/groups/${segment(given.positionals[0] ?? '')}/parent`;
      return show(call(given.state, 'PUT', path, { parent: textOption(given, 'parent') ?? null }), doneText);
    },
  },
  {
    name: 'group remove',
    positionals: ['GROUP'],
    options: none,
    run: ({ state, positionals: [group = ''] }) =>
      show(call(state, 'DELETE', `/groups/${segment(group)}`), () => `${values.removed}\n`),
  },
  {
    name: 'group naming',
    positionals: ['GROUP'],
    options: { fields: { type: 'string', text: 'fields' }, clear: { type: 'boolean', text: 'clear' } },
    run: async (given) => {
      const [typed, clear] = [textOption(given, 'fields'), given.options['clear'] === true];
      if (clear === (typed !== undefined)) return misused(words.fieldsOrClear);
      const fields = typed === undefined ? null : typed.split(',').map((each) => each.trim());
      const path = `/groups/${segment(given.positionals[0] ?? '')}/naming`;
      return show(call(given.state, 'PUT', path, { fields }), doneText);
    },
  },
  {
    name: 'audit',
    positionals: [],
    options: { limit: { type: 'string', text: 'limit' } },
    run: async (given) => {
      const limit = numberOption(given, 'limit', 1, maxAuditRows);
      if (limit.ok !== true) return limit;
      return show(callAll<AuditRow>(given.state, '/audit', limit.value ?? 50), auditText);
    },
  },
  {
    name: 'adopt',
    positionals: ['on|off'],
    options: none,
    run: async ({ state, positionals: [wanted = ''] }) => {
      if (wanted !== 'on' && wanted !== 'off')
        return misused(fill(words.badChoice, { name: 'adopt', choices: 'on, off' }).replace(/^--/, ''));
      return show(call(state, 'PUT', '/adopting', { adopting: wanted === 'on' }), doneText);
    },
  },
];

/** File names travel without their directory. */
export const fileName = (path: string): string => basename(path).slice(-255);

const yesNo = (value: boolean): string => (value ? values.yes : values.no);

function statusText(status: StatusView): string {
  return lines([
    [labels.server, status.serverId],
    [labels.https, status.https],
    [labels.mqtt, status.mqtt],
    [labels.certificate, groupFingerprint(status.fingerprint)],
    [labels.to, date(status.notAfter)],
    [labels.reserve, status.reserve ? groupFingerprint(status.reserve) : values.none],
    [labels.devices, String(status.devices)],
    [labels.online, String(status.online)],
    [labels.groups, String(status.groups)],
    [labels.unpublished, String(status.unpublished)],
    [labels.waiting, String(status.waiting)],
    [labels.adopting, yesNo(status.adopting)],
  ]);
}

export function invitationText(made: Invited): string {
  const mailed = fill(words.mailed, { addresses: made.mailedTo.join(', '), expires: date(made.expiresAt) });
  if (made.password === '') return `${mailed}\n`;
  return made.mailedTo.length > 0 ? `${mailed}\n\n${detailsText(made)}` : detailsText(made);
}

function detailsText(made: Invited): string {
  const rows = lines([
    [words.invitation.address, made.address],
    [words.invitation.fingerprint, groupFingerprint(made.fingerprint)],
    [made.ofUser ? words.invitation.user : words.invitation.invitation, made.invitation],
    [words.invitation.password, made.password],
  ]);
  return `${fill(made.ofUser ? words.invitation.leadUser : words.invitation.lead, { expires: date(made.expiresAt) })}\n\n${rows}`;
}

function stateOf({ waiting, confirmed, standing }: DeviceRow): string {
  if (standing === 'retired' || standing === 'inactive') return values[standing];
  if (waiting) return values.waiting;
  return confirmed ? values.registered : values.registering;
}

const devicesText = (rows: readonly DeviceRow[]): string =>
  table(
    [labels.name, labels.group, labels.presence, labels.lastSeen, labels.state, labels.migration, labels.id],
    rows.map((row) => [
      row.name,
      row.group,
      row.presence,
      date(row.lastSeen),
      stateOf(row),
      row.migration ?? '',
      row.id,
    ]),
  );

type ReportView = {
  readonly applied?: { readonly policy: number };
  readonly pins?: {
    readonly current: string;
    readonly reserve: string | null;
    readonly previous: string | null;
  } | null;
  readonly certificates?: readonly {
    readonly fingerprint: string;
    readonly purpose: string;
    readonly source: string;
  }[];
  readonly faults?: readonly { readonly code: string }[];
};

function deviceText(device: DeviceDetails): string {
  const report = (device.report ?? {}) as ReportView;
  const head = lines([
    [labels.name, device.name],
    [labels.id, device.id],
    [labels.group, device.group],
    [labels.state, stateOf(device)],
    [labels.presence, device.presence],
    [labels.lastSeen, date(device.lastSeen)],
    [labels.hardware, device.hardwareId],
    ...device.identities.map((each) => [labels.identity, `${each.serial}, ${date(each.notAfter)}`] as const),
    [labels.policy, String(report.applied?.policy ?? values.none)],
    ...Object.entries(report.pins ?? {}).map(([slot, pin]) => [`${labels.pins}: ${slot}`, pin ?? values.none] as const),
    [labels.faults, report.faults?.map(({ code }) => code).join(', ') || values.none],
  ]);
  const held = report.certificates ?? [];
  if (held.length === 0) return head;
  const rows = held.map(({ purpose, source, fingerprint }) => [purpose, source, fingerprint]);
  return `${head}\n${table([labels.purpose, labels.source, labels.fingerprint], rows)}`;
}

const groupsText = (rows: readonly GroupView[]): string =>
  table(
    [labels.group, labels.devices, labels.naming, labels.kind, labels.id],
    rows.map(({ path, devices, naming, kind, id }) => [
      path,
      String(devices),
      naming?.join('-') ?? '',
      values[kind],
      id,
    ]),
  );

const auditText = (rows: readonly AuditRow[]): string =>
  table(
    [labels.time, labels.actor, labels.action, labels.subject, labels.facts],
    rows.map(({ at, actor, action, subject, facts }) => [
      date(at),
      actor,
      action,
      subject,
      Object.entries(facts)
        .map(([name, value]) => `${name}=${value}`)
        .join(' '),
    ]),
  );
