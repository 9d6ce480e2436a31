/** A short table that is there as a whole: nothing to search, sort or page. */
import type { ComponentChildren } from 'preact';
import type { Loaded } from '../app.ts';
import { FaultNote, Loading } from './show.tsx';

export type Row = { readonly key: string; readonly cells: readonly ComponentChildren[] };

export const Rows = ({
  caption,
  heads,
  rows,
}: {
  readonly caption: string;
  readonly heads: readonly ComponentChildren[];
  readonly rows: readonly Row[];
}) => (
  // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reachable by keyboard
  <section class="table-scroll" aria-label={caption} tabIndex={0}>
    <table class="table">
      <caption class="unseen">{caption}</caption>
      <thead>
        <tr>
          {heads.map((head, index) => (
            <th key={index} scope="col">
              {head}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map(({ key, cells }) => (
          <tr key={key}>
            {cells.map((cell, index) => (
              <td key={index}>{cell}</td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  </section>
);

/** The same of a list that is read from the server: what is there, that nothing is, or why it is not known. */
export function LoadedRows<Item>({
  of: { value, fault, again },
  none,
  row,
  ...table
}: {
  readonly of: Loaded<readonly Item[]>;
  readonly none: string;
  readonly caption: string;
  readonly heads: readonly ComponentChildren[];
  readonly row: (item: Item) => Row;
}) {
  return (
    <>
      <FaultNote fault={fault} again={again} />
      {!value && !fault && <Loading />}
      {value?.length === 0 && <p>{none}</p>}
      {value && value.length > 0 && <Rows {...table} rows={value.map(row)} />}
    </>
  );
}
