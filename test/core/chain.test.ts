/** Which changes of its certificate the server leads devices along. */
import { dayMs, instant } from '../../protocol/time.ts';
import { chainFrom, isLinkDue, type Link, longestChain } from '../../server/core/chain.ts';
import { assert, table } from '../harness.ts';

/** `a>b` is a link, `-a>b` one that was removed; numbered as they stand. */
const linksOf = (text: string): readonly Link[] =>
  text
    .split(' ')
    .filter(Boolean)
    .map((each, index) => {
      const [from = '', to = ''] = each.replace('-', '').split('>');
      return { seq: index + 1, from, to, removed: each.startsWith('-') };
    });
const written = (chain: readonly Link[] | null): string | null =>
  chain?.map(({ from, to }) => `${from}>${to}`).join(' ') ?? null;
const long = (count: number): string => Array.from({ length: count }, (_, at) => `c${at}>c${at + 1}`).join(' ');

const rows = [
  { name: 'one change', links: 'a>b', from: 'a', main: 'b', expected: 'a>b' },
  { name: 'three changes', links: 'a>b b>c c>d', from: 'a', main: 'd', expected: 'a>b b>c c>d' },
  { name: 'from the middle', links: 'a>b b>c c>d', from: 'c', main: 'd', expected: 'c>d' },
  { name: 'from the main one', links: 'a>b', from: 'b', main: 'b', expected: null },
  { name: 'from an unknown one', links: 'a>b', from: 'x', main: 'b', expected: null },
  { name: 'no changes', links: '', from: 'a', main: 'a', expected: null },
  { name: 'the last one removed', links: 'a>b -b>c', from: 'a', main: 'c', expected: null },
  { name: 'the first one removed', links: '-a>b b>c', from: 'a', main: 'c', expected: null },
  { name: 'the first one removed, from behind it', links: '-a>b b>c', from: 'b', main: 'c', expected: 'b>c' },
  { name: 'blocked on the way', links: 'a>b b>c', from: 'a', main: 'c', blocked: 'b', expected: null },
  { name: 'blocked behind us', links: 'a>b b>c', from: 'b', main: 'c', blocked: 'b', expected: 'b>c' },
  { name: 'blocked at the end', links: 'a>b b>c', from: 'b', main: 'c', blocked: 'c', expected: null },
  { name: 'the main one is another', links: 'a>b b>c', from: 'a', main: 'x', expected: null },
  { name: 'not beyond the main one', links: 'a>b b>c', from: 'a', main: 'b', expected: 'a>b' },
  { name: '64 changes', links: long(64), from: 'c0', main: 'c64', expected: long(64) },
  { name: '65 changes', links: long(65), from: 'c0', main: 'c65', expected: null },
];
table('chainFrom', rows, ({ links, from, main, blocked = '', expected }) =>
  assert.is(written(chainFrom(linksOf(links), from, main, new Set([blocked]))), expected),
);

table(
  'longestChain',
  [
    { name: 'all of it', links: 'a>b b>c', main: 'c', expected: 'a>b b>c' },
    { name: 'what is left behind a removed one', links: 'a>b -b>c c>d d>e', main: 'e', expected: 'c>d d>e' },
    { name: 'nothing', links: 'a>b -b>c', main: 'c', expected: '' },
    { name: 'the newest 64', links: long(66), main: 'c66', expected: long(66).split(' ').slice(2).join(' ') },
  ],
  ({ links, main, expected }) => assert.is(written(longestChain(linksOf(links), main, new Set())), expected),
);

table(
  'isLinkDue',
  [
    { name: 'just signed', ageMs: 0, expected: false },
    { name: 'less than a day', ageMs: dayMs - 1, expected: false },
    { name: 'a day', ageMs: dayMs, expected: true },
    { name: 'signed in the future: the clock fell back', ageMs: -1, expected: true },
  ],
  ({ ageMs, expected }) => assert.is(isLinkDue(instant(1e12 - ageMs), instant(1e12)), expected),
);
