/** The console socket of an agent, without the agent: serves the status it is given and remembers what was asked. */
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { Fault } from '../../protocol/fault.ts';
import type { Status } from '../../protocol/local.ts';

export type Asked = { readonly path: string; readonly body: unknown };
export type ConsoleAgent = {
  readonly show: (status: Status) => void;
  /** The next requests are answered so; null accepts them. `after` is the status shown after the answer. */
  readonly answer: (fault: Fault | null, after?: Status) => void;
  /** What a success at this path has in its body from now on, instead of the status. */
  readonly reply: (path: string, body: unknown) => void;
  readonly asked: readonly Asked[];
  /** Sends these bytes to every listener, whatever they are. */
  readonly blurt: (bytes: string) => void;
  readonly close: () => Promise<void>;
};

export async function serveConsoleAgent(socketPath: string, first: Status): Promise<ConsoleAgent> {
  let status = first;
  let next: { fault: Fault | null; after: Status | undefined } = {
    fault: null,
    after: undefined,
  };
  const asked: Asked[] = [];
  const replies = new Map<string, unknown>();
  const listeners = new Set<ServerResponse>();
  const push = (text: string): void => {
    for (const listener of listeners) listener.write(text);
  };
  const show = (given: Status): void => {
    status = given;
    push(`data: ${JSON.stringify(status)}\n\n`);
  };
  const server: Server = createServer(async (request, response) => {
    const [path = ''] = (request.url ?? '').split('?');
    if (request.method === 'GET' && path !== '/api/v1/changes') {
      asked.push({ path: request.url ?? '', body: null });
      response.writeHead(200, { 'Content-Type': 'application/json' });
      response.end(JSON.stringify(replies.get(path) ?? {}));
      return;
    }
    if (request.method === 'GET') {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' });
      listeners.add(response);
      response.on('close', () => listeners.delete(response));
      response.write(`data: ${JSON.stringify(status)}\n\n`);
      return;
    }
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    asked.push({ path: request.url ?? '', body: JSON.parse(Buffer.concat(chunks).toString('utf8')) });
    const { fault, after } = next;
    response.writeHead(fault ? 400 : 200, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify(fault ?? replies.get(path) ?? status));
    if (after) show(after);
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  return {
    show,
    answer: (fault, after) => {
      next = { fault, after };
    },
    reply: (path, body) => void replies.set(path, body),
    asked,
    blurt: push,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
