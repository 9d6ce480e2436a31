/** PKCS#10 that OpenSSL takes, and PKCS#7 as enrolment servers send it, the malformed included. */
import { createHmac, createPrivateKey, createPublicKey } from 'node:crypto';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { TLSSocket } from 'node:tls';
import fc from 'fast-check';
import { makeKey, makeRequest } from '../../agent/edge/csr.ts';
import { chainOfKey, enrol, enrolAgain, type Issued, readCertsOnly, renew } from '../../agent/edge/enrol.ts';
import { fingerprintOf, fromBase64, toBase64, toPem } from '../../protocol/certificate.ts';
import { certsOnly, issueDevice } from '../../server/edge/authority.ts';
import { readRequest } from '../../server/edge/request.ts';
import { openssl } from '../fakes/openssl.ts';
import { authorityOf, authorityPem, deviceId, deviceMaterial, now, serverMaterial } from '../fakes/tls-server.ts';
import { assert, needs, table, test } from '../harness.ts';

needs(['openssl']);

const authority = authorityOf('Local');
const material = await serverMaterial(authority, ['127.0.0.1']);
const inUse = await deviceMaterial(authority);
const key = makeKey();
const other = makeKey();
const publicKeyDer = createPublicKey(createPrivateKey({ key: Buffer.from(key), format: 'der', type: 'pkcs8' })).export({
  type: 'spki',
  format: 'der',
});
const identity = await issueDevice(authority, { publicKeyDer, deviceId, days: 30, now: now() });
const [leaf, root] = identity.chainDer as [Uint8Array, Uint8Array];
const message = certsOnly([leaf, root]);
const wrapped = (lineEnd: string): Buffer =>
  Buffer.from(toBase64(message).replace(/(.{64})(?=.)/g, `$1${lineEnd}`) + lineEnd);

table(
  'makeRequest: openssl verifies it and reads the subject',
  [
    { name: 'a hardware id', subject: '4c4c4544-0042-3510', expected: 'CN = 4c4c4544-0042-3510' },
    { name: 'Cyrillic', subject: 'Тонкий клиент', expected: 'CN = Тонкий клиент' },
    { name: 'characters of a name’s own syntax', subject: 'a=b,c+d/"e"', expected: 'CN = a=b,c+d/"e"' },
    {
      name: 'a distinguished name',
      subject: 'CN=thin 1, OU=a, b,O=Ex,C=RU',
      expected: 'CN = thin 1, OU = a, b, O = Ex, C = RU',
    },
    { name: 'too long', subject: 'x'.repeat(100), expected: `CN = ${'x'.repeat(64)}` },
    { name: 'empty', subject: '', expected: 'CN = thin client' },
  ],
  ({ subject, expected }) => {
    const csr = makeRequest(key, subject);
    const args = [
      'req',
      '-inform',
      'DER',
      '-in',
      'csr',
      '-verify',
      '-noout',
      '-subject',
      '-nameopt',
      'utf8,sep_comma_plus_space,space_eq,dump_unknown,dump_der,sname',
    ];
    const shown = openssl(args, { csr }).toString('utf8').trim();
    assert.ok(shown.endsWith(expected), shown);
  },
);

test('makeRequest: our own authority accepts it, for the key it was made with', async () => {
  const read = readRequest(makeRequest(key, 'device'));
  assert.ok(read.ok);
  assert.ok(read.ok && Buffer.from(read.value.publicKeyDer).equals(publicKeyDer));
});

test('makeKey: another key each time', () => assert.not.equal(toBase64(key), toBase64(other)));

const openssl7 = openssl(['crl2pkcs7', '-nocrl', '-certfile', 'chain.pem', '-outform', 'DER'], {
  'chain.pem': toPem(leaf) + toPem(root),
});
const opensslPem = openssl(['crl2pkcs7', '-nocrl', '-certfile', 'chain.pem'], {
  'chain.pem': toPem(leaf) + toPem(root),
});

table(
  'readCertsOnly: takes',
  [
    { name: 'DER', body: message },
    { name: 'DER of openssl', body: openssl7 },
    { name: 'PEM of openssl', body: opensslPem },
    { name: 'base64 on one line', body: Buffer.from(toBase64(message)) },
    { name: 'base64 of openssl on one line', body: Buffer.from(toBase64(openssl7)) },
    { name: 'base64, LF', body: wrapped('\n') },
    { name: 'base64, CRLF', body: wrapped('\r\n') },
    { name: 'base64 with blanks around', body: Buffer.from(`\r\n\t ${toBase64(message)} \0`) },
  ],
  ({ body }) => {
    const read = readCertsOnly(body);
    assert.ok(read.ok);
    assert.equal(read.ok && read.value.map(toBase64), [toBase64(leaf), toBase64(root)]);
  },
);

