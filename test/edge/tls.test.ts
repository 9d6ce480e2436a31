/** The server is judged before it hears one byte of ours (F39). */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TlsOptions } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { openTls, parseAddress, type TlsAnswer, type TlsOrder } from '../../agent/edge/tls.ts';
import { fingerprintOf, fromBase64, toBase64 } from '../../protocol/certificate.ts';
import { dayMs, instant } from '../../protocol/time.ts';
import {
  authorityOf,
  authorityPem,
  deviceMaterial,
  now,
  type Served,
  serverMaterial,
  serveTcp,
  serveTls,
} from '../fakes/tls-server.ts';
import { assert, table, test } from '../harness.ts';

const local = authorityOf('Local');
const foreign = authorityOf('Foreign');
const named = await serverMaterial(local, ['server.test', '127.0.0.1', '::1']);
const elsewhere = await serverMaterial(local, ['elsewhere.test', '192.0.2.1']);
const byName = await serverMaterial(local, ['localhost']);
const old = await serverMaterial(local, ['127.0.0.1'], instant(now() - 100 * dayMs), 90);
const stranger = await serverMaterial(foreign, ['127.0.0.1']);
const device = await deviceMaterial(local);
const localRoot = fingerprintOf(local.certificateDer);

type Way = Partial<Pick<TlsOrder, 'accept' | 'authority' | 'credentials' | 'timeoutMs'>> & { readonly host?: string };

const orderFor = (port: number, way: Way): TlsOrder => ({
  address: `${way.host ?? '127.0.0.1'}:${port}`,
  credentials: null,
  accept: [],
  authority: null,
  timeoutMs: 5000,
  ...way,
});

/** Opens, says `hello` only when it is open, and waits until the server has seen all there is to see. */
async function attempt(served: Served, way: Way): Promise<TlsAnswer> {
  const answer = await openTls(orderFor(served.port, way));
  if (answer.at === 'open') {
    answer.socket.end('hello');
    answer.socket.resume();
    await once(answer.socket, 'close');
  }
  await served.close();
  return answer;
}

const describe = (answer: TlsAnswer): string => (answer.at === 'failed' ? answer.fault.code : answer.at);

type Row = { name: string; serve: TlsOptions; way: Way; expected: string };
const rows: Row[] = [
  { name: 'the right pin', serve: named, way: { accept: [named.fingerprint] }, expected: 'open' },
  {
    name: 'one of several pins',
    serve: named,
    way: { accept: [old.fingerprint, named.fingerprint] },
    expected: 'open',
  },
  { name: 'a wrong pin', serve: named, way: { accept: [stranger.fingerprint] }, expected: 'presented' },
  { name: 'no pin', serve: named, way: { accept: [] }, expected: 'presented' },
  {
    name: 'a pin in upper case',
    serve: named,
    way: { accept: [named.fingerprint.toUpperCase()] },
    expected: 'presented',
  },
  { name: 'a pin, the name aside', serve: elsewhere, way: { accept: [elsewhere.fingerprint] }, expected: 'open' },
  {
    name: 'a pin, the dates aside: they are the core’s to judge',
    serve: old,
    way: { accept: [old.fingerprint] },
    expected: 'open',
  },
  {
    name: 'TLS 1.2',
    serve: { ...named, maxVersion: 'TLSv1.2' },
    way: { accept: [named.fingerprint] },
    expected: 'open',
  },
  {
    name: 'TLS 1.1 only',
    serve: { ...named, minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' },
    way: { accept: [named.fingerprint] },
    expected: 'tls-failed',
  },
  {
    name: 'an authority and the right address',
    serve: named,
    way: { accept: [localRoot], authority: now() },
    expected: 'open',
  },
  {
    name: 'an authority and the right name',
    serve: byName,
    way: { host: 'LocalHost', accept: [localRoot], authority: now() },
    expected: 'open',
  },
  {
    name: 'an authority and another name',
    serve: named,
    way: { host: 'localhost', accept: [localRoot], authority: now() },
    expected: 'name-mismatch',
  },
  {
    name: 'an authority and a foreign address',
    serve: elsewhere,
    way: { accept: [localRoot], authority: now() },
    expected: 'name-mismatch',
  },
  {
    name: 'an authority, out of date',
    serve: old,
    way: { accept: [localRoot], authority: now() },
    expected: 'expired',
  },
  {
    name: 'an authority, judged before it began',
    serve: named,
    way: { accept: [localRoot], authority: instant(now() - 300 * dayMs) },
    expected: 'not-yet-valid',
  },
  {
    name: 'a foreign authority',
    serve: stranger,
    way: { accept: [localRoot], authority: now() },
    expected: 'presented',
  },
  {
    name: 'the authority’s certificate beside a leaf it did not issue',
    serve: { ...stranger, cert: stranger.cert + authorityPem(local) },
    way: { accept: [localRoot], authority: now() },
    expected: 'presented',
  },
  {
    name: 'an authority where only leaves count',
    serve: named,
    way: { accept: [localRoot], authority: null },
    expected: 'presented',
  },
];

table('openTls', rows, async ({ serve, way, expected }) => {
  const served = await serveTls(serve);
  const answer = await attempt(served, way);
  assert.is(describe(answer), expected);
  assert.is(served.received(), expected === 'open' ? 'hello'.length : 0);
});

test('openTls: presents exactly the leaf', async () => {
  const answer = await attempt(await serveTls(stranger), { accept: [named.fingerprint] });
  assert.ok(answer.at === 'presented');
  assert.is(answer.at === 'presented' && fingerprintOf(fromBase64(answer.der)), stranger.fingerprint);
});

test('openTls: IPv6 in brackets', async () => {
  const served = await serveTls(named, () => {}, '::1');
  const answer = await attempt(served, { host: '[::1]', accept: [localRoot], authority: now() });
  assert.is(describe(answer), 'open');
});

test('openTls: no session is resumed, however often it is opened', async () => {
  const served = await serveTls({ ...named, maxVersion: 'TLSv1.2' });
  for (let round = 0; round < 3; round++) {
    const answer = await openTls(orderFor(served.port, { accept: [named.fingerprint] }));
    assert.ok(answer.at === 'open' && !answer.socket.isSessionReused());
    if (answer.at === 'open') answer.socket.destroy();
  }
  await served.close();
});

table(
  'openTls: our identity',
  [
    { name: 'taken, TLS 1.3', version: 'TLSv1.3', trusted: local, expected: 'open' },
    { name: 'taken, TLS 1.2', version: 'TLSv1.2', trusted: local, expected: 'open' },
    { name: 'refused, TLS 1.2', version: 'TLSv1.2', trusted: foreign, expected: 'tls-failed' },
  ] as const,
  async ({ version, trusted, expected }) => {
    const served = await serveTls({
      ...named,
      minVersion: version,
      maxVersion: version,
      requestCert: true,
      rejectUnauthorized: true,
      ca: authorityPem(trusted),
    });
    const opened = await openTls(orderFor(served.port, { accept: [named.fingerprint], credentials: device }));
    // Node's server ends a connection it does not like without an alert; mosquitto's alert: see mqtt.test.ts.
    if (opened.at === 'open') opened.socket.destroy();
    await served.close();
    assert.is(describe(opened), expected);
  },
);

test('openTls: a key that does not fit its certificate is our own fault', async () => {
  const served = await serveTls(named);
  const other = await deviceMaterial(local);
  const credentials = { key: other.key, chain: device.chain };
  assert.is(describe(await attempt(served, { accept: [named.fingerprint], credentials })), 'identity-unreadable');
  assert.is(served.connections(), 0);
});

test('openTls: a server that speaks no TLS', async () => {
  const served = await serveTcp((socket) => socket.end('220 mail.test ESMTP\r\n'));
  assert.is(describe(await attempt(served, { accept: [named.fingerprint] })), 'tls-failed');
});

test('openTls: a server that closes at once', async () => {
  const served = await serveTcp((socket) => socket.destroy());
  assert.is(describe(await attempt(served, { accept: [named.fingerprint] })), 'tls-failed');
});

test('openTls: a silent server', async () => {
  const served = await serveTcp(() => {});
  assert.is(describe(await attempt(served, { accept: [named.fingerprint], timeoutMs: 150 })), 'timed-out');
});

test('openTls: a port nobody listens on', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  const port = typeof address === 'object' && address ? address.port : 0;
  assert.is(describe(await openTls(orderFor(port, {}))), 'server-unreachable');
});

