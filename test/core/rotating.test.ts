/** Rotation statements: which chains count, and what a device makes of them (B4, F7, F22). */
import fc from 'fast-check';
import { step } from '../../agent/core/agent.ts';
import { judgeRotations, type Standing } from '../../agent/core/rotating.ts';
import { audienceOf } from '../../agent/core/state.ts';
import { dayMs, instant, minuteMs, toNumericDate } from '../../protocol/time.ts';
import { base64, print, serverCertificates } from '../fakes/administration.ts';
import {
  askNow,
  type Bench,
  lastStatus,
  noon,
  nowOf,
  openMissing,
  openRegistered,
  pass,
  send,
  start,
} from '../fakes/agent.ts';
import { issue } from '../fakes/issue.ts';
import { assert, table, test } from '../harness.ts';

const yearMs = 365 * dayMs;
const [one, two, three, four] = serverCertificates;

const bench = openMissing(1, 2, 3);
const { server } = bench;
const audience = audienceOf(bench.state.durable);
if (!audience) throw new Error('not registered');
const standing: Standing = {
  audience,
  current: print(one),
  clock: { at: 'known', now: noon, floor: noon },
  blocklist: [],
  highest: 0,
};
const link = (seq: number, more: object = {}): string => server.sign('rotation', server.rotation(seq, more));
const [first, second, third] = [link(1), link(2), link(3)];
const whole: readonly string[] = [first, second, third];
const authority = issue({ cn: 'an authority', ca: true });
const days = (count: number) => ({ iat: toNumericDate(instant(noon - count * dayMs)) });
const many = (count: number): readonly string[] => Array.from({ length: count }, () => first);

const rows: readonly {
  readonly name: string;
  readonly statements?: readonly string[];
  readonly presented?: string;
  readonly standing?: Partial<Standing>;
  readonly expected: string;
}[] = [
  { name: 'three changes that were missed', expected: '3' },
  { name: 'one change', statements: whole.slice(0, 1), presented: base64(two), expected: '1' },
  { name: 'from the middle', statements: whole.slice(1), standing: { current: print(two) }, expected: '2' },
  { name: 'old links before a new one', statements: [link(1, days(900)), link(2, days(400)), link(3)], expected: '3' },
  { name: 'on the last day of the newest', statements: [link(1), link(2), link(3, days(30))], expected: '3' },
  { name: 'nothing', statements: [], expected: 'rotation-broken' },
  { name: 'nothing, and the certificate we hold', statements: [], presented: base64(one), expected: 'rotation-broken' },
  { name: 'the first link is missing', statements: whole.slice(1), expected: 'rotation-broken' },
  { name: 'a link in the middle is missing', statements: [first, third], expected: 'rotation-broken' },
  { name: 'the last link is missing', statements: whole.slice(0, 2), expected: 'rotation-broken' },
  { name: 'backwards', statements: whole.toReversed(), expected: 'rotation-broken' },
  { name: 'the same link twice', statements: [first, ...whole], expected: 'rotation-broken' },
  { name: 'numbers that fall', statements: [link(1), link(2, { seq: 1 }), link(3)], expected: 'rotation-broken' },
  { name: 'numbers that jump', statements: [link(1), link(2, { seq: 7 }), link(3, { seq: 9 })], expected: '3' },
  {
    name: 'a loop back to where it began, and on',
    statements: [
      link(1),
      link(2, { to: base64(one) }),
      link(3, { from: print(one), to: base64(two) }),
      link(3, { seq: 4, from: print(two) }),
    ],
    expected: 'rotation-broken',
  },
  {
    name: 'past the certificate that was presented',
    presented: base64(three),
    expected: 'rotation-broken',
  },
  {
    name: 'a genuine chain, and the certificate of somebody else',
    presented: base64(issue({ cn: 'one' })),
    expected: 'rotation-broken',
  },
  {
    name: 'an older chain again, ending where the server was before',
    statements: [link(1, days(40)), link(2, days(31))],
    presented: base64(three),
    expected: 'rotation-stale',
  },
  { name: 'a newest link too old', statements: [link(1), link(2), link(3, days(31))], expected: 'rotation-stale' },
  {
    name: 'a newest link of the day after tomorrow',
    statements: [link(1), link(2), link(3, days(-2))],
    expected: 'from-the-future',
  },
  { name: 'older than one followed before', standing: { highest: Number.MAX_SAFE_INTEGER }, expected: 'replayed' },
  {
    name: 'signed by a stranger in the middle',
    statements: [link(1), server.sign('rotation', server.rotation(2), server.keys.stranger), link(3)],
    expected: 'unknown-key',
  },
  {
    name: 'a policy in the place of a link',
    statements: [server.sign('policy', server.rotation(1)), link(2), link(3)],
    expected: 'wrong-type',
  },
  {
    name: 'of another server with the same key',
    statements: [link(1, { aud: '8e9f1a80-1111-4111-8111-111111111111/server' }), link(2), link(3)],
    expected: 'wrong-audience',
  },
  {
    name: 'said to this device alone',
    statements: [link(1, { aud: `${audience.serverId}/device/${audience.deviceId}` }), link(2), link(3)],
    expected: 'wrong-audience',
  },
  {
    name: 'something in it that must be understood',
    statements: [link(1, { critical: ['until'] }), link(2), link(3)],
    expected: 'unknown-critical',
  },
  { name: 'a later format', statements: [link(1, { format: 2 }), link(2), link(3)], expected: 'unknown-version' },
  {
    name: 'no certificate in a link',
    statements: [link(1, { to: 'AAAA' }), link(2), link(3)],
    expected: 'certificate-unreadable',
  },
  {
    name: 'to an authority',
    statements: [link(1), link(2), link(3, { to: base64(authority) })],
    presented: base64(authority),
    expected: 'certificate-wrong-kind',
  },
  { name: 'the last one is blocked', standing: { blocklist: [print(four)] }, expected: 'blocklisted' },
  { name: 'one on the way is blocked', standing: { blocklist: [print(two)] }, expected: 'blocklisted' },
  { name: 'the one we hold is blocked', standing: { blocklist: [print(one)] }, expected: '3' },
  { name: 'more than 64 links', statements: many(65), expected: 'too-large' },
  {
    name: 'a clock that is unknown',
    standing: { clock: { at: 'unknown', now: noon, floor: noon } },
    expected: 'clock-unknown',
  },
];

