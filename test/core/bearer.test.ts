/** Tokens of agents without an identity, the header of a front end, and subjects with variables. */
import fc from 'fast-check';
import { fillSubject, isOffered, randomBytesFor, subjectVariables, unknownVariables } from '../../protocol/subject.ts';
import { instant } from '../../protocol/time.ts';
import {
  accessTokenMs,
  bearerOf,
  hashSecret,
  isAccess,
  isSecret,
  makeAccess,
  readToken,
  type Token,
  writeToken,
} from '../../server/core/bearer.ts';
import { readClientCert, writeClientCert } from '../../server/core/client-cert.ts';
import { assert, table, test } from '../harness.ts';

const runs = { numRuns: 10_000 };
const device = '0c3f7c0e-4b4b-4a52-8d2a-c2b93797d941';
const other = '7d0a8e0e-6f1c-4b8e-9a3e-3a1c4d9d2b11';
const secret = Buffer.alloc(32, 7).toString('base64url');
const key = Buffer.alloc(32, 1);
const now = instant(1_800_000_000_500);
type Access = Extract<Token, { at: 'access' }>;

const accessOf = (text: string): Access => {
  const token = readToken(text);
  if (token?.at !== 'access') throw new Error(`no access token: ${text}`);
  return token;
};
const good = accessOf(makeAccess(key, device, 'legacy', 'hash', now));
table(
  'an access token holds',
  [
    { name: 'at once', token: good, holds: true },
    { name: 'to its last second', token: good, at: instant(now + accessTokenMs - 501), holds: true },
    { name: 'and no longer', token: good, at: instant(now + accessTokenMs), holds: false },
    { name: 'not for another device', token: { ...good, device: other }, holds: false },
    { name: 'not another way', token: { ...good, way: 'mutual' }, holds: false },
    { name: 'not longer than made for', token: { ...good, expiresAt: instant(good.expiresAt + 1000) }, holds: false },
    { name: 'not under another key', token: good, under: Buffer.alloc(32, 2), holds: false },
    { name: 'not for another thing behind it', token: good, bounds: ['other'], holds: false },
    { name: 'for one of several', token: good, bounds: ['other', 'hash'], holds: true },
    { name: 'not for nothing', token: good, bounds: [], holds: false },
  ] satisfies readonly {
    name: string;
    token: Access;
    at?: typeof now;
    under?: Uint8Array;
    bounds?: readonly string[];
    holds: boolean;
  }[],
  ({ token, at = now, under = key, bounds = ['hash'], holds }) => assert.is(isAccess(under, token, bounds, at), holds),
);

table(
  'bearerOf (RFC 6750 §2.1)',
  [
    { name: 'none', header: undefined, found: false },
    { name: 'empty', header: '', found: false },
    { name: 'a device token', header: `Bearer ${device}.${secret}`, found: true },
    { name: 'any case, more blanks', header: `bearer   ${device}.${secret}`, found: true },
    { name: 'an access token', header: `Bearer ${writeToken(good)}`, found: true },
    { name: 'Basic', header: `Basic ${device}.${secret}`, found: false },
    { name: 'two', header: `Bearer ${device}.${secret}, Bearer ${device}.${secret}`, found: false },
    { name: 'an upper-case id', header: `Bearer ${device.toUpperCase()}.${secret}`, found: false },
    { name: 'a short secret', header: `Bearer ${device}.${secret.slice(1)}`, found: false },
    { name: 'bits to spare', header: `Bearer ${device}.${secret.slice(0, -1)}d`, found: false },
    { name: 'a way that is none', header: `Bearer ${writeToken(good).replace('legacy', 'other')}`, found: false },
    { name: 'a zero before the date', header: `Bearer ${writeToken(good).replace('y.', 'y.0')}`, found: false },
    { name: 'too long', header: `Bearer ${' '.repeat(500)}${device}.${secret}`, found: false },
  ],
  ({ header, found }) => assert.is(bearerOf(header) !== null, found),
);

