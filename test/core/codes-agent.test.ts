/** Requests for a code, and the lock-out against guessing, through the whole core (T11, T12, F38). */
import { live, lockedForMs, requestCode, tryCode } from '../../agent/core/codes.ts';
import type { CodeRequest, Counters } from '../../agent/core/durable.ts';
import { freshCounters } from '../../agent/core/generation.ts';
import type { Result } from '../../protocol/fault.ts';
import { fault } from '../../protocol/fault.ts';
import { dayMs, hourMs, instant, minuteMs } from '../../protocol/time.ts';
import { base64, serverCertificates } from '../fakes/administration.ts';
import { askNow, type Bench, lastStatus, noon, openAsking, pass, send, start } from '../fakes/agent.ts';
import { assert, table, test } from '../harness.ts';

const wrong = '0000 0000 0098';
const codeOf = (result: Result<unknown> | null): string =>
  result === null ? '-' : result.ok ? 'ok' : result.fault.code;
const type = (bench: Bench, code: string): string => codeOf(askNow(bench, { do: 'code', code }));
const shown = (bench: Bench): string => lastStatus(bench).replacement?.confirmationCode ?? '';
const right = (bench: Bench): string => bench.server.answerCode(shown(bench));
/** Five wrong ones. */
const lock = (bench: Bench): string[] => Array.from({ length: 5 }, () => type(bench, wrong));
const lockedMs = ({ state, time }: Bench): number => state.counters.lockedUntilMs - time.uptimeMs - state.poweredBaseMs;
/** Powered on, and nothing happens but one tick at the end. */
function sleep(bench: Bench, forMs: number): void {
  bench.time.uptimeMs += forMs - 1;
  pass(bench, 1);
}
/** Server and network stay away, so that only codes matter. */
function quiet(bench: Bench): Bench {
  bench.server.state.reachable = false;
  return bench;
}

