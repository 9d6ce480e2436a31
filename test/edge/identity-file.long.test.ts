/**
 * Files with a key, as OpenSSL, GnuTLS, NSS, Java and Windows write them, and as nobody should: PKCS#12, and certificates with
 * a key beside them. What other programs made lies in `test/vectors/identities`.
 */
import { execFileSync } from 'node:child_process';
import { createHash, createHmac, createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { toDer } from '../../protocol/ber.ts';
import { toPem } from '../../protocol/certificate.ts';
import { writeDer } from '../../protocol/der.ts';
import { type IdentityFile, maxIdentityFileBytes, readIdentityFile } from '../../server/edge/identity-file.ts';
import { assert, needs, table, test } from '../harness.ts';

needs(['openssl']);

const vectors = 'test/vectors';
const work = mkdtempSync(join(tmpdir(), 'thintrust-identity-'));
process.on('exit', () => rmSync(work, { recursive: true }));

const vector = (name: string): Buffer => readFileSync(`${vectors}/identities/${name}.p12`);
const keyOf = (name: string): string => readFileSync(`${vectors}/keys/${name}.pem`, 'utf8');
const certificateOf = (name: string): string => readFileSync(`${vectors}/certificates/${name}.pem`, 'utf8');
const spki = (pem: string): string =>
  createPublicKey(createPrivateKey(pem)).export({ type: 'spki', format: 'pem' }).toString();

/** What openssl writes to `out`; words that begin with `@` are files of the published vectors. */
function openssl(words: readonly string[], input = ''): Buffer {
  const out = join(work, 'out');
  const places = words.map((word) => (word.startsWith('@') ? `${vectors}/${word.slice(1)}.pem` : word));
  execFileSync('openssl', [...places, '-out', out], { input, stdio: ['pipe', 'pipe', 'pipe'] });
  return readFileSync(out);
}
const p12 = (key: string, password: string, ...more: readonly string[]): Buffer =>
  openssl([
    'pkcs12',
    '-export',
    '-in',
    `@certificates/${key}`,
    '-inkey',
    `@keys/${key}`,
    '-passout',
    `pass:${password}`,
    ...more,
  ]);
/** One round a key, so that a test costs nothing. */
const quick = ['-noiter', '-nomaciter'];
const pbe = (name: string): readonly string[] => ['-certpbe', name, '-keypbe', name];

const codesOf = (file: Partial<IdentityFile> & Pick<IdentityFile, 'content'>, rounds?: number): readonly string[] => {
  const read = readIdentityFile({ key: null, password: '', ...file }, rounds);
  return read.ok ? [] : read.faults.map(({ code }) => code);
};

function sees(file: IdentityFile, key: string, count: number, legacy: readonly string[]): void {
  const read = readIdentityFile(file);
  if (!read.ok) throw new Error(read.fault.code);
  const { value } = read;
  assert.is(toPem(value.publicKey, 'PUBLIC KEY'), spki(keyOf(key)));
  const found = createPrivateKey({ key: Buffer.from(value.key), format: 'der', type: 'pkcs8' });
  assert.is(createPublicKey(found).export({ type: 'spki', format: 'pem' }).toString(), spki(keyOf(key)));
  assert.is(value.certificates.length, count);
  assert.ok(
    value.certificates.some((der) => new X509Certificate(der).checkPrivateKey(found)),
    'its certificate is there',
  );
  assert.equal(value.legacy, legacy);
}

type Foreign = {
  readonly name: string;
  readonly key: string;
  readonly password?: string;
  readonly legacy?: readonly string[];
};
const foreign: readonly Foreign[] = [
  { name: 'gnutls-cyrillic', key: 'rsa2048', password: 'пароль' },
  { name: 'gnutls-null', key: 'p256', password: '' },
  { name: 'nss-rsa', key: 'rsa2048' },
  { name: 'nss-cyrillic', key: 'rsa2048', password: 'пароль' },
  { name: 'nss-rc2', key: 'rsa2048', legacy: ['RC2-40', '3DES'] },
  { name: 'nss-empty', key: 'rsa2048', password: '' },
  { name: 'java-rsa', key: 'rsa2048' },
  { name: 'java-ec', key: 'p256' },
  { name: 'java-legacy', key: 'rsa2048', legacy: ['RC2-40', '3DES'] },
];
table('PKCS#12 of another program', foreign, ({ name, key, password = 'secret', legacy = [] }) =>
  sees({ content: vector(name), key: null, password }, key, 1, legacy),
);

const ownPrograms: readonly (Foreign & { readonly words: readonly string[] })[] = [
  { name: 'OpenSSL 3 as it comes', key: 'rsa2048', words: [] },
  { name: 'OpenSSL -legacy (F27)', key: 'rsa2048', words: ['-legacy'], legacy: ['RC2-40', '3DES'] },
  { name: 'RC2-128', key: 'p256', words: ['-legacy', ...pbe('PBE-SHA1-RC2-128')], legacy: ['RC2-128'] },
  { name: '2-key 3DES', key: 'p256', words: pbe('PBE-SHA1-2DES'), legacy: ['2-key 3DES'] },
  {
    name: 'Windows: 3DES, SHA-1',
    key: 'rsa2048',
    words: [...pbe('PBE-SHA1-3DES'), '-macalg', 'sha1', '-iter', '2000'],
    legacy: ['3DES'],
  },
  {
    name: 'Windows: AES-256, SHA-256',
    key: 'rsa2048',
    words: [...pbe('AES-256-CBC'), '-macalg', 'sha256', '-iter', '2000'],
  },
  { name: 'AES-256, MAC with SHA-1', key: 'p384', words: [...pbe('AES-256-CBC'), '-macalg', 'sha1'] },
  { name: 'AES-128, MAC with SHA-512', key: 'p384', words: [...pbe('AES-128-CBC'), '-macalg', 'sha512'] },
  { name: 'a key that is not encrypted', key: 'p256', words: ['-keypbe', 'NONE', '-certpbe', 'NONE'] },
  { name: 'an empty password', key: 'p256', password: '', words: [] },
  { name: 'an empty password, 3DES', key: 'p256', password: '', words: pbe('PBE-SHA1-3DES'), legacy: ['3DES'] },
  { name: 'a Cyrillic password', key: 'p256', password: 'пароль', words: [] },
  {
    name: 'a Cyrillic password, RC2 and 3DES',
    key: 'rsa2048',
    password: 'пароль',
    words: ['-legacy'],
    legacy: ['RC2-40', '3DES'],
  },
  {
    name: 'a password beyond the basic plane',
    key: 'p256',
    password: 'a🔑é',
    words: ['-legacy'],
    legacy: ['RC2-40', '3DES'],
  },
  { name: 'a long password', key: 'p256', password: 'x'.repeat(200), words: ['-legacy'], legacy: ['RC2-40', '3DES'] },
  { name: 'Ed25519', key: 'ed25519', words: [] },
];
table('PKCS#12 of openssl', ownPrograms, ({ key, password = 'secret', words, legacy = [] }) =>
  sees({ content: p12(key, password, ...words), key: null, password }, key, 1, legacy),
);

test('a chain in PKCS#12 comes whole, and once', () => {
  const chain = join(work, 'chain.pem');
  writeFileSync(chain, certificateOf('authority') + certificateOf('authority-rsa') + certificateOf('authority'));
  sees({ content: p12('p384', 'x', '-certfile', chain), key: null, password: 'x' }, 'p384', 3, []);
});

table(
  'PBMAC1 (RFC 9879, appendix A)',
  [
    { name: 'A.1: SHA-256', vector: 'rfc9879-a1', codes: [] },
    { name: 'A.2: SHA-256 over SHA-512', vector: 'rfc9879-a2', codes: [] },
    { name: 'A.3: SHA-512', vector: 'rfc9879-a3', codes: [] },
    { name: 'A.4: another number of rounds', vector: 'rfc9879-a4', codes: ['password-wrong'] },
    { name: 'A.5: another salt', vector: 'rfc9879-a5', codes: ['password-wrong'] },
    { name: 'A.6: no length of the key', vector: 'rfc9879-a6', codes: ['key-file-unreadable'] },
  ],
  ({ vector: name, codes }) => assert.equal(codesOf({ content: vector(name), password: '1234' }), codes),
);

/** The same bytes with the one place where `from` stands changed to `to`. */
function changed(bytes: Buffer, from: string, to: string): Buffer {
  const place = bytes.indexOf(Buffer.from(from, 'hex'));
  assert.ok(place >= 0 && from.length === to.length, 'there is such a place');
  const copy = Buffer.from(bytes);
  Buffer.from(to, 'hex').copy(copy, place);
  return copy;
}
/** Of OpenSSL 3.0 only one key fits: the second is put into the safe of the first by hand. */
const twoKeys = (): Buffer => {
  const bag = writeDer(
    0x30,
    Buffer.from('060b2a864886f70d010c0a0101', 'hex'),
    writeDer(0xa0, createPrivateKey(keyOf('p384')).export({ format: 'der', type: 'pkcs8' })),
  );
  const safe = (...bags: readonly Buffer[]) => explicitData(writeDer(0x04, writeDer(0x30, ...bags)));
  return withMac(writeDer(0x30, safe(bag, bag)), 'x');
};
/** ContentInfo of type data. */
const explicitData = (octets: Buffer): Buffer =>
  writeDer(0x30, Buffer.from('06092a864886f70d010701', 'hex'), writeDer(0xa0, octets));
/** A PFX whose MAC (SHA-1, one round, whatever it says, salt 01) is right for this password of one letter. */
function withMac(safes: Buffer, letter: string, says?: number): Buffer {
  const wide = Buffer.from([0, letter.charCodeAt(0), 0, 0]);
  const filled = Buffer.concat([Buffer.alloc(64, 3), Buffer.alloc(64, 1), Buffer.alloc(64, wide)]);
  const key = createHash('sha1').update(filled).digest();
  const digest = createHmac('sha1', key).update(safes).digest();
  const info = writeDer(0x30, writeDer(0x30, Buffer.from('06052b0e03021a0500', 'hex')), writeDer(0x04, digest));
  const rounds = says === undefined ? [] : [writeDer(0x02, Buffer.from(says.toString(16).padStart(6, '0'), 'hex'))];
  const mac = writeDer(0x30, info, writeDer(0x04, Buffer.of(1)), ...rounds);
  return writeDer(0x30, writeDer(0x02, Buffer.of(3)), explicitData(writeDer(0x04, safes)), mac);
}
const plain = (): Buffer => p12('p256', 'x', ...quick, '-keypbe', 'NONE', '-certpbe', 'NONE');
const withoutMac = (): Buffer => p12('p256', 'x', ...quick, '-nomac');
type Refused = {
  readonly name: string;
  readonly content: () => Uint8Array;
  readonly key?: () => Uint8Array;
  readonly password?: string;
  readonly rounds?: number;
  readonly codes: readonly string[];
};
const refused: readonly Refused[] = [
  {
    name: 'a wrong password',
    content: () => p12('p256', 'right', ...quick),
    password: 'wrong',
    codes: ['password-wrong'],
  },
  { name: 'a password left out', content: () => p12('p256', 'right', ...quick), codes: ['password-wrong'] },
  {
    name: 'a password where there is none',
    content: () => p12('p256', '', ...quick),
    password: 'x',
    codes: ['password-wrong'],
  },
  { name: 'two keys in PKCS#12', content: twoKeys, password: 'x', codes: ['too-many-keys'] },
  { name: 'no MAC', content: withoutMac, password: 'x', codes: ['integrity-missing'] },
  {
    name: 'a certificate changed under the MAC',
    content: () => changed(plain(), '0c04703235', '0c04703236'),
    password: 'x',
    codes: ['password-wrong'],
  },
  {
    name: 'too many rounds of a key',
    content: () => p12('p256', 'x', '-iter', '3', '-nomaciter'),
    password: 'x',
    rounds: 2,
    codes: ['iterations-excessive'],
  },
  {
    name: 'too many rounds of the MAC',
    content: () => p12('p256', 'x', '-noiter'),
    password: 'x',
    rounds: 2047,
    codes: ['iterations-excessive'],
  },
  {
    name: 'a million rounds and one',
    content: () => withMac(Buffer.of(0x30, 0), 'x', 1_000_001),
    password: 'x',
    codes: ['iterations-excessive'],
  },
  {
    name: 'RC4',
    content: () => p12('p256', 'x', '-legacy', ...pbe('PBE-SHA1-RC4-128')),
    password: 'x',
    codes: ['algorithm-unsupported'],
  },
  {
    name: 'DES',
    content: () => p12('p256', 'x', '-legacy', ...pbe('PBE-MD5-DES')),
    password: 'x',
    codes: ['algorithm-unsupported'],
  },
  {
    name: 'Camellia',
    content: () => p12('p256', 'x', ...pbe('CAMELLIA-256-CBC')),
    password: 'x',
    codes: ['algorithm-unsupported'],
  },
  {
    name: 'a MAC with MD5',
    content: () => p12('p256', 'x', '-macalg', 'md5'),
    password: 'x',
    codes: ['algorithm-unsupported'],
  },
  {
    name: 'certificates without a key',
    content: () => openssl(['pkcs12', '-export', '-nokeys', '-in', '@certificates/leaf', '-passout', 'pass:x']),
    password: 'x',
    codes: ['key-missing'],
  },
  {
    name: 'a key without certificates',
    content: () =>
      openssl(['pkcs12', '-export', '-nocerts', '-inkey', '@keys/p256', '-in', '@keys/p256', '-passout', 'pass:x']),
    password: 'x',
    codes: ['certificate-missing'],
  },
  {
    name: 'half a file',
    content: () => vector('java-rsa').subarray(0, 1000),
    password: 'secret',
    codes: ['key-file-unreadable'],
  },
  {
    name: 'a byte behind',
    content: () => Buffer.concat([vector('java-rsa'), Buffer.of(0)]),
    password: 'secret',
    codes: ['key-file-unreadable'],
  },
  {
    name: 'signed instead of a MAC',
    content: () => changed(vector('java-ec'), '06092a864886f70d010701', '06092a864886f70d010702'),
    password: 'secret',
    codes: ['algorithm-unsupported'],
  },
  {
    name: 'PKCS#12 and another key',
    content: () => vector('java-ec'),
    key: () => Buffer.from(keyOf('p256')),
    password: 'secret',
    codes: ['too-many-keys'],
  },
  { name: 'too large a file', content: () => Buffer.alloc(maxIdentityFileBytes + 1), codes: ['too-large'] },
  {
    name: 'too large a key',
    content: () => Buffer.from(certificateOf('p256')),
    key: () => Buffer.alloc(maxIdentityFileBytes + 1),
    codes: ['too-large'],
  },
  { name: 'nothing', content: () => Buffer.of(), codes: ['certificate-unreadable'] },
  { name: 'a certificate alone', content: () => Buffer.from(certificateOf('p256')), codes: ['key-missing'] },
  { name: 'a key alone', content: () => Buffer.from(keyOf('p256')), codes: ['certificate-missing'] },
  {
    name: 'two keys',
    content: () => Buffer.from(certificateOf('p256') + keyOf('p256') + keyOf('p384')),
    codes: ['too-many-keys'],
  },
  {
    name: 'a key that is cut',
    content: () => Buffer.from(certificateOf('p256') + keyOf('p256').slice(0, 100)),
    codes: ['key-file-unreadable'],
  },
  {
    name: 'a key that is none',
    content: () => Buffer.from(certificateOf('p256')),
    key: () => Buffer.from('30050201000400', 'hex'),
    codes: ['key-file-unreadable'],
  },
  {
    name: 'a certificate for a key',
    content: () => Buffer.from(certificateOf('p256')),
    key: () => new X509Certificate(certificateOf('p256')).raw,
    codes: ['key-missing'],
  },
  {
    name: 'certificates of which two are bad (F29)',
    content: () =>
      Buffer.from(
        `${certificateOf('p256')}${toPem(Buffer.from('3003020101', 'hex'))}${certificateOf('p384')}-----BEGIN CERTIFICATE-----\n?\n-----END CERTIFICATE-----\n${keyOf('p256')}`,
      ),
    codes: ['certificate-unreadable', 'certificate-unreadable'],
  },
  {
    name: 'the wrong password of a key in PEM',
    content: () => Buffer.from(certificateOf('p256')),
    key: () => openssl(['pkcs8', '-topk8', '-in', '@keys/p256', '-passout', 'pass:right']),
    password: 'wrong',
    codes: ['password-wrong'],
  },
  {
    name: 'no password of a key in PEM',
    content: () => Buffer.from(certificateOf('p256')),
    key: () => openssl(['pkcs8', '-topk8', '-in', '@keys/p256', '-passout', 'pass:right']),
    codes: ['password-wrong'],
  },
  {
    name: 'the wrong password of an old key',
    content: () => Buffer.from(certificateOf('rsa2048')),
    key: () => openssl(['rsa', '-traditional', '-aes128', '-in', '@keys/rsa2048', '-passout', 'pass:right']),
    password: 'wrong',
    codes: ['password-wrong'],
  },
  {
    name: 'scrypt',
    content: () => Buffer.from(certificateOf('p256')),
    key: () => openssl(['pkcs8', '-topk8', '-scrypt', '-in', '@keys/p256', '-passout', 'pass:x']),
    password: 'x',
    codes: ['algorithm-unsupported'],
  },
];
table('a file with a key is refused', refused, ({ content, key, password = '', rounds, codes }) =>
  assert.equal(codesOf({ content: content(), key: key?.() ?? null, password }, rounds), codes),
);

const pemKeys: readonly {
  readonly name: string;
  readonly key: string;
  readonly words: readonly string[];
  readonly legacy?: readonly string[];
}[] = [
  { name: 'PKCS#8', key: 'p256', words: ['pkcs8', '-topk8', '-nocrypt'] },
  { name: 'PKCS#8, DER', key: 'rsa2048', words: ['pkcs8', '-topk8', '-nocrypt', '-outform', 'der'] },
  { name: 'PKCS#8, encrypted', key: 'p384', words: ['pkcs8', '-topk8', '-passout', 'pass:secret'] },
  {
    name: 'PKCS#8, encrypted, DER',
    key: 'p384',
    words: ['pkcs8', '-topk8', '-passout', 'pass:secret', '-outform', 'der'],
  },
  {
    name: 'PKCS#8, encrypted with 3DES as PKCS#12 does',
    key: 'p256',
    words: ['pkcs8', '-topk8', '-v1', 'PBE-SHA1-3DES', '-passout', 'pass:secret'],
    legacy: ['3DES'],
  },
  {
    name: 'PKCS#8, encrypted with 3DES',
    key: 'p256',
    words: ['pkcs8', '-topk8', '-v2', 'des3', '-passout', 'pass:secret'],
    legacy: ['3DES'],
  },
  { name: 'SEC 1', key: 'p256', words: ['ec'] },
  { name: 'SEC 1, DER', key: 'p256', words: ['ec', '-outform', 'der'] },
  {
    name: 'SEC 1, encrypted',
    key: 'p256',
    words: ['ec', '-aes256', '-passout', 'pass:secret'],
    legacy: ['PEM AES-256-CBC'],
  },
  { name: 'PKCS#1', key: 'rsa2048', words: ['rsa', '-traditional'] },
  { name: 'PKCS#1, DER', key: 'rsa2048', words: ['rsa', '-traditional', '-outform', 'der'] },
  {
    name: 'PKCS#1, encrypted',
    key: 'rsa2048',
    words: ['rsa', '-traditional', '-des3', '-passout', 'pass:secret'],
    legacy: ['PEM DES-EDE3-CBC'],
  },
];
table('a certificate and its key', pemKeys, ({ key, words, legacy = [] }) => {
  const [command = '', ...more] = words;
  const bytes = openssl([command, '-in', `@keys/${key}`, ...more]);
  const pem = Buffer.from(certificateOf(key));
  sees({ content: pem, key: bytes, password: 'secret' }, key, 1, legacy);
  sees({ content: new X509Certificate(certificateOf(key)).raw, key: bytes, password: 'secret' }, key, 1, legacy);
  if (words.includes('der')) return;
  const untidy = `Bag Attributes\r\n${certificateOf(key)}\n \n${bytes}`.replace(/\n/g, ' \r\n');
  sees({ content: Buffer.from(untidy), key: null, password: 'secret' }, key, 1, legacy);
});

test('PKCS#7 with a key beside it', () =>
  sees(
    { content: readFileSync(`${vectors}/certificates/pkcs7.p7b`), key: Buffer.from(keyOf('p384')), password: '' },
    'p384',
    2,
    [],
  ));

table(
  'BER becomes DER',
  [
    { name: 'DER stays', ber: '3003020101', der: '3003020101' },
    { name: 'an indefinite length', ber: '30800201010000', der: '3003020101' },
    { name: 'a length in too many octets', ber: '3083000003020101', der: '3003020101' },
    { name: 'an octet string in pieces', ber: '2480040101040202030000', der: '0403010203' },
    { name: 'pieces in pieces', ber: '240a2403040101040302 0304'.replace(' ', ''), der: '040401020304' },
    { name: 'no end', ber: '3080020101', der: null },
    { name: 'a byte behind', ber: '300302010100', der: null },
    { name: 'a piece that is a number', ber: '2403020101', der: null },
    { name: 'an indefinite length of a number', ber: '02800000', der: null },
    { name: 'too deep', ber: '3080'.repeat(40) + '0000'.repeat(40), der: null },
  ],
  ({ ber, der }) => {
    const read = toDer(Buffer.from(ber, 'hex'));
    assert.is(read === null ? null : Buffer.from(read).toString('hex'), der);
  },
);

test('BER: what is DER stays as it is, and anything is answered (10,000 runs, up to 512 bytes)', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 512 }), fc.uint8Array({ maxLength: 64 }), (bytes, inner) => {
      const once = toDer(bytes);
      if (once) assert.ok(Buffer.from(toDer(once) ?? '').equals(Buffer.from(once)));
      const element = writeDer(0x30, writeDer(0x04, inner), writeDer(0x02, Buffer.of(1)));
      assert.ok(Buffer.from(toDer(element) ?? '').equals(element));
    }),
    { numRuns: 10_000 },
  );
});

