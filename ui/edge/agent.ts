/**
 * The agent over its console socket: HTTP/1.1 (RFC 9112) on a Unix socket, statuses as server-sent events (WHATWG HTML
 * §9.2). The stream is opened again for ever; what is not a status of this version is a lost service.
 */
import { type IncomingMessage, request as open } from 'node:http';
import { type Fault, fault, type Result, readFault } from '../../protocol/fault.ts';
import type { Status } from '../../protocol/local.ts';
import { read } from '../../protocol/validate.ts';
import type { Answer, Ask } from '../model.ts';
import { eventReader } from './events.ts';

export type AgentEvents = { readonly onStatus: (status: Status) => void; readonly onLost: () => void };
export type AgentClient = {
  /** Never fails: `daemon-not-running` when the agent could not be asked. */
  readonly ask: (ask: Ask) => Promise<Answer>;
  readonly close: () => void;
};

type Called = { readonly ok: true; readonly body: Uint8Array } | { readonly ok: false; readonly fault: Fault };

const retryMs = 500;
/** The agent sends a comment every 15 s; three missed ones are a hung agent. */
const silenceMs = 45_000;
/** A little longer than the agent gives itself. */
const answerTimeoutMs = 130_000;
const maxStatusBytes = 8 * 1024 * 1024;
/** A page of the event log, or a long chain. */
const maxAnswerBytes = 8 * 1024 * 1024;
const logPageSize = 100;

const routes: Readonly<Record<Ask['do'], { readonly method: 'GET' | 'POST'; readonly path: string }>> = {
  register: { method: 'POST', path: '/api/v1/register' },
  code: { method: 'POST', path: '/api/v1/code' },
  connect: { method: 'POST', path: '/api/v1/connect' },
  preflight: { method: 'POST', path: '/api/v1/preflight' },
  add: { method: 'POST', path: '/api/v1/certificates/add' },
  remove: { method: 'POST', path: '/api/v1/certificates/remove' },
  import: { method: 'POST', path: '/api/v1/certificates/import' },
  settings: { method: 'POST', path: '/api/v1/settings' },
  connection: { method: 'POST', path: '/api/v1/connection' },
  time: { method: 'POST', path: '/api/v1/time' },
  reset: { method: 'POST', path: '/api/v1/reset' },
  'check-repair': { method: 'POST', path: '/api/v1/repair/check' },
  repair: { method: 'POST', path: '/api/v1/repair' },
  media: { method: 'GET', path: '/api/v1/media' },
  log: { method: 'GET', path: '/api/v1/log' },
};

export function connectAgent(socketPath: string, { onStatus, onLost }: AgentEvents): AgentClient {
  let closed = false;
  let timer: NodeJS.Timeout | null = null;
  let stop = (): void => undefined;

  const listen = (): void => {
    const calling = open({
      socketPath,
      path: '/api/v1/changes',
      headers: { Accept: 'text/event-stream' },
      agent: false,
    });
    let ended = false;
    const lost = (): void => {
      if (ended) return;
      ended = true;
      calling.destroy();
      if (closed) return;
      onLost();
      timer = setTimeout(listen, retryMs);
    };
    stop = () => calling.destroy();
    calling.setTimeout(silenceMs, lost);
    calling.on('error', lost);
    calling.on('close', lost);
    calling.on('response', (response) => {
      if (response.statusCode !== 200) return lost();
      response.on('end', lost);
      response.on('error', lost);
      const take = eventReader(
        (data) => {
          const status = read('status', data, maxStatusBytes);
          if (status.ok) onStatus(status.value);
          else lost();
        },
        lost,
        maxStatusBytes,
      );
      response.on('data', take);
    });
    calling.end();
  };

  const call = (ask: Ask): Promise<Called> => {
    const { method, path } = routes[ask.do];
    const bytes = method === 'POST' ? Buffer.from(JSON.stringify('body' in ask ? ask.body : {})) : null;
    const headers = bytes ? { 'Content-Type': 'application/json', 'Content-Length': bytes.length } : {};
    return new Promise((resolve) => {
      const calling = open({ socketPath, path: `${path}${queryOf(ask)}`, method, headers, agent: false });
      const failed = (): void => resolve({ ok: false, fault: fault('daemon-not-running') });
      calling.setTimeout(answerTimeoutMs, () => calling.destroy());
      calling.on('error', failed);
      calling.on('close', failed);
      calling.on('response', (response) => void take(response).then(resolve, failed));
      calling.end(bytes ?? undefined);
    });
  };

  listen();
  return {
    ask: async (ask) => answerOf(ask, await call(ask)),
    close: () => {
      closed = true;
      if (timer) clearTimeout(timer);
      stop();
    },
  };
}

/** What a success has in its body; the others answer with the status, which the stream brings anyway. */
function answerOf(ask: Ask, called: Called): Answer {
  if (!called.ok) return { of: 'fault', fault: called.fault };
  switch (ask.do) {
    case 'connect':
      return told(read('connectAnswer', called.body, maxAnswerBytes), (value) => ({ of: 'connect', value }));
    case 'preflight':
      return told(read('preflight', called.body, maxAnswerBytes), (value) => ({ of: 'preflight', value }));
    case 'import':
      return told(read('importAnswer', called.body, maxAnswerBytes), (value) => ({ of: 'import', value }));
    case 'check-repair':
      return told(read('repairView', called.body, maxAnswerBytes), (value) => ({ of: 'repair', value }));
    case 'media':
      return told(read('mediaList', called.body, maxAnswerBytes), (value) => ({ of: 'media', value }));
    case 'log':
      return told(read('logPage', called.body, maxAnswerBytes), (value) => ({ of: 'log', value }));
    default:
      return { of: 'done' };
  }
}

const told = <T>(result: Result<T>, answer: (value: T) => Answer): Answer =>
  result.ok ? answer(result.value) : { of: 'fault', fault: fault('server-answer') };

const queryOf = (ask: Ask): string =>
  ask.do === 'log'
    ? `?severity=${ask.severity}&limit=${logPageSize}${ask.before === null ? '' : `&before=${ask.before}`}`
    : '';

/** The body of a success; the fault in the body otherwise. */
async function take(response: IncomingMessage): Promise<Called> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    bytes += chunk.length;
    if (bytes <= maxAnswerBytes) chunks.push(chunk);
  }
  const body = Buffer.concat(chunks);
  const { statusCode = 0 } = response;
  if (statusCode >= 200 && statusCode < 300) return { ok: true, body };
  const unknown = fault('server-answer', { status: statusCode });
  try {
    return { ok: false, fault: readFault(JSON.parse(body.toString('utf8'))) ?? unknown };
  } catch {
    return { ok: false, fault: unknown };
  }
}
