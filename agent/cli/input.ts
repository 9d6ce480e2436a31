/** What a person gives beside the words: a password, and files. */
import { closeSync, openSync, readSync } from 'node:fs';
import { basename } from 'node:path';
import type { ReadStream } from 'node:tty';
import { bad, good, type Result } from '../../protocol/fault.ts';
import { maxImportCharacters } from '../../protocol/limits.ts';
import { guardPasswords } from '../edge/memory.ts';
import { type Given, textOf } from './command.ts';

const maxPasswordBytes = 1024;
const maxFileBytes = (maxImportCharacters / 4) * 3;
const longestName = 255;
/** Control-C and Control-D, as a terminal in raw mode gives them. */
const interrupt = '\u0003';
const endOfInput = '\u0004';
const interruptedExit = 130;

/**
 * The first line of standard input or of `--password-file`; a prompt where a person types it, not shown. Never an
 * argument: those are seen by all. Fault: `not-found`.
 */
export async function readPassword(given: Given): Promise<Result<string>> {
  const file = textOf(given, 'password-file');
  if (file !== null) return readPasswordFile(file);
  guardPasswords();
  const { stdin } = process;
  return good(firstLine(stdin.isTTY ? await readHidden(stdin, given.words.cli.askPassword) : await readLine(stdin)));
}

/** Its first line. Fault: `not-found`. */
export function readPasswordFile(file: string): Result<string> {
  guardPasswords();
  const start = readStart(file, maxPasswordBytes + 1);
  return start === null ? bad('not-found', { what: file }) : good(firstLine(start.toString('utf8')));
}

/** Name and base64 of each. Faults: `not-found`, `too-large`. */
export function readFiles(paths: readonly string[]): Result<readonly { name: string; content: string }[]> {
  const files: { name: string; content: string }[] = [];
  for (const path of paths) {
    const bytes = readWhole(path, maxFileBytes);
    if (!bytes.ok) return bytes;
    files.push({ name: basename(path).slice(0, longestName), content: bytes.value.toString('base64') });
  }
  return good(files);
}

/** Faults: `not-found`, `too-large`. */
export function readWhole(path: string, limit: number): Result<Buffer> {
  const bytes = readStart(path, limit + 1);
  if (bytes === null) return bad('not-found', { what: path });
  return bytes.length > limit ? bad('too-large', { what: path, limit }) : good(bytes);
}

const firstLine = (text: string): string => (text.split(/[\r\n]/, 1)[0] ?? '').trim();

async function readLine(input: AsyncIterable<Buffer | string>): Promise<string> {
  let text = '';
  for await (const chunk of input) {
    text += chunk.toString();
    if (text.includes('\n') || text.length > maxPasswordBytes) break;
  }
  return text;
}

async function readHidden(terminal: ReadStream, prompt: string): Promise<string> {
  process.stderr.write(prompt);
  terminal.setRawMode(true);
  let text = '';
  let ended = false;
  for await (const chunk of terminal) {
    for (const key of String(chunk)) {
      if (key === interrupt) process.exit(interruptedExit);
      ended ||= key === '\r' || key === '\n' || key === endOfInput;
      if (!ended) text = key === '\u007f' || key === '\b' ? text.slice(0, -1) : text + key;
    }
    if (ended || text.length > maxPasswordBytes) break;
  }
  terminal.setRawMode(false);
  process.stderr.write('\n');
  return text;
}

/** Enough of a file; it may be without end. Null where it cannot be read. */
function readStart(path: string, most: number): Buffer | null {
  try {
    const file = openSync(path, 'r');
    try {
      const start = Buffer.alloc(most);
      let filled = 0;
      for (let count = -1; count !== 0 && filled < most; filled += count)
        count = readSync(file, start, filled, most - filled, null);
      return start.subarray(0, filled);
    } finally {
      closeSync(file);
    }
  } catch {
    return null;
  }
}
