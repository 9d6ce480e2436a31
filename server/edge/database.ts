/** The database: kysely over Node's own SQLite, migrations, and transactions that roll back when a fault comes out. */
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import { Kysely, type SqliteDatabase, SqliteDialect, sql } from 'kysely';
import { Migrator } from 'kysely/migration';
import { bad, good, type Result } from '../../protocol/fault.ts';
import { makePrivate } from './files.ts';
import { migrations } from './migrations.ts';
import type { Database, Tables } from './tables.ts';

export type Opened = { readonly db: Database; readonly close: () => Promise<void> };

/**
 * Opens and migrates. Commits are synced to disk (`synchronous = full`), since a signed revision or an issued certificate
 * that is forgotten again would be a lie. Faults: `unknown-version` when a newer release wrote the file,
 * `backup-unreadable` when it is no database.
 */
export async function openDatabase(path: string): Promise<Result<Opened>> {
  let raw: DatabaseSync;
  try {
    makePrivate(path);
    raw = new DatabaseSync(path);
    raw.exec(
      'pragma journal_mode = wal; pragma synchronous = full; pragma foreign_keys = on; pragma secure_delete = on; pragma busy_timeout = 5000;',
    );
    // SQLite's own knows A to Z alone.
    raw.function('lower', { deterministic: true }, (text) => (text === null ? null : String(text).toLowerCase()));
  } catch {
    return bad('backup-unreadable', { what: 'database' });
  }
  const db = new Kysely<Tables>({ dialect: new SqliteDialect({ database: adapt(raw) }) });
  const migrator = new Migrator({ db, provider: { getMigrations: async () => ({ ...migrations }) } });
  if (newerThanWe(raw)) {
    raw.close();
    return bad('unknown-version', { what: 'database' });
  }
  const { error } = await migrator.migrateToLatest();
  if (error) {
    raw.close();
    throw error;
  }
  return good({ db, close: () => db.destroy() });
}

/**
 * One transaction; a fault that comes out of `run` undoes everything. Inside, use `trx` only. Within another one it is a part of
 * that, undone alone.
 */
export async function transact<T>(db: Database, run: (trx: Database) => Promise<Result<T>>): Promise<Result<T>> {
  if (db.isTransaction) return transactWithin(db, run);
  const trx = await db.startTransaction().execute();
  try {
    const result = await run(trx);
    await (result.ok ? trx.commit() : trx.rollback()).execute();
    return result;
  } catch (error) {
    if (!trx.isCommitted && !trx.isRolledBack) await trx.rollback().execute();
    throw error;
  }
}

async function transactWithin<T>(trx: Database, run: (trx: Database) => Promise<Result<T>>): Promise<Result<T>> {
  const undo = async () => {
    await sql`rollback to savepoint part`.execute(trx);
    await sql`release savepoint part`.execute(trx);
  };
  await sql`savepoint part`.execute(trx);
  try {
    const result = await run(trx);
    if (result.ok) await sql`release savepoint part`.execute(trx);
    else await undo();
    return result;
  } catch (error) {
    await undo();
    throw error;
  }
}

/** What was deleted or overwritten is gone from the disk's files too: `secure_delete` zeroes pages, this empties the log. */
export async function forget(db: Database): Promise<void> {
  await sql`pragma wal_checkpoint(truncate)`.execute(db);
}

/** A whole copy of the database as one file's bytes, consistent while others write. */
export function snapshot(path: string, temporary: string): void {
  const raw = new DatabaseSync(path, { readOnly: true });
  try {
    makePrivate(temporary);
    raw.prepare('vacuum into ?').run(temporary);
  } finally {
    raw.close();
  }
}

/** What kysely expects of better-sqlite3, in terms of `node:sqlite`. */
function adapt(raw: DatabaseSync): SqliteDatabase {
  return {
    close: () => raw.close(),
    prepare: (sql) => {
      const statement = raw.prepare(sql);
      const values = (parameters: readonly unknown[]) => parameters as SQLInputValue[];
      return {
        reader: statement.columns().length > 0,
        all: (parameters) => statement.all(...values(parameters)),
        run: (parameters) => statement.run(...values(parameters)),
        iterate: (parameters) => statement.iterate(...values(parameters)),
      };
    },
  };
}

function newerThanWe(raw: DatabaseSync): boolean {
  const table = raw.prepare("select 1 from sqlite_master where type = 'table' and name = 'kysely_migration'").get();
  if (!table) return false;
  const rows = raw.prepare('select name from kysely_migration').all();
  return rows.some(({ name }) => !(String(name) in migrations));
}
