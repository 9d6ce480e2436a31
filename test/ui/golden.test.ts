import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type FaultCode, fault, faultKinds } from '../../protocol/fault.ts';
import type { Status } from '../../protocol/local.ts';
import { contactParts } from '../../ui/body.ts';
import { cells } from '../../ui/frame.ts';
import { type Message, type Model, topScreen } from '../../ui/model.ts';
import { view } from '../../ui/view.ts';
import { type Language, sayFault, wordsOf } from '../../words/say.ts';
import { assert, table, test } from '../harness.ts';
import { pictures } from './pictures.ts';
import { refusalBy } from './pictures-connecting.ts';
import { arrive, play, press, started, textOfFrame } from './playing.ts';
import { now, registered } from './statuses.ts';

/** `UPDATE_GOLDEN=1` writes the pictures instead of comparing them; look at the difference before it is committed. */
const updating = process.env['UPDATE_GOLDEN'] === '1';
const folder = fileURLToPath(new URL('golden', import.meta.url));
const screensDocument = fileURLToPath(new URL('../../docs/screens.md', import.meta.url));
const sizes = [
  { width: 80, height: 24 },
  { width: 120, height: 40 },
];
const languages: readonly Language[] = ['en', 'ru'];

const rows = pictures.flatMap((picture) =>
  languages.flatMap((language) =>
    sizes.map((size) => ({
      name: `${picture.name}.${language}.${size.width}x${size.height}`,
      model: play(started(size, language), picture.messages),
      size,
    })),
  ),
);

table('golden frame', rows, ({ name, model }) => {
  const text = `${textOfFrame(model)
    .map((line) => line.trimEnd())
    .join('\n')}\n`;
  compare(`${folder}/${name}.txt`, text);
});

table('every line has exactly the width of the screen, in cells', rows, ({ model, size }) => {
  const lines = textOfFrame(model);
  assert.is(lines.length, size.height);
  for (const line of lines) {
    assert.is([...line].length, size.width, line);
    assert.is(line.length, size.width, line);
    assert.not(
      /[\p{Mn}\p{Me}\p{Cc}\p{Cf}\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60]/u.test(
        line,
      ),
      line,
    );
  }
});

table('the cursor stands on the screen, in a field', rows, ({ model }) => {
  const { cursor, lines } = view(model);
  if (!cursor) return;
  const line = lines[cursor.y] ?? [];
  const field = line.find(({ style }) => style === 'field');
  const from = line
    .slice(
      0,
      line.findIndex(({ style }) => style === 'field'),
    )
    .reduce((x, { text }) => x + text.length, 0);
  assert.ok(field, 'the cursor is on a line with a field');
  assert.ok(cursor.x >= from && cursor.x <= from + (field?.text.length ?? 0));
});

table('the help line names every key, none cut off', rows, ({ model, name }) => {
  for (const allowExit of [false, true]) {
    const help = textOfFrame({ ...model, allowExit }).at(-1) ?? '';
    assert.match(help, name.includes('.en.') ? /F2 {1,2}Русский/ : /F2 {1,2}English/);
    assert.is(/Ctrl-Q {1,2}(Exit|Выход) /.test(help), allowExit, help);
    assert.not(help.includes('…'), help);
  }
});

table('the key that changes the keyboard is named where something is typed, and nowhere else', rows, ({ model }) => {
  const lines = textOfFrame({ ...model, layoutKey: 'Alt+Shift' });
  const typed = view(model).cursor !== null;
  assert.is(/Alt\+Shift {1,2}(Keyboard|Раскладка)/.test(lines.at(-1) ?? ''), typed, lines.at(-1));
});

