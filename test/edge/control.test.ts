/** The control API over real Unix sockets, as curl and as rude clients use it. */

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { type ClientRequest, get, type IncomingMessage } from 'node:http';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Happening } from '../../agent/core/shape.ts';
import { statusOf } from '../../agent/edge/answers.ts';
import { type Control, openControl } from '../../agent/edge/control.ts';
import { lockDirectory } from '../../agent/edge/lock.ts';
import type { LogQuery } from '../../agent/edge/routes.ts';
import { openSecrets, type Secrets } from '../../agent/edge/secrets.ts';
import { inheritedSockets, listenOnPath } from '../../agent/edge/sockets.ts';
import { bad, type FaultCode, fault, good, type Result } from '../../protocol/fault.ts';
import { maxControlBytes, maxImportBodyBytes } from '../../protocol/limits.ts';
import type { ConnectAnswer, LogPage, MediaList, Preflight, Status } from '../../protocol/local.ts';
import { nothingKept } from '../fakes/control.ts';
import { quiet } from '../fakes/status.ts';
import { assert, needs, rejects, table, test } from '../harness.ts';

needs(['curl']);

type Asked = Extract<Happening, { type: 'asked' }>;
type Stage = {
  readonly control: Control;
  readonly asked: Asked[];
  readonly consoleSocket: string;
  readonly readSocket: string;
  readonly secrets: Secrets;
  /** Queries of the event log. */
  readonly queries: LogQuery[];
  /** What the core does with a request; answers it at once unless told otherwise. */
  core: (asked: Asked) => void;
};

const statusAt = (floor: number): Status => ({
  version: '1',
  at: 'unregistered',
  device: null,
  server: null,
  link: { at: 'idle', since: 0, retryInMs: null, fault: null },
  clock: { at: 'known', now: 0, floor },
  policy: null,
  replacement: null,
  contacts: null,
  certificates: [],
  ...quiet,
  faults: [],
});
const page: LogPage = {
  records: [{ seq: 7, at: 5, severity: 'warn', component: 'link', text: 'no answer' }],
  more: false,
};
const mediaList: MediaList = { files: [{ name: 'stick/root.crt', bytes: 3 }], repairs: [], more: false };
const order = { address: 'a:1', fingerprint: 'ab'.repeat(32), invitation: 'inv-1', password: 'secret' };

async function onStage(run: (stage: Stage) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'thintrust-control-'));
  const consoleSocket = join(folder, 'run', 'console.sock');
  const readSocket = join(folder, 'run', 'read.sock');
  const asked: Asked[] = [];
  const queries: LogQuery[] = [];
  const secrets = openSecrets();
  const stage: { core: Stage['core'] } = { core: ({ request }) => control.answer(request, good(null)) };
  const control: Control = await openControl({
    sockets: [
      { ...listenOnPath(consoleSocket), right: 'console' },
      { ...listenOnPath(readSocket), right: 'read' },
    ],
    ...nothingKept(),
    secrets,
    log: async (query) => {
      queries.push(query);
      return page;
    },
    media: {
      list: async () => mediaList,
      read: async (name) => (name === 'stick/root.crt' ? good('QUJD') : bad('not-found', { what: name })),
    },
    emit: (happening) => {
      if (happening.type !== 'asked') return;
      asked.push(happening);
      stage.core(happening);
    },
  });
  control.show(statusAt(1));
  try {
    await run(Object.assign(stage, { control, asked, consoleSocket, readSocket, secrets, queries }));
  } finally {
    await control.close();
    rmSync(folder, { recursive: true });
  }
}

/** `<status> <body>`. */
function curl(socket: string, path: string, ...args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const all = ['-sS', '--unix-socket', socket, '-w', '%{http_code}', ...args, `http://device${path}`];
    execFile('curl', all, (error, out) => (error ? reject(error) : resolve(`${out.slice(-3)} ${out.slice(0, -3)}`)));
  });
}
const codeOf = (answer: string): string => `${answer.slice(0, 3)} ${JSON.parse(answer.slice(4)).code}`;

