/** The menu of settings: what each one is now, and whether the policy has locked it. */
import { formatInstant, nameless, type Words } from '../../words/say.ts';
import { become, type Decision, pop, push, stay } from '../decision.ts';
import { blank, column, type Line, line, type Span, span } from '../frame.ts';
import { emptyInput, inputOf } from '../input.ts';
import { agentNow, type Key, type Model, type Size, statusIn } from '../model.ts';
import type { SettingsEntry, SettingsScreen } from '../screen.ts';
import { scrolled } from '../scroll.ts';
import type { Window } from '../window.ts';
import { shownTime } from './clock-text.ts';
import { tabbed } from './tools.ts';

/** Marks stay near their values on a wide screen. */
const longestValue = 46;

const entries: readonly SettingsEntry[] = ['connection', 'logServer', 'rdp', 'broker', 'time', 'language', 'reset'];

export const settingsWindow = (model: Model, screen: SettingsScreen): Window => ({
  body: (words, size) => {
    const { titles, keys, settings: own } = words.screens;
    const rows = entries.map((entry) => settingRow(model, entry, entry === screen.selected, words, size));
    const marked = entries.some((entry) => markOf(model, entry) !== null);
    return {
      title: titles.settings,
      lines: [blank, ...rows, blank, line(marked ? own.legend : '', 'hint')],
      cursor: null,
      keys: [
        { key: '↑↓', label: keys.move },
        { key: 'Enter', label: keys.open },
        { key: 'Esc', label: keys.back },
      ],
    };
  },
  key: (key) => settingsKey(model, screen, key),
});

function settingsKey(model: Model, screen: SettingsScreen, key: Key): Decision {
  if (key.name === 'escape') return pop(model);
  if (key.name === 'enter') return open(model, screen.selected);
  const from = entries.indexOf(screen.selected);
  const selected = entries[scrolled(tabbed(key), from, entries.length, entries.length - 1)];
  return !selected || selected === screen.selected ? stay(model) : become(model, { ...screen, selected });
}

function open(model: Model, entry: SettingsEntry): Decision {
  const status = statusIn(model);
  switch (entry) {
    case 'connection': {
      const fields = { https: inputOf(status?.server?.https ?? ''), mqtt: inputOf(status?.server?.mqtt ?? '') };
      return push(model, { at: 'connection', fields, focus: 'https', pending: null });
    }
    case 'logServer':
    case 'rdp':
    case 'broker': {
      const value = status?.settings[entry].value;
      const server = value ? inputOf(value) : emptyInput;
      return push(model, { at: 'address', setting: entry, server, focus: 'server', pending: null });
    }
    case 'time': {
      const { date, clock } = shownTime(agentNow(model), model.offsetMinutes);
      const fields = { date: { text: date, cursor: 0 }, clock: { text: clock, cursor: 0 } };
      return push(model, { at: 'time', fields, focus: 'date', pending: null });
    }
    case 'language':
      return push(model, { at: 'language', selected: model.language, pending: null });
    case 'reset':
      return push(model, { at: 'reset', focus: 'cancel', pending: null });
  }
}

function settingRow(model: Model, entry: SettingsEntry, selected: boolean, words: Words, size: Size): Line {
  const own = words.screens.settings;
  const labelWidth = Math.max(...entries.map((each) => own[each].length)) + 2;
  const markWidth = Math.max(own.locked.length, own.code.length);
  const mark = markOf(model, entry);
  const valueWidth = Math.min(longestValue, size.width - labelWidth - markWidth - 5);
  const text = `${column(own[entry], labelWidth)}${column(valueIn(model, entry, words), valueWidth)}`;
  const spans: Span[] = [span(`${selected ? '>' : ' '} ${text}`, selected ? 'selected' : 'normal')];
  return mark ? [...spans, span(`  ${own[mark]}`, 'hint')] : spans;
}

/** A managed device asks for a code where the action is locked; the other settings just stay as they are. */
function markOf(model: Model, entry: SettingsEntry): 'locked' | 'code' | null {
  const status = statusIn(model);
  if (!status || entry === 'language') return null;
  const { settings, device } = status;
  if (entry === 'connection' || entry === 'reset') return settings[entry].locked && device?.managed ? 'code' : null;
  return settings[entry === 'time' ? 'dateTime' : entry].locked ? 'locked' : null;
}

function valueIn(model: Model, entry: SettingsEntry, words: Words): string {
  const own = words.screens.settings;
  const status = statusIn(model);
  if (!status) return '';
  switch (entry) {
    case 'connection':
      return status.server?.https ?? nameless(words, status.at);
    case 'logServer':
    case 'rdp':
    case 'broker':
      return status.settings[entry].value ?? own.unset;
    case 'time':
      return status.clock.at === 'unknown' ? own.unknown : formatInstant(words, agentNow(model), model.offsetMinutes);
    case 'language':
      return own.languages[model.language];
    case 'reset':
      return '';
  }
}
