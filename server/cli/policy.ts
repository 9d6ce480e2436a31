/** Commands about the policy of a group. */
import { fromBase64, parseCertificate, toBase64 } from '../../protocol/certificate.ts';
import { countOf, isMadeBy, parseRevocationList } from '../../protocol/revocation-list.ts';
import type { ClientPurpose } from '../../protocol/schema.ts';
import { fill } from '../../words/say.ts';
import { serverWords as words } from '../../words/server.ts';
import type { BlockReach, PolicyView } from '../api/groups.ts';
import { type Entry, isEnforced, type ListEntry, revocationModes, type Settings } from '../core/policy.ts';
import { readBounded } from '../edge/files.ts';
import { call, segment } from './client.ts';
import { type Command, misused, numberOption, type Outcome, textOption, type Words } from './command.ts';
import { date, lines, table } from './print.ts';
import { doneText, fileName, show } from './remote.ts';

const { labels, values } = words;
const purposes: readonly ClientPurpose[] = ['rdp', 'broker', 'log'];
const blocks = ['certificates', 'contacts', 'identity', 'connection', 'reset', 'dateTime', 'rotation'] as const;
const settings = ['logServer', 'rdp', 'broker'] as const;
/** What the server takes, with room to spare; the server says so too. */
const maxFileBytes = 8 * 1024 * 1024;
const rotations = ['on', 'off', 'inherit'];
const noContacts = { name: '', phone: '', email: '', note: '' };

export const policyCommands: readonly Command[] = [
  {
    name: 'policy show',
    positionals: ['GROUP'],
    options: {},
    run: (given) => show(call<PolicyView>(given.state, 'GET', pathOf(given)), policyText),
  },
  {
    name: 'policy add-certificate',
    positionals: ['GROUP', 'FILE'],
    options: { purpose: { type: 'string', text: 'purpose', required: true } },
    run: addCertificate,
  },
  {
    name: 'policy remove-certificate',
    positionals: ['GROUP', 'SHA256'],
    options: { purpose: { type: 'string', text: 'purpose' } },
    run: async (given) => {
      const purpose = textOption(given, 'purpose');
      if (purpose !== undefined && !isPurpose(purpose)) return wrongPurpose();
      const body = { fingerprint: fingerprintOf(given), ...(purpose === undefined ? {} : { purpose }) };
      return show(call(given.state, 'POST', `${pathOf(given)}/certificates/remove`, body), () => `${values.removed}\n`);
    },
  },
  {
    name: 'policy set-contacts',
    positionals: ['GROUP'],
    options: {
      name: { type: 'string', text: 'contact-name', required: true },
      phone: { type: 'string', text: 'phone' },
      email: { type: 'string', text: 'email' },
      note: { type: 'string', text: 'note' },
    },
    run: (given) => {
      const set = Object.entries(given.options).filter(([name, value]) => name in noContacts && value !== undefined);
      const body = { ...noContacts, ...Object.fromEntries(set) };
      return show(call(given.state, 'PUT', `${pathOf(given)}/contacts`, body), doneText);
    },
  },
  {
    name: 'policy clear-contacts',
    positionals: ['GROUP'],
    options: {},
    run: (given) => show(call(given.state, 'PUT', `${pathOf(given)}/contacts`, null), doneText),
  },
  { name: 'policy block', positionals: ['GROUP', 'SHA256'], options: {}, run: (given) => setBlocked(given, true) },
  { name: 'policy unblock', positionals: ['GROUP', 'SHA256'], options: {}, run: (given) => setBlocked(given, false) },
  {
    name: 'policy block-everywhere',
    positionals: ['SHA256'],
    options: {},
    run: (given) => setBlockedEverywhere(given, true),
  },
  {
    name: 'policy unblock-everywhere',
    positionals: ['SHA256'],
    options: {},
    run: (given) => setBlockedEverywhere(given, false),
  },
  {
    name: 'policy set',
    positionals: ['GROUP', 'SETTING', 'VALUE'],
    optional: 1,
    options: { enforced: { type: 'boolean', text: 'enforced' }, clear: { type: 'boolean', text: 'clear' } },
    run: setSetting,
  },
  {
    name: 'policy set-identity',
    positionals: ['GROUP'],
    options: { 'renew-before': { type: 'string', text: 'renew-before', required: true } },
    run: setIdentity,
  },
  { name: 'policy set-rotation', positionals: ['GROUP', 'on|off|inherit'], options: {}, run: setRotation },
  {
    name: 'policy set-revocation',
    positionals: ['GROUP', 'PURPOSE', 'off|soft|hard'],
    options: {},
    run: setRevocation,
  },
  {
    name: 'policy add-revocation-list',
    positionals: ['GROUP', 'FILE'],
    options: {},
    run: (given) => upload(given, 'revocation-lists', {}),
  },
  {
    name: 'policy remove-revocation-list',
    positionals: ['GROUP', 'SHA256'],
    options: {},
    run: (given) => {
      const path = `${pathOf(given)}/revocation-lists/remove`;
      return show(call(given.state, 'POST', path, { fingerprint: fingerprintOf(given) }), () => `${values.removed}\n`);
    },
  },
  { name: 'policy lock', positionals: ['GROUP', 'BLOCK'], options: {}, run: (given) => setLock(given, true) },
  { name: 'policy unlock', positionals: ['GROUP', 'BLOCK'], options: {}, run: (given) => setLock(given, false) },
];

