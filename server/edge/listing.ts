/** The one way a list is searched, sorted and paged, in the database; and written as CSV (RFC 4180). */
import type { TObject, TSchema } from '@sinclair/typebox';
import { type SelectQueryBuilder, sql } from 'kysely';
import { good, type Result } from '../../protocol/fault.ts';
import { type ListQuery, listQuery, type Page, pageOf } from '../api/list.ts';
import { writeCsv } from '../core/csv.ts';
import { usualPage } from '../core/page.ts';
import type { Action } from '../core/permission.ts';
import type { AdminRoute, Call } from './admin-route.ts';
import type { Server } from './context.ts';

export type ListSpec<Column extends string> = {
  /** What of the query stands behind each column that may be sorted by: names of the query, or SQL. */
  readonly sort: Readonly<Record<Column, string>>;
  /** In which order rows come that are otherwise equal: unique. */
  readonly key: string;
  /** Where `q` is looked for. */
  readonly search: readonly string[];
  readonly start: { readonly by: Column; readonly order: 'asc' | 'desc' };
};
/** A list that has a page of its own in the table of routes. */
export type ListRoute<Query> = {
  readonly url: string;
  readonly row: TObject;
  readonly columns: readonly string[];
  readonly filters?: Readonly<Record<string, TSchema>>;
  readonly action?: Action;
  /** A list that belongs to something may be refused. */
  readonly run: (server: Server, query: Query, call: Call) => Promise<Page<unknown> | Result<Page<unknown>>>;
};

const byteOrderMark = '\ufeff';

export const listing = <Query>({
  url,
  row,
  columns,
  filters = {},
  action = 'read',
  run,
}: ListRoute<Query>): AdminRoute => ({
  method: 'GET',
  url,
  action,
  query: listQuery(columns, filters),
  answer: pageOf(row),
  list: row,
  run: async (server, call) => {
    const page = await run(server, call.query as Query, call);
    return 'ok' in page ? page : good(page);
  },
});

/** The rows asked for and the number of all that fit. Text of `spec` is ours, text of `asked` is only ever a value. */
export async function readPage<DB, TB extends keyof DB, O, Column extends string>(
  query: SelectQueryBuilder<DB, TB, O>,
  spec: ListSpec<Column>,
  asked: ListQuery<Column>,
): Promise<Page<O>> {
  const { q = '', sort = spec.start.by, offset = 0, limit = usualPage } = asked;
  const order = asked.order ?? (asked.sort === undefined ? spec.start.order : 'asc');
  const text = q.trim().toLowerCase();
  const like = `%${text.replace(/[\\%_]/g, '\\$&')}%`;
  const places = spec.search.map((place) => sql`lower(coalesce(${sql.raw(place)}, '')) like ${like} escape '\\'`);
  const found = text === '' ? query : query.where(sql<boolean>`(${sql.join(places, sql` or `)})`);
  const rows = await found
    .orderBy(sql.raw(spec.sort[sort]), order)
    .orderBy(sql.raw(spec.key), order)
    .limit(limit)
    .offset(offset)
    .execute();
  const counted = await found.clearSelect().select(sql<number>`count(*)`.as('total')).executeTakeFirstOrThrow();
  return { rows: rows as O[], total: Number((counted as { readonly total: number }).total) };
}

/** A page whose rows are shown otherwise than they are kept. */
export const mapPage = <A, B>({ rows, total }: Page<A>, view: (row: A) => B): Page<B> => ({
  rows: rows.map(view),
  total,
});

/** Heading, and every row that fits, a few thousand at a time. UTF-8 with a mark, since spreadsheets guess otherwise. */
export async function* csvOf(
  row: TObject,
  read: (offset: number, limit: number) => Promise<Page<unknown> | null>,
): AsyncGenerator<string> {
  const fields = Object.entries(row.properties);
  yield byteOrderMark + writeCsv([fields.map(([name]) => name)]);
  const atOnce = 2000;
  for (let offset = 0; ; offset += atOnce) {
    const page = await read(offset, atOnce);
    if (!page || page.rows.length === 0) return;
    yield page.rows.map((each) => lineOf(fields, each as Readonly<Record<string, unknown>>)).join('');
    if (offset + atOnce >= page.total) return;
  }
}

const lineOf = (fields: readonly (readonly [string, TSchema])[], row: Readonly<Record<string, unknown>>): string =>
  writeCsv([fields.map(([name, schema]) => textOf(row[name], schema))]);

function textOf(value: unknown, schema: TSchema): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'number') return isInstant(schema) ? new Date(value).toISOString() : String(value);
  if (Array.isArray(value)) return value.join(' ');
  if (typeof value !== 'object') return String(value);
  return Object.entries(value)
    .map(([name, fact]) => `${name}=${fact}`)
    .join(' ');
}

const isInstant = (schema: TSchema): boolean =>
  schema.title === 'instant' || ((schema['anyOf'] ?? []) as readonly TSchema[]).some(isInstant);
