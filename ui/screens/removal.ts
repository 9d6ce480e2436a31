/** Whether a certificate the person added is really to go. */
import type { Words } from '../../words/say.ts';
import { type Body, facts, paragraph } from '../body.ts';
import { choiceKey, choiceKeys, choiceLines } from '../choice.ts';
import { ask, complain, type Decision, note, pop, stay } from '../decision.ts';
import { blank } from '../frame.ts';
import { certificateKey, type Key, listed, type Model, type Size, statusIn } from '../model.ts';
import type { RemovalScreen } from '../screen.ts';
import type { Window } from '../window.ts';
import { presentedFacts } from './details.ts';

export const removalWindow = (model: Model, screen: RemovalScreen): Window => ({
  body: (words, size) => removalBody(model, screen, words, size),
  key: (key) => removalKey(model, screen, key),
  answer: (answer) => {
    if (answer.of === 'fault') return stay(complain(pop(model).model, answer.fault));
    // Its details have nothing to show any more.
    const stack = model.stack.filter(({ at }) => at !== 'removal' && at !== 'details');
    return stay(note({ ...model, stack }, 'removed'));
  },
});

function removalKey(model: Model, screen: RemovalScreen, key: Key): Decision {
  return choiceKey(model, screen, 'remove', key, () => {
    const found = find(model, screen);
    if (!found || found.purpose === 'ksc') return pop(model);
    const { purpose, fingerprint } = found;
    return ask(model, screen, { do: 'remove', body: { purpose, fingerprint } });
  });
}

function removalBody(model: Model, screen: RemovalScreen, words: Words, size: Size): Body {
  const { removal: own, titles, buttons, keys, details } = words.screens;
  const found = find(model, screen);
  const shown = found ? presentedFacts(model, found, words) : null;
  const purpose = found ? [{ label: details.purpose, value: words.purposes[found.purpose] }] : [];
  const rows = shown ? [...shown.owner.slice(0, 1), ...purpose, ...shown.validity, ...shown.fingerprint] : [];
  return {
    title: titles.removal,
    lines: [
      blank,
      ...paragraph(found ? own.lead : details.gone, size.width),
      blank,
      ...facts(rows, size.width),
      blank,
      ...choiceLines(screen, 'remove', buttons.remove, own.removing, words, size.width),
    ],
    cursor: null,
    keys: [...choiceKeys(words), { key: 'Esc', label: keys.back }],
  };
}

const find = (model: Model, { key }: RemovalScreen) =>
  listed(statusIn(model)).find((each) => certificateKey(each) === key) ?? null;
