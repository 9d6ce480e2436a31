/** One-time passwords by time: the vectors of RFC 6238 and RFC 4648, and that no code counts twice. */
import { instant } from '../../protocol/time.ts';
import { base32, matchTotp, otpauthUri, stepAt, type TotpHash, totp } from '../../server/core/totp.ts';
import { assert, table } from '../harness.ts';

const seeds: Readonly<Record<TotpHash, string>> = {
  sha1: '12345678901234567890',
  sha256: '12345678901234567890123456789012',
  sha512: '1234567890123456789012345678901234567890123456789012345678901234',
};
const appendixB: readonly (readonly [number, string, string, string])[] = [
  [59, '94287082', '46119246', '90693936'],
  [1111111109, '07081804', '68084774', '25091201'],
  [1111111111, '14050471', '67062674', '99943326'],
  [1234567890, '89005924', '91819424', '93441116'],
  [2000000000, '69279037', '90698825', '38618901'],
  [20000000000, '65353130', '77737706', '47863826'],
];

table(
  'totp (RFC 6238 appendix B)',
  appendixB.flatMap(([seconds, ...codes]) =>
    (['sha1', 'sha256', 'sha512'] as const).map((hash, index) => ({
      name: `${seconds} ${hash}`,
      seconds,
      hash,
      code: codes[index] ?? '',
    })),
  ),
  ({ seconds, hash, code }) =>
    assert.is(totp(Buffer.from(seeds[hash]), stepAt(instant(seconds * 1000)), 8, hash), code),
);

const secret = Buffer.from(seeds.sha1);
const now = instant(1_234_567_890_000);
const step = stepAt(now);

table(
  'matchTotp',
  [
    { name: 'now', typed: totp(secret, step), last: 0, found: step },
    { name: 'a step late', typed: totp(secret, step - 1), last: 0, found: step - 1 },
    { name: 'a step early', typed: totp(secret, step + 1), last: 0, found: step + 1 },
    { name: 'two steps late', typed: totp(secret, step - 2), last: 0, found: null },
    { name: 'two steps early', typed: totp(secret, step + 2), last: 0, found: null },
    { name: 'again', typed: totp(secret, step), last: step, found: null },
    { name: 'one before the last', typed: totp(secret, step - 1), last: step, found: null },
    { name: 'one after the last', typed: totp(secret, step + 1), last: step, found: step + 1 },
    { name: 'eight digits', typed: totp(secret, step, 8), last: 0, found: null },
    { name: 'letters', typed: '12345a', last: 0, found: null },
    { name: 'other digits', typed: '١٢٣٤٥٦', last: 0, found: null },
    { name: 'nothing', typed: '', last: 0, found: null },
  ],
  ({ typed, last, found }) => assert.is(matchTotp(secret, typed, last, now), found),
);

table(
  'base32 (RFC 4648 §10, without padding)',
  [
    { name: 'nothing', text: '', coded: '' },
    { name: 'f', text: 'f', coded: 'MY' },
    { name: 'fo', text: 'fo', coded: 'MZXQ' },
    { name: 'foo', text: 'foo', coded: 'MZXW6' },
    { name: 'foob', text: 'foob', coded: 'MZXW6YQ' },
    { name: 'fooba', text: 'fooba', coded: 'MZXW6YTB' },
    { name: 'foobar', text: 'foobar', coded: 'MZXW6YTBOI' },
  ],
  ({ text, coded }) => assert.is(base32(Buffer.from(text)), coded),
);

table('otpauthUri', [{ name: 'with a blank' }], () =>
  assert.is(
    otpauthUri('thintrust ksc.example', 'anna', secret),
    'otpauth://totp/thintrust%20ksc.example:anna?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=thintrust%20ksc.example&algorithm=SHA1&digits=6&period=30',
  ),
);
