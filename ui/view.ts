/**
 * `view(model) → Frame`. Pure: no clock, no terminal.
 *
 * Rules of these screens:
 * - Every window has a title bar (name of the window, name of the device), a body, a message line and a help line with
 *   all keys that do something there. The message line grows to as many lines as its message needs, and lasts until
 *   the next key.
 * - Keyboard only. Up and Down (or Tab, Shift-Tab) move, Left and Right choose, Enter opens or presses the button in
 *   focus, Esc goes back and never loses what the device did. F2 changes the language anywhere; F3 to F6 and Del do what
 *   the help line says. No key asks for two hands.
 * - What is focused is marked by a sign (`>`, the cursor), not by colour alone; warnings begin with `!`.
 * - Colours: title white on blue, keys black on cyan, focus reversed, warnings yellow, faults red, good news green. All
 *   eight exist on a Linux console.
 * - At least 80×24; a smaller screen says so. Nothing is cut off without an ellipsis. Larger screens show more rows and
 *   larger digits, never another order.
 * - Dates carry their time zone. Times that run (countdowns, ages) come from the clock in the model.
 * - A confirmation code and a fingerprint are in groups of four.
 */
import { fill, type Words, wordsOf } from '../words/say.ts';
import type { Body, KeyHelp } from './body.ts';
import { blank, type Frame, fit, fitBlock, type Line, line, type Span, shorten, span, textOf, wrap } from './frame.ts';
import { bodySize, margin, noteLines, tooSmall } from './layout.ts';
import { type Model, type Size, topScreen } from './model.ts';
import { noteStyle } from './notes.ts';
import { awayBody } from './screens/main.ts';
import { windowOf } from './windows.ts';

export function view(model: Model): Frame {
  const words = wordsOf[model.language];
  const { width, height } = model.size;
  if (tooSmall(model.size)) return smallFrame(model.size, words);
  const body = bodyOf(model, words);
  const size = bodySize(model);
  const lines = [
    titleBar(body.title, model.status?.value.device?.name ?? '', width),
    ...fitBlock(body.lines, size.width, size.height).map((row) => inMargins(row, width)),
    ...noteLines(model).map((text) => inMargins(line(text, noteStyle(model)), width)),
    helpLine([...body.keys, ...commonKeys(model, words)], layoutKey(model, body, words), width),
  ];
  const cursor = body.cursor ? { x: body.cursor.x + margin, y: body.cursor.y + 1 } : null;
  return { width, height, lines, cursor };
}

const bodyOf = (model: Model, words: Words): Body =>
  model.service === 'away' ? awayBody(model, words) : windowOf(model, topScreen(model)).body(words, bodySize(model));

const commonKeys = (model: Model, words: Words): readonly KeyHelp[] => [
  { key: 'F2', label: words.screens.keys.language },
  ...(model.allowExit ? [{ key: 'Ctrl-Q', label: words.screens.keys.exit }] : []),
];

/** Where something is typed. */
const layoutKey = ({ layoutKey: key }: Model, { cursor }: Body, words: Words): readonly KeyHelp[] =>
  key !== null && cursor ? [{ key, label: words.screens.keys.layout }] : [];

function titleBar(title: string, device: string, width: number): Line {
  const left = ` ${title} `;
  const right = shorten(device, width - left.length - 2);
  return [span(left + `${right} `.padStart(width - left.length), 'title')];
}

/** Where many keys do something, they move together; what may be left out is, where even that is too long. */
function helpLine(keys: readonly KeyHelp[], more: readonly KeyHelp[], width: number): Line {
  const wide = (shown: readonly KeyHelp[]): Span[] =>
    shown.flatMap(({ key, label }) => [span(` ${key} `, 'key'), span(` ${label} `)]);
  const narrow = (shown: readonly KeyHelp[]): Span[] => [
    span(' '),
    ...shown.flatMap(({ key, label }) => [span(key, 'key'), span(` ${label} `)]),
  ];
  const all = [...keys, ...more];
  const fitting = [wide(all), narrow(all), wide(keys)].find((spans) => textOf(spans).length <= width);
  return fit(fitting ?? narrow(keys), width);
}

const inMargins = (row: Line, width: number): Line => fit([span(' '.repeat(margin)), ...row], width);

function smallFrame(size: Size, words: Words): Frame {
  const { width, height } = size;
  const text = fill(words.screens.tooSmall, { width, height });
  const lines = width < 1 ? [] : wrap(text, width).map((part) => line(part, 'warning'));
  return { width, height, lines: fitBlock(lines.length > 0 ? lines : [blank], width, height), cursor: null };
}
