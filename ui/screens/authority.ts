/** The second page of a registration whose identity another authority issues, by EST or SCEP. */
import type { RegisterRequest } from '../../protocol/local.ts';
import type { Words } from '../../words/say.ts';
import { type Body, button, paragraph } from '../body.ts';
import { ask, become, complain, type Decision, pop, push, refuse, stay } from '../decision.ts';
import { type Form, formKey } from '../form.ts';
import { blank } from '../frame.ts';
import { emptyInput, type InputRule, isAddress, matching } from '../input.ts';
import type { Key, Model, Size } from '../model.ts';
import type { AuthorityField, AuthorityScreen } from '../screen.ts';
import type { Window } from '../window.ts';
import {
  addressRule,
  fingerprintHint,
  fingerprintLength,
  fingerprintRule,
  type OrderRow,
  orderRows,
} from './order-fields.ts';
import { registrationProgress } from './registering.ts';

const fieldsOf = {
  est: ['address', 'fingerprint', 'user', 'secret', 'subject'],
  scep: ['address', 'fingerprint', 'secret', 'subject'],
} as const satisfies Record<AuthorityScreen['issuer'], readonly AuthorityField[]>;
const paths = { est: '/.well-known/est', scep: '/scep' } as const;
const rules: Readonly<Record<AuthorityField, InputRule>> = {
  // A path may stand behind the port.
  address: { ...addressRule, take: matching(/^[\x21-\x22\x24-\x3e\x40-\x7e]$/) },
  fingerprint: fingerprintRule,
  user: { take: matching(/^[\x20-\x7e]$/), limit: 64 },
  secret: { take: matching(/^[\x20-\x7e]$/), limit: 128 },
  subject: { take: matching(/^[\x20-\x7e\u00a1-\uffff]$/), limit: 200 },
};
const defaultSubject = '$RANDOM_32$';

/** Behind the first page, whose content is there again after Esc. */
export function openAuthority(
  model: Model,
  issuer: AuthorityScreen['issuer'],
  order: Omit<RegisterRequest, 'enrolment'>,
): Decision {
  const subject = { text: defaultSubject, cursor: defaultSubject.length };
  const fields = { address: emptyInput, fingerprint: emptyInput, user: emptyInput, secret: emptyInput, subject };
  return push(model, { at: 'authority', issuer, order, focus: 'address', fields, reveal: false, pending: null });
}

export const authorityWindow = (model: Model, screen: AuthorityScreen): Window => ({
  body: (words, size) => authorityBody(model, screen, words, size),
  key: (key) => authorityKey(model, screen, key),
  answer: (answer) => stay(answer.of === 'fault' ? complain(model, answer.fault) : model),
});

function authorityKey(model: Model, screen: AuthorityScreen, key: Key): Decision {
  if (key.name === 'escape') return pop(model);
  if (key.name === 'f3') return become(model, { ...screen, reveal: !screen.reveal });
  if (screen.pending !== null) return stay(model);
  const { focus } = screen;
  const form: Form<AuthorityScreen['focus']> = { parts: [...fieldsOf[screen.issuer], 'register'], rules };
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

function submit(model: Model, screen: AuthorityScreen): Decision {
  const { fields, issuer, order } = screen;
  const typed = fields.address.text;
  const slash = typed.indexOf('/');
  const address = slash < 0 ? typed : typed.slice(0, slash);
  const path = slash < 0 ? paths[issuer] : typed.slice(slash).replace(/\/+$/, '') || paths[issuer];
  const fingerprint = fields.fingerprint.text;
  if (!isAddress(address)) return refuse(model, { ...screen, focus: 'address' }, 'badCaAddress');
  if (fingerprint.length !== fingerprintLength)
    return refuse(model, { ...screen, focus: 'fingerprint' }, 'badFingerprint', { count: fingerprint.length });
  if (fields.subject.text === '') return refuse(model, { ...screen, focus: 'subject' }, 'badSubject');
  const key = issuer === 'scep' ? ('RSA-2048' as const) : ('P-256' as const);
  const place = { protocol: issuer, address, path, fingerprint, key };
  const told = { user: issuer === 'est' ? fields.user.text : '', password: fields.secret.text };
  const enrolment = { ...place, ...told, subject: fields.subject.text };
  return ask(model, screen, { do: 'register', body: { ...order, enrolment } });
}

function authorityBody(model: Model, screen: AuthorityScreen, words: Words, size: Size): Body {
  const { authority: own, titles, keys, buttons } = words.screens;
  const { focus, issuer } = screen;
  const lead = paragraph(own.lead[issuer], size.width);
  const rows = fieldsOf[issuer].map((name): OrderRow => {
    const input = screen.fields[name];
    const label = name === 'secret' ? own.secret[issuer] : own[name];
    const row = { label, input, focused: focus === name };
    if (name === 'fingerprint') return { ...row, kind: name, hint: fingerprintHint(words, input) };
    if (name === 'secret') return { ...row, kind: name };
    return name === 'address' ? { ...row, hint: words.screens.registration.addressHint } : row;
  });
  const drawn = orderRows(rows, size.width, screen.reveal);
  return {
    title: titles.authority,
    lines: [
      blank,
      ...lead,
      blank,
      ...drawn.lines,
      button(buttons.register, focus === 'register'),
      blank,
      ...registrationProgress(model, screen.pending, words, size),
    ],
    cursor: drawn.cursor && { x: drawn.cursor.x, y: drawn.cursor.y + lead.length + 2 },
    keys: [
      { key: 'Tab', label: keys.next },
      { key: 'Enter', label: focus === 'register' || focus === 'subject' ? keys.send : buttons.next },
      { key: 'F3', label: screen.reveal ? keys.hide : keys.show },
      { key: 'Esc', label: keys.back },
    ],
  };
}
