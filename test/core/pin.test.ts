/** The pin slots: what is accepted when, what a stranger means, and what moves a slot. */
import type { ClockView } from '../../agent/core/clock.ts';
import type { PinSlots } from '../../agent/core/durable.ts';
import {
  acceptedPins,
  afterCode,
  afterHandshake,
  afterPolicy,
  fromBundle,
  judgePresented,
  type Slot,
  wouldStrand,
} from '../../agent/core/pin.ts';
import { fingerprintOf, toBase64 } from '../../protocol/certificate.ts';
import { dayMs, instant } from '../../protocol/time.ts';
import { type Issued, issue } from '../fakes/issue.ts';
import { assert, table, test } from '../harness.ts';

const authority = issue({ cn: 'Fleet CA', ca: true });
const make = (cn: string, from: string, to: string): Issued =>
  issue({ cn, by: authority, from: `${from}T00:00:00Z`, to: `${to}T00:00:00Z` });
const certificates = {
  a: make('a', '2026-01-01', '2027-01-01'),
  b: make('b', '2026-06-01', '2028-01-01'),
  c: make('c', '2026-01-01', '2030-01-01'),
  /** Same authority and name as `a`, another key. */
  twin: make('a', '2026-01-01', '2027-01-01'),
  past: make('past', '2020-01-01', '2021-01-01'),
  future: make('future', '2035-01-01', '2036-01-01'),
};
type Name = keyof typeof certificates;
const der = (name: Name): string => toBase64(certificates[name].der);
const print = (name: Name): string => fingerprintOf(certificates[name].der);
const day = (text: string) => instant(Date.parse(`${text}T00:00:00Z`));
const known = (text: string): ClockView => ({ at: 'known', now: day(text), floor: day('2026-01-01') });
const unknown = (text: string): ClockView => ({ at: 'unknown', now: day(text), floor: day(text) });
const told = { source: 'policy' as const, addedAt: day('2026-01-01') };

type Held = {
  readonly current: Name;
  readonly reserve?: readonly [Name, string];
  readonly previous?: readonly [Name, string];
};
const slots = ({ current, reserve, previous }: Held): PinSlots => ({
  current: { der: der(current), ...told },
  reserve: reserve ? { der: der(reserve[0]), ...told, activateAt: day(reserve[1]) } : null,
  previous: previous ? { der: der(previous[0]), ...told, until: day(previous[1]) } : null,
});
const names = (held: PinSlots): string =>
  (['current', 'reserve', 'previous'] as const)
    .map(
      (slot) => `${slot}=${(Object.keys(certificates) as Name[]).find((name) => der(name) === held[slot]?.der) ?? '-'}`,
    )
    .join(' ');

