/** What a person changes at the device, and what the policy keeps from them (T12, T13, T14). */
import fc from 'fast-check';
import { isLocked, settingsOf } from '../../agent/core/settings.ts';
import type { Ask } from '../../agent/core/shape.ts';
import { fault, type Result } from '../../protocol/fault.ts';
import type { PolicySettings } from '../../protocol/schema.ts';
import { dayMs, instant, minuteMs } from '../../protocol/time.ts';
import { base64, rdpRoot, settingsWith } from '../fakes/administration.ts';
import {
  askNow,
  type Bench,
  elsewhere,
  lastStatus,
  loseConnection,
  noon,
  openBench,
  openLocked,
  openManaged,
  openRegistered,
  orderOf,
  pass,
  send,
  start,
} from '../fakes/agent.ts';
import { assert, table, test } from '../harness.ts';

const codeOf = (result: Result<unknown> | null): string =>
  result === null ? '-' : result.ok ? 'ok' : result.fault.code;
const say = (bench: Bench, ask: Ask): string => codeOf(askNow(bench, ask));
const change = (bench: Bench): string => say(bench, { do: 'connection', ...elsewhere });
const shown = (bench: Bench): string => lastStatus(bench).operation?.confirmationCode ?? '';
const typeCode = (bench: Bench): string => say(bench, { do: 'code', code: bench.server.answerCode(shown(bench)) });
const events = (bench: Bench): string[] => bench.effects.flatMap((e) => (e.do === 'spool' ? [e.event.event] : []));
const addressTried = (bench: Bench): string | undefined => {
  const effect = bench.effects.findLast((each) => each.do === 'connect');
  return effect?.do === 'connect' ? effect.address : undefined;
};
const fresh = (): Bench => {
  const bench = openBench();
  start(bench);
  return bench;
};
const all = ['connection', 'reset', 'dateTime', 'logServer', 'rdp', 'broker'] as const;
const locked = (): Bench => openManaged(settingsWith(all));

type Row = {
  readonly name: string;
  readonly make: () => Bench;
  readonly play: (b: Bench) => unknown;
  expected: unknown;
};

const settingRows: readonly Row[] = [
  {
    name: 'a setting is kept, in canonical form, and on record',
    make: fresh,
    play: (b) => [
      say(b, { do: 'settings', rdp: ' TS.Example. ', logServer: 'log.example:7000', language: 'ru' }),
      lastStatus(b).settings.rdp,
      lastStatus(b).settings.logServer.value,
      lastStatus(b).settings.language,
      events(b).filter((each) => each === 'setting-changed').length,
    ],
    expected: ['ok', { value: 'ts.example:3389', source: 'local', locked: false }, 'log.example:7000', 'ru', 3],
  },
  {
    name: 'it survives a restart, also the first thing a new device ever wrote',
    make: fresh,
    play: (b) => {
      say(b, { do: 'settings', broker: 'broker.example' });
      start(b);
      return [lastStatus(b).settings.broker.value, lastStatus(b).faults];
    },
    expected: ['broker.example:443', []],
  },
  {
    name: 'null takes it away, what is left out stays',
    make: fresh,
    play: (b) => {
      say(b, { do: 'settings', rdp: 'ts.example', broker: 'broker.example' });
      say(b, { do: 'settings', rdp: null });
      return [lastStatus(b).settings.rdp.source, lastStatus(b).settings.broker.source];
    },
    expected: ['none', 'local'],
  },
  {
    name: 'what changes nothing writes nothing',
    make: fresh,
    play: (b) => {
      say(b, { do: 'settings', rdp: 'ts.example' });
      const before = b.state.generation;
      return [say(b, { do: 'settings', rdp: 'ts.example:3389' }), b.state.generation - before];
    },
    expected: ['ok', 0],
  },
  {
    name: 'one that cannot be read refuses them all',
    make: fresh,
    play: (b) => [say(b, { do: 'settings', rdp: 'ts.example', broker: 'a b' }), lastStatus(b).settings.rdp.value],
    expected: ['bad-argument', null],
  },
  {
    name: 'a disk that is full changes nothing',
    make: fresh,
    play: (b) => {
      b.instead = (e) =>
        e.do === 'persist' ? [{ type: 'persist-failed', number: e.number, fault: fault('disk-full') }] : null;
      return [say(b, { do: 'settings', rdp: 'ts.example' }), lastStatus(b).settings.rdp.value];
    },
    expected: ['disk-full', null],
  },
  {
    name: 'locked: refused, shown and marked; the language never is',
    make: () => openManaged(settingsWith(['rdp'], { rdp: { enforced: true, value: 'farm.example' } })),
    play: (b) => [
      say(b, { do: 'settings', rdp: 'ts.example' }),
      say(b, { do: 'settings', rdp: null }),
      say(b, { do: 'settings', broker: 'broker.example', language: 'ru' }),
      lastStatus(b).settings.rdp,
      events(b).includes('request-refused'),
    ],
    expected: [
      'setting-locked',
      'setting-locked',
      'ok',
      { value: 'farm.example', source: 'policy', locked: true },
      true,
    ],
  },
  {
    name: 'one locked among others refuses them all',
    make: () => openManaged(settingsWith(['rdp'])),
    play: (b) => [
      say(b, { do: 'settings', broker: 'a.example', rdp: 'b.example' }),
      lastStatus(b).settings.broker.value,
    ],
    expected: ['setting-locked', null],
  },
];
table('settings', settingRows, ({ make, play, expected }) => assert.equal(play(make()), expected));

