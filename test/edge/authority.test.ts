import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { type Certificate, parseCertificate, toPem } from '../../protocol/certificate.ts';
import type { Result } from '../../protocol/fault.ts';
import { dayMs, hourMs, instant } from '../../protocol/time.ts';
import type { AuthorityKey } from '../../server/core/succession.ts';
import {
  type Authority,
  certsOnly,
  issueDevice,
  issueServer,
  makeAuthority,
  makeCrl,
} from '../../server/edge/authority.ts';
import { maxRequestBytes, readRequest } from '../../server/edge/request.ts';
import { now } from '../fakes/identities.ts';
import { assert, needs, table, test } from '../harness.ts';

needs(['openssl']);

const run = promisify(execFile);
const deviceId = '0c3f7c0e-4b4b-4a52-8d2a-c2b93797d941';
const at = instant(Date.UTC(2026, 5, 1, 12));

/** Runs openssl in a directory of its own; `{name}` files are given, the rest is its words. */
async function openssl(words: readonly string[], files: Record<string, string | Uint8Array> = {}): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'thintrust-'));
  try {
    for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
    const { stdout, stderr } = await run('openssl', words, { cwd: folder });
    return stdout + stderr;
  } catch (error) {
    return `failed: ${String((error as { stderr?: unknown }).stderr)}`;
  } finally {
    await rm(folder, { recursive: true });
  }
}

function parsed(der: Uint8Array): Certificate {
  const read = parseCertificate(der);
  if (!read.ok) throw new Error(read.fault.code);
  return read.value;
}

const codeOf = (result: Result<unknown>): string =>
  result.ok ? '' : `${result.fault.code} ${result.fault.facts['reason'] ?? ''}`.trim();

// requests

/** A request made by openssl: `key` are the words of genpkey. */
async function request(key: readonly string[], ...more: readonly string[]): Promise<Uint8Array> {
  const folder = await mkdtemp(join(tmpdir(), 'thintrust-'));
  try {
    await run('openssl', ['genpkey', ...key, '-out', 'key.pem'], { cwd: folder });
    const subject = ['-subj', '/O=anybody/CN=thin client 17', '-utf8'];
    await run('openssl', ['req', '-new', '-key', 'key.pem', '-outform', 'der', '-out', 'csr', ...subject, ...more], {
      cwd: folder,
    });
    return await readFile(join(folder, 'csr'));
  } finally {
    await rm(folder, { recursive: true });
  }
}
const ec = (curve: string) => ['-algorithm', 'EC', '-pkeyopt', `ec_paramgen_curve:${curve}`];
const rsa = (bits: number, ...more: string[]) => ['-algorithm', 'RSA', '-pkeyopt', `rsa_keygen_bits:${bits}`, ...more];

table(
  'readRequest takes',
  [
    { name: 'EC P-256', key: ec('P-256'), more: [] },
    { name: 'EC P-384 with SHA-384', key: ec('P-384'), more: ['-sha384'] },
    { name: 'EC P-521 with SHA-512', key: ec('P-521'), more: ['-sha512'] },
    { name: 'RSA 2048', key: rsa(2048), more: [] },
    { name: 'RSA 3072 with SHA-512', key: rsa(3072), more: ['-sha512'] },
    { name: 'extensions asked for', key: ec('P-256'), more: ['-addext', 'basicConstraints=CA:TRUE'] },
  ],
  async (row) => {
    const csr = await request(row.key, ...row.more);
    const read = readRequest(csr);
    if (!read.ok) return assert.unreachable(codeOf(read));
    assert.is(read.value.subject, 'thin client 17');
    const spki = await openssl(['req', '-inform', 'der', '-in', 'csr', '-noout', '-pubkey'], { csr });
    assert.is(toPem(read.value.publicKeyDer, 'PUBLIC KEY'), spki);
  },
);

