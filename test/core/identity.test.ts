/** Who may renew an identity, which one a device uses, and what the list says of each. */
import { dayMs, instant } from '../../protocol/time.ts';
import {
  currentOf,
  type IdentityStatus,
  judgeRenewal,
  type Life,
  renewBeforeDays,
  type Standing,
  statusOf,
} from '../../server/core/identity.ts';
import { assert, table, test } from '../harness.ts';

const now = instant(Date.parse('2026-11-22T12:00:00Z'));
const day = (count: number) => instant(now + count * dayMs);
/** In days from now: an identity of a year that ends then. */
const life = (name: string, ends: number, change: Partial<Life> = {}): Life => ({
  fingerprint: name,
  issuedAt: day(ends - 365),
  notAfter: day(ends),
  contactAt: day(ends - 365),
  revokedAt: null,
  renewAskedAt: null,
  renews: null,
  ...change,
});

table(
  'renewBeforeDays (A7)',
  [
    { name: 'no setting', setting: null, days: 30 },
    { name: 'blank', setting: { renewBeforeDays: null }, days: 60 },
    { name: 'one day', setting: { renewBeforeDays: 1 }, days: 1 },
    { name: 'sixty', setting: { renewBeforeDays: 60 }, days: 60 },
  ],
  ({ setting, days }) => assert.is(renewBeforeDays(setting, 30), days),
);

const ends = [
  { when: 'in its first days', ends: 360, got: 'renew' },
  { when: 'at its end', ends: 0, got: 'renew' },
  { when: 'a moment after its end', ends: -1 / dayMs, got: 'renew late' },
  { when: '30 days after its end', ends: -30, got: 'renew late' },
  { when: 'a moment later', ends: -30 - 1 / dayMs, got: 'retire' },
  { when: 'a year after its end', ends: -365, got: 'retire' },
  { when: 'before its beginning', ends: 366, got: 'identity-refused not yet valid' },
];
const states: readonly {
  readonly what: string;
  readonly standing?: Standing;
  readonly own?: Partial<Life>;
  readonly unknown?: true;
  /** Instead of what the dates alone would give; null: of nothing in date. */
  readonly refused?: string;
}[] = [
  { what: 'in order' },
  { what: 'never used', own: { contactAt: null } },
  { what: 'unknown', unknown: true, refused: 'identity-refused unknown' },
  { what: 'revoked', own: { revokedAt: day(-1) }, refused: 'identity-refused revoked' },
  { what: 'of a removed device', standing: 'removed', refused: 'identity-refused removed' },
  { what: 'of an inactive device', standing: 'inactive', refused: 'identity-refused deleted' },
  { what: 'of a retired device', standing: 'retired', refused: 'identity-retired retired' },
];
table(
  'who may renew (F30: each check stands alone)',
  states.flatMap((state) => ends.map((end) => ({ ...state, ...end, name: `${state.what}, ${end.when}` }))),
  ({ standing = 'active', own, unknown, refused, ends: end, got }) => {
    const lives = [life(unknown ? 'another' : 'own', end, own)];
    const shown = { fingerprint: 'own', notBefore: day(end - 365), notAfter: day(end) };
    const verdict = judgeRenewal(shown, { standing, lives, automatic: true }, now);
    const said =
      verdict.at === 'refused'
        ? `${verdict.code} ${verdict.reason}`
        : verdict.at === 'renew' && verdict.late
          ? 'renew late'
          : verdict.at;
    const early = got.startsWith('identity-refused') && standing === 'retired';
    assert.is(said, early ? got : (refused ?? got));
  },
);

table(
  'renewal by order alone (M1)',
  [
    { name: 'not ordered, in date', ends: 10, own: {}, got: 'not-ordered' },
    { name: 'not ordered, in its grace', ends: -10, own: {}, got: 'not-ordered' },
    { name: 'not ordered, too late', ends: -31, own: {}, got: 'retire' },
    { name: 'ordered, in date', ends: 10, own: { renewAskedAt: day(-1) }, got: 'renew' },
    { name: 'ordered, in its grace', ends: -10, own: { renewAskedAt: day(-1) }, got: 'renew' },
    { name: 'ordered, too late', ends: -31, own: { renewAskedAt: day(-1) }, got: 'retire' },
    { name: 'ordered, and revoked', ends: 10, own: { renewAskedAt: day(-1), revokedAt: now }, got: 'identity-refused' },
  ],
  ({ ends: end, own, got }) => {
    const shown = { fingerprint: 'own', notBefore: day(end - 365), notAfter: day(end) };
    const verdict = judgeRenewal(shown, { standing: 'active', lives: [life('own', end, own)], automatic: false }, now);
    assert.is(verdict.at === 'refused' ? verdict.code : verdict.at, got);
  },
);

