import fc from 'fast-check';
import { type FaultCode, fault, faultKinds } from '../../protocol/fault.ts';
import type { Status } from '../../protocol/local.ts';
import { edit, emptyInput, grouped, groupedCursor, overtype } from '../../ui/input.ts';
import { type Answer, type Ask, type Key, keyNames, type Message, type Model, topScreen } from '../../ui/model.ts';
import type { Screen } from '../../ui/screen.ts';
import { update } from '../../ui/update.ts';
import { view } from '../../ui/view.ts';
import { sayFault, wordsOf } from '../../words/say.ts';
import { assert, table, test } from '../harness.ts';
import { pictures } from './pictures.ts';
import { records } from './pictures-tools.ts';
import {
  answer,
  arrive,
  done,
  play,
  press,
  refused,
  settings,
  started,
  textOfFrame,
  tick,
  tools,
  type,
} from './playing.ts';
import {
  beginning,
  certificates,
  judged,
  leaf,
  locked,
  manyCertificates,
  now,
  registered,
  registering,
  replacing,
  unmanaged,
  unregistered,
} from './statuses.ts';

const size = { width: 80, height: 24 };
const at = (messages: readonly Message[]): Model => play(started(size, 'en'), messages);
const topOf = (messages: readonly Message[]): Screen['at'] => topScreen(at(messages)).at;
const byName = (name: string): Model => {
  const picture = pictures.find((each) => each.name === name);
  if (!picture) throw new Error(`there is no picture ${name}`);
  return at(picture.messages);
};
const windows: Readonly<Record<string, Model>> = {
  away: at([]),
  main: at([arrive(registered)]),
  registration: at([arrive(unregistered)]),
  authority: byName('authority-est'),
  certificates: byName('certificates'),
  empty: byName('certificates-empty'),
  details: byName('details'),
  notices: byName('notices-none'),
  replacement: at([arrive(replacing)]),
  code: at([arrive(replacing), ...press('enter')]),
  pending: byName('code-checking'),
  tools: byName('tools'),
  settings: byName('settings'),
  waiting: byName('waiting'),
  question: byName('question'),
  adding: byName('question-adding'),
  refusal: byName('refusal-not-assigned'),
  log: byName('log-waiting'),
  record: byName('record'),
  preflight: byName('preflight'),
  report: byName('report-failed'),
  removal: byName('removal'),
  import: byName('import'),
  imported: byName('imported'),
  repair: byName('repair'),
  repairChecking: byName('repair-checking'),
  repairQuestion: byName('repair-question'),
  repairing: byName('repair-running'),
  address: byName('log-server'),
  lockedAddress: byName('log-server-locked'),
  connection: byName('connection'),
  operation: byName('operation'),
  time: byName('time'),
  language: byName('language'),
  reset: byName('reset'),
  product: byName('product'),
  small: play(at([arrive(registered)]), [{ type: 'resized', size: { width: 40, height: 10 } }]),
};

