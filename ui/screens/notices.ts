/** All notifications, for those the main window has no room for. */
import { type Words, wordsOf } from '../../words/say.ts';
import { blank, type Line, line } from '../frame.ts';
import { bodySize } from '../layout.ts';
import type { Model } from '../model.ts';
import { noticeLines, noticesOf } from '../notices.ts';
import type { NoticesScreen } from '../screen.ts';
import { scrollBody, scrollKey } from '../scroll.ts';
import type { Window } from '../window.ts';

export const noticesWindow = (model: Model, screen: NoticesScreen): Window => ({
  body: (words, size) =>
    scrollBody(words.screens.titles.notices, noticeRows(model, words, size.width), screen.top, words, size),
  key: (key) => scrollKey(model, screen, key, noticeRows(model, wordsOf[model.language], bodySize(model).width).length),
});

function noticeRows(model: Model, words: Words, width: number): readonly Line[] {
  const all = noticesOf(model);
  if (all.length === 0) return [line(words.screens.main.nothing, 'good')];
  return all.flatMap((text) => [...noticeLines(text, width), blank]);
}
