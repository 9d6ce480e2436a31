/** Migrations and transactions over real files. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { parseCertificate, toBase64 } from '../../protocol/certificate.ts';
import { bad, good } from '../../protocol/fault.ts';
import { openDatabase, transact } from '../../server/edge/database.ts';
import { codeOf, value } from '../fakes/fleet-server.ts';
import { issue } from '../fakes/issue.ts';
import { assert, rejects, test } from '../harness.ts';

async function inFolder(run: (path: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'thintrust-database-'));
  try {
    await run(join(folder, 'thintrust.sqlite'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Name and SQL of everything in a database, as a release made it. */
function schemaOf(path: string): readonly string[] {
  const raw = new DatabaseSync(path, { readOnly: true });
  const rows = raw
    .prepare("select sql from sqlite_master where sql is not null and name not like 'kysely%' order by name")
    .all();
  raw.close();
  return rows.map(({ sql }) => String(sql).replace(/\s+/g, ' '));
}

test('a database of the first release opens with what is in it', () =>
  inFolder(async (path) => {
    const raw = new DatabaseSync(path);
    raw.exec(readFileSync('test/vectors/server-database-0001.sql', 'utf8'));
    raw.close();
    const { db, close } = value(await openDatabase(path));
    const groups = await db.selectFrom('groups').select(['name', 'kind']).execute();
    const [row] = await db.selectFrom('audit').selectAll().execute();
    await close();
    assert.equal(
      groups.map((each) => ({ ...each })),
      [{ name: 'Unassigned', kind: 'unassigned' }],
    );
    assert.equal(
      { ...row },
      {
        id: 1,
        at: 1,
        actor: 'server',
        action: 'initialised',
        subject: 'x',
        facts: '{}',
        device_seq: null,
      },
    );
  }));

test('identities from before the third migration: those of confirmed devices have been used, the others not', () =>
  inFolder(async (path) => {
    const raw = new DatabaseSync(path);
    raw.exec(readFileSync('test/vectors/server-database-0001.sql', 'utf8'));
    const group = String(raw.prepare('select id from groups').get()?.['id']);
    for (const [id, confirmed] of [
      ['a', 7],
      ['b', null],
    ] as const) {
      raw
        .prepare(`insert into devices (id, name, hardware_id, group_id, secret_generation, locator, presence, confirmed_at, created_at)
          values (?, ?, '', ?, 1, '0000', 'offline', ?, 1)`)
        .run(id, id, group, confirmed);
      raw
        .prepare(`insert into identities (issuer, serial, fingerprint, device_id, chain, not_after, issued_at)
          values ('us', ?, ?, ?, '[]', 9, 5)`)
        .run(id, id, id);
    }
    raw.close();
    const { db, close } = value(await openDatabase(path));
    const rows = await db.selectFrom('identities').select('first_contact_at').orderBy('serial').execute();
    await close();
    assert.equal(
      rows.map(({ first_contact_at }) => first_contact_at),
      [5, null],
    );
  }));

test('identities from before the tenth migration are of the authority there was, foreign ones of none', () =>
  inFolder(async (path) => {
    const own = issue({ cn: 'thintrust device authority', ca: true });
    const { fingerprint, subject } = value(parseCertificate(own.der));
    const raw = new DatabaseSync(path);
    raw.exec(readFileSync('test/vectors/server-database-0001.sql', 'utf8'));
    const group = String(raw.prepare('select id from groups').get()?.['id']);
    raw.prepare("insert into keys values ('client-authority', ?, '')").run(toBase64(own.der));
    raw
      .prepare(`insert into devices (id, name, hardware_id, group_id, secret_generation, locator, presence, created_at)
        values ('a', 'a', '', ?, 1, '0000', 'offline', 1)`)
      .run(group);
    for (const [serial, issuer] of [
      ['1', subject],
      ['2', 'CN=another'],
    ] as const)
      raw
        .prepare(`insert into identities (issuer, serial, fingerprint, device_id, chain, not_after, issued_at)
          values (?, ?, 'x', 'a', '[]', 9, 5)`)
        .run(issuer, serial);
    raw.close();
    const { db, close } = value(await openDatabase(path));
    const rows = await db.selectFrom('identities').select('authority').orderBy('serial').execute();
    await close();
    assert.equal(
      rows.map(({ authority }) => authority),
      [fingerprint, null],
    );
  }));