test('openTls: a name that does not resolve', async () => {
  assert.is(describe(await openTls(orderFor(443, { host: 'nowhere.invalid' }))), 'server-unreachable');
});

test('openTls: a server that the system’s own authorities vouch for is a stranger all the same (F39)', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'thintrust-tls-'));
  const store = join(folder, 'store.pem');
  await writeFile(store, authorityPem(foreign));
  const served = await serveTls(stranger);
  const script = `
    const { connect } = await import('node:tls');
    const { once } = await import('node:events');
    const { openTls } = await import(${JSON.stringify(fileURLToPath(new URL('../../agent/edge/tls.ts', import.meta.url)))});
    const control = connect({ host: '127.0.0.1', port: ${served.port} });
    await once(control, 'secureConnect');
    const vouched = control.authorized;
    control.destroy();
    const answer = await openTls(${JSON.stringify({ ...orderFor(served.port, { accept: [named.fingerprint] }), authority: now() })});
    process.stdout.write(JSON.stringify({ vouched, at: answer.at }));
  `;
  const found = await new Promise<string>((resolve, reject) => {
    const args = ['--use-openssl-ca', '--input-type=module', '-e', script];
    const env = { ...process.env, NODE_EXTRA_CA_CERTS: store, SSL_CERT_FILE: store };
    execFile(process.execPath, args, { env }, (error, out) => (error ? reject(error) : resolve(out)));
  });
  await served.close();
  await rm(folder, { recursive: true });
  assert.equal(JSON.parse(found), { vouched: true, at: 'presented' });
  assert.is(served.received(), 0);
});

table(
  'parseAddress',
  [
    { name: 'a name', text: 'server.example:443', expected: { host: 'server.example', port: 443 } },
    { name: 'IPv4', text: '127.0.0.1:1', expected: { host: '127.0.0.1', port: 1 } },
    { name: 'IPv6', text: '[2001:db8::1]:65535', expected: { host: '2001:db8::1', port: 65535 } },
    { name: 'IPv6 without brackets', text: '::1:443', expected: null },
    { name: 'no address in the brackets', text: '[12:34]:443', expected: null },
    { name: 'port 0', text: 'a:0', expected: null },
    { name: 'port 65536', text: 'a:65536', expected: null },
    { name: 'no port', text: 'a', expected: null },
    { name: 'a path', text: 'a:1/b', expected: null },
    { name: 'a user', text: 'u@a:1', expected: null },
    { name: 'a line end', text: 'a:1\n', expected: null },
    { name: 'nothing', text: '', expected: null },
  ],
  ({ text, expected }) => assert.equal(parseAddress(text), expected),
);

test('the fixtures are what they claim', () => assert.not.equal(toBase64(named.leaf), toBase64(elsewhere.leaf)));
