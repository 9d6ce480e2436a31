import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { encode } from 'uqr';
import { fault } from '../../protocol/fault.ts';
import type { Status } from '../../protocol/local.ts';
import type { Language } from '../../words/say.ts';
import { fill, sayFault, wordsOf } from '../../words/say.ts';
import { type ConsoleAgent, serveConsoleAgent } from '../fakes/console-agent.ts';
import { openSession, type TerminalSession } from '../fakes/terminal.ts';
import { assert, needs, table, test } from '../harness.ts';
import { records } from './pictures-tools.ts';
import { judged, leaf, locked, now, registered, registering, replacing, unmanaged, unregistered } from './statuses.ts';

needs(['tmux']);

const program = fileURLToPath(new URL('../../ui/main.ts', import.meta.url));
const shift = Date.now() - now;

/** The real program shows the real time, so the statuses are of today. */
const today = (status: Status): Status => ({
  ...status,
  clock: { ...status.clock, now: Date.now() },
  link: { ...status.link, since: status.link.since + shift },
  policy: status.policy && { ...status.policy, iat: status.policy.iat + shift },
});

type Console = { readonly terminal: TerminalSession; readonly agent: ConsoleAgent; readonly runtime: string };

async function withConsole(first: Status, language: Language, story: (given: Console) => Promise<void>): Promise<void> {
  const runtime = await mkdtemp(join(tmpdir(), 'thintrust-ui-'));
  const agent = await serveConsoleAgent(join(runtime, 'console.sock'), today(first));
  const terminal = await openSession({
    socket: join(runtime, 'tmux.sock'),
    command: `exec ${process.execPath} ${program}${' '}--runtime ${runtime} --allow-exit`,
    environment: { THINTRUST_LANG: language },
    width: 80,
    height: 24,
  });
  try {
    await story({ terminal, agent, runtime });
  } finally {
    await terminal.close();
    await agent.close();
    await rm(runtime, { recursive: true, force: true });
  }
}

const languages = [
  { name: 'en', language: 'en' },
  { name: 'ru', language: 'ru' },
] as const;
const fingerprint = '3fa9c1d208b7e6545a90ff1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a';

table('a device is registered', languages, async ({ language }) => {
  const words = wordsOf[language];
  await withConsole(unregistered, language, async ({ terminal, agent }) => {
    await terminal.shows(words.screens.registration.lead);
    await terminal.type('ksc.example.com:9997');
    await terminal.press('Tab');
    await terminal.type(fingerprint.replace(/(..)(?=.)/g, '$1:'));
    await terminal.shows('3FA9 C1D2 08B7 E654 5A90 FF1E 2D3C 4B5A');
    await terminal.press('Tab');
    await terminal.type('8K2M-44QX');
    await terminal.press('Enter');
    await terminal.type('7HQ2-MM4P');
    assert.not((await terminal.shows('*********')).includes('7HQ2-MM4P'));
    agent.answer(fault('invitation-refused'));
    await terminal.press('Enter');
    await terminal.shows(words.faults['invitation-refused'].slice(0, 40));
    agent.answer(null, today(registering));
    await terminal.press('Enter');
    await terminal.shows(words.screens.registration.registering);
    agent.show(today(registered));
    const screen = await terminal.shows(words.screens.notes.registered);
    assert.match(screen, 'RECEPTION-0042');
    const sent = { address: 'ksc.example.com:9997', fingerprint, invitation: '8K2M-44QX', password: '7HQ2-MM4P' };
    assert.equal(agent.asked, [
      { path: '/api/v1/register', body: sent },
      { path: '/api/v1/register', body: sent },
    ]);
  });
});

table('certificates are looked at', languages, async ({ language }) => {
  const words = wordsOf[language];
  await withConsole(registered, language, async ({ terminal, agent }) => {
    await terminal.shows('RECEPTION-0042');
    await terminal.press('Down', 'Down', 'Down', 'Down', 'Enter', 'Down', 'Enter');
    await terminal.shows('log.example.com');
    await terminal.press('Down', 'Down', 'Enter');
    const details = await terminal.shows('b0b0 b0b0 b0b0 b0b0');
    assert.match(details, words.purposes.rdp);
    await terminal.press('Escape');
    await terminal.shows(words.screens.certificates.owner);
    agent.show(today({ ...registered, certificates: [] }));
    await terminal.shows(words.screens.certificates.empty);
    await terminal.press('Escape');
    await terminal.shows(words.screens.tools.preflight);
    await terminal.press('Escape');
    await terminal.shows(words.screens.titles.main);
    await terminal.press('F2');
    await terminal.shows(wordsOf[language === 'en' ? 'ru' : 'en'].screens.titles.main);
  });
});

