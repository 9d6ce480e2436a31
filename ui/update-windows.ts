/** Keys in the main window, the registration form and the two replacement windows. Pure. */
import { become, type Decision, pop, push, stay, toMain, turn } from './decision.ts';
import { edit, emptyInput, type InputRule } from './input.ts';
import {
  type CodeScreen,
  codeLength,
  codeScreen,
  type Field,
  fields,
  fingerprintLength,
  type Key,
  lockedForMs,
  type Model,
  menuOf,
  type Note,
  type RegistrationScreen,
  registrationScreen,
  type Screen,
  selectedEntry,
} from './model.ts';

const matching =
  (pattern: RegExp) =>
  (character: string): string =>
    pattern.test(character) ? character : '';

const fieldRules: Readonly<Record<Field, InputRule>> = {
  address: { take: matching(/^[A-Za-z0-9._:[\]-]$/), limit: 261 },
  fingerprint: { take: (character) => matching(/^[0-9a-f]$/)(character.toLowerCase()), limit: fingerprintLength },
  invitation: { take: matching(/^[A-Za-z0-9-]$/), limit: 64 },
  password: { take: matching(/^[\x21-\x7e]$/), limit: 64 },
};
const digitRule: InputRule = { take: matching(/^[0-9]$/), limit: codeLength };

export function mainKey(model: Model, screen: { readonly at: 'main' }, key: Key): Decision {
  const menu = menuOf(model.status?.value ?? null);
  const selected = selectedEntry(model);
  const step = stepOf(key);
  if (step !== 0) {
    const next = turn(menu, selected, step);
    return next === selected ? stay(model) : become(model, { ...screen, selected: next });
  }
  if (key.name !== 'enter') return stay(model);
  if (selected === 'replacement') return push(model, { at: 'replacement' });
  if (selected === 'notices') return push(model, { at: 'notices', top: 0 });
  if (selected === 'registration') return push(model, { ...registrationScreen, fields: model.typed });
  return push(model, { at: 'certificates', selected: null, top: 0 });
}

export function registrationKey(model: Model, screen: RegistrationScreen, key: Key): Decision {
  if (key.name === 'escape') return pop({ ...model, typed: { ...screen.fields, password: emptyInput } });
  if (key.name === 'f3') return become(model, { ...screen, reveal: !screen.reveal });
  if (screen.pending) return stay(model);
  const ring = [...fields, 'register' as const];
  const step = stepOf(key);
  if (step !== 0) return become(model, { ...screen, focus: turn(ring, screen.focus, step) });
  if (key.name === 'enter') {
    if (screen.focus === 'register' || screen.focus === 'password') return submit(model, screen);
    return become(model, { ...screen, focus: turn(ring, screen.focus, 1) });
  }
  const { focus } = screen;
  if (focus === 'register' || !isEdit(key)) return stay(model);
  const input = edit(screen.fields[focus], key, fieldRules[focus]);
  if (input === screen.fields[focus]) return stay(model);
  return become(model, { ...screen, fields: { ...screen.fields, [focus]: input } });
}

export function replacementKey(model: Model, key: Key): Decision {
  if (key.name === 'enter') return push(model, codeScreen);
  return key.name === 'escape' ? toMain(model) : stay(model);
}

export function codeKey(model: Model, screen: CodeScreen, key: Key): Decision {
  if (key.name === 'escape') return pop(model);
  if (screen.pending) return stay(model);
  if (stepOf(key) !== 0) return become(model, { ...screen, focus: screen.focus === 'digits' ? 'confirm' : 'digits' });
  if (key.name === 'enter') {
    if (lockedForMs(model) > 0) return stay(model);
    const code = screen.digits.text;
    if (code.length < codeLength)
      return refuse(model, { ...screen, focus: 'digits' }, { type: 'short-code', count: code.length });
    return { model: become(model, { ...screen, pending: true }).model, commands: [{ do: 'send-code', code }] };
  }
  if (!isEdit(key)) return stay(model);
  // Digits go to the only field there is, wherever the focus stands.
  const digits = edit(screen.digits, key, digitRule);
  return digits === screen.digits ? stay(model) : become(model, { ...screen, focus: 'digits', digits });
}

function submit(model: Model, screen: RegistrationScreen): Decision {
  const address = screen.fields.address.text;
  const fingerprint = screen.fields.fingerprint.text;
  const invitation = screen.fields.invitation.text;
  const password = screen.fields.password.text;
  if (!isAddress(address)) return refuse(model, { ...screen, focus: 'address' }, { type: 'bad-address' });
  if (fingerprint.length !== fingerprintLength)
    return refuse(model, { ...screen, focus: 'fingerprint' }, { type: 'bad-fingerprint', count: fingerprint.length });
  if (invitation === '') return refuse(model, { ...screen, focus: 'invitation' }, { type: 'bad-invitation' });
  if (password === '') return refuse(model, { ...screen, focus: 'password' }, { type: 'bad-password' });
  const request = { address, fingerprint, invitation, password };
  return { model: become(model, { ...screen, pending: true }).model, commands: [{ do: 'register', request }] };
}

/** The form stays, with the focus where the mistake is, and the message line says what is wrong. */
const refuse = (model: Model, screen: Screen, note: Note): Decision => stay({ ...become(model, screen).model, note });

/** `host:port` as in the `address` of protocol/schema.ts, and a port that exists. */
function isAddress(text: string): boolean {
  const found = /^(?:\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253}):([0-9]{1,5})$/.exec(text);
  const port = Number(found?.[1] ?? 0);
  return port >= 1 && port <= 65535;
}

const stepOf = (key: Key): number =>
  key.name === 'down' || key.name === 'tab' ? 1 : key.name === 'up' || key.name === 'back-tab' ? -1 : 0;

type EditKey = Parameters<typeof edit>[1];
const editNames: ReadonlySet<string> = new Set(['character', 'left', 'right', 'home', 'end', 'backspace', 'delete']);
const isEdit = (key: Key): key is EditKey => editNames.has(key.name);