test('status, certificates, register and code, with curl', () =>
  onStage(async ({ consoleSocket, readSocket, asked }) => {
    const shown = JSON.stringify(statusAt(1));
    assert.is(await curl(readSocket, '/api/v1/status'), `200 ${shown}`);
    assert.is(await curl(consoleSocket, '/api/v1/status?x=1'), `200 ${shown}`);
    assert.is(await curl(readSocket, '/api/v1/certificates'), '200 []');
    assert.is(await curl(consoleSocket, '/api/v1/register', '-d', JSON.stringify(order)), `202 ${shown}`);
    assert.is(await curl(consoleSocket, '/api/v1/code', '-d', '{"code":"1234 5678"}'), `200 ${shown}`);
    assert.equal(
      asked.map(({ request, ask }) => ({ request, ask })),
      [
        { request: 1, ask: { do: 'register', order } },
        { request: 2, ask: { do: 'code', code: '1234 5678' } },
      ],
    );
  }));

const fingerprint = 'ab'.repeat(32);
table(
  'what is asked of the core',
  [
    {
      name: '/preflight',
      body: { purpose: 'ksc', server: '' },
      expected: { do: 'preflight', purpose: 'ksc', server: '' },
    },
    {
      name: '/certificates/add',
      body: { purpose: 'rdp', server: 'host', fingerprint },
      expected: { do: 'add', purpose: 'rdp', server: 'host', fingerprint },
    },
    {
      name: '/certificates/remove',
      body: { purpose: 'log', fingerprint },
      expected: { do: 'remove', purpose: 'log', fingerprint },
    },
    {
      name: '/certificates/import',
      body: { purpose: 'broker', server: null, files: [{ name: 'a.pem', content: 'QQ==' }] },
      expected: { do: 'import', purpose: 'broker', server: null, files: [{ name: 'a.pem', content: 'QQ==' }] },
    },
    {
      name: '/certificates/import, from a stick',
      body: { purpose: 'rdp', server: 'host', files: [{ name: 'stick/root.crt', content: null }] },
      expected: {
        do: 'import',
        purpose: 'rdp',
        server: 'host',
        files: [{ name: 'stick/root.crt', content: 'QUJD' }],
      },
    },
    {
      name: '/settings',
      body: { logServer: 'log:6514', language: null },
      expected: { do: 'settings', logServer: 'log:6514', language: null },
    },
    {
      name: '/connection',
      body: { https: 'a:1', mqtt: '[::1]:2' },
      expected: { do: 'connection', https: 'a:1', mqtt: '[::1]:2' },
    },
    { name: '/time', body: { at: 1_800_000_000_000 }, expected: { do: 'time', at: 1_800_000_000_000 } },
    {
      name: '/certificates/follow',
      body: { statements: ['a.b.c'] },
      expected: { do: 'follow', statements: ['a.b.c'] },
    },
    { name: '/reset', body: {}, expected: { do: 'reset' } },
    {
      name: '/repair/check',
      body: { name: 'a.thintrust', content: 'YS5iLmMNCg==' },
      expected: { do: 'check-repair', jws: 'a.b.c' },
    },
    {
      name: '/repair/check, a file on a stick',
      body: { name: 'stick/root.crt', content: null },
      expected: { do: 'check-repair', jws: 'ABC' },
    },
    {
      name: '/repair',
      body: { name: 'a.thintrust', content: 'YS5iLmM=', rev: 7 },
      expected: { do: 'repair', jws: 'a.b.c', rev: 7 },
    },
  ],
  ({ name, body, expected }) =>
    onStage(async ({ consoleSocket, readSocket, asked }) => {
      const path = `/api/v1${name.split(',', 1)[0] ?? ''}`;
      const sent = ['-d', JSON.stringify(body)];
      assert.is(await curl(consoleSocket, path, ...sent), `200 ${JSON.stringify(statusAt(1))}`);
      assert.is(codeOf(await curl(readSocket, path, ...sent)), '403 not-allowed');
      assert.is(codeOf(await curl(consoleSocket, path)), '405 method-not-allowed');
      assert.is(codeOf(await curl(consoleSocket, path, '-d', '{"x":1}')), '400 bad-shape');
      assert.equal(asked[0]?.ask, expected);
      assert.ok(asked.slice(1).every(({ ask }) => ask.do === 'record'));
    }),
);

