/** Certificates from a USB stick: which files, for what; and what has become of them. */
import type { Fault } from '../../protocol/fault.ts';
import type { ImportAnswer } from '../../protocol/local.ts';
import type { ClientPurpose } from '../../protocol/schema.ts';
import { fill, formatInstant, sayFault, type Words, wordsOf } from '../../words/say.ts';
import { type Body, button, paragraph } from '../body.ts';
import { ask, become, complain, type Decision, pop, refuse, stay, turn } from '../decision.ts';
import { sideStepOf } from '../form.ts';
import { blank, column, type Line, line, shorten } from '../frame.ts';
import { grouped } from '../input.ts';
import { bodySize } from '../layout.ts';
import type { Answer, Key, Model, Size } from '../model.ts';
import { noticeLines } from '../notices.ts';
import type { ImportedScreen, ImportScreen } from '../screen.ts';
import { keepVisible, scrollBody, scrolled, scrollKey } from '../scroll.ts';
import type { Window } from '../window.ts';
import { chooser } from './chooser.ts';

const purposes: readonly ClientPurpose[] = ['rdp', 'broker', 'log'];
const parts: readonly ImportScreen['focus'][] = ['purpose', 'files', 'add'];
/** Of one request, protocol/local.ts. */
const maxFiles = 8;
/** The body without blanks, purpose, lead, position and button. */
const fixedLines = 8;

export const importWindow = (model: Model, screen: ImportScreen): Window => ({
  body: (words, size) => importBody(screen, words, size),
  key: (key) => importKey(model, screen, key),
  answer: (answer) => answered(model, screen, answer),
});

export function importedWindow(model: Model, screen: ImportedScreen): Window {
  const linesIn = (words: Words, width: number): readonly Line[] => importedLines(model, screen.answer, words, width);
  return {
    body: (words, size) =>
      scrollBody(words.screens.titles.imported, linesIn(words, size.width), screen.top, words, size),
    key: (key) => scrollKey(model, screen, key, linesIn(wordsOf[model.language], bodySize(model).width).length),
  };
}

function importKey(model: Model, screen: ImportScreen, key: Key): Decision {
  if (key.name === 'escape') return pop(model);
  if (screen.pending !== null) return stay(model);
  if (key.name === 'f5') return ask(model, { ...screen, media: null, marked: [], row: 0, top: 0 }, { do: 'media' });
  const { focus } = screen;
  const files = screen.media?.files ?? [];
  const step = key.name === 'tab' ? 1 : key.name === 'back-tab' ? -1 : 0;
  if (step !== 0) return become(model, { ...screen, focus: turn(parts, focus, step) });
  if (focus === 'purpose') return purposeKey(model, screen, key);
  if (focus === 'add') {
    if (key.name === 'up') return become(model, { ...screen, focus: 'files' });
    return key.name === 'enter' ? add(model, screen) : stay(model);
  }
  const current = files[screen.row];
  if (current && (key.name === 'enter' || (key.name === 'character' && key.character === ' ')))
    return become(model, { ...screen, marked: toggled(screen.marked, current.name) });
  if (key.name === 'up' && screen.row === 0) return become(model, { ...screen, focus: 'purpose' });
  if (key.name === 'down' && screen.row >= files.length - 1) return become(model, { ...screen, focus: 'add' });
  const rows = fileRows(bodySize(model));
  const row = scrolled(key, screen.row, rows, Math.max(0, files.length - 1));
  return row === screen.row
    ? stay(model)
    : become(model, { ...screen, row, top: keepVisible(screen.top, row, rows, files.length) });
}

function purposeKey(model: Model, screen: ImportScreen, key: Key): Decision {
  if (key.name === 'down' || key.name === 'enter') return become(model, { ...screen, focus: 'files' });
  const step = sideStepOf(key);
  return step === 0 ? stay(model) : become(model, { ...screen, purpose: turn(purposes, screen.purpose, step) });
}