table(
  'readRequest refuses',
  [
    { name: 'RSA 1024', make: () => request(rsa(1024)), code: 'csr-refused key' },
    {
      name: 'RSA with exponent 3',
      make: () => request(rsa(2048, '-pkeyopt', 'rsa_keygen_pubexp:3')),
      code: 'csr-refused key',
    },
    { name: 'EC secp256k1', make: () => request(ec('secp256k1')), code: 'csr-refused key' },
    { name: 'EC P-224', make: () => request(ec('P-224')), code: 'csr-refused key' },
    { name: 'Ed25519', make: () => request(['-algorithm', 'ED25519']), code: 'csr-refused key' },
    { name: 'SHA-1', make: () => request(ec('P-256'), '-sha1'), code: 'csr-refused algorithm' },
    {
      name: 'a changed name',
      make: async () => replaced(await request(ec('P-256')), 'thin client 17', 'thin client 18'),
      code: 'csr-refused signature',
    },
    {
      name: 'a changed signature',
      make: async () => flipped(await request(ec('P-256')), -8),
      code: 'csr-refused signature',
    },
    {
      name: 'a byte behind',
      make: async () => Buffer.concat([await request(ec('P-256')), Buffer.of(0)]),
      code: 'csr-refused unreadable',
    },
    {
      name: 'a cut request',
      make: async () => (await request(ec('P-256'))).subarray(0, -1),
      code: 'csr-refused unreadable',
    },
    { name: 'nothing', make: async () => Buffer.of(), code: 'csr-refused unreadable' },
    {
      name: 'text',
      make: async () => Buffer.from('-----BEGIN CERTIFICATE REQUEST-----'),
      code: 'csr-refused unreadable',
    },
    {
      name: 'a sequence marked primitive',
      make: async () => marked(await request(ec('P-256')), 0),
      code: 'csr-refused unreadable',
    },
    {
      name: 'an algorithm marked primitive',
      make: async () => {
        const csr = await request(ec('P-256'));
        return marked(csr, Buffer.from(csr).indexOf(Buffer.of(0x30, 0x0a, 0x06, 0x08)));
      },
      code: 'csr-refused unreadable',
    },
    {
      name: 'a certificate',
      make: async () => makeAuthority('x', at).certificateDer,
      code: 'csr-refused unreadable',
    },
    {
      name: 'deep nesting',
      make: async () => Buffer.alloc(maxRequestBytes, Buffer.of(0x30, 0x80)),
      code: 'csr-refused unreadable',
    },
    { name: 'too many bytes', make: async () => Buffer.alloc(maxRequestBytes + 1), code: 'too-large' },
  ],
  async (row) => assert.is(codeOf(readRequest(await row.make())), row.code),
);

/** The SEQUENCE at `place` without the bit that says that it is constructed (X.690 §8.9.1). */
function marked(bytes: Uint8Array, place: number): Uint8Array {
  const copy = Buffer.from(bytes);
  assert.is(copy[place], 0x30);
  copy.writeUInt8(0x10, place);
  return copy;
}
function flipped(bytes: Uint8Array, place: number): Uint8Array {
  const copy = Buffer.from(bytes);
  const index = place < 0 ? copy.length + place : place;
  copy.writeUInt8(copy.readUInt8(index) ^ 1, index);
  return copy;
}
const replaced = (bytes: Uint8Array, from: string, to: string): Uint8Array =>
  Buffer.from(Buffer.from(bytes).toString('latin1').replace(from, to), 'latin1');

test('a subject is bounded and holds no control characters', async () => {
  const csr = await request(ec('P-256'), '-subj', `/CN=a\tb${'ж'.repeat(30)}\u202e`);
  const read = readRequest(csr);
  assert.is(read.ok ? read.value.subject : '', `ab${'ж'.repeat(30)}`);
  const none = readRequest(await request(ec('P-256'), '-subj', '/O=only'));
  assert.is(none.ok ? none.value.subject : '?', '');
});

test('readRequest never throws and takes no mutation for genuine (10,000 runs, up to 1 KiB)', async () => {
  const genuine = await request(ec('P-256'));
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 1024 }),
    fc
      .array(fc.tuple(fc.nat(genuine.length - 1), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 4 })
      .map((changes) => {
        const copy = Uint8Array.from(genuine);
        for (const [place, mask] of changes) copy[place] = (copy[place] ?? 0) ^ mask;
        return copy;
      }),
    fc.nat(genuine.length - 1).map((length) => genuine.subarray(0, length)),
  );
  fc.assert(
    fc.property(bytes, (input) => {
      const read = readRequest(input);
      if (read.ok) assert.ok(Buffer.from(genuine).equals(input), 'a changed request was taken');
    }),
    { numRuns: 10_000 },
  );
});

