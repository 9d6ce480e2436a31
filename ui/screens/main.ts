/** The main window: connecting, how the device is, and what leads further. */
import { fill, type Words } from '../../words/say.ts';
import { type Body, buttonRows, paragraph } from '../body.ts';
import { become, type Decision, push, stay } from '../decision.ts';
import { sideStepOf, stepOf } from '../form.ts';
import { blank, type Line, line } from '../frame.ts';
import { type Key, type Model, type Size, statusIn } from '../model.ts';
import { noticeLines, noticesOf } from '../notices.ts';
import type { MainPart, MainScreen, MenuEntry } from '../screen.ts';
import type { Window } from '../window.ts';
import { connectKey, connectLines, connectParts, firstPart } from './connect.ts';
import { openRegistration } from './registration.ts';
import { linkFaultText, statusLines } from './standing.ts';

export const mainWindow = (model: Model, screen: MainScreen): Window => ({
  body: (words, size) => mainBody(model, screen, words, size),
  key: (key) => mainKey(model, screen, key),
});

function mainKey(model: Model, screen: MainScreen, key: Key): Decision {
  const menu = menuOf(model);
  const parts: readonly MainPart[] = [...connectParts(model, screen), ...menu];
  const focus = focusOf(model, screen, parts);
  const entry = menu.find((each) => each === focus);
  if (!entry) return connectKey(model, screen, focus, { parts, rules: {} }, key);
  if (key.name === 'enter') return open(model, entry);
  const step = stepOf(key) || sideStepOf(key);
  const next = parts[(parts.indexOf(focus) + step + parts.length) % parts.length];
  return step === 0 || !next ? stay(model) : become(model, { ...screen, focus: next });
}

function open(model: Model, entry: MenuEntry): Decision {
  switch (entry) {
    case 'replacement':
    case 'reenrolment':
      return push(model, { at: 'replacement' });
    case 'registration':
      return openRegistration(model);
    case 'notices':
      return push(model, { at: 'notices', top: 0 });
    case 'tools':
      return push(model, { at: 'tools', selected: 'log' });
    case 'settings':
      return push(model, { at: 'settings', selected: 'connection' });
  }
}

/** What the main window leads to now, the most urgent first. */
function menuOf(model: Model): readonly MenuEntry[] {
  const status = statusIn(model);
  const entries: MenuEntry[] = [];
  if (status?.replacement) entries.push(status.replacement.about === 'device' ? 'reenrolment' : 'replacement');
  if (status?.at === 'unregistered' || status?.at === 'registering') entries.push('registration');
  entries.push('tools', 'settings');
  if (noticesOf(model).length > 0) entries.push('notices');
  return entries;
}

/** The part in focus, or the one to begin with when that is no longer there. */
const focusOf = (model: Model, screen: MainScreen, parts: readonly MainPart[]): MainPart =>
  screen.focus !== null && parts.includes(screen.focus) ? screen.focus : firstPart(model, screen);

function mainBody(model: Model, screen: MainScreen, words: Words, size: Size): Body {
  const { screens } = words;
  const status = statusIn(model);
  const menu = menuOf(model);
  const focus = focusOf(model, screen, [...connectParts(model, screen), ...menu]);
  const connect = connectLines(model, screen, focus, words, size);
  const count = noticesOf(model).length;
  const buttons = buttonRows(
    menu.map((name) => ({ name, label: fill(screens.menu[name], { count }) })),
    focus,
    size.width,
  );
  const most = size.height - connect.lines.length - buttons.length - 3;
  const above = status ? statusLines(model, status, words, size, most) : [];
  const room = size.height - connect.lines.length - above.length - buttons.length - 3;
  const lines = [blank, ...connect.lines, blank, ...above, blank, ...noticeBlock(model, words, size.width, room)];
  const filler = Math.max(0, size.height - lines.length - buttons.length);
  const { cursor } = connect;
  return {
    title: screens.titles.main,
    lines: [...lines, ...Array.from({ length: filler }, () => blank), ...buttons],
    cursor: cursor && { x: cursor.x, y: cursor.y + 1 },
    keys: [
      { key: 'Tab ↑↓', label: screens.keys.move },
      ...(focus === 'purpose' ? [{ key: '←→', label: screens.keys.choose }] : []),
      { key: 'Enter', label: enterLabel(focus, words) },
    ],
  };
}

function enterLabel(focus: MainPart, { screens: { keys, buttons } }: Words): string {
  if (focus === 'purpose') return keys.choose;
  if (focus === 'server' || focus === 'user') return buttons.next;
  return focus === 'connect' || focus === 'password' ? buttons.connect : keys.open;
}

export function awayBody(model: Model, words: Words): Body {
  const { away, titles } = words.screens;
  const width = model.size.width - 2;
  return {
    title: titles.away,
    lines: [
      blank,
      ...(model.status ? paragraph(away.lead, width, 'warning') : paragraph(away.first, width, 'strong')),
      blank,
      ...paragraph(away.wait, width),
      blank,
      ...paragraph(away.help, width),
    ],
    cursor: null,
    keys: [],
  };
}

/** Whole notices as far as there is room; the last line counts those that found none. Why there is no connection stands above. */
function noticeBlock(model: Model, words: Words, width: number, room: number): readonly Line[] {
  const { main } = words.screens;
  const status = statusIn(model);
  const above = status ? linkFaultText(status, words) : null;
  const all = noticesOf(model).filter((text) => text !== above);
  if (all.length === 0)
    return [line(status?.at === 'registered' && status.link.at === 'connected' ? main.nothing : '', 'good')];
  if (room < 2) return [];
  const blocks = all.map((text) => noticeLines(text, width));
  const lines: Line[] = [];
  let shown = 0;
  for (const block of blocks) {
    const reserve = shown + 1 < blocks.length ? 1 : 0;
    if (lines.length + block.length + 1 + reserve > room) break;
    lines.push(...block);
    shown += 1;
  }
  const hidden = blocks.length - shown;
  const more = hidden > 0 ? [line(`  ${fill(main.more, { count: hidden })}`, 'warning')] : [];
  return [line(main.notices, 'strong'), ...lines, ...more];
}
