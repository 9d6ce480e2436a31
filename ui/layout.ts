/** Where things lie on the screen: shared by `view`, which draws them, and `update`, which scrolls them. Pure. */
import { fill, sayFault, wordsOf } from '../words/say.ts';
import { clip, wrap } from './frame.ts';
import type { Model, Note, Size } from './model.ts';

export const smallest: Size = { width: 80, height: 24 };
export const margin = 1;
const maxNoteLines = 4;

export const tooSmall = ({ width, height }: Size): boolean => width < smallest.width || height < smallest.height;

/** The message line, which is as many lines as the message needs (1 to 4). */
export function noteLines(model: Model): readonly string[] {
  const width = model.size.width - 2 * margin;
  return model.note ? clip(wrap(noteText(model, model.note), width), maxNoteLines, width) : [''];
}

/** The cells between title bar and message line, without the margins. */
export const bodySize = (model: Model): Size => ({
  width: model.size.width - 2 * margin,
  height: model.size.height - 2 - noteLines(model).length,
});

/** Rows of the certificates list: the body without its summary, headings and position. */
export const listRows = (body: Size): number => body.height - 6;

/** Rows of scrolled text: one blank above, the position below. */
export const scrollRows = (body: Size): number => body.height - 2;

/** The first row to show so that row `index` is among `rows` shown, moving as little as can be. */
export function keepVisible(top: number, index: number, rows: number, count: number): number {
  const needed = Math.min(Math.max(top, index - rows + 1), Math.max(0, index));
  return Math.max(0, Math.min(needed, count - rows));
}

function noteText(model: Model, note: Note): string {
  const words = wordsOf[model.language];
  const { registration, replacement, code, away } = words.screens;
  switch (note.type) {
    case 'registered':
      return registration.done;
    case 'replaced':
      return code.done;
    case 'replacement-over':
      return replacement.over;
    case 'answer-lost':
      return away.lost;
    case 'bad-address':
      return registration.badAddress;
    case 'bad-invitation':
      return registration.badInvitation;
    case 'bad-password':
      return registration.badPassword;
    case 'bad-fingerprint':
      return fill(registration.badFingerprint, { count: note.count });
    case 'short-code':
      return fill(code.short, { count: note.count });
    case 'fault':
      return sayFault(words, note.fault);
  }
}
