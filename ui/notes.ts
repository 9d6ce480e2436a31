/** What the message line says: in which colour, and for how long. Pure. */
import type { Style } from './frame.ts';
import type { Model, NoteName } from './model.ts';

const readMs = 20_000;

export function noteStyle({ note }: Model): Style {
  if (note?.type !== 'note') return 'error';
  return toneOf[note.name];
}

/** What went well was read after a while; what went wrong stays until the next key. */
export function withoutOldNote(model: Model): Model {
  const { note, upMs } = model;
  if (note?.type !== 'note' || toneOf[note.name] === 'error' || upMs - note.sinceMs < readMs) return model;
  return { ...model, note: null };
}

const toneOf: Readonly<Record<NoteName, Style>> = {
  registered: 'good',
  replaced: 'good',
  readmitted: 'good',
  replacementOver: 'normal',
  answerLost: 'error',
  sessionStarting: 'good',
  added: 'good',
  removed: 'good',
  saved: 'good',
  timeSet: 'good',
  wasReset: 'good',
  repaired: 'good',
  badServer: 'error',
  badUser: 'error',
  badAddress: 'error',
  badFingerprint: 'error',
  badInvitation: 'error',
  badPassword: 'error',
  badCaAddress: 'error',
  badSubject: 'error',
  shortCode: 'error',
  badTime: 'error',
  noFiles: 'error',
  tooManyFiles: 'error',
  closed: 'error',
  notRemovable: 'error',
  oneSession: 'error',
};
