/** What wants two confirmations: the first leads to the second, and only that one does it. */
import { useState } from 'preact/hooks';
import type { Answer } from '../../api.ts';
import { ConfirmDialog } from '../../parts/dialog.tsx';

type Asked = {
  readonly title: string;
  readonly consequences: readonly string[];
  readonly confirm: string;
};

export function ConfirmTwice<T>({
  first,
  second,
  run,
  onDone,
  onClose,
}: {
  readonly first: Asked;
  readonly second: Asked;
  readonly run: () => Promise<Answer<T>>;
  readonly onDone: () => void;
  readonly onClose: () => void;
}) {
  const [again, setAgain] = useState(false);
  return again ? (
    <ConfirmDialog key="second" {...second} danger run={run} onDone={onDone} onClose={onClose} />
  ) : (
    <ConfirmDialog<null>
      key="first"
      {...first}
      danger
      run={async () => ({ ok: true, value: null })}
      onDone={() => setAgain(true)}
      onClose={onClose}
    />
  );
}
