/** The registration form. */
import { fill, sayFault, type Words } from '../../words/say.ts';
import { type Body, button, labelColumn, paragraph } from '../body.ts';
import { ask, become, complain, type Decision, pop, refuse, stay } from '../decision.ts';
import { type Form, fieldWidth, formKey } from '../form.ts';
import { blank, column, type Line, type Place, span } from '../frame.ts';
import { emptyInput, field, grouped, groupedCursor, type InputRule, isAddress, matching } from '../input.ts';
import { type Key, type Model, registrationScreen, type Size, statusIn } from '../model.ts';
import type { RegistrationField, RegistrationScreen } from '../screen.ts';
import type { Window } from '../window.ts';

const fields: readonly RegistrationField[] = ['address', 'fingerprint', 'invitation', 'password'];
/** Hex digits of SHA-256. */
const fingerprintLength = 64;
/** Hex digits of the fingerprint on one line: eight groups of four. */
const perLine = 32;
const rules: Readonly<Record<RegistrationField, InputRule>> = {
  address: { take: matching(/^[A-Za-z0-9._:[\]-]$/), limit: 261 },
  fingerprint: { take: (character) => matching(/^[0-9a-f]$/)(character.toLowerCase()), limit: fingerprintLength },
  // A user's name in any of its forms; behind a user's password and a blank stands a one-time password.
  invitation: { take: matching(/^[A-Za-z0-9._@\\-]$/), limit: 64 },
  password: { take: matching(/^[\x20-\x7e]$/), limit: 64 },
};
const form: Form<RegistrationScreen['focus']> = { parts: [...fields, 'register'], rules };

export const registrationWindow = (model: Model, screen: RegistrationScreen): Window => ({
  body: (words, size) => registrationBody(model, screen, words, size),
  key: (key) => registrationKey(model, screen, key),
  answer: (answer) => stay(answer.of === 'fault' ? complain(model, answer.fault) : model),
});

/** The form as it was left. */
export const openRegistration = (model: Model): Decision =>
  stay({ ...model, stack: [...model.stack, { ...registrationScreen, fields: model.typed }] });

function registrationKey(model: Model, screen: RegistrationScreen, key: Key): Decision {
  if (key.name === 'escape') return pop({ ...model, typed: { ...screen.fields, password: emptyInput } });
  if (key.name === 'f3') return become(model, { ...screen, reveal: !screen.reveal });
  if (screen.pending !== null) return stay(model);
  const { focus } = screen;
  const event = formKey(form, focus, focus === 'register' ? null : screen.fields[focus], key);
  switch (event.at) {
    case 'same':
      return stay(model);
    case 'moved':
      return become(model, { ...screen, focus: event.focus });
    case 'typed':
      return become(model, { ...screen, fields: { ...screen.fields, [focus]: event.input } });
    case 'pressed':
      return submit(model, screen);
  }
}

function submit(model: Model, screen: RegistrationScreen): Decision {
  const address = screen.fields.address.text;
  const fingerprint = screen.fields.fingerprint.text;
  const invitation = screen.fields.invitation.text;
  const password = screen.fields.password.text;
  if (!isAddress(address)) return refuse(model, { ...screen, focus: 'address' }, 'badAddress');
  if (fingerprint.length !== fingerprintLength)
    return refuse(model, { ...screen, focus: 'fingerprint' }, 'badFingerprint', { count: fingerprint.length });
  if (invitation === '') return refuse(model, { ...screen, focus: 'invitation' }, 'badInvitation');
  if (password === '') return refuse(model, { ...screen, focus: 'password' }, 'badPassword');
  return ask(model, screen, { do: 'register', body: { address, fingerprint, invitation, password } });
}

function registrationBody(model: Model, screen: RegistrationScreen, words: Words, size: Size): Body {
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
  name: RegistrationField,
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

function hintOf(name: RegistrationField, screen: RegistrationScreen, words: Words): string {
  const own = words.screens.registration;
  if (name === 'address') return own.addressHint;
  return name === 'fingerprint' ? fill(own.fingerprintHint, { count: screen.fields.fingerprint.text.length }) : '';
}

function progress(model: Model, screen: RegistrationScreen, words: Words, size: Size): readonly Line[] {
  const status = statusIn(model);
  if (screen.pending === null && status?.at !== 'registering') return [];
  const working = paragraph(words.screens.registration.registering, size.width, 'strong');
  const { fault } = status?.link ?? { fault: null };
  return fault ? [...working, ...paragraph(sayFault(words, fault), size.width, 'error')] : working;
}
