import fc from 'fast-check';
import { fault } from '../../protocol/fault.ts';
import type { Status } from '../../protocol/local.ts';
import { edit, emptyInput, grouped, groupedCursor } from '../../ui/input.ts';
import { type Key, type KeyName, type Message, type Model, type Screen, topScreen } from '../../ui/model.ts';
import { update } from '../../ui/update.ts';
import { view } from '../../ui/view.ts';
import { assert, table, test } from '../harness.ts';
import { arrive, pictures, play, press, started, textOfFrame, type } from './pictures.ts';
import {
  certificates,
  locked,
  manyCertificates,
  now,
  registered,
  registering,
  replacing,
  troubled,
  unregistered,
} from './statuses.ts';

const size = { width: 80, height: 24 };
const at = (messages: readonly Message[]): Model => play(started(size, 'en'), messages);
const topOf = (messages: readonly Message[]): Screen['at'] => topScreen(at(messages)).at;
const windows: Readonly<Record<string, Model>> = {
  away: at([]),
  main: at([arrive(registered)]),
  registration: at([arrive(unregistered)]),
  certificates: at([arrive(registered), ...press('enter')]),
  empty: at([arrive({ ...registered, certificates: [] }), ...press('enter')]),
  details: at([arrive(registered), ...press('enter', 'enter')]),
  notices: at([arrive(troubled), ...press('escape', 'up', 'enter')]),
  replacement: at([arrive(replacing)]),
  code: at([arrive(replacing), ...press('enter')]),
  pending: at([arrive(replacing), ...press('enter'), ...type('123456789012'), ...press('enter')]),
  small: play(at([arrive(registered)]), [{ type: 'resized', size: { width: 40, height: 10 } }]),
};

const keyNames: readonly KeyName[] = [
  'up',
  'down',
  'left',
  'right',
  'page-up',
  'page-down',
  'home',
  'end',
  'enter',
  'escape',
  'tab',
  'back-tab',
  'backspace',
  'delete',
  'f2',
  'f3',
  'quit',
];
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
  main: 'f2 enter',
  registration: 'f2 f3 escape enter tab back-tab up down 7 q',
  certificates: 'f2 escape enter down page-down end',
  empty: 'f2 escape',
  details: 'f2 escape',
  notices: 'f2 escape',
  replacement: 'f2 escape enter',
  code: 'f2 escape enter tab back-tab up down 7',
  pending: 'f2 escape',
};

const keyRows = Object.entries(windows).flatMap(([window, model]) =>
  keys.map((key) => ({ name: `${window}, ${key.label}`, window, model, key })),
);
table('key × window', keyRows, ({ window, model, key }) => {
  const { label, ...pressed } = key;
  const decision = update(model, { type: 'key', key: pressed });
  const moves = (alive[window] ?? '').split(' ').includes(label);
  assert.is(decision.model !== model, moves);
  assert.equal(decision.commands, []);
});

const otherRows: readonly { readonly name: string; readonly message: Message; readonly alive: string }[] = [
  { name: 'the same size', message: { type: 'resized', size: { ...size } }, alive: 'small' },
  { name: 'an earlier tick', message: { type: 'ticked', upMs: -1, offsetMinutes: 180 }, alive: '' },
  { name: 'a tick', message: { type: 'ticked', upMs: 5, offsetMinutes: 180 }, alive: 'all' },
  { name: 'another zone', message: { type: 'ticked', upMs: 0, offsetMinutes: 60 }, alive: 'all' },
  { name: 'lost', message: { type: 'service-lost' }, alive: 'present' },
  { name: 'registered, unasked', message: { type: 'register-answered', fault: null }, alive: '' },
  { name: 'refused, unasked', message: { type: 'register-answered', fault: fault('busy') }, alive: '' },
  { name: 'wrong code, unasked', message: { type: 'code-answered', fault: fault('code-wrong') }, alive: 'pending' },
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
    messages: [arrive(registered), ...press('enter', 'enter'), arrive(replacing)],
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
      { type: 'code-answered', fault: null },
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
      do: 'register',
      request: {
        address: 'ksc.example.com:9997',
        fingerprint: `abcd${'0'.repeat(60)}`,
        invitation: 'inv-1',
        password: 's3cret',
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
    assert.is(model.note?.type, fine ? 'bad-fingerprint' : 'bad-address');
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
  const again = topScreen(at([...typed, ...press('escape', 'enter')]));
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
    { do: 'send-code', code: '123456789012' },
  ]);
  const half = at([arrive(replacing), ...press('enter'), ...type('1234')]);
  assert.equal(update(half, { type: 'key', key: { name: 'enter' } }).commands, []);
  const shut = at([arrive(locked), ...press('enter'), ...type('123456789012')]);
  assert.equal(update(shut, { type: 'key', key: { name: 'enter' } }), { model: shut, commands: [] });
  const opened = play(shut, [{ type: 'ticked', upMs: 14 * 60_000 + 30_000, offsetMinutes: 180 }]);
  assert.is(update(opened, { type: 'key', key: { name: 'enter' } }).commands.length, 1);
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
  const lines = textOfFrame(
    at([arrive({ ...registered, certificates: [...certificates].reverse() }), ...press('enter')]),
  );
  const order = ['Server (current)', 'Server (reserve)', 'RDP server', 'Connection broker', 'Log server'];
  assert.equal(lines.map((line) => order.find((label) => line.includes(label))).filter(Boolean), order);
});

