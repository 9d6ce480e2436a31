/** How a command is written: for its help, the manual and what is said of a wrong line. Pure. */
import type { Argument, Command, Option } from './command.ts';

/** `certificates remove --purpose PURPOSE FINGERPRINT`, without the program's name. */
export function formOf({ path, takes, options }: Pick<Command, 'path' | 'takes' | 'options'>): string {
  return [...path, ...options.map(optionForm), ...takes.map(argumentForm)].join(' ');
}

/** `--purpose PURPOSE` */
export const optionName = ({ name, value }: Option): string => `--${name}${value === null ? '' : ` ${value}`}`;

const optionForm = (option: Option): string => {
  const word = option.choices ? `--${option.name} ${option.choices.join('|')}` : optionName(option);
  return option.needed ? word : `[${word}]`;
};

const argumentForm = ({ name, choices, needed, many }: Argument): string => {
  const word = `${choices ? choices.join('|') : name}${many ? '…' : ''}`;
  return needed ? word : `[${word}]`;
};