test('a new database has the shape of a migrated one, and opening twice changes nothing', () =>
  inFolder(async (path) => {
    const old = `${path}.old`;
    const raw = new DatabaseSync(old);
    raw.exec(readFileSync('test/vectors/server-database-0001.sql', 'utf8'));
    raw.close();
    for (const each of [old, path, path]) await value(await openDatabase(each)).close();
    assert.equal(schemaOf(path), schemaOf(old));
  }));

test('changes of the certificate that an older release made become links', () =>
  inFolder(async (path) => {
    const raw = new DatabaseSync(path);
    raw.exec(readFileSync('test/vectors/server-database-0001.sql', 'utf8'));
    const certificate = raw.prepare('insert into server_certificates values (?, ?, ?, ?, null, 1, 1)');
    for (const name of ['one', 'two', 'never', 'three']) certificate.run(name, 'retired', `["${name}+"]`, '');
    const row = raw.prepare('insert into audit (at, actor, action, subject, facts) values (?, ?, ?, ?, ?)');
    row.run(5, 'administrator', 'certificate-switched', 'two', '{"previous":"one","notReady":0,"override":"no"}');
    row.run(6, 'administrator', 'reserve-reset', 'never', '{}');
    row.run(7, 'server', 'certificate-switched', 'three', '{"previous":"two"}');
    row.run(8, 'server', 'certificate-switched', 'gone', '{"previous":"three"}');
    raw.close();
    const { db, close } = value(await openDatabase(path));
    const links = await db.selectFrom('rotations').selectAll().orderBy('seq').execute();
    await close();
    assert.equal(
      links.map((each) => Object.values(each)),
      [
        [1, 'one', 'two', 'two+', '', 0, 5, null],
        [2, 'two', 'three', 'three+', '', 0, 7, null],
      ],
    );
  }));

test('a database of a newer release is refused and left alone', () =>
  inFolder(async (path) => {
    await value(await openDatabase(path)).close();
    const raw = new DatabaseSync(path);
    raw.exec("insert into kysely_migration (name, timestamp) values ('9999-future', '2030')");
    raw.close();
    const before = readFileSync(path);
    assert.is(codeOf(await openDatabase(path)), 'unknown-version');
    assert.equal(readFileSync(path), before);
  }));

test('a file that is no database is refused and left alone', () =>
  inFolder(async (path) => {
    writeFileSync(path, 'no database at all, but text of some length, so that the header is there'.repeat(20));
    const before = readFileSync(path);
    assert.is(codeOf(await openDatabase(path)), 'backup-unreadable');
    assert.equal(readFileSync(path), before);
  }));

test('a fault rolls back, a throw too, and the next transaction works', () =>
  inFolder(async (path) => {
    const { db, close } = value(await openDatabase(path));
    const put = (name: string) => ({ name, value: '1' });
    const kept = async () => (await db.selectFrom('settings').select('name').execute()).map(({ name }) => name);
    const refused = await transact(db, async (trx) => {
      await trx.insertInto('settings').values(put('refused')).execute();
      return bad('not-allowed');
    });
    assert.is(codeOf(refused), 'not-allowed');
    await rejects(
      () =>
        transact(db, async (trx) => {
          await trx.insertInto('settings').values(put('thrown')).execute();
          throw new Error('on purpose');
        }),
      /on purpose/,
    );
    value(
      await transact(db, async (trx) => {
        await trx.insertInto('settings').values(put('kept')).execute();
        return good(null);
      }),
    );
    assert.equal(await kept(), ['kept']);
    await close();
  }));
