/** Windows that ask before they do something: the deed and `Cancel` as two buttons, `Cancel` in focus at first. Pure. */
import type { Words } from '../words/say.ts';
import { buttonRows, type KeyHelp } from './body.ts';
import { become, type Decision, pop, stay } from './decision.ts';
import { sideStepOf, stepOf } from './form.ts';
import { type Line, line } from './frame.ts';
import type { Key, Model } from './model.ts';
import type { QuestionScreen, RemovalScreen, RepairQuestionScreen, ResetScreen } from './screen.ts';

type ChoiceScreen = QuestionScreen | RemovalScreen | RepairQuestionScreen | ResetScreen;
type Deed<Of extends ChoiceScreen> = Exclude<Of['focus'], 'cancel'>;

/**
 * `act` is what the deed does. Where the window scrolls, `scroll` has all keys that are no choice, Up and Down among them. While
 * the agent is at it only Esc is left.
 */
export function choiceKey<Of extends ChoiceScreen>(
  model: Model,
  screen: Of,
  deed: Deed<Of>,
  key: Key,
  act: () => Decision,
  scroll?: (key: Key) => Decision,
): Decision {
  if (key.name === 'escape') return pop(model);
  if (screen.pending !== null) return stay(model);
  const vertical = key.name === 'up' || key.name === 'down';
  if (sideStepOf(key) !== 0 || (stepOf(key) !== 0 && !(scroll && vertical)))
    return become(model, { ...screen, focus: screen.focus === deed ? 'cancel' : deed } as Of);
  if (key.name !== 'enter') return scroll?.(key) ?? stay(model);
  return screen.focus === 'cancel' ? pop(model) : act();
}

/** Both buttons; `busy` instead of them while the agent is at it. */
export function choiceLines<Of extends ChoiceScreen>(
  screen: Of,
  deed: Deed<Of>,
  label: string,
  busy: string,
  { screens: { buttons } }: Words,
  width: number,
): readonly Line[] {
  if (screen.pending !== null) return [line(busy, 'strong')];
  const choices = [
    { name: deed as string, label },
    { name: 'cancel', label: buttons.cancel },
  ];
  return buttonRows(choices, screen.focus, width);
}

export const choiceKeys = ({ screens: { keys } }: Words): readonly KeyHelp[] => [
  { key: 'Tab', label: keys.move },
  { key: 'Enter', label: keys.press },
];
