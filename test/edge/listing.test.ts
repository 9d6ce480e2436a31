/** Lists through the API: sorted, searched, filtered and paged in the database, and whole as CSV. */
import { instant } from '../../protocol/time.ts';
import { auditColumns, auditRow, deviceColumns } from '../../server/api/devices.ts';
import { userColumns } from '../../server/api/users.ts';
import { csvOf } from '../../server/edge/listing.ts';
import { addGroup } from '../../server/edge/places.ts';
import { addUser } from '../../server/edge/users.ts';
import { value } from '../fakes/fleet-server.ts';
import { addPerson, type Console, type Page, password, withConsole } from '../fakes/web-client.ts';
import { assert, table, test } from '../harness.ts';

const names = ['alpha', 'Bravo', 'charlie 100%', 'Дельта', '=1+1'];

async function fill({ world }: Console): Promise<void> {
  const { server } = world;
  const { db } = server;
  const { id: office } = value(await addGroup(server, 'root', { name: 'Office' }));
  const [unassigned] = await db.selectFrom('groups').select('id').where('kind', '=', 'unassigned').execute();
  for (const [index, name] of names.entries())
    await db
      .insertInto('devices')
      .values({
        id: `0a8f1f6e-9a5c-4c1d-8a1e-3f1b2c4d5e0${index}`,
        name,
        hardware_id: `board ${index}`,
        group_id: index % 2 === 0 ? office : (unassigned?.id ?? ''),
        secret_generation: 1,
        locator: '',
        presence: index < 2 ? 'online' : 'offline',
        last_seen: index === 4 ? null : instant(1_700_000_000_000 + index),
        confirmed_at: 1,
        adopted_at: index === 3 ? 1 : null,
        retired_at: index === 2 ? 1 : null,
        deactivated_at: index === 4 ? 1 : null,
        migration: index === 0 ? 'pending' : null,
        created_at: 1,
        removed_at: null,
      })
      .execute();
  for (const name of ['anna', 'boris@corp.example']) value(await addUser(server, 'root', { name, group: 'Office' }));
}

async function withLists(run: (page: Page, console: Console) => Promise<void>): Promise<void> {
  await withConsole(async (console) => {
    await fill(console);
    await addPerson(console, 'olga', 'auditor');
    const page = console.page();
    await page.signIn('olga', password);
    await run(page, console);
  });
}

const rows = [
  { query: '', found: ['=1+1', 'alpha', 'Bravo', 'charlie 100%', 'Дельта'] },
  { query: '?sort=name&order=desc', found: ['Дельта', 'charlie 100%', 'Bravo', 'alpha', '=1+1'] },
  { query: '?sort=lastSeen&order=desc&limit=2', found: ['Дельта', 'charlie 100%'] },
  { query: '?sort=lastSeen&limit=2&offset=1', found: ['alpha', 'Bravo'] },
  { query: '?sort=standing&limit=3&offset=3', found: ['=1+1', 'charlie 100%'] },
  { query: '?standing=inactive', found: ['=1+1'] },
  { query: '?standing=active&presence=online', found: ['alpha', 'Bravo'] },
  { query: '?migration=pending', found: ['alpha'] },
  { query: '?migration=none&presence=online', found: ['Bravo'] },
  { query: '?group=Office&sort=name', found: ['=1+1', 'alpha', 'charlie 100%'] },
  { query: '?waiting=true', found: ['Дельта'] },
  { query: '?q=BRAVO', found: ['Bravo'] },
  { query: `?q=${encodeURIComponent('дель')}`, found: ['Дельта'] },
  { query: '?q=100%25', found: ['charlie 100%'] },
  { query: '?q=_', found: [] },
  { query: '?q=pending', found: ['alpha'] },
  { query: '?q=board%203', found: ['Дельта'] },
  { query: "?q=')%20or%201=1--", found: [] },
  { query: '?offset=99', found: [] },
];

test('devices: every query gives its rows and the number of all that fit', () =>
  withLists(async (page) => {
    for (const { query, found } of rows) {
      const { status, body } = await page.ask('GET', `/devices${query}`);
      assert.is(status, 200, query);
      assert.equal(
        body.rows.map(({ name }: { name: string }) => name),
        found,
        query,
      );
      assert.is(body.total, /limit|offset/.test(query) ? names.length : found.length, query);
    }
  }));

