/**
 * Properties of the control API and of both command lines as its clients, over real sockets: whatever one side sends, the
 * other answers or gives up, at once. 10^4 runs each; bounds stand beside each.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { call as askAgent } from '../../agent/cli/client.ts';
import { openControl } from '../../agent/edge/control.ts';
import { listenOnPath } from '../../agent/edge/sockets.ts';
import { faultKinds, good, type Result } from '../../protocol/fault.ts';
import { maxControlBytes } from '../../protocol/limits.ts';
import { call as askServer, socketFile } from '../../server/cli/client.ts';
import { nothingKept } from '../fakes/control.ts';
import { assert, test } from '../harness.ts';

const runs = { numRuns: 10_000 };
const text = (maxLength: number) => fc.string({ unit: 'binary', maxLength });
const bytes = (maxLength: number) => fc.uint8Array({ maxLength });
/** Far above what an answer takes, far below every time limit of ours. */
const patienceMs = 8_000;

const order = { address: 'a:1', fingerprint: 'ab'.repeat(32), invitation: 'i', password: 'p' };
const method = fc.constantFrom('POST', 'POST', 'POST', 'GET', 'PUT', 'DELETE', 'OPTIONS', 'post', 'x y');
const path = fc.oneof(
  fc
    .constantFrom('register', 'code', 'status', 'certificates', '', '../x', 'code?x=1', 'media', 'log?limit=x', 'log?%')
    .map((name) => `/api/v1/${name}`),
  fc.constantFrom('*', '/', '//', '/__proto__', '/api/v1', 'http://a/api/v1/status'),
  text(30),
);
const header = fc.oneof(
  fc.constantFrom('Expect: 100-continue', 'Content-Type: text/html', 'Upgrade: x', 'X: 1', 'Content-Length: x', ': '),
  text(30),
);
const body = fc.oneof(
  bytes(300),
  fc
    .tuple(fc.constantFrom(...Object.keys(order), 'code', 'files', 'server', 'x'), fc.jsonValue())
    .map(([at, value]) => Buffer.from(JSON.stringify({ ...order, [at]: value }))),
);
const length = fc.oneof(
  { weight: 4, arbitrary: fc.constant(0) },
  { weight: 1, arbitrary: fc.constantFrom(-1, 1, 70_000) },
);
/** A whole request, one whose parts do not fit together, or no request at all; and whether the client stays to hear. */
const sent = fc.oneof(
  { weight: 1, arbitrary: bytes(300).map((raw) => ({ raw: Buffer.from(raw), stays: false })) },
  {
    weight: 4,
    arbitrary: fc
      .tuple(method, path, fc.array(header, { maxLength: 2 }), body, length)
      .map(([verb, target, headers, content, wrong]) => {
        const head = [`${verb} ${target} HTTP/1.1`, 'Host: a', 'Connection: close', ...headers];
        const lengths = `Content-Length: ${content.length + wrong}`;
        return { raw: Buffer.concat([Buffer.from([...head, lengths, '', ''].join('\r\n')), content]), stays: false };
      }),
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(
        fc.constantFrom('register', 'code', 'connect', 'certificates/import', 'settings', 'time', 'status', 'x'),
        body,
      )
      .map(([name, content]) => {
        const head = [
          `POST /api/v1/${name} HTTP/1.1`,
          'Host: a',
          'Connection: close',
          `Content-Length: ${content.length}`,
        ];
        return { raw: Buffer.concat([Buffer.from([...head, '', ''].join('\r\n')), content]), stays: true };
      }),
  },
);

test('the control API: any bytes are answered with JSON or by closing, and a whole request is always answered (up to 600 bytes)', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'thintrust-parse-'));
  const socketPath = join(folder, 'console.sock');
  const control = await openControl({
    sockets: [{ ...listenOnPath(socketPath), right: 'console' }],
    ...nothingKept(),
    emit: (happening) => {
      if (happening.type === 'asked') control.answer(happening.request, good(null));
    },
  });
  let answered = 0;
  try {
    await fc.assert(
      fc.asyncProperty(sent, async ({ raw, stays }) => {
        const heard = (await exchange(socketPath, raw, stays)).replace(/^HTTP\/1\.1 100 Continue\r\n\r\n/, '');
        const [head = '', ...rest] = heard.split('\r\n\r\n');
        if (heard === '') return assert.not(stays, 'a whole request was not answered');
        answered += 1;
        const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1]);
        assert.ok([200, 202, 400, 404, 405, 413, 417, 503].includes(status), head);
        assert.ok(heard.length < maxControlBytes);
        if (status !== 417) assert.type(JSON.parse(rest.join('\r\n\r\n')), 'object');
      }),
      runs,
    );
  } finally {
    await control.close();
    rmSync(folder, { recursive: true });
  }
  assert.ok(answered > 3000, `only ${answered} were answered`);
});

