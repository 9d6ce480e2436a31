/** What `update` answers, and the moves all windows share. Pure. */
import { type Command, type Model, mainScreen, type Screen } from './model.ts';

export type Decision = { readonly model: Model; readonly commands: readonly Command[] };

export const stay = (model: Model): Decision => ({ model, commands: [] });

export const push = (model: Model, screen: Screen): Decision => stay({ ...model, stack: [...model.stack, screen] });

export const pop = (model: Model): Decision =>
  model.stack.length < 2 ? stay(model) : stay({ ...model, stack: model.stack.slice(0, -1) });

export const toMain = (model: Model): Decision => stay({ ...model, stack: [model.stack[0] ?? mainScreen] });

/** The window shown becomes `screen`; the very same window changes nothing. */
export const become = (model: Model, screen: Screen): Decision =>
  model.stack.at(-1) === screen ? stay(model) : stay({ ...model, stack: [...model.stack.slice(0, -1), screen] });

/** The next of a ring, by `step` places. */
export function turn<T>(ring: readonly T[], from: T, step: number): T {
  const index = Math.max(0, ring.indexOf(from));
  return ring[(index + step + ring.length) % ring.length] ?? from;
}
