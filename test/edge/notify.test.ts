/** What the service manager and the journal are told, and the two clocks. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openClock } from '../../agent/edge/clock.ts';
import { formatLine, openJournal } from '../../agent/edge/journal.ts';
import { openNotify, watchdogPeriodMs } from '../../agent/edge/notify.ts';
import { systemRandom } from '../../agent/edge/random.ts';
import { type Fault, fault } from '../../protocol/fault.ts';
import { instant } from '../../protocol/time.ts';
import { assert, table, test } from '../harness.ts';

const manager = () => {
  const told: string[] = [];
  let arrived = (): void => {};
  const datagram = (path: string, text: string): number => {
    told.push(`${path} ${text}`);
    arrived();
    return 0;
  };
  const next = (): Promise<void> =>
    new Promise((resolve) => {
      arrived = resolve;
    });
  return { told, datagram, next };
};

test('notify: ready with a status, a status alone, stopping', async () => {
  const { told, datagram } = manager();
  const notify = openNotify({ NOTIFY_SOCKET: '/run/n' }, 1, datagram);
  await notify.send(true, 'running');
  await notify.send(false, 'connected');
  await notify.stopping();
  notify.close();
  assert.equal(told, ['/run/n READY=1\nSTATUS=running\n', '/run/n STATUS=connected\n', '/run/n STOPPING=1\n']);
});

test('notify: a status sets no variables of its own, and stays short', async () => {
  const { told, datagram } = manager();
  const notify = openNotify({ NOTIFY_SOCKET: '/run/n' }, 1, datagram);
  await notify.send(false, `a\nREADY=1\r\n\u0085MAINPID=1${'x'.repeat(500)}`);
  assert.is(told[0]?.split('\n').length, 2);
  assert.match(told[0] ?? '', /STATUS=a READY=1 MAINPID=1x+\n$/);
  assert.ok((told[0] ?? '').length < 230);
});

test('notify: without a manager nothing is sent', async () => {
  const { told, datagram } = manager();
  const notify = openNotify({ WATCHDOG_USEC: '2000' }, 1, datagram);
  await notify.send(true, 'running');
  await notify.stopping();
  assert.equal(told, []);
});

test('notify: the watchdog is fed, and not after close', async () => {
  const { told, datagram, next } = manager();
  const keepAlive = setInterval(() => {}, 1000);
  const notify = openNotify({ NOTIFY_SOCKET: '@n', WATCHDOG_USEC: '4000', WATCHDOG_PID: '7' }, 7, datagram);
  await next();
  await next();
  notify.close();
  clearInterval(keepAlive);
  assert.ok(told.every((each) => each === '@n WATCHDOG=1\n'));
});

table(
  'watchdogPeriodMs (sd_watchdog_enabled(3))',
  [
    { name: 'half of it', env: { WATCHDOG_USEC: '30000000' }, expected: 15_000 },
    { name: 'for us', env: { WATCHDOG_USEC: '1000000', WATCHDOG_PID: '7' }, expected: 500 },
    { name: 'for another process', env: { WATCHDOG_USEC: '1000000', WATCHDOG_PID: '8' }, expected: null },
    { name: 'none', env: {}, expected: null },
    { name: 'no number', env: { WATCHDOG_USEC: 'soon' }, expected: null },
    { name: 'zero', env: { WATCHDOG_USEC: '0' }, expected: null },
    { name: 'longer than a timer', env: { WATCHDOG_USEC: '9000000000000000' }, expected: 2 ** 31 - 1 },
  ],
  ({ env, expected }) => assert.is(watchdogPeriodMs(env, 7), expected),
);

type Line = { name: string; text: string; why: Fault | null; expected: string };
const lines: Line[] = [
  { name: 'a text', text: 'connected', why: null, expected: 'connected' },
  {
    name: 'a fault with its facts',
    text: 'link lost',
    why: fault('timed-out', { address: 'a:1' }),
    expected: 'link lost code=timed-out address=a:1',
  },
  {
    name: 'facts with blanks and quotes',
    text: 'x',
    why: fault('tls-failed', { reason: 'wrong "version" number' }),
    expected: 'x code=tls-failed reason="wrong \\"version\\" number"',
  },
  {
    name: 'facts that would break the line',
    text: 'x',
    why: fault('tls-failed', { reason: 'a\n<0>forged\u2028line' }),
    expected: 'x code=tls-failed reason="a <0>forged line"',
  },
];
table('formatLine', lines, ({ text, why, expected }) => assert.is(formatLine(text, why), expected));

test('journal: the priority under systemd, the level by hand', () => {
  const said: string[] = [];
  const write = (line: string): void => void said.push(line);
  openJournal(write, { JOURNAL_STREAM: '8:1' })('error', 'a');
  openJournal(write, { JOURNAL_STREAM: '8:1' })('warning', 'b');
  openJournal(write, {})('info', 'c');
  assert.equal(said, ['<3>a\n', '<4>b\n', 'info: c\n']);
});

test('clock: monotonic whole milliseconds, and synchronized as the file says', () => {
  const folder = mkdtempSync(join(tmpdir(), 'thintrust-clock-'));
  const file = join(folder, 'synchronized');
  const clock = openClock(file);
  assert.is(clock.synced(), false);
  writeFileSync(file, '');
  assert.is(clock.synced(), true);
  rmSync(folder, { recursive: true });
  const first = clock.uptimeMs();
  assert.ok(Number.isInteger(first) && first >= 0 && clock.uptimeMs() >= first);
  assert.ok(Math.abs(clock.wall() - Date.now()) < 1000);
});

test('clock set by hand: goes on from there until NTP knows better; the platform may refuse', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'thintrust-clock-'));
  try {
    const [file, said] = [join(folder, 'synchronized'), join(folder, 'said')];
    const setter = join(folder, 'setter');
    writeFileSync(setter, `#!/bin/sh\nprintf '%s|' "$@" > ${said}\n`, { mode: 0o755 });
    const at = instant(Date.parse('2031-01-02T03:04:05.678Z'));
    const clock = openClock(file, setter);
    assert.ok(Math.abs(clock.best() - Date.now()) < 1000);
    assert.is(await clock.set(at), null);
    assert.is(readFileSync(said, 'utf8'), 'set-time|2031-01-02 03:04:05 UTC|');
    assert.ok(clock.best() >= at && clock.best() < at + 10_000);
    writeFileSync(file, '');
    assert.ok(Math.abs(clock.best() - Date.now()) < 1000);
    writeFileSync(setter, '#!/bin/sh\necho not allowed >&2\nexit 1\n');
    assert.is(await openClock(file, setter).set(at), 'not allowed');
    assert.match(`${await openClock(file, join(folder, 'none')).set(at)}`, /ENOENT/);
    assert.match(`${await openClock(file, '').set(at)}`, /no program/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('random: in [0, 1), nonces of 32 hex digits that differ', () => {
  const nonces = new Set(Array.from({ length: 1000 }, systemRandom.nonce));
  assert.is(nonces.size, 1000);
  assert.ok([...nonces].every((nonce) => /^[0-9a-f]{32}$/.test(nonce)));
  const fractions = Array.from({ length: 1000 }, systemRandom.fraction);
  assert.ok(fractions.every((fraction) => fraction >= 0 && fraction < 1));
  assert.ok(Math.max(...fractions) > 0.9 && Math.min(...fractions) < 0.1);
});
