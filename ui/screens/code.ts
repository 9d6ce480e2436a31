/**
 * Where the code of the administrator is typed: for a new server certificate, or for an action the policy locks. The
 * second shows its confirmation code itself; the first has a window of its own for it.
 */
import type { Fault } from '../../protocol/fault.ts';
import type { Status } from '../../protocol/local.ts';
import { fill, formatDuration, type Words } from '../../words/say.ts';
import { type Body, button, contactLines, facts, paragraph } from '../body.ts';
import { ask, become, complain, type Decision, note, pop, refuse, stay } from '../decision.ts';
import { type Form, formKey, isEdit } from '../form.ts';
import { blank, type Line, line, span } from '../frame.ts';
import { edit, emptyInput, grouped, groupedCursor, type InputRule, matching } from '../input.ts';
import { type Answer, type Key, lockedForMs, type Model, type Size, statusIn, topScreen } from '../model.ts';
import type { CodeScreen, OperationScreen, Screen } from '../screen.ts';
import type { Window } from '../window.ts';

/** Digits of a replacement code, design of the codes. */
const codeLength = 12;
const digitRule: InputRule = { take: matching(/^[0-9]$/), limit: codeLength };
const form: Form<CodeScreen['focus']> = { parts: ['digits', 'confirm'], rules: { digits: digitRule } };

export const codeScreen: CodeScreen = { at: 'code', focus: 'digits', digits: emptyInput, pending: null };

/** The windows of a replacement, which close when it is over; what lay below comes back. */
export const replacementWindows: readonly Screen['at'][] = ['replacement', 'code'];

export const codeWindow = (model: Model, screen: CodeScreen | OperationScreen): Window => ({
  body: (words, size) => codeBody(model, screen, words, size),
  key: (key) => codeKey(model, screen, key),
  answer: (answer) => answered(model, screen, answer),
});

function codeKey(model: Model, screen: CodeScreen | OperationScreen, key: Key): Decision {
  if (key.name === 'escape') return pop(model);
  if (screen.pending !== null) return stay(model);
  // Digits go to the only field there is, wherever the focus stands.
  if (isEdit(key)) {
    const digits = edit(screen.digits, key, digitRule);
    return digits === screen.digits ? stay(model) : become(model, { ...screen, focus: 'digits', digits });
  }
  const event = formKey(form, screen.focus, null, key);
  if (event.at === 'moved') return become(model, { ...screen, focus: event.focus });
  if (event.at !== 'pressed' || lockedForMs(model) > 0) return stay(model);
  const code = screen.digits.text;
  if (code.length < codeLength)
    return refuse(model, { ...screen, focus: 'digits' }, 'shortCode', { count: code.length });
  return ask(model, screen, { do: 'code', body: { code } });
}

function answered(model: Model, screen: CodeScreen | OperationScreen, answer: Answer): Decision {
  if (answer.of === 'fault') return stay(wrong(model, screen, answer.fault));
  if (screen.at === 'operation') {
    const below = pop(model).model;
    const asking = topScreen(below);
    return 'pending' in asking ? ask(below, asking, screen.order) : stay(below);
  }
  const asked = statusIn(model)?.replacement?.confirmationCode;
  const stack = model.stack.filter(({ at }) => !replacementWindows.includes(at));
  return stay(note({ ...model, stack, replacementOffered: asked ?? null }, noteOfCode(statusIn(model))));
}

/** What a right code has led to. */
export const noteOfCode = (status: Status | null): 'replaced' | 'readmitted' =>
  status?.identity?.at === 'renewing' ? 'readmitted' : 'replaced';

/** A typing error keeps the digits, so that one can be mended; a wrong code clears them. */
function wrong(model: Model, screen: CodeScreen | OperationScreen, fault: Fault): Model {
  const triesLeft = requestOf(model, screen)?.triesLeft;
  const facts = triesLeft === undefined ? fault.facts : { triesLeft, ...fault.facts };
  const digits = fault.code === 'code-wrong' || fault.code === 'code-locked' ? emptyInput : screen.digits;
  return complain(become(model, { ...screen, digits, focus: 'digits' }).model, { ...fault, facts });
}

function codeBody(model: Model, screen: CodeScreen | OperationScreen, words: Words, size: Size): Body {
  const { code: own, replacement, operation, main, titles, keys, buttons } = words.screens;
  const status = statusIn(model);
  const request = requestOf(model, screen);
  const code = request?.confirmationCode ?? '';
  const here = screen.at === 'operation';
  const lead = [
    ...paragraph(here ? operation[screen.action] : own.lead, size.width),
    ...(here ? [blank, line(`  ${code || operation.waiting}`, 'strong')] : []),
  ];
  const name = here ? operation.field : own.field;
  const label = `> ${name}  `;
  const digits = grouped(screen.digits.text.padEnd(codeLength, '_'));
  const full = screen.digits.cursor === codeLength;
  const x = label.length + (full ? digits.length : groupedCursor(screen.digits.cursor));
  const contacts = contactLines(status?.contacts ?? null, words, size.width - 24, size.height - lead.length - 12);
  const rows = [
    ...(here ? [] : [{ label: replacement.code, value: code }]),
    { label: replacement.device, value: status?.device?.name ?? '' },
    ...contacts.map((value, index) => ({ label: index === 0 ? main.administrator : '', value })),
  ];
  const focused = screen.focus === 'digits';
  const lines = [
    blank,
    ...lead,
    blank,
    [span(focused ? label : label.replace('>', ' '), focused ? 'strong' : 'normal'), span(digits, 'field')],
    blank,
    button(buttons.confirm, !focused),
    blank,
    ...stateLines(model, screen, words, size.width),
    blank,
    ...facts(rows, size.width),
  ];
  return {
    title: here ? titles.operation : titles.code,
    lines,
    cursor: focused && screen.pending === null ? { x, y: lead.length + 2 } : null,
    keys: [
      { key: '0–9', label: keys.digits },
      { key: 'Enter', label: buttons.confirm },
      { key: 'Esc', label: keys.back },
    ],
  };
}

function stateLines(model: Model, screen: CodeScreen | OperationScreen, words: Words, width: number): readonly Line[] {
  const own = words.screens.code;
  if (screen.pending !== null) return paragraph(own.checking, width, 'strong');
  const lockedMs = lockedForMs(model);
  if (lockedMs > 0) return paragraph(fill(own.locked, { time: formatDuration(words, lockedMs) }), width, 'warning');
  // The answer to a wrong code says how many are left, and may be ahead of the status.
  const said = model.note?.type === 'fault' && model.note.fault.code === 'code-wrong';
  const request = requestOf(model, screen);
  return request && !said ? [line(fill(own.triesLeft, { count: request.triesLeft }))] : [];
}

const requestOf = (model: Model, { at }: CodeScreen | OperationScreen) =>
  statusIn(model)?.[at === 'code' ? 'replacement' : 'operation'] ?? null;
