/** What both pages of a registration say while it goes on. */
import { sayFault, type Words } from '../../words/say.ts';
import { paragraph } from '../body.ts';
import type { Line } from '../frame.ts';
import { type Model, type Size, statusIn } from '../model.ts';

/** Registration under way, and why it does not get on. */
export function registrationProgress(model: Model, pending: number | null, words: Words, size: Size): readonly Line[] {
  const status = statusIn(model);
  if (pending === null && status?.at !== 'registering') return [];
  const working = paragraph(words.screens.registration.registering, size.width, 'strong');
  const { fault } = status?.link ?? { fault: null };
  return fault ? [...working, ...paragraph(sayFault(words, fault), size.width, 'error')] : working;
}
