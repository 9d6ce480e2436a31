/** The shape of a command of `thintrust-server`, and reading its words: what is not understood is refused. */
import { parseArgs } from 'node:util';
import { bad, type Fault, type Result } from '../../protocol/fault.ts';
import { sayVersion } from '../../protocol/version.ts';
import { fill } from '../../words/say.ts';
import { serverWords as words } from '../../words/server.ts';

export type CommandName = keyof typeof words.commands;
export type OptionText = keyof typeof words.options;
export type Option = { readonly type: 'string' | 'boolean'; readonly text: OptionText; readonly required?: boolean };
/** What a command is run with. */
export type Words = {
  readonly positionals: readonly string[];
  readonly options: Readonly<Record<string, string | boolean | undefined>>;
  /** Empty for commands that need none. */
  readonly state: string;
  readonly json: boolean;
};
/** Text for people and data for `--json`, undefined where it has been said already; a fault has code 1, a misuse code 2. */
export type Outcome =
  | { readonly ok: true; readonly text: string; readonly data: unknown }
  | {
      readonly ok: false;
      readonly fault: Fault;
      readonly faults?: readonly Fault[];
      readonly text?: string;
      /** By the server, or because there is none: nothing is left to tell it. */
      readonly asked?: true;
    }
  | { readonly ok: 'misused'; readonly text: string };
export type Command = {
  readonly name: CommandName;
  /** Names of the positional arguments as they stand in the usage line. */
  readonly positionals: readonly string[];
  /** How many of them may be left out, counted from the end. */
  readonly optional?: number;
  /** More words belong to the last positional argument, with a blank between them. */
  readonly open?: boolean;
  readonly options: Readonly<Record<string, Option>>;
  readonly needsState?: boolean | ((words: Words) => boolean);
  readonly run: (words: Words) => Promise<Outcome>;
};
export type Parsed =
  | { readonly at: 'run'; readonly command: Command; readonly words: Words }
  | { readonly at: 'help'; readonly text: string }
  | { readonly at: 'misused'; readonly text: string };

const stateVariable = 'THINTRUST_SERVER_STATE';

function formOf({ name, positionals, optional = 0, options }: Command): string {
  const fixed = positionals.map((word, index) => (index >= positionals.length - optional ? `[${word}]` : word));
  const named = Object.values(options).map(({ text, required }) => {
    const form = /^(--\S+(?: \S+)?)/.exec(words.options[text])?.[1] ?? '';
    return required ? form : `[${form}]`;
  });
  return [name, ...fixed, ...named].join(' ');
}

function helpOf(command: Command): string {
  const own = Object.values(command.options).map(({ text }) => words.options[text]);
  const options = [...own, words.common.state, words.common.json, words.common.help];
  return [
    fill(words.usage, { form: formOf(command) }),
    '',
    words.commands[command.name],
    '',
    words.optionsTitle,
    ...options.map((line) => `  ${line}`),
    '',
  ].join('\n');
}

function helpOfAll(commands: readonly Command[]): string {
  const widest = Math.max(...commands.map(({ name }) => name.length));
  return [
    words.title,
    '',
    fill(words.usage, { form: 'COMMAND …' }),
    '',
    words.commandsTitle,
    ...commands.map(({ name }) => `  ${name.padEnd(widest)}  ${words.commands[name]}`),
    '',
    words.moreHelp,
    words.versionHelp,
    '',
  ].join('\n');
}

