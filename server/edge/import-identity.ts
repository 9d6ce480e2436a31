/**
 * Reads a file with a key in a process of its own, which has no files to write, no programs to start, no environment, ten
 * seconds of work and 256 MB: what a hostile file can do ends with it. The process is this program again, under a name that is no
 * command of it.
 */
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fromBase64, toBase64 } from '../../protocol/certificate.ts';
import { bad, type Fault, fault, readFault } from '../../protocol/fault.ts';
import { maxCertificates } from '../../protocol/limits.ts';
import type { ChildQuestion } from './identity-child.ts';
import { type IdentityFile, maxIdentityFileBytes, type ReadIdentity, type Refusals } from './identity-file.ts';

export type ImportLimits = {
  /** By the clock on the wall, so that a machine with much to do still reads what is honest. */
  readonly timeMs: number;
  /** Of a processor. */
  readonly workSeconds: number;
  /** Resident: looked at every 20 ms. */
  readonly memoryMb: number;
};

/** Not among the commands, and no word a person would type. */
export const childWord = '--read-identity-file';
export const importLimits: ImportLimits = { timeMs: 60_000, workSeconds: 30, memoryMb: 256 };
const maxAnswerBytes = 16 * 1024 * 1024;
/** Of JavaScript objects, kept by the engine itself. */
const heapMb = 96;
/** What the kernel refuses beyond, however quickly it is asked for: 512 MB of it Node reserves at once for code. */
const dataMb = 1024;
const lookMs = 20;

/**
 * Faults: those of `readIdentityFile`; `import-stopped` with `reason` `time`, `memory` or `crash`; `busy` while another file is read.
 */
export async function importIdentity(
  file: IdentityFile,
  limits: ImportLimits = importLimits,
): Promise<{ readonly ok: true; readonly value: ReadIdentity } | Refusals> {
  const { content, key, password } = file;
  if (content.length > maxIdentityFileBytes || (key?.length ?? 0) > maxIdentityFileBytes)
    return refused([fault('too-large', { limit: maxIdentityFileBytes })]);
  if (running.size > 0) return refused([fault('busy')]);
  const question: ChildQuestion = { content: toBase64(content), key: key && toBase64(key), password };
  const answer = await ask(JSON.stringify(question), limits);
  return typeof answer === 'string' ? readAnswer(answer) : refused([answer]);
}

/** Files are read one after the other: an administrator has no need of more, and a flood of them no use. */
const running = new Set<object>();

function ask(question: string, { timeMs, workSeconds, memoryMb }: ImportLimits): Promise<string | Fault> {
  return new Promise((resolve) => {
    const bounds = `ulimit -c 0 && ulimit -f 0 && ulimit -t ${workSeconds} && ulimit -d ${dataMb * 1024} && exec "$@"`;
    const node = [
      `--max-old-space-size=${heapMb}`,
      '--permission',
      '--allow-fs-read=*',
      '--allow-addons',
      '--no-warnings',
    ];
    const words = ['-c', bounds, 'sh', process.execPath, ...node, ...programWords(), childWord];
    const child = spawn('/bin/sh', words, { cwd: '/', env: {}, stdio: ['pipe', 'pipe', 'ignore'] });
    running.add(child);
    let ended: 'time' | 'memory' | null = null;
    const end = (why: 'time' | 'memory') => {
      ended ??= why;
      child.kill('SIGKILL');
    };
    const timer = setTimeout(() => end('time'), timeMs);
    const looking = setInterval(async () => {
      if ((await residentKb(child.pid)) > memoryMb * 1024) end('memory');
    }, lookMs);
    const parts: Buffer[] = [];
    let bytes = 0;
    child.stdout.on('data', (part: Buffer) => {
      bytes += part.length;
      if (bytes <= maxAnswerBytes) parts.push(part);
      else child.kill('SIGKILL');
    });
    child.on('error', () => {});
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      clearInterval(looking);
      running.delete(child);
      if (code === 0 && bytes <= maxAnswerBytes) return resolve(Buffer.concat(parts).toString('utf8'));
      resolve(fault('import-stopped', { reason: ended ?? reasons[signal ?? ''] ?? 'crash' }));
    });
    child.stdin.on('error', () => {});
    child.stdin.end(question);
  });
}

/** How the kernel and the JavaScript engine end a process that is beyond its bounds. */
const reasons: Readonly<Record<string, string>> = {
  SIGXCPU: 'time',
  SIGKILL: 'time',
  SIGABRT: 'memory',
  SIGTRAP: 'memory',
};

async function residentKb(pid: number | undefined): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0);
}

/** The bundle is one file; from source it is `server/main.ts`. */
function programWords(): readonly string[] {
  const here = fileURLToPath(import.meta.url);
  return [here.endsWith('.ts') ? join(dirname(here), '../main.ts') : here];
}

/** The child has met a hostile file: what it says is looked at like any other input. */
function readAnswer(text: string): { readonly ok: true; readonly value: ReadIdentity } | Refusals {
  const answer = parse(text);
  const faults = Array.isArray(answer['faults']) ? answer['faults'].flatMap((each) => readFault(each) ?? []) : [];
  if (faults.length > 0) return refused(faults);
  const { key, publicKey, certificates, legacy } = answer;
  const whole = typeof key === 'string' && typeof publicKey === 'string' && isTexts(certificates) && isTexts(legacy);
  if (!whole || certificates.length > maxCertificates) return refused([fault('import-stopped', { reason: 'crash' })]);
  const value = {
    key: fromBase64(key),
    publicKey: fromBase64(publicKey),
    certificates: certificates.map(fromBase64),
    legacy,
  };
  return { ok: true, value };
}

function parse(text: string): Readonly<Record<string, unknown>> {
  try {
    return (JSON.parse(text) ?? {}) as Readonly<Record<string, unknown>>;
  } catch {
    return {};
  }
}

const isTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((each) => typeof each === 'string');

function refused(faults: readonly Fault[]): Refusals {
  const [first = fault('internal')] = faults;
  return { ...bad(first.code, first.facts), faults };
}