const pathOf = ({ positionals: [group = ''] }: Words): string => `/groups/${segment(group)}/policy`;

/** As people copy it: with blanks, colons, capitals. */
const fingerprintOf = ({ positionals }: Words): string =>
  (positionals.at(-1) ?? '').replace(/[\s:]/g, '').toLowerCase();

const isPurpose = (text: string): boolean => purposes.some((each) => each === text);
const wrongPurpose = (): Outcome => misused(fill(words.badChoice, { name: 'purpose', choices: purposes.join(', ') }));

async function addCertificate(given: Words): Promise<Outcome> {
  const purpose = textOption(given, 'purpose') ?? '';
  if (!isPurpose(purpose)) return wrongPurpose();
  return upload(given, 'certificates', { purpose });
}

async function upload(given: Words, place: string, more: object): Promise<Outcome> {
  const path = given.positionals[1] ?? '';
  const content = readBounded(path, maxFileBytes);
  if (!content.ok)
    return content.fault.code === 'not-found' ? { ...content, text: fill(words.noFile, { file: path }) } : content;
  const body = { ...more, file: fileName(path), content: toBase64(content.value) };
  const asked = call<readonly string[]>(given.state, 'POST', `${pathOf(given)}/${place}`, body);
  return show(asked, (added) => [values.added, ...added, ''].join('\n'));
}

async function setRevocation(given: Words): Promise<Outcome> {
  const [, purpose = '', wanted] = given.positionals;
  const mode = revocationModes.find((each) => each === wanted);
  if (!isPurpose(purpose)) return misused(choiceText('PURPOSE', purposes));
  if (!mode) return misused(choiceText('set-revocation', revocationModes));
  return show(call(given.state, 'PUT', `${pathOf(given)}/revocation`, { purpose, mode }), doneText);
}

/** Of a word that is no option. */
const choiceText = (name: string, choices: readonly string[]): string =>
  fill(words.badChoice, { name, choices: choices.join(', ') }).replace(/^--/, '');

const setBlocked = (given: Words, blocked: boolean): Promise<Outcome> =>
  show(
    call(given.state, 'PUT', `${pathOf(given)}/blocklist`, { fingerprint: fingerprintOf(given), blocked }),
    doneText,
  );

const setBlockedEverywhere = (given: Words, blocked: boolean): Promise<Outcome> =>
  show(
    call<BlockReach>(given.state, 'PUT', '/blocklist', { fingerprint: fingerprintOf(given), blocked }),
    ({ devices }) => lines([[labels.devices, String(devices)]]),
  );

async function setLock(given: Words, enforced: boolean): Promise<Outcome> {
  const block = blocks.find((each) => each === given.positionals[1]);
  if (!block) return misused(choiceText('BLOCK', blocks));
  return show(call(given.state, 'PUT', `${pathOf(given)}/lock`, { block, enforced }), doneText);
}

async function setSetting(given: Words): Promise<Outcome> {
  const [, wanted, typed] = given.positionals;
  const name = settings.find((each) => each === wanted);
  if (!name) return misused(choiceText('SETTING', settings));
  const [clear, enforced] = [given.options['clear'] === true, given.options['enforced'] === true];
  if (clear ? typed !== undefined || enforced : typed === undefined) return misused(words.valueOrClear);
  const body = { name, value: clear ? null : typed, enforced };
  return show(call(given.state, 'PUT', `${pathOf(given)}/settings`, body), doneText);
}

