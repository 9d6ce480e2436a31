/** The one way to the server: `/api/v1`, with the session's cookie and token, and problem documents read as faults. */
import { type Fault, fault, type Result } from '../../protocol/fault.ts';

/** A fault of a newer server may have a code this console has no sentence for. */
export type ShownFault = Pick<Fault, 'facts'> & { readonly code: string };
export type Refused = {
  readonly ok: false;
  readonly fault: ShownFault;
  /** All of the problem document: some refusals carry more than a fault. */
  readonly problem: Readonly<Record<string, unknown>>;
};
export type Answer<T> = Extract<Result<T>, { ok: true }> | Refused;
export type Method = 'POST' | 'PUT' | 'DELETE';
export type Api = {
  readonly get: <T>(path: string, signal?: AbortSignal) => Promise<Answer<T>>;
  /** The same; it keeps no session alive that nobody uses. */
  readonly poll: <T>(path: string, signal: AbortSignal) => Promise<Answer<T>>;
  readonly send: <T>(method: Method, path: string, body?: object | null) => Promise<Answer<T>>;
};
export type Surroundings = {
  /** What the server gave at sign-in; null before. */
  readonly csrf: () => string | null;
  /** The server knows no session (any more). */
  readonly sessionLost: () => void;
  /** Whether the server answered at all; said after every request. */
  readonly reached: (answered: boolean) => void;
};

export const base = '/api/v1';
/** Told to the window: the server took an order as a job. */
export const jobOrdered = 'thintrust-job';

/** An aborted request never answers. Faults: those of the server; `server-unreachable`, `server-answer`. */
export function createApi({ csrf, sessionLost, reached }: Surroundings): Api {
  const call = async <T>(path: string, init: RequestInit): Promise<Answer<T>> => {
    const answer = await request<T>(`${base}${path}`, init);
    if (init.signal?.aborted) return new Promise(() => {});
    reached(answer.ok || answer.fault.code !== 'server-unreachable');
    if (!answer.ok && answer.fault.code === 'session-needed') sessionLost();
    return answer;
  };
  return {
    get: (path, signal) => call(path, { headers: { accept: 'application/json' }, ...(signal ? { signal } : {}) }),
    poll: (path, signal) => call(path, { headers: { accept: 'application/json', 'x-thintrust-poll': '1' }, signal }),
    send: (method, path, body) => {
      const token = csrf();
      const headers = { accept: 'application/json', ...(token === null ? {} : { 'x-csrf-token': token }) };
      return call(
        path,
        body === undefined
          ? { method, headers }
          : { method, headers: { ...headers, 'content-type': 'application/json' }, body: JSON.stringify(body) },
      );
    },
  };
}

async function request<T>(url: string, init: RequestInit): Promise<Answer<T>> {
  try {
    const response = await fetch(url, { ...init, credentials: 'same-origin', redirect: 'error', cache: 'no-store' });
    const text = await response.text();
    const body: unknown = text === '' ? {} : JSON.parse(text);
    if (response.status === 202) dispatchEvent(new Event(jobOrdered));
    return response.ok ? { ok: true, value: body as T } : refusalOf(body, response.status);
  } catch (error) {
    return refused(error instanceof SyntaxError ? 'server-answer' : 'server-unreachable');
  }
}

const refused = (code: 'server-answer' | 'server-unreachable', facts: Fault['facts'] = {}): Refused => ({
  ok: false,
  fault: fault(code, facts),
  problem: {},
});

function refusalOf(body: unknown, status: number): Refused {
  if (body === null || typeof body !== 'object') return refused('server-answer', { status });
  const { code, facts } = body as { readonly code?: unknown; readonly facts?: unknown };
  if (typeof code !== 'string') return refused('server-answer', { status });
  const known = facts !== null && typeof facts === 'object' ? (facts as Fault['facts']) : {};
  return { ok: false, fault: { code, facts: known }, problem: body as Refused['problem'] };
}