const all: Held = { current: 'a', reserve: ['b', '2026-12-01'], previous: ['c', '2026-07-01'] };
const presented: readonly {
  name: string;
  held?: Held;
  shows: Name;
  clock: ClockView;
  blocklist?: readonly Name[];
  expected: Slot | string;
}[] = [
  { name: 'current', shows: 'a', clock: known('2026-06-15'), expected: 'current' },
  { name: 'reserve before its activation', shows: 'b', clock: known('2026-06-15'), expected: 'reserve' },
  { name: 'reserve after it', shows: 'b', clock: known('2026-12-15'), expected: 'reserve' },
  { name: 'previous within its days', shows: 'c', clock: known('2026-06-30'), expected: 'previous' },
  { name: 'previous on the last moment', shows: 'c', clock: known('2026-07-01'), expected: 'previous' },
  { name: 'previous after that is a stranger', shows: 'c', clock: known('2026-07-02'), expected: 'not-pinned' },
  {
    name: 'previous after that by the floor: refused, no code',
    shows: 'c',
    clock: unknown('2026-07-02'),
    expected: 'clock-unknown',
  },
  { name: 'current, on its last moment', shows: 'a', clock: known('2027-01-01'), expected: 'current' },
  { name: 'current, on its first moment', shows: 'a', clock: known('2026-01-01'), expected: 'current' },
  { name: 'current, expired', shows: 'a', clock: known('2027-01-02'), expected: 'pin-expired' },
  { name: 'current, not valid yet', shows: 'a', clock: known('2025-12-31'), expected: 'not-yet-valid' },
  { name: 'current, blocklisted', shows: 'a', clock: known('2026-06-15'), blocklist: ['a'], expected: 'blocklisted' },
  { name: 'reserve, blocklisted', shows: 'b', clock: known('2026-06-15'), blocklist: ['b'], expected: 'blocklisted' },
  { name: 'previous, blocklisted', shows: 'c', clock: known('2026-06-15'), blocklist: ['c'], expected: 'blocklisted' },
  { name: 'reserve, not valid yet', shows: 'b', clock: known('2026-05-31'), expected: 'not-yet-valid' },
  { name: 'reserve, expired', shows: 'b', clock: known('2028-01-02'), expected: 'pin-expired' },
  { name: 'clock unknown: current', shows: 'a', clock: unknown('2026-06-15'), expected: 'current' },
  { name: 'clock unknown: nothing is too early', shows: 'a', clock: unknown('2025-01-01'), expected: 'current' },
  {
    name: 'clock unknown: the floor proves it expired',
    shows: 'a',
    clock: unknown('2027-01-02'),
    expected: 'pin-expired',
  },
  {
    name: 'clock unknown: blocklisted',
    shows: 'a',
    clock: unknown('2026-06-15'),
    blocklist: ['a'],
    expected: 'blocklisted',
  },
  { name: 'stranger', held: { current: 'a' }, shows: 'c', clock: known('2026-06-15'), expected: 'not-pinned' },
  {
    name: 'stranger of the same authority and name',
    shows: 'twin',
    clock: known('2026-06-15'),
    expected: 'not-pinned',
  },
  { name: 'stranger, clock unknown: no code', shows: 'twin', clock: unknown('2026-06-15'), expected: 'clock-unknown' },
  {
    name: 'stranger, expired: no code',
    shows: 'past',
    clock: known('2026-06-15'),
    expected: 'server-certificate-expired',
  },
  { name: 'stranger, not valid yet: no code', shows: 'future', clock: known('2026-06-15'), expected: 'not-yet-valid' },
  {
    name: 'stranger, blocklisted: no code',
    shows: 'twin',
    clock: known('2026-06-15'),
    blocklist: ['twin'],
    expected: 'blocklisted',
  },
];
table('judgePresented', presented, ({ held = all, shows, clock, blocklist = [], expected }) => {
  const blocked = blocklist.map(print);
  const judged = judgePresented(slots(held), der(shows), clock, blocked);
  assert.is(judged.ok ? judged.value.slot : judged.fault.code, expected);
  const accepted = acceptedPins(slots(held), clock, blocked).includes(print(shows));
  assert.is(accepted, judged.ok, 'what may be connected to is what is accepted when presented');
});
test('judgePresented: what is no certificate', () => {
  const judged = judgePresented(slots(all), 'AAAA', known('2026-06-15'), []);
  assert.is(judged.ok ? '' : judged.fault.code, 'certificate-unreadable');
});