table('judgeRotations', rows, (row) => {
  const judged = judgeRotations(row.statements ?? whole, row.presented ?? base64(four), {
    ...standing,
    ...row.standing,
  });
  assert.is(judged.ok ? String(judged.value.links) : judged.fault.code, row.expected);
});

// Bounds: up to 3 statements of 6 genuine and 5 foreign ones, in any order, cut, repeated, with one character changed.
test('nothing but an unbroken genuine chain is followed (10⁴ runs)', () => {
  const foreign = [
    link(3, days(31)),
    server.sign('rotation', server.rotation(1), server.keys.stranger),
    link(2, { from: print(one), to: base64(issue({ cn: 'another' })) }),
    link(1, { aud: 'x/server' }),
    '..',
  ];
  const pool = [...whole, ...whole, ...foreign];
  const statement = fc.tuple(fc.nat(pool.length - 1), fc.option(fc.nat(2000), { nil: null, freq: 5 }));
  // One in ten is the whole chain from where the device stands, so that those are counted on and not hoped for.
  const genuineFrom = fc
    .nat(2)
    .map((from) => [[0, 1, 2].slice(from).map((at) => [at, null] as const), from, 3] as const);
  const cases = fc.oneof(
    { weight: 9, arbitrary: fc.tuple(fc.array(statement, { maxLength: 3 }), fc.nat(3), fc.nat(3)) },
    { weight: 1, arbitrary: genuineFrom },
  );
  let followed = 0;
  fc.assert(
    fc.property(cases, ([drawn, held, shown]) => {
      const statements = drawn.map(([at, place]) => {
        const jws = pool[at] ?? '';
        if (place === null) return jws;
        const where = place % jws.length;
        return `${jws.slice(0, where)}${jws[where] === 'A' ? 'B' : 'A'}${jws.slice(where + 1)}`;
      });
      const judged = judgeRotations(statements, base64(serverCertificates[shown]), {
        ...standing,
        current: print(serverCertificates[held]),
      });
      const genuine = whole.slice(held, shown);
      const same = genuine.length > 0 && JSON.stringify(statements) === JSON.stringify(genuine);
      if (same) followed += 1;
      assert.is(judged.ok, same, JSON.stringify([drawn, held, shown]));
    }),
    { numRuns: 10_000 },
  );
  assert.ok(followed > 500, `${followed} good chains`);
});

