/** Repair files: every way one is refused, what one does, and that nothing but the right signature does it (B5, F8, F39). */
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { judgeRepair, openRepair, type RepairRules } from '../../agent/core/repair.ts';
import { fromBase64 } from '../../protocol/certificate.ts';
import { faultKinds } from '../../protocol/fault.ts';
import { maxRepairBytes } from '../../protocol/limits.ts';
import type { RepairView } from '../../protocol/local.ts';
import { dayMs, instant, toNumericDate } from '../../protocol/time.ts';
import { check } from '../../protocol/validate.ts';
import { makeSigningKey, signDocument } from '../../server/edge/sign.ts';
import { base64, print, serverCertificates } from '../fakes/administration.ts';
import {
  askNow,
  type Bench,
  built,
  elsewhere,
  lastStatus,
  loseConnection,
  nowOf,
  openAsking,
  openBench,
  openRegistered,
  pass,
  send,
  start,
} from '../fakes/agent.ts';
import { issue, rsaKey } from '../fakes/issue.ts';
import { assert, table, test } from '../harness.ts';

/** The device is away and knows nobody the server is now. */
function stranded(): Bench {
  const bench = openAsking();
  bench.server.state.reserve = { index: 2, activateAt: nowOf(bench).wall + dayMs };
  return bench;
}
const check1 = (bench: Bench, jws: string) => askNow(bench, { do: 'check-repair', jws });
const codeOf = (result: ReturnType<typeof askNow>): string => (result?.ok ? 'ok' : (result?.fault.code ?? 'nothing'));
const apply = (bench: Bench, jws: string): string => {
  const looked = check1(bench, jws);
  if (!looked?.ok || !looked.value || !('signedAt' in looked.value)) return codeOf(looked);
  return codeOf(askNow(bench, { do: 'repair', jws, rev: looked.value.rev }));
};
const seconds = (bench: Bench): number => toNumericDate(nowOf(bench).wall);
const weak = base64(issue({ cn: 'weak', key: rsaKey(1024) }));
const authority = base64(issue({ cn: 'an authority', ca: true }));
const gone = base64(issue({ cn: 'gone', to: '2026-01-02T00:00:00Z' }));
const coming = base64(issue({ cn: 'coming', from: '2027-01-01T00:00:00Z' }));
const pinsOf = (main: string) => ({ pins: { main, reserve: null } });
const twist = (jws: string): string => jws.replace(/\.(.)/, (_, first) => (first === 'e' ? '.f' : '.e'));

