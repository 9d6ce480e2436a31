/** What every window gives: its picture, and what keys and answers of the agent do to it. Pure. */
import type { Words } from '../words/say.ts';
import type { Body } from './body.ts';
import type { Decision } from './decision.ts';
import type { Answer, Key, Size } from './model.ts';

export type Window = {
  readonly body: (words: Words, size: Size) => Body;
  readonly key: (key: Key) => Decision;
  /** The answer to what this window asked; it waits no longer, and lies on top of those it has opened by itself. */
  readonly answer?: (answer: Answer) => Decision;
};