test('the selection stays on its certificate when others come and go', () => {
  const some: Status = { ...registered, certificates: [...manyCertificates] };
  const fewer: Status = { ...registered, certificates: manyCertificates.slice(5) };
  const before = at([arrive(some), ...press('enter', 'page-down', 'page-down')]);
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

/** Combining, control and direction characters, halves of pairs, and the wide alphabets. */
const wideOrNone = /[\p{M}\p{C}\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff]|[\u{10000}-\u{10ffff}]/u;
const text = fc.string({ unit: 'binary', maxLength: 90 });
const statuses = [unregistered, registering, registered, replacing, locked, troubled];
const arbitraryStatus: fc.Arbitrary<Status> = fc
  .record({
    base: fc.constantFrom(...statuses),
    owner: text,
    name: text,
    fact: text,
    count: fc.integer({ min: 0, max: 30 }),
    since: fc.integer({ min: 0, max: 253402300799999 }),
  })
  .map(({ base, owner, name, fact, count, since }) => ({
    ...base,
    device: base.device && { ...base.device, name },
    link: { ...base.link, since },
    contacts: base.contacts && { ...base.contacts, name: owner, note: fact },
    certificates: manyCertificates
      .slice(0, count)
      .map((each) => ({ ...each, owner, names: [name], file: fact, notAfter: since })),
    faults: count % 2 ? [...base.faults, fault('tls-failed', { reason: fact, address: name })] : base.faults,
  }));
const arbitraryMessage: fc.Arbitrary<Message> = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom(...keyNames).map((name): Message => ({ type: 'key', key: { name } })) },
  {
    weight: 6,
    arbitrary: fc.constantFrom(...'0123456789abcdefz:. -ж').map(
      (character): Message => ({
        type: 'key',
        key: { name: 'character', character },
      }),
    ),
  },
  { weight: 4, arbitrary: arbitraryStatus.map((status): Message => arrive(status)) },
  {
    weight: 2,
    arbitrary: fc
      .record({ width: fc.integer({ min: 0, max: 200 }), height: fc.integer({ min: 0, max: 60 }) })
      .map((given): Message => ({ type: 'resized', size: given })),
  },
  {
    weight: 2,
    arbitrary: fc
      .constantFrom(size, { width: 120, height: 40 })
      .map((given): Message => ({ type: 'resized', size: given })),
  },
  {
    weight: 2,
    arbitrary: fc
      .record({ upMs: fc.integer({ min: 0, max: 1e10 }), offsetMinutes: fc.integer({ min: -720, max: 840 }) })
      .map((tick): Message => ({ type: 'ticked', ...tick })),
  },
  fc.constant<Message>({ type: 'service-lost' }),
  fc
    .constantFrom(null, fault('code-wrong', { triesLeft: 2 }), fault('code-typo'), fault('code-locked'), fault('busy'))
    .map((answer): Message => ({ type: 'code-answered', fault: answer })),
  fc
    .constantFrom(null, fault('invitation-refused'), fault('fingerprint-mismatch'))
    .map((answer): Message => ({ type: 'register-answered', fault: answer })),
);
test('property: any messages, any names: never throws, every frame is exact (10 000 runs, up to 24 messages)', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...pictures),
      fc.constantFrom('en' as const, 'ru' as const),
      fc.array(arbitraryMessage, { maxLength: 24 }),
      (picture, language, messages) => {
        const model = play(play(started(size, language), picture.messages), messages);
        const { lines, cursor, width, height } = view(model);
        assert.is(width, model.size.width);
        assert.is(lines.length, height);
        for (const line of lines) {
          const shown = line.map((span) => span.text).join('');
          if (shown.length !== width || wideOrNone.test(shown)) assert.unreachable(`not ${width} cells: ${shown}`);
        }
        if (cursor) assert.ok(cursor.x >= 0 && cursor.x < width && cursor.y > 0 && cursor.y < height - 1);
        assert.is(model.stack[0]?.at, 'main');
      },
    ),
    { numRuns: 10_000 },
  );
});
