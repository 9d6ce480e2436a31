/** HTTP answers as servers of the field give them, and as a hostile one would. */

import { checkIn } from '../../agent/edge/checkin.ts';
import { exchange, faultOfAnswer, type HttpOutcome } from '../../agent/edge/https.ts';
import { confirmBundle, fetchBundle } from '../../agent/edge/registration.ts';
import { fingerprintOf } from '../../protocol/certificate.ts';
import { authorityOf, authorityPem, deviceMaterial, now, serverMaterial, serveTls } from '../fakes/tls-server.ts';
import { assert, table, test } from '../harness.ts';

const authority = authorityOf('Local');
const material = await serverMaterial(authority, ['127.0.0.1']);
const device = await deviceMaterial(authority);

/** Sends `reply` as it stands once a request is there; ends the connection unless `hang`. */
async function against(
  reply: string,
  hang = false,
  timeoutMs = 5000,
): Promise<{ outcome: HttpOutcome; asked: string }> {
  let asked = '';
  const served = await serveTls(material, (socket) => {
    socket.on('data', (chunk: Uint8Array) => {
      asked += Buffer.from(chunk).toString('latin1');
      if (!asked.includes('\r\n\r\n')) return;
      if (hang) socket.write(reply);
      else socket.end(reply);
    });
  });
  const outcome = await exchange({
    address: `127.0.0.1:${served.port}`,
    credentials: null,
    accept: [material.fingerprint],
    authority: null,
    method: 'POST',
    path: '/v1/checkin',
    headers: { 'Content-Type': 'application/json' },
    body: '{"я":1}',
    maxBytes: 1000,
    timeoutMs,
  });
  await served.close();
  return { outcome, asked };
}

const describe = (outcome: HttpOutcome): string => {
  if (outcome.at === 'failed') return outcome.fault.code;
  return outcome.at === 'presented' ? outcome.at : `${outcome.answer.status} ${Buffer.from(outcome.answer.body)}`;
};