const rows: readonly { name: string; file: (bench: Bench) => string; expected: string }[] = [
  { name: 'by the recovery key', file: ({ server }) => server.repairFile(), expected: 'ok' },
  {
    name: 'by the policy key',
    file: ({ server }) => server.repairFile({}, server.keys.policy),
    expected: 'ok',
  },
  { name: 'unknown fields are ignored', file: ({ server }) => server.repairFile({ later: 1 }), expected: 'ok' },
  {
    name: 'unless critical',
    file: ({ server }) => server.repairFile({ later: 1, critical: ['later'] }),
    expected: 'unknown-critical',
  },
  { name: 'no file at all', file: () => '', expected: 'bad-shape' },
  { name: 'no signature', file: ({ server }) => server.repairFile().replace(/\.[^.]*$/, '.'), expected: 'bad-shape' },
  { name: 'changed after it was signed', file: ({ server }) => twist(server.repairFile()), expected: 'bad-signature' },
  {
    name: 'by another key',
    file: ({ server }) => server.repairFile({}, server.keys.stranger),
    expected: 'unknown-key',
  },
  {
    name: 'by another key under the name of ours',
    file: ({ server: { serverId, keys, repairFile } }) =>
      signDocument('repair', keys.stranger.keyPkcs8, keys.recovery.publicKey, {
        ...JSON.parse(`${Buffer.from(repairFile().split('.')[1] ?? '', 'base64url')}`),
        aud: `${serverId}/repair`,
      }),
    expected: 'bad-signature',
  },
  {
    name: 'a policy of ours that calls itself one',
    file: ({ server }) => server.sign('policy', server.policyOf(server.unassigned)),
    expected: 'wrong-type',
  },
  {
    name: 'of another server',
    file: ({ server }) => server.repairFile({ aud: `${randomUUID()}/repair` }),
    expected: 'wrong-audience',
  },
  {
    name: 'for one device',
    file: ({ server }) => server.repairFile({ aud: `${server.serverId}/device/${server.device.id}` }),
    expected: 'wrong-audience',
  },
  {
    name: 'of a later format',
    file: ({ server }) => server.repairFile({ format: 2 }),
    expected: 'unknown-version',
  },
  { name: 'a field is missing', file: ({ server }) => server.repairFile({ pins: undefined }), expected: 'bad-shape' },
  {
    name: 'out of date by a second',
    file: (bench) => bench.server.repairFile({ refreshBefore: seconds(bench) - 1 }),
    expected: 'repair-stale',
  },
  {
    name: 'on its last day',
    file: (bench) => bench.server.repairFile({ refreshBefore: seconds(bench) + 1 }),
    expected: 'ok',
  },
  {
    name: 'signed days ahead of a known clock',
    file: (bench) => bench.server.repairFile({ iat: seconds(bench) + 2 * 86400 }),
    expected: 'from-the-future',
  },
  {
    name: 'a certificate that cannot be read',
    file: ({ server }) => server.repairFile(pinsOf('AAAA')),
    expected: 'certificate-unreadable',
  },
  { name: 'a weak one', file: ({ server }) => server.repairFile(pinsOf(weak)), expected: 'certificate-weak-key' },
  {
    name: 'an authority',
    file: ({ server }) => server.repairFile(pinsOf(authority)),
    expected: 'certificate-wrong-kind',
  },
  { name: 'one that has expired', file: ({ server }) => server.repairFile(pinsOf(gone)), expected: 'expired' },
  {
    name: 'one that is not valid yet',
    file: ({ server }) => server.repairFile(pinsOf(coming)),
    expected: 'not-yet-valid',
  },
  {
    name: 'a time, by the policy key',
    file: (bench) => bench.server.repairFile({ time: nowOf(bench).wall }, bench.server.keys.policy),
    expected: 'not-allowed',
  },
  {
    name: 'another policy key, by the policy key',
    file: ({ server }) => server.repairFile({ policyKeys: [makeSigningKey().publicKey] }, server.keys.policy),
    expected: 'not-allowed',
  },
  {
    name: 'larger than a repair file is',
    file: ({ server }) => server.repairFile({ padding: 'x'.repeat(maxRepairBytes) }),
    expected: 'too-large',
  },
];

table('a file at a stranded device', rows, ({ file, expected }) => {
  const bench = stranded();
  const jws = file(bench);
  const before = bench.state;
  const looked = check1(bench, jws);
  assert.is(codeOf(looked), expected);
  if (looked?.ok) assert.ok(check('repairView', looked.value).ok);
  assert.equal(bench.state.durable, before.durable, 'looking changes nothing');
  assert.is(bench.state.counters.hardFloor, before.counters.hardFloor);
  assert.is(apply(bench, jws), expected);
  if (expected === 'ok') return;
  assert.equal(bench.state.durable, before.durable);
  assert.equal(bench.state.counters.highest, before.counters.highest);
  const refused = [...bench.spool.values()].filter(({ event }) => event === 'request-refused');
  assert.equal([...new Set(refused.map(({ facts }) => facts['code']))], [expected], 'it is on record');
});

const byBoth = ['recovery', 'policy'] as const;
table(
  'applied: pins, addresses, code, record, and the connection it leads to',
  byBoth.map((by) => ({ name: by, by })),
  ({ by }) => {
    const bench = stranded();
    const { server } = bench;
    assert.ok(lastStatus(bench).replacement);
    const jws = server.repairFile({ addresses: elsewhere }, server.keys[by]);
    const view = check1(bench, jws);
    assert.ok(view?.ok && view.value && 'by' in view.value && 'signedAt' in view.value);
    const shown = (view as { value: RepairView }).value;
    assert.equal(
      [shown.by, shown.https, shown.certificate.fingerprint, shown.time],
      [by, elsewhere.https, print(serverCertificates[3]), null],
    );
    assert.is(apply(bench, jws), 'ok');
    const { durable } = bench.state;
    assert.equal(
      [durable.pins?.current.der, durable.pins?.reserve?.der, durable.pins?.previous, durable.pins?.current.source],
      [base64(serverCertificates[3]), base64(serverCertificates[2]), null, 'policy'],
    );
    assert.equal(durable.requests, []);
    const status = lastStatus(bench);
    assert.is(status.replacement, null);
    assert.equal(status.server, elsewhere);
    const told = [...bench.spool.values()].filter(({ event }) => event === 'repaired');
    assert.equal(
      told.map(({ facts }) => [facts['fingerprint'], facts['by']]),
      [[print(serverCertificates[3]), by]],
    );
    pass(bench, 3000);
    assert.is(bench.state.link.at, 'connected');
    const connect = bench.effects.findLast((effect) => effect.do === 'connect');
    assert.is(connect?.do === 'connect' && connect.address, elsewhere.mqtt);
    // The server itself speaks again: from then on its own word counts.
    send(bench, ...server.publishPolicies());
    assert.is(lastStatus(bench).server?.https, '127.0.0.1:443');
    assert.is(bench.state.durable.repaired?.addresses, null);
  },
);