async function setIdentity(given: Words): Promise<Outcome> {
  const typed = textOption(given, 'renew-before') ?? '';
  const days = numberOption(given, 'renew-before', 1, 60);
  if (days.ok !== true && typed !== 'blank' && typed !== 'default') return misused(words.renewBefore);
  const body = typed === 'default' ? null : { renewBeforeDays: days.ok === true ? days.value : null };
  return show(call(given.state, 'PUT', `${pathOf(given)}/identity`, body), doneText);
}

function renewBeforeText({ identity: { value } }: Settings): string {
  if (value === null) return values.renewDefault;
  return value.renewBeforeDays === null ? values.renewBlank : fill(values.renewDays, { days: value.renewBeforeDays });
}

async function setRotation(given: Words): Promise<Outcome> {
  const wanted = given.positionals[1] ?? '';
  const allowed = { on: true, off: false, inherit: null }[wanted];
  if (allowed === undefined) return misused(choiceText('set-rotation', rotations));
  return show(call(given.state, 'PUT', `${pathOf(given)}/rotation`, { allowed }), doneText);
}

function policyText({ group, own, effective, rev, signedAt }: PolicyView): string {
  const contacts = effective.contacts.value;
  const head = lines([
    [labels.group, group.name],
    [labels.revision, String(rev)],
    [labels.signed, date(signedAt)],
    [labels.contacts, contacts ? Object.values(contacts).filter(Boolean).join(', ') : values.none],
    [labels.locked, [...blocks, ...settings].filter((name) => isEnforced(effective, name)).join(', ') || values.none],
    [labels.rotation, effective.rotation.allowed === true ? values.yes : values.no],
    ...settings.map((name) => [name, effective.device[name].value ?? values.none] as const),
    [labels.renewBefore, renewBeforeText(effective)],
    [labels.revocation, purposes.map((each) => `${each} ${effective.revocation.modes[each]}`).join(', ')],
    [labels.blocked, effective.blocklist.join(', ') || values.none],
  ]);
  const { entries } = effective.certificates;
  const { lists } = effective.revocation;
  const shown = lists.length > 0 ? `\n${listsText(own, lists, entries)}` : '';
  return `${head}\n${entriesText(own, entries)}${shown}`;
}

/** Where its authority is not among the certificates, nothing here has checked the signature of a list. */
const listsText = (own: Settings, lists: readonly ListEntry[], entries: readonly Entry[]): string =>
  table(
    [
      labels.revocationList,
      labels.issuer,
      labels.verified,
      labels.from,
      labels.to,
      labels.revoked,
      labels.fingerprint,
      labels.group,
    ],
    lists.map(({ file, list, fingerprint }) => {
      const read = parseRevocationList(fromBase64(list));
      const isOwn = own.revocation.lists.some((each) => each.fingerprint === fingerprint);
      const where = isOwn ? '' : values.inherited;
      if (!read.ok) return [file, '', '', '', '', '', fingerprint, where];
      const { owner, thisUpdate, nextUpdate } = read.value;
      const verified = entries.some(({ certificate }) => isMadeBy(read.value, fromBase64(certificate)));
      const dates = [date(thisUpdate), date(nextUpdate)];
      return [
        file,
        owner,
        verified ? values.yes : values.no,
        ...dates,
        String(countOf(read.value) ?? ''),
        fingerprint,
        where,
      ];
    }),
  );

const entriesText = (own: Settings, entries: readonly Entry[]): string =>
  table(
    [
      labels.file,
      labels.purpose,
      labels.issuer,
      labels.owner,
      labels.from,
      labels.to,
      labels.fingerprint,
      labels.group,
    ],
    entries.map((entry) => {
      const parsed = parseCertificate(fromBase64(entry.certificate));
      const { issuer, owner, notBefore, notAfter } = parsed.ok
        ? parsed.value
        : { issuer: '', owner: '', notBefore: null, notAfter: null };
      const isOwn = own.certificates.entries.some(
        ({ fingerprint, purpose }) => fingerprint === entry.fingerprint && purpose === entry.purpose,
      );
      const where = isOwn ? '' : values.inherited;
      return [entry.file, entry.purpose, issuer, owner, date(notBefore), date(notAfter), entry.fingerprint, where];
    }),
  );
