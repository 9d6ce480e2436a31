/** Keys in a TPM: what they sign, who reads them, TLS with them, and what is said where the TPM is away or another (B8). */
import { execFileSync, spawn } from 'node:child_process';
import { createHash, createPublicKey, verify } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KeyKind } from '../../agent/core/durable.ts';
import { makeRequest } from '../../agent/edge/csr.ts';
import { signBy, type TokenKey } from '../../agent/edge/device-key.ts';
import { openKeys } from '../../agent/edge/keys.ts';
import { openTls } from '../../agent/edge/tls.ts';
import { openTpm } from '../../agent/edge/tpm.ts';
import { readWrapped } from '../../agent/edge/tpm-packets.ts';
import { toBase64, toPem } from '../../protocol/certificate.ts';
import type { Result } from '../../protocol/fault.ts';
import { issueDevice } from '../../server/edge/authority.ts';
import { readRequest } from '../../server/edge/request.ts';
import { openssl } from '../fakes/openssl.ts';
import {
  authorityOf,
  authorityPem,
  deviceId,
  deviceMaterial,
  now,
  serverMaterial,
  serveTls,
} from '../fakes/tls-server.ts';
import { type SoftTpm, startTpm } from '../fakes/tpm.ts';
import { assert, needs, table, test } from '../harness.ts';

needs(['swtpm', 'openssl', 'tpm2-provider']);

const authority = authorityOf('Ours');
const server = await serverMaterial(authority, ['localhost']);
const digest = createHash('sha256').update('hello').digest();

function value<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(`${result.fault.code} ${JSON.stringify(result.fault.facts)}`);
  return result.value;
}
const codeOf = (result: Result<unknown>): string => (result.ok ? 'good' : result.fault.code);

