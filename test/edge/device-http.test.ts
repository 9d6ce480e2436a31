import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type Agent, request as httpsRequest } from 'node:https';
import { type Socket, connect as tcpConnect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as tlsConnect } from 'node:tls';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { fromBase64, toPem } from '../../protocol/certificate.ts';
import { bad, good } from '../../protocol/fault.ts';
import { dayMs, instant } from '../../protocol/time.ts';
import type { ListenerTls } from '../../server/core/ports.ts';
import { type DeviceHttp, rotations, serveDevices } from '../../server/edge/device-http.ts';
import { type FakeFleet, fakeFleet, known } from '../fakes/fleet.ts';
import {
  type Authorities,
  makeAuthorities,
  makeDevice,
  makeExpiredDevice,
  makeListenerTls,
  makeServerAsClient,
  now,
  type TestDevice,
} from '../fakes/identities.ts';
import { assert, needs, table, test } from '../harness.ts';

needs(['openssl', 'curl']);

const run = promisify(execFile);
const group = '7d0a8e0e-6f1c-4b8e-9a3e-3a1c4d9d2b11';

type Setting = {
  readonly fleet: FakeFleet;
  readonly http: DeviceHttp;
  readonly authorities: Authorities;
  readonly tls: ListenerTls;
  readonly device: TestDevice;
  readonly clock: { offsetMs: number };
};
type Asked = {
  readonly method?: string;
  readonly path: string;
  readonly body?: string | Uint8Array;
  readonly headers?: Record<string, string>;
  readonly identity?: { readonly cert: string; readonly key: string } | undefined;
  readonly agent?: Agent | false;
};
type Answer = { readonly status: number; readonly headers: Record<string, unknown>; readonly body: string };

async function withServer(
  check: (setting: Setting) => Promise<void>,
  bounds?: { maxConnections: number; maxHandshakes: number },
) {
  const authorities = await makeAuthorities();
  const tls = await makeListenerTls(authorities);
  const device = await makeDevice(authorities.client);
  const fleet = fakeFleet([authorities.server.certificateDer, authorities.client.certificateDer]);
  fleet.add(device, group);
  const clock = { offsetMs: 0 };
  const http = await serveDevices({
    fleet,
    tls,
    host: '127.0.0.1',
    port: 0,
    clock: () => instant(now() + clock.offsetMs),
    log: () => {},
    ...(bounds ? { bounds } : {}),
  });
  try {
    await check({ fleet, http, authorities, tls, device, clock });
  } finally {
    await http.close();
  }
}

async function ask({ http, authorities }: Setting, asked: Asked): Promise<Answer> {
  const request = httpsRequest({
    host: '127.0.0.1',
    port: http.port,
    path: asked.path,
    method: asked.method ?? 'GET',
    headers: asked.headers ?? {},
    agent: asked.agent ?? false,
    ca: toPem(authorities.server.certificateDer),
    ...asked.identity,
  });
  request.on('error', () => {});
  request.end(asked.body);
  const [response] = await once(request, 'response');
  let body = '';
  for await (const chunk of response) body += chunk;
  return { status: response.statusCode, headers: response.headers, body };
}

const codeOf = ({ body }: Answer): string => (body ? JSON.parse(body).code : '');
const basic = (pair: string) => ({ Authorization: `Basic ${Buffer.from(pair).toString('base64')}` });
const pkcs10 = { 'Content-Type': 'application/pkcs10', 'Content-Transfer-Encoding': 'base64' };
const report = {
  format: 1,
  device: '0c3f7c0e-4b4b-4a52-8d2a-c2b93797d941',
  at: 1,
  applied: { group: null, policy: 0, device: 0, command: 0 },
  certificates: [],
  pins: null,
  identity: null,
  clock: { at: 'known', floor: 0 },
  codes: { tries: 0, lockedForMs: 0 },
  faults: [],
  versions: { agent: '0', runtime: '0' },
  accepts: [],
  newer: [],
};
const checkin = JSON.stringify({ format: 1, nonce: '0'.repeat(32), report, events: [] });

