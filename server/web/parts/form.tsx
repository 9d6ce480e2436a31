/** Forms: every field has its label above it and its hint and fault below, tied together for whoever hears them. */
import type { ComponentChildren, InputHTMLAttributes } from 'preact';
import { useId, useState } from 'preact/hooks';
import type { ShownFault } from '../api.ts';
import { useApp } from '../app.ts';
import { Icon } from './icon.tsx';
import { FaultNote } from './show.tsx';

type FieldProps = {
  readonly label: string;
  readonly hint?: string;
  /** What is wrong with what was typed. */
  readonly wrong?: string | null;
};
type TextProps = FieldProps & {
  readonly value: string;
  readonly onValue: (value: string) => void;
  readonly type?: 'text' | 'email' | 'number' | 'datetime-local';
  readonly required?: boolean;
  readonly autocomplete?: InputHTMLAttributes['autocomplete'];
  readonly inputMode?: 'numeric' | 'text';
  readonly maxLength?: number;
  readonly kind?: 'code' | 'short';
  readonly autoFocus?: boolean;
  readonly disabled?: boolean;
};

export function TextField({ label, hint, wrong, value, onValue, type, kind, autoFocus, ...rest }: TextProps) {
  const ids = useFieldIds(hint, wrong);
  return (
    <Field ids={ids} label={label} hint={hint} wrong={wrong}>
      <input
        {...ids.input}
        {...rest}
        ref={focusOnce(autoFocus)}
        class={kind ? `input input-${kind}` : 'input'}
        type={(type ?? 'text') as 'text' /* the attributes are those all of them have */}
        spellcheck={false}
        autocapitalize="off"
        value={value}
        onInput={({ currentTarget }) => onValue(currentTarget.value)}
      />
    </Field>
  );
}

/** What is typed can be looked at. `autocomplete` tells a password manager which one it is. */
export function PasswordField({
  label,
  hint,
  wrong,
  value,
  onValue,
  autocomplete,
  autoFocus,
  optional,
}: FieldProps & {
  readonly value: string;
  readonly onValue: (value: string) => void;
  readonly optional?: boolean;
  readonly autocomplete: 'current-password' | 'new-password' | 'off';
  readonly autoFocus?: boolean;
}) {
  const { words } = useApp();
  const ids = useFieldIds(hint, wrong);
  const [shown, setShown] = useState(false);
  const { form } = words.web.parts;
  return (
    <Field ids={ids} label={label} hint={hint} wrong={wrong}>
      <span class="input-with-button">
        <input
          {...ids.input}
          ref={focusOnce(autoFocus)}
          class="input"
          type={(shown ? 'text' : 'password') as 'text'}
          autocomplete={autocomplete}
          spellcheck={false}
          autocapitalize="off"
          required={!optional}
          maxLength={1000}
          value={value}
          onInput={({ currentTarget }) => onValue(currentTarget.value)}
        />
        <button type="button" class="input-button" aria-pressed={shown} onClick={() => setShown(!shown)}>
          <Icon name={shown ? 'hidden' : 'eye'} />
          <span class="unseen">{form.show}</span>
        </button>
      </span>
    </Field>
  );
}

/** Text of several lines. */
export function AreaField({
  label,
  hint,
  value,
  onValue,
  maxLength,
}: Omit<FieldProps, 'wrong'> & {
  readonly value: string;
  readonly onValue: (value: string) => void;
  readonly maxLength: number;
}) {
  const ids = useFieldIds(hint, null);
  return (
    <Field ids={ids} label={label} hint={hint}>
      <textarea
        {...ids.input}
        class="input area"
        spellcheck={false}
        maxLength={maxLength}
        value={value}
        onInput={({ currentTarget }) => onValue(currentTarget.value)}
      />
    </Field>
  );
}

export type Choice = readonly [value: string, text: string];

export function SelectField({
  label,
  hint,
  value,
  choices,
  onValue,
  inline,
}: Omit<FieldProps, 'wrong'> & {
  readonly value: string;
  readonly choices: readonly Choice[];
  readonly onValue: (value: string) => void;
  /** Label and field side by side, for toolbars. */
  readonly inline?: boolean;
}) {
  const ids = useFieldIds(hint, null);
  return (
    <Field ids={ids} label={label} hint={hint} inline={inline}>
      <span class="select">
        <select {...ids.input} value={value} onChange={({ currentTarget }) => onValue(currentTarget.value)}>
          {choices.map(([choice, text]) => (
            <option key={choice} value={choice}>
              {text}
            </option>
          ))}
        </select>
        <Icon name="chevron" />
      </span>
    </Field>
  );
}