const damaged = Buffer.from(message);
damaged[damaged.indexOf(Buffer.from(leaf)) + 1] = 0x81;
table(
  'readCertsOnly: refuses',
  [
    { name: 'nothing', body: Buffer.alloc(0), expected: 'server-answer' },
    { name: 'HTML', body: Buffer.from('<html>sign in</html>'), expected: 'server-answer' },
    {
      name: 'base64 of something else',
      body: Buffer.from(toBase64(Buffer.from('hello, world'))),
      expected: 'server-answer',
    },
    { name: 'a bare certificate', body: Buffer.from(leaf), expected: 'server-answer' },
    { name: 'no certificates', body: Buffer.from(certsOnly([])), expected: 'server-answer' },
    { name: 'eleven certificates', body: Buffer.from(certsOnly(Array(11).fill(leaf))), expected: 'server-answer' },
    { name: 'cut short', body: Buffer.from(message).subarray(0, -1), expected: 'server-answer' },
    { name: 'a byte too many', body: Buffer.concat([message, Buffer.alloc(1)]), expected: 'server-answer' },
    { name: 'a damaged certificate', body: damaged, expected: 'server-answer' },
    {
      name: 'a certificate of nonsense',
      body: Buffer.from(certsOnly([Buffer.from('3003020101', 'hex')])),
      expected: 'certificate-unreadable',
    },
  ],
  ({ body, expected }) => {
    const read = readCertsOnly(body);
    assert.is(read.ok ? 'taken' : read.fault.code, expected);
  },
);

test('readCertsOnly: 10^4 damaged messages of at most 4 KiB never throw', () => {
  const bytes = fc.uint8Array({ maxLength: 4096 });
  const edit = fc.array(fc.record({ at: fc.nat(message.length - 1), to: fc.nat(255) }), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(fc.oneof(bytes, edit), (input) => {
      const body = input instanceof Uint8Array ? input : Buffer.from(message);
      if (!(input instanceof Uint8Array)) for (const { at, to } of input) body[at] = to;
      const read = readCertsOnly(body);
      if (read.ok) chainOfKey(read.value, key);
    }),
    { numRuns: 10_000 },
  );
});

table(
  'chainOfKey',
  [
    { name: 'as it should be', served: [leaf, root], expected: [leaf, root] },
    { name: 'the other way round: a SET has no order', served: [root, leaf], expected: [leaf, root] },
    { name: 'a certificate that is no part of it', served: [material.leaf, root, leaf], expected: [leaf, root] },
    { name: 'the same twice', served: [leaf, leaf, root], expected: [leaf, root] },
    { name: 'the leaf alone', served: [leaf], expected: [leaf] },
  ],
  ({ served, expected }) =>
    assert.equal(chainOfKey(served, key), { ok: true, value: expected.map((der) => toBase64(der)) }),
);

test('chainOfKey: a certificate for another key is refused before it is used (F14)', () => {
  const found = chainOfKey([leaf, root], other);
  assert.is(found.ok ? 'taken' : found.fault.code, 'key-mismatch');
});

type Answer = { readonly status: number; readonly body: string | Uint8Array };
type Seen = { authorization: string; type: string; encoding: string; body: string; path: string };

