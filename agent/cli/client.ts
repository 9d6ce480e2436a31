/** The control API from the other side of its sockets. */
import { request } from 'node:http';
import { bad, good, type Result, readFault } from '../../protocol/fault.ts';

export type Ask = { readonly method: 'GET' | 'POST'; readonly path: string; readonly body?: object };

/** A registration is answered when its last call has been. */
const timeoutMs = 150_000;
const maxAnswerBytes = 32 * 1024 * 1024;

/** One call. Faults: `daemon-not-running`, `not-allowed` (no right to open the socket), `timed-out`, `server-answer`, and the daemon's own. */
export function call(socketPath: string, { method, path, body }: Ask): Promise<Result<unknown>> {
  return new Promise((resolve) => {
    const payload = body === undefined ? undefined : JSON.stringify(body);
    const headers =
      payload === undefined ? {} : { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(payload) };
    const asked = request({ socketPath, method, path: `/api/v1${path}`, headers }, (answer) => {
      const unfit = (): void => finish(bad('server-answer', { status: answer.statusCode ?? 0 }));
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
      answer.on('end', () => finish(readAnswer(answer.statusCode ?? 0, Buffer.concat(parts).toString('utf8'))));
    });
    const finish = (result: Result<unknown>): void => {
      clearTimeout(timer);
      resolve(result);
    };
    const timer = setTimeout(() => {
      asked.destroy();
      finish(bad('timed-out'));
    }, timeoutMs);
    asked.on('error', (error) => {
      const denied = 'code' in error && (error.code === 'EACCES' || error.code === 'EPERM');
      finish(denied ? bad('not-allowed', { what: socketPath }) : bad('daemon-not-running', { path: socketPath }));
    });
    asked.end(payload);
  });
}

function readAnswer(status: number, text: string): Result<unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return bad('server-answer', { status });
  }
  if (status >= 200 && status < 300) return good(value);
  const fault = readFault(value);
  return fault ? { ok: false, fault } : bad('server-answer', { status });
}
