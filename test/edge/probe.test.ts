/** What a probe says of servers of every kind; real xrdp, FreeRDP and nginx stand in `flow/connect`. */
import type { TlsOptions } from 'node:tls';
import type { Probed, Rules } from '../../agent/core/shape.ts';
import { isNamed, probe } from '../../agent/edge/probe.ts';
import { fingerprintOf, parseCertificate } from '../../protocol/certificate.ts';
import { parsePlace } from '../../protocol/target.ts';
import { dayMs, instant } from '../../protocol/time.ts';
import { issue } from '../fakes/issue.ts';
import {
  authorityOf,
  authorityPem,
  now,
  type Served,
  serverMaterial,
  serveTcp,
  serveTls,
} from '../fakes/tls-server.ts';
import { assert, table, test } from '../harness.ts';

const local = authorityOf('Local');
const named = await serverMaterial(local, ['localhost', '127.0.0.1', '::1']);
const elsewhere = await serverMaterial(local, ['elsewhere.test']);
const old = await serverMaterial(local, ['localhost'], instant(now() - 100 * dayMs), 90);

type Purpose = Rules['purpose'];
type Way = {
  readonly purpose?: Purpose;
  readonly entries?: readonly Uint8Array[];
  readonly blocked?: readonly string[];
  readonly host?: string;
  readonly timeoutMs?: number;
};

function rulesFor({ purpose = 'broker', entries = [], blocked = [] }: Way, target: Rules['target']): Rules {
  const read = entries.map((der) => parseCertificate(der)).flatMap((one) => (one.ok ? [one.value] : []));
  assert.is(read.length, entries.length);
  return { purpose, target, at: now(), entries: read, blocklist: new Set(blocked), crls: [], policy: null };
}

async function look(port: number, way: Way): Promise<Probed> {
  const place = parsePlace(`${way.host ?? 'localhost'}:${port}`, 1);
  if (!place.ok) throw new Error('a bad place');
  return probe({ place: place.value, rules: rulesFor(way, place.value.target), timeoutMs: way.timeoutMs ?? 5000 });
}

function describe(probed: Probed): string {
  if (probed.at === 'failed') return probed.fault.code;
  const verdict = probed.verdict.trusted ? 'trusted' : probed.verdict.fault.code;
  return `${verdict}, ${probed.named ? 'named' : 'not named'}`;
}

