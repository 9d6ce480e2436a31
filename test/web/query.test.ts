/** What a table shows stands in the address, and paths name pages. */
import { match } from '../../server/web/match.ts';
import { askFor, askForCsv, isFiltered, readQuery, sortBy, writeQuery } from '../../server/web/parts/table-query.ts';
import { assert, table, test } from '../harness.ts';

const start = { sort: 'name', order: 'asc' } as const;
const filters = ['presence'];
const usual = { q: '', sort: 'name', order: 'asc', offset: 0, limit: 50, filters: {} } as const;

const addresses = [
  { name: 'nothing', query: '', read: usual },
  { name: 'a search', query: '?q=a+%26+b', read: { ...usual, q: 'a & b' } },
  { name: 'another order', query: '?sort=group&order=desc', read: { ...usual, sort: 'group', order: 'desc' } },
  { name: 'a filter', query: '?presence=online', read: { ...usual, filters: { presence: 'online' } } },
  { name: 'a page', query: '?offset=100&limit=25', read: { ...usual, offset: 100, limit: 25 } },
];

table('readQuery and writeQuery are each the other turned round', addresses, ({ query, read }) => {
  const got = readQuery(query, start, filters);
  assert.equal(got, read);
  assert.is(writeQuery(got, start), query);
});

const nonsense = [
  { name: 'an offset below nothing', query: '?offset=-1' },
  { name: 'half an offset', query: '?offset=1.5' },
  { name: 'a size nobody offers', query: '?limit=100000' },
  { name: 'an order that is none', query: '?order=sideways' },
  { name: 'a filter the table does not have', query: '?colour=red' },
  { name: 'a filter left empty', query: '?presence=' },
];

table('readQuery passes over', nonsense, ({ query }) => {
  assert.equal(readQuery(query, start, filters), usual);
});

test('the server is asked for all of it, and for a file without a page', () => {
  const query = { ...usual, q: 'x', offset: 50, filters: { presence: 'online' } };
  assert.is(askFor(query), '?q=x&presence=online&sort=name&order=asc&offset=50&limit=50');
  assert.is(askForCsv(query), '?q=x&presence=online&sort=name&order=asc&format=csv');
  assert.ok(isFiltered(query));
  assert.not(isFiltered(usual));
});

test('a heading sorts upward, then downward, from the first row', () => {
  const once = sortBy({ ...usual, offset: 50 }, 'group');
  assert.equal(once, { ...usual, sort: 'group' });
  assert.is(sortBy(once, 'group').order, 'desc');
  assert.is(sortBy(sortBy(once, 'group'), 'group').order, 'asc');
});

const paths = [
  { name: 'itself', pattern: '/devices', path: '/devices', params: {} },
  { name: 'a part', pattern: '/devices/:id', path: '/devices/a%20b', params: { id: 'a b' } },
  { name: 'one part too many', pattern: '/devices', path: '/devices/a', params: null },
  { name: 'an empty part', pattern: '/devices/:id', path: '/devices/', params: null },
  { name: 'no UTF-8', pattern: '/devices/:id', path: '/devices/%ff', params: null },
  { name: 'another path', pattern: '/devices', path: '/codes', params: null },
];

table('match', paths, ({ pattern, path, params }) => {
  assert.equal(match(pattern, path), params);
});
