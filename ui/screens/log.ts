/** The event log of the device, newest first, and one event of it. */
import type { LogRecord, Severity } from '../../protocol/local.ts';
import { fill, formatDateTime, formatInstant, formatZone, type Words, wordsOf } from '../../words/say.ts';
import { type Body, facts } from '../body.ts';
import { ask, become, complain, type Decision, pop, push, stay, turn } from '../decision.ts';
import { blank, column, type Line, line, type Style, span } from '../frame.ts';
import { emptyInput, inputOf } from '../input.ts';
import { bodySize } from '../layout.ts';
import { type Answer, type Key, type Model, type Size, statusIn } from '../model.ts';
import type { LogScreen, RecordScreen } from '../screen.ts';
import { keepVisible, scrollBody, scrolled, scrollKey } from '../scroll.ts';
import type { Window } from '../window.ts';
import { forwardingLines } from './forwarding.ts';

const severities: readonly Severity[] = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'];
const styles: Readonly<Record<Severity, Style>> = {
  trace: 'normal',
  debug: 'normal',
  info: 'normal',
  warn: 'warning',
  error: 'error',
  fatal: 'error',
};
/** Older ones than these are not fetched: the device has little memory, and nobody reads on. */
const maxRecords = 2000;
const widths = { time: 18, severity: 8 };
const gap = 2;

export const logWindow = (model: Model, screen: LogScreen): Window => ({
  body: (words, size) => logBody(model, screen, words, size),
  key: (key) => logKey(model, screen, key),
  answer: (answer) => answered(model, screen, answer),
});

export function recordWindow(model: Model, screen: RecordScreen): Window {
  const linesIn = (words: Words, width: number): readonly Line[] => recordLines(model, screen.record, words, width);
  return {
    body: (words, size) => scrollBody(words.screens.titles.record, linesIn(words, size.width), screen.top, words, size),
    key: (key) => scrollKey(model, screen, key, linesIn(wordsOf[model.language], bodySize(model).width).length),
  };
}

function logKey(model: Model, screen: LogScreen, key: Key): Decision {
  if (key.name === 'escape') return pop(model);
  if (key.name === 'f6') return openLogServer(model);
  if (key.name === 'f5') return reload(model, screen, screen.severity);
  if (key.name === 'f4') return reload(model, screen, turn(severities, screen.severity, 1));
  const { records } = screen;
  const current = records[screen.row];
  if (!current) return stay(model);
  if (key.name === 'enter') return push(model, { at: 'record', record: current, top: 0 });
  const rows = logRows(model, bodySize(model));
  const row = scrolled(key, screen.row, rows, records.length - 1);
  const older = row === records.length - 1 && screen.more && records.length < maxRecords && screen.pending === null;
  const moved = { ...screen, row, top: keepVisible(screen.top, row, rows, records.length) };
  const last = records.at(-1);
  if (older && last && row !== screen.row)
    return ask(model, moved, { do: 'log', severity: screen.severity, before: last.seq });
  return row === screen.row ? stay(model) : become(model, moved);
}

const reload = (model: Model, screen: LogScreen, severity: Severity): Decision =>
  ask(model, { ...screen, severity, records: [], more: false, row: 0, top: 0 }, { do: 'log', severity, before: null });

function openLogServer(model: Model): Decision {
  const value = statusIn(model)?.settings.logServer.value;
  const server = value ? inputOf(value) : emptyInput;
  return push(model, { at: 'address', setting: 'logServer', server, focus: 'server', pending: null });
}

/** Older ones follow those that are there. */
function answered(model: Model, screen: LogScreen, answer: Answer): Decision {
  if (answer.of === 'fault') return stay(complain(model, answer.fault));
  if (answer.of !== 'log') return stay(model);
  const oldest = screen.records.at(-1)?.seq ?? Number.POSITIVE_INFINITY;
  const records = [...screen.records, ...answer.value.records.filter(({ seq }) => seq < oldest)];
  return become(model, { ...screen, records, more: answer.value.more });
}

function logBody(model: Model, screen: LogScreen, words: Words, size: Size): Body {
  const { log: own, titles, keys, certificates } = words.screens;
  const { records, severity, row: selected } = screen;
  const rows = logRows(model, size);
  const top = keepVisible(screen.top, selected, rows, records.length);
  const textWidth = size.width - 2 - widths.time - widths.severity - 2 * gap;
  const row = (time: string, kind: string, text: string): string =>
    [column(time, widths.time), column(kind, widths.severity), column(text, textWidth)].join(' '.repeat(gap));
  const shown = records.slice(top, top + rows).map((record, index): Line => {
    const time = formatDateTime(words, record.at, model.offsetMinutes);
    const text = row(time, own.severities[record.severity], record.text);
    return top + index === selected ? line(`> ${text}`, 'selected') : line(`  ${text}`, styles[record.severity]);
  });
  const nothing = line(`  ${screen.pending === null ? own.empty : own.loading}`, 'strong');
  const list = shown.length > 0 ? shown : [nothing];
  const zone = formatZone(model.offsetMinutes);
  const summary = fill(severity === 'trace' ? own.shownAll : own.shown, { severity: own.severities[severity], zone });
  const position = fill(certificates.position, { first: top + 1, last: top + shown.length, count: records.length });
  return {
    title: titles.log,
    lines: [
      blank,
      ...forwardingLines(model, words, size.width),
      line(summary),
      blank,
      line(`  ${row(own.time, own.severity, own.event)}`, 'strong'),
      ...list,
      ...Array.from({ length: rows - list.length }, () => blank),
      [
        span(records.length > rows || screen.more ? position : '', 'hint'),
        span(screen.more ? `, ${own.more}` : '', 'hint'),
      ],
    ],
    cursor: null,
    keys: [
      { key: 'Enter', label: keys.open },
      { key: 'F4', label: keys.severity },
      { key: 'F5', label: keys.reload },
      { key: 'F6', label: keys.logServer },
      { key: 'Esc', label: keys.back },
    ],
  };
}

/** The body without the state of the forwarding, the summary, the headings and the position. */
function logRows(model: Model, size: Size): number {
  return Math.max(1, size.height - forwardingLines(model, wordsOf[model.language], size.width).length - 5);
}

function recordLines(model: Model, record: LogRecord, words: Words, width: number): readonly Line[] {
  const { log: own } = words.screens;
  return facts(
    [
      { label: own.time, value: formatInstant(words, record.at, model.offsetMinutes) },
      { label: own.severity, value: own.severities[record.severity], style: styles[record.severity] },
      { label: own.component, value: record.component },
      { label: own.text, value: record.text },
    ],
    width,
  );
}
