/** The Web Console over real HTTPS, and a client that behaves as a page of it does unless told otherwise. */
import { Agent, request } from 'node:https';
import { allRights, type Role } from '../../server/core/permission.ts';
import { addAccount } from '../../server/edge/accounts.ts';
import { allAdminRoutes } from '../../server/edge/admin-door.ts';
import { consoleTls } from '../../server/edge/console-certificate.ts';
import { makeJobs } from '../../server/edge/job-runner.ts';
import { serveWebConsole, type WebConsoleOptions } from '../../server/edge/web-console.ts';
import { type FleetServer, value, withFleet } from './fleet-server.ts';

export type Answered = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  /** Null for what is no JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: a test knows what it asked for
  readonly body: any;
};
export type Asked = {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly raw?: string;
};
export type Page = {
  /** With the cookie and the token of the session, where there is one. Path without `/api/v1`. */
  readonly ask: (method: string, path: string, asked?: Asked) => Promise<Answered>;
  readonly signIn: (name: string, password: string, code?: string) => Promise<Answered>;
  /** Signed in from now on. */
  readonly take: (answer: Answered) => void;
  readonly held: { cookie: string; csrf: string };
};
export type Console = {
  readonly world: FleetServer;
  readonly port: number;
  readonly origin: string;
  readonly setTls: (tls: Parameters<Awaited<ReturnType<typeof serveWebConsole>>['setTls']>[0]) => Promise<void>;
  readonly page: () => Page;
  /** Anything below the root. */
  readonly get: (path: string, headers?: Readonly<Record<string, string>>) => Promise<Answered>;
};

export const password = 'correct horse battery';

export async function withConsole(
  run: (console: Console) => Promise<void>,
  options: Partial<WebConsoleOptions> = {},
): Promise<void> {
  await withFleet(async (world) => {
    const { server } = world;
    const jobs = makeJobs(server, world.publish, allAdminRoutes);
    const publish = async () => {
      jobs.kick();
      await world.publish();
    };
    const tls = await consoleTls(server);
    const web = await serveWebConsole({ server, publish, tls, host: '127.0.0.1', port: 0, ...options });
    const agent = new Agent({ keepAlive: true, rejectUnauthorized: false });
    const origin = `https://127.0.0.1:${web.port}`;
    const send = (method: string, path: string, headers: Record<string, string>, payload?: string) =>
      new Promise<Answered>((resolve, reject) => {
        const asked = request(`${origin}${path}`, { method, headers, agent }, (answer) => {
          let text = '';
          answer.setEncoding('utf8').on('data', (part) => {
            text += part;
          });
          answer.on('end', () =>
            resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text, body: jsonOf(text) }),
          );
        });
        asked.on('error', reject);
        asked.end(payload);
      });
    const page = (): Page => {
      const held = { cookie: '', csrf: '' };
      const take = (answer: Answered): void => {
        held.cookie = /^__Host-thintrust=([^;]+)/.exec(answer.headers['set-cookie']?.[0] ?? '')?.[1] ?? '';
        held.csrf = answer.body?.csrf ?? '';
      };
      const ask = (method: string, path: string, { body, headers = {}, raw }: Asked = {}) => {
        const payload = raw ?? (body === undefined ? undefined : JSON.stringify(body));
        return send(
          method,
          `/api/v1${path}`,
          {
            ...(payload === undefined
              ? {}
              : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(payload)) }),
            ...(held.cookie === '' ? {} : { cookie: `__Host-thintrust=${held.cookie}` }),
            ...(method === 'GET' ? {} : { origin, 'x-csrf-token': held.csrf }),
            ...headers,
          },
          payload,
        );
      };
      return {
        ask,
        take,
        held,
        signIn: async (name, typed, code) => {
          const body = { name, password: typed, ...(code === undefined ? {} : { code }) };
          const answer = await ask('POST', '/session', { body });
          if (answer.status === 200) take(answer);
          return answer;
        },
      };
    };
    try {
      const get: Console['get'] = (path, headers = {}) => send('GET', path, { ...headers });
      await run({ world, port: web.port, origin, setTls: web.setTls, page, get });
    } finally {
      agent.destroy();
      await web.close();
      await jobs.close();
    }
  });
}

export const addPerson = async ({ world }: Pick<Console, 'world'>, name: string, ...roles: Role[]) =>
  value(await addAccount(world.server, { actor: 'root', rights: allRights }, { name, roles, password }));

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