const keys: readonly (Key & { readonly label: string })[] = [
  ...keyNames.map((name) => ({ name, label: name })),
  { name: 'character', character: '7', label: '7' },
  { name: 'character', character: 'q', label: 'q' },
  { name: 'character', character: ' ', label: 'blank' },
  { name: 'character', character: 'ж', label: 'ж' },
];
/** Keys that do something in each window; every other pair gives the very same model back. */
const alive: Readonly<Record<string, string>> = {
  away: 'f2',
  small: 'f2',
  main: 'f2 enter tab back-tab up down 7 q ж',
  registration: 'f2 f3 escape enter tab back-tab up down 7 q',
  authority: 'f2 f3 escape enter tab back-tab up down 7 q blank',
  certificates: 'f2 f4 escape enter down page-down end delete',
  empty: 'f2 f4 escape',
  details: 'f2 escape delete',
  notices: 'f2 escape',
  replacement: 'f2 f4 escape enter',
  code: 'f2 escape enter tab back-tab up down 7',
  pending: 'f2 escape',
  tools: 'f2 escape enter tab down page-down end',
  settings: 'f2 escape enter tab down page-down end',
  waiting: 'f2 escape',
  question: 'f2 escape enter tab back-tab left right',
  adding: 'f2 escape',
  refusal: 'f2 escape enter',
  log: 'f2 f4 f5 f6 escape enter down page-down end',
  record: 'f2 escape',
  preflight: 'f2 escape enter tab back-tab up down left right',
  report: 'f2 escape',
  removal: 'f2 escape enter tab back-tab up down left right',
  import: 'f2 f5 escape enter tab back-tab down left right',
  imported: 'f2 escape',
  repair: 'f2 f5 escape enter down page-down end',
  repairChecking: 'f2 escape',
  repairQuestion: 'f2 escape enter tab back-tab left right',
  repairing: 'f2 escape',
  address: 'f2 escape enter tab back-tab up down 7 q ж',
  lockedAddress: 'f2 escape',
  connection: 'f2 escape enter tab back-tab up down left home backspace 7 q',
  operation: 'f2 escape enter tab back-tab up down 7',
  time: 'f2 escape enter tab back-tab up down right end 7',
  language: 'f2 escape enter tab back-tab up down left right',
  reset: 'f2 escape enter tab back-tab up down left right',
  product: 'f2 escape',
};
/** Keys that ask the agent something. */
const asking: Readonly<Record<string, string>> = {
  tools: 'enter',
  log: 'f4 f5',
  import: 'f5',
  replacement: 'f4',
  repair: 'f5 enter',
  address: 'enter',
  language: 'enter',
};

const keyRows = Object.entries(windows).flatMap(([window, model]) =>
  keys.map((key) => ({ name: `${window}, ${key.label}`, window, model, key })),
);
table('key × window', keyRows, ({ window, model, key }) => {
  const { label, ...pressed } = key;
  const decision = update(model, { type: 'key', key: pressed });
  const moves = (alive[window] ?? '').split(' ').includes(label);
  assert.is(decision.model !== model, moves);
  assert.is(decision.commands.length > 0, (asking[window] ?? '').split(' ').includes(label));
});

const otherRows: readonly { readonly name: string; readonly message: Message; readonly alive: string }[] = [
  { name: 'the same size', message: { type: 'resized', size: { ...size } }, alive: 'small' },
  { name: 'an earlier tick', message: { type: 'ticked', upMs: -1, offsetMinutes: 180 }, alive: '' },
  { name: 'a tick', message: { type: 'ticked', upMs: 5, offsetMinutes: 180 }, alive: 'all' },
  { name: 'another zone', message: { type: 'ticked', upMs: 0, offsetMinutes: 60 }, alive: 'all' },
  { name: 'lost', message: { type: 'service-lost' }, alive: 'present' },
  { name: 'an answer nobody waits for', message: answer(99, done), alive: '' },
  { name: 'a refusal nobody waits for', message: answer(99, refused(fault('busy'))), alive: '' },
  { name: 'a wrong code', message: answer(1, refused(fault('code-wrong'))), alive: 'pending waiting' },
];
table(
  'message × window',
  otherRows.flatMap((row) =>
    Object.keys(windows).map((window) => ({ ...row, name: `${row.name} in ${window}`, window })),
  ),
  ({ window, message, alive: where }) => {
    const model = windows[window] ?? started(size, 'en');
    const moves = where === 'all' || where.split(' ').includes(window) || (where === 'present' && window !== 'away');
    assert.is(update(model, message).model !== model, moves);
  },
);