table('a certificate is replaced', languages, async ({ language }) => {
  const { screens, faults } = wordsOf[language];
  await withConsole(registered, language, async ({ terminal, agent }) => {
    await terminal.shows('RECEPTION-0042');
    agent.show(today(replacing));
    const window = await terminal.shows(screens.titles.replacement);
    assert.match(window, '1042 7351 0029 4463');
    assert.match(window, '+7 000 000-00-00');
    assert.equal(readQr(window), encode('1042735100294463', { ecc: 'M', border: 0 }).data);
    await terminal.press('Escape');
    await terminal.shows(`> [ ${screens.menu.replacement} ]`);
    await terminal.press('Enter', 'Enter');
    await terminal.shows(screens.code.lead);
    await terminal.type('1042 7351 0028');
    agent.answer(fault('code-typo'));
    await terminal.press('Enter');
    await terminal.shows(faults['code-typo']);
    await terminal.press('BSpace');
    await terminal.type('7');
    agent.answer(fault('code-wrong', { triesLeft: 4 }));
    await terminal.press('Enter');
    await terminal.shows(/(Attempts left|Осталось попыток): 4/);
    await terminal.type('000000000000');
    agent.answer(fault('code-locked', { lockedForMs: 870_000 }), today(locked));
    await terminal.press('Enter');
    await terminal.shows(/14 (min|мин)/);
    agent.show(today(replacing));
    agent.answer(null, today(registered));
    await terminal.type('104273510029');
    await terminal.press('Enter');
    const done = await terminal.shows(screens.notes.replaced);
    assert.match(done, screens.titles.main);
    assert.equal(
      agent.asked.map(({ body }) => body),
      ['104273510028', '104273510027', '000000000000', '104273510029'].map((code) => ({ code })),
    );
  });
});

table('T5: a server is connected to for the first time', languages, async ({ language }) => {
  const { screens, purposes } = wordsOf[language];
  await withConsole(unmanaged, language, async ({ terminal, agent }) => {
    await terminal.shows('RECEPTION-0042');
    await terminal.type('rdp.example.com');
    await terminal.press('Tab');
    await terminal.type('m.user');
    await terminal.press('Tab');
    await terminal.type('pa ss');
    assert.not((await terminal.shows('*****_')).includes('pa ss'));
    agent.reply('/api/v1/connect', { at: 'stopped', preflight: judged('unknown') });
    await terminal.press('Enter');
    const question = await terminal.shows(screens.titles.question);
    assert.match(question, '7d10 c1d2 08b7 e654 5a90 ff1e 2d3c 4b5a');
    assert.match(question, `rdp.example.com:3389 (${purposes.rdp})`);
    const session = { number: 1, purpose: 'rdp', server: 'rdp.example.com:3389', at: 'running', fault: null } as const;
    agent.reply('/api/v1/connect', { at: 'started', session: 1, preflight: judged('trusted') });
    await terminal.press('Tab', 'Enter');
    await terminal.shows(screens.notes.sessionStarting);
    agent.show(today({ ...unmanaged, session: { ...session, since: now } }));
    await terminal.shows(fill(screens.connect.running, { server: session.server, age: '' }).replace(/….*/, '').trim());
    const order = { purpose: 'rdp', server: 'rdp.example.com', user: 'm.user', password: 'pa ss' };
    const added = { purpose: 'rdp', server: 'rdp.example.com:3389', fingerprint: leaf.fingerprint };
    assert.equal(agent.asked, [
      { path: '/api/v1/connect', body: order },
      { path: '/api/v1/certificates/add', body: added },
      { path: '/api/v1/connect', body: order },
    ]);
  });
});

table('T6, T9: a connection is refused, and nothing leads past it', languages, async ({ language }) => {
  const { screens } = wordsOf[language];
  await withConsole(registered, language, async ({ terminal, agent }) => {
    await terminal.shows('RECEPTION-0042');
    const why = fault('changed-old-valid', { host: 'rdp.example.com', owner: 'rdp.example.com' });
    agent.reply('/api/v1/connect', { at: 'stopped', preflight: judged('refused', { fault: why }) });
    await terminal.type('rdp.example.com');
    await terminal.press('Tab', 'Tab', 'Enter');
    const refusal = await terminal.shows(screens.titles.refusal);
    assert.match(refusal, '+7 000 000-00-00');
    assert.match(refusal.replace(/\s+/g, ' '), sayFault(wordsOf[language], why));
    await terminal.press('Enter');
    await terminal.shows(screens.titles.main);
    assert.is(agent.asked.length, 1);
  });
});