test('used once: the same file again, an older one, and both after a restart and after a reset', () => {
  const bench = stranded();
  const { server } = bench;
  const [older, file] = [server.repairFile(), server.repairFile()];
  assert.is(apply(bench, file), 'ok');
  const refused = (): readonly string[] => [apply(bench, file), apply(bench, older)];
  assert.equal(refused(), ['repair-used', 'repair-used']);
  start(bench);
  assert.equal(refused(), ['repair-used', 'repair-used']);
  assert.is(codeOf(askNow(bench, { do: 'reset' })), 'ok');
  assert.equal(refused(), ['not-registered', 'not-registered']);
  assert.is(bench.state.durable.repaired?.addresses, null, 'where the server was is forgotten');
  assert.ok(bench.state.durable.repaired);
  assert.is(openRepair(file, rulesOf(bench, server)).ok, false);
});

test('on an older generation, after a damaged one, the same file is good again and an older one is not', () => {
  const bench = stranded();
  const { server, objects } = bench;
  const [older, file] = [server.repairFile(), server.repairFile()];
  assert.is(apply(bench, file), 'ok');
  bench.objects = objects;
  start(bench);
  assert.is(bench.state.durable.repaired, null);
  assert.is(apply(bench, older), 'repair-used');
  assert.is(apply(bench, file), 'ok');
});

test('another file than the one that was looked at is not applied', () => {
  const bench = stranded();
  const [looked, swapped] = [bench.server.repairFile(), bench.server.repairFile()];
  const view = check1(bench, looked);
  const rev = view?.ok && view.value && 'signedAt' in view.value ? view.value.rev : 0;
  assert.is(codeOf(askNow(bench, { do: 'repair', jws: swapped, rev })), 'bad-argument');
  assert.is(codeOf(askNow(bench, { do: 'repair', jws: looked, rev })), 'ok');
});

test('a certificate that the policy blocks is no way back, neither as the main one nor as the reserve', () => {
  const bench = openRegistered();
  const { server } = bench;
  server.state.blocklist = [print(serverCertificates[3])];
  send(bench, ...server.publishPolicies());
  loseConnection(bench);
  server.state.main = 3;
  assert.is(apply(bench, server.repairFile()), 'blocklisted');
  Object.assign(server.state, { main: 1, reserve: { index: 3, activateAt: 0 } });
  assert.is(apply(bench, server.repairFile()), 'blocklisted');
  server.state.reserve = null;
  assert.is(apply(bench, server.repairFile()), 'ok');
});

test('a device that nobody registered knows no key', () => {
  const bench = openBench();
  start(bench);
  assert.is(apply(bench, bench.server.repairFile()), 'not-registered');
});

test('a file that could not be made durable is good again', () => {
  const bench = stranded();
  const file = bench.server.repairFile();
  const full = { code: 'disk-full', kind: 'unavailable', facts: {} } as const;
  bench.instead = (effect) =>
    effect.do === 'persist' ? [{ type: 'persist-failed', number: effect.number, fault: full }] : null;
  assert.is(apply(bench, file), 'disk-full');
  assert.is(bench.state.durable.repaired, null);
  bench.instead = () => null;
  assert.is(apply(bench, file), 'ok');
});

test('the recovery key names another policy key, and its policies count beside those of the old one', () => {
  const bench = stranded();
  const { server } = bench;
  const next = makeSigningKey();
  assert.is(apply(bench, server.repairFile({ policyKeys: [next.publicKey] })), 'ok');
  pass(bench, 3000);
  const { registration } = bench.state.durable;
  assert.is(registration.at === 'registered' && registration.policyKeys.length, 2);
  const topic = `thintrust/v1/group/${server.unassigned.id}/policy`;
  for (const key of [next, server.keys.policy]) {
    const policy = server.policyOf(server.unassigned);
    send(bench, server.deliverRaw(topic, server.sign('policy', policy, key)));
    assert.is(bench.state.held.policy?.policy.rev, policy.rev);
  }
});

