import fc from 'fast-check';
import { maxRevocationListBytes } from '../../protocol/limits.ts';
import {
  countOf,
  isMadeBy,
  isNewer,
  listedAmong,
  parseRevocationList,
  type RevocationList,
} from '../../protocol/revocation-list.ts';
import { issue, issueList } from '../fakes/issue.ts';
import { assert, table, test } from '../harness.ts';

const root = issue({ cn: 'Root', ca: true });
const sameName = issue({ cn: 'Root', ca: true });
const other = issue({ cn: 'Other', ca: true });
const leaf = issue({ cn: 'leaf', by: root });
const neighbour = issue({ cn: 'neighbour', by: root });
const whole = issueList({ by: root, revoked: [neighbour, leaf], number: 7 });
const date = (text: string): number => Date.parse(text);

function parsed(der: Uint8Array): RevocationList {
  const read = parseRevocationList(der);
  if (!read.ok) throw new Error(read.fault.code);
  return read.value;
}

test('a list says whose it is, of when, and what it counts', () => {
  const { issuer, thisUpdate, nextUpdate, number, fingerprint } = parsed(whole);
  assert.ok(root.name.equals(issuer));
  assert.equal([thisUpdate, nextUpdate], [date('2026-01-01T00:00:00Z'), date('2036-01-01T00:00:00Z')]);
  assert.equal([number, countOf(parsed(whole))], [7n, 2]);
  assert.match(fingerprint, /^[0-9a-f]{64}$/);
  assert.is(parsed(issueList({ by: root, to: '2061-01-01T00:00:00Z' })).nextUpdate, date('2061-01-01T00:00:00Z'));
  assert.is(countOf(parsed(issueList({ by: root }))), 0);
});

test('lists follow one another by issuer and key', () => {
  const { series } = parsed(whole);
  assert.is(parsed(issueList({ by: root, from: '2026-02-01T00:00:00Z' })).series, series);
  assert.is.not(parsed(issueList({ by: sameName })).series, series);
  assert.is.not(parsed(issueList({ by: other })).series, series);
});

table(
  'parseRevocationList refuses',
  [
    { name: 'nothing', der: new Uint8Array(), code: 'crl-unreadable' },
    { name: 'a certificate', der: root.der, code: 'crl-unreadable' },
    { name: 'a list cut short', der: whole.subarray(0, -1), code: 'crl-unreadable' },
    { name: 'bytes behind it', der: Buffer.concat([whole, Buffer.of(0)]), code: 'crl-unreadable' },
    { name: 'changes only', der: issueList({ by: root, delta: true }), code: 'crl-partial' },
    { name: 'one for ever', der: issueList({ by: root, to: null }), code: 'crl-partial' },
    { name: 'one too large', der: Buffer.alloc(maxRevocationListBytes + 1, 0x30), code: 'too-large' },
  ],
  ({ der, code }) => {
    const read = parseRevocationList(der);
    assert.is(read.ok ? null : read.fault.code, code);
  },
);

test('a list whose entries are no DER counts nothing', () => {
  // The first of its entries claims more than is there.
  const at = whole.indexOf(neighbour.serial);
  const bent = Buffer.from(whole);
  bent[at - 1] = 0x7f;
  assert.is(countOf(parsed(bent)), null);
  assert.equal(listedAmong([parsed(bent)], [leaf]), []);
});

test('a list bent or cut anywhere is read or refused, and nothing throws', () => {
  const bend = fc.tuple(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }));
  fc.assert(
    fc.property(fc.array(bend, { maxLength: 4 }), fc.nat(whole.length), fc.boolean(), (bends, length, cut) => {
      const bent = Buffer.from(whole);
      for (const [at, bits] of bends) bent[at] = (bent[at] ?? 0) ^ bits;
      const read = parseRevocationList(cut ? bent.subarray(0, length) : bent);
      if (!read.ok) return;
      assert.ok(listedAmong([read.value], [leaf, neighbour, root]).length <= 2);
      assert.ok((countOf(read.value) ?? 0) <= whole.length);
    }),
    { numRuns: 10_000 },
  );
});

test('who made a list is told by name and signature', () => {
  assert.is(isMadeBy(parsed(whole), root.der), true);
  assert.is(isMadeBy(parsed(whole), sameName.der), false);
  assert.is(isMadeBy(parsed(whole), other.der), null);
});

const [early, late] = ['2026-01-01T00:00:00Z', '2026-02-01T00:00:00Z'];
table(
  'isNewer',
  [
    { name: 'a higher number', one: { number: 8, from: early }, other: { number: 7, from: late }, is: true },
    {
      name: 'a lower number, though later',
      one: { number: 6, from: late },
      other: { number: 7, from: early },
      is: false,
    },
    { name: 'later, without a number', one: { from: late }, other: { number: 7, from: early }, is: true },
    { name: 'the same number, later', one: { number: 7, from: late }, other: { number: 7, from: early }, is: true },
    { name: 'the same', one: { number: 7, from: early }, other: { number: 7, from: early }, is: false },
    { name: 'earlier', one: { from: early }, other: { from: late }, is: false },
  ],
  ({ one, other: than, is }) =>
    assert.is(isNewer(parsed(issueList({ by: root, ...one })), parsed(issueList({ by: root, ...than }))), is),
);

table(
  'listedAmong',
  [
    { name: 'listed', list: whole, certificate: leaf, is: true },
    { name: 'not listed', list: issueList({ by: root, revoked: [neighbour] }), certificate: leaf, is: false },
    { name: 'an empty list', list: issueList({ by: root }), certificate: leaf, is: false },
    {
      name: 'the number of another authority',
      list: issueList({ by: other, revoked: [leaf] }),
      certificate: leaf,
      is: false,
    },
    { name: 'what is no certificate', list: whole, certificate: { der: Buffer.from('x') }, is: false },
  ],
  ({ list, certificate, is }) =>
    assert.is(listedAmong([parsed(list)], [neighbour, certificate]).includes(certificate), is),
);