/** What comes back until the other side closes. A client that does not stay has nothing more to say after the bytes. */
function exchange(socketPath: string, raw: Uint8Array, stays: boolean): Promise<string> {
  return within((resolve) => {
    let heard = '';
    const socket = connect({ path: socketPath, allowHalfOpen: true });
    socket.setEncoding('latin1').on('data', (part) => {
      heard += part;
    });
    socket.on('error', () => {});
    socket.on('end', () => socket.end());
    socket.on('close', () => resolve(heard));
    if (stays) socket.write(raw);
    else socket.end(raw);
  });
}

const answerBody = fc.oneof(
  bytes(300),
  fc.jsonValue().map((value) => Buffer.from(JSON.stringify(value))),
  fc
    .record({ code: fc.constantFrom(...Object.keys(faultKinds), 'x'), facts: fc.jsonValue(), faults: fc.jsonValue() })
    .map((value) => Buffer.from(JSON.stringify(value))),
);
const answer = fc.oneof(
  { weight: 1, arbitrary: bytes(300).map((raw) => Buffer.from(raw)) },
  {
    weight: 6,
    arbitrary: fc
      .tuple(
        fc.oneof(fc.integer({ min: 200, max: 599 }), fc.nat(1000)),
        answerBody,
        length,
        fc.array(header, { maxLength: 1 }),
      )
      .map(([status, content, wrong, headers]) => {
        const head = [`HTTP/1.1 ${status} x`, ...headers, `Content-Length: ${content.length + wrong}`, '', ''];
        return Buffer.concat([Buffer.from(head.join('\r\n')), content]);
      }),
  },
);

test('the command lines as clients: any bytes for an answer, whole or cut off, are a result (up to 600 bytes)', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'thintrust-parse-'));
  const socketPath = join(folder, socketFile);
  let next: Uint8Array = Buffer.of();
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.end(next));
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  let good = 0;
  try {
    await fc.assert(
      fc.asyncProperty(answer, async (whole) => {
        next = whole;
        const results = await Promise.all([
          within<Result<unknown>>((resolve) => askAgent(socketPath, { method: 'GET', path: '/status' }).then(resolve)),
          within<Result<unknown>>((resolve) => askServer(folder, 'GET', '/status').then(resolve)),
        ]);
        for (const result of results) {
          if (result.ok) {
            good += 1;
            continue;
          }
          assert.ok(result.fault.code in faultKinds);
          for (const fact of Object.values(result.fault.facts)) assert.ok(['string', 'number'].includes(typeof fact));
        }
      }),
      runs,
    );
  } finally {
    await closed(server);
    rmSync(folder, { recursive: true });
  }
  assert.ok(good > 500, `only ${good} were good`);
});

test('the command lines as clients: an answer without end is refused when its bound is reached', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'thintrust-parse-'));
  const socketPath = join(folder, socketFile);
  const flood = Buffer.alloc(1024 * 1024, 'x');
  const server = createServer((socket) => {
    const pour = (): void => {
      while (socket.write(flood));
    };
    socket.on('error', () => {});
    socket.on('drain', pour);
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n');
      pour();
    });
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  try {
    const results = [
      await within<Result<unknown>>((resolve) =>
        askAgent(socketPath, { method: 'GET', path: '/status' }).then(resolve),
      ),
      await within<Result<unknown>>((resolve) => askServer(folder, 'GET', '/status').then(resolve)),
    ];
    for (const result of results) assert.is(result.ok ? 'good' : result.fault.code, 'server-answer');
  } finally {
    await closed(server);
    rmSync(folder, { recursive: true });
  }
});

const closed = (server: Server): Promise<void> => new Promise((resolve) => server.close(() => resolve()));

function within<T>(begin: (resolve: (value: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('hangs')), patienceMs);
    begin((value) => {
      clearTimeout(timer);
      resolve(value);
    });
  });
}
