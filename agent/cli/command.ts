/** What a command of `thintrust` is, and what it gives back. */
import { join } from 'node:path';
import { type Fault, fault, type Result } from '../../protocol/fault.ts';
import { fill, type Words } from '../../words/say.ts';
import { type Ask, call } from './client.ts';
import { formOf } from './form.ts';
import type { Moment } from './show.ts';

export type Argument = {
  readonly name: string;
  readonly choices?: readonly string[];
  readonly needed: boolean;
  /** Takes all words that are left. */
  readonly many?: boolean;
  readonly isFile?: boolean;
};
export type Option = {
  readonly name: string;
  /** What stands behind it; null for a flag. */
  readonly value: string | null;
  readonly help: keyof Words['cli']['options'];
  readonly choices?: readonly string[];
  readonly needed?: boolean;
  readonly isFile?: boolean;
};
export type Command = {
  readonly path: readonly string[];
  readonly takes: readonly Argument[];
  readonly options: readonly Option[];
  readonly help: keyof Words['cli']['help'];
  readonly run: (given: Given) => Promise<Outcome>;
};
/** A command line that was understood. */
export type Given = {
  readonly command: Command;
  readonly words: Words;
  readonly runtime: string;
  readonly state: string;
  readonly options: Options;
  readonly positionals: readonly string[];
};
export type Options = { readonly [name: string]: string | boolean | undefined };

/** Exit codes, in the order of `words.cli.exits`. */
export const exitCodes = { good: 0, refused: 1, usage: 2, asked: 3 } as const;
export type Outcome =
  /** `exit` where the answer itself is a no or a question. */
  | { readonly at: 'done'; readonly text: string; readonly data: unknown; readonly exit?: 'refused' | 'asked' }
  /** Has written its answer itself. */
  | { readonly at: 'written' }
  | Refused
  | Misused;
type Misused = { readonly at: 'misused'; readonly text: string };

/** `text`: said instead of the fault's sentence. `here`: the agent does not know of it. */
type Refused = { readonly at: 'refused'; readonly fault: Fault; readonly text?: string; readonly here?: true };

export const done = (text: string, data: unknown, exit?: 'refused' | 'asked'): Outcome => ({
  at: 'done',
  text,
  data,
  ...(exit ? { exit } : {}),
});
export const refused = (why: Fault): Refused => ({ at: 'refused', fault: why });
export const refusedHere = (why: Fault): Refused => ({ at: 'refused', fault: why, here: true });
export const missing = ({ words, command }: Pick<Given, 'words' | 'command'>, name: string): Misused => ({
  at: 'misused',
  text: fill(words.cli.missingArgument, { name, form: formOf(command) }),
});

/** Fault: `not-found`, for a name nothing has. */
export const nothingBy = (name: string): Outcome => refusedHere(fault('not-found', { what: name.slice(0, 100) }));

/** The text of an option, null when it is not given. */
export function textOf({ options }: Given, name: string): string | null {
  const value = options[name];
  return typeof value === 'string' ? value : null;
}

/** Who may only open the console socket may read there too. */
export async function ask(
  { runtime }: Pick<Given, 'runtime'>,
  socket: 'read' | 'console',
  what: Ask,
): Promise<Result<unknown>> {
  const answer = await call(join(runtime, `${socket}.sock`), what);
  const denied = !answer.ok && answer.fault.code === 'not-allowed' && socket === 'read';
  return denied ? call(join(runtime, 'console.sock'), what) : answer;
}

export const post = (given: Given, path: string, body: object): Promise<Result<unknown>> =>
  ask(given, 'console', { method: 'POST', path, body });

export const moment = (): Moment => ({ now: Date.now(), offsetMinutes: -new Date().getTimezoneOffset() });
export const bareFingerprint = (text: string): string => text.replace(/[\s:]/g, '').toLowerCase();
