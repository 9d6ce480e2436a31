/** Back to a device that knows nobody; with the administrator's code where the policy has locked it. */
import type { Words } from '../../words/say.ts';
import { type Body, paragraph } from '../body.ts';
import { choiceKey, choiceKeys, choiceLines } from '../choice.ts';
import { ask, complain, type Decision, note, stay, toMain } from '../decision.ts';
import { blank } from '../frame.ts';
import type { Answer, Model, Size } from '../model.ts';
import type { ResetScreen } from '../screen.ts';
import type { Window } from '../window.ts';
import { codeNeeded, lockLines } from './connection.ts';

export const resetWindow = (model: Model, screen: ResetScreen): Window => ({
  body: (words, size) => resetBody(model, screen, words, size),
  key: (key) => choiceKey(model, screen, 'reset', key, () => ask(model, screen, { do: 'reset' })),
  answer: (answer) => answered(model, answer),
});

function answered(model: Model, answer: Answer): Decision {
  if (answer.of !== 'fault') return stay(note(toMain(model).model, 'wasReset'));
  return answer.fault.code === 'code-needed' ? codeNeeded(model, { do: 'reset' }) : stay(complain(model, answer.fault));
}

function resetBody(model: Model, screen: ResetScreen, words: Words, size: Size): Body {
  const { reset: own, titles, keys, buttons } = words.screens;
  const lock = lockLines(model, 'reset', words, size.width);
  return {
    title: titles.reset,
    lines: [
      blank,
      ...paragraph(own.lead, size.width, 'warning'),
      blank,
      ...(lock.length > 0 ? [...lock, blank] : []),
      ...choiceLines(screen, 'reset', buttons.reset, own.resetting, words, size.width),
    ],
    cursor: null,
    keys: [...choiceKeys(words), { key: 'Esc', label: keys.back }],
  };
}