test('only the hash of a device token is kept', () => {
  assert.ok(isSecret(secret, hashSecret(secret)));
  assert.not.ok(isSecret(`${secret.slice(0, -1)}A`, hashSecret(secret)));
  assert.not.ok(isSecret(secret, secret));
});

/** Tokens, nearly tokens, and texts of up to 600 characters. */
const nearly = fc
  .tuple(
    fc.constantFrom(`${device}.${secret}`, writeToken(good)),
    fc.nat(200),
    fc.string({ unit: 'binary', maxLength: 3 }),
  )
  .map(([text, at, put]) => text.slice(0, at) + put + text.slice(at + put.length));
test('bearerOf: whatever comes is no token, or written again as it came (up to 600 characters)', () => {
  fc.assert(
    fc.property(fc.oneof(nearly, fc.string({ unit: 'binary', maxLength: 600 })), (text) => {
      const token = bearerOf(`Bearer ${text}`);
      if (token) assert.is(writeToken(token), text.trimStart());
      const plain = bearerOf(text);
      if (plain) assert.ok(text.toLowerCase().startsWith('bearer '));
    }),
    runs,
  );
});
test('a changed token opens nothing (any byte of it)', () => {
  const text = writeToken(good);
  fc.assert(
    fc.property(nearly, (changed) => {
      const token = readToken(changed);
      if (token?.at === 'access') assert.is(isAccess(key, token, ['hash'], now), changed === text);
      if (token?.at === 'device')
        assert.is(
          isSecret(token.secret, hashSecret(secret)) && token.device === device,
          changed === `${device}.${secret}`,
        );
    }),
    runs,
  );
});

table(
  'Client-Cert (RFC 9440 §2.2, RFC 8941 §3.3.5)',
  [
    { name: 'three bytes', field: ':AQID:', bytes: '010203' },
    { name: 'blanks around it', field: '  :AQID: ', bytes: '010203' },
    { name: 'padding', field: ':AQ==:', bytes: '01' },
    { name: 'padding left out', field: ':AQ:', bytes: '01' },
    { name: 'bits to spare', field: ':AR==:', bytes: '01' },
    { name: 'nothing', field: '', bytes: null },
    { name: 'no bytes', field: '::', bytes: null },
    { name: 'no colons', field: 'AQID', bytes: null },
    { name: 'one colon', field: ':AQID', bytes: null },
    { name: 'half a quantum', field: ':AQIDA:', bytes: null },
    { name: 'too much padding', field: ':AQID=:', bytes: null },
    { name: 'half the padding', field: ':AQ=:', bytes: null },
    { name: 'a parameter', field: ':AQID:;a=1', bytes: null },
    { name: 'two of them, as a proxy joins them', field: ':AQID:, :AQID:', bytes: null },
    { name: 'base64url', field: ':-_-_:', bytes: null },
    {
      name: 'PEM in percent signs, as $ssl_client_escaped_cert',
      field: '-----BEGIN%20CERTIFICATE-----%0A',
      bytes: null,
    },
    { name: 'a string', field: '"AQID"', bytes: null },
    { name: 'a line end', field: ':AQ\nID:', bytes: null },
  ],
  ({ field, bytes }) => {
    const read = readClientCert(field);
    assert.is(read.ok ? Buffer.from(read.value).toString('hex') : null, bytes);
    if (!read.ok) assert.is(read.fault.code, 'bad-shape');
  },
);
test('Client-Cert: too long is refused before it is read', () => {
  const read = readClientCert(`:${'A'.repeat(9000)}:`);
  assert.is(read.ok ? '' : read.fault.code, 'too-large');
});
test('Client-Cert: bytes come back as they were, and anything else is refused (up to 400 bytes, 400 characters)', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1, maxLength: 400 }),
      fc.string({ unit: 'binary', maxLength: 400 }),
      (der, text) => {
        const read = readClientCert(writeClientCert(der));
        assert.ok(read.ok && Buffer.from(der).equals(read.value));
        for (const field of [text, `:${text}:`]) {
          const found = readClientCert(field);
          if (!found.ok) continue;
          const bare = writeClientCert(found.value).replace(/[:=]/g, '');
          assert.is(field.replace(/[: =]/g, '').slice(0, -1), bare.slice(0, -1));
        }
      },
    ),
    runs,
  );
});

