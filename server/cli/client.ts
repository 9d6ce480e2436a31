/** The administration API from the other side of its socket. */
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { bad, type Fault, good, type Result, readFault } from '../../protocol/fault.ts';
import type { JobDetails, JobOrdered } from '../api/jobs.ts';
import { largestPage, type Page } from '../core/page.ts';

export type Answer<T> = Result<T> & { readonly faults?: readonly Fault[] };
type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

export const socketFile = 'control.sock';
const timeoutMs = 60_000;
const noteTimeoutMs = 2000;
const maxAnswerBytes = 64 * 1024 * 1024;

/**
 * One call. Faults: `daemon-not-running` when nobody listens, `timed-out`, `server-answer` for what is no answer of ours,
 * and whatever the server refuses with.
 */
export function call<T>(
  state: string,
  method: Method,
  path: string,
  body?: unknown,
  timeout = timeoutMs,
): Promise<Answer<T>> {
  return new Promise((resolve) => {
    const payload = body === undefined ? undefined : JSON.stringify(body);
    const headers = payload === undefined ? {} : { 'content-type': 'application/json' };
    const socketPath = join(state, socketFile);
    const asked = request({ socketPath, method, path: `/api/v1${path}`, headers, timeout }, (answer) => {
      const unfit = (): void => resolve(bad('server-answer', { status: answer.statusCode ?? 0 }));
      const parts: Buffer[] = [];
      let bytes = 0;
      answer.on('data', (part: Buffer) => {
        bytes += part.length;
        parts.push(part);
        if (bytes <= maxAnswerBytes) return;
        unfit();
        asked.destroy();
      });
      answer.on('error', unfit);
      answer.on('end', () => resolve(read<T>(answer.statusCode ?? 0, Buffer.concat(parts))));
    });
    asked.on('timeout', () => {
      resolve(bad('timed-out'));
      asked.destroy();
    });
    asked.on('error', () => resolve(bad('daemon-not-running', { path: socketPath.slice(-200) })));
    asked.end(payload);
  });
}

const lookedAtMs = 500;

/**
 * An order that may become a job: waits until it is through. What was made before it was ended or broke is its answer; `early` is told that it
 * is not all. Faults: those of `call`, and why the job is not through.
 */
export async function order<T>(
  state: string,
  path: string,
  body: unknown,
  early: (state: 'ended' | 'broken') => void,
): Promise<Answer<T>> {
  const answer = await call<T | JobOrdered>(state, 'POST', path, body);
  if (!answer.ok || !isOrdered(answer.value)) return answer as Answer<T>;
  for (;;) {
    const looked = await call<JobDetails>(state, 'GET', `/jobs/${answer.value.job.id}`);
    if (!looked.ok) return looked;
    const { state: now, fault, answer: told } = looked.value;
    if (now === 'done') return good(told as T);
    if (told !== null && (now === 'ended' || now === 'broken')) {
      early(now);
      return good(told as T);
    }
    if (looked.value.finishedAt !== null) return fault ? { ok: false, fault: fault as Fault } : bad('not-found');
    await setTimeout(lookedAtMs);
  }
}

const isOrdered = (value: unknown): value is JobOrdered =>
  typeof value === 'object' && value !== null && 'job' in value && typeof (value as JobOrdered).job === 'object';

/**
 * For the record of what the command line refuses itself, where a server runs: it knows no such path and refuses it, and
 * its audit log says so. What was typed stays here, since it may be a secret in the wrong place.
 */
export async function note(state: string, command: string, code: string): Promise<void> {
  if (state === '') return;
  await call(state, 'GET', `/command-line/${command.replaceAll(' ', '-')}/${code}`, undefined, noteTimeoutMs);
}

/** All rows of a list, or the first `most`. `path` may hold filters. */
export async function callAll<T>(state: string, path: string, most = Number.POSITIVE_INFINITY): Promise<Answer<T[]>> {
  const rows: T[] = [];
  for (;;) {
    const limit = Math.min(largestPage, most - rows.length);
    const part = `offset=${rows.length}&limit=${limit}`;
    const page = await call<Page<T>>(state, 'GET', `${path}${path.includes('?') ? '&' : '?'}${part}`);
    if (!page.ok) return page;
    rows.push(...page.value.rows);
    if (page.value.rows.length < limit || rows.length >= Math.min(most, page.value.total)) return good(rows);
  }
}

/** One segment of a path. */
export const segment = (text: string): string => encodeURIComponent(text);

function read<T>(status: number, bytes: Buffer): Answer<T> {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch {
    return bad('server-answer', { status });
  }
  if (status >= 200 && status < 300) return good(value as T);
  const fault = readFault(value);
  if (!fault) return bad('server-answer', { status });
  const { faults } = value as { readonly faults?: readonly Fault[] };
  return Array.isArray(faults) ? { ok: false, fault, faults } : { ok: false, fault };
}
