/** The manual page of `thintrust` and its bash completion, from the one table of its commands. Pure. */
import { type Argument, type Command, exitCodes, type Option } from '../agent/cli/command.ts';
import { formOf, optionName } from '../agent/cli/form.ts';
import { commands, commonOptions } from '../agent/cli/table.ts';
import { en } from '../words/en.ts';

const { cli } = en;
const options: readonly Option[] = [
  ...new Map([...commonOptions, ...commands.flatMap((one) => one.options)].map((one) => [one.name, one])).values(),
];
const flag = (name: string): string => `--${name}`;

/** man(7), for `man1`. */
export function manualPage(): string {
  const item = (head: string, text: string): string[] => ['.TP', `.B ${roff(head)}`, roff(text)];
  const command = (one: Command): string[] => [
    '.TP',
    `.B ${roff(`thintrust ${formOf(one)}`)}`,
    roff(cli.help[one.help]),
    ...(one.options.length > 0 ? ['.RS'] : []),
    ...one.options.flatMap((option) => item(optionName(option), cli.options[option.help])),
    ...(one.options.length > 0 ? ['.RE'] : []),
  ];
  const exits = Object.entries(cli.exits).flatMap(([name, text]) =>
    item(String(exitCodes[name as keyof typeof exitCodes]), text),
  );
  return `${[
    '.\\" Made by scripts/manual.ts from agent/cli/table.ts.',
    '.TH THINTRUST 1 "" thintrust "User commands"',
    '.SH NAME',
    'thintrust \\- certificates, connections and settings of a thin client',
    '.SH SYNOPSIS',
    '.B thintrust',
    '[\\fIOPTION\\fR]... \\fICOMMAND\\fR [\\fIARGUMENT\\fR]...',
    '.SH DESCRIPTION',
    roff('The command line of the device service thintrustd. It talks to its two sockets in the runtime directory: '),
    roff(
      'read.sock shows, console.sock also changes. Passwords come from standard input or a file, never from a word.',
    ),
    '.SH COMMANDS',
    ...commands.flatMap(command),
    '.SH OPTIONS',
    ...commonOptions.flatMap((option) =>
      item(option.name === 'help' ? '--help, -h' : optionName(option), cli.options[option.help]),
    ),
    '.SH EXIT STATUS',
    ...exits,
    '.SH ENVIRONMENT',
    ...item('THINTRUST_LANG, LC_ALL, LANG', 'Russian where the first that is set begins with ru, else English.'),
    ...item('THINTRUST_RUNTIME, THINTRUST_STATE', 'Directories, where no option names them.'),
    '.SH FILES',
    ...item('/run/thintrust/console.sock, /run/thintrust/read.sock', 'Sockets of the device service.'),
    ...item('/run/thintrust/trust/', 'Certificates for other programs, a directory for each purpose.'),
    ...item('/var/lib/thintrust/', 'State of the device service.'),
    '.SH SEE ALSO',
    '.BR curl (1),',
    '.BR openssl\\-verify (1)',
  ].join('\n')}\n`;
}

/** A bash function for `complete -F`. */
export function completion(): string {
  const valued = options.filter(({ value }) => value !== null);
  const chosen = valued.filter(({ choices }) => choices);
  const files = valued.filter(({ isFile }) => isFile);
  const rest = valued.filter((one) => !one.choices && !one.isFile);
  const names = (some: readonly Option[]): string => some.map(({ name }) => flag(name)).join(' | ');
  return `${[
    '# Made by scripts/manual.ts from agent/cli/table.ts.',
    '_thintrust() {',
    `  local cur=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD - 1]} path= skip= word offers=`,
    '  COMPREPLY=()',
    '  case $before in',
    ...chosen.map(
      ({ name, choices = [] }) =>
        `    ${flag(name)}) mapfile -t COMPREPLY < <(compgen -W '${choices.join(' ')}' -- "$cur"); return ;;`,
    ),
    `    ${names(files)}) mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;`,
    `    ${names(rest)}) return ;;`,
    '  esac',
    `  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do`,
    '    if [ -n "$skip" ]; then skip=; continue; fi',
    '    case $word in',
    `      ${names(valued)}) skip=1 ;;`,
    '      -*) ;;',
    `      *) path="\${path:+$path }$word" ;;`,
    '    esac',
    '  done',
    '  case $path in',
    ...places().flatMap(({ path, offers, isFile }) => [
      `    ${path}) offers='${offers.join(' ')}'${isFile ? '; mapfile -t COMPREPLY < <(compgen -f -- "$cur")' : ''} ;;`,
    ]),
    '  esac',
    `  offers="$offers ${commonOptions.map(({ name }) => flag(name)).join(' ')}"`,
    `  mapfile -t -O "\${#COMPREPLY[@]}" COMPREPLY < <(compgen -W "$offers" -- "$cur")`,
    '}',
    'complete -o filenames -F _thintrust thintrust',
  ].join('\n')}\n`;
}

type Place = { readonly path: string; readonly offers: readonly string[]; readonly isFile: boolean };

/** What may follow the words so far; the longest first. */
function places(): readonly Place[] {
  const starts = new Set([
    '',
    ...commands.flatMap(({ path }) => path.map((_, index) => path.slice(0, index + 1).join(' '))),
  ]);
  return [...starts]
    .flatMap((start) => {
      const depth = start === '' ? 0 : start.split(' ').length;
      const next = commands.filter(({ path }) => path.length > depth && path.slice(0, depth).join(' ') === start);
      const verbs = [...new Set(next.map(({ path }) => path[depth] ?? ''))];
      const command = commands.find(({ path }) => path.join(' ') === start);
      const own = command?.options.map(({ name }) => flag(name)) ?? [];
      const first = command?.takes[0];
      const here = {
        path: `'${start}'`,
        offers: [...verbs, ...(first?.choices ?? []), ...own],
        isFile: isFile(first),
      };
      const later =
        command && verbs.length === 0
          ? [{ path: `'${start} '*`, offers: own, isFile: isFile(command.takes.at(-1)) }]
          : [];
      return [here, ...later];
    })
    .sort((a, b) => b.path.length - a.path.length);
}

const isFile = (argument: Argument | undefined): boolean => argument?.isFile ?? false;

/** Text that roff takes as it is. */
const roff = (text: string): string =>
  text.replaceAll('\\', '\\e').replaceAll('-', '\\-').replace(/^[.']/, '\\&$&').trimEnd();
