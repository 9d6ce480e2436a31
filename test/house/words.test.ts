import { faultKinds } from '../../protocol/fault.ts';
import { en } from '../../words/en.ts';
import { ru } from '../../words/ru.ts';
import { webEn, webRu } from '../../words/web.ts';
import { assert, table, test } from '../harness.ts';

type Leaves = ReadonlyMap<string, string>;

const codes = Object.keys(faultKinds);

test('every fault has its sentence in English and Russian', () => {
  assert.equal(checkFaults(codes, leavesOf(en)), []);
  assert.equal(checkFaults(codes, leavesOf(ru)), []);
});

test('English and Russian say the same things with the same facts', () => {
  assert.ok(leavesOf(en).size > codes.length);
  assert.equal(compare(leavesOf(en), leavesOf(ru)), []);
  assert.equal(compare(leavesOf(webEn), leavesOf(webRu)), []);
});

test('Russian sentences are Russian', () => {
  const foreign = [...leavesOf(ru)].filter(
    ([key, text]) => key.startsWith('faults.') && !/\p{Script=Cyrillic}/u.test(text),
  );
  assert.equal(foreign, []);
});

const faultRows = [
  { name: 'a missing sentence', faults: {}, found: ['expired has no sentence'] },
  { name: 'an empty sentence', faults: { expired: ' ' }, found: ['expired has no sentence'] },
  { name: 'a sentence', faults: { expired: 'It has expired.' }, found: [] },
  { name: 'a sentence for no fault', faults: { expired: 'a', gone: 'b' }, found: ['gone is no fault'] },
];

table('checkFaults', faultRows, ({ faults, found }) => {
  assert.equal(checkFaults(['expired'], leavesOf({ faults })), found);
});

const compareRows = [
  { name: 'the same', left: { a: { b: '{x} of {y}' } }, right: { a: { b: '{y}: {x}' } }, found: [] },
  { name: 'a key too few', left: { a: 'x', b: 'y' }, right: { a: 'x' }, found: ['b is missing'] },
  { name: 'a key too many', left: { a: 'x' }, right: { a: 'x', b: 'y' }, found: ['b is extra'] },
  { name: 'an empty sentence', left: { a: 'x' }, right: { a: '' }, found: ['a is empty'] },
  { name: 'a fact lost', left: { a: '{x}' }, right: { a: 'x' }, found: ['a has other facts: {x} and none'] },
  {
    name: 'a date written in another way',
    left: { dates: { a: '{month}' } },
    right: { dates: { a: '{mm}' } },
    found: [],
  },
  { name: 'a fact misspelt', left: { a: '{x}' }, right: { a: '{х}' }, found: ['a has other facts: {x} and {х}'] },
  { name: 'a list of another length', left: { a: ['x', 'y'] }, right: { a: ['x'] }, found: ['a.1 is missing'] },
  { name: 'a bracket left open', left: { a: 'x[ y' }, right: { a: 'x' }, found: ['a has an open bracket'] },
];

table('compare', compareRows, ({ left, right, found }) => {
  assert.equal(compare(leavesOf(left), leavesOf(right)), found);
});

function checkFaults(known: readonly string[], leaves: Leaves): readonly string[] {
  const said = [...leaves.keys()].filter((key) => key.startsWith('faults.')).map((key) => key.slice('faults.'.length));
  return [
    ...known.filter((code) => !leaves.get(`faults.${code}`)?.trim()).map((code) => `${code} has no sentence`),
    ...said.filter((code) => !known.includes(code)).map((code) => `${code} is no fault`),
  ];
}

function compare(left: Leaves, right: Leaves): readonly string[] {
  const keys = [...new Set([...left.keys(), ...right.keys()])];
  return keys.flatMap((key) => {
    const [one, other] = [left.get(key), right.get(key)];
    if (one === undefined) return [`${key} is extra`];
    if (other === undefined) return [`${key} is missing`];
    if (!one.trim() || !other.trim()) return [`${key} is empty`];
    if (!isBalanced(one) || !isBalanced(other)) return [`${key} has an open bracket`];
    if (key.startsWith('dates.')) return []; // Each language writes dates in its own way.
    return factsOf(one) === factsOf(other) ? [] : [`${key} has other facts: ${factsOf(one)} and ${factsOf(other)}`];
  });
}

const factsOf = (text: string): string => [...new Set(text.match(/\{[^}]*\}/g) ?? [])].sort().join(' ') || 'none';

const isBalanced = (text: string): boolean =>
  /^[^[\]{}]*$/.test(text.replace(/\{[^[\]{}]*\}/g, '').replace(/\[[^[\]]*\]/g, ''));

/** Every text in a tree of objects and lists, by its path. */
function leavesOf(tree: unknown, path = ''): Leaves {
  if (typeof tree === 'string') return new Map([[path, tree]]);
  if (typeof tree !== 'object' || tree === null) throw new Error(`${path} is no text`);
  return new Map(Object.entries(tree).flatMap(([key, value]) => [...leavesOf(value, path ? `${path}.${key}` : key)]));
}