const later: Status = {
  ...replacing,
  replacement: replacing.replacement && { ...replacing.replacement, confirmationCode: '2042 7351 0029 4463' },
};
const stories: readonly { readonly name: string; readonly messages: readonly Message[]; readonly top: string }[] = [
  { name: 'an unregistered device opens the form', messages: [arrive(unregistered)], top: 'registration' },
  {
    name: 'the form opens by itself only once',
    messages: [arrive(unregistered), ...press('escape'), arrive(unregistered, 10)],
    top: 'main',
  },
  {
    name: 'a registration elsewhere closes the form',
    messages: [arrive(unregistered), arrive(registering), arrive(registered)],
    top: 'main',
  },
  { name: 'replacement at start', messages: [arrive(replacing)], top: 'replacement' },
  { name: 'replacement later', messages: [arrive(registered), arrive(replacing)], top: 'replacement' },
  {
    name: 'replacement over the details',
    messages: [arrive(registered), ...tools(1), ...press('enter'), arrive(replacing)],
    top: 'replacement',
  },
  {
    name: 'Esc leaves it, the same request does not open it again',
    messages: [
      arrive(replacing),
      ...press('escape'),
      arrive(replacing, 10),
      { type: 'service-lost' },
      arrive(replacing, 20),
    ],
    top: 'main',
  },
  {
    name: 'another request opens it again',
    messages: [arrive(replacing), ...press('escape'), arrive(later)],
    top: 'replacement',
  },
  {
    name: 'another request does not take the code away',
    messages: [arrive(replacing), ...press('enter'), ...type('12'), arrive(later)],
    top: 'code',
  },
  { name: 'Esc from the code', messages: [arrive(replacing), ...press('enter', 'escape')], top: 'replacement' },
  {
    name: 'the main window leads back',
    messages: [arrive(replacing), ...press('escape', 'enter')],
    top: 'replacement',
  },
  { name: 'done elsewhere', messages: [arrive(replacing), ...press('enter'), arrive(registered)], top: 'main' },
  {
    name: 'a new replacement after a finished one',
    messages: [arrive(replacing), arrive(registered), arrive(replacing)],
    top: 'replacement',
  },
  {
    name: 'the answer before the status',
    messages: [
      arrive(replacing),
      ...press('enter'),
      ...type('123456789012'),
      ...press('enter'),
      answer(1, done),
      arrive(replacing, 5),
      arrive(registered, 10),
    ],
    top: 'main',
  },
];
table('windows open and close by themselves', stories, ({ messages, top }) => {
  assert.is(topOf(messages), top);
});

test('the form sends what was typed, colons and blanks gone', () => {
  const before = at([
    arrive(unregistered),
    ...type(' ksc.example.com:9997 '),
    ...press('enter'),
    ...type(`AB:cd ${'0'.repeat(60)}ff`),
    ...press('enter'),
    ...type('inv-1'),
    ...press('enter'),
    ...type('s3cret'),
  ]);
  assert.equal(update(before, { type: 'key', key: { name: 'enter' } }).commands, [
    {
      do: 'ask',
      ticket: 1,
      ask: {
        do: 'register',
        body: {
          address: 'ksc.example.com:9997',
          fingerprint: `abcd${'0'.repeat(60)}`,
          invitation: 'inv-1',
          password: 's3cret',
        },
      },
    },
  ]);
});

table(
  'a server address',
  [
    { name: 'name and port', text: 'a.example:443', fine: true },
    { name: 'IPv4', text: '192.0.2.1:9997', fine: true },
    { name: 'IPv6', text: '[2001:db8::1]:9997', fine: true },
    { name: 'no port', text: 'a.example', fine: false },
    { name: 'port 0', text: 'a.example:0', fine: false },
    { name: 'port 65536', text: 'a.example:65536', fine: false },
    { name: 'bare IPv6', text: '2001:db8::1', fine: false },
    { name: 'nothing', text: '', fine: false },
  ],
  ({ text, fine }) => {
    const model = at([arrive(unregistered), ...type(text), ...press('up', 'enter')]);
    assert.is(model.note?.type === 'note' && model.note.name, fine ? 'badFingerprint' : 'badAddress');
  },
);

