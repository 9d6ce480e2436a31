/** A repair file on a USB stick: which one, what it would do, and a person's yes. */
import type { RepairView } from '../../protocol/local.ts';
import { fill, formatInstant, type Words, wordsOf } from '../../words/say.ts';
import { type Body, type Fact, facts, paragraph } from '../body.ts';
import { choiceKey, choiceKeys, choiceLines } from '../choice.ts';
import { ask, become, complain, type Decision, note, pop, pushAsking, stay, toMain } from '../decision.ts';
import { blank, column, type Line, line } from '../frame.ts';
import { grouped } from '../input.ts';
import { bodySize } from '../layout.ts';
import type { Answer, Key, Model, Size } from '../model.ts';
import type { RepairQuestionScreen, RepairScreen } from '../screen.ts';
import { scrollBody, scrolled, scrollKey } from '../scroll.ts';
import type { Window } from '../window.ts';

const repairScreen: RepairScreen = { at: 'repair', media: null, row: 0, pending: null };
const sizeWidth = 16;
/** A blank, and the buttons. */
const footerLines = 2;

/** Looks at the sticks at once. */
export const openRepair = (model: Model): Decision => pushAsking(model, repairScreen, { do: 'media' });

export const repairWindow = (model: Model, screen: RepairScreen): Window => ({
  body: (words, size) => repairBody(screen, words, size),
  key: (key) => repairKey(model, screen, key),
  answer: (answer) => listed(model, screen, answer),
});

export const repairQuestionWindow = (model: Model, screen: RepairQuestionScreen): Window => ({
  body: (words, size) => questionBody(model, screen, words, size),
  key: (key) => questionKey(model, screen, key),
  answer: (answer) =>
    stay(answer.of === 'fault' ? complain(pop(model).model, answer.fault) : note(toMain(model).model, 'repaired')),
});

function repairKey(model: Model, screen: RepairScreen, key: Key): Decision {
  if (key.name === 'escape') return pop(model);
  if (screen.pending !== null) return stay(model);
  if (key.name === 'f5') return ask(model, { ...screen, media: null, row: 0 }, { do: 'media' });
  const files = screen.media?.repairs ?? [];
  const current = files[screen.row];
  if (key.name === 'enter' && current)
    return ask(model, screen, { do: 'check-repair', body: { name: current.name, content: null } });
  const row = scrolled(key, screen.row, files.length, Math.max(0, files.length - 1));
  return row === screen.row ? stay(model) : become(model, { ...screen, row });
}

function listed(model: Model, screen: RepairScreen, answer: Answer): Decision {
  if (answer.of === 'fault')
    return stay(complain(become(model, { ...screen, media: screen.media ?? none }).model, answer.fault));
  if (answer.of === 'media') return become(model, { ...screen, media: answer.value, row: 0 });
  const file = screen.media?.repairs[screen.row];
  if (answer.of !== 'repair' || !file) return stay(model);
  const { value: view } = answer;
  return become(model, { at: 'repair-question', name: file.name, view, focus: 'cancel', pending: null, top: 0 });
}

const none = { files: [], repairs: [], more: false };

function repairBody(screen: RepairScreen, words: Words, size: Size): Body {
  const { repair: own, import: sticks, titles, keys } = words.screens;
  const { media, row, pending } = screen;
  const files = media?.repairs ?? [];
  const list = files.map(({ name, bytes }, index): Line => {
    const mark = index === row ? '> ' : '  ';
    const text = `${column(name, size.width - mark.length - sizeWidth)}${fill(sticks.bytes, { bytes }).padStart(sizeWidth)}`;
    return line(mark + text, index === row ? 'selected' : 'normal');
  });
  const empty = paragraph(media === null ? sticks.looking : own.none, size.width, 'strong');
  return {
    title: titles.repair,
    lines: [
      blank,
      ...paragraph(own.lead, size.width),
      blank,
      ...(list.length > 0 ? list : empty),
      blank,
      line(pending !== null && media !== null ? own.checking : '', 'strong'),
    ],
    cursor: null,
    keys: [
      ...(files.length > 1 ? [{ key: '↑↓', label: keys.move }] : []),
      ...(files.length > 0 ? [{ key: 'Enter', label: keys.open }] : []),
      { key: 'F5', label: keys.reload },
      { key: 'Esc', label: keys.back },
    ],
  };
}

function questionKey(model: Model, screen: RepairQuestionScreen, key: Key): Decision {
  const lines = (): number => questionLines(model, screen, wordsOf[model.language], bodySize(model).width).length;
  const apply = (): Decision => {
    const { name, view } = screen;
    return ask(model, screen, { do: 'repair', body: { name, content: null, rev: view.rev } });
  };
  return choiceKey(model, screen, 'repair', key, apply, (other) =>
    scrollKey(model, screen, other, lines(), footerLines),
  );
}

function questionBody(model: Model, screen: RepairQuestionScreen, words: Words, size: Size): Body {
  const { repair: own, titles, buttons } = words.screens;
  const footer = choiceLines(screen, 'repair', buttons.repair, own.repairing, words, size.width);
  const all = questionLines(model, screen, words, size.width);
  return scrollBody(titles.repair, all, screen.top, words, size, [blank, ...footer], choiceKeys(words));
}

/** Whose it is, which certificate counts from then on, and when it was signed. */
function questionLines(
  model: Model,
  { name, view }: RepairQuestionScreen,
  words: Words,
  width: number,
): readonly Line[] {
  const { repair: own, details, registration, connection } = words.screens;
  const rows = rowsOf(view, words, model.offsetMinutes);
  return [
    ...paragraph(own.question, width),
    blank,
    ...facts(
      [
        { label: details.file, value: name },
        { label: registration.address, value: view.https, style: 'strong' },
        { label: connection.mqtt, value: view.mqtt },
        ...rows,
      ],
      width,
    ),
  ];
}

function rowsOf(
  { certificate, signedAt, validUntil, by, time }: RepairView,
  words: Words,
  zone: number,
): readonly Fact[] {
  const { repair: own, details } = words.screens;
  const date = (at: number): string => formatInstant(words, at, zone);
  return [
    { label: own.certificate, value: certificate.owner, style: 'strong' },
    { label: details.validTo, value: date(certificate.notAfter) },
    { label: details.fingerprint, value: grouped(certificate.fingerprint.slice(0, 32)) },
    { label: '', value: grouped(certificate.fingerprint.slice(32)) },
    { label: own.signed, value: date(signedAt) },
    { label: own.until, value: date(validUntil) },
    { label: own.by, value: own.keys[by] },
    ...(time === null ? [] : [{ label: own.time, value: date(time), style: 'warning' as const }]),
  ];
}
