/** Where things lie on the screen: shared by `view`, which draws them, and windows, which scroll them. Pure. */
import { fill, sayFault, wordsOf } from '../words/say.ts';
import { clip, wrap } from './frame.ts';
import type { Model, Size } from './model.ts';

export const smallest: Size = { width: 80, height: 24 };
export const margin = 1;
const maxNoteLines = 4;

export const tooSmall = ({ width, height }: Size): boolean => width < smallest.width || height < smallest.height;

/** The message line, which is as many lines as the message needs (1 to 4). */
export function noteLines({ note, language, size }: Model): readonly string[] {
  if (!note) return [''];
  const words = wordsOf[language];
  const width = size.width - 2 * margin;
  const text = note.type === 'fault' ? sayFault(words, note.fault) : fill(words.screens.notes[note.name], note.facts);
  return clip(wrap(text, width), maxNoteLines, width);
}

/** The cells between title bar and message line, without the margins. */
export const bodySize = (model: Model): Size => ({
  width: model.size.width - 2 * margin,
  height: model.size.height - 2 - noteLines(model).length,
});
