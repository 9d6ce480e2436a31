/**
 * The agent over its console socket: HTTP/1.1 (RFC 9112) on a Unix socket, statuses as server-sent events (WHATWG HTML
 * §9.2). The stream is opened again for ever; what is not a status of this version is a lost service.
 */
import { type IncomingMessage, request as open } from 'node:http';
import { type Fault, fault, readFault } from '../../protocol/fault.ts';
import type { RegisterRequest, Status } from '../../protocol/local.ts';
import { read } from '../../protocol/validate.ts';
import { eventReader } from './events.ts';

export type AgentEvents = { readonly onStatus: (status: Status) => void; readonly onLost: () => void };
export type AgentClient = {
  /** Null when the agent accepted it; its fault otherwise, `daemon-not-running` when it could not be asked. */
  readonly register: (order: RegisterRequest) => Promise<Fault | null>;
  readonly sendCode: (code: string) => Promise<Fault | null>;
  readonly close: () => void;
};

const retryMs = 500;
/** The agent sends a comment every 15 s; three missed ones are a hung agent. */
const silenceMs = 45_000;
/** A little longer than the agent gives itself. */
const answerTimeoutMs = 130_000;
const maxStatusBytes = 8 * 1024 * 1024;
const maxFaultBytes = 64 * 1024;

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

  const post = async (path: string, body: unknown): Promise<Fault | null> => {
    const bytes = Buffer.from(JSON.stringify(body));
    const headers = { 'Content-Type': 'application/json', 'Content-Length': bytes.length };
    return new Promise((resolve) => {
      const calling = open({ socketPath, path, method: 'POST', headers, agent: false });
      const failed = (): void => resolve(fault('daemon-not-running'));
      calling.setTimeout(answerTimeoutMs, () => calling.destroy());
      calling.on('error', failed);
      calling.on('close', failed);
      calling.on('response', (response) => void faultOf(response).then(resolve, failed));
      calling.end(bytes);
    });
  };

  listen();
  return {
    register: (order) => post('/api/v1/register', order),
    sendCode: (code) => post('/api/v1/code', { code }),
    close: () => {
      closed = true;
      if (timer) clearTimeout(timer);
      stop();
    },
  };
}

/** Null for a success; the fault in the body otherwise. */
async function faultOf(response: IncomingMessage): Promise<Fault | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const good = response.statusCode !== undefined && response.statusCode >= 200 && response.statusCode < 300;
  for await (const chunk of response) {
    bytes += chunk.length;
    if (!good && bytes <= maxFaultBytes) chunks.push(chunk);
  }
  if (good) return null;
  const unknown = fault('server-answer', { status: response.statusCode ?? 0 });
  try {
    return readFault(JSON.parse(Buffer.concat(chunks).toString('utf8'))) ?? unknown;
  } catch {
    return unknown;
  }
}
