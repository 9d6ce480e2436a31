/**
 * `thintrust`: the command line of the device, over the control API. Exit codes: 0 good, 1 refused (a sentence on standard
 * error; with `--json` the fault on standard output), 2 usage, 3 a question only a person can answer. What is refused here
 * and not by the agent is told it, for its audit log.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Fault } from '../../protocol/fault.ts';
import { fill, formatDuration, languageOf, sayFault, type Words, wordsOf } from '../../words/say.ts';
import { ask, type Command, exitCodes, type Given, type Outcome } from './command.ts';
import { showHelp } from './help.ts';
import { parseLine } from './parse.ts';
import { commands } from './table.ts';

const longestNoteMs = 2000;

async function main(args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const words = wordsOf[languageOf(env['THINTRUST_LANG'] || env['LC_ALL'] || env['LANG'])];
  const { options, positionals, wrong, command: named } = parseLine(words, args);
  const command = options['version'] ? commands.find(({ help }) => help === 'version') : named;
  const runtime = String(options['runtime'] ?? env['THINTRUST_RUNTIME'] ?? '/run/thintrust');
  const state = String(options['state'] ?? env['THINTRUST_STATE'] ?? '/var/lib/thintrust');
  const misuse = async (text: string): Promise<number> => {
    process.stderr.write(text);
    await note(runtime, named, 'usage');
    return exitCodes.usage;
  };
  if (wrong !== null) return misuse(wrong);
  if (options['help'] || !command) {
    await write(showHelp(words, named));
    return exitCodes.good;
  }
  const given: Given = { command, words, runtime, state, options, positionals };
  const outcome = await command.run(given);
  if (outcome.at === 'misused') return misuse(`${outcome.text}\n`);
  await print(given, outcome);
  if (outcome.at === 'refused' && outcome.here) await note(runtime, command, outcome.fault.code);
  return outcome.at === 'refused' ? exitCodes.refused : exitCodes[(outcome.at === 'done' && outcome.exit) || 'good'];
}

/**
 * The agent knows no such path and refuses it, and its audit log says so. Names only what is known: other words may be
 * secrets that were typed in the wrong place.
 */
async function note(runtime: string, command: Command | null, code: string): Promise<void> {
  const path = `/command-line/${command?.path.join('-') ?? 'unknown'}/${code}`;
  const asked = ask({ runtime }, 'read', { method: 'GET', path });
  await Promise.race([asked, delay(longestNoteMs, null, { ref: false })]);
}

async function print({ words, options }: Given, outcome: Exclude<Outcome, { readonly at: 'misused' }>): Promise<void> {
  const asJson = Boolean(options['json']);
  if (outcome.at === 'written') return;
  if (outcome.at === 'done') await write(asJson ? `${JSON.stringify(outcome.data)}\n` : outcome.text);
  else if (asJson) await write(`${JSON.stringify(outcome.fault)}\n`);
  else process.stderr.write(`${outcome.text ?? sentenceOf(words, outcome.fault)}\n`);
}

/** A lock is told with its end. */
function sentenceOf(words: Words, { code, facts }: Fault): string {
  const { lockedForMs } = facts;
  return code === 'code-locked' && typeof lockedForMs === 'number'
    ? fill(words.screens.code.locked, { time: formatDuration(words, lockedForMs) })
    : sayFault(words, { code, facts });
}

const write = (text: string): Promise<void> =>
  new Promise((resolve) => {
    process.stdout.write(text, () => resolve());
  });

process.stdout.on('error', () => process.exit(1));
main(process.argv.slice(2), process.env).then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`thintrust: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  },
);