// certificates

const kinds: readonly { readonly name: string; readonly kind: AuthorityKey; readonly key: RegExp }[] = [
  { name: 'EC P-256', kind: 'ec-p256', key: /NIST CURVE: P-256[\s\S]*ecdsa-with-SHA256/ },
  { name: 'RSA 3072', kind: 'rsa-3072', key: /Public-Key: \(3072 bit\)[\s\S]*sha256WithRSAEncryption/ },
];

async function made(kind?: AuthorityKey) {
  const authority = makeAuthority('Test authority', at, kind);
  const names = ['server.example', '127.0.0.1', '2001:db8::7', '::ffff:10.0.0.1', 'пример.рф'];
  const server = issueServer(authority, { names, days: 397, now: at });
  const read = readRequest(await request(ec('P-256')));
  if (!read.ok) throw new Error(read.fault.code);
  const { publicKeyDer } = read.value;
  const device = await issueDevice(authority, { publicKeyDer, deviceId, days: 365, now: at });
  return { authority, server, device, publicKeyDer };
}
const leafOf = ({ chainDer }: { readonly chainDer: readonly Uint8Array[] }): Uint8Array => chainDer[0] ?? Buffer.of();
const verifyAt = String(Math.floor(at / 1000));

table('openssl verifies what is issued, strictly and each for its purpose alone', kinds, async ({ kind }) => {
  const { authority, server, device } = await made(kind);
  const files = {
    ca: toPem(authority.certificateDer),
    server: toPem(leafOf(server)),
    device: toPem(leafOf(device)),
  };
  const verify = (purpose: string, leaf: string, ...more: string[]) =>
    openssl(
      ['verify', '-x509_strict', '-CAfile', 'ca', '-attime', verifyAt, '-purpose', purpose, ...more, leaf],
      files,
    );
  assert.is(await verify('sslserver', 'server', '-verify_hostname', 'server.example'), 'server: OK\n');
  assert.is(await verify('sslserver', 'server', '-verify_ip', '2001:db8::7'), 'server: OK\n');
  assert.is(await verify('sslserver', 'server', '-verify_ip', '127.0.0.1'), 'server: OK\n');
  assert.is(await verify('sslserver', 'server', '-verify_hostname', 'xn--e1afmkfd.xn--p1ai'), 'server: OK\n');
  assert.match(await verify('sslserver', 'server', '-verify_hostname', 'other.example'), /failed/);
  assert.is(await verify('sslclient', 'device'), 'device: OK\n');
  assert.match(await verify('sslclient', 'server'), /failed/);
  assert.match(await verify('sslserver', 'device'), /failed/);
});

test('openssl reads the names, lives and uses as they were meant', async () => {
  const { authority, server, device } = await made();
  const text = (der: Uint8Array) =>
    openssl(['x509', '-in', 'c', '-noout', '-text', '-nameopt', 'RFC2253'], { c: toPem(der) });
  const ca = await text(authority.certificateDer);
  assert.match(ca, /Subject: CN=Test authority,O=thintrust\n/);
  assert.match(ca, /Basic Constraints: critical\s+CA:TRUE, pathlen:0/);
  assert.match(ca, /Key Usage: critical\s+Certificate Sign, CRL Sign/);
  const main = await text(leafOf(server));
  assert.match(
    main,
    /DNS:server\.example, IP Address:127\.0\.0\.1, IP Address:2001:DB8:0:0:0:0:0:7, IP Address:0:0:0:0:0:FFFF:A00:1, DNS:xn--e1afmkfd\.xn--p1ai/,
  );
  assert.match(main, /Not Before: Jun {2}1 11:00:00 2026 GMT\s+Not After : Jul {2}3 10:59:59 2027 GMT/);
  const identity = await text(leafOf(device));
  assert.match(identity, new RegExp(`Subject: CN=${deviceId},O=thintrust device\n`));
  assert.match(identity, /Basic Constraints: critical\s+CA:FALSE/);
  assert.match(identity, /Key Usage: critical\s+Digital Signature\n/);
  assert.match(identity, /Extended Key Usage: \s+TLS Web Client Authentication\n/);
});