test('devices of a group, with those of all groups below it', () =>
  withLists(async (page, { world: { server } }) => {
    const desk = value(await addGroup(server, 'root', { name: 'Desk', parent: 'Office' })).id;
    await server.db.updateTable('devices').set({ group_id: desk }).where('name', '=', 'Bravo').execute();
    const office = await server.db.selectFrom('groups').select('id').where('name', '=', 'Office').executeTakeFirst();
    for (const [within, found] of [
      [office?.id, ['=1+1', 'alpha', 'Bravo', 'charlie 100%']],
      [desk, ['Bravo']],
      ['nothing such', []],
    ] as const) {
      const { body } = await page.ask('GET', `/devices?within=${encodeURIComponent(String(within))}&sort=name`);
      assert.equal(
        body.rows.map(({ name }: { name: string }) => name),
        found,
      );
      assert.is(body.total, found.length);
    }
  }));

test('every column of every list sorts, both ways, and a page says how many there are', () =>
  withLists(async (page) => {
    const lists = { devices: deviceColumns, audit: auditColumns, users: userColumns, accounts: ['name', 'roles'] };
    for (const [list, columns] of Object.entries(lists))
      for (const column of columns) {
        const asked = (order: string) => page.ask('GET', `/${list}?sort=${column}&order=${order}&limit=200`);
        const [up, down] = [(await asked('asc')).body, (await asked('desc')).body];
        assert.ok(up.total > 0 && up.rows.length === up.total, `${list} ${column}`);
        assert.equal(up.rows, down.rows.toReversed(), `${list} ${column}`);
      }
  }));

test('the audit log is filtered by who, what and when', () =>
  withLists(async (page, { world }) => {
    const total = async (query: string): Promise<number> => (await page.ask('GET', `/audit${query}`)).body.total;
    assert.is(await total('?action=group-added'), 1);
    assert.is(await total('?action=user-added&actor=root'), 2);
    assert.is(await total('?actor=olga'), 1);
    assert.is(await total(`?from=${world.time.now + 1}`), 0);
    assert.is(await total(`?to=${world.time.now}`), 0);
    assert.is(await total('?q=boris'), 1);
  }));

test('a list is CSV for who asks: all rows, times as such, harmless in a spreadsheet', () =>
  withLists(async (page) => {
    const answer = await page.ask('GET', '/devices?sort=name&limit=1', { headers: { accept: 'text/csv' } });
    assert.match(String(answer.headers['content-type']), /^text\/csv; charset=utf-8/);
    assert.is(answer.headers['content-disposition'], 'attachment; filename="devices.csv"');
    const lines = answer.text.split('\r\n');
    assert.is(lines[0], '\ufeffid,name,group,groupId,presence,lastSeen,confirmed,waiting,standing,agent,migration');
    assert.is(lines.length, names.length + 2);
    assert.match(lines[1] ?? '', /^0a8f[^,]+,'=1\+1,Office,[^,]+,offline,,true,false,inactive,,$/);
    assert.match(lines[2] ?? '', /,online,2023-11-14T22:13:20\.000Z,/);
    assert.is((await page.ask('GET', '/devices?sort=name&format=csv')).text, answer.text);
    assert.is((await page.ask('GET', '/devices?format=xml')).body.code, 'bad-shape');
  }));

table(
  'csvOf (RFC 4180)',
  [
    { name: 'quotes and commas', subject: 'a "b", c', line: '"a ""b"", c"' },
    { name: 'lines', subject: 'a\r\nb', line: '"a\r\nb"' },
    { name: 'a formula', subject: '=HYPERLINK("x")', line: '"\'=HYPERLINK(""x"")"' },
    { name: 'plus, minus, at', subject: '@a', line: "'@a" },
    { name: 'a tab before a formula', subject: '\t=1', line: "'\t=1" },
  ],
  async ({ subject, line }) => {
    const row = { id: 1, at: 0, actor: 'a', action: 'b', subject, facts: { x: 1, y: 'z' } };
    let text = '';
    for await (const part of csvOf(auditRow, async () => ({ rows: [row], total: 1 }))) text += part;
    assert.is(text.split('facts\r\n')[1], `1,1970-01-01T00:00:00.000Z,a,b,${line},x=1 y=z\r\n`);
  },
);