// Bounds: answers of up to 300 characters, and answers that are right but for one replaced byte.
test('an answer of any bytes is refused, and the code asked for (10⁴ runs)', () => {
  const waiting = openMissing(1);
  waiting.instead = (effect) => (effect.do === 'fetch-rotations' ? [] : null);
  pass(waiting, minuteMs);
  const { state } = waiting;
  const right = JSON.stringify({ format: 1, statements: waiting.server.rotationsFrom(print(one)) });
  const broken = fc.tuple(fc.nat(right.length - 1), fc.integer({ min: 0, max: 255 })).map(([at, byte]) => {
    const bytes = Buffer.from(right);
    bytes[at] = bytes[at] === byte ? byte ^ 1 : byte;
    return new Uint8Array(bytes);
  });
  const anything = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.json().map((text) => new Uint8Array(Buffer.from(text))),
    broken,
  );
  fc.assert(
    fc.property(anything, (bytes) => {
      const { effects, state: after } = step(state, { type: 'rotations-fetched', bytes, now: nowOf(waiting) });
      assert.ok(
        effects.some((effect) => effect.do === 'persist'),
        'no request for a code',
      );
      assert.is(after.pending?.durable.pins?.current.der, base64(one));
    }),
    { numRuns: 10_000 },
  );
});

const eventsOf = ({ spool, server: { state } }: Bench): readonly string[] =>
  [...state.events.values(), ...spool.values()].map(({ event, facts }) =>
    'code' in facts ? `${event} ${facts['code']}` : event,
  );
const fetched = ({ effects }: Bench): number => effects.filter((effect) => effect.do === 'fetch-rotations').length;

test('a device that was off for years follows three changes without a code', () => {
  const away = openMissing(1, 2, 3);
  away.time.uptimeMs += 3 * yearMs;
  start(away);
  pass(away, minuteMs);
  const { link, replacement, certificates } = lastStatus(away);
  assert.equal([link.at, replacement, fetched(away)], ['connected', null, 1]);
  assert.equal(
    certificates.map(({ fingerprint, source }) => `${source} ${fingerprint}`),
    [`policy ${print(four)}`],
  );
  const told = [...away.server.state.events.values()].find(({ event }) => event === 'server-certificate-followed');
  assert.equal(told?.facts, { fingerprint: print(four), links: 3 });
});

test('the code that was asked for before is not needed any more', () => {
  const away = openMissing(1);
  away.server.state.changes.pop();
  pass(away, minuteMs);
  assert.is(lastStatus(away).replacement === null, false);
  away.server.state.changes.push({ from: 0, to: 1 });
  pass(away, 20 * minuteMs);
  assert.equal([lastStatus(away).link.at, lastStatus(away).replacement], ['connected', null]);
});

const falls: readonly {
  readonly name: string;
  readonly spoil: (bench: Bench) => void;
  readonly refused: string | null;
  readonly asks: number;
}[] = [
  {
    name: 'a broken chain',
    spoil: ({ server: { state } }) => void state.changes.splice(1, 1),
    refused: 'rotation-broken',
    asks: 1,
  },
  {
    name: 'no answer',
    spoil: (away) => {
      away.instead = (effect) =>
        effect.do === 'fetch-rotations'
          ? [{ type: 'call-failed', call: effect.do, fault: { code: 'timed-out', kind: 'unavailable', facts: {} } }]
          : null;
    },
    refused: null,
    asks: 1,
  },
  {
    name: 'a hostile server with genuine statements of ours, seen before',
    spoil: (away) => {
      const statements = away.server.rotationsFrom(print(one));
      const hostile = base64(issue({ cn: 'one', ips: [Buffer.from([127, 0, 0, 1])] }));
      away.instead = (effect) => {
        if (effect.do === 'fetch-rotations')
          return [{ type: 'rotations-fetched', bytes: Buffer.from(JSON.stringify({ format: 1, statements })) }];
        return effect.do === 'connect' || effect.do === 'checkin' ? [{ type: 'presented', der: hostile }] : null;
      };
    },
    refused: 'rotation-broken',
    asks: 1,
  },
  {
    name: 'the last policy did not allow it',
    spoil: (away) => {
      const { server: own } = away;
      const jws = own.sign(
        'policy',
        own.policyOf(own.unassigned, { rotation: { allowed: false }, server: { main: base64(one), reserve: null } }),
      );
      Object.assign(own.state, { main: 0 });
      pass(away, minuteMs);
      send(away, own.deliverRaw(`thintrust/v1/group/${own.unassigned.id}/policy`, jws));
      Object.assign(own.state, { main: 3 });
      start(away);
    },
    refused: null,
    asks: 0,
  },
];
table('falls back to the code, after one question at most', falls, ({ spoil, refused, asks }) => {
  const away = openMissing(1, 2, 3);
  const before = fetched(away);
  spoil(away);
  pass(away, 5 * minuteMs);
  assert.is(fetched(away) - before, asks);
  assert.is(away.state.durable.requests.length, 1);
  assert.is(away.state.durable.pins?.current.der, base64(one));
  assert.is(lastStatus(away).replacement === null, false);
  assert.equal(
    eventsOf(away).filter((each) => each.startsWith('document-refused')),
    refused === null ? [] : [`document-refused ${refused}`],
  );
});

