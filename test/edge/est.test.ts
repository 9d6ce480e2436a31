/** EST over real handshakes: who is let in to renew (F30), what the answers are to openssl and curl, and the revocation list. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpsRequest } from 'node:https';
import { type AddressInfo, createServer, connect as tcpConnect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as tlsConnect } from 'node:tls';
import { promisify } from 'node:util';
import { makeKey, makeRequest } from '../../agent/edge/csr.ts';
import { enrolAgain, readCertsOnly, renew } from '../../agent/edge/enrol.ts';
import { parseCertificate, toBase64, toPem } from '../../protocol/certificate.ts';
import { readCertificateFile } from '../../protocol/certificate-file.ts';
import { deriveSecret, makeConfirmation } from '../../protocol/codes.ts';
import { dayMs, hourMs, type Instant, instant } from '../../protocol/time.ts';
import { type Authority, issueServer, makeAuthority } from '../../server/edge/authority.ts';
import { answerCode } from '../../server/edge/codes.ts';
import { type DeviceHttp, serveDevices } from '../../server/edge/device-http.ts';
import { deleteIdentity } from '../../server/edge/identities.ts';
import { readListenerTls, readServerCertificates } from '../../server/edge/pins.ts';
import { removeDevice } from '../../server/edge/places.ts';
import { initialise } from '../../server/edge/state.ts';
import { type Enrolled, type FleetServer, openFleet, proofOf, register, value } from '../fakes/fleet-server.ts';
import { makeDevice, makeListenerTls, now } from '../fakes/identities.ts';
import { assert, needs, table, test } from '../harness.ts';

needs(['openssl', 'curl']);

const run = promisify(execFile);
const root = mkdtempSync(join(tmpdir(), 'thintrust-est-'));
process.on('exit', () => rmSync(root, { recursive: true, force: true }));
const est = '/.well-known/est';

type World = { readonly world: FleetServer; readonly http: DeviceHttp };
type Holder = { readonly cert: string; readonly key: string };
type Answer = { readonly status: number; readonly headers: Record<string, unknown>; readonly body: string };

/** One server for all tests, begun 600 days ago so that identities can have ended; OpenSSL judges by the time of this machine. */
let opened: Promise<World> | null = null;
const open = (): Promise<World> => {
  opened ??= (async () => {
    const directory = join(root, 'state');
    const begun = instant(now() - 600 * dayMs);
    const choices = { name: '127.0.0.1', host: '127.0.0.1', httpsPort: 4430, mqttPort: 8830 };
    value(await initialise({ directory, clock: () => begun, log: () => {} }, choices, () => {}));
    const world = await openFleet({ directory, now: now() });
    const http = await serveDevices({
      fleet: world.fleet,
      tls: value(await readListenerTls(world.server)),
      host: '127.0.0.1',
      port: 0,
      clock: () => world.time.now,
      log: () => {},
    });
    return { world, http };
  })();
  return opened;
};

async function ask(
  { http }: World,
  path: string,
  {
    holder,
    ...asked
  }: { readonly holder?: Holder; readonly method?: string; readonly body?: string; readonly headers?: object },
): Promise<Answer> {
  const request = httpsRequest({
    host: '127.0.0.1',
    port: http.port,
    path,
    method: asked.method ?? 'GET',
    headers: { ...asked.headers },
    agent: false,
    rejectUnauthorized: false,
    ...holder,
  });
  request.on('error', () => {});
  request.end(asked.body);
  const [response] = await once(request, 'response');
  let body = '';
  for await (const chunk of response) body += chunk;
  return { status: response.statusCode, headers: response.headers, body };
}

const renewal = (csrDer: Uint8Array) => ({
  method: 'POST',
  body: toBase64(csrDer),
  headers: { 'Content-Type': 'application/pkcs10', 'Content-Transfer-Encoding': 'base64' },
});
const codeOf = ({ body }: Answer): string => (body.startsWith('{') ? JSON.parse(body).code : '');
const holderOf = ({ chain, key }: Pick<Enrolled, 'chain' | 'key'>): Holder => ({
  cert: chain.map((der) => toPem(der)).join(''),
  key: toPem(key, 'PRIVATE KEY'),
});