test('a form that was left comes back as it was, without the password, until the device is registered', () => {
  const typed = [
    arrive(unregistered),
    ...type('ksc.example.com:443'),
    ...press('tab'),
    ...type('3fa9'),
    ...press('tab', 'tab'),
    ...type('secret'),
  ];
  const again = topScreen(at([...typed, ...press('escape', 'down', 'down', 'down', 'down', 'enter')]));
  assert.is(again.at, 'registration');
  if (again.at !== 'registration') return;
  assert.equal(
    [again.fields.address.text, again.fields.fingerprint.text, again.fields.password.text],
    ['ksc.example.com:443', '3fa9', ''],
  );
  const later = at([...typed, ...press('escape'), arrive(registered), arrive(unregistered)]);
  assert.is(later.typed.address.text, '');
});

test('a whole code is sent, half a code is not, and none while locked', () => {
  const typed = at([arrive(replacing), ...press('enter'), ...type('1234 5678 9012')]);
  assert.equal(update(typed, { type: 'key', key: { name: 'enter' } }).commands, [
    { do: 'ask', ticket: 1, ask: { do: 'code', body: { code: '123456789012' } } },
  ]);
  const half = at([arrive(replacing), ...press('enter'), ...type('1234')]);
  assert.equal(update(half, { type: 'key', key: { name: 'enter' } }).commands, []);
  const shut = at([arrive(locked), ...press('enter'), ...type('123456789012')]);
  assert.equal(update(shut, { type: 'key', key: { name: 'enter' } }), { model: shut, commands: [] });
  const opened = play(shut, [{ type: 'ticked', upMs: 14 * 60_000 + 30_000, offsetMinutes: 180 }]);
  assert.is(update(opened, { type: 'key', key: { name: 'enter' } }).commands.length, 1);
});

test('what went well is said for a while, what went wrong until the next key', () => {
  const told = (model: Model): boolean => model.note !== null;
  const came = at([arrive(registering), tick(5000), arrive(beginning, 6000)]);
  assert.match(textOfFrame(came).join('\n'), 'The device is registered.');
  assert.ok(told(play(came, [tick(25_000)])));
  assert.not(told(play(came, [tick(27_000)])));
  const refused = at([arrive(registered), ...tools(1), ...press('delete')]);
  assert.ok(told(refused) && told(play(refused, [tick(900_000)])));
});

test('Ctrl-Q leaves only where that is allowed', () => {
  const model = at([arrive(registered)]);
  const quit: Message = { type: 'key', key: { name: 'quit' } };
  assert.equal(update(model, quit).commands, []);
  assert.equal(update({ ...model, allowExit: true }, quit).commands, [{ do: 'exit' }]);
});

test('a status that was made a while ago has counted down since', () => {
  const model = at([{ type: 'status-arrived', status: replacing, upMs: 1000, now: now + 40_000 }, ...press('escape')]);
  assert.match(textOfFrame(model).join('\n'), 'next attempt in 7 s');
  const jumped = at([{ type: 'status-arrived', status: replacing, upMs: 1000, now: now + 1e9 }, ...press('escape')]);
  assert.match(textOfFrame(jumped).join('\n'), 'next attempt in 47 s');
});

test('certificates are listed by purpose and slot, then owner', () => {
  const lines = textOfFrame(at([arrive({ ...registered, certificates: [...certificates].reverse() }), ...tools(1)]));
  const order = ['Server (current)', 'Server (reserve)', 'RDP server', 'Connection broker', 'Log server'];
  assert.equal(lines.map((line) => order.find((label) => line.includes(label))).filter(Boolean), order);
});

test('the selection stays on its certificate when others come and go', () => {
  const some: Status = { ...registered, certificates: [...manyCertificates] };
  const fewer: Status = { ...registered, certificates: manyCertificates.slice(5) };
  const before = at([arrive(some), ...tools(1), ...press('page-down', 'page-down')]);
  const selected = (model: Model): string =>
    view(model)
      .lines.flat()
      .find(({ style }) => style === 'selected')?.text ?? '';
  assert.match(selected(before), /rdp-29/);
  assert.is(selected(play(before, [arrive(fewer)])), selected(before));
});

