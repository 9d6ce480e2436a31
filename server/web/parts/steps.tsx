/** Wizards: the list of steps, one of them at a time, and the way back. What is chosen is the page's, and stays while it is shown. */
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { fill } from '../../../words/say.ts';
import type { ShownFault } from '../api.ts';
import { useApp } from '../app.ts';
import { Icon } from './icon.tsx';
import { Leaving } from './leaving.tsx';
import { FaultNote } from './show.tsx';

export type Step = {
  readonly id: string;
  readonly title: string;
  readonly body: () => ComponentChildren;
  /** What has to be chosen before somebody may go on, as a sentence. */
  readonly missing?: string | null;
};

/**
 * `steps` are those there are by what is chosen so far: a choice may only make steps come and go that follow its own. Dialogs stand
 * beside this, not within a step: a form has no form in it.
 */
export function Steps({
  label,
  steps,
  submit,
  changed,
  busy,
  fault,
  arrives,
  cancel,
  onDone,
}: {
  /** Of the list of steps. */
  readonly label: string;
  readonly steps: readonly Step[];
  /** The button of the last step. */
  readonly submit: string;
  /** Something was chosen: whoever leaves is asked. */
  readonly changed: boolean;
  readonly busy: boolean;
  readonly fault: ShownFault | null;
  /** It follows something else on the same page, and takes the focus when it comes. */
  readonly arrives?: boolean;
  /** The page that giving up leads to. */
  readonly cancel: string;
  readonly onDone: () => void;
}) {
  const { words } = useApp();
  const { parts, shell } = words.web;
  const [at, setAt] = useState(steps[0]?.id);
  const [told, setTold] = useState<string | null>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  const known = useRef(arrives ? undefined : at);
  const index = Math.max(
    0,
    steps.findIndex(({ id }) => id === at),
  );
  const step = steps[index];
  const go = (to: number) => {
    setTold(null);
    setAt(steps[to]?.id);
  };
  useEffect(() => {
    if (known.current === at) return;
    known.current = at;
    heading.current?.focus();
    heading.current?.scrollIntoView({ block: 'nearest' });
  }, [at]);
  if (!step) return null;
  const missing = step.missing ?? null;
  const number = { number: index + 1, total: steps.length };
  return (
    <div class="steps">
      {changed && <Leaving title={parts.leaving.title} what={parts.leaving.what} />}
      <nav class="steps-list" aria-label={label}>
        <ol>
          {steps.map(({ id, title }, place) => (
            <li key={id} class={place < index ? 'step-done' : undefined}>
              {place < index ? (
                <button type="button" class="link" onClick={() => go(place)}>
                  {title}
                </button>
              ) : (
                <span aria-current={place === index ? 'step' : undefined}>{title}</span>
              )}
              {place < index && <Icon name="check" />}
            </li>
          ))}
        </ol>
        <p class="hint">{parts.steps.vary}</p>
      </nav>
      <form
        class="section steps-body"
        // What is wrong is said by the step, in the language of the console.
        noValidate
        onKeyDown={(event) => {
          const { key, target } = event;
          if (key === 'Enter' && target instanceof HTMLInputElement && target.type === 'search') event.preventDefault();
        }}
        onSubmit={(event) => {
          event.preventDefault();
          if (event.target !== event.currentTarget || busy) return;
          if (missing !== null) setTold(missing);
          else if (index === steps.length - 1) onDone();
          else go(index + 1);
        }}
      >
        <h2 ref={heading} tabIndex={-1}>
          <span class="step-number">{fill(parts.steps.number, number)} </span>
          {step.title}
        </h2>
        <FaultNote fault={fault} />
        {step.body()}
        <p class="wrong" role="alert">
          {told !== null && missing !== null && (
            <>
              <Icon name="alert" />
              {missing}
            </>
          )}
        </p>
        <div class="form-buttons">
          {index > 0 && (
            <button type="button" class="button" onClick={() => go(index - 1)}>
              {parts.steps.back}
            </button>
          )}
          <button type="submit" class="button button-main" aria-busy={busy}>
            {index === steps.length - 1 ? submit : parts.steps.next}
          </button>
          <a class="button button-quiet" href={cancel}>
            {shell.cancel}
          </a>
        </div>
      </form>
    </div>
  );
}
