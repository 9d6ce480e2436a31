/**
 * `thintrust-ui [--runtime DIR] [--allow-exit]`: the console screens. Environment: `THINTRUST_RUNTIME`,
 * `THINTRUST_LANG=en|ru` (else the locale decides), `THINTRUST_KEYMAP_SWITCH` (what changes the layout of the keyboard, as
 * people call it). Exit: 0 left by the person, 2 wrong command line or no terminal.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { sayVersion } from '../protocol/version.ts';
import { languageOf } from '../words/say.ts';
import { runConsole } from './loop.ts';

const usage = 'usage: thintrust-ui [--runtime DIR] [--allow-exit] | --version | --help\n';

function refuse(why: string): never {
  process.stderr.write(`thintrust-ui: ${why}\n${usage}`);
  process.exit(2);
}

function tell(text: string): never {
  process.stdout.write(text);
  process.exit(0);
}

function readOptions(): { readonly runtime: string; readonly allowExit: boolean } {
  try {
    const { values } = parseArgs({
      options: {
        runtime: { type: 'string' },
        'allow-exit': { type: 'boolean' },
        version: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    if (values.version) tell(sayVersion('thintrust-ui'));
    if (values.help) tell(usage);
    const runtime = values.runtime ?? process.env['THINTRUST_RUNTIME'] ?? '/run/thintrust';
    return { runtime, allowExit: values['allow-exit'] ?? false };
  } catch (error) {
    return refuse(error instanceof Error ? error.message : 'wrong command line');
  }
}

const { runtime, allowExit } = readOptions();
if (!process.stdin.isTTY || !process.stdout.isTTY) refuse('a terminal is needed');
const { THINTRUST_LANG, LC_ALL, LC_MESSAGES, LANG } = process.env;
void runConsole({
  socketPath: join(runtime, 'console.sock'),
  language: languageOf(THINTRUST_LANG || LC_ALL || LC_MESSAGES || LANG),
  allowExit,
  layoutKey: process.env['THINTRUST_KEYMAP_SWITCH'] || null,
  onExit: () => process.exit(0),
});