test('grouped text and its cursor', () => {
  assert.is(grouped('123456789012'), '1234 5678 9012');
  assert.is(grouped('1234'), '1234');
  assert.is(groupedCursor(3), 3);
  assert.is(groupedCursor(4), 5);
});

const rule = { take: (character: string): string => (/\d/.test(character) ? character : ''), limit: 5 };
const arbitraryEdit = fc.oneof(
  fc.constantFrom('left', 'right', 'home', 'end', 'backspace', 'delete').map((name) => ({ name }) as const),
  fc.constantFrom('0', '5', 'x', ' ', '').map((character) => ({ name: 'character', character }) as const),
);
test('property: a field keeps its rule and its cursor inside (10 000 runs, up to 40 keys)', () => {
  fc.assert(
    fc.property(fc.array(arbitraryEdit, { maxLength: 40 }), (sequence) => {
      const input = sequence.reduce((before, key) => edit(before, key, rule), emptyInput);
      assert.match(input.text, /^\d{0,5}$/);
      assert.ok(input.cursor >= 0 && input.cursor <= input.text.length);
    }),
    { numRuns: 10_000 },
  );
});

/** The questions a story asks the agent, each answered as it says. */
function asked(messages: readonly Message[]): readonly Ask[] {
  const asks: Ask[] = [];
  messages.reduce(
    (before, message) => {
      const { model, commands } = update(before, message);
      asks.push(...commands.flatMap((command) => (command.do === 'ask' ? [command.ask] : [])));
      return model;
    },
    started(size, 'en'),
  );
  return asks;
}
const order = { purpose: 'rdp', server: 'rdp.example.com', user: 'm.user', password: 'pa ss' } as const;
const connecting: readonly Message[] = [
  arrive(unmanaged),
  ...type(order.server),
  ...press('tab'),
  ...type(order.user),
  ...press('tab'),
  ...type(order.password),
  ...press('enter'),
];
const stopped = (verdict: 'unknown' | 'refused'): Answer => ({
  of: 'connect',
  value: { at: 'stopped', preflight: judged(verdict, { fault: verdict === 'refused' ? fault('revoked') : null }) },
});
const runs: Answer = { of: 'connect', value: { at: 'started', session: 1, preflight: judged('trusted') } };
const connect: Ask = { do: 'connect', body: order };
const add: Ask = {
  do: 'add',
  body: { purpose: 'rdp', server: 'rdp.example.com:3389', fingerprint: leaf.fingerprint },
};

test('T5: a first connection is asked about; adding connects again, and no password stays behind', () => {
  const story = [...connecting, answer(1, stopped('unknown')), ...press('tab', 'enter'), answer(2, done)];
  assert.equal(asked(story), [connect, add, connect]);
  const over = at([...story, answer(3, runs)]);
  assert.is(topScreen(over).at, 'main');
  assert.not(JSON.stringify(over).includes(order.password));
  assert.not(JSON.stringify(at([...connecting, ...press('escape')])).includes(order.password));
});

table(
  'T5: whatever is no yes connects nothing',
  [
    { name: 'Cancel', messages: press('enter') },
    { name: 'Esc', messages: press('escape') },
    { name: 'Esc from the yes', messages: press('tab', 'escape') },
    { name: 'the service goes away', messages: [{ type: 'service-lost' }, arrive(unmanaged, 5)] as const },
    { name: 'it was refused', messages: [...press('tab', 'enter'), answer(2, refused(fault('not-shown')))] },
  ],
  ({ messages }) => {
    const asks = asked([...connecting, answer(1, stopped('unknown')), ...messages]);
    assert.is(asks.filter((each) => each.do === 'connect').length, 1);
  },
);

test('a refusal has no way on: no key of it asks the agent anything', () => {
  const refusal = at([...connecting, answer(1, stopped('refused'))]);
  assert.is(topScreen(refusal).at, 'refusal');
  for (const { label, ...key } of keys) assert.equal(update(refusal, { type: 'key', key }).commands, [], label);
});