const rows: readonly { name: string; play: (bench: Bench) => unknown; expected: unknown }[] = [
  {
    name: 'a typing error costs nothing',
    play: (b) => [type(b, '1234 5678 9012'), type(b, ''), b.state.counters.tries],
    expected: ['code-typo', 'code-typo', 0],
  },
  {
    name: 'a wrong one costs a try',
    play: (b) => [type(b, wrong), b.state.counters.tries, lastStatus(b).replacement?.triesLeft],
    expected: ['code-wrong', 1, 4],
  },
  {
    name: 'five wrong ones lock',
    play: lock,
    expected: ['code-wrong', 'code-wrong', 'code-wrong', 'code-wrong', 'code-locked'],
  },
  {
    name: 'locked: the right one is not even tried',
    play: (b) => [
      lock(b).at(-1),
      type(b, right(b)),
      b.state.durable.pins?.current.der === base64(serverCertificates[3]),
    ],
    expected: ['code-locked', 'code-locked', false],
  },
  {
    name: 'locked: a wrong one costs no further try',
    play: (b) => [...lock(b).slice(4), type(b, wrong), b.state.counters.tries],
    expected: ['code-locked', 'code-locked', 5],
  },
  {
    name: 'the lock lasts 15 minutes',
    play: (b) => {
      lock(b);
      sleep(b, 15 * minuteMs - 2000);
      const before = type(b, wrong);
      pass(b, 3000);
      return [before, type(b, right(b))];
    },
    expected: ['code-locked', 'ok'],
  },
  {
    name: 'each lock is twice the one before, up to 24 hours',
    play: (b) => {
      lock(b);
      const locks: number[] = [];
      for (let turn = 0; turn < 9; turn++) {
        locks.push(Math.round(lockedMs(b) / minuteMs));
        b.time.uptimeMs += lockedMs(b) + 1;
        // A request lives for 24 hours only; what is tried is the lock.
        b.state = {
          ...b.state,
          durable: {
            ...b.state.durable,
            requests: b.state.durable.requests.map((each) => ({
              ...each,
              askedAtMs: b.time.uptimeMs + b.state.poweredBaseMs,
            })),
          },
        };
        type(b, wrong);
      }
      return locks;
    },
    expected: [15, 30, 60, 120, 240, 480, 960, 1440, 1440],
  },
  {
    name: 'only the right one resets the count',
    play: (b) => {
      type(b, wrong);
      sleep(b, 20 * hourMs);
      const kept = b.state.counters.tries;
      return [kept, type(b, right(b)), b.state.counters.tries, b.state.counters.lockedUntilMs];
    },
    expected: [1, 'ok', 0, 0],
  },
  {
    name: 'count and lock survive a restart',
    play: (b) => {
      lock(b);
      start(b);
      return [b.state.counters.tries, type(b, right(b))];
    },
    expected: [5, 'code-locked'],
  },
  {
    name: 'a restart does not shorten the lock',
    play: (b) => {
      lock(b);
      pass(b, 5 * minuteMs);
      const before = lockedMs(b);
      start(b);
      return Math.abs(lockedMs(b) - before) <= minuteMs;
    },
    expected: true,
  },
  {
    name: 'damaged counters start locked',
    play: (b) => {
      b.counters = Buffer.from('{}');
      start(b);
      b.instead = () => null;
      return [b.state.counters.tries, b.state.faults.restore?.code, codeOf(askNow(b, { do: 'code', code: wrong }))];
    },
    expected: [5, 'counters-damaged', 'code-not-asked'],
  },
  {
    name: 'lost counters too',
    play: (b) => {
      b.counters = null;
      start(b);
      return [b.state.counters.tries, b.state.faults.restore?.code];
    },
    expected: [5, 'counters-damaged'],
  },
  {
    name: 'a wrong one that cannot be counted is not answered as wrong',
    play: (b) => {
      b.instead = (e) => (e.do === 'count' ? [{ type: 'count-failed', fault: fault('disk-full') }] : null);
      return [type(b, wrong), b.state.counters.tries];
    },
    expected: ['disk-full', 1],
  },
  {
    name: 'counted before it is answered',
    play: (b) => {
      const from = b.effects.length;
      type(b, wrong);
      return b.effects.slice(from).flatMap((e) => (/^(count|answer)$/.test(e.do) ? [e.do] : []));
    },
    expected: ['count', 'answer'],
  },
  {
    name: 'a right one is durable before it is answered',
    play: (b) => {
      const code = right(b);
      const from = b.effects.length;
      type(b, code);
      return b.effects.slice(from).flatMap((e) => (/^(persist|export|answer)$/.test(e.do) ? [e.do] : []));
    },
    expected: ['persist', 'export', 'answer'],
  },
  {
    name: 'a right one while the disk is full changes nothing',
    play: (b) => {
      b.instead = (e) =>
        e.do === 'persist' ? [{ type: 'persist-failed', number: e.number, fault: fault('disk-full') }] : null;
      const pins = b.state.durable.pins;
      const answered = type(b, right(b));
      return [answered, b.state.durable.pins === pins, b.state.counters.tries, b.state.durable.requests.length];
    },
    expected: ['disk-full', true, 0, 1],
  },
  {
    name: 'the same code however often it is shown',
    play: (b) => {
      const first = shown(b);
      for (let turn = 0; turn < 5; turn++) {
        b.server.state.reachable = true;
        pass(b, 10 * minuteMs);
        start(b);
        pass(b, minuteMs);
      }
      return shown(b) === first;
    },
    expected: true,
  },
  {
    name: 'a request ends after 24 hours of powered-on time',
    play: (b) => {
      sleep(b, dayMs - 2 * minuteMs);
      const before = shown(b) !== '';
      pass(b, 3 * minuteMs);
      return [before, shown(b), type(b, wrong)];
    },
    expected: [true, '', 'code-not-asked'],
  },
  {
    name: 'time spent switched off does not count',
    play: (b) => {
      const first = shown(b);
      b.time.wallErrorMs += 30 * dayMs;
      start(b);
      pass(b, 1000);
      return shown(b) === first;
    },
    expected: true,
  },
  {
    name: 'clock unknown: no code is shown or taken, and none is lost',
    play: (b) => {
      const code = right(b);
      b.time.wallErrorMs = -noon;
      start(b);
      const during = [shown(b), type(b, code)];
      b.time.wallErrorMs = 0;
      pass(b, 1000);
      return [...during, type(b, code)];
    },
    expected: ['', 'clock-unknown', 'ok'],
  },
  {
    name: 'not registered',
    play: (b) => {
      b.objects = [];
      b.state = { ...b.state, durable: { ...b.state.durable, registration: { at: 'unregistered' } } };
      return type(b, wrong);
    },
    expected: 'not-registered',
  },
];
table('codes', rows, ({ play, expected }) => {
  assert.equal(play(quiet(openAsking())), expected);
});

