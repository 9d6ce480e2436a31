/** Every fault code comes from somewhere: a sentence nobody can ever read, in two languages, is a promise not kept. */
import { faultKinds } from '../../protocol/fault.ts';
import { assert, table, test } from '../harness.ts';
import { readSources } from './sources.ts';

test('every fault code is made somewhere, and nothing else is', () => {
  const made = madeIn(readSources().filter(({ path }) => !/^(test|bench|scripts|words)\//.test(path)));
  const codes = Object.keys(faultKinds);
  assert.equal(
    codes.filter((code) => !made.has(code)),
    [],
  );
  assert.equal(
    [...made].filter((code) => !codes.includes(code)),
    [],
  );
});

const rows = [
  { name: 'made', text: `return bad('expired', { at });`, found: ['expired'] },
  { name: 'made on the next line', text: `fault(\n  'expired',\n  facts,\n)`, found: ['expired'] },
  {
    name: 'one of two',
    text: `fault(full ? 'disk-full' : 'disk-failed', { what })`,
    found: ['disk-full', 'disk-failed'],
  },
  {
    name: 'chosen by a comparison',
    text: `fault(purpose === 'ksc' ? 'not-pinned' : 'revoked')`,
    found: ['not-pinned', 'revoked'],
  },
  { name: 'within another call', text: `refuse(fault('busy'))`, found: ['busy'] },
  { name: 'what is left', text: `fault(codes.get(code) ?? 'path-invalid', {})`, found: ['path-invalid'] },
  { name: 'only compared', text: `if (fault.code === 'expired') return;`, found: [] },
  { name: 'only a status', text: `const statuses = { expired: 410, 'not-found': 404 };`, found: [] },
  {
    name: 'meaning of an engine’s number',
    text: `    'not-yet-valid': [9],\n    revoked: [23],`,
    found: ['not-yet-valid', 'revoked'],
  },
];

table('madeIn', rows, ({ text, found }) => assert.equal([...madeIn([{ text }])], found));

/** Reads the forms this code base makes faults in; the meanings of the path engine's numbers are one of them. */
function madeIn(sources: readonly { readonly text: string }[]): ReadonlySet<string> {
  const found = new Set<string>();
  for (const { text } of sources) {
    for (const [, first = ''] of text.matchAll(/\b(?:fault|bad|refuse)\((?=\s*((?:\w+\.get\(\w+\))?[^(){},]*))/g))
      for (const [, code = ''] of first.matchAll(/(?<!===\s*)'([a-z-]+)'/g)) found.add(code);
    for (const [, code = ''] of text.matchAll(/^ {4}'?([a-z-]+)'?: \[-?[0-9]/gm)) found.add(code);
  }
  return found;
}
