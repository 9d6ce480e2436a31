/** Rows of a table that are chosen: one, a page, all that the list finds. */
import { fill } from '../../../words/say.ts';
import type { Page as Listing } from '../../api/list.ts';
import { mostOfJob } from '../../core/job.ts';
import { useApp, useSending } from '../app.ts';
import { FaultNote } from './show.tsx';

type Chosen<Row> = {
  readonly keyOf: (row: Row) => string;
  readonly chosen: ReadonlyMap<string, Row>;
  readonly onChosen: (chosen: ReadonlyMap<string, Row>) => void;
};

const pageSize = 200;

/** Reads the pages that are not shown too, as many as one order may be about. */
export function SelectAll<Row>({
  total,
  pathOf,
  keyOf,
  chosen,
  onChosen,
}: Chosen<Row> & { readonly total: number; readonly pathOf: (offset: number, limit: number) => string }) {
  const { words, api, language } = useApp();
  const sending = useSending();
  const most = Math.min(total, mostOfJob);
  const all = async () => {
    const next = new Map(chosen);
    for (let offset = 0; offset < most; offset += pageSize) {
      const page = await sending.run(() => api.get<Listing<Row>>(pathOf(offset, pageSize)));
      if (!page.ok) return;
      for (const row of page.value.rows) next.set(keyOf(row), row);
    }
    onChosen(next);
  };
  return (
    <>
      <button type="button" class="link" aria-busy={sending.busy} onClick={() => !sending.busy && all()}>
        {fill(words.web.parts.table.selectAll, { count: new Intl.NumberFormat(language).format(most) })}
      </button>
      <FaultNote fault={sending.fault} />
    </>
  );
}

export function SelectPage<Row>({ rows, keyOf, chosen, onChosen }: Chosen<Row> & { readonly rows: readonly Row[] }) {
  const { words } = useApp();
  const here = rows.filter((row) => chosen.has(keyOf(row))).length;
  return (
    <th scope="col" class="table-check">
      <input
        type="checkbox"
        aria-label={words.web.parts.table.selectPage}
        checked={rows.length > 0 && here === rows.length}
        indeterminate={here > 0 && here < rows.length}
        onChange={() => onChosen(toggled(chosen, rows, keyOf))}
      />
    </th>
  );
}

/** All chosen → none of them, else all of them. */
export function toggled<Row>(
  chosen: ReadonlyMap<string, Row>,
  rows: readonly Row[],
  keyOf: (row: Row) => string,
): ReadonlyMap<string, Row> {
  const all = rows.every((row) => chosen.has(keyOf(row)));
  const next = new Map(chosen);
  for (const row of rows)
    if (all) next.delete(keyOf(row));
    else next.set(keyOf(row), row);
  return next;
}
