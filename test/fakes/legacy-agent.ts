/** A server with both HTTPS listeners over a real database, and agents of others that speak to it with Node's own client. */
import { once } from 'node:events';
import { request as httpsRequest } from 'node:https';
import { makeKey, makeRequest } from '../../agent/edge/csr.ts';
import { toPem } from '../../protocol/certificate.ts';
import { readCertificateFile } from '../../protocol/certificate-file.ts';
import { fromNumericDate, type Instant, toNumericDate } from '../../protocol/time.ts';
import type { ListenerTls } from '../../server/core/ports.ts';
import type { DeviceHttp } from '../../server/edge/device-app.ts';
import { serveDevices } from '../../server/edge/device-http.ts';
import { frontEndsOf } from '../../server/edge/front-end.ts';
import { invite } from '../../server/edge/invitations.ts';
import { makeLegacy } from '../../server/edge/legacy.ts';
import { type LegacyPort, makeLegacyPort } from '../../server/edge/legacy-http.ts';
import { readListenerTls } from '../../server/edge/pins.ts';
import { type FleetServer, report, value, withFleet } from './fleet-server.ts';
import { now } from './identities.ts';

export type Identity = { readonly cert: string; readonly key: string };
export type Asked = {
  readonly port: number;
  readonly path: string;
  readonly method?: string;
  readonly body?: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
  readonly identity?: Identity | undefined;
};
export type Answer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
  /** The body, where it is JSON. */
  readonly json: Record<string, unknown>;
};
export type Setting = {
  readonly fleet: FleetServer;
  readonly http: DeviceHttp;
  readonly legacy: LegacyPort;
  readonly tls: ListenerTls;
  readonly began: Instant;
  readonly ask: (asked: Asked) => Promise<Answer>;
};
export type Agent = { readonly device: string; readonly token: string; readonly answer: Answer };

export const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });
export const basic = (pair: string) => ({ Authorization: `Basic ${Buffer.from(pair).toString('base64')}` });

export const withListeners = (run: (setting: Setting) => Promise<void>): Promise<void> =>
  withFleet(async (fleet) => {
    const { server } = fleet;
    // Handshakes know no clock but the real one; tokens count in whole seconds.
    const began = fromNumericDate(toNumericDate(now()));
    fleet.time.now = began;
    const tls = value(await readListenerTls(server));
    const legacy = makeLegacy(server, fleet.publish);
    const common = { fleet: fleet.fleet, tls, host: '127.0.0.1', clock: server.clock, log: server.log, legacy };
    const http = await serveDevices({ ...common, port: 0, frontEnds: frontEndsOf(server) });
    const port = makeLegacyPort(common);
    await port.move(0);
    try {
      await run({ fleet, http, legacy: port, tls, began, ask });
    } finally {
      await port.close();
      await http.close();
    }
  });

/** Who answers is not looked at: the server's certificate is made on the clock of the tests. */
export async function ask(asked: Asked): Promise<Answer> {
  const request = httpsRequest({
    host: '127.0.0.1',
    port: asked.port,
    path: asked.path,
    method: asked.method ?? (asked.body === undefined ? 'GET' : 'POST'),
    headers: asked.headers ?? {},
    agent: false,
    rejectUnauthorized: false,
    ...asked.identity,
  });
  request.on('error', () => {});
  request.end(asked.body);
  const [response] = await once(request, 'response');
  let body = '';
  for await (const chunk of response) body += chunk;
  const json = body.startsWith('{') ? JSON.parse(body) : {};
  return { status: response.statusCode, headers: response.headers, body, json };
}

export const codeOf = ({ json, status }: Answer): string => ('code' in json ? String(json['code']) : String(status));

export const atLegacy = ({ legacy }: Setting): number => legacy.port() ?? 0;

/** By a new invitation; what the agent says of itself is `accepts`. */
export async function registerWithout(setting: Setting, name: string, accepts: readonly string[]): Promise<Agent> {
  const { invitation, password } = value(await invite(setting.fleet.server, 'administrator', { name }));
  const answer = await setting.ask({
    port: atLegacy(setting),
    path: '/v1/register',
    headers: basic(`${invitation}:${password}`),
    body: registration(accepts),
  });
  return { device: String(answer.json['device']), token: String(answer.json['token']), answer };
}

export const registration = (accepts: readonly string[], nonce = '0123456789abcdef'.repeat(2)): string =>
  JSON.stringify({ format: 1, nonce, hardwareId: 'serial 1', accepts });

export const tokenAt = (setting: Setting, port: number, token: string): Promise<Answer> =>
  setting.ask({ port, path: '/v1/token', body: '', headers: bearer(token) });

/** With a new access token. */
export async function checkinWithout(setting: Setting, agent: Agent, accepts: readonly string[] = []): Promise<Answer> {
  const given = await tokenAt(setting, atLegacy(setting), agent.token);
  if (given.status !== 200) return given;
  return checkinAt(setting, atLegacy(setting), agent.device, accepts, { headers: bearer(String(given.json['token'])) });
}

export const checkinAt = (
  setting: Setting,
  port: number,
  device: string,
  accepts: readonly string[],
  more: Pick<Asked, 'headers' | 'identity'>,
): Promise<Answer> => {
  const body = { format: 1, nonce: '0'.repeat(32), report: report(device, { accepts: [...accepts] }), events: [] };
  return setting.ask({ port, path: '/v1/checkin', body: JSON.stringify(body), ...more });
};

export type Enrolled = { readonly answer: Answer; readonly identity: Identity };

/** EST by the token of the device; with the same key the same certificate. */
export async function enrolBy(setting: Setting, token: string, key = makeKey()): Promise<Enrolled> {
  const answer = await setting.ask({
    port: atLegacy(setting),
    path: '/.well-known/est/simpleenroll',
    headers: { ...bearer(token), 'Content-Type': 'application/pkcs10' },
    body: Buffer.from(makeRequest(key, 'serial 1')).toString('base64'),
  });
  const read = answer.status === 200 ? readCertificateFile(Buffer.from(answer.body, 'base64')) : null;
  const cert = read?.ok ? read.value.map(({ der }) => toPem(der)).join('') : '';
  return { answer, identity: { cert, key: toPem(key, 'PRIVATE KEY') } };
}