let names = 0;
/** Registered so many days ago, for a year. */
async function registered(world: FleetServer, daysAgo: number): Promise<Enrolled> {
  world.time.now = instant(now() - daysAgo * dayMs);
  const device = await register(world, `device ${++names}`);
  world.time.now = now();
  return device;
}

type Shown = { readonly id: string; readonly holder: Holder | undefined };
/** A certificate of the device, by another hand. */
async function byAnother(authority: Authority, id: string, at: Instant): Promise<Shown> {
  const { cert, key } = await makeDevice(authority, id, at);
  return { id, holder: { cert, key } };
}
const foreign = async (world: FleetServer, name: string): Promise<Authority> => {
  const begun = instant(now() - 600 * dayMs);
  const { owner } = value(parseCertificate(world.server.keys.clientAuthority.certificateDer));
  return makeAuthority(name === '' ? owner : name, begun);
};

const rows: readonly {
  readonly name: string;
  readonly shown: (world: FleetServer) => Promise<Shown>;
  readonly status: number;
  readonly code: string;
}[] = [
  ...[
    { name: 'in the first days', daysAgo: 10, status: 200, code: '' },
    { name: 'in the window', daysAgo: 350, status: 200, code: '' },
    { name: 'a day after the end', daysAgo: 366, status: 200, code: '' },
    { name: '29 days after the end', daysAgo: 394, status: 200, code: '' },
    { name: '31 days after the end', daysAgo: 396, status: 403, code: 'identity-retired' },
    { name: 'before the beginning', daysAgo: -2, status: 403, code: 'identity-refused' },
  ].map((row) => ({
    ...row,
    shown: async (world: FleetServer) => {
      const device = await registered(world, row.daysAgo);
      return { id: device.id, holder: holderOf(device) };
    },
  })),
  ...[10, 370].flatMap((daysAgo) =>
    [
      { what: 'removed', end: removeDevice },
      { what: 'deleted', end: deleteIdentity },
    ].map(({ what, end }) => ({
      name: `${what}, ${daysAgo > 365 ? 'ended' : 'in date'}`,
      status: 403,
      code: 'identity-refused',
      shown: async (world: FleetServer) => {
        const device = await registered(world, daysAgo);
        value(await end(world.server, 'administrator', device.id));
        return { id: device.id, holder: holderOf(device) };
      },
    })),
  ),
  {
    name: 'retired, once more',
    status: 403,
    code: 'identity-retired',
    shown: async (world) => {
      const device = await registered(world, 500);
      const holder = holderOf(device);
      assert.is((await ask(await open(), `${est}/simplereenroll`, { holder, ...renewal(Buffer.of(1)) })).status, 403);
      return { id: device.id, holder };
    },
  },
  {
    name: 'no certificate',
    status: 401,
    code: 'identity-refused',
    shown: async () => ({ id: 'x', holder: undefined }),
  },
  ...[
    { when: 'in date', daysAgo: 1 },
    { when: 'ended', daysAgo: 20 },
  ].flatMap(({ when, daysAgo }) => {
    const at = () => instant(now() - daysAgo * dayMs);
    const row = (
      name: string,
      shown: (world: FleetServer) => Promise<Shown>,
      code = 'identity-refused',
      status = 401,
    ) => ({
      name: `${name}, ${when}`,
      status,
      code,
      shown,
    });
    return [
      row('of another authority', async (world) =>
        byAnother(await foreign(world, 'Other'), (await registered(world, 10)).id, at()),
      ),
      row('of another authority of the same name', async (world) =>
        byAnother(await foreign(world, ''), (await registered(world, 10)).id, at()),
      ),
      row('of our server authority', async (world) =>
        byAnother(world.server.keys.serverAuthority, (await registered(world, 10)).id, at()),
      ),
      row('of our client authority for a server', async (world) => {
        const { chainDer, keyPkcs8 } = issueServer(world.server.keys.clientAuthority, {
          names: ['localhost'],
          days: 2,
          now: at(),
        });
        return { id: 'localhost', holder: holderOf({ chain: chainDer, key: keyPkcs8 }) };
      }),
      row(
        'of our client authority, but not in our books',
        async (world) => byAnother(world.server.keys.clientAuthority, (await registered(world, 10)).id, at()),
        'identity-refused',
        403,
      ),
    ];
  }),
];
table('simplereenroll', rows, async ({ shown, status, code }) => {
  const setting = await open();
  const { id, holder } = await shown(setting.world);
  const key = makeKey();
  const answer = await ask(setting, `${est}/simplereenroll`, {
    ...(holder ? { holder } : {}),
    ...renewal(makeRequest(key, id)),
  });
  assert.is(`${answer.status} ${codeOf(answer)}`.trim(), `${status} ${code}`.trim());
  if (status !== 200) return;
  assert.is(answer.headers['content-type'], 'application/pkcs7-mime; smime-type=certs-only');
  const chain = value(readCertsOnly(Buffer.from(answer.body)));
  assert.is(proofOf(chain).commonName, id);
  const used = await ask(setting, '/v1/bundle', { holder: holderOf({ chain, key }) });
  assert.is(used.status, 200, 'the new identity is let in');
});