table('the event log is read, filtered and read on', languages, async ({ language }) => {
  const { screens } = wordsOf[language];
  await withConsole(registered, language, async ({ terminal, agent }) => {
    await terminal.shows('RECEPTION-0042');
    agent.reply('/api/v1/log', { records: records(300, 30), more: true });
    await terminal.press('Down', 'Down', 'Down', 'Down', 'Enter', 'Enter');
    await terminal.shows(screens.log.more);
    agent.reply('/api/v1/log', { records: records(270, 10), more: false });
    await terminal.press('End');
    await terminal.shows(/40/);
    await terminal.press('F4');
    await terminal.shows(fill(screens.log.shown, { severity: screens.log.severities.warn, zone: 'UTC' }).slice(0, 20));
    assert.equal(
      agent.asked.map(({ path }) => path),
      [
        '/api/v1/log?severity=info&limit=100',
        '/api/v1/log?severity=info&limit=100&before=271',
        '/api/v1/log?severity=warn&limit=100',
      ],
    );
  });
});

test('an answer that is none of this version is a fault on the screen', async () => {
  await withConsole(registered, 'en', async ({ terminal, agent }) => {
    await terminal.shows('RECEPTION-0042');
    agent.reply('/api/v1/log', { records: 'many' });
    await terminal.press('Down', 'Down', 'Down', 'Down', 'Enter', 'Enter');
    await terminal.shows('The server gave an answer that was not understood');
  });
});

test('the replacement window is there from the start, and fits the screen it gets', async () => {
  await withConsole(replacing, 'ru', async ({ terminal }) => {
    await terminal.shows('1042 7351 0029 4463');
    await terminal.resize(60, 20);
    await terminal.shows('60×20');
    await terminal.resize(120, 40);
    await terminal.shows('▄█  █▀█ █ █ ▀▀█');
  });
});

test('an agent that goes away comes back by itself, and one that talks nonsense is away', async () => {
  await withConsole(registered, 'en', async ({ terminal, agent, runtime }) => {
    const { screens } = wordsOf.en;
    await terminal.shows('RECEPTION-0042');
    await agent.close();
    await terminal.shows(screens.away.lead);
    const again = await serveConsoleAgent(join(runtime, 'console.sock'), today(replacing));
    try {
      await terminal.shows(screens.titles.replacement);
      again.blurt('data: {"version":1}\n\n');
      await terminal.shows(screens.away.lead);
      // The next connection gets a whole status again.
      await terminal.shows(screens.titles.replacement);
    } finally {
      await again.close();
    }
  });
});

test('leaving gives the terminal back', async () => {
  await withConsole(registered, 'en', async ({ terminal, runtime }) => {
    await terminal.shows('RECEPTION-0042');
    const outer = await openSession({
      socket: join(runtime, 'shell.sock'),
      command: 'sh',
      environment: { THINTRUST_LANG: 'en', PS1: 'ready> ' },
      width: 80,
      height: 24,
    });
    try {
      await outer.type(
        `echo before; ${process.execPath} ${program} --runtime ${runtime} --allow-exit; echo left with $?`,
      );
      await outer.press('Enter');
      await outer.shows('RECEPTION-0042');
      await outer.press('C-q');
      const screen = await outer.shows('left with 0');
      assert.match(screen, 'before');
      await outer.type('echo echoed');
      await outer.shows(/echo echoed/);
    } finally {
      await outer.close();
    }
  });
});

/** Modules of the QR code on a screen, without its quiet zone: the finder at the left edge says where it is. */
function readQr(screen: string): boolean[][] {
  const lines = screen.split('\n');
  const first = lines.findIndex((line) => line.includes('█▀▀▀▀▀█'));
  const left = lines[first]?.indexOf('█▀▀▀▀▀█') ?? 0;
  const rows = lines.slice(first, first + 11).flatMap((line) => {
    const cells = [...line.padEnd(80)].slice(left, left + 21);
    return [cells.map((cell) => '█▀'.includes(cell)), cells.map((cell) => '█▄'.includes(cell))];
  });
  return rows.slice(0, 21);
}