const seen: Preflight = {
  purpose: 'rdp',
  server: 'host:3389',
  verdict: 'unknown',
  by: null,
  fault: null,
  warnings: [],
  chain: [],
  tls: null,
  at: 1,
};
const connecting = { purpose: 'rdp', server: 'host', user: 'ann', password: 'hidden' };
table<{ name: string; result: Result<ConnectAnswer>; kept: string | null }>(
  'the password of a connection waits for the launch, and only for it',
  [
    { name: 'started', result: good({ at: 'started', session: 1, preflight: seen }), kept: 'hidden' },
    { name: 'stopped', result: good({ at: 'stopped', preflight: seen }), kept: null },
    { name: 'refused', result: bad('busy'), kept: null },
  ],
  ({ result, kept }) =>
    onStage(async (stage) => {
      stage.core = ({ request }) => stage.control.answer(request, result);
      const answer = await curl(stage.consoleSocket, '/api/v1/connect', '-d', JSON.stringify(connecting));
      const [asked] = stage.asked;
      assert.equal(asked?.ask, { do: 'connect', purpose: 'rdp', server: 'host', user: 'ann' });
      assert.is(stage.secrets.take(asked?.request ?? 0), kept);
      assert.equal(JSON.parse(answer.slice(4)), result.ok ? result.value : result.fault);
      assert.not.match(JSON.stringify(stage.asked) + answer, 'hidden');
    }),
);

table(
  'the event log, on both sockets',
  [
    { name: '', expected: { severity: 'trace', before: null, limit: 100 } },
    { name: '?severity=warn&before=12&limit=1000', expected: { severity: 'warn', before: 12, limit: 1000 } },
    { name: '?limit=1&x=2', expected: { severity: 'trace', before: null, limit: 1 } },
    { name: '?severity=loud', expected: 'severity' },
    { name: '?severity=', expected: 'severity' },
    { name: '?before=-1', expected: 'before' },
    { name: '?before=99999999999999999', expected: 'before' },
    { name: '?limit=0', expected: 'limit' },
    { name: '?limit=1001', expected: 'limit' },
    { name: '?limit=1e2', expected: 'limit' },
  ],
  ({ name, expected }) =>
    onStage(async ({ consoleSocket, readSocket, queries }) => {
      for (const socket of [consoleSocket, readSocket]) {
        const answer = await curl(socket, `/api/v1/log${name}`);
        const told = typeof expected === 'string' ? fault('bad-argument', { what: expected }) : page;
        assert.is(answer, `${typeof expected === 'string' ? 400 : 200} ${JSON.stringify(told)}`);
      }
      assert.equal(queries, typeof expected === 'string' ? [] : [expected, expected]);
    }),
);

test('files on sticks, on both sockets', () =>
  onStage(async ({ consoleSocket, readSocket }) => {
    for (const socket of [consoleSocket, readSocket])
      assert.is(await curl(socket, '/api/v1/media'), `200 ${JSON.stringify(mediaList)}`);
  }));

test('a file that is not on the stick is refused before the core hears of it', () =>
  onStage(async (stage) => {
    const body = { purpose: 'rdp', server: null, files: [{ name: 'stick/gone.crt', content: null }] };
    const answer = await curl(stage.consoleSocket, '/api/v1/certificates/import', '-d', JSON.stringify(body));
    assert.is(answer, `404 ${JSON.stringify(fault('not-found', { what: 'stick/gone.crt' }))}`);
    assert.equal(recorded(stage), ['console not-found']);
  }));