test('a device with our certificate fetches and confirms its bundle, and checks in', () =>
  withServer(async (setting) => {
    const identity = setting.device;
    const bundle = await ask(setting, { path: '/v1/bundle', identity });
    assert.is(bundle.status, 200);
    assert.is(JSON.parse(bundle.body).deviceId, setting.device.id);
    const confirm = await ask(setting, { method: 'POST', path: '/v1/bundle/confirm', body: '{}', identity });
    assert.is(confirm.status, 204);
    assert.equal(setting.fleet.confirmed, [setting.device.id]);
    const answer = await ask(setting, { method: 'POST', path: '/v1/checkin', body: checkin, identity });
    assert.is(answer.status, 200);
    assert.is(JSON.parse(answer.body).format, 1);
  }));

test('answers tell nothing about the program and are kept by nobody', () =>
  withServer(async (setting) => {
    const { headers } = await ask(setting, { path: '/v1/bundle', identity: setting.device });
    assert.is(headers['server'], undefined);
    assert.is(headers['x-powered-by'], undefined);
    assert.is(headers['cache-control'], 'no-store');
    assert.match(String(headers['content-type']), /^application\/json/);
  }));

const asksFrom = (from: string) => ({ path: `/v1/rotations${from}` });
table(
  'rotation statements are for whoever asks, and asks rightly',
  [
    { name: 'a certificate of ours', from: `?from=${known}`, status: 200, code: '' },
    { name: 'an unknown one', from: `?from=${'ab'.repeat(32)}`, status: 404, code: 'not-found' },
    { name: 'none', from: '', status: 400, code: 'bad-argument' },
    { name: 'two', from: `?from=${known}&from=${known}`, status: 400, code: 'bad-argument' },
    { name: 'in capitals', from: `?from=${known.toUpperCase()}`, status: 400, code: 'bad-argument' },
    { name: 'something else', from: "?from=' or 1=1", status: 400, code: 'bad-argument' },
    { name: 'something long', from: `?from=${'a'.repeat(7000)}`, status: 400, code: 'bad-argument' },
  ],
  ({ from, status, code }) =>
    withServer(async (setting) => {
      const answer = await ask(setting, asksFrom(encodeURI(from)));
      assert.is(answer.status, status);
      if (status === 200) assert.equal(JSON.parse(answer.body), { format: 1, statements: ['a.b.c'] });
      else assert.is(codeOf(answer), code);
      assert.equal(setting.fleet.refusals, status === 200 ? [] : [`stranger: GET /v1/rotations: ${code}`]);
    }),
);

// Bounds: queries of up to 300 characters.
test('no query brings anything but a fault (10⁴ runs)', () =>
  withServer(async (setting) => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.string({ maxLength: 300 }), fc.anything()), async (from) => {
        const { ok } = await rotations(setting.fleet, from, async () => {});
        assert.is(ok, false);
      }),
      { numRuns: 10_000 },
    );
  }));

type Who = (setting: Setting) => Promise<{ cert: string; key: string } | undefined>;
const strangers: readonly { name: string; who: Who; status: number; code: string }[] = [
  { name: 'no certificate', who: async () => undefined, status: 401, code: 'identity-refused' },
  {
    name: 'a certificate of a foreign authority',
    who: async () => makeDevice((await makeAuthorities()).client),
    status: 401,
    code: 'identity-refused',
  },
  {
    name: 'a certificate of our server authority',
    who: async ({ authorities }) => makeServerAsClient(authorities.server),
    status: 401,
    code: 'identity-refused',
  },
  {
    name: 'a server certificate of our client authority',
    who: async ({ authorities }) => makeServerAsClient(authorities.client),
    status: 401,
    code: 'identity-refused',
  },
  {
    name: 'an expired certificate',
    who: async ({ authorities }) => makeExpiredDevice(authorities.client),
    status: 401,
    code: 'expired',
  },
  {
    name: 'a device that was removed',
    who: async ({ fleet, device }) => {
      fleet.remove(device.id);
      return device;
    },
    status: 403,
    code: 'identity-refused',
  },
];
table(
  'refused',
  strangers.flatMap(({ name, ...row }) => [
    { ...row, name: `${name} on bundle`, method: 'GET', path: '/v1/bundle' },
    { ...row, name: `${name} on confirm`, method: 'POST', path: '/v1/bundle/confirm' },
    { ...row, name: `${name} on check-in`, method: 'POST', path: '/v1/checkin' },
  ]),
  (row) =>
    withServer(async (setting) => {
      const identity = await row.who(setting);
      const body = row.method === 'POST' ? checkin : '';
      const answer = await ask(setting, { method: row.method, path: row.path, body, identity });
      assert.is(answer.status, row.status);
      assert.is(codeOf(answer), row.code);
      assert.equal(setting.fleet.confirmed, []);
      assert.equal(setting.fleet.refusals, [`stranger: ${row.method} ${row.path}: ${row.code}`]);
    }),
);