test('a changed file is refused, or says what the genuine one says (10,000 runs, 1 KiB to 3 KiB)', () => {
  const genuine = [
    p12('p256', 'x', ...quick),
    p12('p256', 'x', ...quick, '-legacy'),
    Buffer.from(certificateOf('p256') + keyOf('p256')),
    Buffer.concat([
      Buffer.from(certificateOf('p384')),
      openssl(['pkcs8', '-topk8', '-iter', '1', '-in', '@keys/p384', '-passout', 'pass:x']),
    ]),
  ];
  const answers = new Set(genuine.map((content) => answer(content)));
  assert.is(answers.size, 2);
  const file = fc.constantFrom(...genuine).chain((bytes) =>
    fc.oneof(
      fc.uint8Array({ maxLength: 1024 }),
      fc.uint8Array({ maxLength: 256 }).map((rest) => Buffer.concat([Buffer.from('3082010402010330', 'hex'), rest])),
      fc.nat(bytes.length - 1).map((length) => bytes.subarray(0, length)),
      fc
        .array(fc.tuple(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 4 })
        .map((changes) => {
          const copy = Buffer.from(bytes);
          for (const [place, mask] of changes) copy[place] = (copy[place] ?? 0) ^ mask;
          return copy;
        }),
    ),
  );
  fc.assert(
    fc.property(file, (content) => {
      const read = readIdentityFile({ content, key: null, password: 'x' }, 50);
      // In PEM a certificate may be changed and still be one: whether it fits the key is judged later.
      if (read.ok && content[0] === 0x30) assert.ok(answers.has(answer(content)), 'a changed file was taken');
    }),
    { numRuns: 10_000 },
  );
});

function answer(content: Uint8Array): string {
  const read = readIdentityFile({ content, key: null, password: 'x' }, 50);
  if (!read.ok) return read.fault.code;
  return createHash('sha256').update(read.value.key).update(Buffer.concat(read.value.certificates)).digest('hex');
}