const connectionRows: readonly Row[] = [
  {
    name: 'in no group: other addresses count at once, and the pins judge as before',
    make: openRegistered,
    play: (b) => {
      const answered = change(b);
      pass(b, 3000);
      return [answered, addressTried(b), lastStatus(b).server, lastStatus(b).link.at];
    },
    expected: ['ok', elsewhere.mqtt, elsewhere, 'connected'],
  },
  {
    name: 'they survive a restart, and the check-in goes there too',
    make: openRegistered,
    play: (b) => {
      change(b);
      start(b);
      b.server.state.mqttBlocked = true;
      pass(b, 30 * minuteMs);
      const effect = b.effects.findLast((each) => each.do === 'checkin');
      return effect?.do === 'checkin' ? effect.address : null;
    },
    expected: elsewhere.https,
  },
  {
    name: 'the addresses the server told take the others away',
    make: openRegistered,
    play: (b) => {
      change(b);
      return [say(b, { do: 'connection', https: '127.0.0.1:443', mqtt: '127.0.0.1:8883' }), b.state.durable.connection];
    },
    expected: ['ok', null],
  },
  {
    name: 'a port that cannot be is refused',
    make: openRegistered,
    play: (b) => say(b, { do: 'connection', https: 'a.example:70000', mqtt: 'a.example:1' }),
    expected: 'bad-argument',
  },
  { name: 'not registered', make: fresh, play: change, expected: 'not-registered' },
  {
    name: 'managed and not locked: no code',
    make: () => openManaged(settingsWith(['reset'])),
    play: change,
    expected: 'ok',
  },
  {
    name: 'locked: a code is asked, the same however often',
    make: openLocked,
    play: (b) => {
      const first = shown(b);
      return [change(b), shown(b) === first, /^2\d{3}( \d{4}){3}$/.test(first), b.state.durable.requests.length];
    },
    expected: ['code-needed', true, true, 1],
  },
  {
    name: 'the code opens it once',
    make: openLocked,
    play: (b) => {
      const opened = typeCode(b);
      const { openForMs, confirmationCode } = lastStatus(b).operation ?? {};
      const first = change(b);
      return [opened, openForMs, confirmationCode, first, say(b, { do: 'connection', https: 'b:1', mqtt: 'b:2' })];
    },
    expected: ['ok', 10 * minuteMs, '', 'ok', 'code-needed'],
  },
  {
    name: 'a code for one action opens no other',
    make: openLocked,
    play: (b) => [typeCode(b), say(b, { do: 'reset' }), shown(b)[0]],
    expected: ['ok', 'code-needed', '3'],
  },
  {
    name: 'a typing error does not use it up',
    make: openLocked,
    play: (b) => [typeCode(b), say(b, { do: 'connection', https: 'a b', mqtt: 'b:2' }), change(b)],
    expected: ['ok', 'bad-argument', 'ok'],
  },
  {
    name: 'nor does a disk that is full',
    make: openLocked,
    play: (b) => {
      typeCode(b);
      b.instead = (e) =>
        e.do === 'persist' ? [{ type: 'persist-failed', number: e.number, fault: fault('disk-full') }] : null;
      const failed = change(b);
      b.instead = () => null;
      return [failed, change(b)];
    },
    expected: ['disk-full', 'ok'],
  },
  {
    name: 'ten minutes, and it is closed',
    make: openLocked,
    play: (b) => {
      typeCode(b);
      pass(b, 10 * minuteMs);
      return [change(b), lastStatus(b).operation?.openForMs];
    },
    expected: ['code-needed', 0],
  },
  {
    name: 'a restart closes it: powered-on time may have been lost',
    make: openLocked,
    play: (b) => {
      typeCode(b);
      start(b);
      return change(b);
    },
    expected: 'code-needed',
  },
  {
    name: 'wrong codes count for all actions alike',
    make: openLocked,
    play: (b) => {
      const wrong = Array.from({ length: 5 }, () => say(b, { do: 'code', code: '0000 0000 0098' }));
      const lockedFor = lastStatus(b).operation?.lockedForMs;
      const still = typeCode(b);
      say(b, { do: 'reset' });
      return [wrong.at(-1), lockedFor, still, shown(b).startsWith('3'), typeCode(b)];
    },
    expected: ['code-locked', 15 * minuteMs, 'code-locked', true, 'code-locked'],
  },
  {
    name: 'a request survives a restart; an unlocked policy needs it no more',
    make: openLocked,
    play: (b) => {
      const before = shown(b);
      start(b);
      pass(b, 3000);
      const same = shown(b) === before;
      b.server.office.settings = settingsWith([]);
      send(b, ...b.server.publishPolicies());
      return [same, lastStatus(b).operation, change(b)];
    },
    expected: [true, null, 'ok'],
  },
  {
    name: 'no code by a clock in 1970',
    make: locked,
    play: (b) => {
      b.server.state.reachable = false;
      b.time.wallErrorMs = -noon;
      start(b);
      return [change(b), lastStatus(b).operation];
    },
    expected: ['clock-unknown', null],
  },
  {
    name: 'a newer policy that locks the connection takes the addresses away, and the device goes back',
    make: openLocked,
    play: (b) => {
      typeCode(b);
      change(b);
      pass(b, 3000);
      const tried = addressTried(b);
      send(b, ...b.server.publishPolicies());
      pass(b, 3000);
      return [tried, b.state.durable.connection, addressTried(b), lastStatus(b).link.at];
    },
    expected: [elsewhere.mqtt, null, '127.0.0.1:8883', 'connected'],
  },
  {
    name: 'one that does not lock it leaves them',
    make: () => openManaged(settingsWith([])),
    play: (b) => {
      change(b);
      pass(b, 3000);
      send(b, ...b.server.publishPolicies());
      return b.state.durable.connection;
    },
    expected: elsewhere,
  },
];
table('connection', connectionRows, ({ make, play, expected }) => assert.equal(play(make()), expected));

