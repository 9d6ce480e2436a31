/** What `update` answers, and the moves all windows share. Pure. */
import type { Fault } from '../protocol/fault.ts';
import type { SentenceFacts } from '../words/say.ts';
import { type Ask, type Command, type Model, mainScreen, type NoteName } from './model.ts';
import type { AskingScreen, Screen } from './screen.ts';

export type Decision = { readonly model: Model; readonly commands: readonly Command[] };

export const stay = (model: Model): Decision => ({ model, commands: [] });

export const push = (model: Model, screen: Screen): Decision => stay({ ...model, stack: [...model.stack, screen] });

export const pop = (model: Model): Decision =>
  model.stack.length < 2 ? stay(model) : stay({ ...model, stack: model.stack.slice(0, -1) });

export const toMain = (model: Model): Decision => stay({ ...model, stack: [model.stack[0] ?? mainScreen] });

/** The window shown becomes `screen`; the very same window changes nothing. */
export const become = (model: Model, screen: Screen): Decision =>
  model.stack.at(-1) === screen ? stay(model) : stay({ ...model, stack: [...model.stack.slice(0, -1), screen] });

/** The window shown becomes `screen`, which waits for the agent's answer. */
export function ask(model: Model, screen: AskingScreen, question: Ask): Decision {
  const ticket = model.tickets + 1;
  const asking = { ...model, tickets: ticket };
  return {
    model: become(asking, { ...screen, pending: ticket }).model,
    commands: [{ do: 'ask', ticket, ask: question }],
  };
}

/** A new window that begins with a question. */
export const pushAsking = (model: Model, screen: AskingScreen, question: Ask): Decision =>
  ask(push(model, screen).model, screen, question);

export const note = (model: Model, name: NoteName, facts: SentenceFacts = {}): Model => ({
  ...model,
  note: { type: 'note', name, facts, sinceMs: model.upMs },
});

export const complain = (model: Model, fault: Fault): Model => ({ ...model, note: { type: 'fault', fault } });

/** The form stays, with the focus where the mistake is, and the message line says what is wrong. */
export const refuse = (model: Model, screen: Screen, name: NoteName, facts: SentenceFacts = {}): Decision =>
  stay(note(become(model, screen).model, name, facts));

/** The next of a ring, by `step` places. */
export function turn<T>(ring: readonly T[], from: T, step: number): T {
  const index = Math.max(0, ring.indexOf(from));
  return ring[(index + step + ring.length) % ring.length] ?? from;
}