table(
  'with an identity that has ended nothing but renewal answers',
  [
    { name: 'bundle', path: '/v1/bundle', method: 'GET' },
    { name: 'confirm', path: '/v1/bundle/confirm', method: 'POST' },
    { name: 'check-in', path: '/v1/checkin', method: 'POST' },
  ],
  async ({ path, method }) => {
    const setting = await open();
    const holder = holderOf(await registered(setting.world, 370));
    const answer = await ask(setting, path, { holder, method, ...(method === 'POST' ? { body: '{}' } : {}) });
    assert.is(`${answer.status} ${codeOf(answer)}`, '401 expired');
  },
);

test('what OpenSSL says of an ended certificate is not enough: it says the same of a stranger’s', async () => {
  const setting = await open();
  const { server } = setting.world;
  const strangers = await foreign(setting.world, 'Other');
  const said: string[] = [];
  const ended = instant(now() - 20 * dayMs);
  for (const authority of [server.keys.clientAuthority, strangers]) {
    const { cert, key } = await makeDevice(authority, 'x', ended);
    const answer = await ask(setting, '/v1/bundle', { holder: { cert, key } });
    said.push(codeOf(answer));
  }
  assert.equal(said, ['expired', 'expired']);
});

table(
  'bad bodies of a renewal',
  [
    { name: 'no base64', body: '***', type: 'application/pkcs10', code: 'bad-shape' },
    { name: 'nothing', body: '', type: 'application/pkcs10', code: 'bad-shape' },
    { name: 'another type', body: 'AAAA', type: 'text/plain', code: 'bad-argument' },
    { name: 'no request', body: 'AAAA', type: 'application/pkcs10', code: 'csr-refused' },
    { name: 'too large', body: 'A'.repeat(40_000), type: 'application/pkcs10', code: 'too-large' },
  ],
  async ({ body, type, code }) => {
    const setting = await open();
    const device = await registered(setting.world, 350);
    const headers = { 'Content-Type': type };
    const answer = await ask(setting, `${est}/simplereenroll`, {
      holder: holderOf(device),
      method: 'POST',
      body,
      headers,
    });
    assert.is(codeOf(answer), code);
    const [row] = await setting.world.server.db
      .selectFrom('audit')
      .selectAll()
      .orderBy('id', 'desc')
      .limit(1)
      .execute();
    assert.is(row?.actor, device.id);
    assert.is(JSON.parse(row?.facts ?? '{}').code, code);
  },
);