/** What a device is that nobody has ever registered. */
const nobody = (b: Bench) => {
  const { at, device, server, certificates, policy, contacts, operation, link } = lastStatus(b);
  return [at, device, server, certificates, policy, contacts, operation, link.at, b.state.durable.registration.at];
};
const nobodyAtAll = ['unregistered', null, null, [], null, null, null, 'idle', 'unregistered'];

const resetRows: readonly Row[] = [
  {
    name: 'in no group: nothing is left, and nothing says what was',
    make: openRegistered,
    play: (b) => {
      say(b, { do: 'settings', rdp: 'ts.example', language: 'ru' });
      const answered = say(b, { do: 'reset' });
      const persist = b.effects.findLast((each) => each.do === 'persist');
      const exported = b.effects.findLast((each) => each.do === 'export');
      return [
        answered,
        nobody(b),
        lastStatus(b).settings.rdp.value,
        persist?.do === 'persist' && [persist.forget, persist.keys.length],
        exported?.do === 'export' && exported.certificates.length,
      ];
    },
    expected: ['ok', nobodyAtAll, null, [true, 0], 0],
  },
  {
    name: 'on record first, and told to the server',
    make: openRegistered,
    play: (b) => {
      const from = b.effects.length;
      say(b, { do: 'reset' });
      const order = b.effects.slice(from).flatMap((each) => {
        if (each.do === 'spool') return [each.event.event];
        return /^(publish|persist|export|disconnect|answer)$/.test(each.do) ? [each.do] : [];
      });
      return [order, [...b.server.state.events.values()].at(-1)?.event];
    },
    expected: [['reset', 'publish', 'persist', 'export', 'answer', 'disconnect'], 'reset'],
  },
  {
    name: 'it survives a restart, and the device registers anew under another id',
    make: openRegistered,
    play: (b) => {
      const before = b.server.device.id;
      say(b, { do: 'reset' });
      start(b);
      const rested = nobody(b);
      Object.assign(b.server.device, { key: '', confirmed: false });
      const answered = say(b, { do: 'register', order: orderOf(b) });
      pass(b, 3000);
      return [rested, answered, lastStatus(b).link.at, b.server.device.id === before];
    },
    expected: [nobodyAtAll, 'ok', 'connected', false],
  },
  {
    name: 'counters keep: tries, lock, events and floors',
    make: openLocked,
    play: (b) => {
      typeCode(b);
      pass(b, 1000);
      say(b, { do: 'reset' });
      typeCode(b);
      const before = b.state.counters;
      say(b, { do: 'reset' });
      const { eventSeq, hardFloor, softFloor, codeCounter } = b.state.counters;
      return [
        nobody(b),
        eventSeq > before.eventSeq,
        [hardFloor, softFloor, codeCounter],
        b.state.durable.requests.length,
      ].concat([[before.hardFloor, before.softFloor, before.codeCounter]]);
    },
    expected: null,
  },
  {
    name: 'locked: a code of action 3 opens it once',
    make: locked,
    play: (b) => [say(b, { do: 'reset' }), shown(b)[0], typeCode(b), say(b, { do: 'reset' }), nobody(b)],
    expected: ['code-needed', '3', 'ok', 'ok', nobodyAtAll],
  },
  {
    name: 'a disk that is full leaves the device as it was',
    make: openRegistered,
    play: (b) => {
      b.instead = (e) =>
        e.do === 'persist' ? [{ type: 'persist-failed', number: e.number, fault: fault('disk-full') }] : null;
      return [say(b, { do: 'reset' }), lastStatus(b).at, b.state.durable.pins !== null];
    },
    expected: ['disk-full', 'registered', true],
  },
  {
    name: 'a device that was never registered forgets its settings',
    make: fresh,
    play: (b) => {
      say(b, { do: 'settings', rdp: 'ts.example' });
      return [say(b, { do: 'reset' }), lastStatus(b).settings.rdp.value];
    },
    expected: ['ok', null],
  },
  {
    name: 'not while somebody waits for a registration',
    make: () => {
      const b = fresh();
      b.instead = (effect) => (effect.do === 'enrol' ? [] : null);
      askNow(b, { do: 'register', order: orderOf(b) });
      return b;
    },
    play: (b) => say(b, { do: 'reset' }),
    expected: 'busy',
  },
  {
    name: 'what the firmware brought stays',
    make: openRegistered,
    play: (b) => {
      const entry = { purpose: 'rdp', file: 'a.pem', der: '', addedAt: instant(0), server: null } as const;
      const local = [{ ...entry, source: 'factory' } as const, { ...entry, source: 'manual' } as const];
      b.state = { ...b.state, durable: { ...b.state.durable, local } };
      say(b, { do: 'reset' });
      return b.state.durable.local.map(({ source }) => source);
    },
    expected: ['factory'],
  },
];
table('reset', resetRows, ({ make, play, expected }) => {
  const played = play(make());
  if (expected !== null) return assert.equal(played, expected);
  const [gone, rose, after, requests, before] = played as unknown[];
  assert.equal([gone, rose, after, requests], [nobodyAtAll, true, before, 0]);
});

