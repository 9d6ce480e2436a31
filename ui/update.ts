/**
 * `update(model, message) → { model, commands }`: everything the console screens decide. Pure. A message that means
 * nothing where it arrives gives back the very same model and no commands.
 */
import { become, type Decision, note, stay } from './decision.ts';
import { tooSmall } from './layout.ts';
import { type Answer, type Key, type Message, type Model, topScreen } from './model.ts';
import { withoutOldNote } from './notes.ts';
import { offer } from './offers.ts';
import type { Screen } from './screen.ts';
import { windowOf } from './windows.ts';

type Arrived = Extract<Message, { readonly type: 'status-arrived' }>;

/** A larger difference of clocks is a jump of one of them, not age. */
const maxStatusAgeMs = 3_600_000;

export function update(model: Model, message: Message): Decision {
  switch (message.type) {
    case 'key':
      return pressed(model, message.key);
    case 'resized': {
      const { width, height } = message.size;
      return width === model.size.width && height === model.size.height
        ? stay(model)
        : stay({ ...model, size: message.size });
    }
    case 'ticked':
      return message.upMs <= model.upMs && message.offsetMinutes === model.offsetMinutes
        ? stay(model)
        : stay(
            withoutOldNote({
              ...model,
              upMs: Math.max(model.upMs, message.upMs),
              offsetMinutes: message.offsetMinutes,
            }),
          );
    case 'status-arrived':
      return stay(arrived(model, message));
    case 'service-lost':
      return stay(lost(model));
    case 'answered':
      return answered(model, message.ticket, message.answer);
  }
}

function pressed(model: Model, key: Key): Decision {
  if (key.name === 'f2') return stay({ ...model, language: model.language === 'en' ? 'ru' : 'en' });
  if (key.name === 'quit') return { model, commands: model.allowExit ? [{ do: 'exit' }] : [] };
  if (model.service === 'away' || tooSmall(model.size)) return stay(model);
  const read: Model = model.note ? { ...model, note: null } : model;
  return windowOf(read, topScreen(read)).key(key);
}

function arrived(model: Model, { status: value, upMs, now }: Arrived): Model {
  const before = model.status?.value ?? null;
  // The first status of a connection may have been made a while ago; its countdowns began then.
  const ageMs = value.clock.at === 'known' ? now - value.clock.now : 0;
  const madeAtMs = ageMs > 0 && ageMs < maxStatusAgeMs ? upMs - ageMs : upMs;
  const status = { value, upMs: madeAtMs };
  const present: Model = { ...model, service: 'present', upMs: Math.max(model.upMs, upMs), status };
  return offer(present, before);
}

/** Goes to the window that asked, wherever it lies by now; nobody waits for the answer to a window that was left. */
function answered(model: Model, ticket: number, answer: Answer): Decision {
  const index = model.stack.findIndex((screen) => 'pending' in screen && screen.pending === ticket);
  const asking = model.stack[index];
  if (!asking) return stay(model);
  const settledModel = become({ ...model, stack: model.stack.slice(0, index + 1) }, settled(asking)).model;
  const take = windowOf(settledModel, topScreen(settledModel)).answer;
  const { model: after, commands } = take ? take(answer) : stay(settledModel);
  return { model: { ...after, stack: [...after.stack, ...model.stack.slice(index + 1)] }, commands };
}

function lost(model: Model): Model {
  if (model.service === 'away') return model;
  const waiting = model.stack.some((screen) => settled(screen) !== screen);
  // What waits for a connection has nothing else to show.
  const stack = model.stack.filter(({ at }) => at !== 'waiting').map(settled);
  const away: Model = { ...model, service: 'away', stack };
  return waiting ? note(away, 'answerLost') : away;
}

const settled = (screen: Screen): Screen =>
  'pending' in screen && screen.pending !== null ? { ...screen, pending: null } : screen;