const rows = [
  { name: 'with a length', reply: 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab', expected: '200 ab' },
  { name: 'HTTP/1.0, ended by close', reply: 'HTTP/1.0 200 OK\r\n\r\nab', expected: '200 ab' },
  {
    name: 'chunked',
    reply: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n',
    expected: '200 ab',
  },
  { name: 'without a body', reply: 'HTTP/1.1 204 No Content\r\n\r\n', expected: '204 ' },
  {
    name: 'an informal one first',
    reply: 'HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na',
    expected: '200 a',
  },
  { name: 'shorter than it says', reply: 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab', expected: 'server-refused' },
  {
    name: 'a body too large',
    reply: `HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n${'a'.repeat(1001)}`,
    expected: 'too-large',
  },
  {
    name: 'a body too large, ended by close',
    reply: `HTTP/1.0 200 OK\r\n\r\n${'a'.repeat(5000)}`,
    expected: 'too-large',
  },
  {
    name: 'headers too large',
    reply: `HTTP/1.1 200 OK\r\nX: ${'a'.repeat(20_000)}\r\n\r\n`,
    expected: 'server-answer',
  },
  { name: 'not HTTP', reply: 'SSH-2.0-OpenSSH_9.2\r\n', expected: 'server-answer' },
  {
    name: 'a length and chunks',
    reply: 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n',
    expected: 'server-answer',
  },
  { name: 'nothing', reply: '', expected: 'server-refused' },
];
table('exchange', rows, async ({ reply, expected }) => assert.is(describe((await against(reply)).outcome), expected));

table(
  'exchange: a server that stops in the middle',
  [
    { name: 'before the answer', reply: '' },
    { name: 'in the headers', reply: 'HTTP/1.1 200 OK\r\nContent-' },
    { name: 'in the body', reply: 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\na' },
  ],
  async ({ reply }) => assert.is(describe((await against(reply, true, 300)).outcome), 'timed-out'),
);

test('exchange: what is sent', async () => {
  const { asked } = await against('HTTP/1.1 204 No Content\r\n\r\n');
  assert.match(asked, /^POST \/v1\/checkin HTTP\/1\.1\r\n/);
  assert.match(asked, /\r\nHost: 127\.0\.0\.1:\d+\r\n/);
  assert.match(asked, /\r\nContent-Length: 8\r\n/);
});

type Seen = { method: string; path: string; body: string; peer: string };
/** An HTTP server by hand that knows who calls it. */
async function calls(status: string, body: string) {
  const seen: Seen[] = [];
  const served = await serveTls({ ...material, requestCert: true, ca: authorityPem(authority) }, (socket) => {
    let asked = '';
    socket.on('data', (chunk: Uint8Array) => {
      asked += Buffer.from(chunk).toString('latin1');
      const [head = '', sent = ''] = asked.split('\r\n\r\n');
      const wanted = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
      if (!asked.includes('\r\n\r\n') || sent.length < wanted) return;
      const [method = '', path = ''] = head.split(' ');
      const peer = socket.getPeerX509Certificate()?.raw;
      seen.push({ method, path, body: sent, peer: peer ? fingerprintOf(peer) : '' });
      socket.end(`HTTP/1.1 ${status}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
    });
  });
  const order = { address: `127.0.0.1:${served.port}`, credentials: device, accept: [material.fingerprint] };
  return { served, seen, order, judging: { at: now } };
}
const self = fingerprintOf(Buffer.from(device.chain[0] ?? '', 'base64'));

test('fetchBundle, confirmBundle and checkIn: the right request, with our certificate', async () => {
  const { served, seen, order, judging } = await calls('200 OK', '{}');
  assert.is((await fetchBundle({ ...order, judging })).at, 'answered');
  assert.is((await checkIn({ ...order, body: '{"a":1}' })).at, 'answered');
  const confirmed = await confirmBundle({ ...order, judging });
  assert.is(confirmed.at === 'failed' && confirmed.fault.code, 'server-answer');
  await served.close();
  assert.equal(seen, [
    { method: 'GET', path: '/v1/bundle', body: '', peer: self },
    { method: 'POST', path: '/v1/checkin', body: '{"a":1}', peer: self },
    { method: 'POST', path: '/v1/bundle/confirm', body: '{}', peer: self },
  ]);
});

test('confirmBundle: 204 confirms', async () => {
  const { served, order, judging } = await calls('204 No Content', '');
  assert.is((await confirmBundle({ ...order, judging })).at, 'answered');
  await served.close();
});

test('checkIn: an authority of the served chain is not enough', async () => {
  const { served, seen, order } = await calls('200 OK', '{}');
  const outcome = await checkIn({ ...order, accept: [fingerprintOf(authority.certificateDer)], body: '{}' });
  assert.is(outcome.at, 'presented');
  await served.close();
  assert.equal(seen, []);
});

table(
  'faultOfAnswer',
  [
    {
      name: 'a fault of ours',
      body: '{"code":"invitation-refused","kind":"broken","facts":{}}',
      expected: 'invitation-refused rejected',
    },
    {
      name: 'a word of ours that says our disk is broken',
      body: '{"code":"disk-failed"}',
      expected: 'server-answer unavailable',
    },
    { name: 'a foreign word', body: '{"code":"__proto__"}', expected: 'server-answer unavailable' },
    { name: 'no object', body: '[]', expected: 'server-answer unavailable' },
    { name: 'null', body: 'null', expected: 'server-answer unavailable' },
    { name: 'HTML', body: '<p>', expected: 'server-answer unavailable' },
    { name: 'nothing', body: '', expected: 'server-answer unavailable' },
  ],
  ({ body, expected }) => {
    const { code, kind } = faultOfAnswer({ status: 500, body: Buffer.from(body) });
    assert.is(`${code} ${kind}`, expected);
  },
);