type Row = { name: string; serve: TlsOptions; way: Way; expected: string };
const root = local.certificateDer;
const rows: Row[] = [
  { name: 'no entry', serve: named, way: {}, expected: 'issuer-unknown, named' },
  { name: 'the entry itself', serve: named, way: { entries: [named.leaf] }, expected: 'trusted, named' },
  { name: 'another entry', serve: named, way: { entries: [old.leaf] }, expected: 'issuer-unknown, named' },
  { name: 'a root', serve: named, way: { entries: [root] }, expected: 'trusted, named' },
  {
    name: 'a root, an address',
    serve: named,
    way: { entries: [root], host: '127.0.0.1' },
    expected: 'ip-under-root, named',
  },
  {
    name: 'an entry, an address',
    serve: named,
    way: { entries: [named.leaf], host: '127.0.0.1' },
    expected: 'trusted, named',
  },
  { name: 'another name', serve: elsewhere, way: { entries: [root] }, expected: 'name-mismatch, not named' },
  {
    name: 'another name, the entry itself',
    serve: elsewhere,
    way: { entries: [elsewhere.leaf] },
    expected: 'trusted, not named',
  },
  { name: 'out of date', serve: old, way: { entries: [old.leaf] }, expected: 'expired, named' },
  { name: 'out of date under a root', serve: old, way: { entries: [root] }, expected: 'expired, named' },
  {
    name: 'blocked',
    serve: named,
    way: { entries: [named.leaf], blocked: [named.fingerprint] },
    expected: 'blocklisted, named',
  },
  {
    name: 'the server of the Administration Server',
    serve: named,
    way: { purpose: 'ksc', entries: [named.leaf] },
    expected: 'trusted, named',
  },
  {
    name: 'the Administration Server, another',
    serve: named,
    way: { purpose: 'ksc', entries: [old.leaf] },
    expected: 'not-pinned, named',
  },
  ...(['TLSv1.2', 'TLSv1.3'] as const).map((maxVersion) => ({
    name: `a log server that demands our certificate, ${maxVersion}`,
    serve: { ...named, maxVersion, requestCert: true, rejectUnauthorized: true, ca: authorityPem(local) },
    way: { purpose: 'log' as const, entries: [named.leaf] },
    expected: 'trusted, named',
  })),
  {
    name: 'TLS 1.1 only',
    serve: { ...named, minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' },
    way: {},
    expected: 'tls-failed',
  },
];

table('probe over TLS', rows, async ({ serve, way, expected }) => {
  const served = await serveTls(serve);
  const probed = await look(served.port, way);
  assert.is(describe(probed), expected);
  assert.is(served.received(), 0);
  await served.close();
});

test('the chain comes as it is shown, with the version of TLS', async () => {
  const served = await serveTls({ ...named, maxVersion: 'TLSv1.2' });
  const probed = await look(served.port, {});
  assert.ok(probed.at === 'shown');
  assert.equal(probed.chain.map(fingerprintOf), [named.fingerprint, fingerprintOf(root)]);
  assert.is(probed.tls, 'TLSv1.2');
  await served.close();
});

test('names are sent to the server, addresses are not (RFC 6066 §3)', async () => {
  const heard: string[] = [];
  const SNICallback: TlsOptions['SNICallback'] = (name, use) => {
    heard.push(name);
    use(null);
  };
  const served = await serveTls({ ...named, SNICallback });
  await look(served.port, { host: '127.0.0.1' });
  await look(served.port, {});
  assert.equal(heard, ['localhost']);
  await served.close();
});

const confirm = (type: number, value: number): Buffer =>
  Buffer.from([3, 0, 0, 19, 14, 0xd0, 0, 0, 0x12, 0x34, 0, type, 0, 8, 0, value, 0, 0, 0]);

/** A server that hears the X.224 request, answers it piece by piece, and leaves the rest to `then`. */
const serveRdp = (pieces: readonly Buffer[]): Promise<Served> =>
  serveTcp((socket) =>
    socket.once('data', () => {
      for (const piece of pieces) socket.write(piece);
    }),
  );

table(
  'probe over RDP',
  [
    { name: 'TLS refused', pieces: [confirm(3, 2)], expected: 'rdp-no-tls' },
    { name: 'classic security', pieces: [confirm(2, 0)], expected: 'rdp-no-tls' },
    { name: 'refused', pieces: [confirm(3, 6)], expected: 'rdp-refused' },
    { name: 'an SSH server', pieces: [Buffer.from('SSH-2.0-OpenSSH_9.2\r\n')], expected: 'not-rdp' },
    { name: 'TLS, then nothing', pieces: [confirm(2, 1)], expected: 'timed-out' },
    { name: 'half an answer, then nothing', pieces: [confirm(2, 1).subarray(0, 9)], expected: 'timed-out' },
    { name: 'TLS, then rubbish', pieces: [confirm(2, 1), Buffer.alloc(200)], expected: 'not-rdp tls-failed' },
  ],
  async ({ pieces, expected }) => {
    const served = await serveRdp(pieces);
    const probed = await look(served.port, { purpose: 'rdp', timeoutMs: 500 });
    assert.ok(expected.split(' ').includes(describe(probed)), describe(probed));
    await served.close();
  },
);

test('a server that hangs up is told apart from one that is not there', async () => {
  const served = await serveTcp((socket) => socket.end());
  assert.is(describe(await look(served.port, { purpose: 'rdp' })), 'not-rdp');
  assert.is(describe(await look(served.port, { purpose: 'broker' })), 'tls-failed');
  await served.close();
  assert.is(describe(await look(served.port, { purpose: 'rdp' })), 'server-unreachable');
  assert.is(describe(await look(served.port, { purpose: 'broker' })), 'server-unreachable');
});

table(
  'isNamed (RFC 9525)',
  [
    { name: 'a name', dns: ['a.example'], target: { host: 'a.example', ip: null }, is: true },
    { name: 'capitals', dns: ['A.Example'], target: { host: 'a.example', ip: null }, is: true },
    { name: 'a wildcard', dns: ['*.example.test'], target: { host: 'a.example.test', ip: null }, is: true },
    {
      name: 'a wildcard over two labels',
      dns: ['*.example.test'],
      target: { host: 'b.a.example.test', ip: null },
      is: false,
    },
    { name: 'a partial wildcard', dns: ['a*.example.test'], target: { host: 'ab.example.test', ip: null }, is: false },
    { name: 'the common name does not count', dns: ['b.example'], target: { host: 'a.example', ip: null }, is: false },
    { name: 'nor where there is no other', dns: [], target: { host: 'a.example', ip: null }, is: false },
    { name: 'an address', dns: [], ips: [Buffer.of(192, 0, 2, 1)], target: { host: null, ip: '192.0.2.1' }, is: true },
    {
      name: 'another address',
      dns: [],
      ips: [Buffer.of(192, 0, 2, 1)],
      target: { host: null, ip: '192.0.2.2' },
      is: false,
    },
    { name: 'an address as a name', dns: ['192.0.2.1'], target: { host: null, ip: '192.0.2.1' }, is: false },
  ],
  ({ dns, ips = [], target, is }) => assert.is(isNamed(issue({ cn: 'a.example', dns, ips }).der, target), is),
);

test('isNamed says no to what is no certificate', () =>
  assert.is(isNamed(Buffer.of(0x30, 0), { host: 'a.example', ip: null }), false));