/** A man in the middle, before TLS 1.3 hid it: the client's certificate is replaced by the one of another on its way. */
test('a certificate whose key the handshake does not prove gets nowhere', async () => {
  const setting = await open();
  const victim = await registered(setting.world, 370);
  const own = await makeDevice(setting.world.server.keys.clientAuthority);
  const leaves = victim.chain.map((der) => Buffer.concat([size(der.length), der]));
  const certificates = Buffer.concat(leaves);
  const list = Buffer.concat([size(certificates.length), certificates]);
  const message = Buffer.concat([Buffer.of(11), size(list.length), list]);
  const swapped = { count: 0 };
  const between = createServer((client) => {
    const upstream = tcpConnect(setting.http.port, '127.0.0.1');
    upstream.pipe(client);
    let waiting = Buffer.alloc(0);
    client.on('data', (part) => {
      waiting = Buffer.concat([waiting, part]);
      for (;;) {
        const length = waiting.length < 5 ? Number.POSITIVE_INFINITY : waiting.readUInt16BE(3) + 5;
        if (waiting.length < length) return;
        const record = waiting.subarray(0, length);
        waiting = waiting.subarray(length);
        const isCertificate = record[0] === 22 && record[5] === 11 && !swapped.count;
        if (isCertificate) swapped.count = 1;
        upstream.write(
          isCertificate ? Buffer.concat([record.subarray(0, 3), size(message.length).subarray(1), message]) : record,
        );
      }
    });
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
    }
  });
  between.listen(0, '127.0.0.1');
  await once(between, 'listening');
  const { port } = between.address() as AddressInfo;
  const honest = {
    host: '127.0.0.1',
    rejectUnauthorized: false,
    maxVersion: 'TLSv1.2',
    cert: own.cert,
    key: own.key,
  } as const;
  const through = async (to: number): Promise<string> => {
    const socket = tlsConnect({ ...honest, port: to });
    return new Promise((resolve) => {
      socket.once('secureConnect', () => resolve('let in'));
      socket.once('error', (error) => resolve(String((error as { code?: string }).code)));
      socket.once('close', () => resolve('closed'));
    }).then((outcome) => {
      socket.destroy();
      return String(outcome);
    });
  };
  assert.is(await through(setting.http.port), 'let in');
  assert.match(await through(port), /ERR_SSL_(TLSV1|SSLV3|TLS)_ALERT_DECRYPT_ERROR/);
  assert.is(swapped.count, 1);
  between.close();
});

/** Three bytes, big-endian. */
const size = (length: number): Buffer => Buffer.of(length >> 16, (length >> 8) & 0xff, length & 0xff);

// what openssl and curl make of it

async function openssl(words: readonly string[], files: Record<string, string | Uint8Array> = {}): Promise<string> {
  const folder = mkdtempSync(join(root, 'openssl-'));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  const { stdout, stderr } = await run('openssl', words, { cwd: folder, maxBuffer: 64 * 1024 * 1024 });
  return stdout + stderr;
}

test('csrattrs: openssl reads which keys and signatures are taken', async () => {
  const setting = await open();
  const answer = await ask(setting, `${est}/csrattrs`, {});
  assert.is(answer.status, 200);
  assert.is(answer.headers['content-type'], 'application/csrattrs');
  assert.is(answer.headers['content-transfer-encoding'], 'base64');
  const read = await openssl(['asn1parse', '-inform', 'DER', '-in', 'der'], {
    der: Buffer.from(answer.body, 'base64'),
  });
  const found = [...read.matchAll(/OBJECT +:(\S+)/g)].map(([, name]) => name);
  assert.equal(found, [
    'id-ecPublicKey',
    'secp384r1',
    'secp521r1',
    'prime256v1',
    'rsaEncryption',
    'ecdsa-with-SHA256',
    'ecdsa-with-SHA384',
    'ecdsa-with-SHA512',
    'sha256WithRSAEncryption',
  ]);
});