test('an import may be large, nothing else may', () =>
  onStage(async ({ consoleSocket, asked }) => {
    const folder = mkdtempSync(join(tmpdir(), 'thintrust-import-'));
    const file = (bytes: number): string => {
      const files = Array(8).fill({ name: 'a.pem', content: 'A'.repeat(Math.floor(bytes / 8)) });
      writeFileSync(join(folder, 'import.json'), JSON.stringify({ purpose: 'rdp', server: null, files }));
      return `@${join(folder, 'import.json')}`;
    };
    const whole = file(maxImportBodyBytes - 4096);
    assert.match(await curl(consoleSocket, '/api/v1/certificates/import', '-d', whole), /^200/);
    assert.is(codeOf(await curl(consoleSocket, '/api/v1/settings', '-d', whole)), '413 too-large');
    const over = file(maxImportBodyBytes);
    assert.is(codeOf(await curl(consoleSocket, '/api/v1/certificates/import', '-d', over)), '413 too-large');
    assert.equal(
      asked.map(({ ask }) => ask.do),
      ['import', 'record', 'record'],
    );
    rmSync(folder, { recursive: true });
  }));

test('the sockets are made with mode 0660', () =>
  onStage(async ({ consoleSocket, readSocket }) => {
    for (const path of [consoleSocket, readSocket]) assert.is(statSync(path).mode & 0o777, 0o660);
  }));

test('what the core refuses is answered as a fault', () =>
  onStage(async (stage) => {
    stage.core = ({ request }) => stage.control.answer(request, bad('code-wrong', { triesLeft: 2 }));
    const answer = await curl(stage.consoleSocket, '/api/v1/code', '-d', '{"code":"1"}');
    assert.is(answer, `400 ${JSON.stringify(fault('code-wrong', { triesLeft: 2 }))}`);
  }));

