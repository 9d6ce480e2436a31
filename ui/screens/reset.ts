/** Back to a device that knows nobody; with the administrator's code where the policy has locked it. */
import type { Words } from '../../words/say.ts';
import { type Body, buttonRows, paragraph } from '../body.ts';
import { ask, become, complain, type Decision, note, pop, stay, toMain } from '../decision.ts';
import { sideStepOf, stepOf } from '../form.ts';
import { blank, line } from '../frame.ts';
import type { Answer, Key, Model, Size } from '../model.ts';
import type { ResetScreen } from '../screen.ts';
import type { Window } from '../window.ts';
import { codeNeeded, lockLines } from './connection.ts';

export const resetWindow = (model: Model, screen: ResetScreen): Window => ({
  body: (words, size) => resetBody(model, screen, words, size),
  key: (key) => resetKey(model, screen, key),
  answer: (answer) => answered(model, answer),
});

function resetKey(model: Model, screen: ResetScreen, key: Key): Decision {
  if (key.name === 'escape') return pop(model);
  if (screen.pending !== null) return stay(model);
  if (stepOf(key) !== 0 || sideStepOf(key) !== 0)
    return become(model, { ...screen, focus: screen.focus === 'reset' ? 'cancel' : 'reset' });
  if (key.name !== 'enter') return stay(model);
  return screen.focus === 'cancel' ? pop(model) : ask(model, screen, { do: 'reset' });
}

function answered(model: Model, answer: Answer): Decision {
  if (answer.of !== 'fault') return stay(note(toMain(model).model, 'wasReset'));
  return answer.fault.code === 'code-needed' ? codeNeeded(model, { do: 'reset' }) : stay(complain(model, answer.fault));
}

function resetBody(model: Model, screen: ResetScreen, words: Words, size: Size): Body {
  const { reset: own, titles, keys, buttons } = words.screens;
  const lock = lockLines(model, 'reset', words, size.width);
  const choices = [
    { name: 'reset', label: buttons.reset },
    { name: 'cancel', label: buttons.cancel },
  ];
  return {
    title: titles.reset,
    lines: [
      blank,
      ...paragraph(own.lead, size.width, 'warning'),
      blank,
      ...(lock.length > 0 ? [...lock, blank] : []),
      ...(screen.pending === null ? buttonRows(choices, screen.focus, size.width) : [line(own.resetting, 'strong')]),
    ],
    cursor: null,
    keys: [
      { key: 'Tab', label: keys.move },
      { key: 'Enter', label: keys.press },
      { key: 'Esc', label: keys.back },
    ],
  };
}
