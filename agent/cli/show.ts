/** What the `thintrust` command prints for people: aligned text in the language of `words`. Pure. */
import { groupFingerprint } from '../../protocol/certificate.ts';
import type { CertificateView, Status } from '../../protocol/local.ts';
import {
  fill,
  formatDateTime,
  formatDuration,
  formatInstant,
  formatZone,
  nameAndGroup,
  nameless,
  plainText,
  sayFault,
  type Words,
} from '../../words/say.ts';

/** `now` and the zone are the terminal's, for what is said in words. */
export type Moment = { readonly now: number; readonly offsetMinutes: number };
export type Row = readonly string[];

export function showStatus(words: Words, status: Status, moment: Moment): string {
  const { main, replacement, menu, product } = words.screens;
  const { device, identity, server, policy, contacts, clock } = status;
  const date = (at: number): string => formatInstant(words, at, moment.offsetMinutes);
  const rows: Row[] = [
    [main.device, device ? nameAndGroup(words, device) : nameless(words, status.at)],
    ...(server ? [[main.server, server.https]] : []),
    [main.connection, linkOf(words, status, moment)],
    [main.policy, policy ? `${policy.rev} (${date(policy.iat)})` : main.noPolicy],
    [main.certificates, String(status.certificates.length)],
    ...(identity ? [[product.identity, fill(product.identityAt[identity.at], { date: date(identity.notAfter) })]] : []),
    ...revocationRows(words, status, moment),
    [main.time, clock.at === 'known' ? date(clock.now) : main.unknown],
    ...(contacts ? [[main.administrator, contactsOf(contacts)]] : []),
  ];
  const asked = status.replacement;
  const code = asked
    ? [
        '',
        asked.about === 'device' ? menu.reenrolment : menu.replacement,
        ...table([
          [replacement.code, asked.confirmationCode],
          [replacement.certificate, asked.presented.owner],
          [replacement.fingerprint, groupFingerprint(asked.presented.fingerprint.slice(0, 16))],
        ]),
        ...(asked.lockedForMs > 0
          ? [fill(replacement.locked, { time: formatDuration(words, asked.lockedForMs) })]
          : []),
      ]
    : [];
  const { operation } = status;
  const opened = operation ? ['', ...showOperation(words, operation)] : [];
  const faults = status.faults.map((fault) => `- ${sayFault(words, { code: fault.code, facts: fault.facts })}`);
  return lines([...table(rows), ...code, ...opened, ...(faults.length > 0 ? ['', main.notices, ...faults] : [])]);
}

/** How each purpose looks revoked certificates up, and until when each list is in force. */
function revocationRows(words: Words, { revocation }: Status, { now, offsetMinutes }: Moment): readonly Row[] {
  if (!revocation) return [];
  const own = words.cli.revocation;
  const { modes, lists } = revocation;
  const said = (['rdp', 'broker', 'log'] as const).flatMap((purpose) => {
    const mode = modes[purpose];
    return mode === 'off' ? [] : [`${words.purposes[purpose]}: ${own[mode]}`];
  });
  const rows = lists.map(({ issuer, nextUpdate }) => [
    own.list,
    fill(nextUpdate < now ? own.outdated : own.until, {
      issuer,
      date: formatInstant(words, nextUpdate, offsetMinutes),
    }),
  ]);
  return [[own.label, said.join('; ')], ...rows];
}

/** An action the policy locked: its confirmation code, or how long it is open. */
export function showOperation(
  words: Words,
  { action, confirmationCode, openForMs, lockedForMs }: NonNullable<Status['operation']>,
): string[] {
  const { operation } = words.cli;
  const { replacement } = words.screens;
  const name = operation[action];
  if (confirmationCode === '') return [name, fill(operation.open, { time: formatDuration(words, openForMs) })];
  const locked = lockedForMs > 0 ? [fill(replacement.locked, { time: formatDuration(words, lockedForMs) })] : [];
  return [name, ...table([[replacement.code, confirmationCode]]), ...locked, operation.needed];
}

export function showCertificates(words: Words, certificates: readonly CertificateView[], moment: Moment): string {
  const { certificates: screen, details } = words.screens;
  if (certificates.length === 0) return lines([screen.empty]);
  const validTo = `${screen.validTo}, ${formatZone(moment.offsetMinutes)}`;
  const head = [screen.purpose, screen.owner, validTo, screen.source, details.fingerprint];
  const rows = certificates.map((each) => [
    purposeOf(words, each),
    each.owner,
    formatDateTime(words, each.notAfter, moment.offsetMinutes) + (isUsable(each, moment) ? '' : ' !'),
    words.sources[each.source],
    each.fingerprint.slice(0, 16),
  ]);
  const stale = certificates.some((each) => !isUsable(each, moment)) ? ['', screen.outOfDate] : [];
  return lines([...table([head, ...rows]), ...stale]);
}

export function showCertificate(words: Words, each: CertificateView, moment: Moment): string {
  const { details } = words.screens;
  const date = (at: number): string => formatInstant(words, at, moment.offsetMinutes);
  const rows: Row[] = [
    [details.owner, each.owner],
    [details.subject, each.subject],
    [details.issuer, each.issuer],
    [details.names, each.names.join(', ')],
    [details.validFrom, date(each.notBefore) + (moment.now < each.notBefore ? ` (${details.notYet})` : '')],
    [details.validTo, date(each.notAfter) + (moment.now > each.notAfter ? ` (${details.expired})` : '')],
    [details.key, each.key],
    [details.kind, each.isCa ? details.authority : details.endEntity],
    [details.serial, each.serial],
    [details.purpose, purposeOf(words, each)],
    [details.source, words.sources[each.source]],
    [details.file, each.file],
    [details.server, each.source === 'manual' ? (each.server ?? details.anyServer) : ''],
    [details.added, date(each.addedAt)],
    [details.fingerprint, groupFingerprint(each.fingerprint)],
  ];
  return lines(table(rows.filter(([, value]) => value !== '')));
}

export const lines = (all: readonly string[]): string => `${all.map(plainText).join('\n')}\n`;
const isUsable = ({ notBefore, notAfter }: CertificateView, { now }: Moment): boolean =>
  now >= notBefore && now <= notAfter;
const contactsOf = ({ name, phone, email, note }: NonNullable<Status['contacts']>): string =>
  [name, phone, email, note].filter(Boolean).join(', ');

function purposeOf(words: Words, { purpose, slot }: CertificateView): string {
  const name = words.purposes[purpose];
  return slot ? `${name}, ${words.slots[slot]}` : name;
}

function linkOf(words: Words, { link }: Status, { now }: Moment): string {
  const { link: said } = words.screens;
  const why = link.fault ? `; ${sayFault(words, { code: link.fault.code, facts: link.fault.facts })}` : '';
  if (link.at === 'connected') return fill(said.connected, { age: formatDuration(words, now - link.since) });
  if (link.at === 'waiting' && link.retryInMs)
    return fill(said.waiting, { time: formatDuration(words, link.retryInMs) }) + why;
  return (link.at === 'waiting' ? said.waitingSoon : said[link.at]) + why;
}

/** Columns as wide as their longest cell; two blanks between them. */
export function table(rows: readonly Row[]): string[] {
  const widths = rows.reduce<number[]>(
    (widest, row) => row.map((cell, index) => Math.max(widest[index] ?? 0, [...cell].length)),
    [],
  );
  const pad = (cell: string, width: number): string => cell + ' '.repeat(Math.max(0, width - [...cell].length));
  return rows.map((row) =>
    row
      .map((cell, index) => pad(cell, widths[index] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
