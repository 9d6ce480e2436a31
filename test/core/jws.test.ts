import { createHash, createHmac, createPrivateKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import fc from 'fast-check';
import { joinSignature, openJws, signingInput, thumbprint } from '../../protocol/jws.ts';
import { maxDocumentBytes } from '../../protocol/limits.ts';
import type { PublicKey } from '../../protocol/schema.ts';
import { assert, table, test } from '../harness.ts';

type Pair = { readonly publicKey: PublicKey; readonly privateKey: KeyObject };

const runs = { numRuns: 10_000 };

/** RFC 7515 appendix A.3.1: the example key, private part published there. */
const rfc: Pair = (() => {
  const publicKey: PublicKey = {
    kty: 'EC',
    crv: 'P-256',
    x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
    y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
  };
  const d = 'jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI';
  return { publicKey, privateKey: createPrivateKey({ key: { ...publicKey, d }, format: 'jwk' }) };
})();
const rfcToken =
  'eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q';

function makePair(): Pair {
  const made = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { x = '', y = '' } = made.publicKey.export({ format: 'jwk' });
  return { publicKey: { kty: 'EC', crv: 'P-256', x, y }, privateKey: made.privateKey };
}
const ours = makePair();
const stranger = makePair();

const p1363 = (input: string, key: KeyObject, hash = 'sha256'): Buffer =>
  sign(hash, Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' });
const encode = (value: string | Buffer): string => Buffer.from(value).toString('base64url');
const payload = '{"aud":"x","rev":1}';

function tokenOf(pair: Pair, body = payload): string {
  const input = signingInput('policy', pair.publicKey, body);
  return joinSignature(input, p1363(input, pair.privateKey));
}
/** A token that is right in everything but the header. */
function withHeader(header: unknown, hash = 'sha256'): string {
  const input = `${encode(typeof header === 'string' ? header : JSON.stringify(header))}.${encode(payload)}`;
  return joinSignature(input, p1363(input, ours.privateKey, hash));
}
const open = (token: string, keys: readonly PublicKey[] = [ours.publicKey]) => openJws(token, 'policy', keys);
const outcome = (token: string, keys?: readonly PublicKey[]): string => {
  const opened = open(token, keys);
  return opened.ok ? 'opened' : opened.fault.code;
};

/** The same value with an unused low bit set in the last character: 86 characters carry 516 bits for 512, 43 carry 258. */
function strayBits(part: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  return part.slice(0, -1) + (alphabet[alphabet.indexOf(part.slice(-1)) + 1] ?? '');
}

const valid = tokenOf(ours);
const [head = '', body = '', tail = ''] = valid.split('.');
const header = { alg: 'ES256', kid: thumbprint(ours.publicKey), typ: 'thintrust-policy+jws' };

table(
  'thumbprints (RFC 7638 §3)',
  [
    {
      name: 'RFC 9449 §6.1, an EC key',
      key: {
        kty: 'EC',
        crv: 'P-256',
        x: 'l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs',
        y: '9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA',
      } satisfies PublicKey,
      wanted: '0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I',
    },
    {
      name: 'members in lexicographic order whatever order they came in',
      key: { y: rfc.publicKey.y, x: rfc.publicKey.x, kty: 'EC', crv: 'P-256' } satisfies PublicKey,
      wanted: createHash('sha256')
        .update(`{"crv":"P-256","kty":"EC","x":"${rfc.publicKey.x}","y":"${rfc.publicKey.y}"}`)
        .digest('base64url'),
    },
  ],
  ({ key, wanted }) => assert.is(thumbprint(key), wanted),
);

test('a signed document opens with its key among others, payload byte for byte', () => {
  const opened = open(valid, [stranger.publicKey, ours.publicKey]);
  assert.ok(opened.ok);
  assert.is(opened.value.kid, thumbprint(ours.publicKey));
  assert.is(Buffer.from(opened.value.payload).toString(), payload);
});

test('the key of RFC 7515 A.3 and the signature printed there: ours to verify, but of no type of ours', () => {
  assert.is(outcome(tokenOf(rfc), [rfc.publicKey]), 'opened');
  assert.is(outcome(rfcToken, [rfc.publicKey]), 'wrong-type');
  const [, , printed = ''] = rfcToken.split('.');
  assert.is(outcome(`${tokenOf(rfc).split('.').slice(0, 2).join('.')}.${printed}`, [rfc.publicKey]), 'bad-signature');
});

test('the largest document opens', () => assert.is(outcome(tokenOf(ours, 'x'.repeat(maxDocumentBytes))), 'opened'));

const der = sign('sha256', Buffer.from(`${head}.${body}`), { key: ours.privateKey, dsaEncoding: 'der' });
const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' });
const offCurve: PublicKey = { ...ours.publicKey, x: stranger.publicKey.x };
const offCurveInput = signingInput('policy', offCurve, payload);
const zeroKey: PublicKey = { ...ours.publicKey, x: 'A'.repeat(43), y: 'A'.repeat(43) };
const padded: PublicKey = { ...ours.publicKey, x: `${ours.publicKey.x}=` };
const paddedInput = signingInput('policy', padded, payload);
const stray: PublicKey = { ...ours.publicKey, x: strayBits(ours.publicKey.x) };
const strayInput = signingInput('policy', stray, payload);
table<{ name: string; token: string; code: string; keys?: readonly PublicKey[] }>(
  'refused',
  [
    { name: 'empty', token: '', code: 'bad-shape' },
    { name: 'dots', token: '..', code: 'bad-shape' },
    { name: 'two parts', token: `${head}.${body}`, code: 'bad-shape' },
    { name: 'four parts', token: `${valid}.${tail}`, code: 'bad-shape' },
    { name: 'five parts, as a JWE', token: `${valid}.${tail}.${tail}`, code: 'bad-shape' },
    { name: 'no signature', token: `${head}.${body}.`, code: 'bad-shape' },
    { name: 'no payload', token: `${head}..${tail}`, code: 'bad-shape' },
    {
      name: 'JSON serialization',
      token: JSON.stringify({ protected: head, payload: body, signature: tail }),
      code: 'bad-shape',
    },
    { name: 'alg none', token: withHeader({ ...header, alg: 'none' }), code: 'bad-shape' },
    {
      name: 'alg none, unsigned',
      token: `${encode(JSON.stringify({ ...header, alg: 'none' }))}.${body}.`,
      code: 'bad-shape',
    },
    {
      name: 'alg HS256 with the public key as secret',
      token: (() => {
        const input = `${encode(JSON.stringify({ ...header, alg: 'HS256' }))}.${body}`;
        return `${input}.${createHmac('sha256', JSON.stringify(ours.publicKey)).update(input).digest('base64url')}`;
      })(),
      code: 'bad-shape',
    },
    { name: 'alg ES384', token: withHeader({ ...header, alg: 'ES384' }, 'sha384'), code: 'bad-shape' },
    { name: 'alg es256', token: withHeader({ ...header, alg: 'es256' }), code: 'bad-shape' },
    { name: 'alg missing', token: withHeader({ kid: header.kid, typ: header.typ }), code: 'bad-shape' },
    { name: 'crit', token: withHeader({ ...header, crit: ['exp'], exp: 1 }), code: 'unknown-critical' },
    { name: 'crit b64', token: withHeader({ ...header, crit: ['b64'], b64: false }), code: 'unknown-critical' },
    { name: 'crit empty', token: withHeader({ ...header, crit: [] }), code: 'unknown-critical' },
    {
      name: 'typ of another document',
      token: withHeader({ ...header, typ: 'thintrust-device+jws' }),
      code: 'wrong-type',
    },
    { name: 'typ JWT', token: withHeader({ ...header, typ: 'JWT' }), code: 'wrong-type' },
    { name: 'typ missing', token: withHeader({ alg: 'ES256', kid: header.kid }), code: 'wrong-type' },
    { name: 'typ in capitals', token: withHeader({ ...header, typ: header.typ.toUpperCase() }), code: 'wrong-type' },
    { name: 'kid of a stranger', token: tokenOf(stranger), code: 'unknown-key' },
    { name: 'kid missing', token: withHeader({ alg: 'ES256', typ: header.typ }), code: 'unknown-key' },
    { name: 'kid a list', token: withHeader({ ...header, kid: [header.kid] }), code: 'unknown-key' },
    { name: 'no keys', token: valid, code: 'unknown-key', keys: [] },
    {
      name: 'the key brought along (jwk)',
      token: (() => {
        const own = encode(JSON.stringify({ ...header, kid: thumbprint(stranger.publicKey), jwk: stranger.publicKey }));
        return joinSignature(`${own}.${body}`, p1363(`${own}.${body}`, stranger.privateKey));
      })(),
      code: 'unknown-key',
    },
    {
      name: 'signed by a stranger under our kid',
      token: joinSignature(`${head}.${body}`, p1363(`${head}.${body}`, stranger.privateKey)),
      code: 'bad-signature',
    },
    { name: 'payload swapped', token: `${head}.${encode('{"aud":"x","rev":2}')}.${tail}`, code: 'bad-signature' },
    { name: 'DER signature', token: joinSignature(`${head}.${body}`, der), code: 'bad-signature' },
    {
      name: 'P-384 signature',
      token: joinSignature(`${head}.${body}`, p1363(`${head}.${body}`, p384.privateKey)),
      code: 'bad-signature',
    },
    { name: 'r and s zero', token: joinSignature(`${head}.${body}`, Buffer.alloc(64)), code: 'bad-signature' },
    {
      name: 'signature one byte short',
      token: joinSignature(`${head}.${body}`, Buffer.from(tail, 'base64url').subarray(1)),
      code: 'bad-signature',
    },
    { name: 'signature truncated by a character', token: valid.slice(0, -1), code: 'bad-shape' },
    { name: 'signature padded', token: `${valid}==`, code: 'bad-shape' },
    { name: 'stray bits in the last character', token: strayBits(valid), code: 'bad-shape' },
    { name: 'standard base64 alphabet', token: `${head}.${body}.${'+/'.repeat(43)}`, code: 'bad-shape' },
    { name: 'line end behind', token: `${valid}\n`, code: 'bad-shape' },
    { name: 'blank before', token: ` ${valid}`, code: 'bad-shape' },
    { name: 'NUL inside', token: `${head}\0.${body}.${tail}`, code: 'bad-shape' },
    { name: 'header not JSON', token: withHeader('{'), code: 'bad-shape' },
    { name: 'header a list', token: withHeader([header]), code: 'bad-shape' },
    { name: 'header null', token: withHeader(null), code: 'bad-shape' },
    {
      name: 'header not UTF-8',
      token: (() => {
        const raw = Buffer.from(JSON.stringify({ ...header, x: 'y' }).replace('"y"', '"\u00ff"'), 'latin1');
        const input = `${encode(raw)}.${body}`;
        return joinSignature(input, p1363(input, ours.privateKey));
      })(),
      code: 'bad-shape',
    },
    { name: 'header with a byte order mark', token: withHeader(`\ufeff${JSON.stringify(header)} `), code: 'bad-shape' },
    { name: 'header long', token: withHeader({ ...header, pad: 'x'.repeat(512) }), code: 'bad-shape' },
    { name: 'one byte too large', token: tokenOf(ours, 'x'.repeat(maxDocumentBytes + 1)), code: 'too-large' },
    { name: 'far too large', token: 'x'.repeat(64 * 1024 * 1024), code: 'too-large' },
    {
      name: 'key off the curve',
      token: joinSignature(offCurveInput, p1363(offCurveInput, ours.privateKey)),
      code: 'bad-signature',
      keys: [offCurve],
    },
    {
      name: 'key of zeros',
      token: joinSignature(signingInput('policy', zeroKey, payload), Buffer.alloc(64, 1)),
      code: 'bad-signature',
      keys: [zeroKey],
    },
    {
      name: 'our key by a second spelling',
      token: joinSignature(paddedInput, p1363(paddedInput, ours.privateKey)),
      code: 'bad-signature',
      keys: [padded],
    },
    {
      name: 'our key with stray bits',
      token: joinSignature(strayInput, p1363(strayInput, ours.privateKey)),
      code: 'bad-signature',
      keys: [stray],
    },
  ],
  ({ token, code, keys }) => assert.is(outcome(token, keys), code),
);

table(
  'a document opens as what it is and as nothing else',
  (['policy', 'device', 'command', 'rotation', 'key', 'time', 'repair'] as const).map((type) => ({ name: type, type })),
  ({ type }) => {
    const input = signingInput(type, ours.publicKey, payload);
    const token = joinSignature(input, p1363(input, ours.privateKey));
    for (const asked of ['policy', 'device', 'command', 'rotation', 'key', 'time', 'repair'] as const)
      assert.is(openJws(token, asked, [ours.publicKey]).ok, asked === type);
  },
);

test('every one-character change of a valid token is refused, each place with every character of the alphabet and a dot', () => {
  const small = tokenOf(ours, '{}');
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.';
  let tried = 0;
  for (let at = 0; at < small.length; at++) {
    assert.not.equal(outcome(small.slice(0, at) + small.slice(at + 1)), 'opened');
    for (const character of alphabet) {
      if (character === small[at]) continue;
      assert.not.equal(outcome(small.slice(0, at) + character + small.slice(at + 1)), 'opened');
      tried++;
    }
  }
  assert.ok(tried > 10_000);
});

test('what is signed opens to the same bytes: 10^4 runs, payloads of up to 200 characters', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1, maxLength: 200, unit: 'grapheme' }), (text) => {
      const opened = open(tokenOf(ours, text));
      assert.ok(opened.ok && Buffer.from(opened.value.payload).toString() === text);
    }),
    runs,
  );
});

test('any string, 10^4 runs of up to 300 characters, whole or in place of a part: a fault, never a throw', () => {
  const part = fc.oneof(
    fc.string({ maxLength: 300, unit: 'binary' }),
    fc.stringMatching(/^[A-Za-z0-9_-]{0,90}$/),
    fc.json({ maxDepth: 2 }).map((json) => encode(json)),
    fc.json({ maxDepth: 1 }).map((json) => encode(`{"alg":"ES256","typ":"thintrust-policy+jws","kid":${json}}`)),
  );
  fc.assert(
    fc.property(part, fc.nat(3), (text, at) => {
      const parts = [head, body, tail];
      const token = at === 3 ? text : parts.map((own, index) => (index === at ? text : own)).join('.');
      if (token !== valid)
        assert.match(outcome(token), /^(bad-shape|wrong-type|unknown-critical|unknown-key|bad-signature)$/);
    }),
    runs,
  );
});