test('a file that brings keys has all key statements taken again: it may be older than a revocation', () => {
  const bench = stranded();
  const { server } = bench;
  const statements = `${server.serverId}/keys`;
  const held = { ...bench.state.counters, highest: { ...bench.state.counters.highest, [statements]: 7 } };
  bench.state = { ...bench.state, counters: held };
  assert.is(apply(bench, server.repairFile({ rev: 1, policyKeys: [makeSigningKey().publicKey] })), 'ok');
  assert.is(bench.state.counters.highest[statements], undefined);
  const plain = stranded();
  plain.state = { ...plain.state, counters: { ...held, highest: { [`${plain.server.serverId}/keys`]: 7 } } };
  assert.is(apply(plain, plain.server.repairFile()), 'ok');
  assert.is(plain.state.counters.highest[`${plain.server.serverId}/keys`], 7);
});

const floor = (bench: Bench): number => bench.state.counters.hardFloor;
const wrong = Date.parse('2036-01-01T00:00:00Z');
/** A server that was wrong about the year has signed a policy. */
function inTheFuture(): Bench {
  const bench = openRegistered();
  const { server } = bench;
  const iat = Math.floor(wrong / 1000);
  bench.time.wallErrorMs = wrong - nowOf(bench).wall;
  const policy = server.policyOf(server.unassigned, { iat, refreshBefore: iat + 86400 });
  send(bench, server.deliverRaw(`thintrust/v1/group/${server.unassigned.id}/policy`, server.sign('policy', policy)));
  bench.time.wallErrorMs = 0;
  start(bench);
  if (floor(bench) !== wrong || lastStatus(bench).clock.at !== 'unknown') throw new Error('the floor is right');
  return bench;
}
const times: readonly {
  name: string;
  make: () => Bench;
  file: (bench: Bench) => string;
  expected: string;
  floor: (bench: Bench) => number;
}[] = [
  {
    name: 'without a time the floor rises to when it was signed',
    make: stranded,
    file: ({ server }) => server.repairFile(),
    expected: 'ok',
    floor: (bench) => seconds(bench) * 1000,
  },
  {
    name: 'a time raises it',
    make: stranded,
    file: (bench) => bench.server.repairFile({ time: nowOf(bench).wall + 5000 }),
    expected: 'ok',
    floor: (bench) => nowOf(bench).wall + 5000,
  },
  {
    name: 'a time lowers one that is wrong, and the clock is known',
    make: inTheFuture,
    file: (bench) => bench.server.repairFile({ time: seconds(bench) * 1000 }),
    expected: 'ok',
    floor: (bench) => seconds(bench) * 1000,
  },
  {
    name: 'a time below its own signing is when it was signed',
    make: inTheFuture,
    file: ({ server }) => server.repairFile({ time: 0 }),
    expected: 'ok',
    floor: (bench) => seconds(bench) * 1000,
  },
  {
    name: 'without a time a floor ahead of its days makes it out of date',
    make: inTheFuture,
    file: ({ server }) => server.repairFile(),
    expected: 'repair-stale',
    floor: () => wrong,
  },
  {
    name: 'the policy key cannot lower it',
    make: inTheFuture,
    file: (bench) => bench.server.repairFile({ time: nowOf(bench).wall }, bench.server.keys.policy),
    expected: 'not-allowed',
    floor: () => wrong,
  },
  {
    name: 'a known clock holds a file with a time to its days',
    make: stranded,
    file: (bench) => bench.server.repairFile({ time: 0, iat: 0, refreshBefore: seconds(bench) - 1 }),
    expected: 'repair-stale',
    floor: (bench) => floor(stranded()) + 0 * floor(bench),
  },
  {
    name: 'in 1970: it leads back, and the clock stays unknown until the server says the time',
    make: () => {
      const bench = stranded();
      bench.time.wallErrorMs = -nowOf(bench).wall;
      start(bench);
      return bench;
    },
    file: ({ server }) => server.repairFile(),
    expected: 'ok',
    floor: (bench) => Math.floor((nowOf(bench).wall - bench.time.wallErrorMs) / 1000) * 1000,
  },
];
table('the clock', times, ({ make, file, expected, floor: wanted }) => {
  const bench = make();
  const before = lastStatus(bench).clock.at;
  assert.is(apply(bench, file(bench)), expected);
  assert.is(floor(bench), wanted(bench));
  assert.ok(bench.state.counters.softFloor <= Math.max(floor(bench), nowOf(bench).wall));
  if (expected !== 'ok') return;
  const inSeventy = bench.time.wallErrorMs !== 0;
  assert.is(lastStatus(bench).clock.at, inSeventy ? before : 'known');
  start(bench);
  assert.is(floor(bench), wanted(bench), 'and over a restart');
  pass(bench, 3000);
  assert.is(bench.state.link.at, 'connected');
  pass(bench, 20_000);
  assert.is(lastStatus(bench).clock.at, 'known');
});