table(
  'every fault is told whole at 80 columns, in both languages',
  Object.keys(faultKinds).flatMap((code) => [
    { name: `${code} en`, code: code as FaultCode, language: 'en' as const },
    { name: `${code} ru`, code: code as FaultCode, language: 'ru' as const },
  ]),
  ({ code, language }) => {
    const facts = { host: 'rdp.example.com', owner: 'rdp.example.com', address: 'rdp.example.com:3389', count: 3 };
    const why = fault(code, facts);
    const given: Answer = { of: 'connect', value: { at: 'stopped', preflight: judged('refused', { fault: why }) } };
    const shown = textOfFrame(play(started(size, language), [...connecting, answer(1, given)]));
    assert.match(shown.join(' ').replace(/\s+/g, ' '), sayFault(wordsOf[language], why));
  },
);

test('an answer that comes after its window was left opens nothing', () => {
  const left = at([...connecting, ...press('escape')]);
  assert.is(update(left, answer(1, stopped('unknown'))).model, left);
});

test('an answer finds its window under one that opened by itself', () => {
  const model = at([...connecting, arrive(replacing), answer(1, stopped('unknown'))]);
  assert.equal(
    model.stack.map((screen) => screen.at),
    ['main', 'question', 'replacement'],
  );
});

const preset: Status = {
  ...registered,
  settings: { ...registered.settings, rdp: { value: 'rdp.example.com', source: 'policy', locked: true } },
};
test('T18: a server the policy has locked is connected to, whatever is typed', () => {
  const story = [
    arrive(preset),
    ...press('up'),
    ...type('evil'),
    ...press('down'),
    ...type('u'),
    ...press('down', 'enter'),
  ];
  assert.equal(asked(story), [{ do: 'connect', body: { ...order, user: 'u', password: '' } }]);
});

test('T5: the log server is asked about where it is looked at, once', () => {
  const unknown: Status = {
    ...unmanaged,
    log: {
      at: 'refused',
      server: 'log.example.com:6514',
      fault: null,
      preflight: judged('unknown', { purpose: 'log', server: 'log.example.com:6514' }),
      unsent: 1,
      dropped: 0,
    },
  };
  const elsewhere = [arrive(unmanaged), arrive(unknown)];
  assert.is(topOf(elsewhere), 'main');
  const there = [arrive(unmanaged), ...settings(1), arrive(unknown)];
  assert.is(topOf(there), 'question');
  assert.is(topOf([...there, ...press('escape'), arrive(unknown, 5)]), 'address');
  assert.equal(asked([...there, ...press('tab', 'enter')]), [
    { do: 'add', body: { purpose: 'log', server: 'log.example.com:6514', fingerprint: leaf.fingerprint } },
  ]);
});

table(
  'T13: a locked action is asked for again when the code was right, never when it was wrong',
  [
    { name: 'other addresses', open: [...settings(0), ...press('down', 'enter')], ask: 'connection' },
    { name: 'reset', open: [...settings(6), ...press('tab', 'enter')], ask: 'reset' },
  ],
  ({ open, ask }) => {
    const code = [...type('104273510029'), ...press('enter')];
    const story = [arrive(registered), ...open, answer(1, refused(fault('code-needed'))), ...code];
    const kinds = (messages: readonly Message[]): readonly string[] => asked(messages).map((each) => each.do);
    assert.equal(kinds([...story, answer(2, refused(fault('code-wrong')))]), [ask, 'code']);
    assert.equal(kinds([...story, answer(2, done)]), [ask, 'code', ask]);
    assert.is(topOf([...story, answer(2, done), answer(3, done)]), ask === 'reset' ? 'main' : 'settings');
  },
);