const facts = { random: Uint8Array.from({ length: 64 }, (_, index) => index), configUuid: other, now };
table(
  'the five subject variables, and others',
  [
    { name: 'no variable', template: 'CN=kiosk', filled: 'CN=kiosk', unknown: [] },
    { name: '$RANDOM_16$', template: 'CN=$RANDOM_16$', filled: 'CN=0001020304050607', unknown: [] },
    {
      name: '$RANDOM_32$',
      template: 'CN=$RANDOM_32$',
      filled: 'CN=000102030405060708090a0b0c0d0e0f',
      unknown: [],
    },
    {
      name: '$RANDOM_64$',
      template: '$RANDOM_64$',
      filled: Buffer.from(facts.random.subarray(0, 32)).toString('hex'),
      unknown: [],
    },
    { name: '$CONFIG_UUID$', template: 'OU=$CONFIG_UUID$', filled: `OU=${other}`, unknown: [] },
    { name: '$TIMESTAMP_MS$', template: 'CN=$TIMESTAMP_MS$', filled: 'CN=1800000000500', unknown: [] },
    {
      name: 'another one is replaced by $RANDOM_32$',
      template: 'CN=$USERID$',
      filled: 'CN=000102030405060708090a0b0c0d0e0f',
      unknown: ['$USERID$'],
    },
    {
      name: 'each occurrence is random on its own',
      template: '$RANDOM_16$,$RANDOM_16$,$EMAIL$,$EMAIL$',
      filled: '0001020304050607,08090a0b0c0d0e0f,101112131415161718191a1b1c1d1e1f,202122232425262728292a2b2c2d2e2f',
      unknown: ['$EMAIL$'],
    },
    { name: 'a lone sign', template: 'CN=5$', filled: 'CN=5$', unknown: [] },
  ],
  ({ template, filled, unknown }) => {
    assert.is(fillSubject(template, facts), filled);
    assert.equal(unknownVariables(template), unknown);
    assert.is(isOffered(template), unknown.length === 0);
  },
);
test('fillSubject takes the random bytes it says, and refuses to go without', () => {
  const template = 'CN=$RANDOM_16$,OU=$OTHER$,O=$CONFIG_UUID$';
  assert.is(randomBytesFor(template), 8 + 16);
  const random = new Uint8Array(randomBytesFor(template));
  assert.is(fillSubject(template, { ...facts, random }), `CN=${'0'.repeat(16)},OU=${'0'.repeat(32)},O=${other}`);
  assert.throws(() => fillSubject(template, { ...facts, random: random.subarray(1) }), /random/);
});
test('subjects: whatever the template, no variable is left but what its values spell (up to 200 characters)', () => {
  const part = fc.constantFrom('$RANDOM_16$', '$CONFIG_UUID$', '$TIMESTAMP_MS$', '$OTHER$', '$', '$$', 'CN=', ',');
  const template = fc.oneof(
    fc.array(part, { maxLength: 20 }).map((parts) => parts.join('')),
    fc.string({ maxLength: 200 }),
  );
  fc.assert(
    fc.property(template, (text) => {
      const random = new Uint8Array(randomBytesFor(text));
      const filled = fillSubject(text, { ...facts, random });
      assert.ok(filled.length <= text.length * 16);
      if (!text.includes('$')) assert.is(filled, text);
      for (const name of [...subjectVariables, ...unknownVariables(text)]) assert.not.ok(filled.includes(name), name);
    }),
    runs,
  );
});
