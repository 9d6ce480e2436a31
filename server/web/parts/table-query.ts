/** What a table shows, as it stands in the address: so it can be left and come back to, and sent to somebody. */
export type Order = 'asc' | 'desc';
export type TableQuery = {
  readonly q: string;
  readonly sort: string;
  readonly order: Order;
  readonly offset: number;
  readonly limit: number;
  readonly filters: Readonly<Record<string, string>>;
};
export type Start = { readonly sort: string; readonly order: Order };

export const sizes = [25, 50, 100, 200] as const;
const usualSize = 50;

/** Whatever the address says that makes no sense is as if it were not there. */
export function readQuery(query: string, start: Start, filterIds: readonly string[]): TableQuery {
  const given = new URLSearchParams(query);
  const order = given.get('order');
  const limit = Number(given.get('limit'));
  const offset = Number(given.get('offset'));
  const filters = filterIds.flatMap((id) => {
    const value = given.get(id);
    return value ? [[id, value] as const] : [];
  });
  return {
    q: given.get('q') ?? '',
    sort: given.get('sort') || start.sort,
    order: order === 'asc' || order === 'desc' ? order : start.order,
    offset: Number.isSafeInteger(offset) && offset > 0 ? offset : 0,
    limit: sizes.find((size) => size === limit) ?? usualSize,
    filters: Object.fromEntries(filters),
  };
}

/** For the address: without what goes without saying. */
export function writeQuery({ q, sort, order, offset, limit, filters }: TableQuery, start: Start): string {
  const sorted = sort === start.sort && order === start.order ? {} : { sort, order };
  return spell({
    q,
    ...filters,
    ...sorted,
    ...(offset > 0 ? { offset: String(offset) } : {}),
    ...(limit === usualSize ? {} : { limit: String(limit) }),
  });
}

/** For the server: all of it. */
export const askFor = ({ q, sort, order, offset, limit, filters }: TableQuery): string =>
  spell({ q, ...filters, sort, order, offset: String(offset), limit: String(limit) });

/** For the server: all rows that fit, as a file. */
export const askForCsv = ({ q, sort, order, filters }: TableQuery): string =>
  spell({ q, ...filters, sort, order, format: 'csv' });

/** A first click sorts upward, the next one downward. Another order begins at the first row. */
export const sortBy = (query: TableQuery, sort: string): TableQuery => ({
  ...query,
  sort,
  order: query.sort === sort && query.order === 'asc' ? 'desc' : 'asc',
  offset: 0,
});

export const isFiltered = ({ q, filters }: TableQuery): boolean => q !== '' || Object.keys(filters).length > 0;

function spell(parts: Readonly<Record<string, string>>): string {
  const given = Object.entries(parts).filter(([, value]) => value !== '');
  return given.length === 0 ? '' : `?${new URLSearchParams(given)}`;
}