const handshakes: readonly { name: string; held: Held; shows: Name; clock: ClockView; expected: string }[] = [
  {
    name: 'current: nothing moves',
    held: all,
    shows: 'a',
    clock: known('2026-06-15'),
    expected: 'current=a reserve=b previous=c',
  },
  {
    name: 'reserve before activation: nothing moves',
    held: all,
    shows: 'b',
    clock: known('2026-06-30'),
    expected: 'current=a reserve=b previous=c',
  },
  {
    name: 'reserve the moment before',
    held: { current: 'a', reserve: ['b', '2026-12-01'] },
    shows: 'b',
    clock: { ...known('2026-12-01'), now: instant(day('2026-12-01') - 1) },
    expected: 'current=a reserve=b previous=-',
  },
  {
    name: 'reserve at activation',
    held: all,
    shows: 'b',
    clock: known('2026-12-01'),
    expected: 'current=b reserve=- previous=a',
  },
  {
    name: 'reserve after activation',
    held: all,
    shows: 'b',
    clock: known('2026-12-24'),
    expected: 'current=b reserve=- previous=a',
  },
  {
    name: 'reserve before activation, current expired',
    held: { current: 'a', reserve: ['b', '2027-06-01'] },
    shows: 'b',
    clock: known('2027-01-02'),
    expected: 'current=b reserve=- previous=a',
  },
  {
    name: 'reserve before activation, current expires today',
    held: { current: 'a', reserve: ['b', '2027-06-01'] },
    shows: 'b',
    clock: known('2027-01-01'),
    expected: 'current=a reserve=b previous=-',
  },
  {
    name: 'clock unknown, before activation',
    held: { current: 'a', reserve: ['b', '2027-06-01'] },
    shows: 'b',
    clock: unknown('2026-06-15'),
    expected: 'current=a reserve=b previous=-',
  },
  {
    name: 'clock unknown, the floor is past activation',
    held: { current: 'a', reserve: ['b', '2026-07-01'] },
    shows: 'b',
    clock: unknown('2026-07-02'),
    expected: 'current=b reserve=- previous=a',
  },
  {
    name: 'current after activation: nothing moves without the reserve',
    held: { current: 'a', reserve: ['b', '2026-12-01'] },
    shows: 'a',
    clock: known('2026-12-24'),
    expected: 'current=a reserve=b previous=-',
  },
  {
    name: 'previous: never moves back',
    held: { current: 'b', previous: ['a', '2026-07-01'] },
    shows: 'a',
    clock: known('2026-06-15'),
    expected: 'current=b reserve=- previous=a',
  },
  {
    name: 'previous is forgotten after its days',
    held: { current: 'b', previous: ['a', '2026-07-01'] },
    shows: 'b',
    clock: known('2026-07-02'),
    expected: 'current=b reserve=- previous=-',
  },
  {
    name: 'not by an unknown clock',
    held: { current: 'b', previous: ['a', '2026-07-01'] },
    shows: 'b',
    clock: unknown('2026-07-02'),
    expected: 'current=b reserve=- previous=a',
  },
];
table('afterHandshake', handshakes, ({ held, shows, clock, expected }) => {
  const before = slots(held);
  const after = afterHandshake(before, print(shows), clock);
  assert.is(names(after), expected);
  if (names(before) === expected) assert.is(after, before, 'the same object when nothing moves');
});
test('afterHandshake: the pin that gives way stays for 7 days', () => {
  const after = afterHandshake(slots({ current: 'a', reserve: ['b', '2026-07-01'] }), print('b'), known('2026-07-02'));
  assert.is(after.previous?.until, day('2026-07-02') + 7 * dayMs);
});

const policies: readonly {
  name: string;
  held: Held;
  main: Name;
  reserve?: readonly [Name, string];
  expected: string;
  activateAt?: string;
}[] = [
  { name: 'nothing new', held: { current: 'a' }, main: 'a', expected: 'current=a reserve=- previous=-' },
  {
    name: 'a reserve',
    held: { current: 'a' },
    main: 'a',
    reserve: ['b', '2026-12-01'],
    expected: 'current=a reserve=b previous=-',
    activateAt: '2026-12-01',
  },
  {
    name: 'the same reserve',
    held: { current: 'a', reserve: ['b', '2026-12-01'] },
    main: 'a',
    reserve: ['b', '2026-12-01'],
    expected: 'current=a reserve=b previous=-',
    activateAt: '2026-12-01',
  },
  {
    name: 'the same reserve, later',
    held: { current: 'a', reserve: ['b', '2026-12-01'] },
    main: 'a',
    reserve: ['b', '2026-12-24'],
    expected: 'current=a reserve=b previous=-',
    activateAt: '2026-12-24',
  },
  {
    name: 'another reserve',
    held: { current: 'a', reserve: ['b', '2026-12-01'] },
    main: 'a',
    reserve: ['c', '2026-12-01'],
    expected: 'current=a reserve=c previous=-',
    activateAt: '2026-12-01',
  },
  {
    name: 'the reserve is taken back',
    held: { current: 'a', reserve: ['b', '2026-12-01'] },
    main: 'a',
    expected: 'current=a reserve=- previous=-',
  },
  {
    name: 'switched: the reserve is active at once, current waits for a handshake',
    held: { current: 'a', reserve: ['b', '2026-12-01'] },
    main: 'b',
    expected: 'current=a reserve=b previous=-',
    activateAt: '2026-07-01',
  },
  {
    name: 'switched long ago: activation is not made later',
    held: { current: 'a', reserve: ['b', '2026-02-01'] },
    main: 'b',
    expected: 'current=a reserve=b previous=-',
    activateAt: '2026-02-01',
  },
  {
    name: 'switched to one never announced',
    held: { current: 'a' },
    main: 'c',
    expected: 'current=a reserve=c previous=-',
    activateAt: '2026-07-01',
  },
  {
    name: 'switched, with the next reserve: main comes first',
    held: { current: 'a', reserve: ['b', '2026-12-01'] },
    main: 'b',
    reserve: ['c', '2027-01-01'],
    expected: 'current=a reserve=b previous=-',
    activateAt: '2026-07-01',
  },
  {
    name: 'rolled back',
    held: { current: 'b', previous: ['a', '2026-07-01'] },
    main: 'a',
    expected: 'current=b reserve=a previous=a',
    activateAt: '2026-07-01',
  },
  {
    name: 'a reserve that is the current one is none',
    held: { current: 'a' },
    main: 'a',
    reserve: ['a', '2026-12-01'],
    expected: 'current=a reserve=- previous=-',
  },
];
table('afterPolicy', policies, ({ held, main, reserve, expected, activateAt }) => {
  const before = slots(held);
  const wanted = {
    main: der(main),
    reserve: reserve ? { certificate: der(reserve[0]), activateAt: day(reserve[1]) } : null,
  };
  const after = afterPolicy(before, wanted, day('2026-07-01'));
  assert.is(names(after), expected);
  assert.is(after.reserve?.activateAt, activateAt ? day(activateAt) : undefined);
  assert.equal(afterPolicy(after, wanted, day('2026-07-01')), after, 'the same policy again changes nothing');
});

