/** Date and time: what the clock shows, whether it can be believed, and setting it by hand. */
import { fill, formatInstant, formatZone, type Words } from '../../words/say.ts';
import { type Body, button, facts, paragraph } from '../body.ts';
import { ask, become, complain, type Decision, note, pop, refuse, stay } from '../decision.ts';
import { type Form, fieldRows, formKey } from '../form.ts';
import { blank, line } from '../frame.ts';
import { type Input, overtype } from '../input.ts';
import { agentNow, type Key, type Model, type Size, statusIn } from '../model.ts';
import type { TimeScreen } from '../screen.ts';
import type { Window } from '../window.ts';
import { readTime } from './clock-text.ts';

/** Digits are written over those that stand there, so nothing else is typed. */
const form: Form<TimeScreen['focus']> = {
  parts: ['date', 'clock', 'set'],
  rules: { date: { take: () => '', limit: 10 }, clock: { take: () => '', limit: 5 } },
};

export const timeWindow = (model: Model, screen: TimeScreen): Window => ({
  body: (words, size) => timeBody(model, screen, words, size),
  key: (key) => timeKey(model, screen, key),
  answer: (answer) => stay(answer.of === 'fault' ? complain(model, answer.fault) : note(pop(model).model, 'timeSet')),
});

function timeKey(model: Model, screen: TimeScreen, key: Key): Decision {
  if (key.name === 'escape') return pop(model);
  if (screen.pending !== null || isLocked(model)) return stay(model);
  const { focus, fields } = screen;
  if (focus !== 'set') {
    const input = overtype(fields[focus], key);
    if (input) return input === fields[focus] ? stay(model) : become(model, withField(screen, focus, input));
  }
  const event = formKey(form, focus, null, key);
  if (event.at === 'moved') return become(model, { ...screen, focus: event.focus });
  if (event.at !== 'pressed') return stay(model);
  const at = readTime({ date: fields.date.text, clock: fields.clock.text }, model.offsetMinutes);
  return at === null
    ? refuse(model, { ...screen, focus: 'date' }, 'badTime')
    : ask(model, screen, { do: 'time', body: { at } });
}

const withField = (screen: TimeScreen, name: 'date' | 'clock', input: Input): TimeScreen => ({
  ...screen,
  fields: { ...screen.fields, [name]: input },
});

const isLocked = (model: Model): boolean => statusIn(model)?.settings.dateTime.locked ?? false;

function timeBody(model: Model, screen: TimeScreen, words: Words, size: Size): Body {
  const { time: own, titles, keys, buttons, settings } = words.screens;
  const status = statusIn(model);
  const locked = isLocked(model);
  const known = status?.clock.at === 'known';
  const floor = formatInstant(words, status?.clock.floor ?? 0, model.offsetMinutes);
  const lead = paragraph(fill(own.lead, { zone: formatZone(model.offsetMinutes) }), size.width);
  const state = facts(
    [
      { label: own.now, value: formatInstant(words, agentNow(model), model.offsetMinutes), style: 'strong' },
      {
        label: own.state,
        value: known ? own.known : fill(own.unknown, { date: floor }),
        style: known ? 'normal' : 'warning',
      },
    ],
    size.width,
  );
  const { focus, fields } = screen;
  const drawn = fieldRows(
    [
      { label: own.date, input: fields.date, focused: focus === 'date', width: 10, hint: own.dateHint },
      { label: own.clock, input: fields.clock, focused: focus === 'clock', width: 5, hint: own.clockHint },
    ],
    size.width,
  );
  const press = screen.pending === null ? button(buttons.set, focus === 'set') : line(settings.saving, 'strong');
  const { cursor } = drawn;
  return {
    title: titles.time,
    lines: [
      blank,
      ...lead,
      blank,
      ...state,
      blank,
      ...(locked ? paragraph(own.locked, size.width, 'hint') : [...drawn.lines, blank, press]),
    ],
    cursor:
      cursor && !locked && screen.pending === null
        ? { x: cursor.x, y: cursor.y + lead.length + state.length + 3 }
        : null,
    keys: [
      ...(locked
        ? []
        : [
            { key: 'Tab', label: keys.next },
            { key: 'Enter', label: focus === 'date' ? buttons.next : buttons.set },
          ]),
      { key: 'Esc', label: keys.back },
    ],
  };
}
