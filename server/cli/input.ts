/** What commands read: from standard input, and files. */
import { toBase64 } from '../../protocol/certificate.ts';
import { fill } from '../../words/say.ts';
import { serverWords as words } from '../../words/server.ts';
import { readBounded } from '../edge/files.ts';
import type { Outcome } from './command.ts';

const maxInputBytes = 1024 * 1024;
/** What the server takes of certificates and keys; it says so too. */
const maxFileBytes = 1024 * 1024;

/** From the environment, else the first line of standard input where that is no terminal. */
export async function readPassphrase(): Promise<string> {
  const given = process.env['THINTRUST_PASSPHRASE'];
  if (given !== undefined) return given.trim();
  if (process.stdin.isTTY) return '';
  return (await readInput()).split(/\r?\n/, 1)[0]?.trim() ?? '';
}

/** The first line of standard input as it is, blanks at its ends too; empty where it is a terminal. */
export async function readPasswordLine(): Promise<string> {
  return process.stdin.isTTY ? '' : ((await readInput()).split(/\r?\n/, 1)[0] ?? '');
}

/** All of it, as text; what is beyond 1 MiB is left. */
export async function readInput(): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of process.stdin) {
    const data = Buffer.from(part);
    bytes += data.length;
    if (bytes > maxInputBytes) break;
    parts.push(data);
  }
  return Buffer.concat(parts).toString('utf8');
}

/** Of a file, in base64. */
export function contentOf(
  file: string,
): { readonly ok: true; readonly value: string } | Exclude<Outcome, { readonly ok: true }> {
  const read = readBounded(file, maxFileBytes);
  if (read.ok) return { ok: true, value: toBase64(read.value) };
  return read.fault.code === 'not-found' ? { ...read, text: fill(words.noFile, { file }) } : read;
}
