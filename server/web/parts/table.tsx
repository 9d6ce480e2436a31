/** Tables: the server searches, filters, sorts and pages; the address remembers how. */
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { fill } from '../../../words/say.ts';
import type { Page as Listing } from '../../api/list.ts';
import { base } from '../api.ts';
import { useApp, useLoad } from '../app.ts';
import { FilterField } from './filter.tsx';
import { type Choice, SelectField } from './form.tsx';
import { Icon } from './icon.tsx';
import { SelectAll, SelectPage, toggled } from './selection.tsx';
import { FaultNote } from './show.tsx';
import {
  askFor,
  askForCsv,
  isFiltered,
  readQuery,
  type Start,
  sizes,
  sortBy,
  type TableQuery,
  writeQuery,
} from './table-query.ts';

export type Column<Row> = {
  /** Its name at the API. */
  readonly id: string;
  readonly title: string;
  readonly sortable?: boolean;
  readonly cell: (row: Row) => ComponentChildren;
  readonly kind?: 'number' | 'text' | 'code' | 'main';
  /** Left out where there is little room; `early`, already in a window that is not very wide. */
  readonly minor?: boolean | 'early';
};
export type Filter = {
  readonly id: string;
  readonly title: string;
  /** A list to choose of; text that is typed; a day, its begin or (`until`) its end, by the clock of the browser. */
} & ({ readonly choices: readonly Choice[] } | { readonly of: 'text' | 'from' | 'until' });
export type TableProps<Row> = {
  /** Of the list, below `/api/v1`. */
  readonly path: string;
  readonly caption: string;
  readonly columns: readonly Column<Row>[];
  readonly filters?: readonly Filter[];
  /** Asked of the list beside what the address says. */
  readonly fixed?: Readonly<Record<string, string>>;
  readonly start: Start;
  readonly keyOf: (row: Row) => string;
  readonly searchable?: boolean;
  /** Said where there are no rows at all. */
  readonly empty: ComponentChildren;
  /** What can be done with rows that are selected; each row can be selected then. */
  readonly selection?: {
    readonly nameOf: (row: Row) => string;
    readonly actions?: (rows: readonly Row[], done: () => void) => ComponentChildren;
    /** The page's own, where it has to outlive the table. */
    readonly kept?: {
      readonly chosen: ReadonlyMap<string, Row>;
      readonly onChosen: (chosen: ReadonlyMap<string, Row>) => void;
    };
  };
};

const searchDelayMs = 250;

export function Table<Row>(props: TableProps<Row>) {
  const { path, caption, columns, filters = [], fixed = {}, start, keyOf, selection, empty } = props;
  const { place, navigate, words, language } = useApp();
  const query = readQuery(
    place.query,
    start,
    filters.map(({ id }) => id),
  );
  const asked = { ...query, filters: { ...query.filters, ...fixed } };
  const go = (next: TableQuery) => navigate(place.path + writeQuery(next, start), 'replace');
  const loaded = useLoad<Listing<Row>>(path + askFor(asked));
  const own = useState<ReadonlyMap<string, Row>>(new Map());
  const chosen = selection?.kept?.chosen ?? own[0];
  const setChosen = selection?.kept?.onChosen ?? own[1];
  const { table } = words.web.parts;
  const rows = loaded.value?.rows ?? [];
  const total = loaded.value?.total ?? 0;
  const count = new Intl.NumberFormat(language);
  const done = () => {
    setChosen(new Map());
    loaded.again();
  };
  return (
    <div class="table-block">
      <div class="table-tools">
        {props.searchable !== false && <Search value={query.q} onSearch={(q) => go({ ...query, q, offset: 0 })} />}
        {filters.map((filter) => (
          <FilterField
            key={filter.id}
            filter={filter}
            value={query.filters[filter.id] ?? ''}
            onValue={(value) => {
              const { [filter.id]: _, ...others } = query.filters;
              go({ ...query, filters: value ? { ...others, [filter.id]: value } : others, offset: 0 });
            }}
          />
        ))}
        <span class="table-count" role="status">
          {loaded.value && fill(isFiltered(query) ? table.found : table.total, { total: count.format(total) })}
        </span>
        <span class="table-more">
          <button type="button" class="button button-icon" title={table.reload} onClick={loaded.again}>
            <Icon name="reload" />
            <span class="unseen">{table.reload}</span>
          </button>
          <a class="button button-quiet" href={base + path + askForCsv(asked)} download>
            <Icon name="download" />
            {table.csv}
          </a>
        </span>
      </div>
      <FaultNote fault={loaded.fault} again={loaded.again} />
      {selection && chosen.size > 0 && (
        <div class="table-selected">
          <span role="status">{fill(table.selected, { count: count.format(chosen.size) })}</span>
          {selection.actions?.([...chosen.values()], done)}
          {total > chosen.size && (
            <SelectAll
              total={total}
              pathOf={(offset, limit) => path + askFor({ ...asked, offset, limit })}
              keyOf={keyOf}
              chosen={chosen}
              onChosen={setChosen}
            />
          )}
          <button type="button" class="link" onClick={() => setChosen(new Map())}>
            {table.unselect}
          </button>
        </div>
      )}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reachable by keyboard */}
      <section class="table-scroll" aria-label={caption} tabIndex={0}>
        <table class="table" aria-busy={loaded.loading}>
          <caption class="unseen">{caption}</caption>
          <thead>
            <tr>
              {selection && <SelectPage rows={rows} keyOf={keyOf} chosen={chosen} onChosen={setChosen} />}
              {columns.map((column) => (
                <Heading key={column.id} column={column} query={query} onSort={() => go(sortBy(query, column.id))} />
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={keyOf(row)} class={chosen.has(keyOf(row)) ? 'chosen' : undefined}>
                {selection && (
                  <td class="table-check">
                    <input
                      type="checkbox"
                      aria-label={fill(table.select, { name: selection.nameOf(row) })}
                      checked={chosen.has(keyOf(row))}
                      onChange={() => setChosen(toggled(chosen, [row], keyOf))}
                    />
                  </td>
                )}
                {columns.map((column) =>
                  column.kind === 'main' ? (
                    <th key={column.id} scope="row" class={classOf(column)}>
                      {column.cell(row)}
                    </th>
                  ) : (
                    <td key={column.id} class={classOf(column)}>
                      {column.cell(row)}
                    </td>
                  ),
                )}
              </tr>
            ))}
          </tbody>
        </table>
        {loaded.value && rows.length === 0 && (
          <div class="table-empty">
            {isFiltered(query) ? (
              <>
                <p>{table.nothingFound}</p>
                <button type="button" class="button" onClick={() => go({ ...query, q: '', filters: {}, offset: 0 })}>
                  {table.clear}
                </button>
              </>
            ) : (
              <p>{empty}</p>
            )}
          </div>
        )}
        {!loaded.value && loaded.loading && <p class="table-empty loading">{words.web.shell.loading}</p>}
      </section>
      {(total > query.limit || query.offset > 0 || query.limit !== 50) && (
        <Pager caption={caption} query={query} total={total} onGo={go} />
      )}
    </div>
  );
}