const keys = [
  {
    name: 'EC P-256',
    words: ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'],
    says: /ASN1 OID: prime256v1/,
  },
  { name: 'EC P-384', words: ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384'], says: /ASN1 OID: secp384r1/ },
  {
    name: 'RSA 2048',
    words: ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048'],
    says: /Public-Key: \(2048 bit\)/,
  },
];
table('curl renews for a key of openssl’s making, and openssl verifies what it gets', keys, async ({ words, says }) => {
  const { world, http } = await open();
  const device = await registered(world, 350);
  const folder = mkdtempSync(join(root, 'curl-'));
  const at = { cwd: folder };
  const { cert, key } = holderOf(device);
  writeFileSync(join(folder, 'cert.pem'), cert);
  writeFileSync(join(folder, 'key.pem'), key);
  writeFileSync(join(folder, 'ca.pem'), toPem(world.server.keys.clientAuthority.certificateDer));
  await run('openssl', ['genpkey', ...words, '-out', 'next.pem'], at);
  await run(
    'openssl',
    ['req', '-new', '-key', 'next.pem', '-subj', `/CN=${device.id}`, '-outform', 'DER', '-out', 'csr'],
    at,
  );
  await run('openssl', ['base64', '-in', 'csr', '-out', 'csr.b64'], at);
  const headers = ['-H', 'Content-Type: application/pkcs10', '-H', 'Content-Transfer-Encoding: base64'];
  const identity = ['--cert', 'cert.pem', '--key', 'key.pem', '--insecure'];
  const url = `https://127.0.0.1:${http.port}${est}/simplereenroll`;
  await run('curl', ['-sSf', ...headers, ...identity, '--data-binary', '@csr.b64', '-o', 'answer.b64', url], at);
  await run('openssl', ['base64', '-d', '-in', 'answer.b64', '-out', 'answer.p7'], at);
  await run('openssl', ['pkcs7', '-inform', 'DER', '-in', 'answer.p7', '-print_certs', '-out', 'chain.pem'], at);
  const text = (await run('openssl', ['x509', '-in', 'chain.pem', '-noout', '-text'], at)).stdout;
  assert.match(text, says);
  assert.match(text, /TLS Web Client Authentication/);
  assert.match(
    (await run('openssl', ['verify', '-x509_strict', '-purpose', 'sslclient', '-CAfile', 'ca.pem', 'chain.pem'], at))
      .stdout,
    /OK/,
  );
  const next = ['--cert', 'chain.pem', '--key', 'next.pem', '--insecure'];
  const bundle = (await run('curl', ['-sSf', ...next, `https://127.0.0.1:${http.port}/v1/bundle`], at)).stdout;
  assert.is(JSON.parse(bundle).deviceId, device.id);
  const [start = '', end = ''] = /Not Before: (.*)\n *Not After : (.*)/.exec(text)?.slice(1) ?? [];
  assert.ok(Math.abs(Date.parse(start) - (now() - hourMs)) < 600_000, 'back-dated one hour (F6)');
  assert.is(Math.round((Date.parse(end) - Date.parse(start)) / dayMs), 365);
  const serial = /Serial Number:\s*([0-9a-f: ]+)/.exec(text)?.[1]?.replace(/[^0-9a-f]/g, '') ?? '';
  assert.ok(serial.length > 24, `128 random bits: ${serial}`);
});

test('the revocation list: openssl verifies it, its number rises, it names what was revoked and not what was followed', async () => {
  const setting = await open();
  const { world } = setting;
  const [kept, gone] = [await registered(world, 350), await registered(world, 10)];
  const renewing = await ask(setting, `${est}/simplereenroll`, {
    holder: holderOf(kept),
    ...renewal(makeRequest(makeKey(), kept.id)),
  });
  const next = value(readCertsOnly(Buffer.from(renewing.body)));
  value(await world.fleet.deviceOf(proofOf(next)));
  const list = async () => {
    const { http } = setting;
    const { stdout } = await run('curl', ['-sSf', '--insecure', `https://127.0.0.1:${http.port}/v1/crl`], {
      encoding: 'buffer',
    });
    return stdout;
  };
  const first = await list();
  assert.ok(first.equals(await list()), 'the same within the hour');
  value(await removeDevice(world.server, 'administrator', gone.id));
  const second = await list();
  const ca = toPem(world.server.keys.clientAuthority.certificateDer);
  const read = (crl: Uint8Array) =>
    openssl(['crl', '-inform', 'DER', '-in', 'crl', '-CAfile', 'ca', '-noout', '-text'], { crl, ca });
  const [before, after] = [await read(first), await read(second)];
  for (const text of [before, after]) assert.match(text, /verify OK/);
  const numberOf = (text: string) => BigInt(/CRL Number:\s*(\w+)/.exec(text)?.[1] ?? '0');
  assert.ok(numberOf(after) > numberOf(before));
  assert.not.ok(before.includes(gone.proof.serial));
  assert.ok(after.includes(gone.proof.serial));
  for (const { serial } of [kept.proof, proofOf(next)]) assert.not.ok(after.includes(serial));
  world.time.now = instant(now() + 2 * hourMs);
  const third = await list();
  world.time.now = now();
  assert.ok(numberOf(await read(third)) > numberOf(after), 'a new one each hour');
  const nextUpdate = /Next Update: (.*)/.exec(await read(third))?.[1] ?? '';
  assert.ok(Date.parse(nextUpdate) > now() + 6 * dayMs);
  const leaf = toPem(gone.chain[0] ?? new Uint8Array());
  const pem = toPem(second, 'X509 CRL');
  const judged = await openssl(['verify', '-CAfile', 'ca', '-crl_check', '-CRLfile', 'crl', 'leaf'], {
    ca,
    crl: pem,
    leaf,
  }).catch((error: { readonly stderr: string }) => error.stderr);
  assert.match(judged, /certificate revoked/);
});

test('the device’s own client renews, is told when it is retired, and enrols again after an answered code', async () => {
  const { world } = await open();
  const { server, fleet } = world;
  const tls = await makeListenerTls({ server: server.keys.serverAuthority, client: server.keys.clientAuthority });
  const http = await serveDevices({
    fleet,
    tls,
    host: '127.0.0.1',
    port: 0,
    clock: () => world.time.now,
    log: () => {},
  });
  const [leaf] = value(readCertificateFile(Buffer.from(tls.chain)));
  const where = { address: `127.0.0.1:${http.port}`, accept: [leaf?.fingerprint ?? ''] };
  const credentials = ({ key, chain }: Enrolled) => ({ key, chain: chain.map(toBase64) });
  const late = await registered(world, 370);
  const key = makeKey();
  const order = { ...where, device: late.id, credentials: credentials(late) };
  const [first, again] = [await renew(order, key), await renew(order, key)];
  assert.is(first.at, 'issued', JSON.stringify(first));
  assert.equal(again, first);
  const gone = await registered(world, 500);
  const told = await renew({ ...where, device: gone.id, credentials: credentials(gone) }, makeKey());
  assert.is(told.at === 'failed' ? told.fault.code : told.at, 'identity-retired');
  const bytes = deriveSecret(server.keys.codeMaster, gone.id, 1);
  const afresh = { ...where, device: gone.id, secret: Buffer.from(bytes).toString('hex') };
  const early = await enrolAgain(afresh, key);
  assert.is(early.at === 'failed' ? early.fault.code : early.at, 'invitation-refused');
  const [main] = await readServerCertificates(server.db);
  const certificateDer = Buffer.from(JSON.parse(main?.chain ?? '[]')[0], 'base64');
  const code = makeConfirmation({ secret: bytes, deviceId: gone.id, action: 1, counter: 7, certificateDer });
  value(await answerCode(server, 'administrator', { code }));
  assert.is((await enrolAgain(afresh, makeKey())).at, 'issued');
  await http.close();
});

test('the listener closes, and the fleet with it', async () => {
  const { world, http } = await open();
  await http.close();
  await world.close();
});
