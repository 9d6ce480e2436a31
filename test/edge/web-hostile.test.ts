/** The Web Console and whoever means no good: raw bytes over TLS, floods, slow senders, sessions that were fixed before. */
import { connect as connectPlain } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { listAudit } from '../../server/edge/overview.ts';
import { addPerson, type Console, password, withConsole } from '../fakes/web-client.ts';
import { assert, test } from '../harness.ts';

type Row = { readonly name: string; readonly request: string; readonly status: number; readonly code: string };

const post = (path: string, body: string, more = '', length = Buffer.byteLength(body)): string =>
  `POST /api/v1${path} HTTP/1.1\r\nHost: x\r\nOrigin: https://x\r\nContent-Type: application/json\r\n${more}` +
  `Content-Length: ${length}\r\nConnection: close\r\n\r\n${body}`;
const line = (first: string, more = ''): string => `${first} HTTP/1.1\r\nHost: x\r\n${more}Connection: close\r\n\r\n`;
const cookie = `__Host-thintrust=${'a'.repeat(43)}`;
const chunks = `Transfer-Encoding: chunked\r\nOrigin: https://x\r\nContent-Type: application/json\r\n`;

const rows: readonly Row[] = [
  { name: 'no HTTP', request: 'hello\r\n\r\n', status: 400, code: 'bad-shape' },
  {
    name: 'headers without end',
    request: line('GET /', `X: ${'y'.repeat(40_000)}\r\n`),
    status: 431,
    code: 'too-large',
  },
  { name: 'a length that is none', request: post('/session', '', '', -1), status: 400, code: 'bad-shape' },
  {
    name: 'a length and chunks (request smuggling)',
    request: line('POST /api/v1/session', `Content-Length: 3\r\n${chunks}`),
    status: 400,
    code: 'bad-shape',
  },
  {
    name: 'a large body of a stranger',
    request: post('/groups', '', '', 9_000_000),
    status: 401,
    code: 'session-needed',
  },
  { name: 'a sign-in beyond all sense', request: post('/session', '', '', 5000), status: 413, code: 'too-large' },
  {
    name: 'the same in chunks',
    request: `${line('POST /api/v1/session', chunks)}1000\r\n${' '.repeat(4096)}\r\n10\r\n${' '.repeat(16)}\r\n0\r\n\r\n`,
    status: 413,
    code: 'too-large',
  },
  { name: 'a body that is no JSON', request: post('/session', '{"name":'), status: 400, code: 'not-json' },
  {
    name: 'a poisoned prototype',
    request: post('/session', '{"__proto__":{"name":"x"},"name":"x","password":"x"}'),
    status: 400,
    code: 'not-json',
  },
  {
    name: 'a field too many',
    request: post('/session', '{"name":"x","password":"x","a":1}'),
    status: 400,
    code: 'bad-shape',
  },
  {
    name: 'names in a list',
    request: post('/session', '{"name":["x"],"password":"x"}'),
    status: 400,
    code: 'bad-shape',
  },
  {
    name: 'nested beyond sense',
    request: post('/session', `${'['.repeat(2000)}${']'.repeat(2000)}`),
    status: 400,
    code: 'bad-shape',
  },
  {
    name: 'a form of another page',
    request: post('/session', '{"name":"x","password":"x"}').replace('Origin: https://x', 'Origin: https://evil'),
    status: 403,
    code: 'request-forged',
  },
  {
    name: 'a form without origin',
    request: post('/session', '{"name":"x","password":"x"}').replace('Origin: https://x\r\n', ''),
    status: 403,
    code: 'request-forged',
  },
  {
    name: 'two cookies',
    request: line('GET /api/v1/session', `Cookie: ${cookie}; ${cookie}\r\n`),
    status: 401,
    code: 'session-needed',
  },
  { name: 'a path that is no UTF-8', request: line('GET /api/v1/devices/%ff'), status: 400, code: 'bad-shape' },
  { name: 'out of the tree', request: line('GET /api/../../../etc/passwd'), status: 404, code: 'not-found' },
  { name: 'another method', request: line('TRACE /'), status: 404, code: 'not-found' },
  {
    name: 'a page that is posted to',
    request: post('/../../', '{}').replace('/api/v1', ''),
    status: 404,
    code: 'not-found',
  },
  { name: 'a proxy’s request', request: line('GET http://169.254.169.254/api/v1/status'), status: 400, code: '' },
];

test('what is no request of a page is refused, changes nothing, and others are served', () =>
  withConsole(async (console) => {
    for (const { name, request, status, code } of rows) {
      const answer = await say(console, request);
      const [head = '', body = ''] = answer.split('\r\n\r\n');
      if (code === '') {
        assert.ok(!head.startsWith('HTTP/1.1 200') || body.includes('<!doctype'), `${name}: ${answer.slice(0, 200)}`);
        continue;
      }
      assert.is(Number(head.split(' ')[1]), status, `${name}: ${answer.slice(0, 300)}`);
      assert.is(JSON.parse(body.slice(body.indexOf('{'), body.lastIndexOf('}') + 1)).code, code, name);
      assert.not.match(answer, /at .*\.ts:|node_modules/, name);
    }
    const recorded = await listAudit(console.world.server, 100);
    assert.ok(recorded.filter(({ action }) => action === 'request-refused').length >= 10);
    assert.ok(recorded.some(({ actor, facts }) => actor === 'stranger' && facts['from'] === '127.0.0.1'));
    assert.is((await console.page().ask('GET', '/session')).status, 401);
  }));