/** `argv` without the program; the longest command name that fits its first words is meant. */
export function parse(
  commands: readonly Command[],
  given: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Parsed {
  const argv = optionsLast(given);
  const command = meant(commands, argv);
  if (!command) return withoutCommand(commands, argv);
  const read = readWords(command, argv.slice(command.name.split(' ').length));
  if (!read.ok) {
    const reason = String(read.fault.facts['what'] ?? '');
    return { at: 'misused', text: fill(words.unknownOption, { reason, command: command.name }) };
  }
  const { values } = read.value;
  const positionals = command.open
    ? joinFrom(read.value.positionals, command.positionals.length - 1)
    : read.value.positionals;
  if (values['help'] === true) return { at: 'help', text: helpOf(command) };
  const form = formOf(command);
  const missing = command.positionals[positionals.length];
  if (missing !== undefined && positionals.length < command.positionals.length - (command.optional ?? 0))
    return { at: 'misused', text: fill(words.missing, { name: missing, form }) };
  const extra = positionals[command.positionals.length];
  if (extra !== undefined) return { at: 'misused', text: fill(words.tooMany, { word: extra, form }) };
  for (const [name, { required }] of Object.entries(command.options))
    if (required && values[name] === undefined)
      return { at: 'misused', text: fill(words.missing, { name: `--${name}`, form }) };
  const state = values['state'] ?? environment[stateVariable] ?? '';
  const understood: Words = { positionals, options: values, state: String(state), json: values['json'] === true };
  const needs =
    typeof command.needsState === 'function' ? command.needsState(understood) : (command.needsState ?? true);
  if (needs && understood.state === '') return { at: 'misused', text: words.noState };
  return { at: 'run', command, words: understood };
}

/** The server and the command that a command line means, whatever is wrong with it otherwise. */
export function aim(
  commands: readonly Command[],
  given: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): { readonly state: string; readonly command: string } {
  const { state } = parseArgs({ args: [...given], options: { state: { type: 'string' } }, strict: false }).values;
  return {
    state: typeof state === 'string' ? state : (environment[stateVariable] ?? ''),
    command: meant(commands, optionsLast(given))?.name ?? 'unknown',
  };
}

const meant = (commands: readonly Command[], argv: readonly string[]): Command | undefined =>
  commands
    .filter(({ name }) => `${argv.join(' ')} `.startsWith(`${name} `))
    .sort((one, other) => other.name.length - one.name.length)[0];

/** `--json` and `--state DIR` may stand before the command too. */
function optionsLast([first, second, ...rest]: readonly string[]): readonly string[] {
  if (first === undefined || second === undefined) return first === undefined ? [] : [first];
  if (first === '--json' || first.startsWith('--state=')) return [...optionsLast([second, ...rest]), first];
  if (first === '--state') return [...optionsLast(rest), first, second];
  return [first, second, ...rest];
}

const joinFrom = (given: readonly string[], last: number): readonly string[] =>
  given.length > last ? [...given.slice(0, last), given.slice(last).join(' ')] : given;

/** A whole number within bounds; undefined when the option was not given. Misuse is a text. */
export function numberOption(
  { options }: Words,
  name: string,
  least: number,
  most: number,
): { readonly ok: true; readonly value: number | undefined } | { readonly ok: 'misused'; readonly text: string } {
  const given = options[name];
  if (given === undefined) return { ok: true, value: undefined };
  const value = /^\d{1,9}$/.test(String(given)) ? Number(given) : -1;
  return value >= least && value <= most
    ? { ok: true, value }
    : { ok: 'misused', text: fill(words.badNumber, { name, least, most }) };
}

export const textOption = ({ options }: Words, name: string): string | undefined => {
  const value = options[name];
  return typeof value === 'string' ? value : undefined;
};

export const misused = (text: string): Outcome => ({ ok: 'misused', text });

const isHelp = (word: string | undefined): boolean => word === '--help' || word === '-h';

function withoutCommand(commands: readonly Command[], argv: readonly string[]): Parsed {
  if (argv.length === 0 || isHelp(argv[0]) || argv[0] === 'help') return { at: 'help', text: helpOfAll(commands) };
  if (argv[0] === '--version') return { at: 'help', text: sayVersion('thintrust-server') };
  const known = commands.some(({ name }) => name.startsWith(`${argv[0]} `));
  if (known && isHelp(argv[1]))
    return { at: 'help', text: helpOfAll(commands.filter(({ name }) => name.startsWith(`${argv[0]} `))) };
  const command = argv.slice(0, known ? 2 : 1).join(' ');
  return { at: 'misused', text: fill(words.unknownCommand, { command: command.slice(0, 80) }) };
}

type Read = { readonly values: Record<string, string | boolean | undefined>; readonly positionals: string[] };

function readWords({ options }: Command, argv: readonly string[]): Result<Read> {
  const own = Object.fromEntries(Object.entries(options).map(([name, { type }]) => [name, { type }]));
  const common = {
    state: { type: 'string' },
    json: { type: 'boolean' },
    help: { type: 'boolean', short: 'h' },
  } as const;
  try {
    const parsed = parseArgs({ args: [...argv], options: { ...own, ...common }, strict: true, allowPositionals: true });
    return { ok: true, value: { values: { ...parsed.values }, positionals: parsed.positionals } };
  } catch (error) {
    const [what] = (error instanceof Error ? error.message : String(error)).split(/(?<=\.)\s/);
    return bad('bad-argument', { what: what ?? '' });
  }
}