const dateKeys = (text: string): readonly Message[] => [
  arrive(unmanaged),
  ...settings(4),
  ...type(text),
  ...press('tab'),
];
table(
  'the time is set as it is typed, in the zone that is shown',
  [
    { name: 'a day and an hour', date: '20270415', clock: '0815', at: Date.UTC(2027, 3, 15, 5, 15) },
    { name: 'a leap day', date: '20280229', clock: '0000', at: Date.UTC(2028, 1, 28, 21, 0) },
    { name: 'no leap day', date: '20270229', clock: '0000', at: null },
    { name: 'no month', date: '20271301', clock: '0000', at: null },
    { name: 'no hour', date: '20270101', clock: '2400', at: null },
    { name: 'before 1970', date: '19691231', clock: '2300', at: null },
  ],
  ({ date, clock, at: wanted }) => {
    const asks = asked([...dateKeys(date), ...type(clock), ...press('enter')]);
    assert.equal(asks, wanted === null ? [] : [{ do: 'time', body: { at: wanted } }]);
  },
);

test('a language the device keeps holds from the start, and F2 only until then', () => {
  const russian: Status = { ...registered, settings: { ...registered.settings, language: 'ru' } };
  assert.is(at([arrive(russian)]).language, 'ru');
  assert.is(at([arrive(russian), ...press('f2'), arrive(russian, 5)]).language, 'en');
  assert.equal(asked([arrive(unmanaged), ...settings(5), ...press('down', 'enter')]), [
    { do: 'settings', body: { language: 'ru' } },
  ]);
});

test('an address that was emptied takes the local value away', () => {
  assert.equal(asked([arrive(unmanaged), ...settings(1), ...press('enter')]), [
    { do: 'settings', body: { logServer: null } },
  ]);
});

test('T6: on a closed device nothing is added or removed', () => {
  assert.equal(asked([arrive(registered), ...tools(1), ...press('f4', 'delete', 'enter', 'delete')]), []);
});

test('the event log is read on where it ends, and begins anew with another severity', () => {
  const page = (ticket: number, first: number, more: boolean): Message =>
    answer(ticket, { of: 'log', value: { records: records(first, 20), more } });
  const story = [arrive(registered), ...tools(0), page(1, 500, true), ...press('end'), page(2, 480, false)];
  assert.equal(asked([...story, ...press('end', 'f4')]), [
    { do: 'log', severity: 'info', before: null },
    { do: 'log', severity: 'info', before: 481 },
    { do: 'log', severity: 'warn', before: null },
  ]);
  const screen = topScreen(at(story));
  assert.equal(
    screen.at === 'log' && screen.records.map(({ seq }) => seq),
    records(500, 40).map(({ seq }) => seq),
  );
});

test('a repair file is looked at first, and applied as the one that was looked at', () => {
  const story = pictures.find(({ name }) => name === 'repair-running')?.messages ?? [];
  const body = { name: 'USB/repair.thintrust', content: null };
  assert.equal(asked(story), [
    { do: 'media' },
    { do: 'check-repair', body },
    { do: 'repair', body: { ...body, rev: 7 } },
  ]);
});

test('files from a stick are asked for by name', () => {
  const media: Answer = {
    of: 'media',
    value: {
      files: [
        { name: 'a.pem', bytes: 1 },
        { name: 'b', bytes: 2 },
      ],
      repairs: [],
      more: false,
    },
  };
  const story = [arrive(unmanaged), ...tools(1), ...press('f4'), answer(1, media)];
  assert.equal(asked([...story, ...press('right', 'down', 'down', 'enter', 'tab', 'enter')]).slice(1), [
    { do: 'import', body: { purpose: 'broker', server: null, files: [{ name: 'b', content: null }] } },
  ]);
});

test('overtype writes digits over digits and steps over the rest', () => {
  const date = { text: '2026-03-01', cursor: 0 };
  const typed = [...'20271231'].reduce(
    (input, character) => overtype(input, { name: 'character', character }) ?? input,
    date,
  );
  assert.is(typed.text, '2027-12-31');
  assert.is(overtype({ text: '12:30', cursor: 1 }, { name: 'right' })?.cursor, 3);
  assert.is(overtype({ text: '12:30', cursor: 3 }, { name: 'left' })?.cursor, 1);
  assert.is(overtype(date, { name: 'enter' }), null);
});
