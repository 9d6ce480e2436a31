/** Commands about the device itself: its state, its certificates, its registration, its events. */
import { type Fault, fault } from '../../protocol/fault.ts';
import type { CertificateView, LogPage, MediaList, Status } from '../../protocol/local.ts';
import { version as ours, sayVersion } from '../../protocol/version.ts';
import { fill, type Words } from '../../words/say.ts';
import {
  ask,
  bareFingerprint,
  done,
  type Given,
  moment,
  nothingBy,
  type Outcome,
  post,
  refused,
  refusedHere,
  textOf,
} from './command.ts';
import { enrolmentOf } from './enrolment.ts';
import { readPassword } from './input.ts';
import { showCertificate, showCertificates, showStatus } from './show.ts';
import { showLog, showMedia } from './show-trust.ts';

const shortestPrefix = 8;
const mostRecords = 1000;

export async function status(given: Given): Promise<Outcome> {
  const shown = await ask(given, 'read', { method: 'GET', path: '/status' });
  return shown.ok ? done(showStatus(given.words, shown.value as Status, moment()), shown.value) : refused(shown.fault);
}

export async function certificates(given: Given): Promise<Outcome> {
  const all = await held(given);
  return all.ok ? done(showCertificates(given.words, all.value, moment()), all.value) : refused(all.fault);
}

export async function show(given: Given): Promise<Outcome> {
  const [wanted = ''] = given.positionals;
  const all = await held(given);
  if (!all.ok) return refused(all.fault);
  const found = byPrefix(all.value, wanted);
  if (found.length === 0) return nothingBy(wanted);
  return done(found.map((each) => showCertificate(given.words, each, moment())).join('\n'), found);
}

export async function media(given: Given): Promise<Outcome> {
  const list = await ask(given, 'read', { method: 'GET', path: '/media' });
  return list.ok ? done(showMedia(given.words, list.value as MediaList), list.value) : refused(list.fault);
}

export async function log(given: Given): Promise<Outcome> {
  const { cli } = given.words;
  const query = new URLSearchParams();
  for (const name of ['severity', 'limit', 'before']) {
    const value = textOf(given, name);
    if (value === null) continue;
    const most = name === 'limit' ? mostRecords : Number.MAX_SAFE_INTEGER;
    if (name !== 'severity' && !(/^[1-9][0-9]{0,15}$/.test(value) && Number(value) <= most))
      return { at: 'misused', text: fill(cli.badNumber, { name: `--${name}`, most }) };
    query.set(name, value);
  }
  const page = await ask(given, 'read', { method: 'GET', path: `/log?${query}` });
  return page.ok ? done(showLog(given.words, page.value as LogPage, moment()), page.value) : refused(page.fault);
}

export async function register(given: Given): Promise<Outcome> {
  const { words } = given;
  const enrolment = enrolmentOf(given);
  if ('at' in enrolment) return enrolment;
  if (!enrolment.ok) return refusedHere(enrolment.fault);
  const password = await readPassword(given);
  if (!password.ok) return refusedHere(password.fault);
  if (password.value === '')
    return {
      ...refusedHere(fault('bad-argument', { what: 'password' })),
      text: words.screens.notes.badPassword,
    };
  const order = {
    address: textOf(given, 'address'),
    fingerprint: bareFingerprint(textOf(given, 'fingerprint') ?? ''),
    invitation: textOf(given, 'invitation'),
    password: password.value,
    ...(enrolment.value && { enrolment: enrolment.value }),
  };
  const answer = await post(given, '/register', order);
  if (!answer.ok) return { ...refused(answer.fault), ...badField(words, answer.fault, order.fingerprint) };
  const name = (answer.value as Status).device?.name;
  const text = name === undefined ? words.cli.registering : fill(words.cli.registered, { name });
  return done(`${text}\n`, answer.value);
}

/** As it is said and shown: in groups of four. */
export async function code(given: Given): Promise<Outcome> {
  const answer = await post(given, '/code', { code: given.positionals.join(' ') });
  return answer.ok ? done(`${given.words.cli.replaced}\n`, answer.value) : refused(answer.fault);
}

export const version = async (): Promise<Outcome> => done(sayVersion('thintrust'), { version: ours });

/** The certificates of the device. Faults: those of the call. */
export async function held(given: Given) {
  const answer = await ask(given, 'read', { method: 'GET', path: '/certificates' });
  return answer.ok ? ({ ok: true, value: answer.value as readonly CertificateView[] } as const) : answer;
}

/** Entries of the one certificate whose fingerprint begins like this; none where it is too short or fits several. */
export function byPrefix(all: readonly CertificateView[], wanted: string): readonly CertificateView[] {
  const prefix = bareFingerprint(wanted);
  const found = prefix.length < shortestPrefix ? [] : all.filter((each) => each.fingerprint.startsWith(prefix));
  return found.every((each) => each.fingerprint === found[0]?.fingerprint) ? found : [];
}

/** What is wrong with a field, said as the form on the screen says it. */
function badField({ screens: { notes } }: Words, { facts }: Fault, fingerprint: string): { readonly text?: string } {
  const said: Readonly<Record<string, string>> = {
    '/address': notes.badAddress,
    '/fingerprint': fill(notes.badFingerprint, { count: fingerprint.length }),
    '/invitation': notes.badInvitation,
    '/password': notes.badPassword,
  };
  const text = said[String(facts['at'])];
  return text === undefined ? {} : { text };
}
