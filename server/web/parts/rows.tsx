/** A short table that is there as a whole: nothing to search, sort or page. */
import type { ComponentChildren } from 'preact';

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
