/** The administration API and HTTP that is wrong: every answer is a problem document with a code, changes nothing, and is on record. */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FaultCode } from '../../protocol/fault.ts';
import { serveAdmin } from '../../server/edge/admin-http.ts';
import { auditOf, withFleet } from '../fakes/fleet-server.ts';
import { assert, table, test } from '../harness.ts';

type Row = { readonly name: string; readonly status: number; readonly code: FaultCode; readonly request: string };

const post = (path: string, body: string, type = 'application/json'): string =>
  `POST /api/v1${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: ${type}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
const get = (path: string, method = 'GET'): string =>
  `${method} ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`;

const rows: readonly Row[] = [
  { name: 'no JSON', status: 400, code: 'not-json', request: post('/groups', '{') },
  { name: 'an empty body', status: 400, code: 'not-json', request: post('/groups', '') },
  {
    name: 'a poisoned prototype',
    status: 400,
    code: 'not-json',
    request: post('/groups', '{"__proto__":{"name":"x"}}'),
  },
  {
    name: 'a poisoned constructor',
    status: 400,
    code: 'not-json',
    request: post('/groups', '{"constructor":{"prototype":{"name":"x"}}}'),
  },
  { name: 'a field of another type', status: 400, code: 'bad-shape', request: post('/groups', '{"name":1}') },
  { name: 'a field too many', status: 400, code: 'bad-shape', request: post('/groups', '{"name":"x","y":1}') },
  {
    name: 'a name too long',
    status: 400,
    code: 'bad-shape',
    request: post('/groups', `{"name":"${'x'.repeat(121)}"}`),
  },
  {
    name: 'nested beyond sense',
    status: 400,
    code: 'bad-shape',
    request: post('/groups', '['.repeat(9000) + ']'.repeat(9000)),
  },
  {
    name: 'another media type',
    status: 400,
    code: 'bad-shape',
    request: post('/groups', 'name=x', 'application/x-www-form-urlencoded'),
  },
  { name: 'no such place', status: 404, code: 'not-found', request: get('/api/v2/status') },
  { name: 'out of the tree', status: 404, code: 'not-found', request: get('/api/v1/../../etc/passwd') },
  { name: 'another method', status: 404, code: 'not-found', request: get('/api/v1/status', 'PATCH') },
  { name: 'a path that is no UTF-8', status: 400, code: 'bad-shape', request: get('/api/v1/devices/%ff') },
  { name: 'a limit that is no number', status: 400, code: 'bad-shape', request: get('/api/v1/audit?limit=x') },
  { name: 'two limits', status: 400, code: 'bad-shape', request: get('/api/v1/audit?limit=1&limit=2') },
  { name: 'a limit beyond all', status: 400, code: 'bad-shape', request: get('/api/v1/audit?limit=201') },
  { name: 'a filter of another list', status: 400, code: 'bad-shape', request: get('/api/v1/audit?presence=online') },
  {
    name: 'SQL for a column',
    status: 400,
    code: 'bad-shape',
    request: get('/api/v1/devices?sort=name%20desc,(select%201)'),
  },
  { name: 'no HTTP', status: 400, code: 'bad-shape', request: 'hello\r\n\r\n' },
  {
    name: 'headers without end',
    status: 431,
    code: 'too-large',
    request: `GET / HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(40_000)}\r\n\r\n`,
  },
  {
    name: 'a body announced too large',
    status: 413,
    code: 'too-large',
    request:
      'POST /api/v1/groups HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: 99999999\r\n\r\n',
  },
  {
    name: 'a length that is none',
    status: 400,
    code: 'bad-shape',
    request: 'POST /api/v1/groups HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n',
  },
];

table('a request', rows, ({ request, status, code }) =>
  withAdmin(async (path, audited) => {
    const answer = await say(path, request);
    const body = JSON.parse(answer.split('\r\n\r\n').slice(1).join('\r\n\r\n'));
    assert.is(body.code, code);
    assert.is(Number(answer.split(' ')[1]), status);
    assert.ok(typeof body.title === 'string' && body.title.length > 10);
    assert.equal(await audited(), [`request-refused ${code}`]);
  }),
);

test('a typing error in a code is on record once, as a code', () =>
  withAdmin(async (path, audited) => {
    assert.match(await say(path, post('/codes', '{"code":"1234"}')), /code-typo/);
    assert.equal(await audited(), ['code-refused code-typo']);
  }));

test('a page that asks whether there is a mail server leaves nothing on record', () =>
  withAdmin(async (path, audited) => {
    assert.match(await say(path, get('/api/v1/mail')), /mail-off/);
    assert.equal(await audited(), []);
  }));

test('the socket is its owner’s alone', () => withAdmin(async (path) => assert.is(statSync(path).mode & 0o777, 0o600)));

async function withAdmin(
  run: (path: string, audited: () => Promise<readonly string[]>) => Promise<void>,
): Promise<void> {
  await withFleet(async (world) => {
    const { server, publish } = world;
    const before = (await auditOf(world)).length;
    const directory = mkdtempSync(join(tmpdir(), 'thintrust-admin-'));
    const path = join(directory, 'control.sock');
    const admin = await serveAdmin(server, publish, path);
    try {
      await run(path, async () => (await auditOf(world)).slice(0, -before));
    } finally {
      await admin.close();
      rmSync(directory, { recursive: true });
    }
  });
}

function say(path: string, request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    let text = '';
    socket.setEncoding('utf8');
    socket.on('data', (part) => {
      text += part;
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(text));
    socket.write(request);
  });
}