test('a connection that outlives its certificate is refused', () =>
  withServer(async (setting) => {
    setting.clock.offsetMs = 3 * dayMs;
    const answer = await ask(setting, { path: '/v1/bundle', identity: setting.device });
    assert.is(answer.status, 401);
    assert.is(codeOf(answer), 'expired');
  }));

test('a stranger is refused before the body is read', () =>
  withServer(async ({ http }) => {
    const socket = tlsConnect({ port: http.port, host: '127.0.0.1', rejectUnauthorized: false });
    socket.write('POST /v1/checkin HTTP/1.1\r\nHost: x\r\nContent-Length: 5000000\r\n\r\n');
    const [data] = await once(socket, 'data');
    assert.match(String(data), /^HTTP\/1.1 401 /);
    socket.destroy();
  }));

const bigCheckin = 'x'.repeat(8 * 1024 * 1024);
table(
  'bad requests',
  [
    { name: 'unknown address', method: 'GET', path: '/v1/nothing', body: '', status: 404, code: 'not-found' },
    { name: 'root', method: 'GET', path: '/', body: '', status: 404, code: 'not-found' },
    { name: 'broken escape', method: 'GET', path: '/%zz', body: '', status: 400, code: 'bad-argument' },
    { name: 'wrong method', method: 'POST', path: '/v1/bundle', body: '{}', status: 405, code: 'method-not-allowed' },
    { name: 'DELETE', method: 'DELETE', path: '/v1/checkin', body: '', status: 405, code: 'method-not-allowed' },
    { name: 'no JSON', method: 'POST', path: '/v1/checkin', body: '{"format":1,', status: 400, code: 'not-json' },
    {
      name: 'no UTF-8',
      method: 'POST',
      path: '/v1/checkin',
      body: Buffer.of(0x22, 0xff, 0x22),
      status: 400,
      code: 'not-json',
    },
    { name: 'no body', method: 'POST', path: '/v1/checkin', body: '', status: 400, code: 'not-json' },
    { name: 'bad shape', method: 'POST', path: '/v1/checkin', body: '{"format":1}', status: 400, code: 'bad-shape' },
    { name: 'an array', method: 'POST', path: '/v1/checkin', body: '[]', status: 400, code: 'bad-shape' },
    {
      name: 'a format to come',
      method: 'POST',
      path: '/v1/checkin',
      body: checkin.replace('1', '2'),
      status: 400,
      code: 'unknown-version',
    },
    {
      name: 'check-in too large',
      method: 'POST',
      path: '/v1/checkin',
      body: bigCheckin,
      status: 413,
      code: 'too-large',
    },
    {
      name: 'confirmation too large',
      method: 'POST',
      path: '/v1/bundle/confirm',
      body: 'x'.repeat(2000),
      status: 413,
      code: 'too-large',
    },
  ],
  (row) =>
    withServer(async (setting) => {
      const answer = await ask(setting, {
        ...row,
        headers: { 'Content-Type': 'application/json' },
        identity: setting.device,
      });
      assert.is(answer.status, row.status);
      assert.is(codeOf(answer), row.code);
      assert.equal(Object.keys(JSON.parse(answer.body)).sort(), ['code', 'facts', 'kind']);
      const read = row.path === '/v1/checkin' && row.status === 400;
      // What nothing is routed to has not been asked for its certificate.
      const who = row.status === 413 || read ? setting.device.id : 'stranger';
      const what = read ? 'checkin' : `${row.method} ${row.path}`;
      assert.equal(setting.fleet.refusals, [`${who}: ${what}: ${row.code}`]);
      if (row.status === 405) assert.is(answer.headers['allow'], row.path === '/v1/bundle' ? 'GET' : 'POST');
    }),
);