table(
  'long over, beside another identity of the device',
  [
    { name: 'a newer one in use', other: life('other', 100), got: 'refused superseded' },
    { name: 'a newer one in its grace', other: life('other', -29), got: 'refused superseded' },
    { name: 'one never used', other: life('other', 100, { contactAt: null }), got: 'retire' },
    { name: 'one revoked', other: life('other', 100, { revokedAt: day(-1) }), got: 'retire' },
    { name: 'one long over too', other: life('other', -31), got: 'retire' },
  ],
  ({ other, got }) => {
    const shown = { fingerprint: 'own', notBefore: day(-465), notAfter: day(-100) };
    const verdict = judgeRenewal(
      shown,
      { standing: 'active', lives: [life('own', -100), other], automatic: true },
      now,
    );
    assert.is(verdict.at === 'refused' ? `refused ${verdict.reason}` : verdict.at, got);
  },
);

table(
  'currentOf',
  [
    { name: 'none', lives: [], got: undefined },
    { name: 'the only one, before its first contact', lives: [life('a', 300, { contactAt: null })], got: 'a' },
    {
      name: 'an old one in use before a new one that is not',
      lives: [life('a', 10), life('b', 365, { contactAt: null })],
      got: 'a',
    },
    { name: 'the newest in use', lives: [life('b', 365), life('a', 10)], got: 'b' },
    { name: 'revoked ones do not count', lives: [life('a', 10), life('b', 365, { revokedAt: now })], got: 'a' },
    { name: 'issued in the same moment: the later row', lives: [life('a', 10), life('b', 10)], got: 'b' },
  ],
  ({ lives, got }) => assert.is(currentOf(lives)?.fingerprint, got),
);

const followed = life('b', 300, { renews: 'a' });
const rows: readonly {
  readonly name: string;
  readonly own: Life;
  readonly others?: readonly Life[];
  readonly retired?: true;
  readonly got: IdentityStatus | null;
  readonly since?: number;
}[] = [
  { name: 'never used', own: life('a', 300, { contactAt: null }), got: 'issued', since: -65 },
  { name: 'in use', own: life('a', 300), got: 'valid', since: -65 },
  { name: 'asked for', own: life('a', 300, { renewAskedAt: day(-2) }), got: 'renewal-asked', since: -2 },
  { name: 'came by a renewal', own: followed, others: [life('a', 10)], got: 'renewed', since: -65 },
  {
    name: 'was renewed',
    own: life('a', 10, { renewAskedAt: day(-70) }),
    others: [followed],
    got: 'superseded',
    since: -65,
  },
  { name: 'was renewed and is over', own: life('a', -1), others: [followed], got: null },
  {
    name: 'a renewal on its way',
    own: life('b', 364, { contactAt: null, renews: 'a' }),
    others: [life('a', 10)],
    got: 'issued',
    since: -1,
  },
  { name: 'over', own: life('a', -3), got: 'expired', since: -3 },
  { name: 'over and retired', own: life('a', -40), retired: true, got: 'retired', since: -5 },
  { name: 'revoked', own: life('a', 300, { revokedAt: now }), got: null },
];
table('statusOf', rows, ({ own, others = [], retired, got, since }) => {
  const found = statusOf(own, [...others, own], { retiredAt: retired ? day(-5) : null, now });
  assert.is(found?.status ?? null, got);
  if (found) assert.is(Math.round((found.since - now) / dayMs), since);
});

test('at any moment one identity of a device at most is its current one', () => {
  for (const lives of [
    [life('a', 300), followed],
    [followed, life('c', 200, { contactAt: null })],
  ]) {
    const said = lives.map((own) => statusOf(own, lives, { retiredAt: null, now })?.status);
    assert.is(said.filter((status) => status === 'valid' || status === 'renewed').length, 1);
  }
});