const factory = {
  entries: [
    {
      purpose: 'rdp',
      source: 'factory',
      file: 'root.pem',
      der: base64(rdpRoot),
      addedAt: instant(0),
      server: null,
    } as const,
  ],
  faults: [fault('certificate-unreadable', { file: 'log/a.pem' })],
};
const exported = (b: Bench): string[] => {
  const effect = b.effects.findLast((each) => each.do === 'export');
  return effect?.do === 'export' ? effect.certificates.map(({ source }) => source) : [];
};
const factoryRows: readonly Row[] = [
  {
    name: 'counts on a device in no group, and what is wrong is told',
    make: () => {
      const b = openBench();
      start(b, { factory });
      return b;
    },
    play: (b) => [
      exported(b),
      lastStatus(b).certificates.map(({ source, file }) => `${source} ${file}`),
      lastStatus(b).faults.map(({ code }) => code),
    ],
    expected: [['factory'], ['factory root.pem'], ['certificate-unreadable']],
  },
  {
    name: 'is not kept on the disk: a firmware without it has taken it away',
    make: () => {
      const b = openBench();
      start(b, { factory });
      say(b, { do: 'settings', language: 'ru' });
      start(b);
      return b;
    },
    play: (b) => [lastStatus(b).settings.language, lastStatus(b).certificates, exported(b)],
    expected: ['ru', [], []],
  },
  {
    name: 'survives a reset',
    make: () => {
      const b = openBench();
      start(b, { factory });
      return b;
    },
    play: (b) => [say(b, { do: 'reset' }), lastStatus(b).certificates.map(({ source }) => source), exported(b)],
    expected: ['ok', ['factory'], ['factory']],
  },
  {
    name: 'counts for nothing on a managed device',
    make: () => {
      const b = openManaged(settingsWith([]));
      start(b, { factory });
      return b;
    },
    play: (b) => exported(b).includes('factory'),
    expected: false,
  },
];
table('what the firmware brings', factoryRows, ({ make, play, expected }) => assert.equal(play(make()), expected));

