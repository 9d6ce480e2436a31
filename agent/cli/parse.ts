/** A command line to a command of the table, or what is wrong with it. Pure. */
import { parseArgs } from 'node:util';
import { fill, type Words } from '../../words/say.ts';
import type { Command, Option, Options } from './command.ts';
import { formOf } from './form.ts';
import { showHelp } from './help.ts';
import { commands, commonOptions } from './table.ts';

export type Parsed = {
  readonly options: Options;
  /** The command, as far as one is named. */
  readonly command: Command | null;
  readonly positionals: readonly string[];
  /** Said on standard error; null where all is understood. */
  readonly wrong: string | null;
};

export function parseLine(words: Words, args: readonly string[]): Parsed {
  const { options, positionals, unknown } = readArguments(args);
  const command = commandOf(positionals);
  const rest = command ? positionals.slice(command.path.length) : positionals;
  const parsed = { options, command, positionals: rest };
  if (unknown !== null) {
    const said = fill(words.cli.badOption, { name: unknown });
    return { ...parsed, wrong: `${said}\n\n${showHelp(words, command)}` };
  }
  if (options['help'] || options['version']) return { ...parsed, wrong: null };
  const wrong = command ? wrongIn(words, command, options, rest) : unknownIn(words, positionals);
  return { ...parsed, wrong: wrong === null ? null : `${wrong.trimEnd()}\n` };
}

const unknownIn = (words: Words, positionals: readonly string[]): string =>
  positionals.length === 0 ? showHelp(words, null) : fill(words.cli.unknownCommand, { command: positionals.join(' ') });

function wrongIn(
  { cli }: Words,
  { path, takes, options: known }: Command,
  options: Options,
  given: readonly string[],
): string | null {
  const form = formOf({ path, takes, options: known });
  const foreign = Object.keys(options).find((name) => ![...known, ...commonOptions].some((one) => one.name === name));
  if (foreign !== undefined) return fill(cli.foreignOption, { name: `--${foreign}`, form });
  const lacking = known.find(({ name, needed }) => needed && options[name] === undefined);
  if (lacking) return fill(cli.missingArgument, { name: `--${lacking.name}`, form });
  const absent = takes.slice(given.length).find(({ needed }) => needed);
  if (absent) return fill(cli.missingArgument, { name: absent.name, form });
  if (given.length > takes.length && !takes.at(-1)?.many)
    return fill(cli.unknownCommand, { command: [...path, ...given].join(' ') });
  for (const { name, choices } of known)
    if (choices && options[name] !== undefined && !choices.includes(String(options[name])))
      return fill(cli.badChoice, { name: `--${name}`, choices: choices.join(', ') });
  for (const [index, { name, choices }] of takes.entries())
    if (choices && given[index] !== undefined && !choices.includes(given[index]))
      return fill(cli.badChoice, { name, choices: choices.join(', ') });
  return null;
}

/** The longest path the words begin with. */
function commandOf(positionals: readonly string[]): Command | null {
  const fitting = commands.filter(({ path }) => path.every((word, index) => positionals[index] === word));
  return fitting.sort((a, b) => b.path.length - a.path.length)[0] ?? null;
}

/** `unknown` is the first option that is not understood, null where all are. */
function readArguments(args: readonly string[]) {
  const all: readonly Option[] = [...commonOptions, ...commands.flatMap((command) => command.options)];
  const options = Object.fromEntries(
    all.map(({ name, value }) => [
      name,
      { type: value === null ? 'boolean' : 'string', ...(name === 'help' ? { short: 'h' } : {}) } as const,
    ]),
  );
  const given = { args: [...args], options, allowPositionals: true } as const;
  try {
    const { values, positionals } = parseArgs({ ...given, strict: true });
    return { options: values as Options, positionals, unknown: null };
  } catch (error) {
    const [, unknown = ''] = /'(-[^' ]*)/.exec(error instanceof Error ? error.message : '') ?? [];
    const { values, positionals } = parseArgs({ ...given, strict: false });
    return { options: values as Options, positionals, unknown };
  }
}