test('rolled back: the next handshake moves the slots back', () => {
  const wanted = { main: der('a'), reserve: null };
  const held = afterPolicy(slots({ current: 'b', previous: ['a', '2026-07-05'] }), wanted, day('2026-07-01'));
  assert.is(names(afterHandshake(held, print('a'), known('2026-07-02'))), 'current=a reserve=- previous=b');
});

const stranded: readonly {
  name: string;
  held: Held;
  blocklist: readonly Name[];
  clock?: ClockView;
  expected: boolean;
}[] = [
  { name: 'nothing is blocked', held: { current: 'a' }, blocklist: [], expected: false },
  {
    name: 'nothing is blocked, and time has stranded us already',
    held: { current: 'past' },
    blocklist: [],
    expected: false,
  },
  { name: 'others are blocked', held: { current: 'a' }, blocklist: ['c', 'past'], expected: false },
  { name: 'current, no reserve', held: { current: 'a' }, blocklist: ['a'], expected: true },
  {
    name: 'current, with a reserve',
    held: { current: 'a', reserve: ['b', '2026-12-01'] },
    blocklist: ['a'],
    expected: false,
  },
  { name: 'both', held: { current: 'a', reserve: ['b', '2026-12-01'] }, blocklist: ['a', 'b'], expected: true },
  {
    name: 'current, the reserve has expired',
    held: { current: 'a', reserve: ['past', '2026-01-01'] },
    blocklist: ['a'],
    expected: true,
  },
  {
    name: 'current, the reserve is not valid yet',
    held: { current: 'a', reserve: ['future', '2026-01-01'] },
    blocklist: ['a'],
    expected: true,
  },
  {
    name: 'reserve alone, current good',
    held: { current: 'a', reserve: ['b', '2026-12-01'] },
    blocklist: ['b'],
    expected: false,
  },
  {
    name: 'reserve alone, current expired',
    held: { current: 'past', reserve: ['b', '2026-12-01'] },
    blocklist: ['b'],
    expected: true,
  },
  {
    name: 'previous is no way to stay',
    held: { current: 'a', previous: ['c', '2027-01-01'] },
    blocklist: ['a'],
    expected: true,
  },
];
table('wouldStrand', stranded, ({ held, blocklist, clock = known('2026-06-15'), expected }) => {
  assert.is(wouldStrand(slots(held), blocklist.map(print), clock), expected);
});

test('afterCode: the answered certificate alone', () => {
  const held = afterCode(der('c'), day('2026-07-01'));
  assert.is(names(held), 'current=c reserve=- previous=-');
  assert.is(held.current.source, 'replacement');
});
test('fromBundle: main is current, and the reserve comes along', () => {
  const wanted = { main: der('a'), reserve: { certificate: der('b'), activateAt: day('2026-12-01') } };
  assert.is(names(fromBundle(wanted, day('2026-07-01'))), 'current=a reserve=b previous=-');
  assert.is(names(fromBundle({ main: der('a'), reserve: null }, day('2026-07-01'))), 'current=a reserve=- previous=-');
});

