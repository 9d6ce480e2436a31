/** What a table is narrowed down by, above it. */
import { useEffect, useId, useState } from 'preact/hooks';
import { useApp } from '../app.ts';
import { dayOf, timeOf } from './days.ts';
import { SelectField } from './form.tsx';
import type { Filter } from './table.tsx';

export function FilterField({
  filter,
  value,
  onValue,
}: {
  readonly filter: Filter;
  readonly value: string;
  readonly onValue: (value: string) => void;
}) {
  const { words } = useApp();
  const id = useId();
  const [typed, setTyped] = useState(value);
  useEffect(() => setTyped(value), [value]);
  if ('choices' in filter) {
    const choices = [['', words.web.parts.table.all] as const, ...filter.choices];
    return <SelectField inline label={filter.title} value={value} choices={choices} onValue={onValue} />;
  }
  const { of, title } = filter;
  return (
    <div class="field field-inline">
      <label for={id}>{title}</label>
      {of === 'text' ? (
        <input
          id={id}
          class="input input-filter"
          spellcheck={false}
          autocapitalize="off"
          maxLength={64}
          value={typed}
          onInput={({ currentTarget }) => setTyped(currentTarget.value)}
          onChange={({ currentTarget }) => onValue(currentTarget.value.trim())}
        />
      ) : (
        <input
          id={id}
          class="input"
          type={'date' as 'text' /* the attributes are those all of them have */}
          value={dayOf(value, of === 'until')}
          onChange={({ currentTarget }) => onValue(timeOf(currentTarget.value, of === 'until'))}
        />
      )}
    </div>
  );
}