async function enrolAt(answer: Answer, fingerprint: string = material.fingerprint, own: Uint8Array = key) {
  const seen: Seen[] = [];
  const server = createServer({ key: material.key, cert: material.cert }, (request, response) => {
    const chunks: Uint8Array[] = [];
    request.on('data', (chunk: Uint8Array) => chunks.push(chunk));
    request.on('end', () => {
      const { authorization = '', 'content-type': type = '' } = request.headers;
      const encoding = String(request.headers['content-transfer-encoding']);
      seen.push({ authorization, type, encoding, body: Buffer.concat(chunks).toString(), path: request.url ?? '' });
      response.writeHead(answer.status, { 'Content-Type': 'application/pkcs7-mime' }).end(answer.body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const order = { address: `127.0.0.1:${port}`, fingerprint, invitation: 'inv-1', password: 'пароль: 1' };
  const result = await enrol(order, own, 'device', { at: now });
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  return { result, seen: seen[0] };
}

test('enrol: what is sent is EST, what comes back is our chain', async () => {
  const { result, seen } = await enrolAt({ status: 200, body: wrapped('\r\n') });
  assert.equal(result, { ok: true, value: [toBase64(leaf), toBase64(root)] });
  assert.is(seen?.path, '/.well-known/est/simpleenroll');
  assert.is(seen?.type, 'application/pkcs10');
  assert.is(seen?.encoding, 'base64');
  assert.is(Buffer.from(seen?.authorization.replace('Basic ', '') ?? '', 'base64').toString(), 'inv-1:пароль: 1');
  const lines = seen?.body.trimEnd().split('\r\n') ?? [];
  assert.ok(lines.every((line) => line.length <= 64));
  assert.ok(readRequest(fromBase64(lines.join(''))).ok);
});

test('enrol: an authority of the served chain may be named instead of the server', async () => {
  const { result } = await enrolAt({ status: 200, body: message }, fingerprintOf(authority.certificateDer));
  assert.ok(result.ok);
});

table(
  'enrol: refusals',
  [
    { name: 'unknown invitation', status: 401, body: '', expected: 'invitation-refused' },
    { name: 'forbidden', status: 403, body: '', expected: 'invitation-refused' },
    { name: 'a request it does not like', status: 400, body: '', expected: 'csr-refused' },
    {
      name: 'the server’s own fault',
      status: 401,
      body: '{"code":"too-large","kind":"rejected","facts":{}}',
      expected: 'too-large',
    },
    {
      name: 'the server names a fault of our disk',
      status: 500,
      body: '{"code":"disk-failed"}',
      expected: 'server-answer',
    },
    {
      name: 'the server names an inherited word',
      status: 500,
      body: '{"code":"constructor"}',
      expected: 'server-answer',
    },
    { name: 'a redirect', status: 302, body: '', expected: 'server-answer' },
    { name: 'come again', status: 202, body: '', expected: 'enrolment-pending' },
    { name: 'a page', status: 200, body: '<html>', expected: 'server-answer' },
    { name: 'too much', status: 200, body: Buffer.alloc(300 * 1024, 0x41), expected: 'too-large' },
    { name: 'somebody else’s certificate', status: 200, body: certsOnly([root]), expected: 'key-mismatch' },
  ],
  async ({ expected, ...answer }) => {
    const { result } = await enrolAt(answer);
    assert.is(result.ok ? 'taken' : result.fault.code, expected);
  },
);

test('enrol: a server with another fingerprint hears no password', async () => {
  const { result, seen } = await enrolAt({ status: 200, body: message }, 'ab'.repeat(32));
  assert.is(result.ok ? 'taken' : result.fault.code, 'fingerprint-mismatch');
  assert.is(seen, undefined);
});

/** Renewal and enrolling again, against a server that asks for a certificate and takes any. */
async function askAt(answer: Answer, how: 'renew' | 'again', accept: readonly string[] = [material.fingerprint]) {
  const seen: (Seen & { readonly client: string })[] = [];
  const options = { key: material.key, cert: material.cert, requestCert: true, rejectUnauthorized: false };
  const server = createServer(options, (request, response) => {
    const chunks: Uint8Array[] = [];
    const peer = request.socket instanceof TLSSocket ? request.socket.getPeerX509Certificate() : undefined;
    request.on('data', (chunk: Uint8Array) => chunks.push(chunk));
    request.on('end', () => {
      const { authorization = '', 'content-type': type = '' } = request.headers;
      const encoding = String(request.headers['content-transfer-encoding']);
      const client = peer ? fingerprintOf(peer.raw) : '';
      const body = Buffer.concat(chunks).toString();
      seen.push({ authorization, type, encoding, body, path: request.url ?? '', client });
      response.writeHead(answer.status, { 'Content-Type': 'application/pkcs7-mime' }).end(answer.body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const where = { address: `127.0.0.1:${port}`, accept, device: deviceId };
  const issued =
    how === 'renew'
      ? await renew({ ...where, credentials: inUse }, key)
      : await enrolAgain({ ...where, secret: secret.toString('hex') }, key);
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  return { issued, seen: seen[0] };
}
const secret = Buffer.alloc(32, 9);
const csrOf = (body: string): Uint8Array => fromBase64(body.replace(/\s/g, ''));
const outcomeOf = (issued: Issued): string => (issued.at === 'failed' ? issued.fault.code : issued.at);

test('renew: EST simplereenroll by the certificate in use, for the new key and the same device (RFC 7030 §4.2.2)', async () => {
  const { issued, seen } = await askAt({ status: 200, body: wrapped('\r\n') }, 'renew');
  assert.equal(issued, { at: 'issued', chain: [toBase64(leaf), toBase64(root)] });
  assert.is(seen?.path, '/.well-known/est/simplereenroll');
  assert.is(seen?.type, 'application/pkcs10');
  assert.is(seen?.authorization, '');
  assert.is(seen?.client, fingerprintOf(fromBase64(inUse.chain[0] ?? '')));
  const csr = csrOf(seen?.body ?? '');
  const read = readRequest(csr);
  assert.ok(read.ok && Buffer.from(read.value.publicKeyDer).equals(publicKeyDer));
  const shown = openssl(['req', '-inform', 'DER', '-in', 'csr', '-noout', '-subject'], { csr }).toString();
  assert.match(shown, deviceId);
});

test('enrolAgain: no certificate, the device id, and a password over this very request', async () => {
  const { issued, seen } = await askAt({ status: 200, body: message }, 'again');
  assert.is(outcomeOf(issued), 'issued');
  assert.is(seen?.path, '/.well-known/est/simpleenroll');
  assert.is(seen?.client, '');
  const [user, password] = Buffer.from(seen?.authorization.replace('Basic ', '') ?? '', 'base64')
    .toString()
    .split(':');
  assert.is(user, deviceId);
  const signed = Buffer.concat([Buffer.from('thintrust-reenrol-v1\0'), csrOf(seen?.body ?? '')]);
  assert.is(password, createHmac('sha256', secret).update(signed).digest('hex'));
});

const named = (code: string): string => JSON.stringify({ code, kind: 'rejected', facts: {} });
table(
  'renew and enrolAgain: refusals',
  (
    [
      { name: 'retired', status: 403, body: named('identity-retired'), renewed: 'identity-retired' },
      { name: 'removed', status: 403, body: named('identity-refused'), renewed: 'identity-refused' },
      { name: 'forbidden', status: 403, body: '', renewed: 'identity-refused', again: 'invitation-refused' },
      { name: 'unauthorized', status: 401, body: '', renewed: 'identity-refused', again: 'invitation-refused' },
      { name: 'a request it does not like', status: 400, body: '', renewed: 'csr-refused' },
      { name: 'our own disk', status: 500, body: '{"code":"disk-failed"}', renewed: 'server-answer' },
      { name: 'come again', status: 202, body: '', renewed: 'enrolment-pending' },
      { name: 'a redirect', status: 302, body: '', renewed: 'server-answer' },
      { name: 'a page', status: 200, body: '<html>', renewed: 'server-answer' },
      { name: 'too much', status: 200, body: Buffer.alloc(300 * 1024, 0x41), renewed: 'too-large' },
      { name: 'for another key (F14)', status: 200, body: certsOnly([root]), renewed: 'key-mismatch' },
    ] as const
  ).flatMap((row) => [
    { ...row, name: `renew: ${row.name}`, how: 'renew' as const, expected: row.renewed as string },
    {
      ...row,
      name: `enrolAgain: ${row.name}`,
      how: 'again' as const,
      expected: ('again' in row ? row.again : row.renewed) as string,
    },
  ]),
  async ({ body, expected, how, status }) => {
    const { issued } = await askAt({ status, body }, how);
    assert.is(outcomeOf(issued), expected);
  },
);

table(
  'a server outside the slots hears nothing: neither a request nor a password',
  [
    { name: 'renew', how: 'renew' as const },
    { name: 'enrolAgain', how: 'again' as const },
  ],
  async ({ how }) => {
    // An authority of the chain is no slot, as it was before registration.
    const { issued, seen } = await askAt({ status: 200, body: message }, how, [
      fingerprintOf(authority.certificateDer),
    ]);
    assert.equal(issued, { at: 'presented', der: toBase64(material.leaf) });
    assert.is(seen, undefined);
  },
);

test('the fixtures are what they claim', () => assert.match(authorityPem(authority), /BEGIN CERTIFICATE/));