/** Sentences that have an ellipsis of their own, whatever is named in them: `Connecting to {server}…`. */
const ownEllipses = [wordsOf.en, wordsOf.ru].flatMap(({ screens }) =>
  (JSON.stringify(screens).match(/[^".…]*…/g) ?? []).map(
    (text) => new RegExp(text.replace(/[()[\]?*+^$|\\]/g, '\\$&').replace(/\{\w+\}/g, '\\S+')),
  ),
);

type Strangers = { readonly column: number | null; readonly texts: readonly string[] };
/**
 * What people and servers wrote, and where it may end in an ellipsis: the owner of a certificate and the text of an event in
 * their columns of the two lists, which are shown whole by Enter; the name of the device and the contacts of the
 * administrator beside a code. Nothing else is ever cut off.
 */
function strangersIn(model: Model): Strangers | null {
  const status = model.status?.value;
  const screen = topScreen(model);
  switch (screen.at) {
    case 'certificates':
      return { column: 26, texts: status?.certificates.map(({ owner }) => owner) ?? [] };
    case 'log':
      return { column: 33, texts: screen.records.map(({ text }) => text) };
    case 'replacement':
      return {
        column: null,
        texts: [status?.device?.name ?? '', ...contactParts(status?.contacts ?? null, wordsOf[model.language])],
      };
    default:
      return null;
  }
}

function isTheirs(line: string, strangers: Strangers | null): boolean {
  const [before = ''] = line.split('…');
  return (strangers?.texts ?? []).some((text) => {
    const from = strangers?.column ?? before.lastIndexOf(text.slice(0, 5));
    const shown = before.slice(from).trimEnd();
    return from >= 0 && shown.length >= 5 && shown !== text && cells(text).startsWith(shown);
  });
}

table('nothing of ours is shortened, in lists either', rows, ({ model }) => {
  const strangers = strangersIn(model);
  const shortened = textOfFrame(model)
    .filter((line) => line.includes('…') && !ownEllipses.some((own) => own.test(line)))
    .filter((line) => !isTheirs(line, strangers));
  assert.equal(shortened, []);
});

const packed = (text: string): string => cells(text).replace(/\s/g, '');

table(
  'the main window says whole what is wrong with the connections, and whom to call',
  languages.map((name) => ({ name })),
  ({ name: language }) => {
    const facts = { owner: 'Example Remote Desktop', address: 'ksc.example.com:9997', host: 'rdp.example.com' };
    const link = { at: 'waiting', since: now, retryInMs: 47_000 } as const;
    const session = { number: 1, purpose: 'rdp', server: 'rdp.example.com:3389', since: now } as const;
    for (const code of Object.keys(faultKinds) as FaultCode[]) {
      const why = fault(code, facts);
      const ended = (before: Status): readonly Message[] => [
        arrive({ ...before, session: { ...session, at: 'running', fault: null } }),
        arrive({ ...before, session: { ...session, at: 'ended', fault: why } }),
        ...press('enter'),
      ];
      for (const messages of [
        [arrive({ ...registered, faults: [why], link: { ...link, fault: why } })],
        ended(registered),
        ended({ ...registered, link: { ...link, fault: fault('cloned') } }),
      ]) {
        const model = play(started({ width: 80, height: 24 }, language), messages);
        assert.is(topScreen(model).at, 'main');
        const shown = packed(textOfFrame(model).join(' '));
        const times = shown.split(packed(sayFault(wordsOf[language], why))).length - 1;
        // Once: not as a notice too. Only the session may have broken off for the very reason that there is no connection.
        assert.ok(times === 1 || (times === 2 && code === 'cloned'), `${code}: ${textOfFrame(model).join('\n')}`);
        assert.ok(shown.includes(packed(registered.contacts?.phone ?? 'none')), code);
      }
    }
  },
);

test('a certificate and an event that a list shortens are shown whole one step further', () => {
  for (const name of ['certificates', 'log']) {
    const picture = pictures.find((each) => each.name === name);
    for (const language of languages) {
      const list = play(started({ width: 80, height: 24 }, language), [...(picture?.messages ?? []), ...press('home')]);
      const texts = strangersIn(list)?.texts ?? [];
      assert.ok(
        textOfFrame(list).some((line) => line.includes('…')),
        `${name}: nothing is shortened`,
      );
      const shown = texts.map((_, row) => {
        const down = Array.from({ length: row }, () => 'down' as const);
        return packed(textOfFrame(play(list, press(...down, 'enter'))).join(' '));
      });
      for (const text of texts)
        assert.ok(
          shown.some((frame) => frame.includes(packed(text))),
          `${name}: ${text}`,
        );
    }
  }
});

table(
  'a screen below 80×24 says so',
  [
    { name: 'narrow', size: { width: 79, height: 24 } },
    { name: 'low', size: { width: 80, height: 23 } },
    { name: 'tiny', size: { width: 3, height: 2 } },
    { name: 'nothing', size: { width: 0, height: 0 } },
  ],
  ({ size }) => {
    for (const language of languages) {
      const lines = textOfFrame(started(size, language));
      assert.is(lines.length, size.height);
      for (const line of lines) assert.is(line.length, size.width);
      if (size.width > 10) assert.match(lines.join(''), `${size.width}×${size.height}`);
    }
  },
);

table(
  'every fault, as the window that stands in place of a connection',
  languages.map((language) => ({ name: `every-fault.${language}.80x24`, language })),
  ({ name, language }) => {
    const frames = (Object.keys(faultKinds) as FaultCode[]).map((code) => {
      const lines = textOfFrame(play(started({ width: 80, height: 24 }, language), refusalBy(code)));
      return `--- ${code}\n${lines.map((line) => line.trimEnd()).join('\n')}\n`;
    });
    compare(`${folder}/${name}.txt`, frames.join('\n'));
  },
);

test('docs/screens.md shows the windows as they are drawn', () => {
  const picture = (name: string): string => {
    const lines = readFileSync(`${folder}/${name}.80x24.txt`, 'utf8').replace(/\n$/, '').split('\n');
    const framed = [`┌${'─'.repeat(80)}┐`, ...lines.map((line) => `│${line.padEnd(80)}│`), `└${'─'.repeat(80)}┘`];
    return `\`\`\`text\n${framed.join('\n')}\n\`\`\`\n`;
  };
  const sections = [
    ['The server showed a certificate the device does not know', 'replacement.en'],
    ['The answer of the administrator is typed', 'code-typing.en'],
    ['The same in Russian', 'replacement.ru'],
    ['The main window', 'main.en'],
    ['An RDP server nobody has accepted yet', 'question.en'],
    ['A connection that is refused', 'refusal-changed-old-valid.en'],
    ['The same in Russian', 'refusal-changed-old-valid.ru'],
    ['Settings, some of them locked by the policy', 'settings-locked.en'],
    ['The event log', 'log.en'],
    ['The pre-flight check', 'report-trusted.en'],
    ['Certificates', 'certificates.en'],
    ['Registration', 'registration-filled.en'],
  ] as const;
  const text = [
    '# Console screens\n',
    'Copied from the golden frames in `test/ui/golden/` by `UPDATE_GOLDEN=1 node test/ui/golden.test.ts`.\n',
    ...sections.map(([title, name]) => `## ${title}\n\n${picture(name)}`),
  ].join('\n');
  compare(screensDocument, text);
});

function compare(file: string, text: string): void {
  if (updating) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(file, text);
    return;
  }
  assert.ok(existsSync(file), `${file} is missing: UPDATE_GOLDEN=1 writes it`);
  assert.fixture(text, readFileSync(file, 'utf8'));
}