test('a fault inside is told as internal, and a handler that throws too', () =>
  withServer(async (setting) => {
    setting.fleet.answers.checkin = async () => {
      throw new Error('disk on fire at /secret/place');
    };
    const answer = await ask(setting, { method: 'POST', path: '/v1/checkin', body: checkin, identity: setting.device });
    assert.is(answer.status, 500);
    assert.equal(JSON.parse(answer.body), { code: 'internal', kind: 'broken', facts: {} });
    setting.fleet.answers.enrol = bad('disk-failed', { path: '/secret/place' });
    const enrol = await ask(setting, { ...enrolment('AAAA'), method: 'POST' });
    assert.is(enrol.status, 500);
    assert.not.match(enrol.body, /secret/);
  }));

// enrolment

const csr = Buffer.from('thirty bytes that a fleet would look at '.repeat(10));
const flat = csr.toString('base64');
const enrolment = (body: string, pair = 'inv-1:pass:word') => ({
  path: '/.well-known/est/simpleenroll',
  body,
  headers: { ...basic(pair), ...pkcs10 },
});

table(
  'EST base64',
  [
    { name: 'one line', body: flat },
    { name: 'LF at 64', body: flat.replace(/.{64}/g, '$&\n') },
    { name: 'CRLF at 76', body: `${flat.replace(/.{76}/g, '$&\r\n')}\r\n` },
  ],
  (row) =>
    withServer(async (setting) => {
      setting.fleet.answers.enrol = good(setting.device.chainDer);
      const answer = await ask(setting, { ...enrolment(row.body), method: 'POST' });
      assert.is(answer.status, 200);
      assert.is(answer.headers['content-type'], 'application/pkcs7-mime; smime-type=certs-only');
      assert.is(answer.headers['content-transfer-encoding'], 'base64');
      const [asked] = setting.fleet.enrolments;
      assert.is(asked?.invitation, 'inv-1');
      assert.is(asked?.password, 'pass:word');
      assert.ok(csr.equals(asked?.csrDer ?? Buffer.of()));
      const listed = await readPkcs7(answer.body);
      assert.match(listed, new RegExp(`subject=.*${setting.device.id}[\\s\\S]*subject=.*Test client authority`));
    }),
);

