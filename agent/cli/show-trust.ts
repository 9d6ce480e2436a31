/** What the `thintrust` command prints of pre-flights, settings, events and sticks. Pure. */
import { groupFingerprint } from '../../protocol/certificate.ts';
import type { LogPage, MediaList, Preflight, PresentedView, Status } from '../../protocol/local.ts';
import { fill, formatInstant, sayFault, type Words } from '../../words/say.ts';
import { lines, type Moment, type Row, table } from './show.ts';

/** One sentence, what to look at, and the chain as it was shown. */
export function showPreflight(words: Words, found: Preflight, moment: Moment): string {
  const { cli } = words;
  const { server, verdict, by, fault, warnings, chain, tls } = found;
  const reason = fault ? sayFault(words, { code: fault.code, facts: fault.facts }) : '';
  const sentence = fill(cli.preflight[verdict], {
    server,
    reason,
    owner: by?.owner ?? '',
    source: by ? words.sources[by.source] : '',
  });
  const notes = warnings.map(({ code, facts }) =>
    fill(cli.preflight.warning, { sentence: sayFault(words, { code, facts }) }),
  );
  const shown = chain.flatMap((each, index) => [
    '',
    fill(cli.preflight.shown, { number: index + 1, count: chain.length }),
    ...table(presented(words, each, moment)),
  ]);
  const [leaf] = chain;
  const form = `thintrust certificates add --purpose ${found.purpose} --server ${server} --fingerprint ${leaf?.fingerprint}`;
  const hint = verdict === 'unknown' && leaf ? ['', fill(cli.toAdd, { form })] : [];
  return lines([sentence, ...notes, ...shown, ...(tls ? ['', `${cli.preflight.tls}  ${tls}`] : []), ...hint]);
}

export function showSettings(words: Words, settings: Status['settings']): string {
  const { settings: said } = words.cli;
  const row = (name: string, { value, source, locked }: Status['settings']['rdp']): Row => [
    name,
    value ?? said.none,
    said.sources[source],
    locked ? said.locked : '',
  ];
  const lock = (name: string, { locked }: { readonly locked: boolean }): Row => [
    name,
    '',
    '',
    locked ? said.locked : '',
  ];
  const { language } = settings;
  return lines(
    table([
      [said.name, said.value, said.source],
      row('log-server', settings.logServer),
      row('rdp', settings.rdp),
      row('broker', settings.broker),
      ['language', language ?? said.none, said.sources[language ? 'local' : 'none']],
      lock('connection', settings.connection),
      lock('time', settings.dateTime),
      lock('reset', settings.reset),
    ]),
  );
}

export function showLog(words: Words, { records, more }: LogPage, { offsetMinutes }: Moment): string {
  const { log } = words.cli;
  if (records.length === 0) return lines([log.empty]);
  const rows = records.map(({ at, severity, component, text }) => [
    formatInstant(words, at, offsetMinutes),
    severity,
    component,
    text,
  ]);
  const seq = records.at(-1)?.seq ?? 0;
  return lines([...table(rows), ...(more ? ['', fill(log.more, { seq })] : [])]);
}

export function showMedia(words: Words, { files, more }: MediaList): string {
  const { media } = words.cli;
  if (files.length === 0) return lines([media.empty]);
  return lines([...table(files.map(({ name, bytes }) => [name, String(bytes)])), ...(more ? [media.more] : [])]);
}

function presented(words: Words, each: PresentedView, { now, offsetMinutes }: Moment): readonly Row[] {
  const { details } = words.screens;
  const date = (at: number): string => formatInstant(words, at, offsetMinutes);
  const rows: Row[] = [
    [details.owner, each.owner],
    [details.subject, each.subject],
    [details.issuer, each.issuer],
    [details.names, each.names.join(', ')],
    [details.validFrom, date(each.notBefore) + (now < each.notBefore ? ` (${details.notYet})` : '')],
    [details.validTo, date(each.notAfter) + (now > each.notAfter ? ` (${details.expired})` : '')],
    [details.key, each.key],
    [details.kind, each.isCa ? details.authority : details.endEntity],
    [details.serial, each.serial],
    [details.fingerprint, groupFingerprint(each.fingerprint)],
  ];
  return rows.filter(([, value]) => value !== '');
}
