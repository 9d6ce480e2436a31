/**
 * `thintrust`: the command line of the device, over the control API. Exit codes: 0 good, 1 refused (a sentence on standard
 * error; with `--json` the fault), 2 usage. What is refused here and not by the agent is told it, for its audit log.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { bad, type Fault, good, type Result } from '../../protocol/fault.ts';
import type { CertificateView, Status } from '../../protocol/local.ts';
import { fill, formatDuration, languageOf, sayFault, type Words, wordsOf } from '../../words/say.ts';
import { version } from '../edge/build.ts';
import { type Ask, call } from './client.ts';
import { type Moment, showCertificate, showCertificates, showHelp, showStatus } from './show.ts';

type Options = { readonly [name: string]: string | boolean | undefined };
type Outcome =
  | { readonly at: 'done'; readonly text: string; readonly data: unknown }
  /** `text`: said instead of the fault's sentence. `here`: the agent does not know of it. */
  | { readonly at: 'refused'; readonly fault: Fault; readonly text?: string; readonly here?: true }
  | { readonly at: 'misused'; readonly text: string };
type Command = {
  readonly words: Words;
  readonly runtime: string;
  readonly options: Options;
  readonly positionals: readonly string[];
};

const commands: ReadonlySet<string> = new Set(['status', 'certificates', 'register', 'code', 'decide']);
const maxPasswordBytes = 1024;
const shortestPrefix = 8;
const longestNoteMs = 2000;

async function main(args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const words = wordsOf[languageOf(env['THINTRUST_LANG'] || env['LC_ALL'] || env['LANG'])];
  const { options, positionals, wrong } = readArguments(args);
  const [name, ...rest] = positionals;
  const runtime = String(options['runtime'] ?? env['THINTRUST_RUNTIME'] ?? '/run/thintrust');
  const misuse = async (text: string): Promise<number> => {
    process.stderr.write(text);
    await note(runtime, name ?? '', 'usage');
    return 2;
  };
  if (wrong !== null) return misuse(`${fill(words.cli.badOption, { name: wrong })}\n\n${showHelp(words)}`);
  if (options['help']) return print(showHelp(words));
  if (options['version'] || name === 'version')
    return print(options['json'] ? `${JSON.stringify({ version })}\n` : `thintrust ${version}\n`);
  if (name === 'decide') return options['batch'] ? decide() : misuse(showHelp(words));
  const outcome = await run(name ?? '', { words, runtime, options, positionals: rest });
  if (outcome.at === 'misused') return misuse(`${outcome.text}\n`);
  if (outcome.at === 'done') return print(options['json'] ? `${JSON.stringify(outcome.data)}\n` : outcome.text);
  if (options['json']) process.stdout.write(`${JSON.stringify(outcome.fault)}\n`);
  else process.stderr.write(`${outcome.text ?? sentenceOf(words, outcome.fault)}\n`);
  if (outcome.here) await note(runtime, name ?? '', outcome.fault.code);
  return 1;
}

/** `wrong` is the first option that is not understood, null where all are. */
function readArguments(args: readonly string[]) {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  const options = {
    runtime: text,
    address: text,
    fingerprint: text,
    invitation: text,
    'password-file': text,
    json: flag,
    batch: flag,
    help: { type: 'boolean', short: 'h' } as const,
    version: flag,
  };
  const given = { args: [...args], options, allowPositionals: true } as const;
  try {
    const { values, positionals } = parseArgs({ ...given, strict: true });
    return { options: values as Options, positionals, wrong: null };
  } catch (error) {
    const [, wrong = ''] = /'(-[^' ]*)/.exec(error instanceof Error ? error.message : '') ?? [];
    const { values, positionals } = parseArgs({ ...given, strict: false });
    return { options: values as Options, positionals, wrong };
  }
}

/**
 * The agent knows no such path and refuses it, and its audit log says so. Names only what is known: other words may be
 * secrets that were typed in the wrong place.
 */
async function note(runtime: string, name: string, code: string): Promise<void> {
  const path = `/command-line/${commands.has(name) ? name : 'unknown'}/${code}`;
  const asked = ask({ runtime }, 'read', { method: 'GET', path });
  await Promise.race([asked, delay(longestNoteMs, null, { ref: false })]);
}

async function run(name: string, command: Command): Promise<Outcome> {
  const { words, positionals } = command;
  switch (name) {
    case 'status':
      return positionals.length > 0 ? unknown(command, positionals) : status(command);
    case 'certificates':
      return certificates(command);
    case 'register':
      return positionals.length > 0 ? unknown(command, positionals) : register(command);
    case 'code':
      return code(command);
    default:
      return { at: 'misused', text: name === '' ? showHelp(words) : fill(words.cli.unknownCommand, { command: name }) };
  }
}

async function status(command: Command): Promise<Outcome> {
  const shown = await ask(command, 'read', { method: 'GET', path: '/status' });
  if (!shown.ok) return refused(shown.fault);
  return { at: 'done', data: shown.value, text: showStatus(command.words, shown.value as Status, moment()) };
}

async function certificates(command: Command): Promise<Outcome> {
  const { positionals, words } = command;
  const [verb, wanted, ...more] = positionals;
  if (verb !== undefined && (verb !== 'show' || more.length > 0)) return unknown(command, positionals);
  if (verb === 'show' && wanted === undefined) return missing(words, 'FINGERPRINT');
  const shown = await ask(command, 'read', { method: 'GET', path: '/certificates' });
  if (!shown.ok) return refused(shown.fault);
  const all = shown.value as readonly CertificateView[];
  if (wanted === undefined) return { at: 'done', data: all, text: showCertificates(words, all, moment()) };
  const prefix = bareFingerprint(wanted);
  const found = prefix.length < shortestPrefix ? [] : all.filter((each) => each.fingerprint.startsWith(prefix));
  const [first] = found;
  const unique = first && found.every((each) => each.fingerprint === first.fingerprint);
  if (!unique) return refusedHere(bad('not-found', { what: wanted.slice(0, 100) }).fault);
  return { at: 'done', data: found, text: found.map((each) => showCertificate(words, each, moment())).join('\n') };
}

