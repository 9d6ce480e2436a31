/** Dialogs on the browser's own `<dialog>`: it keeps the focus inside, Escape closes it, the focus goes back. */
import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';
import type { Answer } from '../api.ts';
import { useApp, useSending } from '../app.ts';
import { Icon } from './icon.tsx';
import { FaultNote } from './show.tsx';

/** Is open as long as it is shown. */
export function Dialog({
  title,
  onClose,
  children,
}: {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}) {
  const { words } = useApp();
  const element = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const dialog = element.current;
    const opener = document.activeElement;
    if (dialog && !dialog.open) dialog.showModal();
    return () => {
      dialog?.close();
      if (opener instanceof HTMLElement) opener.focus();
    };
  }, []);
  // A further step takes away what had the focus.
  useEffect(() => {
    const dialog = element.current;
    if (document.activeElement === document.body) (dialog?.querySelector('input') ?? dialog)?.focus();
  });
  return (
    <dialog
      ref={element}
      tabIndex={-1}
      class="dialog"
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
    >
      <div class="dialog-head">
        <h2 id={id}>{title}</h2>
        <button type="button" class="button button-icon" onClick={onClose}>
          <Icon name="cross" />
          <span class="unseen">{words.web.shell.close}</span>
        </button>
      </div>
      {children}
    </dialog>
  );
}

/** Says what will happen, and to how many, before it happens. Closes itself when it was done. */
export function ConfirmDialog<T>({
  title,
  consequences,
  confirm,
  danger,
  ready = true,
  run,
  onDone,
  onClose,
  children,
}: {
  readonly title: string;
  /** Each one sentence. */
  readonly consequences: readonly string[];
  readonly confirm: string;
  readonly danger?: boolean;
  /** Not before what will happen is known. */
  readonly ready?: boolean;
  readonly run: () => Promise<Answer<T>>;
  readonly onDone: (value: T) => void;
  readonly onClose: () => void;
  readonly children?: ComponentChildren;
}) {
  const { words } = useApp();
  const sending = useSending();
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        class="form"
        onSubmit={async (event) => {
          event.preventDefault();
          if (sending.busy) return;
          const answer = await sending.run(run);
          if (answer.ok) onDone(answer.value);
        }}
      >
        <FaultNote fault={sending.fault} />
        <ul class="consequences">
          {consequences.map((sentence) => (
            <li key={sentence}>{sentence}</li>
          ))}
        </ul>
        {children}
        <div class="form-buttons">
          <button
            type="submit"
            class={danger ? 'button button-danger' : 'button button-main'}
            aria-busy={sending.busy}
            disabled={!ready}
          >
            {confirm}
          </button>
          <button type="button" class="button" onClick={onClose}>
            {words.web.shell.cancel}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