const in1970 = (): Bench => {
  const bench = openBench();
  bench.time.wallErrorMs = -noon;
  start(bench);
  return bench;
};
const timeRows: readonly Row[] = [
  {
    name: 'a new device in 1970 can register once the time was set',
    make: in1970,
    play: (b) => [
      say(b, { do: 'register', order: orderOf(b) }),
      say(b, { do: 'time', at: noon + b.time.uptimeMs }),
      lastStatus(b).clock.at,
      say(b, { do: 'register', order: orderOf(b) }),
      events(b).includes('time-set'),
      b.effects.some((each) => each.do === 'set-clock' && each.at === noon),
    ],
    expected: ['clock-unknown', 'ok', 'known', 'ok', true, true],
  },
  {
    name: 'it goes on by the monotonic clock',
    make: in1970,
    play: (b) => {
      say(b, { do: 'time', at: noon });
      pass(b, dayMs);
      return lastStatus(b).clock.now - noon;
    },
    expected: dayMs,
  },
  {
    name: 'below the hard floor: refused, with both times',
    make: in1970,
    play: (b) => {
      const answered = askNow(b, { do: 'time', at: 0 });
      return [answered?.ok === false && answered.fault, lastStatus(b).clock.at];
    },
    expected: [fault('time-below-floor', { time: '1970-01-01 00:00 UTC', floor: '2026-06-01 00:00 UTC' }), 'unknown'],
  },
  {
    name: 'below the soft floor: it gives way',
    make: () => {
      const b = openBench();
      Object.assign(b.time, { synced: true, wallErrorMs: 30 * dayMs });
      start(b);
      pass(b, 2 * minuteMs);
      Object.assign(b.time, { synced: false, wallErrorMs: 0 });
      start(b);
      return b;
    },
    play: (b) => {
      const before = lastStatus(b).clock.at;
      return [before, say(b, { do: 'time', at: noon }), lastStatus(b).clock.at, b.state.counters.softFloor - noon];
    },
    expected: ['unknown', 'ok', 'known', 0],
  },
  {
    name: 'locked by policy',
    make: locked,
    play: (b) => [say(b, { do: 'time', at: noon + dayMs }), b.effects.some((each) => each.do === 'set-clock')],
    expected: ['setting-locked', false],
  },
  {
    name: 'a server in contact is asked at once, and its word counts',
    make: openRegistered,
    play: (b) => {
      say(b, { do: 'time', at: noon + 300 * dayMs });
      const during = lastStatus(b).clock.now - noon > 299 * dayMs;
      pass(b, 1000);
      return [during, Math.abs(lastStatus(b).clock.now - noon) < minuteMs];
    },
    expected: [true, true],
  },
  {
    name: 'set while away from the server, it is corrected by the next check-in',
    make: () => {
      const b = openRegistered();
      loseConnection(b);
      Object.assign(b.server.state, { mqttBlocked: true });
      return b;
    },
    play: (b) => {
      say(b, { do: 'time', at: noon + 300 * dayMs });
      pass(b, 30 * minuteMs);
      return Math.abs(lastStatus(b).clock.now - noon) < dayMs;
    },
    expected: true,
  },
];
table('time', timeRows, ({ make, play, expected }) => assert.equal(play(make()), expected));

test('effective value: locked policy, else local, else policy (every combination; 10^4 runs)', () => {
  const bench = openManaged(settingsWith([]));
  const { durable, held } = bench.state;
  const { policy } = held;
  if (!policy) throw new Error('no policy');
  const text = fc.option(fc.constantFrom('a.example', 'b.example'));
  const name = fc.constantFrom('logServer', 'rdp', 'broker');
  fc.assert(
    fc.property(name, fc.boolean(), fc.boolean(), text, text, (setting, managed, enforced, pushed, local) => {
      const settings = settingsWith([], { [setting]: { enforced, value: pushed } } as Partial<PolicySettings>);
      const device = held.device && { ...held.device, device: { ...held.device.device, managed } };
      const now = { device, policy: { ...policy, policy: { ...policy.policy, settings } } };
      const own = { ...durable, settings: { ...durable.settings, [setting]: local } };
      const isIt = managed && enforced;
      assert.is(isLocked(own, now, setting), isIt);
      const value = isIt ? pushed : (local ?? pushed);
      const source = value === null ? 'none' : !isIt && local !== null ? 'local' : 'policy';
      assert.equal(settingsOf(own, now)[setting], { value, source, locked: isIt });
    }),
    { numRuns: 10_000 },
  );
});
