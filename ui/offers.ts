/** Windows that open and close by themselves, because the agent's status changed. Pure. */
import type { Fault } from '../protocol/fault.ts';
import type { Status } from '../protocol/local.ts';
import { complain, note } from './decision.ts';
import { logIsAsked, type Model, mainScreen, registrationScreen, topScreen } from './model.ts';
import type { Screen } from './screen.ts';
import { noteOfCode, replacementWindows } from './screens/code.ts';
import { questionScreen } from './screens/judged.ts';

/** `before`: the status this model had until now. */
export function offer(model: Model, before: Status | null): Model {
  const value = model.status?.value;
  if (!value) return model;
  const spoken = speak(model, value, before);
  return offerReplacement(
    offerRegistration(offerSessionEnd(offerLogServer(spoken, value), value, before), before),
    value,
  );
}

/** The language the device keeps holds from the start, and when another console has changed it. */
function speak(model: Model, { settings }: Status, before: Status | null): Model {
  const { language } = settings;
  return language === null || language === before?.settings.language ? model : { ...model, language };
}

/** Unregistered opens the form once; registered closes it; a registration given up says why. */
function offerRegistration(model: Model, before: Status | null): Model {
  const value = model.status?.value;
  if (!value) return model;
  const open = model.stack.some(({ at }) => at === 'registration');
  if (value.at === 'registered' && (open || (before && before.at !== 'registered'))) {
    const closed = {
      ...model,
      stack: without(model.stack, ['registration', 'authority']),
      typed: registrationScreen.fields,
    };
    return before && before.at !== 'registered' ? note(closed, 'registered') : closed;
  }
  if (value.at === 'unregistered' && before?.at === 'registering' && open) {
    const reason = value.faults.at(-1) ?? value.link.fault;
    return reason ? complain(model, reason as Fault) : model;
  }
  if (value.at === 'registering' && !before) return focused(model, 'registration');
  if (value.at === 'unregistered' && !model.registrationOffered) {
    const stack = topScreen(model).at === 'main' ? [...model.stack, registrationScreen] : model.stack;
    return { ...model, stack, registrationOffered: true };
  }
  return model;
}

/** T11: the window opens by itself, once per request, over anything but its own two windows; done, it closes itself. */
function offerReplacement(model: Model, value: Status): Model {
  const open = model.stack.some(({ at }) => replacementWindows.includes(at));
  if (!value.replacement) {
    const offered = model.replacementOffered === null ? model : { ...model, replacementOffered: null };
    if (!open) return offered;
    const done =
      value.link.at === 'connected' || model.stack.some((screen) => screen.at === 'code' && screen.pending !== null);
    return note(
      { ...offered, stack: without(model.stack, replacementWindows) },
      done ? noteOfCode(value) : 'replacementOver',
    );
  }
  const { about, confirmationCode } = value.replacement;
  if (model.replacementOffered === confirmationCode) return model;
  const offered = {
    ...focused(model, about === 'device' ? 'reenrolment' : 'replacement'),
    replacementOffered: confirmationCode,
  };
  return open ? offered : { ...offered, stack: [...offered.stack, { at: 'replacement' }] };
}

/** T5 for the log server: its certificate is asked about where the person looks at the log server, once. */
function offerLogServer(model: Model, status: Status): Model {
  const { preflight } = status.log;
  const top = topScreen(model);
  if (!preflight || !logIsAsked(status) || top.at !== 'address' || top.setting !== 'logServer') return model;
  const asked = `${preflight.server} ${preflight.chain[0]?.fingerprint ?? ''}`;
  if (model.logOffered === asked) return model;
  return { ...model, logOffered: asked, stack: [...model.stack, questionScreen('log', preflight, null)] };
}

/** A client that broke off says why, over the main window only: nothing else is pushed aside. */
function offerSessionEnd(model: Model, { session }: Status, before: Status | null): Model {
  if (session?.at !== 'ended' || !session.fault || topScreen(model).at !== 'main') return model;
  const { session: last } = before ?? { session: null };
  if (!last || last.number !== session.number || last.at === 'ended') return model;
  const { purpose, server, fault } = session;
  const refusal: Screen = {
    at: 'refusal',
    purpose,
    server,
    fault: fault as Fault,
    certificate: null,
    asked: false,
    top: 0,
  };
  return { ...model, stack: [...model.stack, refusal] };
}

function focused(model: Model, focus: 'replacement' | 'reenrolment' | 'registration'): Model {
  const [bottom = mainScreen, ...rest] = model.stack;
  return bottom.at === 'main' ? { ...model, stack: [{ ...bottom, focus }, ...rest] } : model;
}

const without = (stack: readonly Screen[], gone: readonly Screen['at'][]): readonly Screen[] =>
  stack.filter(({ at }) => !gone.includes(at));