export function FileField({
  label,
  hint,
  wrong,
  accept,
  onFile,
  onFiles,
}: FieldProps & {
  /** Kinds of files, as `accept` of HTML. */
  readonly accept: string;
  readonly onFile?: (file: File | null) => void;
  /** Several may be chosen then. */
  readonly onFiles?: (files: readonly File[]) => void;
}) {
  const ids = useFieldIds(hint, wrong);
  return (
    <Field ids={ids} label={label} hint={hint} wrong={wrong}>
      <input
        {...ids.input}
        class="input"
        type={'file' as 'text' /* the attributes are those all of them have */}
        accept={accept}
        multiple={onFiles !== undefined}
        onChange={({ currentTarget }) => {
          onFile?.(currentTarget.files?.[0] ?? null);
          onFiles?.([...(currentTarget.files ?? [])]);
        }}
      />
    </Field>
  );
}

export function CheckField({
  label,
  hint,
  checked,
  onChecked,
  disabled,
}: Omit<FieldProps, 'wrong'> & {
  readonly checked: boolean;
  readonly onChecked: (checked: boolean) => void;
  readonly disabled?: boolean;
}) {
  const id = useId();
  return (
    <div class="check">
      <input
        id={id}
        type="checkbox"
        checked={checked}
        disabled={disabled ?? false}
        aria-describedby={hint ? `${id}-hint` : undefined}
        onChange={({ currentTarget }) => onChecked(currentTarget.checked)}
      />
      <label for={id}>{label}</label>
      {hint && (
        <p class="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
    </div>
  );
}

/** One of a few, all in sight. */
export function RadioField<V extends string>({
  legend,
  headed,
  choices,
  value,
  onValue,
}: {
  readonly legend: string;
  /** A heading above says the same. */
  readonly headed?: boolean;
  readonly choices: readonly (readonly [
    value: V,
    text: ComponentChildren,
    hint?: ComponentChildren,
    /** Its hint says why. */
    disabled?: boolean,
  ])[];
  readonly value: V | '';
  readonly onValue: (value: V) => void;
}) {
  const id = useId();
  return (
    <fieldset class="radios">
      <legend class={headed ? 'unseen' : undefined}>{legend}</legend>
      {choices.map(([choice, text, hint, disabled], index) => (
        <div class="check" key={choice}>
          <input
            id={`${id}-${index}`}
            type="radio"
            name={id}
            checked={choice === value}
            disabled={disabled ?? false}
            aria-describedby={hint ? `${id}-${index}-hint` : undefined}
            onChange={() => onValue(choice)}
          />
          <label for={`${id}-${index}`}>{text}</label>
          {hint && (
            <p class="hint" id={`${id}-${index}-hint`}>
              {hint}
            </p>
          )}
        </div>
      ))}
    </fieldset>
  );
}

/** A form that is sent by Enter and by its button, and says above it why it was refused. */
export function Form({
  onSend,
  submit,
  busy,
  fault,
  danger,
  more,
  children,
}: {
  readonly onSend: () => void;
  readonly submit: string;
  readonly busy: boolean;
  readonly fault: ShownFault | null;
  readonly danger?: boolean;
  /** Beside the button. */
  readonly more?: ComponentChildren;
  readonly children: ComponentChildren;
}) {
  return (
    <form
      class="form"
      onSubmit={(event) => {
        event.preventDefault();
        if (!busy) onSend();
      }}
    >
      <FaultNote fault={fault} />
      {children}
      <div class="form-buttons">
        <button type="submit" class={danger ? 'button button-danger' : 'button button-main'} aria-busy={busy}>
          {submit}
        </button>
        {more}
      </div>
    </form>
  );
}

type FieldIds = {
  readonly hint: string;
  readonly wrong: string;
  readonly input: { readonly id: string; readonly 'aria-describedby'?: string; readonly 'aria-invalid'?: true };
};

function useFieldIds(hint: string | undefined, wrong: string | null | undefined): FieldIds {
  const id = useId();
  const ids = { hint: `${id}-hint`, wrong: `${id}-wrong` };
  const described = [...(hint ? [ids.hint] : []), ...(wrong ? [ids.wrong] : [])].join(' ');
  const input = {
    id,
    ...(described ? { 'aria-describedby': described } : {}),
    ...(wrong ? { 'aria-invalid': true as const } : {}),
  };
  return { ...ids, input };
}

function Field({
  ids,
  label,
  hint,
  wrong,
  inline,
  children,
}: {
  readonly ids: FieldIds;
  readonly label: string;
  readonly hint: string | undefined;
  readonly wrong?: string | null | undefined;
  readonly inline?: boolean | undefined;
  readonly children: ComponentChildren;
}) {
  return (
    <div class={inline ? 'field field-inline' : 'field'}>
      <label for={ids.input.id}>{label}</label>
      {children}
      {hint && (
        <p class="hint" id={ids.hint}>
          {hint}
        </p>
      )}
      {/* There before it says something, so that it is heard. */}
      {wrong !== undefined && (
        <p class="wrong" id={ids.wrong} role="alert">
          {wrong && <Icon name="alert" />}
          {wrong}
        </p>
      )}
    </div>
  );
}

const seen = new WeakSet<Element>();
/** The focus goes there when the field appears, and never again by itself. */
const focusOnce = (wanted: boolean | undefined) => (element: HTMLInputElement | null) => {
  if (!wanted || element === null || seen.has(element)) return;
  seen.add(element);
  element.focus();
};
