/** Rotation statements fetched from whoever answers: what is sent, what is taken in, and that it is bounded. */
import { openPerform } from '../../agent/edge/perform.ts';
import { fetchRotations } from '../../agent/edge/rotations.ts';
import { openTls } from '../../agent/edge/tls.ts';
import { maxRotationsBytes } from '../../protocol/limits.ts';
import { localParts } from '../fakes/device.ts';
import { authorityOf, authorityPem, deviceMaterial, serverMaterial, serveTls } from '../fakes/tls-server.ts';
import { assert, table, test } from '../harness.ts';

const authority = authorityOf('Somebody');
const material = await serverMaterial(authority, ['somewhere.else']);
const from = 'ab'.repeat(32);
const ok = (body: string, length = Buffer.byteLength(body)): string =>
  `HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n${body}`;

/** The server asks for a client certificate and takes none; the request it saw is given beside what came of it. */
async function against(reply: string) {
  let asked = '';
  let shown = '';
  const served = await serveTls(
    { ...material, requestCert: true, rejectUnauthorized: false, ca: authorityPem(authority) },
    (socket) => {
      shown = JSON.stringify(socket.getPeerCertificate());
      socket.on('data', (chunk: Uint8Array) => {
        asked += Buffer.from(chunk).toString('latin1');
        if (asked.endsWith('\r\n\r\n')) socket.end(reply);
      });
    },
  );
  const fetched = await fetchRotations(`127.0.0.1:${served.port}`, from);
  await served.close();
  return { asked, fetched, shown, connections: served.connections(), port: served.port };
}

test('nothing of ours goes out but the question', async () => {
  const { asked, connections, fetched, port, shown } = await against(ok('{"format":1,"statements":[]}'));
  assert.is(fetched.ok && Buffer.from(fetched.value).toString(), '{"format":1,"statements":[]}');
  assert.equal([connections, shown], [1, '{}']);
  const lines = asked.trim().split('\r\n').sort();
  const expected = [
    'Accept: application/json',
    'Connection: close',
    `GET /v1/rotations?from=${from} HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
  ];
  assert.equal(lines, expected);
});

const rows = [
  { name: 'too large, as said', reply: ok('', maxRotationsBytes + 1), expected: 'server-refused' },
  { name: 'too large', reply: ok('x'.repeat(maxRotationsBytes + 1)), expected: 'too-large' },
  { name: 'not here', reply: 'HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n', expected: 'server-answer' },
  {
    name: 'not here, in our words',
    reply: `HTTP/1.1 404 Not Found\r\n\r\n{"code":"not-found","kind":"rejected","facts":{}}`,
    expected: 'not-found',
  },
  {
    name: 'elsewhere',
    reply: 'HTTP/1.1 302 Found\r\nLocation: https://127.0.0.1/\r\nContent-Length: 0\r\n\r\n',
    expected: 'server-answer',
  },
  { name: 'no HTTP', reply: 'SSH-2.0-OpenSSH_9.2\r\n', expected: 'server-answer' },
];
table('what is no answer', rows, async ({ expected, reply }) => {
  const { connections, fetched } = await against(reply);
  assert.is(fetched.ok ? 'ok' : fetched.fault.code, expected);
  assert.is(connections, 1);
});

test('whoever answers is never shown an identity of ours', async () => {
  const device = await deviceMaterial(authority);
  const options = { ...material, requestCert: true, rejectUnauthorized: false, ca: authorityPem(authority) };
  let tell = (_shown: string): void => {};
  const shown = new Promise<string>((resolve) => {
    tell = resolve;
  });
  const served = await serveTls(options, (socket) => tell(JSON.stringify(socket.getPeerCertificate())));
  const order = { address: `127.0.0.1:${served.port}`, authority: null, credentials: device, timeoutMs: 5000 };
  const opened = await openTls({ ...order, accept: null });
  assert.is(opened.at, 'open');
  assert.is(await shown, '{}');
  if (opened.at === 'open') opened.socket.destroy();
  await served.close();
});

test('the effect gives one event: the bytes, or that it failed', async () => {
  const served = await serveTls(material, (socket) => {
    socket.on('data', () => socket.end(ok('{}')));
  });
  const heard = async (address: string) => {
    const storage = {} as Parameters<typeof openPerform>[0]['storage'];
    const emitted = await new Promise((resolve) => {
      void openPerform({ ...localParts(), storage, emit: resolve })({ do: 'fetch-rotations', address, from });
    });
    return JSON.stringify(emitted);
  };
  assert.match(await heard(`127.0.0.1:${served.port}`), /^\{"type":"rotations-fetched"/);
  await served.close();
  assert.match(await heard(`127.0.0.1:${served.port}`), /"call":"fetch-rotations".*server-unreachable/);
});