test('on a stick: the first that holds is offered, none before it is looked at, none once it is used', () => {
  const bench = stranded();
  const { server } = bench;
  const good = server.repairFile();
  const seen = (...repairs: readonly string[]): string | null => {
    send(bench, { type: 'media-seen', repairs: repairs.map((jws, index) => ({ name: `s/${index}`, jws })) });
    return lastStatus(bench).repair;
  };
  const events = bench.spool.size;
  assert.is(seen(server.repairFile({}, server.keys.stranger), 'garbage'), null);
  assert.is(seen('garbage', good), 's/1');
  assert.is(bench.spool.size, events, 'what nobody has asked for is not on record');
  assert.is(seen(), null);
  assert.is(seen(good), 's/0');
  assert.is(apply(bench, good), 'ok');
  assert.is(lastStatus(bench).repair, null);
  assert.is(seen(good), null);
});

const key = makeSigningKey();
const model = (serverId: string) => ({
  aud: `${serverId}/repair`,
  rev: 5,
  iat: toNumericDate(built) + 60,
  refreshBefore: toNumericDate(built) + 86400,
  format: 1,
  pins: { main: base64(serverCertificates[0]), reserve: null },
  addresses: { https: 'a:1', mqtt: 'a:2' },
  time: null,
  policyKeys: [],
});
const rules = (serverId: string): RepairRules => ({
  serverId,
  keys: { recovery: key.publicKey, policy: [] },
  clock: { at: 'known', now: instant(built + 3_600_000), floor: built },
  blocklist: [],
  repaired: null,
  highest: {},
});
const rulesOf = ({ state }: Bench, { serverId, keys }: Bench['server']): RepairRules => ({
  ...rules(serverId),
  keys: { recovery: keys.recovery.publicKey, policy: [keys.policy.publicKey] },
  repaired: state.durable.repaired,
  highest: state.counters.highest,
});
const runs = { numRuns: 10_000 };

test('anything at all in any place of what a key of ours signed (JSON of fast-check’s default depth, 10^4 runs)', () => {
  const id = randomUUID();
  const places = Object.keys(model(id));
  let opened = 0;
  const by = fc.constantFrom('recovery' as const, 'policy' as const);
  fc.assert(
    fc.property(by, fc.nat(20), fc.option(fc.jsonValue(), { nil: undefined, freq: 9 }), (signer, at, value) => {
      const body = { ...model(id), ...(value === undefined ? {} : { [places[at % places.length] ?? 'x']: value }) };
      const result = judgeRepair(Buffer.from(JSON.stringify(body)), signer, rules(id));
      opened += result.ok ? 1 : 0;
      assert.ok(result.ok || result.fault.code in faultKinds);
      if (result.ok) assert.equal(fromBase64(result.value.bundle.pins.main), result.value.main.der);
      if (result.ok && signer === 'policy') assert.is(result.value.time, null);
    }),
    runs,
  );
  assert.ok(opened > 100, `only ${opened} were taken`);
});

test('any text, and a good one with 1 to 4 characters changed, opens only as itself (up to 300 characters, 10^4 runs)', () => {
  const id = randomUUID();
  const token = signDocument('repair', key.keyPkcs8, key.publicKey, model(id));
  const change = fc.record({
    at: fc.nat(token.length - 1),
    to: fc.constantFrom('.', '=', 'A', '_', '', ' ', '\0', 'é'),
  });
  const changed = fc
    .array(change, { minLength: 1, maxLength: 4 })
    .map((changes) => changes.reduce((made, { at, to }) => made.slice(0, at) + to + made.slice(at + 1), token));
  fc.assert(
    fc.property(fc.oneof(changed, fc.string({ maxLength: 300 })), (text) => {
      assert.is(openRepair(text, rules(id)).ok, text === token);
    }),
    runs,
  );
});
