/** The menu of tools. */
import { become, type Decision, pop, push, pushAsking, stay } from '../decision.ts';
import { blank, line } from '../frame.ts';
import { emptyInput } from '../input.ts';
import { type Key, type Model, statusIn } from '../model.ts';
import type { LogScreen, PreflightScreen, ToolsEntry, ToolsScreen } from '../screen.ts';
import { scrolled } from '../scroll.ts';
import type { Window } from '../window.ts';
import { openRegistration } from './registration.ts';
import { openRepair } from './repair.ts';

const preflightScreen: PreflightScreen = {
  at: 'preflight',
  purpose: 'rdp',
  server: emptyInput,
  focus: 'purpose',
  pending: null,
};
const logScreen: LogScreen = {
  at: 'log',
  severity: 'info',
  records: [],
  more: false,
  row: 0,
  pending: null,
  top: 0,
};

export const toolsWindow = (model: Model, screen: ToolsScreen): Window => ({
  body: (words) => {
    const { tools, titles, keys } = words.screens;
    const entries = entriesOf(model);
    const width = Math.max(...entries.map((entry) => tools[entry].length));
    const lines = entries.map((entry) =>
      entry === screen.selected
        ? line(`> ${tools[entry].padEnd(width)} `, 'selected')
        : line(`  ${tools[entry].padEnd(width)} `),
    );
    return {
      title: titles.tools,
      lines: [blank, ...lines],
      cursor: null,
      keys: [
        { key: '↑↓', label: keys.move },
        { key: 'Enter', label: keys.open },
        { key: 'Esc', label: keys.back },
      ],
    };
  },
  key: (key) => toolsKey(model, screen, key),
});

function entriesOf(model: Model): readonly ToolsEntry[] {
  const at = statusIn(model)?.at;
  const always: readonly ToolsEntry[] = ['log', 'certificates', 'preflight', 'notices', 'product'];
  const last = at === 'unregistered' || at === 'registering' ? 'registration' : 'repair';
  return at === 'broken' ? always : [...always, last];
}

function toolsKey(model: Model, screen: ToolsScreen, key: Key): Decision {
  if (key.name === 'escape') return pop(model);
  if (key.name === 'enter') return open(model, screen.selected);
  const entries = entriesOf(model);
  const from = Math.max(0, entries.indexOf(screen.selected));
  const selected = entries[scrolled(tabbed(key), from, entries.length, entries.length - 1)];
  return !selected || selected === screen.selected ? stay(model) : become(model, { ...screen, selected });
}

function open(model: Model, entry: ToolsEntry): Decision {
  switch (entry) {
    case 'log':
      return pushAsking(model, logScreen, { do: 'log', severity: logScreen.severity, before: null });
    case 'certificates':
      return push(model, { at: 'certificates', selected: null, top: 0 });
    case 'preflight':
      return push(model, preflightScreen);
    case 'notices':
    case 'product':
      return push(model, { at: entry, top: 0 });
    case 'registration':
      return openRegistration(model);
    case 'repair':
      return openRepair(model);
  }
}

/** In a list Tab is Down. */
export const tabbed = (key: Key): Key =>
  key.name === 'tab' ? { name: 'down' } : key.name === 'back-tab' ? { name: 'up' } : key;