function add(model: Model, screen: ImportScreen): Decision {
  const { marked, purpose } = screen;
  if (marked.length === 0) return refuse(model, { ...screen, focus: 'files' }, 'noFiles');
  if (marked.length > maxFiles) return refuse(model, { ...screen, focus: 'files' }, 'tooManyFiles');
  const files = marked.map((name) => ({ name, content: null }));
  return ask(model, screen, { do: 'import', body: { purpose, server: null, files } });
}

function answered(model: Model, screen: ImportScreen, answer: Answer): Decision {
  if (answer.of === 'fault')
    return stay(complain(become(model, { ...screen, media: screen.media ?? none }).model, answer.fault));
  if (answer.of === 'media') {
    const media = answer.value;
    return become(model, {
      ...screen,
      media,
      row: 0,
      top: 0,
      focus: media.files.length > 0 ? screen.focus : 'purpose',
    });
  }
  return answer.of === 'import' ? become(model, { at: 'imported', answer: answer.value, top: 0 }) : stay(model);
}

const none = { files: [], repairs: [], more: false };

const toggled = (marked: readonly string[], name: string): readonly string[] =>
  marked.includes(name) ? marked.filter((each) => each !== name) : [...marked, name];

const fileRows = (size: Size): number => Math.max(1, size.height - fixedLines);

function importBody(screen: ImportScreen, words: Words, size: Size): Body {
  const { import: own, titles, keys, buttons } = words.screens;
  const { focus, media, marked } = screen;
  const busy = screen.pending !== null;
  const rows = fileRows(size);
  const files = media?.files ?? [];
  const top = keepVisible(screen.top, screen.row, rows, files.length);
  const sizeWidth = 16;
  const list = files.slice(top, top + rows).map(({ name, bytes }, index): Line => {
    const here = top + index === screen.row && focus === 'files';
    const box = `${here ? '>' : ' '} [${marked.includes(name) ? 'x' : ' '}] `;
    const text = `${column(name, size.width - box.length - sizeWidth)}${fill(own.bytes, { bytes }).padStart(sizeWidth)}`;
    return line(box + text, here ? 'selected' : 'normal');
  });
  const empty = media === null ? own.looking : own.none;
  const shown = list.length > 0 ? list : paragraph(empty, size.width, 'strong');
  const adding = busy && media !== null;
  return {
    title: titles.import,
    lines: [
      blank,
      chooser(own.purpose, words.purposes[screen.purpose], focus === 'purpose'),
      blank,
      line(files.length > 0 ? own.lead : ''),
      blank,
      ...shown,
      ...Array.from({ length: Math.max(0, rows - shown.length) }, () => blank),
      line(media?.more ? own.more : '', 'hint'),
      adding ? line(own.adding, 'strong') : button(buttons.add, focus === 'add'),
    ],
    cursor: null,
    keys: [
      { key: 'Tab', label: keys.move },
      ...(focus === 'purpose' ? [{ key: '←→', label: keys.choose }] : []),
      ...(focus === 'files' ? [{ key: 'Enter', label: keys.mark }] : []),
      ...(focus === 'add' ? [{ key: 'Enter', label: buttons.add }] : []),
      { key: 'F5', label: keys.reload },
      { key: 'Esc', label: keys.back },
    ],
  };
}

function importedLines(model: Model, { added, refused }: ImportAnswer, words: Words, width: number): readonly Line[] {
  const { import: own, replacement } = words.screens;
  const good = added.flatMap(({ owner, notAfter, fingerprint }) => [
    line(`  ${shorten(owner, width - 2)}`, 'good'),
    line(`  ${fill(replacement.validTo, { date: formatInstant(words, notAfter, model.offsetMinutes) })}`),
    line(`  SHA-256 ${grouped(fingerprint.slice(0, 32))}`),
    line(`          ${grouped(fingerprint.slice(32))}`),
    blank,
  ]);
  const bad = refused.flatMap(({ file, block, fault }) => [
    line(`  ${shorten(fill(own.block, { file, block: block || '' }), width - 2)}`, 'strong'),
    ...noticeLines(sayFault(words, fault as Fault), width),
    blank,
  ]);
  return [
    ...(added.length > 0 ? [line(own.added, 'strong'), ...good] : []),
    ...(refused.length > 0 ? [line(own.refused, 'strong'), ...bad] : []),
  ];
}