type Refusal = { name: string; socket: 'consoleSocket' | 'readSocket'; path: string; args: string[]; expected: string };
const refusals: Refusal[] = [
  { name: 'unknown route', socket: 'readSocket', path: '/api/v1/nothing', args: [], expected: '404 not-found' },
  {
    name: 'inherited word for a route',
    socket: 'readSocket',
    path: '/api/v1constructor',
    args: [],
    expected: '404 not-found',
  },
  { name: 'no route at all', socket: 'readSocket', path: '/', args: [], expected: '404 not-found' },
  {
    name: 'dots',
    socket: 'readSocket',
    path: '/api/v1/../../etc/passwd',
    args: ['--path-as-is'],
    expected: '404 not-found',
  },
  {
    name: 'POST to status',
    socket: 'consoleSocket',
    path: '/api/v1/status',
    args: ['-d', '{}'],
    expected: '405 method-not-allowed',
  },
  {
    name: 'GET of register',
    socket: 'consoleSocket',
    path: '/api/v1/register',
    args: [],
    expected: '405 method-not-allowed',
  },
  {
    name: 'PUT of code',
    socket: 'consoleSocket',
    path: '/api/v1/code',
    args: ['-X', 'PUT', '-d', '{}'],
    expected: '405 method-not-allowed',
  },
  {
    name: 'register on the read socket',
    socket: 'readSocket',
    path: '/api/v1/register',
    args: ['-d', JSON.stringify(order)],
    expected: '403 not-allowed',
  },
  {
    name: 'code on the read socket',
    socket: 'readSocket',
    path: '/api/v1/code',
    args: ['-d', '{"code":"1"}'],
    expected: '403 not-allowed',
  },
  {
    name: 'nothing for a body',
    socket: 'consoleSocket',
    path: '/api/v1/code',
    args: ['-X', 'POST'],
    expected: '400 not-json',
  },
  { name: 'not JSON', socket: 'consoleSocket', path: '/api/v1/code', args: ['-d', 'code=1'], expected: '400 not-json' },
  {
    name: 'not UTF-8',
    socket: 'consoleSocket',
    path: '/api/v1/code',
    args: ['-d', '@bad.txt'],
    expected: '400 not-json',
  },
  { name: 'an array', socket: 'consoleSocket', path: '/api/v1/code', args: ['-d', '[]'], expected: '400 bad-shape' },
  {
    name: 'a field too many',
    socket: 'consoleSocket',
    path: '/api/v1/code',
    args: ['-d', '{"code":"1","x":1}'],
    expected: '400 bad-shape',
  },
  {
    name: 'a number for a code',
    socket: 'consoleSocket',
    path: '/api/v1/code',
    args: ['-d', '{"code":1}'],
    expected: '400 bad-shape',
  },
  {
    name: 'a code too long',
    socket: 'consoleSocket',
    path: '/api/v1/code',
    args: ['-d', `{"code":"${'1'.repeat(65)}"}`],
    expected: '400 bad-shape',
  },
  {
    name: 'an order with a bad address',
    socket: 'consoleSocket',
    path: '/api/v1/register',
    args: ['-d', JSON.stringify({ ...order, address: 'a' })],
    expected: '400 bad-shape',
  },
  {
    name: 'too large, said before',
    socket: 'consoleSocket',
    path: '/api/v1/code',
    args: ['-d', '@big.txt', '-H', 'Expect:'],
    expected: '413 too-large',
  },
  {
    name: 'too large, in chunks',
    socket: 'consoleSocket',
    path: '/api/v1/code',
    args: ['-d', '@big.txt', '-H', 'Expect:', '-H', 'Transfer-Encoding: chunked'],
    expected: '413 too-large',
  },
];
/** What was given to the core for the record; nothing else was asked of it. */
const recorded = ({ asked }: Stage): readonly string[] =>
  asked.map(({ ask }) => (ask.do === 'record' ? `${ask.socket} ${ask.fault.code}` : ask.do));

table('refuses, and has it recorded', refusals, ({ socket, path, args, expected }) =>
  onStage(async (stage) => {
    const folder = mkdtempSync(join(tmpdir(), 'thintrust-body-'));
    writeFileSync(join(folder, 'bad.txt'), Buffer.from('{"code":"\xff"}', 'latin1'));
    writeFileSync(join(folder, 'big.txt'), `{"code":"${'1'.repeat(maxControlBytes)}"}`);
    const placed = args.map((arg) => (/^@/.test(arg) ? `@${join(folder, arg.slice(1))}` : arg));
    const answer = await curl(stage[socket], path, ...placed);
    rmSync(folder, { recursive: true });
    assert.is(codeOf(answer), expected);
    assert.equal(recorded(stage), [`${socket.replace('Socket', '')} ${expected.slice(4)}`]);
  }),
);

type Stream = { readonly request: ClientRequest; readonly response: IncomingMessage; text: string };
async function subscribe(socketPath: string): Promise<Stream> {
  const request = get({ socketPath, path: '/api/v1/changes' });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const stream: Stream = { request, response, text: '' };
  response.on('error', () => {});
  response.on('data', (chunk: Buffer) => {
    stream.text += chunk.toString();
  });
  return stream;
}
async function until(holds: () => boolean): Promise<void> {
  for (let round = 0; round < 500 && !holds(); round++) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.ok(holds());
}
const events = (...floors: readonly number[]): string =>
  floors.map((floor) => `data: ${JSON.stringify(statusAt(floor))}\n\n`).join('');

test('changes: the newest at once, then each change, the same status not twice', () =>
  onStage(async ({ control, readSocket }) => {
    const stream = await subscribe(readSocket);
    assert.is(stream.response.headers['content-type'], 'text/event-stream');
    await until(() => stream.text === events(1));
    control.show(statusAt(2));
    control.show(statusAt(2));
    control.show(statusAt(3));
    await until(() => stream.text === events(1, 2, 3));
    stream.request.destroy();
  }));

