/** Comma-separated values as people have them, and lists of devices to come (B13). */
import fc from 'fast-check';
import { parseCsv, writeCsv } from '../../server/core/csv.ts';
import { mostExpected, readRoster } from '../../server/core/roster.ts';
import { assert, table, test } from '../harness.ts';

const texts: readonly { readonly name: string; readonly text: string; readonly rows: readonly string[][] | null }[] = [
  {
    name: 'LF',
    text: 'a,b\nc,d\n',
    rows: [
      ['a', 'b'],
      ['c', 'd'],
    ],
  },
  {
    name: 'CRLF, no end of the last line',
    text: 'a,b\r\nc,d',
    rows: [
      ['a', 'b'],
      ['c', 'd'],
    ],
  },
  { name: 'CR alone', text: 'a\rb', rows: [['a'], ['b']] },
  { name: 'byte order mark', text: '\uFEFFname\nx', rows: [['name'], ['x']] },
  {
    name: 'semicolons, as Excel writes where the comma is decimal',
    text: 'a;b,c\nd;e',
    rows: [
      ['a', 'b,c'],
      ['d', 'e'],
    ],
  },
  {
    name: 'tabs',
    text: 'a\tb\n1\t2',
    rows: [
      ['a', 'b'],
      ['1', '2'],
    ],
  },
  {
    name: 'a separator in quotes decides nothing',
    text: '"a;b",c\n1,2',
    rows: [
      ['a;b', 'c'],
      ['1', '2'],
    ],
  },
  { name: 'quotes', text: '"a ""b""","c\r\nd"\n', rows: [['a "b"', 'c\r\nd']] },
  {
    name: 'empty fields',
    text: ',\n,x',
    rows: [
      ['', ''],
      ['', 'x'],
    ],
  },
  { name: 'empty lines', text: 'a\n\n\nb\n\n', rows: [['a'], ['b']] },
  { name: 'nothing', text: '', rows: [] },
  { name: 'an open quote', text: 'a,"b', rows: null },
  { name: 'a quote inside', text: 'a,b"c"', rows: null },
  { name: 'something behind a quote', text: '"a"b,c', rows: null },
];
table('read', texts, ({ text, rows }) => assert.equal(parseCsv(text), rows));

test('what is written is read again, but for what a spreadsheet would run', () => {
  const field = fc.string().filter((text) => !/^[=+\-@\t\r]/.test(text));
  const rows = fc.array(fc.array(field, { minLength: 2, maxLength: 5 }), { minLength: 1, maxLength: 6 });
  fc.assert(
    // The separator is looked for in the first line, which is ours.
    fc.property(rows, (given) => assert.equal(parseCsv(writeCsv([['a', 'b'], ...given])), [['a', 'b'], ...given])),
    { numRuns: 5000 },
  );
  assert.is(writeCsv([['=1+1', '@x', '-2', 'a,b', '"']]), `'=1+1,'@x,'-2,"a,b",""""\r\n`);
});

test('any text is read or refused', () =>
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('"', ',', ';', '\r', '\n', 'a') }), (text) => {
      const rows = parseCsv(text);
      assert.ok(rows === null || rows.every((row) => row.length > 0));
    }),
    { numRuns: 10_000 },
  ));

const line = (name: string, group: string | null, row: number) => ({ row, name, group });
const codes = (text: string): readonly string[] => {
  const read = readRoster(text);
  if (read.ok) return [];
  const faults = 'faults' in read ? read.faults : [read.fault];
  return faults.map(({ code, facts }) =>
    [code, facts['row'], facts['column']].filter((part) => part !== undefined).join(' '),
  );
};

test('a list of devices', () => {
  const read = readRoster('Group;Note;NAME\r\nOffice;x;kiosk 1\r\n; ;лобби\r\n');
  assert.equal(read.ok && read.value, [line('kiosk 1', 'Office', 2), line('лобби', null, 3)]);
  assert.equal(readRoster('name\na\n'), { ok: true, value: [line('a', null, 2)] });
});

const wrong: readonly { readonly name: string; readonly text: string; readonly codes: readonly string[] }[] = [
  { name: 'no table', text: 'name\n"x', codes: ['csv-unreadable'] },
  { name: 'no name', text: 'device,group\nx,y', codes: ['csv-columns'] },
  { name: 'nothing but the heads', text: 'name,group\n', codes: ['csv-columns'] },
  { name: 'nothing', text: '', codes: ['csv-columns'] },
  { name: 'a name is missing', text: 'name,group\nx,y\n,y\n', codes: ['csv-row 3 name'] },
  { name: 'a name twice', text: 'name\nx\nx\n', codes: ['csv-row 3 name'] },
  { name: 'a name too long', text: `name\n${'x'.repeat(121)}\n`, codes: ['csv-row 2 name'] },
  { name: 'a control character', text: 'name\n"a\nb"\n', codes: ['csv-row 2 name'] },
  { name: 'a field too many', text: 'name,group\nx,y,z\n', codes: ['csv-row 2 3'] },
  { name: 'several', text: 'name\n \nx\nx\n', codes: ['csv-row 2 name', 'csv-row 4 name'] },
  {
    name: 'too long',
    text: `name\n${Array.from({ length: mostExpected + 1 }, (_, at) => `d${at}\n`).join('')}`,
    codes: ['csv-too-long'],
  },
];
table('refused', wrong, ({ text, codes: expected }) => assert.equal(codes(text), expected));