function Heading<Row>({
  column,
  query,
  onSort,
}: {
  readonly column: Column<Row>;
  readonly query: TableQuery;
  readonly onSort: () => void;
}) {
  const sorted = column.sortable && query.sort === column.id;
  return (
    <th
      scope="col"
      class={classOf(column)}
      aria-sort={sorted ? (query.order === 'asc' ? 'ascending' : 'descending') : undefined}
    >
      {column.sortable ? (
        <button type="button" class={`table-sort${sorted ? ` sorted-${query.order}` : ''}`} onClick={onSort}>
          {column.title}
          <Icon name="sorted" />
        </button>
      ) : (
        column.title
      )}
    </th>
  );
}

function Search({ value, onSearch }: { readonly value: string; readonly onSearch: (q: string) => void }) {
  const { words } = useApp();
  const { table } = words.web.parts;
  const [typed, setTyped] = useState(value);
  const waiting = useRef<number | undefined>(undefined);
  useEffect(() => setTyped(value), [value]);
  useEffect(() => () => clearTimeout(waiting.current), []);
  const later = (text: string) => {
    setTyped(text);
    clearTimeout(waiting.current);
    waiting.current = window.setTimeout(() => onSearch(text.trim()), searchDelayMs);
  };
  return (
    <search class="search">
      <Icon name="search" />
      <input
        class="input"
        type="search"
        aria-label={table.search}
        placeholder={table.search}
        spellcheck={false}
        maxLength={120}
        value={typed}
        onInput={({ currentTarget }) => later(currentTarget.value)}
      />
    </search>
  );
}

function Pager({
  caption,
  query,
  total,
  onGo,
}: {
  readonly caption: string;
  readonly query: TableQuery;
  readonly total: number;
  readonly onGo: (query: TableQuery) => void;
}) {
  const { words, language } = useApp();
  const { table } = words.web.parts;
  const { offset, limit } = query;
  const count = new Intl.NumberFormat(language);
  const range = {
    from: count.format(Math.min(offset + 1, total)),
    to: count.format(Math.min(offset + limit, total)),
    total: count.format(total),
  };
  return (
    <nav class="pager" aria-label={fill(table.pages, { table: caption })}>
      <SelectField
        inline
        label={table.size}
        value={String(limit)}
        choices={sizes.map((size) => [String(size), String(size)])}
        onValue={(value) => onGo({ ...query, limit: Number(value), offset: 0 })}
      />
      <span>{fill(table.range, range)}</span>
      <button
        type="button"
        class="button button-icon"
        disabled={offset === 0}
        onClick={() => onGo({ ...query, offset: Math.max(0, offset - limit) })}
      >
        <Icon name="previous" />
        <span class="unseen">{table.previous}</span>
      </button>
      <button
        type="button"
        class="button button-icon"
        disabled={offset + limit >= total}
        onClick={() => onGo({ ...query, offset: offset + limit })}
      >
        <Icon name="next" />
        <span class="unseen">{table.next}</span>
      </button>
    </nav>
  );
}

const classOf = <Row,>({ kind, minor }: Column<Row>): string | undefined =>
  [kind && `cell-${kind}`, minor && 'minor', minor === 'early' && minor].filter(Boolean).join(' ') || undefined;
