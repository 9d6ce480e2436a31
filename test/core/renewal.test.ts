/** When an identity is renewed: the window by days, edge by edge (A7, F3, F16, F20), and the password of enrolling again. */
import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { reenrolmentPassword } from '../../protocol/reenrolment.ts';
import { graceEnd, isRenewalDue, renewAt, renewBeforeDays, windowStart } from '../../protocol/renewal.ts';
import { dayMs, hourMs, type Instant, instant } from '../../protocol/time.ts';
import { assert, table, test } from '../harness.ts';

const begin = instant(Date.parse('2026-01-01T00:00:00Z'));
const after = (days: number): Instant => instant(begin + days * dayMs);
/** A year, and no jitter. */
const year = { fingerprint: '0'.repeat(64), notBefore: begin, notAfter: after(365) };

table(
  'renewBeforeDays',
  [
    { name: 'no policy, or one that does not say', field: undefined, days: 30 },
    { name: 'blank', field: { renewBeforeDays: null }, days: 60 },
    { name: 'one day', field: { renewBeforeDays: 1 }, days: 1 },
    { name: 'sixty', field: { renewBeforeDays: 60 }, days: 60 },
  ],
  ({ field, days }) => assert.is(renewBeforeDays(field), days),
);

test('every window from 1 to 60 days: not a millisecond before it, and from then on to the end and after it', () => {
  for (let days = 1; days <= 60; days++) {
    const start = after(365 - days);
    assert.is(windowStart(year, days), start);
    const due = (at: number): boolean => isRenewalDue(year, days, undefined, instant(at));
    assert.equal(
      [due(start - 1), due(start), due(year.notAfter - 1), due(year.notAfter), due(year.notAfter + 400 * dayMs)],
      [false, true, true, true, true],
      `${days} days`,
    );
  }
});

table(
  'windowStart: a certificate shorter than its window is left alone for half of its life',
  [
    { name: 'a year, 60 days', days: 365, window: 60, start: 305 },
    { name: '120 days, 60 days', days: 120, window: 60, start: 60 },
    { name: '90 days, 60 days', days: 90, window: 60, start: 45 },
    { name: '10 days, 60 days', days: 10, window: 60, start: 5 },
    { name: '10 days, 1 day', days: 10, window: 1, start: 9 },
  ],
  ({ days, window, start }) =>
    assert.is(windowStart({ notBefore: begin, notAfter: after(days) }, window), after(start)),
);

table(
  'renewAt: the slot of the server, where it is one of this certificate',
  [
    { name: 'none', slot: undefined, at: 335 },
    { name: 'null', slot: { renewAt: null }, at: 335 },
    { name: 'inside the window', slot: { renewAt: after(350) }, at: 350 },
    { name: 'at its start', slot: { renewAt: after(335) }, at: 335 },
    { name: 'of the certificate before', slot: { renewAt: after(100) }, at: 335 },
    { name: 'at the end', slot: { renewAt: after(365) }, at: 335 },
    { name: 'behind the end', slot: { renewAt: after(700) }, at: 335 },
  ],
  ({ slot, at }) => assert.is(renewAt(year, 30, slot), after(at)),
);

test('renewAt: without a slot certificates spread over an hour, each the same however often it is asked', () => {
  const prints = Array.from({ length: 256 }, (_, index) => index.toString(16).padStart(2, '0').padEnd(64, '7'));
  const times = prints.map((fingerprint) => renewAt({ ...year, fingerprint }, 30, undefined) - after(335));
  assert.equal(
    prints.map((fingerprint) => renewAt({ ...year, fingerprint }, 30, undefined) - after(335)),
    times,
  );
  assert.ok(Math.min(...times) >= 0 && Math.max(...times) < hourMs);
  for (let quarter = 0; quarter < 4; quarter++) {
    const within = times.filter((time) => Math.floor((4 * time) / hourMs) === quarter).length;
    assert.is(within, 64, `quarter ${quarter}`);
  }
});

// Bounds: certificates of a minute to 40 years, windows of 1 to 60 days, any slot, any time.
test('renewAt: inside the life of the certificate, and no clock step skips it (10^4 runs)', () => {
  const at = fc.integer({ min: 0, max: 4_102_444_800_000 });
  fc.assert(
    fc.property(
      at,
      fc.integer({ min: 60_000, max: 40 * 365 * dayMs }),
      fc.integer({ min: 1, max: 60 }),
      fc.oneof(fc.constant(null), at),
      fc.stringMatching(/^[0-9a-f]{64}$/),
      at,
      (from, lasts, days, slot, fingerprint, now) => {
        const lifetime = { fingerprint, notBefore: instant(from), notAfter: instant(from + lasts) };
        const due = renewAt(lifetime, days, { renewAt: slot });
        assert.ok(due >= windowStart(lifetime, days) && due <= lifetime.notAfter);
        assert.ok(due >= from + Math.floor(lasts / 2), 'renewed without end');
        assert.is(isRenewalDue(lifetime, days, { renewAt: slot }, instant(now)), now >= due);
      },
    ),
    { numRuns: 10_000 },
  );
});

test('graceEnd: thirty days after the end', () => assert.is(graceEnd(year.notAfter), after(395)));

test('reenrolmentPassword: HMAC-SHA256 by the device secret over the label, a zero and the request', () => {
  const secret = Buffer.alloc(32, 7);
  const csr = Buffer.from('3003020101', 'hex');
  const expected = createHmac('sha256', secret)
    .update(Buffer.concat([Buffer.from('thintrust-reenrol-v1'), Buffer.from([0]), csr]))
    .digest('hex');
  assert.is(reenrolmentPassword(secret, csr), expected);
  assert.match(expected, /^[0-9a-f]{64}$/);
  assert.is(
    reenrolmentPassword(secret, csr),
    '7bc3204496518073e871c0b005310fa23a8b9510b70c28eae423a99c537e0745',
    'as openssl dgst -mac HMAC says',
  );
  assert.is.not(reenrolmentPassword(secret, Buffer.from('3003020102', 'hex')), expected);
});
