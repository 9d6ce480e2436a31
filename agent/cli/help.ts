/** The help of `thintrust`, from the table of its commands. Pure. */
import type { Words } from '../../words/say.ts';
import { type Command, exitCodes } from './command.ts';
import { formOf, optionName } from './form.ts';
import { commands, commonOptions } from './table.ts';

/** Of one command, or of all. */
export function showHelp(words: Words, command: Command | null): string {
  const { cli } = words;
  const pair = (name: string, text: string): string[] => [`  ${name}`, `      ${text}`];
  const options = (command ? [...command.options, ...commonOptions] : commonOptions).flatMap((option) =>
    pair(option.name === 'help' ? '--help, -h' : optionName(option), cli.options[option.help]),
  );
  const exits = Object.entries(cli.exits).map(
    ([name, text]) => `  ${exitCodes[name as keyof typeof exitCodes]}  ${text}`,
  );
  const middle = command
    ? [`${cli.usage} thintrust ${formOf(command)}`, '', cli.help[command.help]]
    : [
        `${cli.usage} thintrust [--runtime DIR] [--json] …`,
        cli.title,
        '',
        cli.heads.commands,
        ...commands.flatMap((one) => pair(formOf(one), cli.help[one.help])),
      ];
  const end = command ? [] : ['', cli.moreHelp, cli.manual];
  return `${[...middle, '', cli.heads.options, ...options, '', cli.heads.exits, ...exits, ...end].join('\n')}\n`;
}