table(
  'EST refusals',
  [
    { name: 'no password at all', headers: pkcs10, body: flat, status: 401, code: 'invitation-refused' },
    {
      name: 'no colon',
      headers: { ...pkcs10, ...basic('inv-1') },
      body: flat,
      status: 401,
      code: 'invitation-refused',
    },
    {
      name: 'not Basic',
      headers: { ...pkcs10, Authorization: 'Bearer x' },
      body: flat,
      status: 401,
      code: 'invitation-refused',
    },
    {
      name: 'not base64 credentials',
      headers: { ...pkcs10, Authorization: 'Basic ***' },
      body: flat,
      status: 401,
      code: 'invitation-refused',
    },
    {
      name: 'long invitation',
      headers: { ...pkcs10, ...basic(`${'i'.repeat(65)}:p`) },
      body: flat,
      status: 401,
      code: 'invitation-refused',
    },
    {
      name: 'wrong password',
      headers: { ...pkcs10, ...basic('inv-1:no') },
      body: flat,
      status: 401,
      code: 'invitation-refused',
    },
    {
      name: 'another content type',
      headers: { ...basic('inv-1:p'), 'Content-Type': 'text/plain' },
      body: flat,
      status: 400,
      code: 'bad-argument',
    },
    { name: 'not base64', headers: { ...pkcs10, ...basic('inv-1:p') }, body: '*&^%', status: 400, code: 'bad-shape' },
    {
      name: 'half a quantum',
      headers: { ...pkcs10, ...basic('inv-1:p') },
      body: 'AAAAA',
      status: 400,
      code: 'bad-shape',
    },
    { name: 'empty', headers: { ...pkcs10, ...basic('inv-1:p') }, body: '', status: 400, code: 'bad-shape' },
    {
      name: 'too large',
      headers: { ...pkcs10, ...basic('inv-1:p') },
      body: 'A'.repeat(40_000),
      status: 413,
      code: 'too-large',
    },
  ],
  (row) =>
    withServer(async (setting) => {
      const answer = await ask(setting, { method: 'POST', path: '/.well-known/est/simpleenroll', ...row });
      assert.is(answer.status, row.status);
      assert.is(codeOf(answer), row.code);
      if (row.status === 401) assert.match(String(answer.headers['www-authenticate']), /^Basic /);
      // The fleet records what it refuses itself.
      const recorded = setting.fleet.enrolments.length === 0;
      const what = `stranger: POST /.well-known/est/simpleenroll: ${row.code}`;
      assert.equal(setting.fleet.refusals, recorded ? [what] : []);
    }),
);

test('a request the fleet refuses is 400 with its fault', () =>
  withServer(async (setting) => {
    setting.fleet.answers.enrol = bad('csr-refused', { reason: 'key' });
    const answer = await ask(setting, { ...enrolment(flat), method: 'POST' });
    assert.is(answer.status, 400);
    assert.equal(JSON.parse(answer.body), { code: 'csr-refused', kind: 'rejected', facts: { reason: 'key' } });
  }));

test('curl reads the authorities, and openssl what it got', () =>
  withServer(async (setting) => {
    const folder = await mkdtemp(join(tmpdir(), 'thintrust-'));
    try {
      const ca = join(folder, 'ca.pem');
      await writeFile(ca, toPem(setting.authorities.server.certificateDer));
      const url = `https://localhost:${setting.http.port}/.well-known/est/cacerts`;
      const { stdout } = await run('curl', ['--silent', '--show-error', '--fail', '--cacert', ca, url]);
      const listed = await readPkcs7(stdout);
      assert.match(listed, /Test server authority[\s\S]*Test client authority/);
    } finally {
      await rm(folder, { recursive: true });
    }
  }));

// TLS

test('TLS 1.1 is refused, 1.2 and 1.3 are spoken', () =>
  withServer(async ({ http }) => {
    const spoken = async (...options: string[]) => (await openssl(http.port, options)).includes('\nVerify return code');
    const protocol = async (version: string) =>
      /Cipher is (?!\(NONE\))/.test(await openssl(http.port, [version, '-cipher', 'ALL:@SECLEVEL=0']));
    assert.not(await protocol('-tls1_1'));
    assert.ok(await protocol('-tls1_2'));
    assert.ok(await spoken('-tls1_3'));
    const legacy = await openssl(http.port, ['-tls1_2', '-cipher', 'AES128-SHA:ECDHE-ECDSA-AES128-SHA']);
    assert.match(legacy, /Cipher is \(NONE\)/);
  }));

table(
  'sessions are not resumed',
  [
    { name: 'TLS 1.2', version: '-tls1_2' },
    { name: 'TLS 1.3', version: '-tls1_3' },
  ],
  (row) =>
    withServer(async ({ http }) => {
      const folder = await mkdtemp(join(tmpdir(), 'thintrust-'));
      try {
        const session = join(folder, 'session');
        const request = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';
        const first = await openssl(http.port, [row.version, '-ign_eof', '-sess_out', session], request);
        assert.match(first, /New, /);
        const second = await openssl(http.port, [row.version, '-ign_eof', '-sess_in', session], request).catch(
          () => 'no session was given',
        );
        assert.not.match(second, /Reused, /);
      } finally {
        await rm(folder, { recursive: true });
      }
    }),
);