table(
  'the key of an authority is the one asked for, 4096 bits of RSA too',
  [...kinds, { name: 'RSA 4096', kind: 'rsa-4096', key: /\(4096 bit\)/ } as const],
  async ({ kind, key }) => {
    const { certificateDer } = makeAuthority('Test authority', at, kind);
    assert.match(await openssl(['x509', '-in', 'c', '-noout', '-text'], { c: toPem(certificateDer) }), key);
  },
);

test('an identity is told as a handshake will tell it', async () => {
  const { device } = await made();
  const certificate = parsed(leafOf(device));
  const { issuer, serial, fingerprint, notAfter } = device;
  assert.equal(
    { issuer, serial, fingerprint, notAfter: Number(notAfter) },
    {
      issuer: certificate.issuer,
      serial: certificate.serial,
      fingerprint: certificate.fingerprint,
      notAfter: at - hourMs + 365 * dayMs - 1000,
    },
  );
  assert.is(issuer, 'O=thintrust, CN=Test authority');
  assert.is(certificate.notBefore, at - hourMs);
});

test('serial numbers are positive, 128 bits of chance, and of canonical length', async () => {
  const { authority, publicKeyDer } = await made();
  const serials = new Set<string>();
  let highest = 0;
  for (let index = 0; index < 300; index++) {
    const { serial, chainDer } = await issueDevice(authority, { publicKeyDer, deviceId, days: 1, now: at });
    serials.add(serial);
    highest |= Number.parseInt(serial.padStart(32, '0').slice(0, 2), 16);
    assert.match(serial, /^[0-9A-F]{2,32}$/);
    const encoded = /02(1[01]|0[0-9a-f])/.exec(
      Buffer.from(chainDer[0] ?? '')
        .toString('hex')
        .slice(16, 32),
    );
    assert.ok(encoded, 'a serial number of at most 17 octets');
  }
  assert.is(serials.size, 300);
  assert.ok(highest >= 0xf0, 'the upper bits vary');
});

const isRange = (error: unknown): boolean => error instanceof RangeError;

test('a life beyond 397 days, or none, and names that are none are errors of the caller', async () => {
  const { authority, publicKeyDer } = await made();
  for (const days of [398, 0, -1, Number.NaN]) {
    assert.throws(() => issueServer(authority, { names: ['a.example'], days, now: at }), isRange);
    const refused = await issueDevice(authority, { publicKeyDer, deviceId, days, now: at }).catch(isRange);
    assert.is(refused, true);
  }
  for (const name of ['', 'a b', 'a..b', '-a', '*.example', 'a\0b', 'fe80::1%eth0', 'x'.repeat(64), '300.1.1.1'])
    assert.throws(() => issueServer(authority, { names: [name], days: 1, now: at }), isRange);
  assert.throws(() => issueServer(authority, { names: [], days: 1, now: at }), isRange);
});

test('no certificate outlives its authority', async () => {
  const { authority, publicKeyDer } = await made();
  const late = instant(parsed(authority.certificateDer).notAfter - dayMs);
  const { notAfter } = await issueDevice(authority, { publicKeyDer, deviceId, days: 365, now: late });
  assert.is(notAfter, parsed(authority.certificateDer).notAfter);
});

test('years after 2049 are written as GeneralizedTime', async () => {
  const authority = makeAuthority('Later', instant(Date.UTC(2045, 0, 1)));
  assert.is(parsed(authority.certificateDer).notAfter, Date.UTC(2045, 0, 1) - hourMs + 20 * 365 * dayMs);
  assert.match(
    await openssl(['x509', '-in', 'c', '-noout', '-enddate'], { c: toPem(authority.certificateDer) }),
    / 2064 GMT/,
  );
});

