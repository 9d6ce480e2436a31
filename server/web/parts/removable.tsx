/** A short list of which single rows can be taken away, after what that does was said. */
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { useApp } from '../app.ts';
import { LoadedRows } from './rows.tsx';
import { Unseen } from './show.tsx';

/** How a dialog is left. */
export type Ends = { readonly onDone: () => void; readonly onClose: () => void };
type Removing<Item> = {
  /** On the button of each row. */
  readonly word: string;
  /** What tells the button of a row from the others; null for a row that stays. */
  readonly name: (item: Item) => string | number | null;
  /** The dialog that says what will happen. */
  readonly ask: (item: Item, ends: Ends) => ComponentChildren;
  /** Said when it is done. */
  readonly done: string;
};

/** `remove` is null for who may not. */
export function RemovableRows<Item>({
  of,
  heads,
  row,
  remove,
  ...table
}: Parameters<typeof LoadedRows<Item>>[0] & { readonly remove: Removing<Item> | null }) {
  const { say } = useApp();
  const [asked, setAsked] = useState<{ readonly item: Item } | null>(null);
  if (!remove) return <LoadedRows {...table} of={of} heads={heads} row={row} />;
  const onClose = (): void => setAsked(null);
  const onDone = (): void => {
    onClose();
    say(remove.done);
    of.again();
  };
  return (
    <>
      <LoadedRows
        {...table}
        of={of}
        heads={[...heads, <Unseen key="remove" text={remove.word} />]}
        row={(item) => {
          const { key, cells } = row(item);
          const name = remove.name(item);
          const button = name !== null && (
            <button key="remove" type="button" class="button" onClick={() => setAsked({ item })}>
              {remove.word}
              <span class="unseen"> {name}</span>
            </button>
          );
          return { key, cells: [...cells, button] };
        }}
      />
      {asked && remove.ask(asked.item, { onDone, onClose })}
    </>
  );
}