const fronts = (held: PinSlots): string =>
  (held.frontEnds ?? [])
    .map((pin) => (Object.keys(certificates) as Name[]).find((name) => der(name) === pin.der))
    .join(' ');
const withFronts = (held: Held, ...shown: readonly Name[]): PinSlots => ({
  ...slots(held),
  frontEnds: shown.map((name) => ({ der: der(name), ...told })),
});

table(
  'what front ends show is accepted beside the slots, and nothing else for it',
  [
    { name: 'in date', shows: 'c', clock: known('2026-06-15'), expected: 'front-end' },
    { name: 'expired', shows: 'b', clock: known('2028-01-02'), expected: 'pin-expired' },
    { name: 'blocked', shows: 'c', clock: known('2026-06-15'), blocklist: ['c'], expected: 'blocklisted' },
    { name: 'by an unknown clock', shows: 'c', clock: unknown('2026-06-15'), expected: 'front-end' },
    { name: 'a stranger', shows: 'twin', clock: known('2026-06-15'), expected: 'not-pinned' },
    { name: 'the current one', shows: 'a', clock: known('2026-06-15'), expected: 'current' },
    {
      name: 'previous no more, and of a front end',
      previous: ['c', '2026-06-01'],
      shows: 'c',
      clock: known('2026-06-15'),
      expected: 'front-end',
    },
  ] as const,
  (row) => {
    const held: Held = 'previous' in row ? { current: 'a', previous: row.previous } : { current: 'a' };
    const blocklist = 'blocklist' in row ? row.blocklist.map(print) : [];
    const pins = withFronts(held, 'c', 'b');
    const judged = judgePresented(pins, der(row.shows), row.clock, blocklist);
    assert.is(judged.ok ? judged.value.slot : judged.fault.code, row.expected);
    assert.is(acceptedPins(pins, row.clock, blocklist).includes(print(row.shows)), judged.ok);
  },
);

table(
  'a policy tells what front ends show',
  [
    { name: 'none', wanted: undefined, got: '' },
    { name: 'another one', wanted: ['b', 'c'], got: 'b c' },
    { name: 'one less', wanted: ['b'], got: 'b' },
    { name: 'the same', wanted: ['c'], got: 'c', same: true },
  ] as const,
  (row) => {
    const before = withFronts({ current: 'a' }, 'c');
    const server = { main: der('a'), reserve: null, ...(row.wanted && { frontEnds: row.wanted.map(der) }) };
    const after = afterPolicy(before, server, day('2026-06-15'));
    assert.is(fronts(after), row.got);
    assert.is(after === before, 'same' in row);
    assert.is('frontEnds' in after, row.wanted !== undefined);
    assert.is(fronts(fromBundle(server, day('2026-06-15'))), row.got);
  },
);

const due: Held = { current: 'a', reserve: ['b', '2026-06-01'] };
table(
  'a contact through a front end moves the slots to what the policy calls main, and to nothing else',
  [
    { name: 'the policy says so', shows: 'c', main: 'b', moves: true },
    { name: 'the reserve is due, and not main yet', shows: 'c', main: 'a', moves: false },
    { name: 'no policy', shows: 'c', main: null, moves: false },
    { name: 'by the current one', shows: 'a', main: 'b', moves: false },
    { name: 'by a stranger', shows: 'twin', main: 'b', moves: false },
  ] as const,
  ({ shows, main, moves }) => {
    const before = withFronts(due, 'c');
    const after = afterHandshake(before, print(shows), known('2026-06-15'), main && der(main));
    assert.is(names(after), moves ? 'current=b reserve=- previous=a' : names(before));
    assert.is(fronts(after), 'c');
  },
);

test('a front end is no way to stay, and none of it is left after a code', () => {
  const pins = withFronts({ current: 'a' }, 'c');
  assert.ok(wouldStrand(pins, [print('a')], known('2026-06-15')));
  assert.not.ok(wouldStrand(pins, [print('c')], known('2026-06-15')));
  assert.is(fronts(afterCode(der('c'), day('2026-06-15'))), '');
});