test('the code still opens the way where the chain is broken', () => {
  const away = openMissing(1, 2, 3);
  away.server.state.changes.splice(1, 1);
  pass(away, minuteMs);
  const shown = lastStatus(away).replacement?.confirmationCode ?? '';
  assert.is(askNow(away, { do: 'code', code: away.server.answerCode(shown) })?.ok, true);
  pass(away, minuteMs);
  assert.is(lastStatus(away).link.at, 'connected');
});

/** Away, with a code asked for since the network gave no statements. */
function withoutNetwork(): Bench {
  const away = openMissing(1, 2, 3);
  away.instead = (effect) =>
    effect.do === 'fetch-rotations'
      ? [{ type: 'call-failed', call: effect.do, fault: { code: 'timed-out', kind: 'unavailable', facts: {} } }]
      : null;
  pass(away, minuteMs);
  return away;
}
const sticks: readonly { readonly name: string; readonly act: (bench: Bench) => Bench; readonly expected: string }[] = [
  { name: 'for this device', act: (away) => away, expected: 'followed' },
  {
    name: 'for devices of before too',
    act: (away) => {
      const { changes } = away.server.state;
      changes.unshift({ from: 3, to: 0 });
      return away;
    },
    expected: 'followed',
  },
  {
    name: 'nothing is asked for',
    act: () => {
      const away = openMissing(1, 2, 3);
      away.server.state.reachable = false;
      return away;
    },
    expected: 'code-not-asked',
  },
  {
    name: 'a link is missing',
    act: (away) => {
      away.server.state.changes.splice(1, 1);
      return away;
    },
    expected: 'rotation-broken',
  },
  {
    name: 'the policy does not allow it',
    act: (away) => {
      const { policy } = away.state.held;
      if (policy) {
        const { rotation: _, ...rest } = policy.policy;
        away.state = { ...away.state, held: { ...away.state.held, policy: { ...policy, policy: rest } } };
      }
      return away;
    },
    expected: 'not-allowed',
  },
];
table('statements from a stick', sticks, ({ act, expected }) => {
  const away = act(withoutNetwork());
  const statements = away.server.state.changes.map((_, index) =>
    away.server.sign('rotation', away.server.rotation(index + 1)),
  );
  const answer = askNow(away, { do: 'follow', statements });
  assert.is(answer?.ok ? 'followed' : answer?.fault.code, expected);
  const done = expected === 'followed';
  assert.is(away.state.durable.pins?.current.der, base64(done ? four : one));
  pass(away, minuteMs);
  assert.is(lastStatus(away).link.at === 'connected', done);
});

test('a clock that is unknown asks for nothing', () => {
  const away = openMissing(1);
  away.time.wallErrorMs = -noon;
  start(away);
  pass(away, 5 * minuteMs);
  assert.equal([fetched(away), away.state.durable.requests.length], [0, 0]);
});

test('ever other strangers are asked about eight times in ten minutes, one and the same once', () => {
  const away = openRegistered();
  away.server.state.rotation = true;
  send(away, ...away.server.publishPolicies());
  const strangers = Array.from({ length: 12 }, (_, index) => base64(issue({ cn: `stranger ${index}` })));
  away.server.state.reachable = false;
  away.instead = (effect) =>
    effect.do === 'connect'
      ? [
          {
            type: 'closed',
            connection: effect.connection,
            fault: { code: 'timed-out', kind: 'unavailable', facts: {} },
          },
        ]
      : null;
  const show = (der: string): void => {
    const connection = 99 + away.effects.length;
    const link = { at: 'connecting' as const, since: noon, attempt: 0, connection };
    away.state = { ...away.state, link };
    send(away, { type: 'presented', der });
  };
  for (const der of strangers.slice(0, 3)) {
    show(der);
    show(der);
  }
  assert.is(fetched(away), 3);
  for (const der of strangers) show(der);
  assert.is(fetched(away), 8);
  away.time.uptimeMs += 11 * minuteMs;
  show(strangers[0] ?? '');
  assert.is(fetched(away), 9);
});
