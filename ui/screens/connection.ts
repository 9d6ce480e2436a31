/** Where the device finds its Administration Server; with the administrator's code where the policy has locked it. */
import { fill, formatDuration, type Words } from '../../words/say.ts';
import { type Body, button, paragraph } from '../body.ts';
import { ask, become, complain, type Decision, note, pop, push, refuse, stay } from '../decision.ts';
import { type Form, fieldRows, formKey } from '../form.ts';
import { blank, type Line, line } from '../frame.ts';
import { emptyInput, type InputRule, isAddress, matching } from '../input.ts';
import { type Answer, type Key, type Model, type Size, sinceStatusMs, statusIn } from '../model.ts';
import { noticesOf } from '../notices.ts';
import type { ConnectionScreen, LockedOrder } from '../screen.ts';
import type { Window } from '../window.ts';

const rule: InputRule = { take: matching(/^[A-Za-z0-9._:[\]-]$/), limit: 261 };
const form: Form<ConnectionScreen['focus']> = { parts: ['https', 'mqtt', 'save'], rules: { https: rule, mqtt: rule } };

export const connectionWindow = (model: Model, screen: ConnectionScreen): Window => ({
  body: (words, size) => connectionBody(model, screen, words, size),
  key: (key) => connectionKey(model, screen, key),
  answer: (answer) => answered(model, screen, answer),
});

/** A locked action asks for a code in a window of its own, and is asked for again after it. */
export function codeNeeded(model: Model, order: LockedOrder): Decision {
  return push(model, {
    at: 'operation',
    action: order.do,
    order,
    focus: 'digits',
    digits: emptyInput,
    pending: null,
  });
}

/** Milliseconds this action stays open after the administrator's code; 0 when it is not. */
export function openForMs(model: Model, action: LockedOrder['do']): number {
  const operation = statusIn(model)?.operation;
  return operation?.action === action ? Math.max(0, operation.openForMs - sinceStatusMs(model)) : 0;
}

/** What a locked action needs, or how long it is open. */
export function lockLines(model: Model, action: LockedOrder['do'], words: Words, width: number): readonly Line[] {
  const status = statusIn(model);
  const own = words.screens[action];
  const openMs = openForMs(model, action);
  if (openMs > 0) return paragraph(fill(own.open, { time: formatDuration(words, openMs) }), width, 'good');
  return status?.settings[action].locked && status.device?.managed ? paragraph(own.locked, width, 'warning') : [];
}

const orderOf = ({ fields }: ConnectionScreen): LockedOrder => ({
  do: 'connection',
  body: { https: fields.https.text, mqtt: fields.mqtt.text },
});

function connectionKey(model: Model, screen: ConnectionScreen, key: Key): Decision {
  if (key.name === 'escape') return pop(model);
  if (screen.pending !== null || !statusIn(model)?.server) return stay(model);
  const { focus, fields } = screen;
  const event = formKey(form, focus, focus === 'save' ? null : fields[focus], key);
  if (event.at === 'same') return stay(model);
  if (event.at === 'moved') return become(model, { ...screen, focus: event.focus });
  if (event.at === 'typed') return become(model, { ...screen, fields: { ...fields, [focus]: event.input } });
  if (!isAddress(fields.https.text)) return refuse(model, { ...screen, focus: 'https' }, 'badAddress');
  if (!isAddress(fields.mqtt.text)) return refuse(model, { ...screen, focus: 'mqtt' }, 'badAddress');
  return ask(model, screen, orderOf(screen));
}

function answered(model: Model, screen: ConnectionScreen, answer: Answer): Decision {
  if (answer.of !== 'fault') return stay(note(pop(model).model, 'saved'));
  return answer.fault.code === 'code-needed' ? codeNeeded(model, orderOf(screen)) : stay(complain(model, answer.fault));
}

function connectionBody(model: Model, screen: ConnectionScreen, words: Words, size: Size): Body {
  const { connection: own, titles, keys, buttons, settings } = words.screens;
  const back = { key: 'Esc', label: keys.back };
  const status = statusIn(model);
  if (!status?.server) {
    const why = status?.at === 'broken' ? noticesOf(model)[0] : undefined;
    const lines = [blank, ...paragraph(why ?? own.unregistered, size.width)];
    return { title: titles.connection, lines, cursor: null, keys: [back] };
  }
  const { focus, fields } = screen;
  const lead = paragraph(own.lead, size.width);
  const drawn = fieldRows(
    [
      { label: own.https, input: fields.https, focused: focus === 'https', width: 36, hint: own.hint },
      { label: own.mqtt, input: fields.mqtt, focused: focus === 'mqtt', width: 36, hint: own.hint },
    ],
    size.width,
  );
  const { cursor } = drawn;
  return {
    title: titles.connection,
    lines: [
      blank,
      ...lead,
      blank,
      ...drawn.lines,
      blank,
      screen.pending === null ? button(buttons.save, focus === 'save') : line(settings.saving, 'strong'),
      blank,
      ...lockLines(model, 'connection', words, size.width),
    ],
    cursor: cursor && screen.pending === null ? { x: cursor.x, y: cursor.y + lead.length + 2 } : null,
    keys: [
      { key: 'Tab', label: keys.next },
      { key: 'Enter', label: focus === 'https' ? buttons.next : buttons.save },
      back,
    ],
  };
}
