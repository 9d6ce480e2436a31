/** Texts and lists longer than the window. Pure. */
import { fill, type Words } from '../words/say.ts';
import type { Body, KeyHelp } from './body.ts';
import { become, type Decision, pop, stay } from './decision.ts';
import { blank, type Line, line } from './frame.ts';
import { bodySize } from './layout.ts';
import type { Key, Model, Size } from './model.ts';
import type { ScrollingScreen } from './screen.ts';

/** Rows of scrolled text: one blank above, the position below, and a footer that stays. */
const scrollRows = (body: Size, footer: number): number => Math.max(1, body.height - 2 - footer);

/** A text that scrolls when it is longer than the body: from row `top`, its position below, then the footer. */
export function scrollBody(
  title: string,
  all: readonly Line[],
  top: number,
  words: Words,
  size: Size,
  footer: readonly Line[] = [],
  actions: readonly KeyHelp[] = [],
): Body {
  const { certificates, keys } = words.screens;
  const rows = scrollRows(size, footer.length);
  const from = Math.max(0, Math.min(top, all.length - rows));
  const shown = all.slice(from, from + rows);
  const back = { key: 'Esc', label: keys.back };
  if (all.length <= rows) return { title, lines: [blank, ...shown, ...footer], cursor: null, keys: [...actions, back] };
  const position = fill(certificates.position, { first: from + 1, last: from + shown.length, count: all.length });
  return {
    title,
    lines: [blank, ...shown, line(position, 'hint'), ...footer],
    cursor: null,
    keys: [{ key: actions.length > 0 ? '↑↓' : '↑↓ PgUp PgDn', label: keys.scroll }, ...actions, back],
  };
}

/** Moves a text of `lines` lines; Esc goes back. */
export function scrollKey(model: Model, screen: ScrollingScreen, key: Key, lines: number, footer = 0): Decision {
  if (key.name === 'escape') return pop(model);
  const rows = scrollRows(bodySize(model), footer);
  const last = Math.max(0, lines - rows);
  const from = Math.min(screen.top, last);
  const top = scrolled(key, from, rows, last);
  return top === from ? stay(model) : become(model, { ...screen, top });
}

/** Where a key leads from row `from` of rows 0 to `last`, `rows` of them shown. */
export function scrolled(key: Key, from: number, rows: number, last: number): number {
  const page = Math.max(1, rows - 1);
  const moves: Readonly<Record<string, number>> = {
    up: from - 1,
    down: from + 1,
    'page-up': from - page,
    'page-down': from + page,
    home: 0,
    end: last,
  };
  return Math.min(Math.max(0, moves[key.name] ?? from), last);
}

/** The first row to show so that row `index` is among `rows` shown, moving as little as can be. */
export function keepVisible(top: number, index: number, rows: number, count: number): number {
  const needed = Math.min(Math.max(top, index - rows + 1), Math.max(0, index));
  return Math.max(0, Math.min(needed, count - rows));
}
