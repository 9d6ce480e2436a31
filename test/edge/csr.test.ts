/** Keys and requests of every kind, as openssl reads them (F26). */
import { X509Certificate } from 'node:crypto';
import type { KeyKind } from '../../agent/core/durable.ts';
import { makeKey, makeRequest, makeSelfSigned } from '../../agent/edge/csr.ts';
import { toPem } from '../../protocol/certificate.ts';
import { dayMs } from '../../protocol/time.ts';
import { readRequest } from '../../server/edge/request.ts';
import { keyPem } from '../fakes/foreign-authority.ts';
import { openssl } from '../fakes/openssl.ts';
import { now } from '../fakes/tls-server.ts';
import { assert, needs, table, test } from '../harness.ts';

needs(['openssl']);

const kinds: readonly { readonly name: KeyKind; readonly key: string; readonly signature: string }[] = [
  { name: 'P-256', key: 'Public-Key: (256 bit)', signature: 'ecdsa-with-SHA256' },
  { name: 'P-384', key: 'Public-Key: (384 bit)', signature: 'ecdsa-with-SHA384' },
  { name: 'RSA-2048', key: 'Public-Key: (2048 bit)', signature: 'sha256WithRSAEncryption' },
  { name: 'RSA-3072', key: 'Public-Key: (3072 bit)', signature: 'sha256WithRSAEncryption' },
];

table('makeRequest', kinds, ({ name, key, signature }) => {
  const pkcs8 = makeKey(name);
  const csr = makeRequest(pkcs8, 'thin 1', 'open: sesame');
  const shown = openssl(['req', '-inform', 'DER', '-in', 'csr', '-verify', '-noout', '-text'], { csr }).toString();
  for (const wanted of [key, signature, 'Subject: CN = thin 1', 'challengePassword        :open: sesame'])
    assert.ok(shown.includes(wanted), `${wanted}\n${shown}`);
  assert.ok(readRequest(csr).ok, 'our own server reads it too');
  assert.ok(openssl(['pkey', '-in', 'key', '-check', '-noout'], { key: keyPem(pkcs8) }).includes('Key is valid'));
});

table(
  'makeRequest: the challenge',
  [
    { name: 'none: no attribute', challenge: null, expected: /Attributes:\s+\(none\)/ },
    { name: 'plain: PrintableString', challenge: 'secret', expected: /PRINTABLESTRING\s+:secret/ },
    { name: 'with other characters: UTF8String', challenge: 'пароль_1', expected: /UTF8STRING/ },
  ],
  ({ challenge, expected }) => {
    const csr = makeRequest(makeKey(), 'thin', challenge);
    const [text, tree] = [
      openssl(['req', '-inform', 'DER', '-in', 'csr', '-verify', '-noout', '-text'], { csr }).toString(),
      openssl(['asn1parse', '-inform', 'DER', '-in', 'csr'], { csr }).toString(),
    ];
    assert.match(text + tree, expected);
  },
);

table(
  'makeRequest: the subject, as openssl writes it (RFC 2253)',
  [
    { name: 'a common name', subject: 'thin 1', expected: 'CN=thin 1' },
    { name: 'a distinguished name', subject: 'CN=kiosk, OU=Desk,O=Ex', expected: 'O=Ex,OU=Desk,CN=kiosk' },
    { name: 'a comma in a value', subject: 'CN=Ivanov, Ivan,OU=Desk', expected: 'OU=Desk,CN=Ivanov\\, Ivan' },
    { name: 'other types are text', subject: 'thin, DC=x', expected: 'CN=thin\\, DC=x' },
    { name: 'longer than 64 characters: cut', subject: 'я'.repeat(65), expected: `CN=${'я'.repeat(64)}` },
    { name: 'each part by itself', subject: `CN=${'a'.repeat(65)},OU=b`, expected: `OU=b,CN=${'a'.repeat(64)}` },
    { name: 'nothing', subject: '', expected: 'CN=thin client' },
    { name: 'a country', subject: 'C=RU,CN=x', expected: 'CN=x,C=RU' },
  ],
  ({ subject, expected }) => {
    const csr = makeRequest(makeKey(), subject);
    const form = ['-nameopt', 'RFC2253,-esc_msb,utf8'];
    const shown = openssl(['req', '-inform', 'DER', '-in', 'csr', '-verify', '-noout', '-subject', ...form], { csr });
    assert.is(/^subject=(.*)$/m.exec(shown.toString())?.[1], expected);
  },
);

test('a country is a PrintableString (RFC 5280 appendix A), other values are UTF8String', () => {
  const csr = makeRequest(makeKey(), 'C=RU,CN=x');
  const tree = openssl(['asn1parse', '-inform', 'DER', '-in', 'csr'], { csr }).toString();
  assert.match(tree, /:countryName\n.*PRINTABLESTRING\s+:RU\n/);
  assert.match(tree, /:commonName\n.*UTF8STRING\s+:x\n/);
});

test('a request that is touched is refused by openssl: the check above can fail', () => {
  const csr = Buffer.from(makeRequest(makeKey('P-384'), 'thin'));
  csr[csr.indexOf('thin')] = 0x54;
  assert.throws(() => openssl(['req', '-inform', 'DER', '-in', 'csr', '-verify', '-noout'], { csr }));
});

table('makeSelfSigned: openssl verifies it by itself', kinds, ({ name }) => {
  const at = now();
  const pkcs8 = makeKey(name);
  const own = makeSelfSigned(pkcs8, 'тонкий 1', at);
  const read = new X509Certificate(own);
  assert.ok(read.verify(read.publicKey));
  assert.is(read.subject, 'CN=тонкий 1');
  // A server whose clock is a day behind takes it too.
  assert.ok(Date.parse(read.validFrom) <= at - dayMs && Date.parse(read.validTo) > at);
  assert.ok(openssl(['verify', '-CAfile', 'own', 'own'], { own: toPem(own) }).includes('own: OK'));
});
