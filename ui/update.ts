/**
 * `update(model, message) → { model, commands }`: everything the console screens decide. Pure. A message that means
 * nothing where it arrives gives back the very same model and no commands.
 */
import type { Fault } from '../protocol/fault.ts';
import type { Status } from '../protocol/local.ts';
import { become, type Decision, stay } from './decision.ts';
import { tooSmall } from './layout.ts';
import { type Key, type Message, type Model, mainScreen, registrationScreen, type Screen, topScreen } from './model.ts';
import { detailsKey, listKey, noticesKey } from './update-scrolling.ts';
import { codeKey, mainKey, registrationKey, replacementKey } from './update-windows.ts';

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
        : stay({ ...model, upMs: Math.max(model.upMs, message.upMs), offsetMinutes: message.offsetMinutes });
    case 'status-arrived':
      return stay(arrived(model, message));
    case 'service-lost':
      return stay(lost(model));
    case 'register-answered':
      return stay(registerAnswered(model, message.fault));
    case 'code-answered':
      return stay(codeAnswered(model, message.fault));
  }
}

function pressed(model: Model, key: Key): Decision {
  if (key.name === 'f2') return stay({ ...model, language: model.language === 'en' ? 'ru' : 'en' });
  if (key.name === 'quit') return { model, commands: model.allowExit ? [{ do: 'exit' }] : [] };
  if (model.service === 'away' || tooSmall(model.size)) return stay(model);
  const read: Model = model.note ? { ...model, note: null } : model;
  const screen = topScreen(read);
  switch (screen.at) {
    case 'main':
      return mainKey(read, screen, key);
    case 'registration':
      return registrationKey(read, screen, key);
    case 'certificates':
      return listKey(read, screen, key);
    case 'details':
      return detailsKey(read, screen, key);
    case 'notices':
      return noticesKey(read, screen, key);
    case 'replacement':
      return replacementKey(read, key);
    case 'code':
      return codeKey(read, screen, key);
  }
}

function arrived(model: Model, { status: value, upMs, now }: Arrived): Model {
  const before = model.status?.value ?? null;
  // The first status of a connection may have been made a while ago; its countdowns began then.
  const ageMs = value.clock.at === 'known' ? now - value.clock.now : 0;
  const madeAtMs = ageMs > 0 && ageMs < maxStatusAgeMs ? upMs - ageMs : upMs;
  const status = { value, upMs: madeAtMs };
  const present: Model = { ...model, service: 'present', upMs: Math.max(model.upMs, upMs), status };
  return offerReplacement(offerRegistration(present, before), value);
}

/** Unregistered opens the form once; registered closes it; a registration given up says why. */
function offerRegistration(model: Model, before: Status | null): Model {
  const value = model.status?.value;
  if (!value) return model;
  const open = model.stack.some(({ at }) => at === 'registration');
  if (value.at === 'registered' && (open || (before && before.at !== 'registered'))) {
    const stack = without(model.stack, ['registration']);
    const typed = registrationScreen.fields;
    return { ...model, stack, typed, note: before && before.at !== 'registered' ? { type: 'registered' } : model.note };
  }
  if (value.at === 'unregistered' && before?.at === 'registering' && open) {
    const reason = value.faults.at(-1) ?? value.link.fault;
    return reason ? { ...model, note: { type: 'fault', fault: reason as Fault } } : model;
  }
  if (value.at === 'registering' && !before)
    return { ...model, stack: [{ at: 'main', selected: 'registration' }, ...model.stack.slice(1)] };
  if (value.at === 'unregistered' && !model.registrationOffered) {
    const stack: readonly Screen[] =
      topScreen(model).at === 'main' ? [{ at: 'main', selected: 'registration' }, registrationScreen] : model.stack;
    return { ...model, stack, registrationOffered: true };
  }
  return model;
}

/** T11: the window opens by itself, once per request, over anything but its own two windows; done, it closes itself. */
function offerReplacement(model: Model, value: Status): Model {
  const open = model.stack.some(({ at }) => at === 'replacement' || at === 'code');
  if (!value.replacement) {
    const offered = model.replacementOffered === null ? model : { ...model, replacementOffered: null };
    if (!open) return offered;
    const done = value.link.at === 'connected' || model.stack.some((screen) => screen.at === 'code' && screen.pending);
    return {
      ...offered,
      stack: without(model.stack, aboveMain),
      note: { type: done ? 'replaced' : 'replacement-over' },
    };
  }
  const { confirmationCode } = value.replacement;
  if (model.replacementOffered === confirmationCode) return model;
  const [bottom = mainScreen, ...rest] = model.stack;
  const main: Screen = bottom.at === 'main' ? { ...bottom, selected: 'replacement' } : bottom;
  return {
    ...model,
    replacementOffered: confirmationCode,
    stack: open ? model.stack : [main, ...rest, { at: 'replacement' }],
  };
}

function lost(model: Model): Model {
  if (model.service === 'away') return model;
  const waiting = model.stack.some((screen) => 'pending' in screen && screen.pending);
  return {
    ...model,
    service: 'away',
    stack: model.stack.map(settled),
    note: waiting ? { type: 'answer-lost' } : model.note,
  };
}

function registerAnswered(model: Model, answer: Fault | null): Model {
  if (!model.stack.some((screen) => screen.at === 'registration' && screen.pending)) return model;
  const stack = model.stack.map((screen) => (screen.at === 'registration' ? settled(screen) : screen));
  return { ...model, stack, note: answer ? { type: 'fault', fault: answer } : model.note };
}

/** A typing error keeps the digits, so that one can be mended; a wrong code clears them. */
function codeAnswered(model: Model, answer: Fault | null): Model {
  if (!answer) {
    const asked = model.status?.value.replacement?.confirmationCode;
    const over = without(model.stack, aboveMain);
    return { ...model, stack: over, note: { type: 'replaced' }, replacementOffered: asked ?? null };
  }
  const screen = topScreen(model);
  if (screen.at !== 'code' || !screen.pending) return model;
  const triesLeft = model.status?.value.replacement?.triesLeft;
  const facts = triesLeft === undefined ? answer.facts : { triesLeft, ...answer.facts };
  const digits =
    answer.code === 'code-wrong' || answer.code === 'code-locked' ? { text: '', cursor: 0 } : screen.digits;
  const settledModel = become(model, { ...screen, digits, focus: 'digits', pending: false }).model;
  return { ...settledModel, note: { type: 'fault', fault: { ...answer, facts } } };
}

/** Everything that stands between a finished replacement and the main window. */
const aboveMain: readonly Screen['at'][] = ['replacement', 'code', 'certificates', 'details', 'notices'];

const settled = (screen: Screen): Screen =>
  'pending' in screen && screen.pending ? { ...screen, pending: false } : screen;

const without = (stack: readonly Screen[], gone: readonly Screen['at'][]): readonly Screen[] =>
  stack.filter(({ at }) => !gone.includes(at));
