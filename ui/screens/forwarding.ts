/** Where the events go, and what stands in the way. Pure. */
import { fill, sayFault, type Words } from '../../words/say.ts';
import { paragraph } from '../body.ts';
import type { Line, Style } from '../frame.ts';
import { logIsAsked, type Model, statusIn } from '../model.ts';

const styles: Readonly<Record<string, Style>> = { connected: 'good', waiting: 'warning', refused: 'error' };

export function forwardingLines(model: Model, words: Words, width: number): readonly Line[] {
  const own = words.screens.forwarding;
  const status = statusIn(model);
  if (!status) return [];
  const { log } = status;
  const { unsent, dropped, fault } = log;
  const at = logIsAsked(status) ? 'unknown' : log.at;
  const why = fault && log.at !== 'connected' && at !== 'unknown' ? sayFault(words, fault) : '';
  return [
    ...paragraph(fill(own[at], { server: log.server ?? '' }), width, styles[log.at] ?? 'normal'),
    ...(why === '' ? [] : paragraph(why, width, 'error')),
    ...(log.at === 'off' ? [] : paragraph(fill(own.counts, { unsent, dropped }), width)),
  ];
}
