/** How a console screen is brought about without a terminal: messages one after the other. */
import type { Fault } from '../../protocol/fault.ts';
import type { Status } from '../../protocol/local.ts';
import { textOf } from '../../ui/frame.ts';
import { type Answer, type KeyName, type Message, type Model, type Size, start } from '../../ui/model.ts';
import { update } from '../../ui/update.ts';
import { view } from '../../ui/view.ts';
import type { Language } from '../../words/say.ts';
import { now } from './statuses.ts';

export type Picture = { readonly name: string; readonly messages: readonly Message[] };

export const arrive = (status: Status, upMs = 0): Message => ({
  type: 'status-arrived',
  status,
  upMs,
  now: now + upMs,
});
export const press = (...names: readonly KeyName[]): readonly Message[] =>
  names.map((name) => ({ type: 'key', key: { name } }));
export const type = (text: string): readonly Message[] =>
  [...text].map((character) => ({ type: 'key', key: { name: 'character', character } }));
export const tick = (upMs: number): Message => ({ type: 'ticked', upMs, offsetMinutes: 180 });

/** The answer to the question of this number; questions are numbered from 1. */
export const answer = (ticket: number, given: Answer): Message => ({ type: 'answered', ticket, answer: given });
export const done: Answer = { of: 'done' };
export const refused = (fault: Fault): Answer => ({ of: 'fault', fault });

const times = (count: number, name: KeyName): readonly Message[] => press(...Array.from({ length: count }, () => name));
/** From the server's field of the main window, without anything urgent in its menu. */
export const tools = (entry: number): readonly Message[] => [
  ...times(4, 'down'),
  ...press('enter'),
  ...times(entry, 'down'),
  ...press('enter'),
];
export const settings = (entry: number): readonly Message[] => [
  ...times(5, 'down'),
  ...press('enter'),
  ...times(entry, 'down'),
  ...press('enter'),
];

export const started = (size: Size, language: Language): Model =>
  start({ size, language, allowExit: false, layoutKey: null, offsetMinutes: 180, upMs: 0 });

export const play = (model: Model, messages: readonly Message[]): Model =>
  messages.reduce((before, message) => update(before, message).model, model);

/** A frame as text, one line each, blanks at the ends kept. */
export const textOfFrame = (model: Model): readonly string[] => view(model).lines.map(textOf);
