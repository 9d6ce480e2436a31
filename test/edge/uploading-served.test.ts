/** An uploaded certificate with its chain, as clients of the running server and of a real mosquitto see it. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toPem } from '../../protocol/certificate.ts';
import { dayMs } from '../../protocol/time.ts';
import { type Issued, issue, rsaKey } from '../fakes/issue.ts';
import { startMosquitto } from '../fakes/mosquitto.ts';
import { administer, type Ran, startServer } from '../fakes/server-process.ts';
import { assert, needs, test } from '../harness.ts';

needs(['openssl', 'mosquitto']);

const root = mkdtempSync(join(tmpdir(), 'thintrust-served-'));
process.on('exit', () => rmSync(root, { recursive: true, force: true }));
const state = join(root, 'state');
const put = (name: string, content: string | Buffer): string => {
  writeFileSync(join(root, name), content);
  return join(root, name);
};
const ask = (words: readonly string[], input = ''): Promise<Ran> => administer(words, { state, input });
const days = (count: number): string => new Date(Date.now() + count * dayMs).toISOString();

/** From now, since these servers run by the clock of the machine. */
const life = { from: days(-1), to: days(300) };
const ips = [Buffer.of(127, 0, 0, 1)];
const top = issue({ cn: 'public root', ca: true, from: days(-2), to: days(3000) });
const middle = issue({ cn: 'public servers', ca: true, by: top, from: days(-2), to: days(2000) });
const rsa = issue({ cn: 'rsa server', by: middle, key: rsaKey(3072), ips, ...life });
const ec = issue({ cn: 'ec server', by: middle, ips, ...life });
const pemOf = (...issued: readonly Issued[]): string => issued.map(({ der }) => toPem(der)).join('');
const keyOf = ({ key }: Issued): string => key.export({ type: 'pkcs8', format: 'pem' }).toString();

/** The certificates a client is shown, in PEM, and what openssl says of them. */
function seen(address: string): Promise<{ readonly chain: string; readonly verified: boolean }> {
  const words = [
    's_client',
    '-connect',
    address,
    '-showcerts',
    '-CAfile',
    join(root, 'top.pem'),
    '-verify_ip',
    '127.0.0.1',
  ];
  return new Promise((resolve) => {
    const child = execFile('openssl', words, (_error, out) =>
      resolve({
        chain: (out.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n/g) ?? []).join(''),
        verified: /Verif(y return code: 0|ication: OK)/.test(out),
      }),
    );
    child.stdin?.end();
  });
}

/** Command lines that are refused, and what is said: all that is wrong. */
async function refusals(): Promise<void> {
  const p521 = ['test/vectors/certificates/p521.pem', '--key', 'test/vectors/keys/p521.pem'];
  const rows: readonly (readonly [words: readonly string[], code: number, says: RegExp])[] = [
    [['/dev/zero'], 1, /too large/],
    [[join(root, 'rsa.pem'), '--key', '/nonexistent'], 1, /\/nonexistent cannot be read/],
    [[join(root, 'rsa.pem')], 1, /no private key/],
    [p521, 1, /\(EC P-521\)[\s\S]*valid for too long[\s\S]*another name, not 127\.0\.0\.1/],
  ];
  for (const [words, code, says] of rows) {
    const refused = await ask(['certificate', 'upload', ...words]);
    assert.is(refused.code, code, words.join(' '));
    assert.match(refused.err, says);
  }
}

test('leaf and intermediates are served by all listeners, RSA and EC, by mosquitto too', async () => {
  // The chain leaves its root out, which this machine knows.
  process.env['SSL_CERT_FILE'] = put('top.pem', pemOf(top));
  const p12 = await new Promise<string>((resolve, reject) =>
    execFile(
      'openssl',
      [
        'pkcs12',
        '-export',
        '-legacy',
        '-inkey',
        put('rsa.key', keyOf(rsa)),
        '-in',
        put('rsa.pem', pemOf(rsa, middle)),
        '-passout',
        'pass: два слова ',
        '-out',
        join(root, 'rsa.p12'),
      ],
      (error) => (error ? reject(error) : resolve(join(root, 'rsa.p12'))),
    ),
  );
  const embedded = await startServer(state, ['--https-port', '0', '--mqtt-port', '0']);
  const uploaded = await ask(
    ['certificate', 'upload', p12, '--password-stdin', '--after-days', '0'],
    ' два слова \nmore\n',
  );
  assert.is(uploaded.code, 0, uploaded.err);
  assert.match(uploaded.out, /^reserve +uploaded +rsa server /m);
  assert.match(uploaded.out, /outdated method \(RC2-40, 3DES\)/);
  await refusals();
  assert.is((await ask(['certificate', 'switch'])).code, 0);
  for (const address of [embedded.https, embedded.mqtt])
    assert.equal(await seen(address), { chain: pemOf(rsa, middle), verified: true }, address);
  await embedded.stop();

  const broker = join(root, 'broker');
  assert.is((await ask(['mosquitto-config', broker])).code, 0);
  const mosquitto = await startMosquitto(join(broker, 'mosquitto.conf'), Number(embedded.mqtt.split(':')[1]));
  const outside = await startServer(state, ['--broker', 'mosquitto', '--broker-dir', broker]);
  try {
    for (const address of [outside.https, outside.mqtt])
      assert.equal(await seen(address), { chain: pemOf(rsa, middle), verified: true }, address);
    const next = put('ec.pem', `${keyOf(ec)}${pemOf(middle, ec)}`);
    assert.is((await ask(['certificate', 'upload', next, '--after-days', '0'])).code, 0);
    const switched = await ask(['certificate', 'switch']);
    assert.match(switched.out, /^mqtt \d+ serves the new certificate$/m);
    for (const address of [outside.https, outside.mqtt])
      assert.equal(await seen(address), { chain: pemOf(ec, middle), verified: true }, address);
  } finally {
    await outside.stop();
    await mosquitto.stop();
  }
});
