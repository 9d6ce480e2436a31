/** The part of the main window that connects: to an RDP server, or to the connection broker. */
import type { Status } from '../../protocol/local.ts';
import { fill, formatDateTime, formatDuration, sayFault, type Words } from '../../words/say.ts';
import { button, type Fact } from '../body.ts';
import { become, type Decision, note, pushAsking, refuse, stay } from '../decision.ts';
import { type Drawn, type Form, fieldRows, formKey, sideStepOf } from '../form.ts';
import { column, type Line, type Span, span, wrap } from '../frame.ts';
import { emptyInput, type Input, type InputRule, inputOf } from '../input.ts';
import { agentNow, type Key, type Model, type Size, statusIn } from '../model.ts';
import type { ConnectField, MainPart, MainScreen, SessionPurpose } from '../screen.ts';
import { serverRule } from './place.ts';

/** Anything a keyboard gives in one cell, blanks too. */
const oneCell: InputRule['take'] = (character) =>
  /^[^\p{C}\p{M}\u{10000}-\u{10ffff}]$/u.test(character) ? character : '';
const rules: Readonly<Record<ConnectField, InputRule>> = {
  server: serverRule,
  user: { take: oneCell, limit: 256 },
  password: { take: oneCell, limit: 256 },
};
const purposes: readonly SessionPurpose[] = ['rdp', 'broker'];

/** Where the focus can stand: not in a server that the policy has locked. */
export const connectParts = (model: Model, screen: MainScreen): readonly MainPart[] => [
  'purpose',
  ...(isLocked(model, screen) ? [] : (['server'] as const)),
  'user',
  'password',
  'connect',
];

/** Where one begins: at the server, or at the user where the server is known. */
export const firstPart = (model: Model, screen: MainScreen): MainPart =>
  serverInput(model, screen).text === '' ? 'server' : 'user';

export function connectKey(
  model: Model,
  screen: MainScreen,
  focus: MainPart,
  form: Form<MainPart>,
  key: Key,
): Decision {
  if (focus === 'purpose' && (sideStepOf(key) !== 0 || key.name === 'enter'))
    return become(model, { ...screen, focus, purpose: screen.purpose === 'rdp' ? 'broker' : 'rdp' });
  const field = isField(focus) ? focus : null;
  const input = field && inputFor(model, screen, field);
  const event = formKey({ ...form, rules }, focus, input, key);
  switch (event.at) {
    case 'same':
      return stay(model);
    case 'moved':
      return become(model, { ...screen, focus: event.focus });
    case 'typed':
      return become(model, { ...withField(screen, field ?? 'server', event.input), focus });
    case 'pressed':
      return connect(model, screen);
  }
}

export function connectLines(model: Model, screen: MainScreen, focus: MainPart, words: Words, size: Size): Drawn {
  const { connect: own, buttons } = words.screens;
  const locked = isLocked(model, screen);
  const drawn = fieldRows(
    [
      {
        label: own.server,
        input: serverInput(model, screen),
        focused: focus === 'server',
        locked,
        ...(locked ? { hint: own.locked } : {}),
      },
      { label: own.user, input: inputFor(model, screen, 'user'), focused: focus === 'user' },
      { label: own.password, input: inputFor(model, screen, 'password'), focused: focus === 'password', secret: true },
    ],
    size.width,
    mainLabelWidth(words),
  );
  const focused = focus === 'purpose';
  const tabs: readonly Span[] = purposes.map((purpose) => {
    const shown = screen.purpose === purpose;
    const text = shown ? `[${own[purpose]}] ` : ` ${own[purpose]}  `;
    return span(text, shown ? (focused ? 'selected' : 'strong') : 'hint');
  });
  const label = column(`${focused ? '> ' : '  '}${own.to}`, mainLabelWidth(words));
  const head: Line = [span(label, focused ? 'strong' : 'normal'), ...tabs];
  const { cursor } = drawn;
  return {
    lines: [head, ...drawn.lines, button(buttons.connect, focus === 'connect')],
    cursor: cursor && { x: cursor.x, y: cursor.y + 1 },
  };
}

/** One column of labels for the whole main window, the marks of the form included. */
export const mainLabelWidth = ({ screens: { connect, main } }: Words): number => {
  const fields = [connect.to, connect.server, connect.user, connect.password].map((label) => label.length + 2);
  const rest = [
    main.device,
    main.server,
    main.connection,
    main.policy,
    main.certificates,
    main.time,
    main.administrator,
    connect.session,
  ].map((label) => label.length);
  return Math.max(...fields, ...rest) + 2;
};

/** What has become of the last connection. */
export function sessionFacts(model: Model, { session }: Status, words: Words): readonly Fact[] {
  const own = words.screens.connect;
  const label = own.session;
  if (!session) return [{ label, value: own.none }];
  const { server, since } = session;
  if (session.at === 'starting') return [{ label, value: fill(own.starting, { server }), style: 'strong' }];
  const age = formatDuration(words, agentNow(model) - since);
  if (session.at === 'running') return [{ label, value: fill(own.running, { server, age }), style: 'good' }];
  const time = formatDateTime(words, since, model.offsetMinutes);
  return session.fault
    ? [{ label, value: fill(own.failed, { server, time }), style: 'error' }]
    : [{ label, value: fill(own.ended, { server, time }) }];
}

export const sessionFaultLines = ({ session }: Status, words: Words, width: number): readonly string[] =>
  session?.at === 'ended' && session.fault ? wrap(sayFault(words, session.fault), width) : [];

function connect(model: Model, screen: MainScreen): Decision {
  const { purpose } = screen;
  const server = serverInput(model, screen).text.trim();
  const { user, password } = screen.fields[purpose];
  const session = statusIn(model)?.session;
  if (session && session.at !== 'ended') return stay(note(model, 'oneSession'));
  if (server === '') return refuse(model, { ...screen, focus: 'server' }, 'badServer');
  if (purpose === 'broker' && user.text === '') return refuse(model, { ...screen, focus: 'user' }, 'badUser');
  const order = { purpose, server, user: user.text, password: password.text };
  // The password goes with the order and stays nowhere else: whoever comes next does not find it in the form.
  const emptied = become(model, withField(screen, 'password', emptyInput)).model;
  return pushAsking(emptied, { at: 'waiting', order, pending: null }, { do: 'connect', body: order });
}

const isField = (part: MainPart): part is ConnectField => part === 'server' || part === 'user' || part === 'password';

const isLocked = (model: Model, { purpose }: MainScreen): boolean =>
  statusIn(model)?.settings[purpose].locked === true && statusIn(model)?.settings[purpose].value !== null;

function inputFor(model: Model, screen: MainScreen, name: ConnectField): Input {
  return name === 'server' ? serverInput(model, screen) : screen.fields[screen.purpose][name];
}

function serverInput(model: Model, screen: MainScreen): Input {
  const { server } = screen.fields[screen.purpose];
  const preset = inputOf(statusIn(model)?.settings[screen.purpose].value ?? '');
  return isLocked(model, screen) ? preset : (server ?? preset);
}

const withField = (screen: MainScreen, name: ConnectField, input: Input): MainScreen => ({
  ...screen,
  fields: { ...screen.fields, [screen.purpose]: { ...screen.fields[screen.purpose], [name]: input } },
});
