/** The registration form. */
import type { Words } from '../../words/say.ts';
import { type Body, button, paragraph } from '../body.ts';
import { ask, become, complain, type Decision, pop, refuse, stay, turn } from '../decision.ts';
import { type Form, formKey, sideStepOf } from '../form.ts';
import { blank } from '../frame.ts';
import { emptyInput, type InputRule, isAddress, matching } from '../input.ts';
import { type Key, type Model, registrationScreen, type Size } from '../model.ts';
import type { Issuer, RegistrationField, RegistrationScreen } from '../screen.ts';
import type { Window } from '../window.ts';
import { openAuthority } from './authority.ts';
import { chooser } from './chooser.ts';
import {
  addressRule,
  fingerprintHint,
  fingerprintLength,
  fingerprintRule,
  type OrderRow,
  orderRows,
} from './order-fields.ts';
import { registrationProgress } from './registering.ts';

const fields: readonly RegistrationField[] = ['address', 'fingerprint', 'invitation', 'password'];
const rules: Readonly<Record<RegistrationField, InputRule>> = {
  address: addressRule,
  fingerprint: fingerprintRule,
  // A user's name in any of its forms; behind a user's password and a blank stands a one-time password.
  invitation: { take: matching(/^[A-Za-z0-9._@\\-]$/), limit: 64 },
  password: { take: matching(/^[\x20-\x7e]$/), limit: 64 },
};
const issuers: readonly Issuer[] = ['server', 'est', 'scep'];
const form: Form<RegistrationScreen['focus']> = { parts: [...fields, 'issuer', 'register'], rules };

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
  if (focus === 'issuer' && sideStepOf(key) !== 0)
    return become(model, { ...screen, issuer: turn(issuers, screen.issuer, sideStepOf(key)) });
  const event = formKey(form, focus, isField(focus) ? screen.fields[focus] : null, key);
  switch (event.at) {
    case 'same':
      return stay(model);
    case 'moved':
      return become(model, { ...screen, focus: event.focus });
    case 'typed':
      return become(model, { ...screen, fields: { ...screen.fields, [focus]: event.input } });
    case 'pressed':
      return focus === 'issuer' ? become(model, { ...screen, focus: 'register' }) : submit(model, screen);
  }
}

const isField = (focus: RegistrationScreen['focus']): focus is RegistrationField =>
  focus !== 'issuer' && focus !== 'register';

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
  const order = { address, fingerprint, invitation, password };
  const { issuer } = screen;
  return issuer === 'server'
    ? ask(model, screen, { do: 'register', body: order })
    : openAuthority(model, issuer, order);
}

function registrationBody(model: Model, screen: RegistrationScreen, words: Words, size: Size): Body {
  const { registration: own, titles, keys, buttons } = words.screens;
  const { focus, issuer } = screen;
  const lead = paragraph(own.lead, size.width);
  const rows = fields.map((name): OrderRow => {
    const row = { label: own[name], input: screen.fields[name], focused: focus === name };
    if (name === 'fingerprint') return { ...row, kind: name, hint: fingerprintHint(words, row.input) };
    return name === 'password'
      ? { ...row, kind: 'secret' }
      : name === 'address'
        ? { ...row, hint: own.addressHint }
        : row;
  });
  const drawn = orderRows(rows, size.width, screen.reveal);
  const pad = Math.max(...rows.map(({ label }) => label.length));
  const label = issuer === 'server' ? buttons.register : buttons.next;
  const send = issuer === 'server' ? keys.send : buttons.next;
  return {
    title: titles.registration,
    lines: [
      blank,
      ...lead,
      blank,
      ...drawn.lines,
      chooser(own.issuer.padEnd(pad), own.issuers[issuer], focus === 'issuer'),
      blank,
      button(label, focus === 'register'),
      blank,
      ...registrationProgress(model, screen.pending, words, size),
    ],
    cursor: drawn.cursor && { x: drawn.cursor.x, y: drawn.cursor.y + lead.length + 2 },
    keys: [
      { key: 'Tab', label: keys.next },
      ...(focus === 'issuer' ? [{ key: '←→', label: keys.choose }] : []),
      { key: 'Enter', label: focus === 'register' || focus === 'password' ? send : buttons.next },
      { key: 'F3', label: screen.reveal ? keys.hide : keys.show },
      { key: 'Esc', label: keys.back },
    ],
  };
}