test('a fourth certificate evicts the oldest request, and any of the three may be answered', () => {
  const bench = openAsking();
  const first = shown(bench);
  for (const main of [1, 2]) {
    bench.server.state.main = main;
    pass(bench, 20 * minuteMs);
  }
  assert.is(bench.state.durable.requests.length, 3);
  bench.server.state.main = 3;
  assert.is(type(bench, bench.server.answerCode(first)), 'ok', 'the oldest of three');
});

test('core requests: three pend, one per certificate; the oldest gives way; counters rise and wrap', () => {
  let requests: readonly CodeRequest[] = [];
  let counters: Counters = { ...freshCounters(instant(0)), codeCounter: 99_998 };
  for (const name of ['a', 'b', 'a', 'c', 'd'])
    ({ requests, counters } = requestCode(requests, counters, { action: 1, certificate: name }, 0, 0.5));
  assert.equal(
    requests.map(({ certificate, counter }) => [certificate, counter]),
    [
      ['b', 0],
      ['c', 1],
      ['d', 2],
    ].map(([name, counter]) => [name, counter]) as never,
  );
  assert.is(
    requestCode([], freshCounters(instant(0)), { action: 2, certificate: null }, 0, 0.999999).counters.codeCounter,
    99_999,
    'a random start',
  );
});

test('a typed code is tried against all that pend and counted once', () => {
  const secret = { deviceId: '6f1dcf1c-1111-4111-8111-111111111111', secretHex: '01'.repeat(32) };
  const pending = [1, 2, 3].map(
    (counter): CodeRequest => ({ action: 1, counter, certificate: base64(serverCertificates[counter]), askedAtMs: 0 }),
  );
  const tried = tryCode(wrong, pending, freshCounters(instant(0)), secret, 0);
  assert.is(tried.counters.tries, 1);
  assert.is(codeOf(tried.result), 'code-wrong');
});

test('core live: nothing asked after now, nothing older than a day', () => {
  const at = (askedAtMs: number): CodeRequest => ({ action: 1, counter: 1, certificate: 'AAAA', askedAtMs });
  assert.equal(live([at(0), at(1), at(dayMs), at(dayMs + 1)], dayMs), [at(1), at(dayMs)]);
  assert.is(lockedForMs({ lockedUntilMs: 5 }, 7), 0);
});

test('a request is never asked later than the saved powered-on time', () => {
  const bench = openAsking();
  const [asked] = bench.state.durable.requests;
  assert.ok(asked && bench.state.counters.uptimeMs >= asked.askedAtMs);
});

test('an expired or a foreign certificate leads to no second request while one pends for it', () => {
  const bench = openAsking();
  const before = bench.state.generation;
  pass(bench, hourMs);
  assert.is(bench.state.generation, before);
  send(bench, { type: 'presented', der: base64(serverCertificates[3]) });
  assert.is(bench.state.generation, before);
});