test('a new server certificate is served to new connections, and the old ones stand', () =>
  withServer(async (setting) => {
    const before = tlsConnect({
      port: setting.http.port,
      host: '127.0.0.1',
      rejectUnauthorized: false,
      ...credentials(setting.device),
    });
    await once(before, 'secureConnect');
    const next = await makeListenerTls(setting.authorities);
    await setting.http.setTls(next);
    const after = tlsConnect({
      port: setting.http.port,
      host: '127.0.0.1',
      rejectUnauthorized: false,
      ...credentials(setting.device),
    });
    await once(after, 'secureConnect');
    const [old, fresh] = [before, after].map((socket) => toPem(socket.getPeerX509Certificate()?.raw ?? Buffer.of()));
    assert.is.not(old, fresh);
    assert.ok(next.chain.startsWith(fresh ?? 'none'));
    for (const socket of [before, after]) {
      socket.write('GET /v1/bundle HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
      const [data] = await once(socket, 'data');
      assert.match(String(data), /^HTTP\/1.1 200 /);
      socket.destroy();
    }
  }));

test('after a switch, old TLS and foreign client certificates are refused as before', () =>
  withServer(async (setting) => {
    await setting.http.setTls(await makeListenerTls(setting.authorities));
    assert.match(await openssl(setting.http.port, ['-tls1_1', '-cipher', 'ALL:@SECLEVEL=0']), /Cipher is \(NONE\)/);
    const stranger = await makeDevice((await makeAuthorities()).client);
    assert.is((await ask(setting, { path: '/v1/bundle', identity: stranger })).status, 401);
    assert.is((await ask(setting, { path: '/v1/bundle', identity: setting.device })).status, 200);
  }));

test('what is no HTTP gets a fault, and too many headers too', () =>
  withServer(async (setting) => {
    for (const [sent, status, code] of [
      ['\0\0\0\r\n\r\n', 400, 'bad-shape'],
      [`GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(10_000)}\r\n\r\n`, 431, 'too-large'],
    ] as const) {
      const socket = tlsConnect({ port: setting.http.port, host: '127.0.0.1', rejectUnauthorized: false });
      socket.write(sent);
      const [data] = await once(socket, 'data');
      assert.match(String(data), new RegExp(`^HTTP/1.1 ${status} [\\s\\S]*"code":"${code}"`));
      socket.destroy();
    }
  }));

test('a flood of half-open connections shuts nobody out', () =>
  withServer(
    async (setting) => {
      const flood = await Promise.all(Array.from({ length: 40 }, () => halfOpen(setting.http.port)));
      const answer = await ask(setting, { path: '/v1/bundle', identity: setting.device });
      assert.is(answer.status, 200);
      assert.ok(flood.filter((socket) => socket.destroyed || socket.readableEnded).length >= 30);
      for (const socket of flood) socket.destroy();
    },
    { maxConnections: 100, maxHandshakes: 10 },
  ));

test('closing does not wait for connections that say nothing', async () => {
  let closingAt = 0;
  await withServer(async ({ http }) => {
    await halfOpen(http.port);
    closingAt = performance.now();
  });
  assert.ok(performance.now() - closingAt < 5000);
});

const credentials = ({ cert, key }: TestDevice) => ({ cert, key });

async function halfOpen(port: number): Promise<Socket> {
  const socket = tcpConnect(port, '127.0.0.1');
  socket.on('error', () => {}).resume();
  await once(socket, 'connect');
  return socket;
}

async function openssl(port: number, options: readonly string[], input = ''): Promise<string> {
  const child = spawn('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, ...options], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  child.stderr.resume();
  child.stdin.on('error', () => {}).end(input);
  await once(child, 'close');
  return output;
}

async function readPkcs7(base64: string): Promise<string> {
  const child = spawn('openssl', ['pkcs7', '-inform', 'der', '-print_certs', '-noout'], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  child.stdin.end(fromBase64(base64));
  await once(child, 'close');
  return output;
}
