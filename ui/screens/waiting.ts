/** While a connection is asked for. Leaving it takes nothing back and adds nothing. */
import type { ConnectAnswer } from '../../protocol/local.ts';
import { fill, type Words } from '../../words/say.ts';
import { type Body, paragraph } from '../body.ts';
import { become, complain, type Decision, note, pop, stay } from '../decision.ts';
import { blank } from '../frame.ts';
import type { Model, Size } from '../model.ts';
import type { WaitingScreen } from '../screen.ts';
import type { Window } from '../window.ts';
import { questionScreen, refusalScreen } from './judged.ts';

export const waitingWindow = (model: Model, screen: WaitingScreen): Window => ({
  body: (words, size) => waitingBody(screen, words, size),
  key: (key) => (key.name === 'escape' ? pop(model) : stay(model)),
  answer: (answer) => {
    if (answer.of === 'connect') return connected(model, screen, answer.value);
    return answer.of === 'fault' ? stay(complain(pop(model).model, answer.fault)) : pop(model);
  },
});

function connected(model: Model, { order }: WaitingScreen, answer: ConnectAnswer): Decision {
  if (answer.at === 'started') return stay(note(pop(model).model, 'sessionStarting'));
  const { preflight } = answer;
  return preflight.verdict === 'unknown'
    ? become(model, questionScreen(order.purpose, preflight, order))
    : become(model, refusalScreen(preflight));
}

function waitingBody({ order }: WaitingScreen, words: Words, size: Size): Body {
  const { waiting, titles, keys } = words.screens;
  return {
    title: titles.waiting,
    lines: [
      blank,
      ...paragraph(fill(waiting.lead, { server: order.server }), size.width, 'strong'),
      blank,
      ...paragraph(waiting.first, size.width),
      blank,
      ...paragraph(waiting.leave, size.width),
    ],
    cursor: null,
    keys: [{ key: 'Esc', label: keys.back }],
  };
}