async function withTpm(run: (tpm: SoftTpm, folder: string) => Promise<void> | void): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'thintrust-tpm-'));
  const soft = await startTpm(folder, 'one');
  try {
    await run(soft, folder);
  } finally {
    await soft.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

const isSignature = ({ spki }: TokenKey, body: Uint8Array, signature: Uint8Array): boolean =>
  verify('sha256', body, createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' }), signature);

test('a key is made, signs, and is another each time; a restart of the TPM takes nothing away', () =>
  withTpm(async ({ path, stop }, folder) => {
    const tpm = openTpm(path);
    const [one, other] = [value(tpm.makeKey()), value(tpm.makeKey())];
    assert.not.equal(one, other);
    const key = value(tpm.openKey(one));
    assert.ok(isSignature(key, Buffer.from('body'), signBy(key, 'sha256', Buffer.from('body'))));
    // Sixteen loads: what is loaded has room for three.
    for (let time = 0; time < 16; time++) value(key.sign(digest));
    await stop();
    assert.is(codeOf(key.sign(digest)), 'tpm-missing');
    const again = await startTpm(folder, 'one');
    const reopened = value(openTpm(path).openKey(one));
    assert.equal(reopened.spki, key.spki);
    assert.ok(isSignature(reopened, Buffer.from('x'), signBy(reopened, 'sha256', Buffer.from('x'))));
    await again.stop();
  }));

test('the provider of tpm2-openssl reads the file, and finds the same key in the TPM that we do', () =>
  withTpm(({ path }, folder) => {
    const tpm = openTpm(path);
    const wrapped = value(tpm.makeKey());
    const file = join(folder, 'key.pem');
    writeFileSync(file, toPem(wrapped, 'TSS2 PRIVATE KEY'));
    writeFileSync(join(folder, 'body'), 'body');
    const { spki } = value(tpm.openKey(wrapped));
    const providers = ['-provider', 'tpm2', '-provider', 'default', '-propquery', '?provider=tpm2'];
    const run = (command: string, ...args: string[]): Buffer =>
      execFileSync('openssl', [command, ...providers, ...args], {
        env: { ...process.env, TPM2OPENSSL_TCTI: `swtpm:path=${path}` },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
    assert.ok(run('pkey', '-in', file, '-pubout', '-outform', 'DER').equals(spki));
    const signature = run('dgst', '-sha256', '-sign', file, join(folder, 'body'));
    assert.ok(
      verify(
        'sha256',
        Buffer.from('body'),
        createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' }),
        signature,
      ),
    );
  }));

test('a request (PKCS#10) that it signs', () =>
  withTpm(({ path }) => {
    const tpm = openTpm(path);
    const csr = makeRequest(value(tpm.openKey(value(tpm.makeKey()))), 'thin 1');
    assert.ok(
      openssl(['req', '-inform', 'DER', '-in', 'csr', '-verify', '-noout', '-text'], { csr }).includes('(256 bit)'),
    );
    assert.ok(readRequest(csr).ok);
  }));

async function credentialsFor(key: TokenKey) {
  const issued = await issueDevice(authority, { publicKeyDer: key.spki, deviceId, days: 30, now: now() });
  return { key, chain: issued.chainDer.map(toBase64) };
}

table(
  'TLS',
  [
    { name: '1.3', version: 'TLSv1.3', spoil: null, expected: 'open' },
    { name: '1.2', version: 'TLSv1.2', spoil: null, expected: 'open' },
    { name: 'the TPM goes away before it signs', version: 'TLSv1.3', spoil: 'stop', expected: 'tpm-missing' },
    { name: 'the same, 1.2', version: 'TLSv1.2', spoil: 'stop', expected: 'tpm-missing' },
    { name: 'another TPM takes its place before it signs', version: 'TLSv1.3', spoil: 'swap', expected: 'tpm-foreign' },
    { name: 'not the key of the certificate', version: 'TLSv1.3', spoil: 'key', expected: 'identity-unreadable' },
  ] as const,
  ({ version, spoil, expected }) =>
    withTpm(async ({ path, stop }, folder) => {
      const served = await serveTls({
        ...server,
        minVersion: version,
        maxVersion: version,
        requestCert: true,
        rejectUnauthorized: true,
        ca: authorityPem(authority),
      });
      const tpm = openTpm(path);
      const credentials = await credentialsFor(value(tpm.openKey(value(tpm.makeKey()))));
      const isAway = spoil === 'stop' || spoil === 'swap';
      if (isAway) await stop();
      const other = spoil === 'swap' ? await startTpm(folder, 'two', path) : null;
      const chain = spoil === 'key' ? (await deviceMaterial(authority)).chain : credentials.chain;
      const order = { address: `127.0.0.1:${served.port}`, timeoutMs: 5000, authority: null };
      const opened = await openTls({ ...order, accept: [server.fingerprint], credentials: { ...credentials, chain } });
      assert.is(opened.at === 'failed' ? opened.fault.code : opened.at, expected);
      if (opened.at === 'open') opened.socket.destroy();
      // Judged before the first byte, as with a key in a file.
      const strange = await openTls({ ...order, accept: ['0'.repeat(64)], credentials });
      assert.is(strange.at, isAway ? 'failed' : 'presented');
      assert.is(served.received(), 0);
      await other?.stop();
      await served.close();
    }),
);

test('a TPM that was cleared, or another one, is not ours; what is no key of ours is told apart', () =>
  withTpm(async ({ path }, folder) => {
    const other = await startTpm(folder, 'two');
    const wrapped = value(openTpm(path).makeKey());
    assert.is(codeOf(openTpm(other.path).openKey(wrapped)), 'tpm-foreign');
    const tpm = openTpm(path);
    for (let at = 0; at < wrapped.length; at += 7) {
      const broken = Buffer.from(wrapped);
      broken[at] = (broken[at] ?? 0) ^ 0x10;
      const code = codeOf(tpm.openKey(broken));
      assert.ok(['tpm-foreign', 'tpm-failed', 'identity-unreadable'].includes(code), `octet ${at}: ${code}`);
    }
    assert.is(readWrapped(wrapped.subarray(0, -1)), null);
    assert.is(readWrapped(Buffer.concat([wrapped, Buffer.of(0)])), null);
    assert.is(codeOf(tpm.openKey(wrapped)), 'good');
    await other.stop();
  }));

const packet = (code: number, ...more: number[]): Buffer =>
  Buffer.from([0x80, 0x02, 0, 0, 0, 10 + more.length, 0, 0, code >> 8, code & 0xff, ...more]);

const pretenders = [
  { name: 'silence', answer: Buffer.alloc(0) },
  { name: 'a refusal: the owner has a password', answer: packet(0x9a2) },
  { name: 'an answer without a handle', answer: packet(0, 1, 2) },
  { name: 'a handle and no more', answer: packet(0, 0x80, 0, 0, 0) },
  { name: 'more than it says', answer: Buffer.concat([packet(0), Buffer.alloc(5)]) },
  { name: 'less than a header', answer: Buffer.from([0x80, 2, 0, 0, 0, 3, 0, 0, 0, 0]) },
  { name: 'a key is made, and then silence', answer: packet(0, 0x80, 0, 0, 0, 0, 0, 0, 0) },
  { name: 'a length beyond all', answer: Buffer.from([0x80, 2, 0x7f, 0, 0, 3, 0, 0, 0, 0]) },
];

test('what answers is no TPM that can be used', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'thintrust-tpm-'));
  // In a process of its own: asking waits with this one.
  const script = `process.chdir('${folder}'); let waiting = ${pretenders.length};
    for (const [at, hex] of Object.entries(${JSON.stringify(pretenders.map(({ answer }) => answer.toString('hex')))}))
      require('net').createServer((s) => s.on('error', () => {}).once('data', () => s.write(Buffer.from(hex, 'hex'))))
        .listen('./' + at, () => --waiting || console.log('up'))`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  const found = pretenders.map(({ name }, at) => {
    const began = performance.now();
    const made = openTpm(join(folder, String(at)), { longestMs: 300 }).makeKey();
    assert.ok(performance.now() - began < 600, `${name}: it waits for one use and not for each command`);
    return `${name}: ${codeOf(made)}`;
  });
  assert.equal(
    found,
    pretenders.map(({ name }) => `${name}: tpm-failed`),
  );
  child.kill();
  rmSync(folder, { recursive: true, force: true });
});

const makings = [
  { name: 'file', wanted: 'file', kind: 'P-256', there: 'file', gone: 'file' },
  { name: 'tpm', wanted: 'tpm', kind: 'P-256', there: 'token', gone: 'tpm-missing' },
  { name: 'tpm, RSA', wanted: 'tpm', kind: 'RSA-2048', there: 'tpm-unfit', gone: 'tpm-unfit' },
  { name: 'auto', wanted: 'auto', kind: 'P-256', there: 'token', gone: 'file' },
  { name: 'auto, P-384', wanted: 'auto', kind: 'P-384', there: 'file', gone: 'file' },
  { name: 'a slip of the pen', wanted: 'TMP', kind: 'P-256', there: 'bad-argument', gone: 'bad-argument' },
] satisfies readonly { kind: KeyKind; name: string; wanted: string; there: string; gone: string }[];

test('where a new key is made', () =>
  withTpm(async ({ path }) => {
    for (const { name, wanted, kind, there, gone } of makings)
      for (const [place, expected] of [
        [path, there],
        [`${path}.none`, gone],
      ] as const) {
        const keys = openKeys(wanted, place);
        const made = await keys.make(kind);
        assert.is(made.ok ? made.value.kind : made.fault.code, expected, `${name} at ${place}`);
        if (made.ok) value(await keys.open({ kind: made.value.kind, sha256: '' }, made.value.bytes));
      }
  }));

test('auto: what is there and is no TPM gives no key, and none in a file', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'thintrust-tpm-'));
  const made = await openKeys('auto', folder).make('P-256');
  assert.is(made.ok ? made.value.kind : made.fault.code, 'tpm-missing');
  rmSync(folder, { recursive: true, force: true });
});