/** Of somebody who is signed in: his cookie comes along, whatever page asks. */
const forged: readonly { readonly name: string; readonly method: string; readonly headers: Record<string, string> }[] =
  [
    { name: 'without the token', method: 'POST', headers: { 'x-csrf-token': '' } },
    { name: 'with a token that was guessed', method: 'POST', headers: { 'x-csrf-token': 'A'.repeat(43) } },
    { name: 'of another origin, with the token', method: 'POST', headers: { origin: 'https://evil.example' } },
    {
      name: 'of another origin that the browser calls the same',
      method: 'POST',
      headers: { origin: 'https://evil.example', 'sec-fetch-site': 'same-origin' },
    },
    { name: 'of another site', method: 'POST', headers: { 'sec-fetch-site': 'cross-site' } },
    { name: 'of the same site, another origin', method: 'POST', headers: { 'sec-fetch-site': 'same-site' } },
    { name: 'of an opaque origin', method: 'POST', headers: { origin: 'null' } },
    { name: 'read by another origin', method: 'GET', headers: { origin: 'https://evil.example' } },
    { name: 'read by another site', method: 'GET', headers: { 'sec-fetch-site': 'cross-site' } },
  ];

test('what another page asks in the name of somebody signed in is refused, and changes nothing', () =>
  withConsole(async (console) => {
    await addPerson(console, 'anna', 'administrator');
    const [page, other] = [console.page(), console.page()];
    for (const each of [page, other]) assert.is((await each.signIn('anna', password)).status, 200);
    const token = {
      name: 'with the token of another session',
      method: 'POST',
      headers: { 'x-csrf-token': other.held.csrf },
    };
    for (const { name, method, headers } of [...forged, token]) {
      const body = method === 'GET' ? {} : { body: { name: 'Forged' } };
      const answer = await page.ask(method, '/groups', { ...body, headers });
      assert.is(answer.status, 403, name);
      assert.is(answer.body.code, 'request-forged', name);
    }
    assert.not.match((await page.ask('GET', '/groups')).text, /Forged/);
    assert.is((await page.ask('POST', '/groups', { body: { name: 'Meant' } })).status, 200);
  }));

test('a sign-in with a cookie that somebody set before gets another one', () =>
  withConsole(async (console) => {
    await addPerson(console, 'anna', 'auditor');
    const page = console.page();
    page.held.cookie = 'b'.repeat(43);
    const fixed = page.held.cookie;
    assert.is((await page.signIn('anna', password)).status, 200);
    assert.not.equal(page.held.cookie, fixed);
    const thief = console.page();
    thief.held.cookie = fixed;
    assert.is((await thief.ask('GET', '/session')).status, 401);
  }));

test('whoever sends slowly is cut off, whoever does not speak TLS too; others are served meanwhile', () =>
  withConsole(
    async (console) => {
      const started = performance.now();
      const slow = await open(console);
      slow.write('GET / HTTP/1.1\r\nHost: x\r\n');
      const drip = setInterval(() => slow.write('X: y\r\n'), 50);
      const plain = connectPlain(console.port, '127.0.0.1');
      plain.on('error', () => {});
      plain.write('GET / HTTP/1.1\r\n\r\n');
      await Promise.all([ended(slow), new Promise((resolve) => plain.on('close', resolve))]);
      clearInterval(drip);
      assert.ok(performance.now() - started < 10_000);
      assert.is((await console.page().ask('GET', '/session')).status, 401);
    },
    { headersTimeoutMs: 400 },
  ));

test('one address has so many connections and no more; when they end there is room again', () =>
  withConsole(
    async (console) => {
      const held = await Promise.all([0, 1, 2].map(() => open(console)));
      const more = open(console);
      await more.then(
        () => assert.unreachable('one too many'),
        () => {},
      );
      for (const socket of held) socket.destroy();
      for (let tries = 0; tries < 50; tries++) {
        const again = await open(console).catch(() => null);
        again?.destroy();
        if (again) return;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      assert.unreachable('no room');
    },
    { bounds: { maxConnections: 100, maxHandshakes: 50, maxOfAddress: 3 } },
  ));

function open({ port }: Console): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => resolve(socket));
    socket.on('error', reject);
    socket.once('close', () => reject(new Error('closed')));
  });
}

const ended = (socket: TLSSocket): Promise<unknown> =>
  new Promise((resolve) => {
    socket.on('close', resolve);
    socket.resume();
  });

async function say(console: Console, request: string): Promise<string> {
  const socket = await open(console);
  let text = '';
  socket.setEncoding('utf8').on('data', (part) => {
    text += part;
  });
  const closed = new Promise((resolve) => socket.on('close', resolve));
  socket.write(request);
  // An announced body never comes; the answer does, and then the end.
  await closed;
  return text;
}