test('a client that does not read is dropped, and keeps nobody else waiting', () =>
  onStage(async ({ control, readSocket }) => {
    const slow = connect(readSocket);
    let ended = false;
    slow.on('close', () => {
      ended = true;
    });
    slow.on('error', () => {});
    slow.write('GET /api/v1/changes HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(slow, 'readable');
    const quick = await subscribe(readSocket);
    const large = {
      ...statusAt(0),
      version: 'x'.repeat(40),
      faults: Array(2000).fill(fault('internal', { what: 'y'.repeat(200) })),
    };
    let seen = 0;
    for (let floor = 10; floor < 30; floor++) {
      control.show({ ...large, clock: { ...large.clock, floor } });
      await until(() => quick.text.includes(`"floor":${floor}`));
      quick.text = '';
      seen++;
      assert.match(await curl(readSocket, '/api/v1/certificates'), /^200/);
    }
    assert.is(seen, 20);
    slow.resume();
    await until(() => ended);
    quick.request.destroy();
  }));

test('twenty clients at once', () =>
  onStage(async (stage) => {
    stage.core = ({ request }) => void setTimeout(() => stage.control.answer(request, good(null)), 20);
    const reads = Array.from({ length: 10 }, () => curl(stage.readSocket, '/api/v1/status'));
    const writes = Array.from({ length: 10 }, () => curl(stage.consoleSocket, '/api/v1/code', '-d', '{"code":"1"}'));
    const answers = await Promise.all([...reads, ...writes]);
    assert.ok(answers.every((answer) => answer.startsWith('200 ')));
    assert.is(new Set(stage.asked.map(({ request }) => request)).size, 10);
  }));

test('more requests than can wait are told so', () =>
  onStage(async (stage) => {
    stage.core = () => {};
    const all = Array.from({ length: 17 }, () => curl(stage.consoleSocket, '/api/v1/code', '-d', '{"code":"1"}'));
    assert.is(codeOf(await Promise.race(all)), '503 busy');
    for (const { request } of stage.asked) stage.control.answer(request, good(null));
    assert.is((await Promise.all(all)).filter((answer) => answer.startsWith('200')).length, 16);
  }));

test('a client that leaves before its answer harms nobody', () =>
  onStage(async (stage) => {
    const gone = connect(stage.consoleSocket);
    stage.core = () => gone.destroy();
    const body = '{"code":"1"}';
    gone.write(`POST /api/v1/code HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    await once(gone, 'close');
    stage.control.answer(stage.asked[0]?.request ?? 0, good(null));
    assert.match(await curl(stage.readSocket, '/api/v1/status'), /^200/);
  }));

test('bytes that are no HTTP end that connection alone', () =>
  onStage(async (stage) => {
    const { consoleSocket, readSocket } = stage;
    await say(readSocket, '\0\xff hello\r\n\r\n');
    await say(consoleSocket, `GET / HTTP/1.1\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`);
    assert.match(await curl(readSocket, '/api/v1/status'), /^200/);
    assert.equal(recorded(stage), ['read bad-shape', 'console too-large']);
  }));

test('while the core hears nothing, sixteen refusals wait for it and the rest is only answered', () =>
  onStage(async (stage) => {
    stage.core = () => {};
    for (let turn = 0; turn < 20; turn++)
      assert.is(codeOf(await curl(stage.readSocket, '/api/v1/nothing')), '404 not-found');
    assert.is(stage.asked.length, 16);
    for (const { request } of stage.asked) stage.control.answer(request, good(null));
    await curl(stage.readSocket, '/api/v1/nothing');
    assert.is(stage.asked.length, 17);
  }));

async function say(path: string, bytes: string): Promise<void> {
  const rude = connect(path);
  rude.on('error', () => {});
  rude.write(bytes);
  rude.resume();
  await once(rude, 'close');
}

test('close ends streams and waiting requests', async () => {
  const texts: string[] = [];
  await onStage(async (stage) => {
    stage.core = () => {};
    const stream = await subscribe(stage.readSocket);
    const waiting = curl(stage.consoleSocket, '/api/v1/code', '-d', '{"code":"1"}');
    await until(() => stage.asked.length === 1);
    const closed = once(stream.response, 'close');
    await stage.control.close();
    await closed;
    texts.push(codeOf(await waiting.catch(() => '000 {"code":"cut"}')));
  }).catch(() => {});
  assert.ok(texts[0] === '503 busy' || texts[0] === '000 cut', texts[0]);
});

test('a socket file that nobody answers on is replaced, one in use is not', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'thintrust-stale-'));
  const path = join(folder, 'console.sock');
  const script = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  await once(spawn(process.execPath, ['-e', script]), 'exit');
  assert.ok(existsSync(path));
  const first = createServer();
  await listenOnPath(path).listen(first as never);
  await rejects(() => listenOnPath(path).listen(createServer() as never), /EADDRINUSE/);
  first.close();
  rmSync(folder, { recursive: true });
});

test('one daemon a state directory, also behind one that was killed', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'thintrust-lock-'));
  const first = await lockDirectory(folder);
  assert.ok(first.ok);
  const second = await lockDirectory(folder);
  assert.is(second.ok ? 'taken' : second.fault.code, 'busy');
  if (first.ok) first.value.release();
  const module = JSON.stringify(new URL('../../agent/edge/lock.ts', import.meta.url).href);
  const script = `await (await import(${module})).lockDirectory(${JSON.stringify(folder)}); process.kill(process.pid, 'SIGKILL')`;
  await once(spawn(process.execPath, ['--input-type=module', '-e', script]), 'exit');
  assert.ok(existsSync(join(folder, 'lock.sock')));
  const third = await lockDirectory(folder);
  assert.ok(third.ok);
  if (third.ok) third.value.release();
  rmSync(folder, { recursive: true });
});

table(
  'inheritedSockets (sd_listen_fds(3))',
  [
    {
      name: 'both',
      env: { LISTEN_PID: '7', LISTEN_FDS: '2', LISTEN_FDNAMES: 'console.socket:read.socket' },
      expected: ['console.socket', 3, 'read.socket', 4],
    },
    {
      name: 'the other way round',
      env: { LISTEN_PID: '7', LISTEN_FDS: '2', LISTEN_FDNAMES: 'read.socket:console.socket' },
      expected: ['read.socket', 3, 'console.socket', 4],
    },
    {
      name: 'for another process',
      env: { LISTEN_PID: '8', LISTEN_FDS: '1', LISTEN_FDNAMES: 'read.socket' },
      expected: [],
    },
    {
      name: 'more names than descriptors',
      env: { LISTEN_PID: '7', LISTEN_FDS: '1', LISTEN_FDNAMES: 'a:b' },
      expected: ['a', 3],
    },
    { name: 'no number', env: { LISTEN_PID: '7', LISTEN_FDS: 'x', LISTEN_FDNAMES: 'a' }, expected: [] },
    { name: 'none', env: {}, expected: [] },
  ],
  ({ env, expected }) => assert.equal([...inheritedSockets(env, 7)].flat(), expected),
);

table(
  'statusOf',
  (
    [
      ['not-found', 404],
      ['too-large', 413],
      ['code-wrong', 400],
      ['code-locked', 429],
      ['setting-locked', 403],
      ['code-needed', 409],
      ['session-busy', 409],
      ['already-registered', 409],
      ['server-unreachable', 503],
      ['disk-failed', 500],
    ] as [FaultCode, number][]
  ).map(([name, expected]) => ({ name, expected })),
  ({ name, expected }) => assert.is(statusOf(fault(name)), expected),
);