test('openssl reads the degenerate PKCS#7, and the bytes in it are the ones given', async () => {
  const { server, device } = await made();
  const chain = [leafOf(device), ...server.chainDer];
  const p7 = certsOnly(chain);
  const printed = await openssl(['pkcs7', '-inform', 'der', '-in', 'p7', '-print_certs'], { p7 });
  const blocks = printed.match(/-----BEGIN[\s\S]+?-----END CERTIFICATE-----\n/g) ?? [];
  assert.equal(
    blocks,
    chain.map((der) => toPem(der)),
  );
  const reparsed = await openssl(['asn1parse', '-inform', 'der', '-in', 'p7'], { p7 });
  assert.not.match(reparsed, /failed|Error/);
  assert.match(await openssl(['cms', '-cmsout', '-print', '-inform', 'der', '-in', 'p7'], { p7 }), /pkcs7-signedData/);
});

table('openssl verifies the revocation list, and refuses who is on it', kinds, async ({ kind }) => {
  const { authority, device, publicKeyDer } = await made(kind);
  const other = await issueDevice(authority, { publicKeyDer, deviceId, days: 10, now: at });
  const crl = makeCrl(authority, { revoked: [{ serial: device.serial, at }], number: 7, now: at, days: 30 });
  const files = {
    ca: toPem(authority.certificateDer),
    crl: toPem(crl, 'X509 CRL'),
    gone: toPem(leafOf(device)),
    here: toPem(leafOf(other)),
  };
  const text = await openssl(['crl', '-in', 'crl', '-CAfile', 'ca', '-noout', '-text'], files);
  assert.match(text, /verify OK/);
  assert.match(text, /CRL Number: \s+7\n/);
  assert.match(text, new RegExp(`Serial Number: ${device.serial}\n`));
  const verify = (leaf: string) =>
    openssl(
      ['verify', '-x509_strict', '-CAfile', 'ca', '-crl_check', '-CRLfile', 'crl', '-attime', verifyAt, leaf],
      files,
    );
  assert.match(await verify('gone'), /certificate revoked/);
  assert.is(await verify('here'), 'here: OK\n');
});

test('an empty revocation list is one', async () => {
  const authority = makeAuthority('Test authority', at);
  const crl = toPem(makeCrl(authority, { revoked: [], number: 1, now: at, days: 30 }), 'X509 CRL');
  const text = await openssl(['crl', '-in', 'crl', '-CAfile', 'ca', '-noout', '-text'], {
    crl,
    ca: toPem(authority.certificateDer),
  });
  assert.match(text, /No Revoked Certificates[\s\S]*verify OK/);
});

test('openssl serves TLS with a key and chain made here', async () => {
  const authority: Authority = makeAuthority('Test authority', now());
  const { chainDer, keyPkcs8 } = issueServer(authority, { names: ['localhost'], days: 1, now: now() });
  const folder = await mkdtemp(join(tmpdir(), 'thintrust-'));
  try {
    await writeFile(join(folder, 'key'), toPem(keyPkcs8, 'PRIVATE KEY'));
    await writeFile(join(folder, 'chain'), chainDer.map((der) => toPem(der)).join(''));
    await writeFile(join(folder, 'ca'), toPem(authority.certificateDer));
    const child = spawn('openssl', ['s_server', '-accept', '127.0.0.1:0', '-key', 'key', '-cert', 'chain', '-www'], {
      cwd: folder,
    });
    let output = '';
    while (!/ACCEPT 127\.0\.0\.1:(\d+)/.test(output)) output += String((await once(child.stdout, 'data'))[0]);
    const port = /ACCEPT 127\.0\.0\.1:(\d+)/.exec(output)?.[1] ?? '';
    const client = [
      's_client',
      '-connect',
      `127.0.0.1:${port}`,
      '-CAfile',
      'ca',
      '-verify_hostname',
      'localhost',
      '-verify_return_error',
    ];
    const { stdout } = await run('sh', ['-c', `openssl ${client.join(' ')} < /dev/null`], { cwd: folder });
    assert.match(stdout, /Verify return code: 0 \(ok\)/);
    child.kill();
    await once(child, 'close');
  } finally {
    await rm(folder, { recursive: true });
  }
});
