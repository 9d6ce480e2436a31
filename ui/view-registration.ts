/** The registration form. Pure. */
import { fill, sayFault, type Words } from '../words/say.ts';
import { type Body, button, field, labelColumn, paragraph } from './body.ts';
import { blank, column, type Line, type Place, span } from './frame.ts';
import { grouped, groupedCursor } from './input.ts';
import { type Field, fields, type Model, type RegistrationScreen, type Size } from './model.ts';

const fieldWidth = 40;
/** Hex digits of the fingerprint on one line: eight groups of four. */
const perLine = 32;

export function registrationBody(model: Model, screen: RegistrationScreen, words: Words, size: Size): Body {
  const { registration: own, titles, keys, buttons } = words.screens;
  const labelWidth = labelColumn(fields.map((name) => ({ label: own[name] }))) + 2;
  const lines: Line[] = [blank, ...paragraph(own.lead, size.width), blank];
  let cursor: Place | null = null;
  for (const name of fields) {
    const focused = screen.focus === name;
    const drawn = drawField(name, screen);
    if (focused) cursor = { x: labelWidth + drawn.cursor.x, y: lines.length + drawn.cursor.y };
    for (const [index, row] of drawn.rows.entries()) {
      const label = `${focused && index === 0 ? '> ' : '  '}${index === 0 ? own[name] : ''}`;
      const hint = index === drawn.rows.length - 1 ? hintOf(name, screen, words) : '';
      const spans = [span(column(label, labelWidth), focused ? 'strong' : 'normal'), span(row, 'field')];
      // A hint that has no room beside its field goes on the next line.
      const beside = labelWidth + row.length + 2 + hint.length <= size.width;
      lines.push(beside ? [...spans, span(`  ${hint}`, 'hint')] : spans);
      if (!beside) lines.push([span(' '.repeat(labelWidth)), span(hint, 'hint')]);
    }
    lines.push(blank);
  }
  lines.push(button(buttons.register, screen.focus === 'register'), blank, ...progress(model, screen, words, size));
  return {
    title: titles.registration,
    lines,
    cursor,
    keys: [
      { key: 'Tab', label: keys.next },
      { key: 'Enter', label: screen.focus === 'register' || screen.focus === 'password' ? keys.send : buttons.next },
      { key: 'F3', label: screen.reveal ? keys.hide : keys.show },
      { key: 'Esc', label: keys.back },
    ],
  };
}

function drawField(
  name: Field,
  screen: RegistrationScreen,
): { readonly rows: readonly string[]; readonly cursor: Place } {
  const { text, cursor } = screen.fields[name];
  if (name === 'fingerprint') {
    const padded = grouped(
      text
        .toUpperCase()
        .padEnd(2 * perLine, '_')
        .slice(0, perLine),
    );
    const rest = grouped(
      text
        .toUpperCase()
        .padEnd(2 * perLine, '_')
        .slice(perLine),
    );
    const second = cursor >= perLine;
    const within = second ? Math.min(cursor - perLine, perLine - 1) : cursor;
    const x = cursor === 2 * perLine ? rest.length : groupedCursor(within);
    return { rows: [padded, rest], cursor: { x, y: second ? 1 : 0 } };
  }
  const shown = name === 'password' && !screen.reveal ? '*'.repeat(text.length) : text;
  const drawn = field(shown, cursor, fieldWidth);
  return { rows: [drawn.shown], cursor: { x: drawn.x, y: 0 } };
}

function hintOf(name: Field, screen: RegistrationScreen, words: Words): string {
  const own = words.screens.registration;
  if (name === 'address') return own.addressHint;
  return name === 'fingerprint' ? fill(own.fingerprintHint, { count: screen.fields.fingerprint.text.length }) : '';
}

function progress(model: Model, screen: RegistrationScreen, words: Words, size: Size): readonly Line[] {
  const status = model.status?.value;
  if (!screen.pending && status?.at !== 'registering') return [];
  const working = paragraph(words.screens.registration.registering, size.width, 'strong');
  const { fault } = status?.link ?? { fault: null };
  return fault ? [...working, ...paragraph(sayFault(words, fault), size.width, 'error')] : working;
}