async function register(command: Command): Promise<Outcome> {
  const { options, words } = command;
  for (const name of ['address', 'fingerprint', 'invitation'])
    if (options[name] === undefined) return missing(words, `--${name}`);
  const password = await readPassword(command);
  if (!password.ok) return refusedHere(password.fault);
  if (password.value === '')
    return {
      ...refusedHere(bad('bad-argument', { what: 'password' }).fault),
      text: words.screens.registration.badPassword,
    };
  const order = {
    address: options['address'],
    fingerprint: bareFingerprint(String(options['fingerprint'])),
    invitation: options['invitation'],
    password: password.value,
  };
  const answer = await ask(command, 'console', { method: 'POST', path: '/register', body: order });
  if (!answer.ok) return { ...refused(answer.fault), ...badField(words, answer.fault, order.fingerprint) };
  const name = (answer.value as Status).device?.name;
  const text = name === undefined ? words.cli.registering : fill(words.cli.registered, { name });
  return { at: 'done', data: answer.value, text: `${text}\n` };
}

async function code(command: Command): Promise<Outcome> {
  const { positionals, words } = command;
  if (positionals.length === 0) return missing(words, 'CODE');
  // As it is said and shown: in groups of four.
  const answer = await ask(command, 'console', {
    method: 'POST',
    path: '/code',
    body: { code: positionals.join(' ') },
  });
  if (!answer.ok) return refused(answer.fault);
  return { at: 'done', data: answer.value, text: `${words.cli.replaced}\n` };
}

/** What is wrong with a field, said as the form on the screen says it. */
function badField(
  { screens: { registration } }: Words,
  { facts }: Fault,
  fingerprint: string,
): { readonly text?: string } {
  const count = fingerprint.length;
  const said: Readonly<Record<string, string>> = {
    '/address': registration.badAddress,
    '/fingerprint': fill(registration.badFingerprint, { count }),
    '/invitation': registration.badInvitation,
    '/password': registration.badPassword,
  };
  const text = said[String(facts['at'])];
  return text === undefined ? {} : { text };
}

/** A lock is told with its end. */
function sentenceOf(words: Words, { code, facts }: Fault): string {
  const { lockedForMs } = facts;
  return code === 'code-locked' && typeof lockedForMs === 'number'
    ? fill(words.screens.code.locked, { time: formatDuration(words, lockedForMs) })
    : sayFault(words, { code, facts });
}

/** Needs no daemon. The engine is loaded here alone. */
async function decide(): Promise<number> {
  const [{ decideBatch }, { openJudge }] = await Promise.all([import('./decide.ts'), import('../edge/judge.ts')]);
  process.stdin.setEncoding('utf8');
  await decideBatch(process.stdin, write, openJudge());
  return 0;
}

/** The first line of standard input or of a file; a prompt where a person types it. Never an argument: those are seen by all. */
async function readPassword({ options, words }: Command): Promise<Result<string>> {
  const file = options['password-file'];
  let text = '';
  if (typeof file === 'string') {
    try {
      text = readStart(file);
    } catch {
      return bad('not-found', { what: file });
    }
  } else {
    if (process.stdin.isTTY) process.stderr.write(words.cli.askPassword);
    process.stdin.setEncoding('utf8');
    for await (const chunk of process.stdin) {
      text += chunk;
      if (text.includes('\n') || text.length > maxPasswordBytes) break;
    }
  }
  const line = (text.split('\n', 1)[0] ?? '').trim();
  return good(line);
}

/** Enough for any password; a file may be without end. */
function readStart(path: string): string {
  const file = openSync(path, 'r');
  try {
    const start = Buffer.alloc(maxPasswordBytes + 1);
    return start.toString('utf8', 0, readSync(file, start));
  } finally {
    closeSync(file);
  }
}

/** Who may only open the console socket may read there too. */
async function ask(
  { runtime }: Pick<Command, 'runtime'>,
  socket: 'read' | 'console',
  what: Ask,
): Promise<Result<unknown>> {
  const answer = await call(join(runtime, `${socket}.sock`), what);
  const denied = !answer.ok && answer.fault.code === 'not-allowed' && socket === 'read';
  return denied ? call(join(runtime, 'console.sock'), what) : answer;
}

const moment = (): Moment => ({ now: Date.now(), offsetMinutes: -new Date().getTimezoneOffset() });
const bareFingerprint = (text: string): string => text.replace(/[\s:]/g, '').toLowerCase();
const refused = (why: Fault): Outcome => ({ at: 'refused', fault: why });
const refusedHere = (why: Fault): Outcome => ({ at: 'refused', fault: why, here: true });
const missing = (words: Words, name: string): Outcome => ({
  at: 'misused',
  text: fill(words.cli.missingArgument, { name }),
});
const unknown = ({ words }: Command, positionals: readonly string[]): Outcome => ({
  at: 'misused',
  text: fill(words.cli.unknownCommand, { command: positionals.join(' ') }),
});

const write = (text: string): Promise<void> =>
  new Promise((resolve) => {
    process.stdout.write(text, () => resolve());
  });

async function print(text: string): Promise<number> {
  await write(text);
  return 0;
}

process.stdout.on('error', () => process.exit(1));
main(process.argv.slice(2), process.env).then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`thintrust: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  },
);
