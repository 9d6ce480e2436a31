/** The address of one server among the settings: where logs go, what the main window begins with. */
import type { Words } from '../../words/say.ts';
import { type Body, buttonRows, facts, paragraph } from '../body.ts';
import { ask, become, complain, type Decision, note, pop, push, stay } from '../decision.ts';
import { type Form, fieldRows, formKey } from '../form.ts';
import { blank, type Line, line } from '../frame.ts';
import { type Key, logIsAsked, type Model, type Size, statusIn } from '../model.ts';
import type { AddressScreen } from '../screen.ts';
import type { Window } from '../window.ts';
import { forwardingLines } from './forwarding.ts';
import { questionScreen, refusalScreen } from './judged.ts';
import { serverRule } from './place.ts';

export const addressWindow = (model: Model, screen: AddressScreen): Window => ({
  body: (words, size) => addressBody(model, screen, words, size),
  key: (key) => addressKey(model, screen, key),
  answer: (answer) => {
    if (answer.of === 'fault') return stay(complain(model, answer.fault));
    // Whether the log server is trusted comes with the next status, and is shown here.
    return stay(note(screen.setting === 'logServer' ? model : pop(model).model, 'saved'));
  },
});

function addressKey(model: Model, screen: AddressScreen, key: Key): Decision {
  if (key.name === 'escape') return pop(model);
  const form = formOf(model, screen);
  if (screen.pending !== null || form.parts.length === 0) return stay(model);
  const focus = focusOf(screen, form);
  const event = formKey(form, focus, screen.server, key);
  if (event.at === 'same') return stay(model);
  if (event.at === 'moved') return become(model, { ...screen, focus: event.focus });
  if (event.at === 'typed') return become(model, { ...screen, server: event.input, focus });
  if (event.button === 'certificate') return showCertificate(model);
  const value = screen.server.text === '' ? null : screen.server.text;
  return ask(model, screen, { do: 'settings', body: { [screen.setting]: value } });
}

/** The question of a first connection, or why there is none. */
function showCertificate(model: Model): Decision {
  const preflight = statusIn(model)?.log.preflight;
  if (!preflight) return stay(model);
  return push(model, logIsAsked(statusIn(model)) ? questionScreen('log', preflight, null) : refusalScreen(preflight));
}

/** Nothing can be typed where the policy has locked it. */
function formOf(model: Model, screen: AddressScreen): Form<AddressScreen['focus']> {
  const log = statusIn(model)?.log;
  const asked = screen.setting === 'logServer' && log?.at === 'refused' && log.preflight !== null;
  return {
    parts: [
      ...(isLocked(model, screen) ? [] : (['server', 'save'] as const)),
      ...(asked ? (['certificate'] as const) : []),
    ],
    rules: { server: serverRule },
  };
}

const focusOf = ({ focus }: AddressScreen, { parts }: Form<AddressScreen['focus']>): AddressScreen['focus'] =>
  parts.includes(focus) ? focus : (parts[0] ?? 'server');

const isLocked = (model: Model, { setting }: AddressScreen): boolean =>
  statusIn(model)?.settings[setting].locked ?? false;

function addressBody(model: Model, screen: AddressScreen, words: Words, size: Size): Body {
  const { address: own, titles, keys, buttons, settings } = words.screens;
  const status = statusIn(model);
  const form = formOf(model, screen);
  const focus = focusOf(screen, form);
  const locked = isLocked(model, screen);
  const view = status?.settings[screen.setting];
  const lead = paragraph(own[screen.setting], size.width);
  const drawn = fieldRows(
    [{ label: own.server, input: screen.server, focused: focus === 'server', hint: own.hint }],
    size.width,
  );
  const fixed = facts([{ label: own.server, value: view?.value ?? settings.unset, style: 'strong' }], size.width);
  const fromPolicy: readonly Line[] = view?.source === 'policy' ? [line(`  ${own.fromPolicy}`, 'hint')] : [];
  const buttonsHere = form.parts
    .filter((name) => name !== 'server')
    .map((name) => ({ name, label: name === 'save' ? buttons.save : certificateLabel(model, words) }));
  const pressed =
    screen.pending === null ? buttonRows(buttonsHere, focus, size.width) : [line(settings.saving, 'strong')];
  const { cursor } = drawn;
  return {
    title: titles[screen.setting],
    lines: [
      blank,
      ...lead,
      blank,
      ...(locked ? [...fixed, blank, ...paragraph(own.locked, size.width, 'hint')] : [...drawn.lines, ...fromPolicy]),
      blank,
      ...pressed,
      blank,
      ...(screen.setting === 'logServer' ? forwardingLines(model, words, size.width) : []),
    ],
    cursor: cursor && !locked && screen.pending === null ? { x: cursor.x, y: cursor.y + lead.length + 2 } : null,
    keys: [
      ...(form.parts.length > 1 ? [{ key: 'Tab', label: keys.next }] : []),
      ...(form.parts.length > 0 ? [{ key: 'Enter', label: focus === 'certificate' ? keys.press : buttons.save }] : []),
      { key: 'Esc', label: keys.back },
    ],
  };
}

const certificateLabel = (model: Model, { screens: { buttons } }: Words): string =>
  logIsAsked(statusIn(model)) ? buttons.certificate : buttons.why;
