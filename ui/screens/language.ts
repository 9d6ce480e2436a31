/** The language of the screens, kept by the device. */
import type { Language, Words } from '../../words/say.ts';
import { type Body, paragraph } from '../body.ts';
import { ask, become, complain, type Decision, note, pop, stay } from '../decision.ts';
import { sideStepOf, stepOf } from '../form.ts';
import { blank, line } from '../frame.ts';
import type { Key, Model, Size } from '../model.ts';
import type { LanguageScreen } from '../screen.ts';
import type { Window } from '../window.ts';

const languages: readonly Language[] = ['en', 'ru'];

export const languageWindow = (model: Model, screen: LanguageScreen): Window => ({
  body: (words, size) => languageBody(screen, words, size),
  key: (key) => languageKey(model, screen, key),
  answer: (answer) => stay(answer.of === 'fault' ? complain(model, answer.fault) : note(pop(model).model, 'saved')),
});

function languageKey(model: Model, screen: LanguageScreen, key: Key): Decision {
  if (key.name === 'escape') return pop(model);
  if (screen.pending !== null) return stay(model);
  const { selected } = screen;
  if (stepOf(key) !== 0 || sideStepOf(key) !== 0)
    return become(model, { ...screen, selected: selected === 'en' ? 'ru' : 'en' });
  if (key.name !== 'enter') return stay(model);
  return ask({ ...model, language: selected }, screen, { do: 'settings', body: { language: selected } });
}

function languageBody(screen: LanguageScreen, words: Words, size: Size): Body {
  const { language: own, titles, keys, buttons, settings } = words.screens;
  const width = Math.max(...languages.map((each) => settings.languages[each].length));
  return {
    title: titles.language,
    lines: [
      blank,
      ...paragraph(own.lead, size.width),
      blank,
      ...languages.map((each) =>
        each === screen.selected
          ? line(`> ${settings.languages[each].padEnd(width)} `, 'selected')
          : line(`  ${settings.languages[each].padEnd(width)} `),
      ),
      blank,
      line(screen.pending === null ? '' : settings.saving, 'strong'),
    ],
    cursor: null,
    keys: [
      { key: '↑↓', label: keys.move },
      { key: 'Enter', label: buttons.save },
      { key: 'Esc', label: keys.back },
    ],
  };
}
