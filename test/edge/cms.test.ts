/** Messages of RFC 5652 between ours and openssl, both ways, and whatever else may come. */
import { generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { isSignedBy, openEnvelope, readSigned, sealFor, signMessage } from '../../agent/edge/cms.ts';
import { makeKey, makeRequest, makeSelfSigned } from '../../agent/edge/csr.ts';
import { toDer } from '../../protocol/ber.ts';
import { toPem } from '../../protocol/certificate.ts';
import { certsOnly } from '../../server/edge/authority.ts';
import { issueFor, keyPem, makeRoot } from '../fakes/foreign-authority.ts';
import { openssl } from '../fakes/openssl.ts';
import { now } from '../fakes/tls-server.ts';
import { assert, needs, table, test } from '../harness.ts';

needs(['openssl']);

const pkcs8 = makeKey('RSA-2048');
const own = makeSelfSigned(pkcs8, 'thin 1', now());
const otherKey = makeKey('RSA-2048');
const other = makeSelfSigned(otherKey, 'thin 2', now());
const ec = makeRoot('EC', makeKey('P-256'));
const content = Buffer.from('what nobody else may read'.repeat(10));
const files = { cert: toPem(own), key: keyPem(pkcs8) };

table(
  'sealFor: openssl opens it',
  [
    { name: 'AES-128', cipher: 'aes-128-cbc', shown: 'aes-128-cbc' },
    { name: 'AES-256', cipher: 'aes-256-cbc', shown: 'aes-256-cbc' },
    { name: 'triple DES', cipher: 'des-ede3-cbc', shown: 'des-ede3-cbc' },
  ] as const,
  ({ cipher, shown }) => {
    const sealed = sealFor(own, content, cipher);
    const args = ['cms', '-decrypt', '-binary', '-inform', 'DER', '-in', 'sealed', '-recip', 'cert', '-inkey', 'key'];
    assert.ok(openssl(args, { ...files, sealed }).equals(content));
    const tree = openssl(['asn1parse', '-inform', 'DER', '-in', 'sealed'], { sealed }).toString();
    assert.ok(tree.includes(shown));
    assert.throws(() => openssl(args, { cert: toPem(other), key: keyPem(otherKey), sealed }));
    assert.not.ok(sealFor(own, content, cipher).toString() === sealed.toString(), 'another key each time');
  },
);

table(
  'signMessage: openssl verifies it',
  (['sha1', 'sha256', 'sha512'] as const).map((name) => ({ name })),
  ({ name: hash }) => {
    const message = signMessage(content, [['1.2.3.4', Buffer.from('13026869', 'hex')]], {
      pkcs8,
      certificate: own,
      hash,
    });
    const args = [
      'cms',
      '-verify',
      '-binary',
      '-inform',
      'DER',
      '-in',
      'message',
      '-CAfile',
      'cert',
      '-purpose',
      'any',
    ];
    assert.ok(openssl(args, { cert: toPem(own), message }).equals(content));
    assert.throws(() => openssl(args, { cert: toPem(other), message }));
    const touched = Buffer.from(message);
    touched[touched.indexOf('nobody')] = 0x4e;
    assert.throws(() => openssl(args, { cert: toPem(own), message: touched }));
    const read = readSigned(message);
    assert.ok(read && isSignedBy(read, own) && !isSignedBy(read, other));
    assert.is(read?.signer?.attributes.get('1.2.3.4')?.value.toString(), 'hi');
    const wrong = readSigned(touched);
    assert.ok(wrong && !isSignedBy(wrong, own));
  },
);

const ciphers = [
  { name: 'AES-128', args: ['-aes128'] },
  { name: 'AES-192', args: ['-aes192'] },
  { name: 'AES-256', args: ['-aes256'] },
  { name: 'triple DES', args: ['-des3'] },
  { name: 'single DES, which Node has no provider for', args: ['-des', '-provider', 'default', '-provider', 'legacy'] },
  { name: 'in pieces of indefinite length (BER)', args: ['-aes128', '-stream'] },
];

table('openEnvelope: what openssl sealed', ciphers, ({ args }) => {
  const sealed = openssl(
    ['cms', '-encrypt', '-binary', '-in', 'content', '-outform', 'DER', '-out', 'out', ...args, 'cert'],
    { ...files, content },
  );
  assert.ok(content.equals(openEnvelope(sealed, own, pkcs8) ?? Buffer.alloc(0)));
  assert.is(openEnvelope(sealed, other, otherKey), null);
  assert.is(openEnvelope(sealed, own, otherKey), null);
});

table(
  'readSigned, isSignedBy: what openssl signed',
  [
    { name: 'RSA, SHA-1', signer: { certificate: own, pkcs8 }, args: ['-md', 'sha1'], trusted: true },
    { name: 'RSA, SHA-256', signer: { certificate: own, pkcs8 }, args: ['-md', 'sha256'], trusted: true },
    { name: 'RSA, SHA-512', signer: { certificate: own, pkcs8 }, args: ['-md', 'sha512'], trusted: true },
    { name: 'EC, SHA-384', signer: ec, args: ['-md', 'sha384'], trusted: true },
    { name: 'in pieces (BER)', signer: { certificate: own, pkcs8 }, args: ['-stream'], trusted: true },
    { name: 'MD5 never', signer: { certificate: own, pkcs8 }, args: ['-md', 'md5'], trusted: false },
    {
      name: 'no signed attributes: nothing to hold a nonce',
      signer: { certificate: own, pkcs8 },
      args: ['-noattr'],
      trusted: false,
    },
    { name: 'the signer named by key id', signer: ec, args: ['-keyid'], trusted: false },
  ],
  ({ signer, args, trusted }) => {
    const sign = ['cms', '-sign', '-nodetach', '-binary', '-in', 'content', '-signer', 'cert', '-inkey', 'key'];
    const message = openssl([...sign, '-outform', 'DER', '-out', 'out', ...args], {
      cert: toPem(signer.certificate),
      key: keyPem(signer.pkcs8),
      content,
    });
    const read = readSigned(message);
    assert.is(read !== null && isSignedBy(read, signer.certificate), trusted);
    if (trusted) assert.ok(content.equals(read?.content ?? Buffer.alloc(0)));
  },
);

test('isSignedBy: whoever only names the signer has signed nothing', () => {
  const forged = readSigned(signMessage(content, [], { pkcs8: otherKey, certificate: own, hash: 'sha256' }));
  assert.ok(forged?.signer);
  assert.not.ok(forged && isSignedBy(forged, own));
});

test('readSigned: certificates alone, as they came', () => {
  assert.equal(
    readSigned(certsOnly([own, other]))?.certificates.map((der) => Buffer.from(der).equals(own)),
    [true, false],
  );
  assert.is(readSigned(certsOnly(Array(11).fill(own))), null);
});

test('toDer: DER comes out as it went in', () => {
  for (const der of [own, sealFor(own, content, 'aes-128-cbc'), makeRequest(pkcs8, 'thin')])
    assert.ok(Buffer.from(der).equals(toDer(der) ?? Buffer.alloc(0)));
});

test('readSigned: what a server pads its answer with is left out', () => {
  const padded = readSigned(Buffer.concat([certsOnly([own]), Buffer.of(0x0a, 0xff)]));
  assert.is(padded?.certificates.length, 1);
});

test('10^4 damaged messages of at most 4 KiB: reading never throws, and nothing damaged is believed', () => {
  // A small key: what is tested is the reader.
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 512 });
  const key = privateKey.export({ type: 'pkcs8', format: 'der' });
  const certificate = makeSelfSigned(key, 'thin', now());
  const sealed = Buffer.from(sealFor(certificate, content, 'aes-128-cbc'));
  const message = Buffer.from(signMessage(sealed, [], { pkcs8: key, certificate, hash: 'sha256' }));
  const edits = (length: number) =>
    fc.array(fc.record({ at: fc.nat(length - 1), to: fc.nat(255) }), { minLength: 1, maxLength: 8 });
  const seen = { signed: 0, opened: 0 };
  fc.assert(
    fc.property(
      fc.oneof(fc.uint8Array({ maxLength: 512 }), edits(message.length)),
      edits(sealed.length),
      (input, sealedEdits) => {
        const body = input instanceof Uint8Array ? input : Buffer.from(message);
        if (!(input instanceof Uint8Array)) for (const { at, to } of input) body[at] = to;
        const read = readSigned(body);
        if (read && isSignedBy(read, certificate)) {
          seen.signed++;
          assert.ok(sealed.equals(read.content ?? Buffer.alloc(0)));
        }
        const envelope = Buffer.from(sealed);
        for (const { at, to } of sealedEdits) envelope[at] = to;
        if (openEnvelope(envelope, certificate, key)) seen.opened++;
      },
    ),
    { numRuns: 10_000 },
  );
  assert.ok(seen.signed < 1000 && seen.opened > 0);
});

test('the fixtures are what they claim', () => {
  assert.ok(issueFor(makeRoot('Root', pkcs8), makeRequest(otherKey, 'thin 2')).length > 300);
});
